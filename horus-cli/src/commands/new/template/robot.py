"""A robot on wheels, simulated: it drives as `cmd_vel` says and tells its `pose`."""

import math
import time

import horus

RATE_HZ = 50
# After so long without a command the robot stands: who sent the last one may be dead.
PATIENCE_S = 0.5


class Robot:
    """Where the robot is, and what it was told last."""

    def __init__(self) -> None:
        self.pose = horus.Pose2D()
        self.command = horus.CmdVel()
        self.heard = time.monotonic()

    def move(self, seconds: float) -> None:
        """Drives on for so long, on the curve that the command asks for."""
        self.pose.theta += self.command.angular * seconds
        self.pose.x += self.command.linear * seconds * math.cos(self.pose.theta)
        self.pose.y += self.command.linear * seconds * math.sin(self.pose.theta)

    def tick(self, node: horus.Node) -> None:
        command = node.recv_latest("cmd_vel")
        if command is not None:
            self.command, self.heard = command, time.monotonic()
        elif time.monotonic() - self.heard > PATIENCE_S:
            self.command = horus.CmdVel()
        self.move(1 / RATE_HZ)
        self.pose.timestamp_ns = time.monotonic_ns()
        node.send("pose", self.pose)


def node() -> horus.Node:
    return horus.Node(
        "robot",
        subs={"cmd_vel": horus.CmdVel},
        pubs={"pose": horus.Pose2D},
        tick=Robot().tick,
        rate=RATE_HZ,
    )


if __name__ == "__main__":
    horus.run(node())
