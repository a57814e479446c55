"""What the wheel brings."""

import os
import subprocess
import sys
from pathlib import Path

import horus

HORUS = Path(sys.executable).parent / "horus"


def test_the_command_beside_python_is_the_native_one():
    assert HORUS.read_bytes()[:4] == b"\x7fELF"
    said = subprocess.run([HORUS, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["horus", horus.__version__]


def test_importing_takes_neither_numpy_nor_a_topic(run):
    source = "import horus, sys, os; print('numpy' in sys.modules, os.listdir(os.environ['HORUS_SHM_DIR']))"
    assert run(source) == "False []\n"


def test_a_process_that_polls_has_one_thread(run):
    assert run(
        """
import horus, os
def tick(node):
    node.send("t", {"n": 1})
    node.send("image", horus.Image.empty(4, 4))
    node.recv("t"), node.recv("image")
def shutdown(node):
    print(len(os.listdir("/proc/self/task")))
horus.run(horus.Node("polls", tick=tick, shutdown=shutdown, rate=100), duration=0.2)
""",
        # numpy's own threads are none of ours.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    ).endswith("1\n")
