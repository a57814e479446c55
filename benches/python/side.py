"""One side of a turn in Python: what it is told, how it meets the other, and where it leaves what it measured.

The same arguments, files and status as every program that is measured, see `benches/README.md`.
"""

import argparse
import array
import os
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from checks import PATIENCE_S, other

UNKNOWN_PAIRING = 3


class Side:
    """The arguments of this process, pinned to its core."""

    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--side", choices=["ping", "echo"], required=True)
        parser.add_argument("--folder", type=Path, required=True)
        for text in ("way", "work", "payload"):
            parser.add_argument(f"--{text}", required=True)
        for number in ("core", "warmup", "samples"):
            parser.add_argument(f"--{number}", type=int, required=True)
        for count in ("publishers", "subscribers"):
            parser.add_argument(f"--{count}", type=int, default=1)
        parser.add_argument("--rate", type=float, default=100.0)
        given = parser.parse_args()
        self.side, self.way, self.work, self.payload = given.side, given.way, given.work, given.payload
        self.folder, self.warmup, self.samples = given.folder, given.warmup, given.samples
        self.publishers, self.subscribers, self.rate = given.publishers, given.subscribers, given.rate
        self.core, self.cores = given.core, os.sched_getaffinity(0)
        self.total = self.warmup + self.samples
        os.sched_setaffinity(0, {given.core})

    @property
    def pings(self) -> bool:
        """Whether this side is the one that takes the time."""
        return self.side == "ping"

    def unknown(self):
        """Ends this process: nobody measures this here."""
        print(f"{self.way} doesn't know {self.work} of {self.payload}", file=sys.stderr)
        raise SystemExit(UNKNOWN_PAIRING)

    def meet(self):
        """Returns once both sides are open: what is sent before the other listens may be lost by right."""
        (self.folder / self.side).touch()
        theirs = self.folder / other(self.side)
        until = time.monotonic() + PATIENCE_S
        while not theirs.exists():
            if time.monotonic() > until:
                raise SystemExit(f"no sign of the {theirs.name} side")
            time.sleep(0.001)

    def write(self, samples: array.array):
        """Leaves the samples that count: all but the first `warmup`."""
        self.write_series("samples", samples[self.warmup :])

    def write_series(self, name: str, samples: Iterable[int]):
        """Leaves a series as 64-bit numbers, little-endian."""
        numbers = array.array("Q", samples)
        if sys.byteorder == "big":
            numbers.byteswap()
        with open(self.folder / name, "wb") as file:
            numbers.tofile(file)


def clock_cost_ns() -> int:
    """The median cost of reading the clock, which each round trip contains once."""
    clock = time.perf_counter_ns
    costs = []
    for _ in range(10_001):
        before = clock()
        costs.append(clock() - before)
    return int(statistics.median(costs))
