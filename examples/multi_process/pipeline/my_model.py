"""Stands for your model: an obstacle wherever the middle pixel is bright."""

import numpy as np


def predict(frame: np.ndarray) -> list[dict]:
    """Obstacles in `frame`, [height, width, 3] uint8, each with `dist` in metres."""
    middle = frame[frame.shape[0] // 2, frame.shape[1] // 2]
    return [{"dist": 0.5}] if int(middle.max()) > 200 else []
