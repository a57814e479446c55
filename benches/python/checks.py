"""What both ways of sending share: the payload's constants, and what a peer insists on."""

import time

NUMBER_MASK = 0xFFFFFF
PATIENCE_S = 20.0
LOOKS_BETWEEN = 1 << 20
IMAGE_SHAPE = (1080, 1920, 3)
IMAGE_BYTES = 1080 * 1920 * 3
IMAGE_VALUE = {"ping": 0x5A, "echo": 0x5B}
DICT_BASE = 1 << 32  # added to the number, so that MessagePack always takes eight bytes for it


def other(side: str) -> str:
    """The side that `side` talks to."""
    return "echo" if side == "ping" else "ping"


def expect(got: int, due: int):
    """Fails unless message `got` is the one that is due: nothing lost, doubled or torn."""
    if got != due & NUMBER_MASK:
        raise SystemExit(f"message {got} came, {due & NUMBER_MASK} was due")


def check_pixel(frame, value: int):
    """Fails unless the first pixel of `frame` is `value`."""
    if frame[0, 0, 0] != value:
        raise SystemExit(f"pixel {frame[0, 0, 0]}, not {value}")


def lose_patience(looks: int):
    """Ends this process if nothing has come for a time that only a dead peer takes."""
    if looks == LOOKS_BETWEEN + 1:
        lose_patience.until = time.monotonic() + PATIENCE_S
    elif looks % LOOKS_BETWEEN == 0 and time.monotonic() > lose_patience.until:
        raise SystemExit(f"nothing from the other process for {PATIENCE_S:.0f} s")
