"""Says something ten times a second, to whoever listens."""

import itertools

import horus

count = itertools.count(1)


def talk(node):
    # Any dict will do; nothing is declared anywhere.
    node.send("chatter", {"text": "hello", "count": next(count)})


talker = horus.Node("talker", pubs=["chatter"], tick=talk, rate=10)

if __name__ == "__main__":
    horus.run(talker)
