"""Drives while the way ahead is free for a metre, and says which of both it does."""

import horus
import numpy as np

FREE_M = 1.0
AHEAD_RAD = 0.2


def on_scan(node, scan):
    # Read-only, over the message's own bytes: nothing was copied.
    ranges = scan.ranges
    angles = scan.angle_min + scan.angle_increment * np.arange(len(ranges))
    nearest = float(ranges[np.abs(angles) < AHEAD_RAD].min())
    command = horus.CmdVel(linear=0.5 if nearest > FREE_M else 0.0)
    node.send("cmd_vel", command)
    print(f"{nearest:.1f} m ahead of {scan.frame_id}: {command.linear:.1f} m/s", flush=True)


brake = horus.Node("brake", subs={"scan": (horus.LaserScan, on_scan)}, pubs={"cmd_vel": horus.CmdVel})

if __name__ == "__main__":
    horus.run(brake)
