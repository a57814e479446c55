"""Every question that Python answers is asked once, briefly: both sides check each message as it comes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = Path(__file__).resolve().parents[2] / "target" / "release" / "horus-benches"
WATCHDOG_S = 300


@pytest.fixture
def ask(tmp_path):
    """Asks questions; gives for each the contenders that were measured, with their counts of samples."""

    def ask(questions, scale):
        answers = tmp_path / "answers.json"
        command = [BENCHES, "--only", questions, "--rounds", "1", "--scale", str(scale)]
        command += ["--peers", tmp_path / "none", "--python", sys.executable, "--json", answers]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG_S)
        assert ended.returncode == 0, ended.stderr
        return {
            question["id"]: {
                contender["name"]: contender["series"][0]["samples"]
                for contender in question["contenders"]
                if "series" in contender
            }
            for question in json.loads(answers.read_text())["questions"]
        }

    return ask


def test_python_exchanges_messages_and_dicts(ask):
    answers = ask("python-cmd-vel,python-dict,python-within", 0.02)
    assert answers == {
        "python-cmd-vel": {"hand-made ring": 800, "horus": 800},
        "python-cmd-vel-anew": {"hand-made ring": 600, "horus": 600, "horus, message kept and changed": 600},
        "python-dict": {"hand-made ring, keys known": 600, "horus": 600},
        "python-dict-80": {"horus": 80},
        "python-within": {"hand-made ring, CmdVel": 800, "horus, CmdVel": 800, "horus, dict of 3 keys": 800},
    }


def test_python_exchanges_images(ask):
    answers = ask("python-image,python-frame,python-from-numpy,python-nested,python-wake", 0.05)
    assert answers == {
        "python-image": {"hand-made ring, 1080p": 750, "horus, 640×480": 750, "horus, 1080p": 750},
        "python-frame": {"hand-made shared memory": 3, "horus": 3},
        "python-from-numpy": {"numpy.copyto": 7, "memcpy, from Rust": 7, "horus, from_numpy and send": 7},
        "python-nested": {"horus, sent and received within one process": 200},
        "python-wake": {"bare futex, Rust": 40, "horus": 40},
    }


def test_nodes_tick_on_topics_of_other_processes(ask):
    answers = ask("nodes-1khz,nodes-tick,open", 0.1)
    assert answers == {
        # Three rounds for each that is asked for.
        "nodes-1khz": {
            "bare futex, Rust": 75,
            "horus, Rust": 75,
            "bare pipe, Python": 75,
            "horus, Python": 75,
        },
        "nodes-tick": {"horus, Rust": 2000, "horus, Python": 2000},
        "open": {"hand-made ring": 10, "horus, Rust": 10, "horus, Python": 10},
    }


def test_idle_and_busy_nodes_are_looked_at(ask):
    answers = ask("idle,nodes-beside", 0.2)
    assert answers["idle"] == {"horus, Rust node": 1, "horus, Python node": 1}
    assert set(answers["nodes-beside"]) == {"in two processes", "in one process"}
