"""Tests of both nodes: python -m unittest"""

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

# A namespace of the tests' own, so that they never drive a real robot. Set before the first topic.
os.environ["HORUS_NAMESPACE"] = f"test-{os.getpid()}"

import horus
import robot

HERE = Path(__file__).parent
# The command of this very environment first.
PLACES = [str(Path(sys.executable).parent), os.environ["PATH"]]
HORUS = shutil.which("horus", path=os.pathsep.join(PLACES))
# Far beyond what an answer takes; only a controller that never answers reaches it.
PATIENCE_S = 60


class RobotTest(unittest.TestCase):
    def test_it_drives_as_it_is_told(self):
        simulated = robot.Robot()
        simulated.command = horus.CmdVel(linear=1.0, angular=0.0)
        simulated.move(0.5)
        self.assertAlmostEqual(simulated.pose.x, 0.5)

    def test_it_tells_its_pose(self):
        poses = horus.Topic("pose", horus.Pose2D)
        poses.recv()  # Subscribes: it gets what is sent from now on.
        horus.run(robot.node(), duration=0.2)
        stamps = [pose.timestamp_ns for pose in iter(poses.recv, None)]
        poses.close()
        self.assertGreater(len(stamps), 0)
        self.assertEqual(stamps, sorted(stamps))


@unittest.skipUnless(shutil.which("cargo"), "no cargo to build the controller with")
class ControllerTest(unittest.TestCase):
    def setUp(self):
        subprocess.run(["cargo", "build", "--quiet"], cwd=HERE, check=True)
        self.commands = horus.Topic("cmd_vel", horus.CmdVel)
        self.commands.recv()
        self.controller = subprocess.Popen([HORUS, "run", "controller"], cwd=HERE)

    def tearDown(self):
        self.controller.terminate()
        self.assertEqual(self.controller.wait(PATIENCE_S), 0, "it ends cleanly")
        self.commands.close()

    def test_it_drives_forward_when_the_goal_lies_ahead(self):
        poses = horus.Topic("pose", horus.Pose2D)
        for _ in range(PATIENCE_S * 10):
            poses.send(horus.Pose2D(x=0.0, y=1.0, theta=0.0))
            if self.commands.wait(0.1):
                break
        poses.close()
        command = self.commands.recv()
        self.assertGreater(command.linear, 0.0)
        self.assertAlmostEqual(command.angular, 0.0)


if __name__ == "__main__":
    unittest.main()
