"""Compiled nodes beside Python ones: what one language sends is what the other receives."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[1]
ROOT_FILES = {"lock", "joins"}
WHEEL_RADIUS_M = 0.05
ACCELERATION_M_S2 = 2.0


def wheel_speeds(echo, until):
    """The wheel speeds that `echo` prints, up to and with the first for which `until` holds; checked as they come."""
    read = echo.lines(lambda line: until(json.loads(line)["data"]))
    speeds = [json.loads(line)["data"] for line in read]
    for before, after in zip(speeds, speeds[1:], strict=False):
        passed_s = (after["timestamp_ns"] - before["timestamp_ns"]) / 1e9
        limit = ACCELERATION_M_S2 / WHEEL_RADIUS_M * passed_s + 1e-3
        assert passed_s > 0
        assert abs(after["left"] - before["left"]) <= limit
        assert abs(after["right"] - before["right"]) <= limit
    return speeds


def mean_of_picture(number):
    """The mean of all bytes of the compiled camera's picture of that number."""
    red, green = ((np.arange(size) + number).astype(np.uint8).mean() for size in (640, 480))
    return float(red + green + number) / 3.0


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
    commands.stop(signal.SIGINT)
    wheel_speeds(echo, lambda speed: speed["left"] == speed["right"] == 0.0)

    assert controller.stop() == 0
    echo.stop(signal.SIGINT)
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_the_python_controller_drives_the_compiled_one(shm, horus):
    nodes = ["camera.py", "detector.py", "controller.py", "motor_controller"]
    echo = horus("topic", "echo", "wheel_speed", "--json")
    pipeline = horus("run", *nodes, cwd=EXAMPLES / "pipeline")
    cruising = 0.5 / WHEEL_RADIUS_M
    for wanted in (cruising, 0.0, cruising):
        speeds = wheel_speeds(echo, lambda speed, wanted=wanted: abs(speed["left"] - wanted) < 1e-3)
        assert all(speed["left"] == speed["right"] for speed in speeds)
    assert pipeline.stop() == 0
    echo.stop(signal.SIGINT)
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_python_sees_the_pictures_of_a_compiled_camera(shm, horus):
    both = horus("run", "pattern_camera", "mixed/viewer.py")
    read = both.lines(lambda line: line.startswith("viewer | 61 whole pictures"))
    assert [line.split(";")[0] for line in read] == [
        f"viewer | {count} whole pictures of 640x480 rgb8" for count in (1, 31, 61)
    ]
    assert both.stop() == 0
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_the_manual_s_detector_sees_the_pictures_of_a_compiled_camera(shm, horus):
    echo = horus("topic", "echo", "obstacle", "--json")
    both = horus("run", "pattern_camera", "multi_process/mixed/ml_detector.py")
    read = [json.loads(line)["data"] for line in (echo.lines(lambda line: True)[0] for _ in range(30))]
    assert {(obstacle["class"], obstacle["angle"]) for obstacle in read} == {("lamp", 0.0)}
    # What the stand-in for a network makes of each picture that the camera draws.
    due = np.array([10.0 - mean_of_picture(number) / 32.0 for number in range(256)])
    seen = [int(np.argmin(abs(due - obstacle["distance"]))) for obstacle in read]
    assert [obstacle["distance"] for obstacle in read] == pytest.approx(due[seen].tolist(), abs=1e-9)
    assert len(set(seen)) == len(seen), "each is of another picture"
    both.stop()
    echo.stop(signal.SIGINT)
    assert {path.name for path in shm.iterdir()} == ROOT_FILES
