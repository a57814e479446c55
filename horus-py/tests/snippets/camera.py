import horus
import numpy as np

def camera_tick(node):
    # Simulate camera capture
    pixels = np.random.randint(0, 255, (480, 640, 3), dtype=np.uint8)
    img = horus.Image.from_numpy(pixels)
    node.send("camera.rgb", img)

cam = horus.Node("camera", pubs=[horus.Image], tick=camera_tick, rate=30)
horus.run(cam)
