"""One of the processes of a Python contender: HORUS, or what one makes by hand."""

import copies
import rounds
from side import Side


def transport(side: Side, name: str):
    """The end of that name of the way that is measured, open."""
    # Imported here: the ring's processes have nothing of HORUS in them.
    if side.way == "ring":
        import ring

        end = ring.transport(side.payload, side.folder, name)
    else:
        import topics

        end = topics.transport(side.way, side.work, side.payload, name)
    return end or side.unknown()


def encodings(side: Side):
    """A dict to bytes and back."""
    import topics

    copies.encodings(side, topics.Encoded().there_and_back)


def alone(side: Side):
    """Copies of a picture."""
    ways = {"copy": copies.copy_by_hand, "horus-copy": copies.copy_and_send}
    if side.way not in ways:
        side.unknown()
    copies.copies(side, ways[side.way](side))


def of_nodes(side: Side):
    """What the scheduler does, or a pipe in its place."""
    if (side.way, side.work) == ("pipe", "paced"):
        import pipe

        pipe.paced(side)
        return
    import nodes

    work = {"paced": nodes.paced, "tick": nodes.ticks, "idle": nodes.idle}
    work.get(side.work, nodes.beside)(side)


def main():
    """Runs one side to its end."""
    side = Side()
    if side.work in ("round", "wake", "spin"):
        rounds.play(side, transport(side, side.side))
    elif side.work == "same":
        rounds.within(side, transport(side, "ping"), transport(side, "echo"))
    elif side.work == "encode":
        encodings(side)
    elif side.work == "open":
        copies.openings(side)
    elif side.work == "alone":
        alone(side)
    elif side.work in ("paced", "tick", "idle", "beside-in-one", "beside-in-two"):
        of_nodes(side)
    else:
        side.unknown()


if __name__ == "__main__":
    main()
