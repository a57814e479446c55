# Process B (separate process, same topic name)
if node.has_msg("status"):
    data = node.recv("status")  # {"battery": 85.0, "mode": "autonomous"}
