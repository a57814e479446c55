"""multiprocessing: two processes of one parent, as its documentation has them.

What it offers is inherited, not found by name; so the pinging side makes the ends and forks its own partner,
which goes to the core that the echoing side leaves in a file; that side only waits. (No thread of a transport
runs at that time.)

- `multiprocessing-pipe`: `Pipe()`; bytes go by `send_bytes`, dicts by `send`, which pickles them, as users of
  it do; pictures are received into a buffer made before.
- `multiprocessing-queue`: a `Queue` for each direction; it pickles everything, and a thread feeds it.
- `multiprocessing-shm`: pictures lie in a `SharedMemory`, eight a side, seen by numpy; which one is there is
  told through a `Pipe`. Messages of 16 bytes go through a ring by hand in it, polled; dicts are left to
  msgspec's row.

All but that ring block; a process that waits has nothing else to do, so `round` and `spin` are one.
"""

import ctypes
import multiprocessing
import os
import queue
import signal
import time
from multiprocessing.shared_memory import SharedMemory

import numpy
import payloads
import rounds
import shared_ring
from checks import DICT_BASE, NUMBER_MASK, PATIENCE_S, check_frame
from leaving import shm_prefix, wait_for
from payloads import DICTS, PICTURES, SHAPES, VALUES, expect_turn

WORKS = ("round", "wake", "spin")
PR_SET_PDEATHSIG = 1


class PipeWay:
    """One end of a `Pipe`."""

    def __init__(self, connection, payload: str):
        self.connection = connection
        self.put = connection.send_bytes
        if payload in SHAPES:
            self.put = self.put_picture
            self.buffer = numpy.empty(SHAPES[payload], numpy.uint8).reshape(-1)
            self.get = self.get_picture
        else:
            self.get = connection.recv_bytes

    def put_picture(self, picture):
        """Its bytes."""
        self.connection.send_bytes(picture.reshape(-1))

    def get_picture(self):
        """What came, in the buffer made before."""
        self.connection.recv_bytes_into(self.buffer)
        return self.buffer


def time_speed_turn(number: int) -> tuple:
    """What is pickled for a CmdVel."""
    low = number & NUMBER_MASK
    return (low, float(low), 0.5)


class Pickled:
    """A tuple made for each message, by a way that pickles: values go in and come out."""

    def __init__(self, put, get, payload: str):
        self.put, self.get = put, get

    def send(self, number: int):
        self.put(time_speed_turn(number))

    def receive(self) -> int:
        return int(self.get()[1])


class PickledBuilt:
    """A tuple made before."""

    def __init__(self, put, get, payload: str):
        self.send, self.receive, self.build = put, get, time_speed_turn

    def number_of(self, message: tuple) -> int:
        """The number in such a message."""
        return int(message[1])


class PickledDict:
    """A dict made for each message."""

    def __init__(self, put, get, payload: str):
        self.put, self.get = put, get
        self.make, self.key = DICTS[payload]

    def send(self, number: int):
        self.put(self.make(number))

    def receive(self) -> int:
        return self.get()[self.key] - DICT_BASE


class PickledPicture(payloads.Frame):
    """A picture made or filled, pickled; `get` gives an array, not bytes."""

    def __init__(self, put, get, payload: str):
        self.put, self.get_array = put, get
        self.shape = SHAPES[payload]
        self.pictures = [numpy.full(self.shape, turn, numpy.uint8) for turn in range(PICTURES)]
        self.received = 0
        if payload.startswith("image"):
            self.send, self.receive = self.send_image, self.receive_image

    def get(self):
        """The bytes of what came, not copied."""
        return self.get_array().reshape(-1)

    def send_image(self, number: int):
        """A picture made before."""
        payloads.Image.send(self, number)

    def receive_image(self) -> int:
        """The picture whose turn it is."""
        return payloads.Image.receive(self)


class SharedPictures:
    """Eight pictures a side in one `SharedMemory`, named through a `Pipe`."""

    def __init__(self, memory, connection, side: str, payload: str):
        self.connection, self.frames = connection, payload.startswith("frame")
        pictures = numpy.frombuffer(memory.buf, numpy.uint8).reshape(2, PICTURES, *SHAPES[payload])
        mine = 0 if side == "ping" else 1
        self.out, self.back = pictures[mine], pictures[1 - mine]
        for turn in range(PICTURES):
            self.out[turn].fill(turn)
        self.received = 0

    def send(self, number: int):
        """Fills a frame, or takes a picture made before, and says which."""
        turn = number % PICTURES
        if self.frames:
            self.out[turn].fill(number % VALUES)
        self.connection.send_bytes(b"%d" % turn)

    def receive(self) -> int:
        """Checks all of a frame, the first pixel of a picture made before."""
        view = self.back[int(self.connection.recv_bytes())]
        number = self.received
        self.received = number + 1
        if self.frames:
            return check_frame(view, number)
        expect_turn(view[0, 0, 0], number)
        return number & NUMBER_MASK


