# Process B — ML inference
def detect_tick(node):
    if node.has_msg("camera.rgb"):
        img = node.recv("camera.rgb")
        frame = img.to_numpy()  # zero-copy view into SHM pool
        # Run inference on frame...
