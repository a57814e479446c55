"""A frame number written into the picture itself, as test cameras do.

The top rows hold 32 black or white cells, the highest bit first. Whoever gets the pixels can tell
which frame they are, whatever way they came.
"""

import numpy as np

ROWS = 8
BITS = 32


def stamp(pixels: np.ndarray, frame: int) -> None:
    """Writes `frame` (0 to 2**32 - 1) into the top rows of `pixels`, [height, width, 3] uint8."""
    bits = np.unpackbits(np.frombuffer(frame.to_bytes(BITS // 8, "big"), dtype=np.uint8))
    cell = pixels.shape[1] // BITS
    pixels[:ROWS] = 0
    pixels[:ROWS, : cell * BITS] = np.repeat(bits * np.uint8(255), cell)[None, :, None]


def read(pixels: np.ndarray) -> int:
    """The frame number in the top rows of `pixels`, [height, width, 3] uint8."""
    cell = pixels.shape[1] // BITS
    bits = pixels[ROWS // 2, cell // 2 : cell * BITS : cell, 0] > 127
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
