"""HORUS: a topic for each direction, polled, with what a user would write around it."""

import horus
import numpy as np
from checks import (
    DICT_BASE,
    IMAGE_SHAPE,
    IMAGE_VALUE,
    LOOKS_BETWEEN,
    NUMBER_MASK,
    check_pixel,
    lose_patience,
    other,
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


class Dict(Pair):
    """A dict of three keys."""

    def __init__(self, side: str):
        super().__init__(side, dict)

    def send(self, number: int):
        self.out.send({"linear": 0.5, "angular": 0.25, "seq": DICT_BASE + (number & NUMBER_MASK)})

    def receive(self) -> int:
        return self.next()["seq"] - DICT_BASE


class Image(Pair):
    """Pictures made beforehand, sent in turn; a descriptor goes through, a view is made, a pixel read.

    A picture can't change once it is sent, so the number of a message is the count of its receiver;
    that nothing is lost or doubled is told by the picture's place in its turn, its second pixel.
    """

    TURNS = 8

    def __init__(self, side: str):
        super().__init__(side, horus.Image)
        self.their_value = IMAGE_VALUE[other(side)]
        self.received = 0
        pixels = np.full(IMAGE_SHAPE, IMAGE_VALUE[side], np.uint8)
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


TRANSPORTS = {
    ("horus", "cmd-vel"): CmdVel,
    ("horus-again", "cmd-vel"): CmdVelAgain,
    ("horus", "dict"): Dict,
    ("horus", "image"): Image,
}
