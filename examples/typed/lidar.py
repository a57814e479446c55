"""A laser scanner in a corridor with a wall that comes nearer: 10 scans of 181 rays a second, as LaserScan."""

import itertools
import math

import horus
import numpy as np

RAYS = 181
scans = itertools.count()


def measure(distance: float) -> np.ndarray:
    """Distances to a wall across the corridor, which is 2 m wide: [181] f32, metres, from -90 to 90 degrees."""
    angles = np.linspace(-math.pi / 2, math.pi / 2, RAYS)
    with np.errstate(divide="ignore"):
        return np.minimum(distance / np.cos(angles), 1.0 / np.abs(np.sin(angles))).astype(np.float32)


def scan(node):
    distance = 3.0 - 0.1 * (next(scans) % 25)
    node.send(
        "scan",
        horus.LaserScan(
            angle_min=-math.pi / 2,
            angle_max=math.pi / 2,
            angle_increment=math.pi / (RAYS - 1),
            range_min=0.05,
            range_max=30.0,
            ranges=measure(distance),  # any count: as many as the scanner has
            frame_id="laser",
        ),
    )


# The type is declared, so that a wrong message is an error at once, here and in every other process.
lidar = horus.Node("lidar", pubs={"scan": horus.LaserScan}, tick=scan, rate=10)

if __name__ == "__main__":
    horus.run(lidar)
