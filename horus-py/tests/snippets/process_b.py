# process_b.py — subscriber (separate terminal)
import horus

def monitor_tick(node):
    if node.has_msg("sensor.temp"):
        data = node.recv("sensor.temp")
        print(f"Temperature: {data['celsius']}C at {data['location']}")

node = horus.Node("temp_mon", subs=["sensor.temp"], tick=monitor_tick, rate=10)
horus.run(node)
