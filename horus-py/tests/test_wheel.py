"""The one wheel, installed into an empty environment, brings the library, the command and what Rust nodes need."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import horus
import pytest

REPOSITORY = Path(__file__).parents[2]
# Far beyond what anything here takes; only a hang reaches it.
WATCHDOG_S = 600


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it needs, from what `make build` left; no network."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    # Without pip: not every Debian has the means to put it there.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (wheel,) = REPOSITORY.glob("target/wheel/wheels/horus-*.whl")
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "--disable-pip-version-check"]
    offline = ["--no-index", "--find-links", REPOSITORY / "target/wheelhouse"]
    subprocess.run([*pip, "install", "--quiet", *offline, wheel], check=True)
    return folder


@pytest.fixture
def surroundings(environment: Path) -> dict[str, str]:
    """What a program of the environment finds when that is activated."""
    own = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return own | {
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        # Where the tests of Rust have built what a node links, as far as it is the same.
        "CARGO_TARGET_DIR": str(REPOSITORY / "target"),
        "CARGO_NET_OFFLINE": "true",
    }


@pytest.fixture
def inside(environment: Path, surroundings: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    """Runs a program of the environment in a folder of the test's own, and returns what it printed."""

    def run(program: str, *arguments: str | Path, cwd: Path = tmp_path) -> str:
        command = [environment / "bin" / program, *arguments]
        ended = subprocess.run(
            command, capture_output=True, text=True, cwd=cwd, env=surroundings, timeout=WATCHDOG_S
        )
        assert ended.returncode == 0, f"status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    return run


def test_the_library_sends_and_receives(inside):
    source = """
import horus
topic = horus.Topic("cmd_vel", horus.CmdVel)
topic.recv()
topic.send(horus.CmdVel(linear=0.5, angular=0.0))
print(topic.recv().linear, horus.__file__)
"""
    speed, file = inside("python", "-c", source).split()
    assert speed == "0.5"
    assert "/venv/lib/" in file


def test_the_command_is_of_the_same_version_and_sees_topics(inside):
    assert inside("horus", "--version") == f"horus {horus.__version__}\n"
    topic = horus.Topic("status")
    topic.send({"mode": "auto"})
    assert inside("horus", "topic", "list", "--names") == "status\n"
    doctor = inside("horus", "doctor", "-o", "csv")
    assert f"venv/bin/python3 has horus {horus.__version__}" in doctor


UNITTEST = """
import unittest
result = unittest.main(module=None, argv=["unittest", "discover"], exit=False).result
print(result.testsRun, len(result.skipped), result.wasSuccessful())
"""


def test_a_new_project_builds_its_tests_pass_and_it_runs(inside, environment, surroundings, tmp_path):
    inside("horus", "new", "demo")
    demo = tmp_path / "demo"
    manifest = (demo / "Cargo.toml").read_text()
    assert f'path = "{environment / "share/horus/rust/horus-core"}"' in manifest
    # They build the Rust node.
    assert inside("python", "-c", UNITTEST, cwd=demo) == "3 0 True\n"
    launched = subprocess.Popen(
        [environment / "bin/horus", "launch", "launch.yaml"],
        cwd=demo,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        # The controller drives the robot: both talk, in both directions.
        watch = "topic echo pose --filter m.x>0.1 --once --timeout 60 --field x"
        assert float(inside("horus", *watch.split()).splitlines()[0]) > 0.1
    finally:
        launched.terminate()
        out, _ = launched.communicate(timeout=WATCHDOG_S)
    assert launched.returncode == 0, out
