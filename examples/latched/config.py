"""Says once what holds for all: whoever comes later is told, too, for as long as this process lives."""

import horus


def announce(node):
    node.send("config", {"max_speed": 0.8, "frame": "base"})


# Latched: the newest message is kept for who joins later. Not beyond the process's death: nobody should act on
# the settings of one that is gone.
config = horus.Node(
    "config", pubs={"config": horus.Latched(dict)}, init=announce, tick=lambda node: None, rate=1
)

if __name__ == "__main__":
    horus.run(config)
