# Process A
node.send("status", {"battery": 85.0, "mode": "autonomous"})
