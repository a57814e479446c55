"""The parts of a run that are written in Python: actors.py PART --topic … --ledger … --id … --parent …

What the messages say stands in ../src/payload.rs, what is noted of them in ../src/ledger.rs.
"""

import argparse
import ctypes
import mmap
import os
import signal
import sys
import time
import traceback
from collections import deque

import horus
import numpy as np

BEGAN, READY, DOING, BEGUN, SENT, RECEIVED, DROPPED, HEARD, HEARD_IN_PYTHON, FIRST = range(10)
ALLOCATING, FILLING, PUBLISHING, NOTHING = 1, 2, 3, 0
ENTRY_WORDS = 16
FAULT = 13  # of the entry that is no process's own
TYPES = {"cmd": horus.CmdVel, "dict": dict, "image": horus.Image}
MASK = (1 << 64) - 1
WIDTH = 1024
HELD_MAX = 3
LOOK_S = 0.1
NOTE_EVERY = 64
PR_SET_PDEATHSIG = 1


class Torn(Exception):
    """A message that isn't as it was sent."""


def mix(seed: int) -> int:
    z = (seed + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def rotated(word: int, by: int) -> int:
    return ((word << by) | (word >> (64 - by))) & MASK


class Body:
    def __init__(self, publisher: int, number: int):
        self.first = mix(publisher ^ rotated(number, 32))
        self.step = rotated(self.first, 17) | 1

    def words(self, count: int) -> np.ndarray:
        return np.arange(count, dtype=np.uint64) * np.uint64(self.step) + np.uint64(self.first)

    def checksum(self, count: int) -> int:
        total = self.first * count + self.step * (count * (count - 1) // 2)
        return ((total & MASK) ^ self.first) >> 2

    def small(self) -> int:
        return self.first >> 40


def check(publisher: int, number: int, checksum: int, words: np.ndarray) -> None:
    body = Body(publisher, number)
    if checksum != body.checksum(len(words)) or not np.array_equal(words, body.words(len(words))):
        raise Torn(f"torn: message {number} of {publisher}: {len(words)} words, checksum {checksum:#x}")


def read_image(image: horus.Image) -> tuple[int, int]:
    words = image.to_numpy().reshape(-1).view(np.uint64)
    publisher, number, checksum = map(int, words[:3])
    check(publisher, number, checksum, words[3:])
    return publisher, number


def read(message: object) -> tuple[int, int]:
    """Who sent a message and its number, every word of it checked."""
    if isinstance(message, dict):
        publisher, number = message["publisher"], message["number"]
        check(publisher, number, message["checksum"], np.frombuffer(message["body"], np.uint64))
        return publisher, number
    if isinstance(message, horus.Image):
        return read_image(message)
    publisher, number = int(message.linear), message.timestamp_ns
    if message.angular != Body(publisher, number).small():
        raise Torn(f"torn: message {number} of {publisher}: {message}")
    return publisher, number


class Actor:
    def __init__(self, options: argparse.Namespace):
        self.id, self.topic = options.id, options.topic
        with open(options.ledger, "r+b") as file:
            self.ledger = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
        self.ended = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.end)
        self.stamp(BEGAN)

    def end(self, *_: object) -> None:
        self.ended = True

    def note(self, note: int, value: int) -> None:
        self.ledger[self.id * ENTRY_WORDS + note] = value

    def stamp(self, note: int) -> None:
        self.note(note, time.monotonic_ns())

    def publish(self) -> None:
        out = horus.Topic(self.topic, TYPES[self.topic])
        send = {"cmd": self.send_cmd, "dict": self.send_dict, "image": self.send_image}[self.topic]
        number = 0
        while not self.ended:
            self.note(BEGUN, number + 1)
            send(out, number, Body(self.id, number))
            if number == 0:
                self.stamp(READY)
            number += 1
            self.note(SENT, number)
        out.close()

    def send_cmd(self, out: horus.Topic, number: int, body: Body) -> None:
        out.send(horus.CmdVel(self.id, body.small(), timestamp_ns=number))

    def send_dict(self, out: horus.Topic, number: int, body: Body) -> None:
        words = body.words([12, 60, 375, 2500][number % 4])
        checksum = body.checksum(len(words))
        out.send({"publisher": self.id, "number": number, "checksum": checksum, "body": words.tobytes()})

    def send_image(self, out: horus.Topic, number: int, body: Body) -> None:
        self.note(DOING, ALLOCATING)
        image = horus.Image.empty(600 if number % 4 == 3 else 60, WIDTH, "mono8")
        self.note(DOING, FILLING)
        words = image.to_numpy().reshape(-1).view(np.uint64)
        words[:3] = self.id, number, body.checksum(len(words) - 3)
        words[3:] = body.words(len(words) - 3)
        del words
        self.note(DOING, PUBLISHING)
        out.send(image)
        self.note(DOING, NOTHING)

    def subscribe(self, watches: bool) -> None:
        into = horus.Topic(self.topic, TYPES[self.topic])
        into.has_msg()
        self.stamp(READY)
        last: dict[int, int] = {}
        held: deque[horus.Image] = deque()
        received = 0
        while True:
            some = into.wait(LOOK_S)
            while held and not some:
                read_image(held.popleft())
            left = NOTE_EVERY
            while left and (message := into.recv()) is not None:
                left -= 1
                publisher, number = read(message)
                before = last.get(publisher)
                if before is not None and number <= before:
                    raise Torn(f"order: {number} of {publisher} came after {before}")
                last[publisher] = number
                if before is None and watches:
                    self.ledger[publisher * ENTRY_WORDS + HEARD_IN_PYTHON] = time.monotonic_ns()
                if received == 0:
                    self.stamp(FIRST)
                received += 1
                if isinstance(message, horus.Image):
                    held.append(message)
                if len(held) > HELD_MAX:
                    read_image(held.popleft())
            self.note(DROPPED, into.dropped())
            self.note(RECEIVED, received)
            if self.ended and not (some and watches):
                break
        held.clear()
        into.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["publish", "subscribe", "watch"])
    parser.add_argument("--topic", choices=list(TYPES), required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--id", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != options.parent:
        raise SystemExit("the run is over already")
    actor = Actor(options)
    try:
        perform(actor, options.part)
    except Exception:
        traceback.print_exc()
        actor.ledger[FAULT] = options.id
        sys.exit(1)


def perform(actor: Actor, part: str) -> None:
    if part != "watch":
        os.nice(5)
    if part == "publish":
        actor.publish()
    else:
        actor.subscribe(watches=part == "watch")


if __name__ == "__main__":
    main()
