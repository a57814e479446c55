"""HORUS: a topic for each direction, with what a user would write around it."""

import horus
import numpy as np
from checks import (
    DICT_BASE,
    IMAGE_VALUE,
    LOOKS_BETWEEN,
    NUMBER_MASK,
    PATIENCE_S,
    check_frame,
    check_pixel,
    large_dict,
    lose_patience,
    nested_dict,
    other,
    shape_of,
)


class Pair:
    """The topic to send on and the one to receive from, both open once this is made."""

    def __init__(self, side: str, kind: type):
        self.out = horus.Topic(side, kind)
        self.back = horus.Topic(other(side), kind)
        # A topic is opened at its first use; what comes from now on is for us.
        self.back.has_msg()

    def next(self):
        """Polls until the next message is there."""
        recv, looks = self.back.recv, 0
        while (message := recv()) is None:
            looks += 1
            if looks > LOOKS_BETWEEN:
                lose_patience(looks)
        return message


class CmdVel(Pair):
    """A CmdVel made for each message."""

    def __init__(self, side: str):
        super().__init__(side, horus.CmdVel)

    def send(self, number: int):
        self.out.send(horus.CmdVel(number & NUMBER_MASK, 0.5, timestamp_ns=number))

    def receive(self) -> int:
        return int(self.next().linear)


class CmdVelAgain(CmdVel):
    """One CmdVel, changed and sent again."""

    def __init__(self, side: str):
        super().__init__(side)
        self.message = horus.CmdVel(0.0, 0.5)

    def send(self, number: int):
        self.message.timestamp_ns = number
        self.message.linear = number & NUMBER_MASK
        self.out.send(self.message)


class CmdVelBuilt(Pair):
    """A CmdVel built before and sent again and again."""

    def __init__(self, side: str):
        super().__init__(side, horus.CmdVel)
        self.send, self.receive = self.out.send, self.next

    def build(self, number: int) -> horus.CmdVel:
        return horus.CmdVel(number & NUMBER_MASK, 0.5, timestamp_ns=number)

    def number_of(self, message: horus.CmdVel) -> int:
        if type(message) is not horus.CmdVel:
            raise SystemExit(f"a {type(message)} came")
        return int(message.linear)


class CmdVelAsleep(CmdVelBuilt):
    """The same, asleep until it comes."""

    def __init__(self, side: str):
        super().__init__(side)
        self.receive = self.sleep

    def sleep(self) -> horus.CmdVel:
        wait, recv = self.back.wait, self.back.recv
        while (message := recv()) is None:
            if not wait(PATIENCE_S):
                raise SystemExit("nothing from the other process")
        return message


class Dict(Pair):
    """A dict of three keys."""

    def __init__(self, side: str):
        super().__init__(side, dict)

    def send(self, number: int):
        self.out.send({"linear": 0.5, "angular": 0.25, "seq": DICT_BASE + (number & NUMBER_MASK)})

    def receive(self) -> int:
        return self.next()["seq"] - DICT_BASE


class LargeDict(Pair):
    """A dict of 80 keys, of which one changes."""

    def __init__(self, side: str):
        super().__init__(side, dict)
        self.message = large_dict(0)

    def send(self, number: int):
        self.message["key_00"] = DICT_BASE + (number & NUMBER_MASK)
        self.out.send(self.message)

    def receive(self) -> int:
        message = self.next()
        if len(message) != 80 or message["key_79"] != 79.5:
            raise SystemExit(f"{message} came")
        return message["key_00"] - DICT_BASE


class Image(Pair):
    """Pictures made beforehand, sent in turn; a descriptor goes through, a view is made, a pixel read.

    A picture can't change once it is sent, so the number of a message is the count of its receiver;
    that nothing is lost or doubled is told by the picture's place in its turn, its second pixel.
    """

    TURNS = 8

    def __init__(self, side: str, payload: str):
        super().__init__(side, horus.Image)
        self.their_value = IMAGE_VALUE[other(side)]
        self.received = 0
        pixels = np.full(shape_of(payload), IMAGE_VALUE[side], np.uint8)
        self.images = []
        for turn in range(self.TURNS):
            pixels[0, 1] = turn
            self.images.append(horus.Image.from_numpy(pixels))

    def send(self, number: int):
        self.out.send(self.images[number % self.TURNS])

    def receive(self) -> int:
        frame = self.next().to_numpy()
        check_pixel(frame, self.their_value)
        number = self.received
        if frame[0, 1, 0] != number % self.TURNS:
            raise SystemExit(f"picture {frame[0, 1, 0]} came, {number % self.TURNS} was due")
        self.received = number + 1
        return number & NUMBER_MASK


class Frame(Pair):
    """A picture of the pool for each message, filled there, sent and checked."""

    def __init__(self, side: str, payload: str):
        super().__init__(side, horus.Image)
        self.height, self.width, _ = shape_of(payload)
        self.received = 0

    def send(self, number: int):
        image = horus.Image.empty(self.height, self.width, encoding="rgb8")
        image.to_numpy().fill(number % 251)
        self.out.send(image)

    def receive(self) -> int:
        number = self.received
        self.received = number + 1
        return check_frame(self.next().to_numpy(), number)


def transport(way: str, work: str, payload: str, side: str):
    """This side's end, or nothing if the pairing isn't known here."""
    if way == "horus-again":
        return CmdVelAgain(side) if payload == "cmd-vel" else None
    if work in ("wake", "spin"):
        return CmdVelAsleep(side) if payload == "cmd-vel-built" else None
    plain = {"cmd-vel": CmdVel, "cmd-vel-built": CmdVelBuilt, "dict-3": Dict, "dict-80": LargeDict}
    if payload in plain:
        return plain[payload](side)
    kinds = {"image": Image, "frame": Frame}
    kind = kinds.get(payload.split("-")[0])
    return kind(side, payload) if kind else None


class Encoded:
    """A dict to its bytes in the ring and back, by one process."""

    def __init__(self):
        self.topic = horus.Topic("state", dict)
        self.topic.has_msg()
        self.message = nested_dict()

    def there_and_back(self) -> dict:
        """Sends the dict and receives it."""
        self.topic.send(self.message)
        return self.topic.recv()
