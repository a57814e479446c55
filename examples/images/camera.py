"""A camera that draws straight into shared memory: no picture is ever copied on its way to other processes."""

import itertools

import horus
import numpy as np

HEIGHT, WIDTH = 480, 640
frames = itertools.count()
columns = np.arange(WIDTH)


def expose(node):
    img = horus.Image.empty(HEIGHT, WIDTH, "rgb8", frame_id="camera")
    pixels = img.to_numpy()  # [480, 640, 3] uint8, writable until it is sent
    pixels[...] = 40
    # A white bar that wanders from left to right. A driver would have its picture put here.
    left = 8 * next(frames) % (WIDTH - 32)
    pixels[:, left : left + 32] = 255
    node.send("camera.rgb", img)  # a descriptor of 168 bytes at most; the pixels stay where they are


camera = horus.Node("camera", pubs={"camera.rgb": horus.Image}, tick=expose, rate=30)

if __name__ == "__main__":
    horus.run(camera)
