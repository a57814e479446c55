"""One folder a habit: each is run as the README says, and what it prints is judged."""

import json
import re
import signal
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1]
ROOT_FILES = {"lock", "joins"}


def numbers(pattern, line):
    found = re.fullmatch(pattern, line)
    assert found, line
    return [float(number) for number in found.groups()]


@pytest.mark.parametrize("files", [("talker.py", "listener.py"), ("listener.py", "talker.py")])
def test_the_listener_hears_each_message_once_and_in_order(shm, horus, files):
    both = horus("run", *files, cwd=EXAMPLES / "pub_sub")
    heard = [both.lines(lambda line: True)[0] for _ in range(10)]
    counts = [numbers(r"listener \| I heard: hello (\d+)", line)[0] for line in heard]
    assert counts == [counts[0] + n for n in range(10)]
    assert both.stop() == 0
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_the_brake_stops_before_the_wall(shm, horus):
    both = horus("run", "lidar.py", "brake.py", cwd=EXAMPLES / "typed")
    read = both.lines(lambda line: "ahead of laser: 0.0 m/s" in line)
    read += both.lines(lambda line: "ahead of laser: 0.5 m/s" in line)
    for line in read:
        nearest, speed = numbers(r"brake \| ([\d.]+) m ahead of laser: ([\d.]+) m/s", line)
        # The printed distance is rounded.
        assert speed == (0.5 if nearest > 1.0 else 0.0) or nearest == 1.0
    listed = json.loads(horus("topic", "info", "scan", "--json").lines(lambda line: True)[0])
    assert "LaserScan" in json.dumps(listed)
    assert both.stop() == 0
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_the_edges_are_where_the_camera_drew_them(shm, horus):
    both = horus("run", "camera.py", "edges.py", cwd=EXAMPLES / "images")
    echo = horus("topic", "echo", "camera.edges", "--once", "--json", "--no-arr")
    edge = json.loads(echo.lines(lambda line: True)[0])["data"]
    assert (edge["height"], edge["width"], edge["encoding"], edge["frame_id"]) == (
        480,
        640,
        "mono8",
        "camera",
    )
    seen = set()
    while len(seen) < 10:
        (line,) = both.lines(lambda line: True)
        found = re.fullmatch(r"edges \| 640x480 from camera: edges at columns \[([\d, ]+)\]", line)
        columns = [int(column) for column in found[1].split(", ")]
        # The bar's left edge isn't there when the bar begins at the picture's.
        assert (columns[-1] - 32) % 8 == 0
        assert columns in ([columns[-1] - 32, columns[-1]], [32])
        seen.add(columns[-1])
    info = json.loads(horus("topic", "info", "camera.rgb", "--json").lines(lambda line: True)[0])
    assert '"copies": 0' in json.dumps(info)
    assert both.stop() == 0
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_control_goes_on_while_the_charger_waits(shm, horus, number):
    process = horus("run", "charger.py", cwd=EXAMPLES / "async")
    read = [process.lines(lambda line: True)[0] for _ in range(4)]
    # Between answers there is at least a quarter of a second, 25 ticks' worth; a busy machine makes fewer.
    ticks = [numbers(r"charge 80%, (\d+) control ticks since the last answer", line)[0] for line in read]
    assert max(ticks) >= 5
    assert process.stop(number) == 0
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_who_comes_later_is_told_as_long_as_the_publisher_lives(shm, horus):
    folder = EXAMPLES / "latched"
    echo = horus("topic", "echo", "cmd_vel", "--json")
    config = horus("run", "config.py", cwd=folder)
    kept = horus("topic", "echo", "config", "--once", "--json").lines(lambda line: True)[0]
    assert json.loads(kept)["data"] == {"max_speed": 0.8, "frame": "base"}

    robot = horus("run", "robot.py", cwd=folder)
    assert robot.lines(lambda line: True) == ["at most 0.8 m/s from now on"]
    assert robot.stop() == 0

    config.stop(signal.SIGKILL)
    echo.lines(lambda line: json.loads(line)["data"]["linear"] > 0)
    robot = horus("run", "robot.py", cwd=folder)
    # It has had twenty rounds to find a message in.
    standing = [json.loads(echo.lines(lambda line: True)[0])["data"]["linear"] for _ in range(40)][-20:]
    assert set(standing) == {0.0}
    assert robot.stop() == 0
    echo.stop(signal.SIGINT)
