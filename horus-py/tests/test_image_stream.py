"""Thousands of images at full speed: memory stays where it was, and what is held stays what it was."""

import hashlib
import os
from collections import deque
from pathlib import Path

import horus
import numpy as np
import pytest

HERE = Path(__file__).parent
HELD = 3
DEPTH = 8


def pool_bytes(root: Path) -> int:
    return sum(512 * path.stat().st_blocks for path in (root / "test" / "pools").iterdir())


def private_bytes() -> int:
    """What is resident and this process's own; the pools, which are shared, are measured where they are."""
    resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def block_bytes(image_bytes: int) -> int:
    """The size of the block that holds an image and its head, as docs/shared-memory.md gives it."""
    needed = image_bytes + 64
    return 1 << (needed - 1).bit_length() if needed <= 1 << 20 else -(-needed // (64 << 10)) * (64 << 10)


def check(frame: np.ndarray) -> int:
    flat = frame.reshape(-1)
    number = int(flat[:8].copy().view(np.uint64)[0])
    if number % 100 == 0:
        assert hashlib.sha256(flat[40:]).digest() == flat[8:40].tobytes(), (
            f"image {number} is not what was sent"
        )
    return number


@pytest.mark.parametrize(("height", "width", "count"), [(480, 640, 20_000), (1080, 1920, 600)])
def test_images_at_full_speed_take_no_more_memory(height, width, count, shm_root, start):
    into = horus.Topic("stream", horus.Image)
    sender = start(HERE / "image_sender.py", height, width, count, stdin=-1)
    # A page of the pool's own, and the blocks: a full ring, what is held, two more, and spare ones (fewer scans).
    limit = 4096 + (DEPTH + HELD + 2 + DEPTH // 2) * block_bytes(height * width * 3)
    held: deque[np.ndarray] = deque()
    last, hashed, at_hundred = -1, 0, None
    while last < count - 1:
        assert into.wait(60), f"nothing after image {last}"
        frame = into.recv().to_numpy()
        number = check(frame)
        assert number > last, "in order"
        assert not frame.flags.writeable
        last = number
        hashed += number % 100 == 0
        # Up to the hundredth the first three are held on, so that the pool has grown by them when it is measured.
        if len(held) < HELD or at_hundred:
            held.append(frame)
        if len(held) > HELD:
            check(held.popleft())
        if number >= 100 and at_hundred is None:
            at_hundred = (pool_bytes(shm_root), private_bytes())
        if number % 50 == 0:
            assert pool_bytes(shm_root) <= limit
    assert hashed > 0
    taken, private = pool_bytes(shm_root), private_bytes()
    assert taken <= limit
    # At the hundredth a block may still have been free to be handed out; none is added later.
    assert taken <= at_hundred[0] + block_bytes(height * width * 3)
    # The interpreter's own heap breathes by an array or two.
    slack = 2 * block_bytes(height * width * 3)
    assert private <= at_hundred[1] + slack
    theirs = dict(tuple(map(int, sender.stdout.readline().split())) for _ in range(2))
    assert theirs[count - 1] <= theirs[100] + slack
    sender.stdin.write("\n")
    sender.stdin.flush()
    assert sender.wait(60) == 0
