"""Sends images at full speed: image_sender.py HEIGHT WIDTH COUNT. Says how much memory it takes on the way."""

import hashlib
import resource
import sys

import horus
import numpy as np

WARM = 100


def private_bytes() -> int:
    with open("/proc/self/statm") as statm:
        resident, shared = map(int, statm.read().split()[1:3])
    return (resident - shared) * resource.getpagesize()


def frame(number: int, height: int, width: int) -> np.ndarray:
    """An image of one value, its number in front; every hundredth is noise, and its hash stands in front too."""
    if number % 100:
        pixels = np.full((height, width, 3), number % 256, np.uint8)
    else:
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    flat = pixels.reshape(-1)
    flat[:8] = np.frombuffer(np.uint64(number).tobytes(), np.uint8)
    if number % 100 == 0:
        flat[8:40] = np.frombuffer(hashlib.sha256(flat[40:]).digest(), np.uint8)
    return pixels


def main() -> None:
    height, width, count = map(int, sys.argv[1:])
    out = horus.Topic("stream", horus.Image)
    # Made ahead, so that the sending is what takes the time.
    plain = np.zeros((height, width, 3), np.uint8)
    for number in range(count):
        if number % 100:
            plain.reshape(-1)[:8] = np.frombuffer(np.uint64(number).tobytes(), np.uint8)
            out.send(horus.Image.from_numpy(plain))
        else:
            out.send(horus.Image.from_numpy(frame(number, height, width)))
        if number in (WARM, count - 1):
            print(number, private_bytes(), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
