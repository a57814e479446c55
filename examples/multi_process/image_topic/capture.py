"""Stands for your camera's driver."""

import numpy as np


def capture_frame() -> np.ndarray:
    """One picture: [480, 640, 3] uint8, every pixel's colour its row and column."""
    rows, columns = np.indices((480, 640))
    return np.stack([rows, columns, rows + columns], axis=-1).astype(np.uint8)
