"""What all ways of sending share: the payload's constants, and what a side insists on."""

import time

NUMBER_MASK = 0xFFFFFF
PATIENCE_S = 20.0
LOOKS_BETWEEN = 1 << 20
IMAGE_VALUE = {"ping": 0x5A, "echo": 0x5B}
DICT_BASE = 1 << 32  # added to the number, so that MessagePack always takes eight bytes for it
BUILT_EVERY = 256  # a message that is built before is built anew, and checked, once in so many


def other(side: str) -> str:
    """The side that `side` talks to."""
    return "echo" if side == "ping" else "ping"


def shape_of(payload: str) -> tuple[int, int, int]:
    """Height, width and channels of `image-WIDTHxHEIGHT` or `frame-WIDTHxHEIGHT`."""
    width, height = payload.split("-")[1].split("x")
    return int(height), int(width), 3


def large_dict(number: int) -> dict[str, object]:
    """The dict of 80 keys; only its first value changes."""
    return {
        "key_00": DICT_BASE + (number & NUMBER_MASK),
        **{f"key_{key:02}": key + 0.5 for key in range(1, 80)},
    }


def nested_dict() -> dict[str, dict]:
    """Twenty dicts in a dict."""
    return {
        f"joint_{joint:02}": {
            "name": f"joint_{joint:02}",
            "position": 0.5,
            "velocity": -0.25,
            "limits": [-1.5, 1.5],
            "enabled": True,
            "errors": 3,
        }
        for joint in range(20)
    }


def expect(got: int, due: int):
    """Fails unless message `got` is the one that is due: nothing lost, doubled or torn."""
    if got != due & NUMBER_MASK:
        raise SystemExit(f"message {got} came, {due & NUMBER_MASK} was due")


def check_pixel(frame, value: int):
    """Fails unless the first pixel of `frame` is `value`."""
    if frame[0, 0, 0] != value:
        raise SystemExit(f"pixel {frame[0, 0, 0]}, not {value}")


def check_frame(frame, number: int) -> int:
    """The number, if every byte of `frame` is what it was filled with."""
    if not (frame == number % 251).all():
        raise SystemExit(f"a picture that isn't {number % 251} throughout")
    return number & NUMBER_MASK


def lose_patience(looks: int):
    """Ends this process if nothing has come for a time that only a dead peer takes."""
    if looks == LOOKS_BETWEEN + 1:
        lose_patience.until = time.monotonic() + PATIENCE_S
    elif looks % LOOKS_BETWEEN == 0 and time.monotonic() > lose_patience.until:
        raise SystemExit(f"nothing from the other process for {PATIENCE_S:.0f} s")
