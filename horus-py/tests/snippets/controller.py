import horus

def control_tick(node):
    if node.has_msg("detections"):
        det = node.recv("detections")
        if det["closest_distance"] < 1.0:
            # Obstacle close — stop
            node.send("cmd_vel", horus.CmdVel(linear=0.0, angular=0.0))
        else:
            # Clear path — drive forward
            node.send("cmd_vel", horus.CmdVel(linear=0.5, angular=0.0))

ctrl = horus.Node("controller", subs=["detections"], pubs=[horus.CmdVel], tick=control_tick, rate=50)
horus.run(ctrl)
