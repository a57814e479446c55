import horus

def tick(node):
    # Process A
    node.send("cmd_vel", horus.CmdVel(linear=1.0, angular=0.5))

horus.run(horus.Node("driver", tick=tick, rate=10))
