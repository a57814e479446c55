"""Finds orange boxes in the camera's pictures, ten times a second."""

import time

import frame_counter
import horus
import numpy as np

BOX_WIDTH_M = 0.2
FOCAL_PIXELS = 600  # a box of 0.2 m at 1 m is 120 pixels wide
MIN_COLUMN_PIXELS = 10  # a column with fewer orange pixels is noise


def predict(frame: np.ndarray) -> list[dict]:
    """The orange boxes in `frame`, [height, width, 3] uint8: distance in metres, bearing in radians."""
    red, green, blue = frame[..., 0], frame[..., 1], frame[..., 2]
    orange = (red > 200) & (green < 160) & (blue < 80)
    columns = orange.sum(axis=0) >= MIN_COLUMN_PIXELS
    edges = np.flatnonzero(np.diff(columns.astype(np.int8), prepend=0, append=0))
    return [
        {
            "dist": float(BOX_WIDTH_M * FOCAL_PIXELS / (right - left)),
            "angle": float(np.arctan2((frame.shape[1] - left - right) / 2, FOCAL_PIXELS)),
        }
        for left, right in zip(edges[::2], edges[1::2], strict=True)
    ]


def detect_tick(node):
    if node.has_msg("camera.rgb"):
        img = node.recv_latest("camera.rgb")  # the newest: a robot acts on what is there now
        frame = img.to_numpy()  # zero-copy
        detections = predict(frame)
        node.send(
            "detections",
            {
                "count": len(detections),
                "closest_distance": min(d["dist"] for d in detections) if detections else 999.0,
                "frame": frame_counter.read(frame),
                "timestamp_ns": time.monotonic_ns(),
            },
        )


det = horus.Node("detector", subs=[horus.Image], pubs=["detections"], tick=detect_tick, rate=10)

if __name__ == "__main__":
    horus.run(det)
