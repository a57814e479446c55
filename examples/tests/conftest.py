"""What the tests of the examples share: where the examples are, and shared memory of their own."""

import itertools
import os
import shutil
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(EXAMPLES / "pipeline"))

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
