"""A camera at 30 frames a second: 640x480 RGB, with an orange box that comes and goes."""

import itertools
import math

import frame_counter
import horus
import numpy as np
import schedule

ORANGE = (255, 110, 20)
frames = itertools.count()

# Grey-blue speckles, duller than the box everywhere: what the detector must not fall for.
background = np.random.default_rng(3).integers(40, 150, (schedule.HEIGHT, schedule.WIDTH, 3), dtype=np.uint8)
background[..., 2] += 60


def draw(frame: int) -> np.ndarray:
    """The picture of frame number `frame`: [480, 640, 3] uint8."""
    pixels = np.roll(background, -2 * frame, axis=1)
    distance = schedule.distance_m(frame)
    if distance is not None:
        width = round(schedule.PIXELS_AT_ONE_METRE / distance)
        left = schedule.WIDTH // 2 + round(100 * math.sin(frame / 20)) - width // 2
        bottom = schedule.HEIGHT - 40
        pixels[bottom - width * 3 // 4 : bottom, left : left + width] = ORANGE
    frame_counter.stamp(pixels, frame)
    return pixels


def camera_tick(node):
    img = horus.Image.from_numpy(draw(next(frames)))  # copies once into shared memory
    node.send("camera.rgb", img)  # sends a descriptor, not 900 kB


cam = horus.Node("camera", pubs=[horus.Image], tick=camera_tick, rate=schedule.FRAME_RATE_HZ)

if __name__ == "__main__":
    horus.run(cam)
