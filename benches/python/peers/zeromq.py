"""pyzmq over ipc: a PAIR of sockets, bound and connected in the turn's folder.

PAIR is what its guide names for two that know each other. Polling is `recv` with NOBLOCK, again and again: with
its own thread for input and output on the same core it comes out slower than the blocking call, which is why
`round` blocks too and differs from `wake` in the pause only. Pictures are sent and received without pyzmq's own
copy (`copy=False`). No linger, no limit on what waits.
"""

import payloads
import zmq
from checks import PATIENCE_S

WORKS = ("round", "wake", "spin")


class Way:
    """A socket to the other side."""

    def __init__(self, arguments):
        self.context = zmq.Context(io_threads=1)
        socket = self.context.socket(zmq.PAIR)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0
        socket.rcvtimeo = int(PATIENCE_S * 1000)
        address = f"ipc://{arguments.folder}/zeromq"
        if arguments.side == "ping":
            socket.bind(address)
        else:
            socket.connect(address)
        self.socket = socket
        if arguments.payload in payloads.SHAPES:
            self.put, self.get = self.put_picture, self.get_picture
        else:
            self.put, self.get = socket.send, socket.recv

    def put_picture(self, picture):
        """Sends without a copy; the picture isn't changed before its answer is here."""
        self.socket.send(picture, copy=False)

    def get_picture(self):
        """What came, where it lies."""
        return self.socket.recv(copy=False).buffer

    def close(self):
        """Sends what still waits, for a second at most: the other side needs the last answer."""
        self.socket.close(linger=1000)
        self.context.term()


def open_end(arguments):
    """This side's end, or nothing if it isn't known."""
    kind = payloads.ENDS.get(arguments.payload)
    if kind is None or arguments.work not in WORKS:
        return None
    way = Way(arguments)
    end = kind(way, arguments.payload)
    end.close = way.close
    return end
