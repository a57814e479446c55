"""The horus-robotics wheel beside its topics: nodes by its scheduler, a node that idles, memory, `from_numpy`.

- Its `on="topic"` fires within a process only; from another one a node finds a message by ticking. So the
  receiving node of `paced` ticks at 1,000 Hz, the default rate of its scheduler, and so does the one that
  idles.
- Nodes are of its class `compute`. A bare rate makes a node real-time, which, for root, moves both sides to
  core 0 and sets the machine's governor and interrupts: nothing that a measurement of others could stand
  beside.
- What its scheduler prints is dropped.
"""

import array
import contextlib
import os
import sys
import time
from pathlib import Path

import numpy
from leaving import insist_on_the_wheel, leave_nothing_when_killed, namespace
from payloads import SHAPES, dict_3

TICKS_HZ = 1000


def wheel(side):
    """The package, in a namespace of this turn's."""
    os.environ["HORUS_NAMESPACE"] = namespace(side.folder)
    leave_nothing_when_killed(side.folder, side.side)
    import horus

    insist_on_the_wheel(horus)
    return horus


def from_numpy(side) -> array.array:
    """How long each copy of a picture into its pool takes, in nanoseconds; each is let go before the next."""
    horus = wheel(side)
    picture = numpy.full(SHAPES[side.payload], 1, numpy.uint8)
    took = array.array("Q", bytes(8 * side.total))
    for number in range(side.total):
        picture[0, 0, 0] = value = number & 0xFF
        before = time.perf_counter_ns()
        image = horus.Image.from_numpy(picture)
        took[number] = time.perf_counter_ns() - before
        if image.to_numpy()[0, 0, 0] != value:
            raise SystemExit("the picture in the pool is another")
    return took


def memory(side):
    """Shared memory of a dict topic that was sent on once, and of the process beside it."""
    horus = wheel(side)
    topic = horus.Topic("memory")
    if not topic.send(dict_3(0)):
        raise SystemExit("send said False")
    root = Path("/dev/shm") / f"horus_{namespace(side.folder)}"
    sizes = {path: path.stat().st_blocks * 512 for path in root.rglob("*") if path.is_file()}
    of_topic = sum(size for path, size in sizes.items() if path.name.startswith("memory"))
    side.write_series("samples", [of_topic])
    side.write_series("samples-process", [sum(sizes.values()) - of_topic])


@contextlib.contextmanager
def silent():
    """Drops what is printed by whatever code, but not by this program's own errors."""
    sys.stdout.flush()
    kept = [os.dup(1), os.dup(2)]
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        for target in (1, 2):
            os.dup2(null, target)
        yield
    finally:
        for target, was in zip((1, 2), kept, strict=True):
            os.dup2(was, target)


def paced(side):
    """The pinging node ticks at the rate and sends; the other looks and tells how old what came is."""
    horus = wheel(side)
    measured = []
    tick = sends(side, horus, measured) if side.pings else receives(side, measured)
    types, rate = {"paced": horus.CmdVel}, side.rate if side.pings else TICKS_HZ
    ports = {"pubs" if side.pings else "subs": types}
    node = horus.Node(side.side, tick=tick, rate=rate, compute=True, init=lambda *_: side.meet(), **ports)
    with silent():
        horus.run(node, tick_rate=max(rate, TICKS_HZ))
    if len(measured) < side.total:
        raise SystemExit(f"{len(measured)} messages of {side.total}")
    side.write_series("samples-jitter" if side.pings else "samples", measured[side.warmup :])


def sends(side, horus, measured: list):
    """The tick of the sending node."""
    period_ns, due = int(1e9 / side.rate), None

    def tick(node):
        nonlocal due
        now = time.monotonic_ns()
        if len(measured) == side.total:
            return
        measured.append(abs(now - due) if due else 0)
        due = now + period_ns
        node.send("paced", horus.CmdVel(0.5, 0.0, time.monotonic_ns()))
        if len(measured) == side.total:
            node.request_stop()

    return tick


def receives(side, measured: list):
    """The tick of the receiving node."""

    def tick(node):
        now = time.monotonic_ns()
        while (message := node.recv("paced")) is not None:
            measured.append(max(now - message.timestamp_ns, 0))
        if len(measured) >= side.total:
            node.request_stop()

    return tick


def idle(side):
    """A node on a topic on which nothing comes; it never ends by itself."""
    horus = wheel(side)

    def tick(node):
        node.recv("paced")

    def begin(*_):
        (side.folder / side.side).touch()

    ports = {"paced": horus.CmdVel}
    node = horus.Node("listener", subs=ports, tick=tick, rate=TICKS_HZ, compute=True, init=begin)
    with silent():
        horus.run(node)


WORKS_OF_ITS_OWN = {
    ("alone", "image-1920x1080"): from_numpy,
    ("memory", "dict-3"): memory,
    ("paced", "cmd-vel"): paced,
    ("idle", "bytes-16"): idle,
}
