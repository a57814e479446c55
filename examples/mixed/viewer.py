"""Looks at the pictures of `pattern_camera`, a compiled process: a view of its memory, not a copy of it.

Says once a second what it saw, and ends with an error at the first picture that isn't whole.
"""

import itertools
import time

import horus
import numpy as np

pictures = itertools.count(1)


def is_whole(frame: np.ndarray) -> bool:
    """Whether every pixel of `frame`, [height, width, 3] uint8, tells its place and one and the same number."""
    number = frame[0, 0, 2]
    rows, columns = (np.arange(size).astype(np.uint8) for size in frame.shape[:2])  # modulo 256, as drawn
    return bool(
        (frame[..., 0] == number + columns).all()
        and (frame[..., 1] == number + rows[:, None]).all()
        and (frame[..., 2] == number).all()
    )


def look(node, img):
    frame = img.to_numpy()  # no copy: read-only, and there as long as this array is
    if not is_whole(frame):
        raise ValueError(f"the picture of number {frame[0, 0, 2]} isn't whole")
    seen = next(pictures)
    if seen % 30 == 1:
        age_ms = (time.monotonic_ns() - img.timestamp_ns) / 1e6
        print(
            f"{seen} whole pictures of {img.width}x{img.height} {img.encoding}; this one is {age_ms:.1f} ms old",
            flush=True,
        )


viewer = horus.Node("viewer", subs={"camera.rgb": (horus.Image, look)})

if __name__ == "__main__":
    horus.run(viewer)
