"""HORUS nodes through the scheduler: at a rate, tick by tick, with nothing to do, beside one that computes."""

import subprocess
import sys
import time

import horus
from side import Side

COMPUTES_S = 0.03
COMPUTES_HZ = 10
SENSOR_HZ = 100


def paced(side: Side):
    """Ping ticks at the rate and sends; echo ticks on the topic and tells how old what came is."""
    measured: list[int] = []
    if side.pings:
        period_ns, due = int(1e9 / side.rate), None

        def out(node):
            nonlocal due
            now = time.monotonic_ns()
            if len(measured) == side.total:
                return
            measured.append(abs(now - due) if due else 0)
            due = now + period_ns
            node.send("paced", horus.CmdVel(0.5, 0.0, timestamp_ns=time.monotonic_ns()))
            if len(measured) == side.total:
                node.request_stop()

        sensor = horus.Node(
            "sensor", pubs={"paced": horus.CmdVel}, tick=out, rate=side.rate, init=lambda _: side.meet()
        )
        horus.run(sensor)
        side.write_series("samples-jitter", measured[side.warmup :])
    else:

        def back(node):
            now = time.monotonic_ns()
            message = node.recv("paced")
            if message is None:
                return
            measured.append(max(now - message.timestamp_ns, 0))
            if len(measured) == side.total:
                node.request_stop()

        listener = horus.Node(
            "listener", subs={"paced": horus.CmdVel}, tick=back, on="paced", init=lambda _: side.meet()
        )
        horus.run(listener)
        side.write_series("samples", measured[side.warmup :])


def ticks(side: Side):
    """From tick to tick of a node that is due on a topic which it sends to itself."""
    measured, before = [], 0

    def begin(node):
        node.has_msg("paced")
        node.send("paced", horus.CmdVel(0.5, 0.0))

    def tick(node):
        nonlocal before
        message = node.recv("paced")
        node.send("paced", message)
        now = time.monotonic_ns()
        measured.append(now - before)
        before = now
        if len(measured) == side.total:
            node.request_stop()

    types = {"paced": horus.CmdVel}
    horus.run(horus.Node("circle", pubs=types, subs=types, tick=tick, on="paced", init=begin))
    side.write_series("samples", measured[side.warmup :])


def idle(side: Side):
    """A node on a topic on which nothing comes; it never ends by itself."""

    def begin(_node):
        (side.folder / side.side).touch()

    horus.run(
        horus.Node("listener", subs={"paced": horus.CmdVel}, tick=lambda node: None, on="paced", init=begin)
    )


def computing(_node):
    """What a node that computes does: takes the interpreter for a while."""
    end = time.thread_time() + COMPUTES_S
    while time.thread_time() < end:
        sum(range(1000))


def beside(side: Side):
    """How late a sensor ticks, and how often it doesn't, beside a node that computes: in this process or in another."""
    seconds = side.total / SENSOR_HZ
    times: list[int] = []

    def tick(_node):
        times.append(time.monotonic_ns())

    sensor = horus.Node("sensor", tick=tick, rate=SENSOR_HZ)
    inference = horus.Node("inference", tick=computing, rate=COMPUTES_HZ)
    if side.work == "beside-in-one":
        horus.run(sensor, inference, duration=seconds)
    else:
        core = next(iter(side.cores - {side.core}))
        source = f"import os, nodes, horus; os.sched_setaffinity(0, {{{core}}})\n" + (
            f"horus.run(horus.Node('inference', tick=nodes.computing, rate={COMPUTES_HZ}), duration={seconds + 1})"
        )
        other = subprocess.Popen([sys.executable, "-c", source], cwd=sys.path[0])
        horus.run(sensor, duration=seconds)
        other.terminate()
        if other.wait() != 0:
            raise SystemExit("the computing process failed")
    period_ns = 1_000_000_000 // SENSOR_HZ
    late = [abs(after - before - period_ns) for before, after in zip(times, times[1:], strict=False)]
    side.write_series("samples", late)
    side.write_series("samples-missed", [max(int(seconds * SENSOR_HZ) - len(times), 0)])
