"""Stands for your network: the brighter the picture, the nearer the one thing it sees."""

import numpy as np


def run_yolo(frame: np.ndarray) -> list[dict]:
    """Detections in `frame`, [height, width, 3] uint8: distance in metres, angle in radians, label."""
    return [{"distance": 10.0 - float(frame.mean()) / 32.0, "angle": 0.0, "label": "lamp"}]
