"""Compiled nodes beside Python ones: what one language sends is what the other receives."""

import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1]
WATCHDOG_S = 120
ROOT_FILES = {"lock", "joins"}
WHEEL_RADIUS_M = 0.05
ACCELERATION_M_S2 = 2.0


@pytest.fixture
def horus(env):
    """Starts a `horus` command in the examples' folder, killed with the test, or before if that hangs."""
    running = []

    def start(*arguments, cwd=EXAMPLES):
        command = ["horus", *arguments]
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(WATCHDOG_S, process.kill)
        watchdog.start()
        running.append((process, watchdog))
        return process

    yield start
    for process, watchdog in running:
        watchdog.cancel()
        process.kill()
        process.communicate()


def stop(process, number=signal.SIGTERM):
    """Ends a process as asked; its status, and what it still printed."""
    process.send_signal(number)
    out, _ = process.communicate(timeout=WATCHDOG_S)
    return process.returncode, out


def lines(process, until):
    """Reads the lines of `process` up to and with the first for which `until` holds."""
    read = []
    for line in process.stdout:
        read.append(line.rstrip("\n"))
        if until(read[-1]):
            return read
    raise AssertionError(f"it ended before: {read[-20:]}")


def wheel_speeds(echo, until):
    """The wheel speeds that `echo` prints, up to and with the first for which `until` holds; checked as they come."""
    read = lines(echo, lambda line: until(json.loads(line)["data"]))
    speeds = [json.loads(line)["data"] for line in read]
    for before, after in zip(speeds, speeds[1:], strict=False):
        passed_s = (after["timestamp_ns"] - before["timestamp_ns"]) / 1e9
        limit = ACCELERATION_M_S2 / WHEEL_RADIUS_M * passed_s + 1e-3
        assert passed_s > 0
        assert abs(after["left"] - before["left"]) <= limit
    return speeds


def test_horus_run_takes_the_compiled_controller_and_the_command_line_drives_it(shm, horus):
    controller = horus("run", "motor_controller")
    echo = horus("topic", "echo", "wheel_speed", "--json")
    standing = wheel_speeds(echo, lambda speed: True)
    assert (standing[0]["left"], standing[0]["right"]) == (0.0, 0.0)
    # One program takes the place of `horus` itself.
    assert Path(f"/proc/{controller.pid}/exe").resolve().name == "motor_controller"

    commands = horus("topic", "pub", "cmd_vel", "{linear: 0.5, angular: 1.0}", "-r", "50")
    # 0.5 m/s, and 0.15 m between the middle and each wheel.
    moving = wheel_speeds(echo, lambda speed: abs(speed["right"] - 13.0) < 1e-3)
    assert moving[-1]["left"] == pytest.approx(7.0, abs=1e-3)
    stop(commands, signal.SIGINT)
    wheel_speeds(echo, lambda speed: speed["left"] == speed["right"] == 0.0)

    status, _ = stop(controller)
    assert status == 0
    stop(echo, signal.SIGINT)
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_the_python_controller_drives_the_compiled_one(shm, horus):
    nodes = ["camera.py", "detector.py", "controller.py", "motor_controller"]
    echo = horus("topic", "echo", "wheel_speed", "--json")
    pipeline = horus("run", *nodes, cwd=EXAMPLES / "pipeline")
    cruising = 0.5 / WHEEL_RADIUS_M
    for wanted in (cruising, 0.0, cruising):
        speeds = wheel_speeds(echo, lambda speed, wanted=wanted: abs(speed["left"] - wanted) < 1e-3)
        assert all(speed["left"] == speed["right"] for speed in speeds)
    status, _ = stop(pipeline)
    assert status == 0
    stop(echo, signal.SIGINT)
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_python_sees_the_pictures_of_a_compiled_camera(shm, horus):
    both = horus("run", "pattern_camera", "mixed/viewer.py")
    read = lines(both, lambda line: line.startswith("viewer | 61 whole pictures"))
    assert [line.split(";")[0] for line in read] == [
        f"viewer | {count} whole pictures of 640x480 rgb8" for count in (1, 31, 61)
    ]
    status, out = stop(both)
    assert status == 0, out
    assert {path.name for path in shm.iterdir()} == ROOT_FILES
