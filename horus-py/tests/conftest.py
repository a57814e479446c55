"""Every test gets a shared memory root of its own, and must leave nothing in it."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from horus import _horus

TESTS = Path(__file__).parent
# Far beyond what any program of a test takes; only a hang reaches it.
WATCHDOG_S = 120
# What a root keeps: the cleaners' lock file and the count of joins.
ROOT_FILES = 2


@pytest.fixture(autouse=True)
def shm_root(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix=f"horus-test-{os.getpid()}-", dir="/dev/shm"))
    monkeypatch.setenv("HORUS_SHM_DIR", str(root))
    monkeypatch.setenv("HORUS_NAMESPACE", "test")
    yield root
    gc.collect()
    _horus._leave()
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    shutil.rmtree(root)
    if request.node.get_closest_marker("crashes"):
        left = [path for path in left if "tombstones" not in path and path != "test"]
    assert len(left) <= ROOT_FILES, f"left behind: {left}"


def environment() -> dict[str, str]:
    """That of this process, with the commands of this Python found first."""
    beside = str(Path(sys.executable).parent)
    return os.environ | {"PATH": beside + os.pathsep + os.environ.get("PATH", "")}


@pytest.fixture
def command() -> Callable[..., subprocess.CompletedProcess]:
    """Runs a `horus` command to its end; its status is the caller's to look at."""

    def command(*arguments: str, **options: object) -> subprocess.CompletedProcess:
        options = {"env": environment(), "timeout": WATCHDOG_S} | options
        return subprocess.run(["horus", *arguments], capture_output=True, text=True, **options)

    return command


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts Python programs; what still runs at the end of the test is killed."""
    running: list[subprocess.Popen] = []

    def start(*arguments: str | Path, **options: object) -> subprocess.Popen:
        options = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "env": environment(),
        } | options
        process = subprocess.Popen([sys.executable, *map(str, arguments)], **options)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run(start: Callable[..., subprocess.Popen]) -> Callable[..., str]:
    """Runs a piece of Python in a process of its own to its end and returns what it printed."""

    def run(source: str, status: int = 0, **options: object) -> str:
        process = start("-c", source, **options)
        out, err = process.communicate(timeout=WATCHDOG_S)
        assert process.returncode == status, f"status {process.returncode}\n{out}\n{err}"
        return out

    return run


@pytest.fixture
def finish() -> Callable[..., str]:
    """Ends a program cleanly, as a supervisor does, and returns what it printed."""

    def finish(process: subprocess.Popen) -> str:
        process.terminate()
        out, err = process.communicate(timeout=WATCHDOG_S)
        assert process.returncode == 0, f"status {process.returncode}\n{out}\n{err}"
        assert err == ""
        return out

    return finish
