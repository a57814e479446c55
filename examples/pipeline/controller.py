"""Stops the robot before an obstacle and lets it go on when the way is free, fifty times a second."""

import horus

STOP_DISTANCE_M = 1.0
CRUISE_M_S = 0.5


def control_tick(node):
    if node.has_msg("detections"):
        det = node.recv("detections")
        linear = 0.0 if det["closest_distance"] < STOP_DISTANCE_M else CRUISE_M_S
        # The command carries the time of what it answers, so that anyone can tell how old it is.
        node.send("cmd_vel", horus.CmdVel(linear=linear, angular=0.0, timestamp_ns=det["timestamp_ns"]))


ctrl = horus.Node("controller", subs=["detections"], pubs=[horus.CmdVel], tick=control_tick, rate=50)

if __name__ == "__main__":
    horus.run(ctrl)
