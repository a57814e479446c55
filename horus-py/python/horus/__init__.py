"""The processes of one robot, talking through shared memory.

import horus

def tick(node):
    node.send("cmd_vel", horus.CmdVel(linear=0.5, angular=0.0))

horus.run(horus.Node("driver", pubs=["cmd_vel"], tick=tick, rate=50))
"""

from . import _horus
from ._horus import *  # noqa: F403

__all__ = _horus.__all__
