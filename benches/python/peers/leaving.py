"""What every side here does beside its work: end with words if it is stuck, and leave nothing behind."""

import contextlib
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from checks import PATIENCE_S, other

TURN_S = 75.0


def wait_for(file: Path):
    """Returns once the file is there."""
    until = time.monotonic() + PATIENCE_S
    while not file.exists():
        if time.monotonic() > until:
            raise SystemExit(f"no sign of {file}")
        time.sleep(0.001)


def shm_prefix(folder: Path) -> str:
    """What names of files in /dev/shm made for this turn begin with."""
    return f"{folder.parent.name}-{folder.name}-"


def namespace(folder: Path) -> str:
    """The name of this turn where a transport has namespaces."""
    return shm_prefix(folder).strip("-").replace("-", "_")


def leave_nothing(folder: Path):
    """Removes what this turn left in /dev/shm beside its folder; nothing but what goes by the turn's own name."""
    for path in Path("/dev/shm").iterdir():
        # The other side may be quicker.
        if path.name == f"horus_{namespace(folder)}":
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith(shm_prefix(folder)):
            path.unlink(missing_ok=True)


def leave(folder: Path, side: str, at_once: bool):
    """Leaves nothing once nobody of this turn is left: the last to go sees to it, or who failed."""
    # A folder that is gone says that the turn has been given up.
    with contextlib.suppress(FileNotFoundError):
        (folder / f"left-{side}").touch()
    if at_once or not folder.exists() or (folder / f"left-{other(side)}").exists():
        leave_nothing(folder)


def insist_on_the_wheel(package):
    """Fails unless `package` comes from this environment: a path set for HORUS would put HORUS in its place."""
    if not Path(package.__file__).is_relative_to(sys.prefix):
        raise SystemExit(f"{package.__name__} is taken from {package.__file__}, not from its wheel")


def leave_nothing_when_killed(folder: Path, side: str):
    """Has a process at hand that removes what this one leaves in /dev/shm should it be killed; asleep until then."""
    reading, _held_until_the_end = os.pipe()
    if os.fork() != 0:
        os.close(reading)
        return
    for descriptor in (0, 1, 2, _held_until_the_end):
        os.close(descriptor)
    os.read(reading, 1)  # the end of the file is the end of the process
    if not (folder / f"left-{side}").exists():
        leave_nothing(folder)
    os._exit(0)


def end_with_words_if_stuck(folder: Path):
    """Ends this process with words if the turn doesn't: someone else's call may block for ever."""

    def end():
        print(f"stuck: no end after {TURN_S:.0f} s", file=sys.stderr, flush=True)
        leave_nothing(folder)
        os._exit(4)

    timer = threading.Timer(TURN_S, end)
    timer.daemon = True
    timer.start()
