import horus

def tick(node):
    # Process A
    node.send("status", {"battery": 85.0, "mode": "autonomous"})

horus.run(horus.Node("status_pub", tick=tick, rate=10))
