"""The horus-robotics wheel: a topic for each direction, polled, by the calls that its documentation shows.

- Typed topics are named by `endpoint`, as its own Node does it. A namespace for each turn; what it leaves there
  (topics and pools, always) goes when both sides are through.
- Pictures are made before and sent in turn: each new one takes a place of its pool that never comes back (172
  of 1080p, then it is exhausted). A frame is filled where it lies, through `to_numpy()`, eight in turn: the one
  way in which it goes on.
- It is asked for no blocking call: nothing of it wakes a reader in another process, so there is `round` only.
"""

import os

from checks import DICT_BASE, LOOKS_BETWEEN, NUMBER_MASK, check_frame, lose_patience, other
from horus_nodes import WORKS_OF_ITS_OWN
from leaving import insist_on_the_wheel, leave_nothing_when_killed, namespace, wait_for
from payloads import DICTS, PICTURES, SHAPES, VALUES, expect_turn

__all__ = ["WORKS_OF_ITS_OWN", "open_end"]


class Pair:
    """The topic to send on and the one to receive from."""

    def __init__(self, arguments, kind):
        import horus

        self.horus, self.side = horus, arguments
        self.payload = arguments.payload

        def topic(side: str):
            return horus.Topic(kind, endpoint=side) if kind else horus.Topic(side)

        self.out, self.back = topic(arguments.side), topic(other(arguments.side))
        # What joins the topic: messages count from here on.
        self.back.recv()

    def next(self):
        """Polls until the next message is there."""
        recv, looks = self.back.recv, 0
        while (message := recv()) is None:
            looks += 1
            if looks > LOOKS_BETWEEN:
                lose_patience(looks)
        return message

    def close(self):
        """Ends the echoing side after the other: with a process go its pictures, those not yet read as well."""
        told = self.side.folder / "ping-is-through"
        if self.side.pings:
            told.touch()
        else:
            wait_for(told)


class CmdVel(Pair):
    """A CmdVel made for each message."""

    def __init__(self, arguments):
        import horus

        super().__init__(arguments, horus.CmdVel)

    def send(self, number: int):
        low = number & NUMBER_MASK
        put(self.out, self.horus.CmdVel(low, 0.5, low))

    def receive(self) -> int:
        return int(self.next().linear)


class CmdVelBuilt(CmdVel):
    """A CmdVel made before."""

    def __init__(self, arguments):
        super().__init__(arguments)
        self.receive = self.next

    def build(self, number: int):
        low = number & NUMBER_MASK
        return self.horus.CmdVel(low, 0.5, low)

    def send(self, message):
        put(self.out, message)

    def number_of(self, message) -> int:
        return int(message.linear)


class Dict(Pair):
    """A dict, which it turns into MessagePack itself."""

    def __init__(self, arguments):
        super().__init__(arguments, None)
        self.make, self.key = DICTS[arguments.payload]

    def send(self, number: int):
        put(self.out, self.make(number))

    def receive(self) -> int:
        return self.next()[self.key] - DICT_BASE


class Image(Pair):
    """Pictures made before, sent in turn: a descriptor goes through, a view is made, a pixel read."""

    def __init__(self, arguments):
        import horus

        super().__init__(arguments, horus.Image)
        height, width, _ = SHAPES[arguments.payload]
        self.images = [horus.Image(height, width, "rgb8") for _ in range(PICTURES)]
        self.views = [image.to_numpy() for image in self.images]
        for turn, view in enumerate(self.views):
            view.fill(turn)
        self.received = 0

    def send(self, number: int):
        put(self.out, self.images[number % PICTURES])

    def receive(self) -> int:
        view = self.next().to_numpy()
        number = self.received
        expect_turn(view[0, 0, 0], number)
        self.received = number + 1
        return number & NUMBER_MASK


class Frame(Image):
    """A picture filled for each message, sent and checked."""

    def send(self, number: int):
        turn = number % PICTURES
        self.views[turn].fill(number % VALUES)
        put(self.out, self.images[turn])

    def receive(self) -> int:
        view = self.next().to_numpy()
        number = self.received
        self.received = number + 1
        return check_frame(view, number)


def put(topic, message):
    """Sends, and fails where it says that it didn't."""
    if not topic.send(message):
        raise SystemExit("send said False")


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
    if kind is None or arguments.work != "round":
        return None
    # Read when it is imported or first used; HORUS' own setting names the turn's folder, which it doesn't know.
    os.environ["HORUS_NAMESPACE"] = namespace(arguments.folder)
    leave_nothing_when_killed(arguments.folder, arguments.side)
    import horus

    insist_on_the_wheel(horus)
    return kind(arguments)
