"""Every test gets a shared memory root of its own, which is gone afterwards."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Far beyond what any program of a test takes; only a hang reaches it.
WATCHDOG_S = 120


@pytest.fixture(autouse=True)
def shm_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix=f"horus-test-{os.getpid()}-", dir="/dev/shm"))
    monkeypatch.setenv("HORUS_SHM_DIR", str(root))
    monkeypatch.setenv("HORUS_NAMESPACE", "test")
    yield root
    shutil.rmtree(root)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts Python programs; what still runs at the end of the test is killed."""
    running: list[subprocess.Popen] = []

    def start(*arguments: str | Path, **options: object) -> subprocess.Popen:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
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
