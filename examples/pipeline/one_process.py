"""The same three nodes in one process: they tick in this order, each sees what the one before sent."""

import horus
from camera import cam
from controller import ctrl
from detector import det

if __name__ == "__main__":
    horus.run(cam, det, ctrl)
