"""The three-process pipeline runs, is judged, cleans up; and runs in one process just as well."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import schedule
import verdict

PIPELINE = Path(__file__).resolve().parents[1] / "pipeline"
WATCHDOG_S = 150
ROOT_FILES = {"lock", "joins"}


def demo(folder, env):
    """Runs the demo that lies in `folder`, as short as it can be."""
    command = [sys.executable, str(folder / "demo.py"), "--seconds", "0"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=WATCHDOG_S)


def test_demo_is_right_and_leaves_nothing(shm, env):
    ended = demo(PIPELINE, env)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for shown in (
        "camera.rgb",
        "detections",
        "cmd_vel",
        "camera",
        "detector",
        "controller",
        "average rate",
        "STOP",
        "GO",
    ):
        assert shown in ended.stdout
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("controller.py", '0.0 if det["closest_distance"] < STOP_DISTANCE_M else CRUISE_M_S', "CRUISE_M_S"),
        ("detector.py", "detections = predict(frame)", "detections = []"),
    ],
)
def test_a_constant_answer_fails_the_demo(shm, env, tmp_path, file, right, wrong):
    folder = tmp_path / "pipeline"
    shutil.copytree(PIPELINE, folder)
    text = (folder / file).read_text()
    assert right in text
    (folder / file).write_text(text.replace(right, wrong))

    ended = demo(folder, env)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "the schedule says stop, the command was 0.5 m/s" in ended.stderr
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_a_demo_that_is_interrupted_leaves_nothing_either(shm, env):
    command = [sys.executable, str(PIPELINE / "demo.py"), "--seconds", str(WATCHDOG_S)]
    running = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(WATCHDOG_S, running.kill)
    watchdog.start()
    try:
        shown = any("The controller decides" in line for line in running.stdout)
        running.terminate()
        assert shown
        assert "Interrupted" in running.communicate()[0]
    finally:
        watchdog.cancel()
    assert running.returncode == 130
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


# Looks over the nodes' shoulders without touching them: what was drawn, seen and commanded, in order.
OBSERVED = """
import json, sys
import camera, detector, controller
import frame_counter, horus

log = []
draw, predict, CmdVel = camera.draw, detector.predict, horus.CmdVel

def drawing(frame):
    log.append(("drawn", frame))
    return draw(frame)

def predicting(pixels):
    log.append(("seen", frame_counter.read(pixels)))
    return predict(pixels)

class Seen:
    CmdVel = staticmethod(lambda **fields: log.append(("commanded", fields["linear"])) or CmdVel(**fields))

camera.draw, detector.predict, controller.horus = drawing, predicting, Seen
horus.run(camera.cam, detector.det, controller.ctrl, duration=4.0)
json.dump(log, sys.stdout)
"""


def test_one_process_ticks_in_order_and_each_sees_the_one_before(shm, env):
    command = [sys.executable, "-c", OBSERVED]
    ended = subprocess.run(command, cwd=PIPELINE, env=env, capture_output=True, text=True, timeout=WATCHDOG_S)
    assert ended.returncode == 0, ended.stderr
    log = [tuple(event) for event in json.loads(ended.stdout)]

    # Whenever the detector is due all three are: each has what the one before it has just sent.
    kinds = [what for what, _ in log]
    rounds = [kinds[at - 1 : at + 2] for at, what in enumerate(kinds) if what == "seen"]
    assert len(rounds) >= 2
    assert all(round == ["drawn", "seen", "commanded"] for round in rounds), kinds
    assert kinds.count("commanded") == len(rounds)
    drawn, seen = None, None
    for what, value in log:
        if what == "drawn":
            drawn = value
        elif what == "seen":
            assert value == drawn, "the detector sees the newest frame"
            seen = value
        else:
            assert (value == 0.0) == schedule.must_stop(seen), f"frame {seen}"
    assert verdict.changes(value for what, value in log if what == "commanded") >= 2
    assert {path.name for path in shm.iterdir()} == ROOT_FILES
