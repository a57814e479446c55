"""What is exchanged: messages that carry their number, and ends for ways that carry bytes.

A way that carries bytes has `put(bytes)` and `get() -> bytes-like`. How dicts become bytes is what users of such ways
take for it: MessagePack by msgspec, the quickest there is.
"""

import struct

import msgspec
import numpy
from checks import DICT_BASE, NUMBER_MASK, check_frame, large_dict, shape_of

CMD_VEL = struct.Struct("<Qff")
SHAPES = {name: shape_of(name) for name in ("image-640x480", "image-1920x1080", "frame-1920x1080")}
VALUES = 251
PICTURES = 8


def dict_3(number: int) -> dict:
    """Three keys; the last is the number."""
    return {"linear": 0.5, "angular": 0.25, "seq": DICT_BASE + (number & NUMBER_MASK)}


DICTS = {"dict-3": (dict_3, "seq"), "dict-80": (large_dict, "key_00")}


class Bytes:
    """An end for a way that carries bytes: `way.put` and `way.get`."""

    def __init__(self, way, payload: str):
        self.put, self.get = way.put, way.get


class CmdVel(Bytes):
    """Time, speed and turn by `struct`."""

    def send(self, number: int):
        low = number & NUMBER_MASK
        self.put(CMD_VEL.pack(low, low, 0.5))

    def receive(self) -> int:
        _, linear, _ = CMD_VEL.unpack(self.get())
        return int(linear)


class CmdVelBuilt(Bytes):
    """The same, packed before; what comes is unpacked."""

    def __init__(self, way, payload: str):
        super().__init__(way, payload)
        self.send = way.put

    def build(self, number: int) -> bytes:
        low = number & NUMBER_MASK
        return CMD_VEL.pack(low, low, 0.5)

    def receive(self) -> tuple:
        return CMD_VEL.unpack(self.get())

    def number_of(self, message: tuple) -> int:
        return int(message[1])


class Dict(Bytes):
    """A dict as MessagePack."""

    def __init__(self, way, payload: str):
        super().__init__(way, payload)
        self.make, self.key = DICTS[payload]
        self.encode, self.decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode

    def send(self, number: int):
        self.put(self.encode(self.make(number)))

    def receive(self) -> int:
        return self.decode(self.get())[self.key] - DICT_BASE


class Image(Bytes):
    """Pictures made before, sent in turn: all their bytes go through; a view is made, a pixel read."""

    def __init__(self, way, payload: str):
        super().__init__(way, payload)
        self.shape = SHAPES[payload]
        self.pictures = [numpy.full(self.shape, turn, numpy.uint8) for turn in range(PICTURES)]
        self.received = 0

    def send(self, number: int):
        self.put(self.pictures[number % PICTURES])

    def receive(self) -> int:
        view = numpy.frombuffer(self.get(), numpy.uint8).reshape(self.shape)
        number = self.received
        expect_turn(view[0, 0, 0], number)
        self.received = number + 1
        return number & NUMBER_MASK


def expect_turn(pixel: int, number: int):
    """Fails unless the pixel is that of the picture whose turn it is."""
    if pixel != number % PICTURES:
        raise SystemExit(f"picture {pixel} came, {number % PICTURES} was due")


class Frame(Image):
    """A picture filled for each message, sent and checked."""

    def send(self, number: int):
        picture = self.pictures[number % PICTURES]
        picture.fill(number % VALUES)
        self.put(picture)

    def receive(self) -> int:
        view = numpy.frombuffer(self.get(), numpy.uint8).reshape(self.shape)
        number = self.received
        self.received = number + 1
        return check_frame(view, number)


ENDS = {
    "cmd-vel": CmdVel,
    "cmd-vel-built": CmdVelBuilt,
    "dict-3": Dict,
    "dict-80": Dict,
    "image-640x480": Image,
    "image-1920x1080": Image,
    "frame-1920x1080": Frame,
}
