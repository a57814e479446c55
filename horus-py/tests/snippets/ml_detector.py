# ml_detector.py — Python ML inference process
import horus
import numpy as np

def detect_tick(node):
    if node.has_msg("camera.rgb"):
        img = node.recv("camera.rgb")
        frame = img.to_numpy()  # zero-copy from SHM

        # Run your ML model
        detections = run_yolo(frame)

        # Publish results for the controller
        if detections:
            closest = min(detections, key=lambda d: d["distance"])
            node.send("obstacle", {
                "distance": closest["distance"],
                "angle": closest["angle"],
                "class": closest["label"],
            })

detector = horus.Node(
    name="yolo",
    subs=[horus.Image],
    pubs=["obstacle"],
    tick=detect_tick,
    rate=30,
)
horus.run(detector)
