# Process A — camera capture
import numpy as np
import horus
from capture import capture_frame

def camera_tick(node):
    pixels = capture_frame()  # returns numpy array
    img = horus.Image.from_numpy(pixels)  # copies once into SHM pool
    node.send("camera.rgb", img)  # sends 64B descriptor, not 1.4MB

horus.run(horus.Node("camera", tick=camera_tick, rate=30))
