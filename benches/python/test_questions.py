"""Every question that Python answers is asked once, briefly: both sides check each message as it comes."""

import json
import subprocess
import sys
from pathlib import Path

BENCHES = Path(__file__).resolve().parents[2] / "target" / "release" / "horus-benches"
WATCHDOG_S = 300


def ask(question, json_file):
    """The samples that each contender of a question took."""
    command = [BENCHES, "--only", question, "--rounds", "1", "--scale", "0.01"]
    command += ["--python", sys.executable, "--json", json_file]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG_S)
    assert ended.returncode == 0, ended.stderr
    questions = json.loads(json_file.read_text())["questions"]
    return {
        question["id"]: {contender["name"]: contender["samples"] for contender in question["contenders"]}
        for question in questions
    }


def test_python_answers_every_question(tmp_path):
    assert ask("python-", tmp_path / "answers.json") == {
        "python-cmd-vel": {"hand-made ring": 500, "horus": 500, "horus, message kept": 500},
        "python-dict": {"hand-made ring": 300, "horus": 300},
        "python-image": {"hand-made ring": 200, "horus": 200},
    }


def test_python_copies_images(tmp_path):
    assert ask("copy-", tmp_path / "answers.json") == {
        "copy-image": {"numpy.copyto": 2, "memcpy, from Rust": 2, "horus, with send": 2}
    }
