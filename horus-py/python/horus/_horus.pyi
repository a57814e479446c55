"""The types of the compiled module; import horus."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypeAlias, final

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = [
    "BatteryState",
    "Bool",
    "CmdVel",
    "Float32",
    "Float64",
    "HorusError",
    "Image",
    "Imu",
    "Int32",
    "Int64",
    "Latched",
    "Message",
    "Node",
    "Odometry",
    "PoolExhausted",
    "Pose2D",
    "ServiceError",
    "ServiceTimeout",
    "ShmFull",
    "Topic",
    "TopicNameError",
    "TopicTypeError",
    "Twist",
    "UInt32",
    "__version__",
    "run",
]

__version__: str

class HorusError(Exception):
    """What HORUS refuses or fails at."""

class TopicTypeError(HorusError, TypeError):
    """A topic holds another type, and somebody uses it."""

class TopicNameError(HorusError, ValueError):
    """A topic name that can't be used."""

class PoolExhausted(HorusError, MemoryError):
    """Shared memory is full and others hold blocks of this publisher."""

class ShmFull(HorusError, OSError):
    """Shared memory is full."""

class ServiceError(HorusError):
    """A service refused or failed."""

class ServiceTimeout(ServiceError, TimeoutError):
    """A service did not answer in time."""

class Message:
    """A typed message: its bytes as they lie in shared memory, with a named attribute for each field.

    Not made itself; its subclasses are, such as CmdVel. Arrays read as tuples and take any sequence.
    """

    # Messages can change, so they have no hash.
    __hash__: ClassVar[None]  # type: ignore[assignment]
    __match_args__: ClassVar[tuple[str, ...]]
    dtype: ClassVar[np.dtype[np.void]]
    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Makes a message from a dict; fields it doesn't name keep their defaults, unknown ones are a TypeError."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Makes a message from its bytes, as bytes(message) gives them."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict, arrays as tuples."""

    def copy(self) -> Self:
        """Returns a copy that shares nothing with this one."""

    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...
    def __ne__(self, other: object) -> bool: ...

class BatteryState(Message):
    """What a battery tells of itself.

    As in ROS 2, what it doesn't measure is NaN, which its driver says; what nobody sets is 0.
    """

    timestamp_ns: int
    """Time in nanoseconds."""
    voltage: float
    """Voltage in V."""
    percentage: float
    """Charge from 0, empty, to 1, full; NaN if it isn't measured."""
    current: float
    """Current in A, negative while it discharges; NaN if it isn't measured."""
    temperature: float
    """Temperature in °C; NaN if it isn't measured."""
    @property
    def power_supply_status(
        self,
    ) -> Literal["unknown", "charging", "discharging", "not_charging", "full"] | int:
        """Whether it charges: 0 unknown, 1 charging, 2 discharging, 3 not charging, 4 full; without unit."""

    @power_supply_status.setter
    def power_supply_status(
        self, value: Literal["unknown", "charging", "discharging", "not_charging", "full"] | int
    ) -> None: ...
    frame_id: str
    """The battery's place or frame; a name without unit."""
    def __init__(
        self,
        voltage: float = 0.0,
        percentage: float = 0.0,
        current: float = 0.0,
        temperature: float = 0.0,
        power_supply_status: Literal["unknown", "charging", "discharging", "not_charging", "full"]
        | int = "unknown",
        frame_id: str = "",
        *,
        timestamp_ns: int = 0,
    ) -> None: ...

class Bool(Message):
    """A truth value."""

    timestamp_ns: int
    """Time in nanoseconds."""
    data: bool
    """The value; false by default."""
    def __init__(self, data: bool = False, *, timestamp_ns: int = 0) -> None: ...

class CmdVel(Message):
    """A velocity command for a base that drives and turns."""

    timestamp_ns: int
    """Time in nanoseconds."""
    linear: float
    """Forward speed in m/s."""
    angular: float
    """Turning speed in rad/s, positive to the left."""
    def __init__(self, linear: float = 0.0, angular: float = 0.0, *, timestamp_ns: int = 0) -> None: ...

