"""The hand-made ring: what one writes over mmap and struct, with nothing installed but numpy for pictures."""

import mmap
import os
import struct
from pathlib import Path

from checks import (
    DICT_BASE,
    IMAGE_VALUE,
    LOOKS_BETWEEN,
    NUMBER_MASK,
    check_frame,
    check_pixel,
    lose_patience,
    other,
    shape_of,
)

DEPTH = 64


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

    def __init__(self, folder: Path, side: str):
        super().__init__(folder, side, self.LAYOUT.size)

    def send(self, number: int):
        message = {"linear": 0.5, "angular": 0.25, "seq": DICT_BASE + (number & NUMBER_MASK)}
        payload = self.next_out()
        first, second, third = self.MARKS
        self.LAYOUT.pack_into(
            self.memory, payload, first, message["linear"], second, message["angular"], third, message["seq"]
        )
        self.publish(payload)

    def receive(self) -> int:
        _, linear, _, angular, _, seq = self.LAYOUT.unpack_from(self.memory, self.wait())
        message = {"linear": linear, "angular": angular, "seq": seq}
        return message["seq"] - DICT_BASE


class CmdVelBuilt(Ring):
    """The bytes of a CmdVel, packed before; what comes is their copy, unpacked only where it is checked."""

    LAYOUT = struct.Struct("<Qff")

    def __init__(self, folder: Path, side: str):
        super().__init__(folder, side, self.LAYOUT.size)

    def build(self, number: int) -> bytes:
        return self.LAYOUT.pack(number, number & NUMBER_MASK, 0.5)

    def send(self, message: bytes):
        payload = self.next_out()
        self.memory[payload : payload + 16] = message
        self.publish(payload)

    def receive(self) -> bytes:
        payload = self.wait()
        return self.memory[payload : payload + 16]

    def number_of(self, message: bytes) -> int:
        return int(self.LAYOUT.unpack(message)[1])


class ImageRing(Ring):
    """A picture for each side behind the rings; descriptors go through, a view is made, a pixel read."""

    LAYOUT = struct.Struct("<8Q")

    def __init__(self, folder: Path, side: str, payload: str):
        import numpy

        self.numpy, self.shape = numpy, shape_of(payload)
        self.image_bytes = self.shape[0] * self.shape[1] * 3
        super().__init__(folder, side, self.LAYOUT.size, 2 * self.image_bytes)
        first = 2 * self.ring_bytes
        self.image = first if side == "ping" else first + self.image_bytes
        self.their_value = IMAGE_VALUE[other(side)]
        numpy.frombuffer(self.memory, numpy.uint8, self.image_bytes, self.image)[:] = IMAGE_VALUE[side]

    def send(self, number: int):
        payload = self.next_out()
        height, width, channels = self.shape
        step = width * channels
        self.LAYOUT.pack_into(
            self.memory, payload, number, self.image, self.image_bytes, height, width, step, channels, 0
        )
        self.publish(payload)

    def receive(self) -> int:
        number, offset, _, height, width, _, channels, _ = self.LAYOUT.unpack_from(self.memory, self.wait())
        frame = self.numpy.ndarray((height, width, channels), self.numpy.uint8, self.memory, offset)
        frame.flags.writeable = False
        check_pixel(frame, self.their_value)
        return number


class FrameRing(Ring):
    """Eight pictures for each side behind the rings, filled in turn and checked where they lie."""

    LAYOUT = struct.Struct("<2Q")
    PLACES = 8

    def __init__(self, folder: Path, side: str, payload: str):
        import numpy

        shape = shape_of(payload)
        image_bytes = shape[0] * shape[1] * 3
        super().__init__(folder, side, self.LAYOUT.size, 2 * self.PLACES * image_bytes)
        places = numpy.frombuffer(
            self.memory, numpy.uint8, 2 * self.PLACES * image_bytes, 2 * self.ring_bytes
        )
        first, second = places.reshape(2, self.PLACES, *shape)
        self.mine, self.theirs = (first, second) if side == "ping" else (second, first)
        self.mine[:] = 0

    def send(self, number: int):
        place = number % self.PLACES
        self.mine[place].fill(number % 251)
        payload = self.next_out()
        self.LAYOUT.pack_into(self.memory, payload, number, place)
        self.publish(payload)

    def receive(self) -> int:
        number, place = self.LAYOUT.unpack_from(self.memory, self.wait())
        return check_frame(self.theirs[place], number)


def transport(payload: str, folder: Path, side: str):
    """This side's end, or nothing if the payload isn't known here."""
    plain = {"cmd-vel": CmdVelRing, "cmd-vel-built": CmdVelBuilt, "dict-3": DictRing}
    if payload in plain:
        return plain[payload](folder, side)
    kinds = {"image": ImageRing, "frame": FrameRing}
    kind = kinds.get(payload.split("-")[0])
    return kind(folder, side, payload) if kind else None
