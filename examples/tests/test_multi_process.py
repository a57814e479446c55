"""The shortest programs, as `horus run` starts them."""

import json
import signal
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "multi_process"
ROOT_FILES = {"lock", "joins"}


@pytest.mark.parametrize("files", [("process_a.py", "process_b.py"), ("process_b.py", "process_a.py")])
@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("sensor", "Temperature: 22.5C at motor_1"),
        ("dict_topic", "{'battery': 85.0, 'mode': 'autonomous'}"),
        ("typed_topic", "1.0"),
        ("image_topic", "(480, 640, 3) uint8 [1, 2, 3]"),
    ],
)
def test_two_processes_meet_whichever_comes_first(shm, horus, folder, said, files):
    both = horus("run", *files, cwd=FOLDER / folder)
    first_three = [both.lines(lambda line: True) for _ in range(3)]
    assert first_three == [[f"process_b | {said}"]] * 3
    assert both.stop() == 0
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_three_processes_stop_and_go(shm, horus):
    echo = horus("topic", "echo", "cmd_vel", "--json")
    pipeline = horus("run", "camera.py", "detector.py", "controller.py", cwd=FOLDER / "pipeline")
    # The pictures are random, and so is what the stand-in for a model sees in them.
    for speed in (0.0, 0.5):
        echo.lines(lambda line, speed=speed: json.loads(line)["data"]["linear"] == speed)
    assert pipeline.stop() == 0
    echo.stop(signal.SIGINT)
    assert {path.name for path in shm.iterdir()} == ROOT_FILES


def test_a_program_starts_its_companion_itself(shm, horus):
    echo = horus("topic", "echo", "cmd_vel", "--json")
    # Two processes in one group: the controller, and the sensor that it starts and doesn't wait for.
    controller = horus("run", "main.py", cwd=FOLDER / "companion")
    command = json.loads(echo.lines(lambda line: True)[0])["data"]
    assert (command["linear"], command["angular"]) == (0.25, 0.0)
    assert controller.stop() == 0
    echo.stop(signal.SIGINT)
