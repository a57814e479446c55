import horus

def detect_tick(node):
    if node.has_msg("camera.rgb"):
        img = node.recv("camera.rgb")
        frame = img.to_numpy()  # zero-copy

        # Run detection model
        detections = my_model.predict(frame)
        node.send("detections", {
            "count": len(detections),
            "closest_distance": min(d["dist"] for d in detections) if detections else 999.0,
        })

det = horus.Node("detector", subs=[horus.Image], pubs=["detections"], tick=detect_tick, rate=10)
horus.run(det)
