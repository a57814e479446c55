"""The iceoryx2 wheel: a service for each direction, polled.

- A CmdVel is a ctypes structure of a fixed type: `send_copy` sends it, the quickest of the ways its examples
  show; `loan_uninit` and `write_payload` take a call more for the same copy. What comes is read through
  `payload().contents`.
- Dicts are MessagePack by msgspec in slices of bytes: it has nothing of its own for them.
- Pictures are slices of bytes: loaned, filled where they lie through numpy, sent. Of an image that lies there
  already only one pixel is written, since a sample can be sent once only. The receiver makes its view of the
  sample.
- To sleep, a message is sent and an event notified after it, and the receiver waits on its listener.
- Buffers hold 64 messages (8 pictures), as HORUS keeps by default. Files go to the turn's folder.
"""

import ctypes

import iceoryx2 as iox2
import msgspec
import numpy
from checks import DICT_BASE, LOOKS_BETWEEN, NUMBER_MASK, PATIENCE_S, check_frame, lose_patience, other
from leaving import shm_prefix
from payloads import DICTS, PICTURES, SHAPES, VALUES, expect_turn

WORKS = ("round", "wake", "spin")


class CmdVelBytes(ctypes.Structure):
    """Time, speed and turn."""

    _fields_ = [("timestamp_ns", ctypes.c_uint64), ("linear", ctypes.c_float), ("angular", ctypes.c_float)]

    @staticmethod
    def type_name() -> str:
        """What the service calls it."""
        return "CmdVel"


def make_node(arguments):
    """A node that keeps what it makes where the turn wants it."""
    iox2.set_log_level(iox2.LogLevel.Error)
    config = iox2.config.default()
    config.global_cfg.root_path = iox2.Path.new(str(arguments.folder / "iceoryx2"))
    config.global_cfg.prefix = iox2.FileName.new(shm_prefix(arguments.folder))
    builder = iox2.NodeBuilder.new().config(config).signal_handling_mode(iox2.SignalHandlingMode.Disabled)
    return builder.create(iox2.ServiceType.Ipc)


class Pair:
    """A publisher to the other side and a subscriber to it."""

    def __init__(self, arguments, kind, slice_bytes: int = 0, buffer: int = 64):
        self.payload = arguments.payload
        self.node = node = make_node(arguments)

        def service(side: str):
            builder = node.service_builder(iox2.ServiceName.new(side)).publish_subscribe(kind)
            builder = builder.max_publishers(1).max_subscribers(1)
            return builder.subscriber_max_buffer_size(buffer).enable_safe_overflow(True).open_or_create()

        publisher = service(arguments.side).publisher_builder()
        if slice_bytes:
            publisher = publisher.initial_max_slice_len(slice_bytes)
        self.out = publisher.create()
        self.back = service(other(arguments.side)).subscriber_builder().create()
        if arguments.work != "round":
            self.sleep_between(arguments)

    def sleep_between(self, arguments):
        """Notifies after each message and waits before each."""

        def event(side: str):
            return self.node.service_builder(iox2.ServiceName.new(f"{side}-event")).event().open_or_create()

        notifier = event(arguments.side).notifier_builder().create()
        self.listener = event(other(arguments.side)).listener_builder().create()
        self.limit = iox2.Duration.from_secs(int(PATIENCE_S))
        send = self.send

        def send_and_notify(number):
            send(number)
            notifier.notify()

        self.send = send_and_notify
        self.next = self.next_asleep

    def next(self):
        """Polls until the next sample is there."""
        receive, looks = self.back.receive, 0
        while (sample := receive()) is None:
            looks += 1
            if looks > LOOKS_BETWEEN:
                lose_patience(looks)
        return sample

    def next_asleep(self):
        """Waits for the next sample."""
        while (sample := self.back.receive()) is None:
            if not self.listener.timed_wait(self.limit):
                raise SystemExit(f"nothing from the other process for {PATIENCE_S:.0f} s")
        return sample

    def close(self):
        """Removes its files while the interpreter is still whole."""
        self.out.delete()
        self.back.delete()


class CmdVel(Pair):
    """A structure made for each message."""

    def __init__(self, arguments):
        super().__init__(arguments, CmdVelBytes)

    def send(self, number: int):
        low = number & NUMBER_MASK
        self.out.send_copy(CmdVelBytes(low, low, 0.5))

    def receive(self) -> int:
        return int(self.next().payload().contents.linear)


class CmdVelBuilt(CmdVel):
    """A structure made before."""

    def build(self, number: int):
        low = number & NUMBER_MASK
        return CmdVelBytes(low, low, 0.5)

    def send(self, message):
        self.out.send_copy(message)

    def receive(self):
        return self.next().payload().contents

    def number_of(self, message) -> int:
        return int(message.linear)


class Dict(Pair):
    """A dict as MessagePack in a slice of bytes."""

    MOST = 2048

    def __init__(self, arguments):
        self.make, self.key = DICTS[arguments.payload]
        self.encode, self.decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
        super().__init__(arguments, iox2.Slice[ctypes.c_uint8], self.MOST)

    def send(self, number: int):
        message = self.encode(self.make(number))
        length = len(message)
        sample = self.out.loan_slice_uninit(length)
        ctypes.memmove(sample.payload_ptr, message, length)
        sample.assume_init().send()

    def receive(self) -> int:
        sample = self.next()
        return self.decode(sample.payload().as_memory_view().cast("B"))[self.key] - DICT_BASE


class Image(Pair):
    """A picture that lies in loaned memory: a pixel written, sent, a view made, a pixel read."""

    def __init__(self, arguments):
        self.shape = SHAPES[arguments.payload]
        self.bytes = self.shape[0] * self.shape[1] * self.shape[2]
        self.received = 0
        super().__init__(arguments, iox2.Slice[ctypes.c_uint8], self.bytes, 8)

    def view(self, sample):
        """The picture in a sample, not copied."""
        return numpy.frombuffer(sample.payload().as_memory_view(), numpy.uint8).reshape(self.shape)

    def send(self, number: int):
        sample = self.out.loan_slice_uninit(self.bytes)
        self.view(sample)[0, 0, 0] = number % PICTURES
        sample.assume_init().send()

    def receive(self) -> int:
        sample = self.next()
        number = self.received
        expect_turn(self.view(sample)[0, 0, 0], number)
        self.received = number + 1
        return number & NUMBER_MASK


class Frame(Image):
    """A picture filled for each message, sent and checked."""

    def send(self, number: int):
        sample = self.out.loan_slice_uninit(self.bytes)
        self.view(sample).fill(number % VALUES)
        sample.assume_init().send()

    def receive(self) -> int:
        sample = self.next()
        number = self.received
        self.received = number + 1
        return check_frame(self.view(sample), number)


ENDS = {
    "cmd-vel": CmdVel,
    "cmd-vel-built": CmdVelBuilt,
    "dict-3": Dict,
    "dict-80": Dict,
    "image-640x480": Image,
    "image-1920x1080": Image,
    "frame-1920x1080": Frame,
}


def open_end(arguments):
    """This side's end, or nothing if it isn't known."""
    kind = ENDS.get(arguments.payload)
    return kind(arguments) if kind and arguments.work in WORKS else None