class SharedCmdVel(payloads.CmdVel):
    """Time, speed and turn in a ring by hand."""

    def __init__(self, memory, side: str):
        super().__init__(shared_ring.Ring(memory.buf, side), "cmd-vel")


class SharedCmdVelBuilt(payloads.CmdVelBuilt):
    """The same, packed before."""

    def __init__(self, memory, side: str):
        super().__init__(shared_ring.Ring(memory.buf, side), "cmd-vel-built")


class Both:
    """Makes both ends, forks the partner, and is the pinging one."""

    def __init__(self, arguments, ends):
        self.arguments, self.ends = arguments, ends
        self.memory = None

    def begin(self) -> bool:
        """Forks the partner onto its core; true on the side that measures."""
        folder, side = self.arguments.folder, self.arguments.side
        if side == "echo":
            (folder / "echo-core").write_text(str(self.arguments.core))
            self.arguments.meet()
            # The partner's life is the pinging side's; the harness ends both if it is stuck.
            # It says that it is done before it leaves, so it may do both between two looks.
            ping_left = False
            while not (folder / "done").exists():
                time.sleep(0.005)
                if ping_left:
                    raise SystemExit("the pinging side failed")
                ping_left = (folder / "left-ping").exists()
            return False
        wait_for(folder / "echo")
        core = int((folder / "echo-core").read_text())
        mine, theirs = self.make()
        partner = multiprocessing.get_context("fork").Process(
            target=run_partner, args=(theirs, core, self.arguments), daemon=True
        )
        self.partner = partner
        signal.signal(signal.SIGCHLD, self.partner_ended)
        partner.start()
        for name in ("send", "receive", "build", "number_of"):
            if hasattr(mine, name):
                setattr(self, name, getattr(mine, name))
        return True

    def partner_ended(self, *_):
        """Ends a wait for a partner that failed."""
        if self.partner.exitcode:
            raise SystemExit(f"the forked side ended with status {self.partner.exitcode}")

    def make(self):
        """The two ends."""
        made, self.memory = self.ends(self.arguments)
        return made

    def close(self):
        """Waits for the partner, removes the shared memory, lets the other side go."""
        if self.arguments.side == "ping":
            self.partner.join(PATIENCE_S)
            if self.memory is not None:
                self.memory.unlink()
            (self.arguments.folder / "done").touch()


def run_partner(end, core: int, arguments):
    """The echoing loop, in the forked process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Both hold both ends, so neither would see the other's end.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, {core})
    try:
        echo = rounds.echo_built if hasattr(end, "build") else rounds.echo
        echo(end, arguments.total, rounds.pause_of(arguments))
    except Exception as error:  # one line, for the table
        raise SystemExit(f"{type(error).__name__}: {error}"[:200]) from None


def pipes(arguments):
    """Ends of a `Pipe`."""
    first, second = multiprocessing.Pipe()
    payload = arguments.payload
    if payload in DICTS:
        made = [PickledDict(end.send, end.recv, payload) for end in (first, second)]
    else:
        kind = payloads.ENDS[payload]
        made = [kind(PipeWay(end, payload), payload) for end in (first, second)]
    return made, None


def queues(arguments):
    """Ends of two queues."""
    there, back = multiprocessing.Queue(), multiprocessing.Queue()
    kind = QUEUED[arguments.payload]

    def patient(source: queue.Queue):
        return lambda: source.get(timeout=PATIENCE_S)

    ends = ((there.put, patient(back)), (back.put, patient(there)))
    return [kind(put, get, arguments.payload) for put, get in ends], None


def shared_memory(arguments):
    """Ends in one `SharedMemory`."""
    payload = arguments.payload
    name = shm_prefix(arguments.folder) + "shm"
    if payload in SHAPES:
        height, width, channels = SHAPES[payload]
        memory = SharedMemory(name, create=True, size=2 * PICTURES * height * width * channels)
        ends = multiprocessing.Pipe()
        sides = zip(("ping", "echo"), ends, strict=True)
        return [SharedPictures(memory, end, side, payload) for side, end in sides], memory
    memory = SharedMemory(name, create=True, size=2 * shared_ring.RING_BYTES)
    kind = SharedCmdVelBuilt if payload == "cmd-vel-built" else SharedCmdVel
    return [kind(memory, side) for side in ("ping", "echo")], memory


QUEUED = {
    "cmd-vel": Pickled,
    "cmd-vel-built": PickledBuilt,
    **dict.fromkeys(DICTS, PickledDict),
    **dict.fromkeys(SHAPES, PickledPicture),
}
ENDS = {
    "multiprocessing-pipe": (pipes, WORKS, payloads.ENDS),
    "multiprocessing-queue": (queues, WORKS, payloads.ENDS),
    "multiprocessing-shm": (shared_memory, ("round",), [*SHAPES, "cmd-vel", "cmd-vel-built"]),
}


def open_end(arguments):
    """This side's end, or nothing if it isn't known."""
    ends, works, known = ENDS[arguments.way]
    if arguments.work not in works or arguments.payload not in known:
        return None
    return Both(arguments, ends)
