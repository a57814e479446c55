"""What the tests of the examples share: where the examples are, shared memory of their own, and `horus` at work."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(EXAMPLES / "pipeline"))

WATCHDOG_S = 150  # far beyond anything that goes well; only ends a test that hangs
ROOT_FILES = {"lock", "joins"}

_numbers = itertools.count()


@pytest.fixture
def shm():
    """A fresh folder for shared memory, gone after the test however that ends."""
    folder = Path(f"/dev/shm/horus-test-examples-{os.getpid()}-{next(_numbers)}")
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def env(shm):
    """The environment of a process that keeps to that folder and finds the `horus` of this Python."""
    beside = str(Path(sys.executable).parent)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("HORUS_")},
        "PATH": beside + os.pathsep + os.environ.get("PATH", ""),
        "HORUS_SHM_DIR": str(shm),
        "HORUS_NAMESPACE": "examples",
    }


class Running:
    """A process in a group of its own, killed by a watchdog if it hangs."""

    def __init__(self, command: list[str], **options):
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True, **options
        )
        self._watchdog = threading.Timer(WATCHDOG_S, self._kill)
        self._watchdog.start()
        self.pid = self._process.pid

    def lines(self, until: Callable[[str], bool]) -> list[str]:
        """The lines it prints, up to and with the first for which `until` holds."""
        read = []
        for line in self._process.stdout:
            read.append(line.rstrip("\n"))
            if until(read[-1]):
                return read
        raise AssertionError(f"it ended before: {read[-20:]}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends its whole group as asked; returns its status."""
        os.killpg(self.pid, number)
        self._process.communicate(timeout=WATCHDOG_S)
        return self._process.returncode

    def close(self):
        """Kills what is left of it."""
        self._watchdog.cancel()
        self._kill()
        self._process.communicate()

    def _kill(self):
        # A group whose last process is gone can't be signalled; that is what is wanted.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.fixture
def horus(env):
    """Starts `horus` commands; nothing of them outlives the test."""
    running = []

    def start(*arguments: str, cwd: Path = EXAMPLES) -> Running:
        running.append(Running(["horus", *arguments], cwd=cwd, env=env))
        return running[-1]

    yield start
    for process in running:
        process.close()
