# process_a.py — publisher
import horus

def publish_tick(node):
    node.send("sensor.temp", {"celsius": 22.5, "location": "motor_1"})

node = horus.Node("temp_pub", pubs=["sensor.temp"], tick=publish_tick, rate=10)
horus.run(node)