class Float32(Message):
    """A number of 32 bits."""

    timestamp_ns: int
    """Time in nanoseconds."""
    data: float
    """The value, in the unit that the topic's users agree on."""
    def __init__(self, data: float = 0.0, *, timestamp_ns: int = 0) -> None: ...

class Float64(Message):
    """A number of 64 bits."""

    timestamp_ns: int
    """Time in nanoseconds."""
    data: float
    """The value, in the unit that the topic's users agree on."""
    def __init__(self, data: float = 0.0, *, timestamp_ns: int = 0) -> None: ...

class Imu(Message):
    """An inertial measurement: acceleration, turning speed, and the orientation if the sensor tells it.

    Covariances are 3 by 3 matrices, row by row, over x, y, z; all zero means unknown.
    """

    timestamp_ns: int
    """Time in nanoseconds."""
    accel_x: float
    """Acceleration along x in m/s²."""
    accel_y: float
    """Acceleration along y in m/s²."""
    accel_z: float
    """Acceleration along z in m/s²."""
    gyro_x: float
    """Turning speed about x in rad/s."""
    gyro_y: float
    """Turning speed about y in rad/s."""
    gyro_z: float
    """Turning speed about z in rad/s."""
    qx: float
    """Orientation, the quaternion's x, without unit."""
    qy: float
    """Orientation, the quaternion's y, without unit."""
    qz: float
    """Orientation, the quaternion's z, without unit."""
    qw: float
    """Orientation, the quaternion's w, without unit; 1 where nothing is turned."""
    @property
    def orientation_covariance(self) -> tuple[float, ...]:
        """Covariance of the orientation in rad²."""

    @orientation_covariance.setter
    def orientation_covariance(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    @property
    def angular_velocity_covariance(self) -> tuple[float, ...]:
        """Covariance of the turning speed in rad²/s²."""

    @angular_velocity_covariance.setter
    def angular_velocity_covariance(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    @property
    def linear_acceleration_covariance(self) -> tuple[float, ...]:
        """Covariance of the acceleration in m²/s⁴."""

    @linear_acceleration_covariance.setter
    def linear_acceleration_covariance(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    frame_id: str
    """The frame of the sensor; a name without unit."""
    def __init__(
        self,
        accel_x: float = 0.0,
        accel_y: float = 0.0,
        accel_z: float = 0.0,
        gyro_x: float = 0.0,
        gyro_y: float = 0.0,
        gyro_z: float = 0.0,
        qx: float = 0.0,
        qy: float = 0.0,
        qz: float = 0.0,
        qw: float = 1.0,
        orientation_covariance: Sequence[float] | NDArray[Any] = ...,
        angular_velocity_covariance: Sequence[float] | NDArray[Any] = ...,
        linear_acceleration_covariance: Sequence[float] | NDArray[Any] = ...,
        frame_id: str = "",
        *,
        timestamp_ns: int = 0,
    ) -> None: ...

class Int32(Message):
    """An integer of 32 bits with a sign."""

    timestamp_ns: int
    """Time in nanoseconds."""
    data: int
    """The value, in the unit that the topic's users agree on."""
    def __init__(self, data: int = 0, *, timestamp_ns: int = 0) -> None: ...

class Int64(Message):
    """An integer of 64 bits with a sign."""

    timestamp_ns: int
    """Time in nanoseconds."""
    data: int
    """The value, in the unit that the topic's users agree on."""
    def __init__(self, data: int = 0, *, timestamp_ns: int = 0) -> None: ...

class Odometry(Message):
    """Where a base in the plane is and how it moves, as its wheels or another source tell.

    Covariances are 6 by 6 matrices, row by row, over x, y, z and the rotations about x, y, z.
    """

    timestamp_ns: int
    """Time in nanoseconds."""
    x: float
    """Position along x of `frame_id` in m."""
    y: float
    """Position along y of `frame_id` in m."""
    theta: float
    """Heading in rad, from x towards y."""
    linear_velocity: float
    """Forward speed in m/s."""
    angular_velocity: float
    """Turning speed in rad/s, positive to the left."""
    @property
    def pose_covariance(self) -> tuple[float, ...]:
        """Covariance of the pose in m², m·rad and rad²."""

    @pose_covariance.setter
    def pose_covariance(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    @property
    def twist_covariance(self) -> tuple[float, ...]:
        """Covariance of the velocity in m²/s², m·rad/s² and rad²/s²."""

    @twist_covariance.setter
    def twist_covariance(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    frame_id: str
    """The frame in which the pose stands, for example `odom`; a name without unit."""
    child_frame_id: str
    """The frame of the base itself, for example `base_link`; a name without unit."""
    def __init__(
        self,
        x: float = 0.0,
        y: float = 0.0,
        theta: float = 0.0,
        linear_velocity: float = 0.0,
        angular_velocity: float = 0.0,
        pose_covariance: Sequence[float] | NDArray[Any] = ...,
        twist_covariance: Sequence[float] | NDArray[Any] = ...,
        frame_id: str = "",
        child_frame_id: str = "",
        *,
        timestamp_ns: int = 0,
    ) -> None: ...

class Pose2D(Message):
    """A position and heading in the plane."""

    timestamp_ns: int
    """Time in nanoseconds."""
    x: float
    """Position along x in m."""
    y: float
    """Position along y in m."""
    theta: float
    """Heading in rad, from x towards y."""
    def __init__(
        self, x: float = 0.0, y: float = 0.0, theta: float = 0.0, *, timestamp_ns: int = 0
    ) -> None: ...

class Twist(Message):
    """A velocity in space."""

    timestamp_ns: int
    """Time in nanoseconds."""
    linear_x: float
    """Speed along x, forward, in m/s."""
    linear_y: float
    """Speed along y, to the left, in m/s."""
    linear_z: float
    """Speed along z, upward, in m/s."""
    angular_x: float
    """Turning speed about x in rad/s."""
    angular_y: float
    """Turning speed about y in rad/s."""
    angular_z: float
    """Turning speed about z in rad/s."""
    def __init__(
        self,
        linear_x: float = 0.0,
        linear_y: float = 0.0,
        linear_z: float = 0.0,
        angular_x: float = 0.0,
        angular_y: float = 0.0,
        angular_z: float = 0.0,
        *,
        timestamp_ns: int = 0,
    ) -> None: ...

Encoding: TypeAlias = Literal["rgb8", "rgba8", "bgr8", "bgra8", "mono8", "mono16", "depth32f"]

class UInt32(Message):
    """An integer of 32 bits without sign."""

    timestamp_ns: int
    """Time in nanoseconds."""
    data: int
    """The value, in the unit that the topic's users agree on."""
    def __init__(self, data: int = 0, *, timestamp_ns: int = 0) -> None: ...

@final
class Image:
    """An image in shared memory: height rows of width pixels.

    from_numpy() copies an array once; empty() gives pixels that are written in place; recv() gives what another
    process sent. to_numpy() never copies. Sending takes no copy either, and an image may be sent again, on
    several topics. A forked child must not touch the images and arrays of its parent: their memory isn't there.
    """

    @staticmethod
    def from_numpy(
        array: NDArray[Any], encoding: Encoding | None = None, *, frame_id: str = "", timestamp_ns: int = 0
    ) -> Image:
        """Copies an array into shared memory: (h, w, 3), (h, w, 4) or (h, w) of uint8, (h, w) of uint16 or float32.

        Without an encoding, uint8 is rgb8, rgba8 or mono8, uint16 mono16, float32 depth32f. Any strides will do.
        """

    @staticmethod
    def empty(
        height: int, width: int, encoding: Encoding = "rgb8", *, frame_id: str = "", timestamp_ns: int = 0
    ) -> Image:
        """Makes an image with whatever pixels the memory held, to be written through to_numpy() until it is sent."""

    def to_numpy(self) -> NDArray[Any]:
        """Returns the pixels without a copy: (height, width, channels), or (height, width) with one channel.

        Read-only, except for an image made by empty() until it is sent: then that array, too, turns read-only. The
        pixels stay as long as the array or any view of it, even if their publisher dies.
        """

    @property
    def height(self) -> int:
        """The number of rows."""

    @property
    def width(self) -> int:
        """The number of pixels in a row."""

    @property
    def encoding(self) -> Encoding:
        """What a pixel is."""

    @property
    def step(self) -> int:
        """The bytes from one row to the next."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array: (height, width, channels), or (height, width) with one channel."""

    @property
    def nbytes(self) -> int:
        """The bytes of all rows."""

    @property
    def frame_id(self) -> str:
        """The coordinate frame of the camera, at most 32 bytes of UTF-8; can be set until the image is sent."""

    @frame_id.setter
    def frame_id(self, frame_id: str) -> None: ...
    @property
    def timestamp_ns(self) -> int:
        """When it was captured, in nanoseconds; 0 if nobody said. Can be set until the image is sent."""

    @timestamp_ns.setter
    def timestamp_ns(self, timestamp_ns: int) -> None: ...
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]: ...
    def __dlpack__(self, **options: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...

MessageType: TypeAlias = type[Message] | type[Image] | type[dict[Any, Any]]
"""What a topic may be declared with; where noted, its name will do as well."""

@final
class Latched:
    """Marks the type of a topic whose newest message is kept for who joins later."""

    def __new__(cls, type: MessageType | str) -> Self: ...
    @property
    def type(self) -> MessageType | str: ...

@final
class Topic:
    """A topic, for sending and receiving without a node. Usable from any thread.

    It receives what is sent from now on. If the first thing it does is to send, it gives that up, so that a mere
    publisher is none of the topic's subscribers; its first recv, has_msg or wait subscribes again.

    A type or msg_type (a message class, horus.Image, dict, or its name) fixes what the topic holds; without one it
    is what is sent or found. depth is the ring's length if this makes the topic; latched keeps the newest message
    for who joins later.
    """

    def __new__(
        cls,
        name: str | MessageType,
        type: MessageType | str | None = None,
        *,
        msg_type: MessageType | str | None = None,
        depth: int | None = None,
        latched: bool = False,
    ) -> Self: ...
    @property
    def name(self) -> str:
        """The topic's name."""

    def send(self, message: Any) -> Literal[True]:
        """Sends a message, a dict or an image. Never waits. Always True: what can't be sent raises."""

    def recv(self) -> Any | None:
        """Returns the oldest unread message, or None. Never waits."""

    def recv_latest(self) -> Any | None:
        """Returns the newest message if it is unread, skipping those before it, or None. Never waits."""

    def recv_all(self) -> list[Any]:
        """Returns the unread messages that were sent before this call, oldest first."""

    def has_msg(self) -> bool:
        """Returns whether there is an unread message; takes nothing."""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for a message, for timeout seconds or without end; False if none came. Other threads run meanwhile."""

    def recv_async(self, timeout: float | None = None) -> Coroutine[Any, Any, Any | None]:
        """Awaits the oldest unread message, for timeout seconds or without end; None if none came.

        It is subscribed from the call on. Cancelling it loses no message. Under horus.run() the scheduler does the
        waiting and a stop ends it with None; in another event loop one thread waits for all topics of that loop.
        """

    def dropped(self) -> int:
        """Returns how many messages were missed since it subscribed, because they came faster than they were read."""

    def close(self) -> None:
        """Leaves the topic. Using it again opens it again."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_details: type[BaseException] | BaseException | TracebackType | None) -> None: ...

Callback: TypeAlias = Callable[[Node, Any], object]
Declared: TypeAlias = (
    MessageType | str | Latched | Callback | tuple[MessageType | str | Latched | None, Callback] | None
)
Entry: TypeAlias = str | MessageType | Latched | Mapping[str, Declared]
Topics: TypeAlias = Entry | Iterable[Entry]

class Node:
    """A node: it has a name, topics, and callbacks that run() calls.

    pubs and subs take names, types, {"cmd": CmdVel}, {"scan": (LaserScan, callback)} and {"cfg": Latched(Config)},
    alone or in a list. A declared name joins when the node starts, any other topic at its first use; a bare type
    declares its own topic and joins when used. tick(node) is called rate times a second (30 if nobody says) or,
    with on="topic" (or several), whenever these have a message; order places the node among those of one run().
    init(node) and shutdown(node) are called once each; on_error(node, exception) takes what tick raised, and the
    node goes on. callback(node, message) is called for each message as it comes. A subclass may have tick,
    init, shutdown and on_error as methods instead.

    Each of them may be an async def. An async tick begins when it is due; while it awaits, everything else goes on, and
    a tick that falls due meanwhile is left out and counts as an overrun. An async callback is awaited before the next
    message of its topic is taken. What an async callback raises goes where that of a plain one goes. The run waits
    for init and shutdown; ticks and callbacks that still go on when it ends are cancelled and awaited before.
    """

    def __init__(
        self,
        name: str,
        *,
        pubs: Topics | None = None,
        subs: Topics | None = None,
        tick: Callable[[Self], object] | None = None,
        rate: float | None = None,
        on: str | MessageType | Sequence[str | MessageType] | None = None,
        order: int | None = None,
        init: Callable[[Self], object] | None = None,
        shutdown: Callable[[Self], object] | None = None,
        on_error: Callable[[Self, Exception], object] | None = None,
        depth: int | None = None,
    ) -> None: ...
    @property
    def name(self) -> str:
        """The node's name."""

    @property
    def params(self) -> dict[str, Any]:
        """The node's parameters: a dict."""

    def send(self, topic: str | MessageType, message: Any) -> Literal[True]:
        """Sends a message, a dict or an image. Never waits. Always True: what can't be sent raises.

        A dict sent on a topic that this node declared with a message type is converted to it, field by field.
        """

    def recv(self, topic: str | MessageType) -> Any | None:
        """Returns the oldest unread message, or None. Never waits."""

    def recv_latest(self, topic: str | MessageType) -> Any | None:
        """Returns the newest message if it is unread, skipping those before it, or None. Never waits."""

    def recv_all(self, topic: str | MessageType) -> list[Any]:
        """Returns the unread messages that were sent before this call, oldest first."""

    def has_msg(self, topic: str | MessageType) -> bool:
        """Returns whether there is an unread message; takes nothing."""

    def wait(self, topic: str | MessageType, timeout: float | None = None) -> bool:
        """Waits for a message, for timeout seconds or without end; False if none came. Other threads run meanwhile."""

    def recv_async(
        self, topic: str | MessageType, timeout: float | None = None
    ) -> Coroutine[Any, Any, Any | None]:
        """Awaits the oldest unread message, for timeout seconds or without end; None if none came.

        It is subscribed from the call on. Cancelling it loses no message. Under horus.run() the scheduler does the
        waiting and a stop ends it with None; in another event loop one thread waits for all topics of that loop.
        """

    def dropped(self, topic: str | MessageType) -> int:
        """Returns how many messages of a topic were missed because they came faster than they were read."""

    def request_stop(self) -> None:
        """Ends run() after this round, cleanly; nothing happens if none is on."""

    def log_error(self, text: object) -> None:
        """Logs a line that tells of a failure. HORUS_LOG says what is shown, on stderr."""

    def log_warning(self, text: object) -> None:
        """Logs a line that warns."""

    def log_info(self, text: object) -> None:
        """Logs a line that an operator likes to read; shown with HORUS_LOG=info."""

    def log_debug(self, text: object) -> None:
        """Logs a line for developers; shown with HORUS_LOG=debug."""

def run(*nodes: Node, duration: float | None = None) -> None:
    """Runs nodes until SIGTERM, Ctrl+C, request_stop() or duration seconds, then shuts them down.

    All nodes tick in the calling thread, in order, each seeing what the one before sent in the same round. First
    removes what dead processes left. An exception in a callback ends the run, shuts all nodes down and is raised
    here, unless the node's on_error takes it. During the run SIGTERM and the first Ctrl+C end it cleanly after the
    tick; a second Ctrl+C ends the process. Callbacks that are coroutines run in the same thread, in an event loop of
    asyncio that is made for the first of them; so run() itself can't be called inside a running event loop.
    """

def _pack(value: Any) -> bytes:
    """Returns the MessagePack bytes that a value sent as a dict message has."""

def _unpack(data: bytes) -> Any:
    """Returns the value of the MessagePack bytes of a dict message."""

def _doorbell() -> Any:
    """Returns a new doorbell, with its thread."""

def _nudge() -> None:
    """Wakes every wait of this process, which then looks again."""

def _stopping() -> bool:
    """Returns whether the run was asked to stop."""

def _leave() -> None:
    """Leaves all topics and gives the participant up, as at the interpreter's exit."""
