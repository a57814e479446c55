"""Runs a snippet of the manual word for word: play.py SNIPPET.

A whole program is run as it is. A fragment that uses `node` becomes a node's tick; one that only defines a tick
is given a node. What the snippets call but don't define is made up here.
"""

import builtins
import sys
from pathlib import Path

import horus
import numpy as np

FRAME = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


class Model:
    """Sees an obstacle in every other frame."""

    frames = 0

    def predict(self, frame):
        assert frame.shape == (480, 640, 3)
        assert not frame.flags.writeable
        self.frames += 1
        return [{"dist": 3.0}, {"dist": 0.5}] if self.frames % 2 else []


def run_yolo(frame):
    assert not frame.flags.writeable
    return [
        {"distance": 2.0, "angle": 0.1, "label": "chair"},
        {"distance": 1.5, "angle": -0.2, "label": "person"},
    ]


def main() -> None:
    path = Path(sys.argv[1])
    source = path.read_text()
    code = compile(source, str(path), "exec")
    builtins.my_model = Model()
    builtins.run_yolo = run_yolo
    builtins.capture_frame = FRAME.copy
    names = {"__name__": "__main__", "horus": horus}
    if "horus.run(" in source:
        del names["horus"]
        exec(code, names)
    elif "def " in source:
        exec(code, names)
        (tick,) = (value for name, value in names.items() if name.endswith("_tick"))
        ready = {"init": lambda node: print("ready", flush=True)}
        horus.run(horus.Node(tick.__name__, tick=tick, rate=50, **ready))
    else:

        def tick(node):
            got = names | {"node": node}
            exec(code, got)
            if got.keys() & {"data", "cmd"}:
                print(got.get("data", got.get("cmd")), flush=True)

        horus.run(horus.Node(path.stem, tick=tick, rate=50))


main()
