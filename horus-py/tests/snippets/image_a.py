# Process A — camera capture
import numpy as np

def camera_tick(node):
    pixels = capture_frame()  # returns numpy array
    img = horus.Image.from_numpy(pixels)  # copies once into SHM pool
    node.send("camera.rgb", img)  # sends 64B descriptor, not 1.4MB
