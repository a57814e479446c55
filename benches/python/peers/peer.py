"""One side of a turn, in Python, by someone else's transport.

Arguments, files and exit statuses are those of benches/README.md. Each module says which of a transport's settings were
chosen and why. A module has `open_end(arguments)`, which gives an end for the payload, or nothing if it knows none.
"""

import importlib
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the loops and checks of everyone

import leaving
import rounds
from side import Side

ALONE = ("alone", "encode", "idle", "memory")
MODULES = {
    "horus-robotics": "horus_robotics",
    "iceoryx2": "iceoryx",
    "msgspec": "shared_ring",
    "multiprocessing-pipe": "processes",
    "multiprocessing-queue": "processes",
    "multiprocessing-shm": "processes",
    "pyzmq": "zeromq",
    "unix-socket": "unix_socket",
    "zenoh": "zenoh_session",
    "zenoh-shm": "zenoh_session",
}


def run(side: Side):
    """One side from its opening to its samples."""
    if side.way not in MODULES:
        side.unknown()
    # What a path set for another Python holds isn't what was installed here: `horus` above all.
    elsewhere = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [entry for entry in sys.path if entry not in elsewhere]
    way = importlib.import_module(MODULES[side.way])
    alone = getattr(way, "WORKS_OF_ITS_OWN", {}).get((side.work, side.payload))
    if alone is not None:
        samples = alone(side)
        if samples is not None:
            side.write(samples)
        return
    end = way.open_end(side)
    if end is None:
        side.unknown()
    # Ends that bring their own other side measure on one side only.
    if not hasattr(end, "begin") or end.begin():
        rounds.play(side, end)
    end.close()


def main():
    """Runs one side and leaves nothing, however it ends."""
    side = Side()
    leaving.end_with_words_if_stuck(side.folder)
    status = 1
    try:
        run(side)
        status = 0
    except SystemExit as error:
        if isinstance(error.code, int):
            status = error.code
        else:
            print(error.code, file=sys.stderr)
    except Exception as error:  # whatever a transport raises is one line for the table
        print(f"{type(error).__name__}: {error}".splitlines()[0][:200], file=sys.stderr)
    leaving.leave(side.folder, side.side, status != 0 or side.work in ALONE)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of a transport that don't end would hold this process.
    os._exit(status)


if __name__ == "__main__":
    main()
