"""One of the two processes of a Python contender: the same arguments, bytes and samples as the Rust ones.

A loop of its own for each contender would save calls; all go through the same one instead, so that
what is compared are the transports.
"""

import argparse
import array
import os
import statistics
import sys
import time
from pathlib import Path

from checks import IMAGE_BYTES, IMAGE_SHAPE, IMAGE_VALUE, PATIENCE_S, check_pixel, expect, other

COPY_PLACES = 9


def transport(way: str, payload: str, folder: Path, side: str):
    """This side's end of the way that is measured, open."""
    # Imported here: the ring's processes have nothing of HORUS in them.
    if way == "ring":
        import ring

        return ring.TRANSPORTS[payload](folder, side)
    import topics

    return topics.TRANSPORTS[way, payload](side)


def ping(transport, total: int) -> array.array:
    """Round trips in nanoseconds, without what it costs to read the clock."""
    clock = time.perf_counter_ns
    send, receive = transport.send, transport.receive
    clock_cost = clock_cost_ns()
    trips = array.array("Q", bytes(8 * total))
    for number in range(total):
        before = clock()
        send(number)
        answer = receive()
        took = clock() - before
        expect(answer, number)
        trips[number] = max(took - clock_cost, 0)
    return trips


def echo(transport, total: int):
    """Sends back whatever comes."""
    for number in range(total):
        got = transport.receive()
        expect(got, number)
        transport.send(got)


def meet(folder: Path, side: str):
    """Returns once both sides are open: what is sent before the other listens may be lost by right."""
    (folder / side).touch()
    theirs = folder / other(side)
    until = time.monotonic() + PATIENCE_S
    while not theirs.exists():
        if time.monotonic() > until:
            raise SystemExit(f"no sign of the {theirs.name} side")
        time.sleep(0.001)


def clock_cost_ns() -> int:
    """The median cost of reading the clock, which each round trip contains once."""
    clock = time.perf_counter_ns
    costs = []
    for _ in range(10_001):
        before = clock()
        costs.append(clock() - before)
    return int(statistics.median(costs))


def copy_by_hand(folder: Path):
    """A copy of a picture into shared memory by numpy: gives the function, which returns the target."""
    import numpy
    import ring

    memory = ring.map_file(folder / "copy", COPY_PLACES * IMAGE_BYTES)
    places = numpy.frombuffer(memory, numpy.uint8).reshape(COPY_PLACES, *IMAGE_SHAPE)
    places[:] = 0
    copies = 0

    def copy(picture):
        nonlocal copies
        place = places[copies % COPY_PLACES]
        copies += 1
        numpy.copyto(place, picture)
        return place

    return copy


def copy_and_send():
    """`Image.from_numpy` and `send`, as a camera does; a ring of eight keeps as many pictures as the copies by hand."""
    import horus

    topic = horus.Topic("camera.rgb", horus.Image)

    def copy(picture):
        image = horus.Image.from_numpy(picture)
        topic.send(image)
        return image.to_numpy()

    return copy


def copies(copy, count: int) -> array.array:
    """How long each of `count` copies of a picture into shared memory takes, in nanoseconds."""
    import numpy

    picture = numpy.full(IMAGE_SHAPE, IMAGE_VALUE["ping"], numpy.uint8)
    took = array.array("Q", bytes(8 * count))
    for number in range(count):
        picture[0, 0, 0] = value = number & 0xFF
        before = time.perf_counter_ns()
        target = copy(picture)
        took[number] = time.perf_counter_ns() - before
        check_pixel(target, value)
    return took


def main():
    """Runs one side to its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=["ping", "echo"], required=True)
    parser.add_argument("--way", required=True)
    parser.add_argument("--payload", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--warmup", type=int, required=True)
    parser.add_argument("--samples", type=int, required=True)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    total = arguments.warmup + arguments.samples
    if arguments.way == "copy":
        samples = copies(copy_by_hand(arguments.folder), total)
    elif arguments.way == "horus-copy":
        samples = copies(copy_and_send(), total)
    else:
        end = transport(arguments.way, arguments.payload, arguments.folder, arguments.side)
        meet(arguments.folder, arguments.side)
        samples = ping(end, total) if arguments.side == "ping" else echo(end, total)
    if samples is not None:
        if sys.byteorder == "big":
            samples.byteswap()
        with open(arguments.folder / "samples", "wb") as file:
            samples[arguments.warmup :].tofile(file)


if __name__ == "__main__":
    main()
