"""One of the two processes of a Python contender: the same arguments, bytes and samples as the Rust ones.

`ring` is what one writes by hand over mmap and struct, with nothing installed but numpy for pictures.
A loop of its own for each contender would save calls; all go through the same one instead, so that
what is compared are the transports.
"""

import argparse
import array
import mmap
import os
import statistics
import struct
import sys
import time
from pathlib import Path

DEPTH = 64
NUMBER_MASK = 0xFFFFFF
PATIENCE_S = 20.0
LOOKS_BETWEEN = 1 << 20
IMAGE_SHAPE = (1080, 1920, 3)
IMAGE_BYTES = 1080 * 1920 * 3
IMAGE_VALUE = {"ping": 0x5A, "echo": 0x5B}
COPY_PLACES = 9


def map_file(path: Path, size: int) -> mmap.mmap:
    """The file `path`, made `size` bytes long if it isn't, mapped for reading and writing."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


class Ring:
    """Two rings of fixed slots, one for each direction: a sequence number, then the payload.

    Python has no fences. On x86-64 stores and loads keep their order; elsewhere this ring would be
    wrong, and the figures with it.
    """

    def __init__(self, folder: Path, side: str, payload_bytes: int, extra_bytes: int = 0):
        self.slot_bytes = -(-(8 + payload_bytes) // 64) * 64
        self.ring_bytes = self.slot_bytes * DEPTH
        self.memory = map_file(folder / "ring", 2 * self.ring_bytes + extra_bytes)
        self.words = memoryview(self.memory).cast("Q")
        self.out = 0 if side == "ping" else self.ring_bytes
        self.back = self.ring_bytes - self.out
        self.sent = 0
        self.received = 0

    def next_out(self) -> int:
        """Where the payload of the next message goes."""
        return self.out + self.sent % DEPTH * self.slot_bytes + 8

    def publish(self, payload: int):
        """Gives the slot of `payload` its sequence number."""
        self.sent += 1
        self.words[payload // 8 - 1] = self.sent

    def wait(self) -> int:
        """Polls until the next message is there; returns where its payload lies."""
        slot = self.back + self.received % DEPTH * self.slot_bytes
        self.received = due = self.received + 1
        words, word, looks = self.words, slot // 8, 0
        while words[word] != due:
            looks += 1
            if looks > LOOKS_BETWEEN:
                lose_patience(looks)
        return slot + 8


class CmdVelRing(Ring):
    """`{timestamp_ns: u64, linear: f32, angular: f32}` by `struct`."""

    LAYOUT = struct.Struct("<Qff")

    def __init__(self, folder: Path, side: str):
        super().__init__(folder, side, self.LAYOUT.size)

    def send(self, number: int):
        payload = self.next_out()
        self.LAYOUT.pack_into(self.memory, payload, number, number & NUMBER_MASK, 0.5)
        self.publish(payload)

    def receive(self) -> int:
        _, linear, _ = self.LAYOUT.unpack_from(self.memory, self.wait())
        return int(linear)


class DictRing(Ring):
    """`{"linear": …, "angular": …, "seq": …}` as the bytes of MessagePack, its keys known beforehand."""

    LAYOUT = struct.Struct(">9sd9sd5sQ")
    MARKS = (b"\x83\xa6linear\xcb", b"\xa7angular\xcb", b"\xa3seq\xcf")
    BASE = 1 << 32

    def __init__(self, folder: Path, side: str):
        super().__init__(folder, side, self.LAYOUT.size)

    def send(self, number: int):
        message = {"linear": 0.5, "angular": 0.25, "seq": self.BASE + (number & NUMBER_MASK)}
        payload = self.next_out()
        first, second, third = self.MARKS
        self.LAYOUT.pack_into(
            self.memory, payload, first, message["linear"], second, message["angular"], third, message["seq"]
        )
        self.publish(payload)

    def receive(self) -> int:
        _, linear, _, angular, _, seq = self.LAYOUT.unpack_from(self.memory, self.wait())
        message = {"linear": linear, "angular": angular, "seq": seq}
        return message["seq"] - self.BASE


class ImageRing(Ring):
    """A picture for each side behind the rings; descriptors go through, a view is made, a pixel read."""

    LAYOUT = struct.Struct("<8Q")

    def __init__(self, folder: Path, side: str):
        import numpy

        self.numpy = numpy
        super().__init__(folder, side, self.LAYOUT.size, 2 * IMAGE_BYTES)
        first = 2 * self.ring_bytes
        self.image = first if side == "ping" else first + IMAGE_BYTES
        self.their_value = IMAGE_VALUE["echo" if side == "ping" else "ping"]
        numpy.frombuffer(self.memory, numpy.uint8, IMAGE_BYTES, self.image)[:] = IMAGE_VALUE[side]

    def send(self, number: int):
        payload = self.next_out()
        height, width, channels = IMAGE_SHAPE
        step = width * channels
        self.LAYOUT.pack_into(
            self.memory, payload, number, self.image, IMAGE_BYTES, height, width, step, channels, 0
        )
        self.publish(payload)

    def receive(self) -> int:
        number, offset, _, height, width, _, channels, _ = self.LAYOUT.unpack_from(self.memory, self.wait())
        frame = self.numpy.ndarray((height, width, channels), self.numpy.uint8, self.memory, offset)
        frame.flags.writeable = False
        check_pixel(frame, self.their_value)
        return number


def check_pixel(frame, value: int):
    """Fails unless the first pixel of `frame` is `value`."""
    if frame[0, 0, 0] != value:
        raise SystemExit(f"pixel {frame[0, 0, 0]}, not {value}")


def lose_patience(looks: int):
    """Ends this process if nothing has come for a time that only a dead peer takes."""
    if looks == LOOKS_BETWEEN + 1:
        lose_patience.until = time.monotonic() + PATIENCE_S
    elif looks % LOOKS_BETWEEN == 0 and time.monotonic() > lose_patience.until:
        raise SystemExit(f"nothing from the other process for {PATIENCE_S:.0f} s")


TRANSPORTS = {
    ("ring", "cmd-vel"): CmdVelRing,
    ("ring", "dict"): DictRing,
    ("ring", "image"): ImageRing,
}


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


def expect(got: int, due: int):
    """Fails unless message `got` is the one that is due: nothing lost, doubled or torn."""
    if got != due & NUMBER_MASK:
        raise SystemExit(f"message {got} came, {due & NUMBER_MASK} was due")


def meet(folder: Path, side: str):
    """Returns once both sides are open: what is sent before the other listens may be lost by right."""
    (folder / side).touch()
    other = folder / ("echo" if side == "ping" else "ping")
    until = time.monotonic() + PATIENCE_S
    while not other.exists():
        if time.monotonic() > until:
            raise SystemExit(f"no sign of the {other.name} side")
        time.sleep(0.001)


def clock_cost_ns() -> int:
    """The median cost of reading the clock, which each round trip contains once."""
    clock = time.perf_counter_ns
    costs = []
    for _ in range(10_001):
        before = clock()
        costs.append(clock() - before)
    return int(statistics.median(costs))


def copy(folder: Path, copies: int) -> array.array:
    """How long each of `copies` copies of a picture into shared memory takes, in nanoseconds."""
    import numpy

    memory = map_file(folder / "copy", COPY_PLACES * IMAGE_BYTES)
    places = numpy.frombuffer(memory, numpy.uint8).reshape(COPY_PLACES, *IMAGE_SHAPE)
    places[:] = 0
    picture = numpy.full(IMAGE_SHAPE, IMAGE_VALUE["ping"], numpy.uint8)
    took = array.array("Q", bytes(8 * copies))
    for number in range(copies):
        place = places[number % COPY_PLACES]
        picture[0, 0, 0] = value = number & 0xFF
        before = time.perf_counter_ns()
        numpy.copyto(place, picture)
        took[number] = time.perf_counter_ns() - before
        check_pixel(place, value)
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
        samples = copy(arguments.folder, total)
    else:
        transport = TRANSPORTS[arguments.way, arguments.payload](arguments.folder, arguments.side)
        meet(arguments.folder, arguments.side)
        samples = ping(transport, total) if arguments.side == "ping" else echo(transport, total)
    if samples is not None:
        if sys.byteorder == "big":
            samples.byteswap()
        with open(arguments.folder / "samples", "wb") as file:
            samples[arguments.warmup :].tofile(file)


if __name__ == "__main__":
    main()
