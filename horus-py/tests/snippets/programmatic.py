import subprocess

# Start a companion process from within Python
proc = subprocess.Popen(["horus", "run", "sensor.py"])

# Your main process continues
import horus

def controller_tick(node):
    if node.has_msg("sensor.data"):
        data = node.recv("sensor.data")
        node.send("cmd_vel", horus.CmdVel(linear=data["speed"], angular=0.0))

node = horus.Node("controller", subs=["sensor.data"], pubs=[horus.CmdVel], tick=controller_tick, rate=50)
horus.run(node)
