"""A bare pipe: what it takes Python to sleep and be woken by another process, with nothing around it."""

import contextlib
import os
import struct
import time

from side import Side

LAYOUT = struct.Struct("<Qff")


def paced(side: Side):
    """Ping writes a CmdVel at the rate; echo sleeps in the read of it and tells how old it is."""
    path = side.folder / "pipe"
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path)
    descriptor = os.open(path, os.O_WRONLY if side.pings else os.O_RDONLY)
    side.meet()
    (write if side.pings else read)(side, descriptor)


def write(side: Side, descriptor: int):
    """Sleeps until each next message is due, whatever became of the one before."""
    period_ns, measured = int(1e9 / side.rate), []
    before, due = None, time.monotonic_ns() + period_ns
    for _ in range(side.total):
        time.sleep(max(due - time.monotonic_ns(), 0) / 1e9)
        due += period_ns
        now = time.monotonic_ns()
        measured.append(abs(now - before - period_ns) if before else 0)
        before = now
        os.write(descriptor, LAYOUT.pack(time.monotonic_ns(), 0.5, 0.0))
    side.write_series("samples-jitter", measured[side.warmup :])


def read(side: Side, descriptor: int):
    """Looks at the clock first, as the tick of a node does."""
    measured = []

    def tick(message: bytes):
        now = time.monotonic_ns()
        sent, _, _ = LAYOUT.unpack(message)
        measured.append(max(now - sent, 0))

    for _ in range(side.total):
        tick(os.read(descriptor, LAYOUT.size))
    side.write_series("samples", measured[side.warmup :])
