# What main.py starts beside itself.
import horus

def sensor_tick(node):
    node.send("sensor.data", {"speed": 0.25})

node = horus.Node("sensor", pubs=["sensor.data"], tick=sensor_tick, rate=20)
horus.run(node)
