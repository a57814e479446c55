"""A Unix stream socket in the turn's folder, by Python's `socket`.

Every message is sent with its length known: 16 bytes and pictures have one; MessagePack is preceded by its own,
in two bytes. For `round` small messages are polled for, as those of all who can poll; pictures are waited for.
"""

import socket
import struct

import numpy
import payloads
from checks import LOOKS_BETWEEN, PATIENCE_S, lose_patience
from leaving import wait_for

WORKS = ("round", "wake", "spin")
BUFFER = 1 << 20
LENGTH = struct.Struct("<H")


class Way:
    """The socket to the other side."""

    def __init__(self, arguments):
        self.socket = connected(arguments.folder, arguments.side)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self.socket.settimeout(PATIENCE_S)
        if arguments.payload in payloads.SHAPES:
            self.buffer = memoryview(numpy.empty(payloads.SHAPES[arguments.payload], numpy.uint8).reshape(-1))
            self.put, self.get = self.put_picture, self.get_picture
            return
        polls = arguments.work == "round"
        self.socket.setblocking(not polls)
        self.recv = self.recv_polling if polls else self.socket.recv
        if arguments.payload in payloads.DICTS:
            self.put, self.get = self.put_with_length, self.get_with_length
        else:
            self.put, self.get = self.socket.sendall, self.get_16

    def recv_polling(self, most: int) -> bytes:
        """What is there, as soon as something is."""
        looks = 0
        while True:
            try:
                return self.socket.recv(most)
            except BlockingIOError:
                looks += 1
                if looks > LOOKS_BETWEEN:
                    lose_patience(looks)

    def whole(self, got: bytes, length: int) -> bytes:
        """What came, with what is still missing of it."""
        while len(got) < length:
            more = self.recv(length - len(got))
            if not more:
                raise SystemExit("the other side is gone")
            got += more
        return got

    def get_16(self) -> bytes:
        """A message of 16 bytes."""
        return self.whole(self.recv(16), 16)

    def put_with_length(self, message: bytes):
        """Sends a message behind its length."""
        self.socket.sendall(LENGTH.pack(len(message)) + message)

    def get_with_length(self) -> bytes:
        """A message behind its length; nothing follows it before it is answered."""
        got = self.whole(self.recv(65536), LENGTH.size)
        return memoryview(self.whole(got, LENGTH.size + LENGTH.unpack_from(got)[0]))[LENGTH.size :]

    def put_picture(self, picture):
        """Sends all bytes of a picture."""
        self.socket.sendall(picture.reshape(-1))

    def get_picture(self) -> memoryview:
        """Receives a picture into memory made before."""
        filled = 0
        while filled < len(self.buffer):
            count = self.socket.recv_into(self.buffer[filled:])
            if count == 0:
                raise SystemExit("the other side is gone")
            filled += count
        return self.buffer

    def close(self):
        """Closes the socket; its file goes with the turn's folder."""
        self.socket.close()


def connected(folder, side: str) -> socket.socket:
    """The one connection that there is."""
    path = folder / "socket"
    if side == "echo":
        wait_for(path)
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.connect(str(path))
        return end
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.settimeout(PATIENCE_S)
        # Bound under another name, so that whoever finds it finds it listening.
        listener.bind(str(folder / "socket-new"))
        listener.listen()
        (folder / "socket-new").rename(path)
        return listener.accept()[0]


def open_end(arguments):
    """This side's end, or nothing if it isn't known."""
    kind = payloads.ENDS.get(arguments.payload)
    if kind is None or arguments.work not in WORKS:
        return None
    way = Way(arguments)
    end = kind(way, arguments.payload)
    end.close = way.close
    return end
