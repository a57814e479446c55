"""zenoh: two sessions as peers, connected by one explicit link, nothing scouted.

- The link is a Unix socket in the turn's folder; publishers are express, real-time, and block where there is no
  room.
- Both sides wait in `recv` of a subscriber's channel; polling would hold up its own threads on the same core,
  so `round` and `spin` are one.
- `zenoh` sends bytes; what is above 3 KiB goes through shared memory by its own optimization. `zenoh-shm`
  allocates each message in shared memory, writes it there and sends that. This wheel's buffers have no view
  that numpy could fill, and what comes is copied to bytes.
"""

import contextlib
from pathlib import Path

import payloads
import zenoh
from checks import PATIENCE_S, other
from leaving import wait_for

WORKS = ("round", "wake", "spin")
SHM_MESSAGES = 10
SHM_LEAST = 1 << 20


def open_session(arguments):
    """A session with the other side's, over one link."""
    zenoh.init_log_from_env_or("error")
    link = f'["unixsock-stream/{arguments.folder}/zenoh"]'
    config = zenoh.Config()
    settings = {
        "mode": '"peer"',
        "scouting/multicast/enabled": "false",
        "scouting/gossip/enabled": "false",
        "listen/endpoints": link if arguments.side == "ping" else "[]",
        "connect/endpoints": "[]" if arguments.side == "ping" else link,
    }
    if arguments.side == "echo":
        settings["connect/timeout_ms"] = str(int(PATIENCE_S * 1000))
        settings["connect/retry"] = "{period_init_ms: 5, period_max_ms: 50, period_increase_factor: 1}"
        settings["connect/exit_on_failure"] = "true"
        wait_for(arguments.folder / "zenoh")
    for key, value in settings.items():
        config.insert_json5(key, value)
    return zenoh.open(config)


class Way:
    """A publisher to the other side and a subscriber to it."""

    def __init__(self, arguments):
        self.session = open_session(arguments)
        self.back = self.session.declare_subscriber(f"bench/{other(arguments.side)}")
        self.publisher = self.session.declare_publisher(
            f"bench/{arguments.side}",
            congestion_control=zenoh.CongestionControl.BLOCK,
            priority=zenoh.Priority.REAL_TIME,
            express=True,
        )
        self.folder, self.side = arguments.folder, arguments.side
        self.shared = arguments.way == "zenoh-shm"
        self.pictures = arguments.payload in payloads.SHAPES
        if self.shared:
            self.share(payloads.SHAPES.get(arguments.payload))

    def share(self, shape: tuple | None):
        """Makes room in shared memory."""
        room = SHM_LEAST
        if shape is not None:
            room = max(SHM_MESSAGES * shape[0] * shape[1] * shape[2], room)
        self.provider = zenoh.shm.ShmProvider.default_backend(room)
        self.policy = zenoh.shm.BlockOn(zenoh.shm.GarbageCollect())

    def put(self, message):
        """Sends bytes, or what numpy lets be read as such."""
        if self.pictures:
            message = message.tobytes()
        if self.shared:
            buffer = self.provider.alloc(len(message), policy=self.policy)
            buffer[:] = message
            message = buffer
        self.publisher.put(message)

    def get(self) -> bytes:
        """Waits for the next message; one sent in shared memory has to come in it."""
        payload = self.back.recv().payload
        if self.shared and payload.as_shm() is None:
            raise SystemExit("a message came by the link, not in shared memory")
        return payload.to_bytes()

    def close(self):
        """Closes the session; what zenoh leaves in /dev/shm of this process' goes."""
        segments = {line[line.index("/dev/shm/") :] for line in mapped() if line.endswith(".zenoh")}
        self.session.close()
        for segment in segments:
            with contextlib.suppress(FileNotFoundError):
                Path(segment).unlink()


def mapped() -> list[str]:
    """The lines of this process' memory map that lie in /dev/shm."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "/dev/shm/" in line]


def open_end(arguments):
    """This side's end, or nothing if it isn't known."""
    kind = payloads.ENDS.get(arguments.payload)
    if kind is None or arguments.work not in WORKS:
        return None
    way = Way(arguments)
    end = kind(way, arguments.payload)
    end.close = way.close
    return end
