"""msgspec over hand-made shared memory: what one writes who sends dicts between two processes and knows msgspec.

Two rings of slots in a mapped file, one for each direction: a sequence number, a length, MessagePack. No time
stamp, no check against being lapped, nobody to wake. Python has no fences; on x86-64 stores and loads keep
their order, elsewhere this would be wrong, and the figures with it.

`encode` is msgspec alone, to bytes and back, with an encoder and a decoder made before.
"""

import array
import mmap
import time

import msgspec
from checks import DICT_BASE, LOOKS_BETWEEN, large_dict, lose_patience, nested_dict
from payloads import DICTS, dict_3
from side import clock_cost_ns

DEPTH = 64
SLOT_BYTES = 2048
RING_BYTES = DEPTH * SLOT_BYTES
HEAD_BYTES = 16


class Ring:
    """The two rings at the beginning of `memory`."""

    def __init__(self, memory, side: str):
        self.memory = memoryview(memory)
        self.words = self.memory[: 2 * RING_BYTES].cast("Q")
        self.out = 0 if side == "ping" else RING_BYTES
        self.back = RING_BYTES - self.out
        self.sent = 0
        self.received = 0

    def put(self, message: bytes):
        """Writes the message, then its number."""
        slot = self.out + self.sent % DEPTH * SLOT_BYTES
        self.sent = sent = self.sent + 1
        length = len(message)
        self.memory[slot + HEAD_BYTES : slot + HEAD_BYTES + length] = message
        word = slot // 8
        self.words[word + 1] = length
        self.words[word] = sent

    def get(self) -> memoryview:
        """Polls until the next message is there; returns where it lies."""
        slot = self.back + self.received % DEPTH * SLOT_BYTES
        self.received = due = self.received + 1
        words, word, looks = self.words, slot // 8, 0
        while words[word] != due:
            looks += 1
            if looks > LOOKS_BETWEEN:
                lose_patience(looks)
        return self.memory[slot + HEAD_BYTES : slot + HEAD_BYTES + words[word + 1]]


class Dict(Ring):
    """A dict as MessagePack through the ring, with no call between."""

    def __init__(self, memory, side: str, payload: str):
        super().__init__(memory, side)
        self.make, self.key = DICTS[payload]
        self.encode, self.decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode

    def send(self, number: int):
        self.put(self.encode(self.make(number)))

    def receive(self) -> int:
        return self.decode(self.get())[self.key] - DICT_BASE

    def close(self):
        """Nothing: the file goes with the turn's folder."""


def open_end(arguments):
    """This side's end, or nothing if it isn't known."""
    if arguments.work != "round" or arguments.payload not in DICTS:
        return None
    with open(arguments.folder / "ring", "a+b") as file:
        file.truncate(2 * RING_BYTES)
        memory = mmap.mmap(file.fileno(), 2 * RING_BYTES)
    return Dict(memory, arguments.side, arguments.payload)


def encode(side) -> array.array:
    """How long each message takes to bytes and back, in nanoseconds."""
    message = ENCODED[side.payload]()
    to_bytes, to_value = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
    clock, clock_cost = time.perf_counter_ns, clock_cost_ns()
    took = array.array("Q", bytes(8 * side.total))
    for number in range(side.total):
        before = clock()
        back = to_value(to_bytes(message))
        took[number] = max(clock() - before - clock_cost, 0)
    if back != message:
        raise SystemExit("what came back is another value")
    return took


ENCODED = {"dict-nested": nested_dict, "dict-3": lambda: dict_3(0), "dict-80": lambda: large_dict(0)}
WORKS_OF_ITS_OWN = {("encode", payload): encode for payload in ENCODED}
