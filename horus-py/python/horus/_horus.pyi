"""The types of the compiled module; import horus."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, final

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import Buffer

__all__ = [
    "BatteryState",
    "Bool",
    "CmdVel",
    "DepthImage",
    "Float32",
    "Float64",
    "HorusError",
    "Image",
    "Imu",
    "Int32",
    "Int64",
    "JointState",
    "LaserScan",
    "Latched",
    "Message",
    "Node",
    "Odometry",
    "PointCloud",
    "PoolExhausted",
    "Pose2D",
    "ServiceError",
    "ServiceTimeout",
    "ShmFull",
    "String",
    "Tensor",
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

    Not made itself; its subclasses are, such as CmdVel. Constructors take every field by keyword, and all but
    timestamp_ns by position. A value that doesn't fit is a TypeError, ValueError or OverflowError that names the
    field, and changes nothing. Arrays of a fixed length read as tuples; those of any length as read-only numpy arrays
    over the message's own bytes, without a copy. Both take any sequence or array, converted like single numbers, and
    are replaced as a whole.
    """

    # Messages can change, so they have no hash.
    __hash__: ClassVar[None]  # type: ignore[assignment]
    __match_args__: ClassVar[tuple[str, ...]]
    dtype: ClassVar[np.dtype[np.void]]
    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Makes a message from a dict as to_dict() gives it; fields that it doesn't name keep their defaults.

        TypeError for an unknown field; values are converted as by the constructor.
        """

    @classmethod
    def from_bytes(cls, data: Buffer) -> Self:
        """Makes a message from its bytes, as bytes(message) gives them, in any buffer.

        One copy, or none of what varies in length if they are bytes. TypeError for what is no buffer, ValueError for
        bytes that are no such message.
        """

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict.

        Arrays of a fixed length are tuples, others read-only numpy arrays, and messages dicts.
        """

    def copy(self) -> Self:
        """Returns a copy: changing one leaves the other as it is."""

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

class JointState(Message):
    """Where the joints are and how they move, with any count of them.

    As in ROS 2, entry `i` of each sequence belongs to joint `names[i]`, and a sequence of what isn't known is empty.
    """

    timestamp_ns: int
    """Time in nanoseconds."""
    @property
    def names(self) -> tuple[str, ...]:
        """The joints; names without unit, each of at most 64 bytes."""

    @names.setter
    def names(self, value: Sequence[str]) -> None: ...
    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions in rad, or in m of a joint that slides."""

    @positions.setter
    def positions(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    @property
    def velocities(self) -> NDArray[np.float64]:
        """Speeds in rad/s or m/s."""

    @velocities.setter
    def velocities(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    @property
    def efforts(self) -> NDArray[np.float64]:
        """Efforts in N·m or N."""

    @efforts.setter
    def efforts(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    frame_id: str
    """The frame in which the joints stand; a name without unit."""
    def __init__(
        self,
        names: Sequence[str] = (),
        positions: Sequence[float] | NDArray[Any] = ...,
        velocities: Sequence[float] | NDArray[Any] = ...,
        efforts: Sequence[float] | NDArray[Any] = ...,
        frame_id: str = "",
        *,
        timestamp_ns: int = 0,
    ) -> None: ...

class LaserScan(Message):
    """One sweep of a laser range finder, with any count of rays.

    Ray `i` points to `angle_min + i * angle_increment`, counter-clockwise about z. As in ROS 2, a distance outside
    `range_min` to `range_max` is no measurement.
    """

    timestamp_ns: int
    """Time of the first ray in nanoseconds."""
    angle_min: float
    """Angle of the first ray in rad."""
    angle_max: float
    """Angle of the last ray in rad."""
    angle_increment: float
    """Angle from one ray to the next in rad."""
    time_increment: float
    """Time from one ray to the next in s."""
    scan_time: float
    """Time from one sweep to the next in s."""
    range_min: float
    """Shortest distance it measures in m."""
    range_max: float
    """Longest distance it measures in m."""
    @property
    def ranges(self) -> NDArray[np.float32]:
        """Distances in m, one a ray."""

    @ranges.setter
    def ranges(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    @property
    def intensities(self) -> NDArray[np.float32]:
        """Strengths of the echoes in the device's own unit, one a ray, or none."""

    @intensities.setter
    def intensities(self, value: Sequence[float] | NDArray[Any]) -> None: ...
    frame_id: str
    """The frame of the sensor; a name without unit."""
    def __init__(
        self,
        angle_min: float = 0.0,
        angle_max: float = 0.0,
        angle_increment: float = 0.0,
        time_increment: float = 0.0,
        scan_time: float = 0.0,
        range_min: float = 0.0,
        range_max: float = 0.0,
        ranges: Sequence[float] | NDArray[Any] = ...,
        intensities: Sequence[float] | NDArray[Any] = ...,
        frame_id: str = "",
        *,
        timestamp_ns: int = 0,
    ) -> None: ...

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

class String(Message):
    """Text of any length."""

    timestamp_ns: int
    """Time in nanoseconds."""
    data: str
    """The text, UTF-8."""
    def __init__(self, data: str = "", *, timestamp_ns: int = 0) -> None: ...

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

class UInt32(Message):
    """An integer of 32 bits without sign."""

    timestamp_ns: int
    """Time in nanoseconds."""
    data: int
    """The value, in the unit that the topic's users agree on."""
    def __init__(self, data: int = 0, *, timestamp_ns: int = 0) -> None: ...

Encoding: TypeAlias = Literal["rgb8", "rgba8", "bgr8", "bgra8", "mono8", "mono16", "depth32f", "depth16"]
DepthEncoding: TypeAlias = Literal["depth32f", "depth16"]
PointLayout: TypeAlias = Literal["xyz", "xyzi", "xyzrgb"]

class _SupportsArray(Protocol):
    """An array, or what numpy makes one of."""

    def __array__(self) -> NDArray[Any]: ...

class _SupportsDLPack(Protocol):
    """What gives its numbers as DLPack, such as the tensors of other libraries."""

    def __dlpack__(self) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...

class _Pooled:
    """Numbers in shared memory, as Image, DepthImage, PointCloud and Tensor have them.

    What their classes share; not made itself.
    """

    def to_numpy(self) -> NDArray[Any]:
        """Returns the numbers as an array of the message's shape and dtype. Never copies.

        Read-only, except for a message made by empty() until it is sent: then that array, too, turns read-only. The
        numbers stay as long as the array or any view of it, even if their publisher dies. If a view that can still be
        written is alive when the message is sent, or the array was given to a memoryview, a copy is sent, and `horus
        topic info` counts it. Give tensors of other libraries an array that a variable holds, or the message itself:
        from an array that only they hold they could write what was sent. HorusError in a forked child.
        """

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]: ...
    def __dlpack__(self, **options: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that to_numpy() returns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy dtype of the array."""

    @property
    def nbytes(self) -> int:
        """The bytes of the numbers, with the gaps between them if there are any."""

    @property
    def frame_id(self) -> str:
        """The coordinate frame of the sensor, at most 32 bytes of UTF-8; can be set until the message is sent."""

    @frame_id.setter
    def frame_id(self, frame_id: str) -> None: ...
    @property
    def timestamp_ns(self) -> int:
        """When it was captured, in nanoseconds; 0 if nobody said. Can be set until the message is sent."""

    @timestamp_ns.setter
    def timestamp_ns(self, timestamp_ns: int) -> None: ...

@final
class Image(_Pooled):
    """An image in shared memory: height rows of width pixels.

    from_numpy() copies an array once; empty() gives pixels that are written in place; recv() gives what another
    process sent. to_numpy() never copies: it is (height, width, channels), or (height, width) with one channel.
    Sending takes no copy either, whatever the size, and an image may be sent again, on several topics; one that
    another process sent is copied once when it is sent on. The default topic is "image".

    A forked child can't use the images of its parent, which raise HorusError there, and must not touch arrays over
    them, for which nobody can be asked: their memory isn't there, and touching it ends the child.

    Example:
        >>> import horus, numpy
        >>> camera = horus.Topic("camera", horus.Image)
        >>> pixels = numpy.zeros((480, 640, 3), numpy.uint8)
        >>> camera.send(horus.Image.from_numpy(pixels, frame_id="front"))
        True
        >>> image = horus.Image.empty(480, 640, "mono8")
        >>> image.to_numpy()[...] = 7
        >>> image
        <horus.Image 640x480 mono8>
        >>> camera.close()
    """

    @staticmethod
    def from_numpy(
        array: _SupportsArray | _SupportsDLPack,
        encoding: Encoding | None = None,
        *,
        frame_id: str = "",
        timestamp_ns: int = 0,
    ) -> Image:
        """Copies an array into shared memory: (h, w, 3), (h, w, 4) or (h, w) of uint8, (h, w) of uint16 or float32.

        Without an encoding, uint8 is rgb8, rgba8 or mono8, uint16 mono16, float32 depth32f. Any strides and byte order
        will do, and what has `__array__` or `__dlpack__`. One copy, in a block that is used again once nobody needs
        it. TypeError for what is no array; ValueError tells what the array is and what it should be, also where it has
        no pixels; ShmFull and PoolExhausted if there is no room.
        """

    @staticmethod
    def empty(
        height: int, width: int, encoding: Encoding = "rgb8", *, frame_id: str = "", timestamp_ns: int = 0
    ) -> Image:
        """Makes an image with whatever pixels the memory held, to be written through to_numpy() until it is sent.

        Nothing is copied or cleared. ValueError for an unknown encoding or no pixels; ShmFull and PoolExhausted if
        there is no room.
        """

    @property
    def height(self) -> int:
        """The number of rows."""

    @property
    def width(self) -> int:
        """The number of pixels in a row."""

    @property
    def encoding(self) -> Encoding:
        """What a pixel is: rgb8, rgba8, bgr8, bgra8, mono8, mono16, depth32f or depth16."""

    @property
    def step(self) -> int:
        """The bytes from one row to the next."""

@final
class DepthImage(_Pooled):
    """The distance of each pixel of a depth camera, in shared memory: height rows of width pixels.

    depth32f is metres as float32, depth16 millimetres as uint16. What nothing was measured for is 0 or NaN in most
    cameras. to_numpy() is (height, width) and never copies. Made, sent and received as Image, at the same cost. The
    default topic is "depth".

    Example:
        >>> import horus, numpy
        >>> depth = horus.DepthImage.from_numpy(numpy.full((480, 640), 1500, numpy.uint16))
        >>> depth.encoding
        'depth16'
        >>> float(depth.to_numpy()[0, 0]) / 1000
        1.5
    """

    @staticmethod
    def from_numpy(
        array: _SupportsArray | _SupportsDLPack,
        encoding: DepthEncoding | None = None,
        *,
        frame_id: str = "",
        timestamp_ns: int = 0,
    ) -> DepthImage:
        """Copies an array into shared memory: (h, w) of float32, metres, or of uint16, millimetres.

        Any strides and byte order will do, and what has `__array__` or `__dlpack__`. One copy. TypeError for what is
        no array; ValueError tells what the array is and what it should be; ShmFull and PoolExhausted if there is no
        room.
        """

    @staticmethod
    def empty(
        height: int,
        width: int,
        encoding: DepthEncoding = "depth32f",
        *,
        frame_id: str = "",
        timestamp_ns: int = 0,
    ) -> DepthImage:
        """Makes a depth image with whatever the memory held, to be written through to_numpy() until it is sent.

        Nothing is copied or cleared. ValueError for another encoding or no pixels; ShmFull and PoolExhausted if there
        is no room.
        """

    @property
    def height(self) -> int:
        """The number of rows."""

    @property
    def width(self) -> int:
        """The number of pixels in a row."""

    @property
    def encoding(self) -> DepthEncoding:
        """What a pixel is: depth32f, metres as float32, or depth16, millimetres as uint16."""

    @property
    def step(self) -> int:
        """The bytes from one row to the next."""

@final
class PointCloud(_Pooled):
    """Points in shared memory, one a row, as float32 or float64.

    The columns are xyz, in metres, xyzi, with the intensity of the echo in the device's own unit, or xyzrgb, with red,
    green and blue from 0 to 255. to_numpy() is (n, 3), (n, 4) or (n, 6) and never copies; xyz, intensity and rgb are
    views of it. A cloud may have no points, and is true like every message. Made, sent and received as Image, at the
    same cost. The default topic is "pointcloud".

    Example:
        >>> import horus, numpy
        >>> points = numpy.array([[1, 2, 3, 0.5], [4, 5, 6, 0.25]], numpy.float32)
        >>> cloud = horus.PointCloud.from_numpy(points, frame_id="lidar")
        >>> cloud
        <horus.PointCloud 2 points xyzi>
        >>> cloud.xyz.shape, cloud.intensity
        ((2, 3), array([0.5 , 0.25], dtype=float32))
    """

    @staticmethod
    def from_numpy(
        array: _SupportsArray | _SupportsDLPack,
        layout: PointLayout | None = None,
        *,
        frame_id: str = "",
        timestamp_ns: int = 0,
    ) -> PointCloud:
        """Copies points into shared memory: (n, 3), (n, 4) or (n, 6) of float32 or float64; n may be 0.

        Without a layout, 3 columns are xyz, 4 xyzi, 6 xyzrgb. Any strides and byte order will do, and what has
        `__array__` or `__dlpack__`. One copy. TypeError for what is no array; ValueError tells what the array is and
        what it should be; ShmFull and PoolExhausted if there is no room.
        """

    @staticmethod
    def empty(
        count: int,
        layout: PointLayout = "xyz",
        dtype: DTypeLike | None = None,
        *,
        frame_id: str = "",
        timestamp_ns: int = 0,
    ) -> PointCloud:
        """Makes so many points with whatever the memory held, to be written through to_numpy() until the cloud is
        sent.

        The dtype is float32 unless said; nothing is copied or cleared. ValueError for an unknown layout or another
        dtype than float32 and float64; ShmFull and PoolExhausted if there is no room.
        """

    @property
    def layout(self) -> PointLayout:
        """What the columns are: xyz, xyzi or xyzrgb."""

    @property
    def xyz(self) -> NDArray[Any]:
        """The positions in metres: a view (n, 3) of to_numpy()."""

    @property
    def intensity(self) -> NDArray[Any]:
        """The intensities of an xyzi cloud: a view (n,) of to_numpy(). AttributeError for another layout."""

    @property
    def rgb(self) -> NDArray[Any]:
        """The colours of an xyzrgb cloud, from 0 to 255: a view (n, 3) of to_numpy(). AttributeError for another
        layout.
        """

    def __len__(self) -> int: ...
    def __bool__(self) -> Literal[True]: ...

@final
class Tensor(_Pooled):
    """Numbers of one dtype in 0 to 8 dimensions, in shared memory.

    The dtype is bool, int8 to int64, uint8 to uint64, float16, float32, float64, complex64 or complex128. to_numpy()
    never copies; numpy.from_dlpack() and other libraries take a tensor as it is. C order, Fortran order and every
    other order of the dimensions stay what they are. Made, sent and received as Image, at the same cost. The default
    topic is "tensor".

    Example:
        >>> import horus, numpy
        >>> tensor = horus.Tensor.from_numpy(numpy.ones((1, 512), numpy.float16))
        >>> tensor
        <horus.Tensor (1, 512) float16>
        >>> tensor.to_numpy().sum()
        np.float16(512.0)
        >>> numpy.from_dlpack(tensor).flags.writeable
        False
    """

    @staticmethod
    def from_numpy(
        array: _SupportsArray | _SupportsDLPack, *, frame_id: str = "", timestamp_ns: int = 0
    ) -> Tensor:
        """Copies an array into shared memory, dense and in its own order of dimensions.

        Any strides and byte order will do, and what has `__array__` or `__dlpack__`. One copy. TypeError for what is
        no array; ValueError for a dtype that isn't one of the 14, such as datetime64, object or str, and for more than
        8 dimensions; ShmFull and PoolExhausted if there is no room.
        """

    @staticmethod
    def empty(
        shape: int | Sequence[int],
        dtype: DTypeLike | None = None,
        *,
        frame_id: str = "",
        timestamp_ns: int = 0,
    ) -> Tensor:
        """Makes a tensor in C order with whatever the memory held, to be written through to_numpy() until it is sent.

        shape is a tuple, or a number for one dimension; the dtype is float32 unless said. Nothing is copied or
        cleared. TypeError for what is no shape, ValueError for a dtype that isn't one of the 14; ShmFull and
        PoolExhausted if there is no room.
        """

    @property
    def strides(self) -> tuple[int, ...]:
        """The bytes from one item to the next in each dimension."""

    @property
    def ndim(self) -> int:
        """The number of dimensions, 0 to 8."""

MessageType: TypeAlias = (
    type[Message] | type[Image] | type[DepthImage] | type[PointCloud] | type[Tensor] | type[dict[Any, Any]]
)
"""What a topic may be declared with; where noted, its name will do as well."""

@final
class Latched:
    """Marks the type of a topic whose newest message is kept for who joins later.

    Example:
        >>> import horus
        >>> horus.Node("planner", pubs={"config": horus.Latched(dict)})
        <horus.Node 'planner'>
    """

    def __new__(cls, type: MessageType | str) -> Self: ...
    @property
    def type(self) -> MessageType | str:
        """The marked type, as it was given."""

@final
class Topic:
    """A topic, for sending and receiving without a node. Usable from any thread.

    It receives what is sent from now on. If the first thing it does is to send, it gives that up, so that a mere
    publisher is none of the topic's subscribers; its first recv, has_msg or wait subscribes again.

    A type or msg_type (a message class, horus.Image, dict, or its name) fixes what the topic holds; without one it is
    what is sent or found. depth is the ring's length if this makes the topic; latched keeps the newest message for who
    joins later. TopicNameError for a name that can't be used, ValueError for an unknown type's name, TopicTypeError if
    somebody uses the topic with another type.

    Example:
        >>> import horus
        >>> commands = horus.Topic("cmd_vel", horus.CmdVel)
        >>> with horus.Topic("cmd_vel") as driver:
        ...     driver.send(horus.CmdVel(linear=0.5))
        True
        >>> commands.wait(timeout=1.0)
        True
        >>> commands.recv().linear
        0.5
        >>> commands.recv() is None
        True
        >>> commands.close()
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
        """Sends a message, a dict, an image, a point cloud or a tensor. Never waits. Always True: what can't be sent
        raises.

        Typed messages and dicts are copied into shared memory once, images, point clouds and tensors of this process
        not at all. A dict sent on a topic that was declared with a message type is converted to it, field by field.
        TopicTypeError if somebody uses the topic with another type; TypeError, ValueError, OverflowError and
        RecursionError name what in a dict can't be sent; ShmFull and PoolExhausted if there is no room.
        """

    def recv(self) -> Any | None:
        """Returns the oldest unread message, or None. Never waits.

        Typed messages and dicts are copied out once; images, point clouds and tensors are not copied. TopicTypeError
        if the topic holds another type than the declared one; HorusError for bytes that are no such message.
        """

    def recv_latest(self) -> Any | None:
        """Returns the newest message if it is unread, skipping those before it, or None. Never waits. Costs and errors
        as those of recv().
        """

    def recv_all(self) -> list[Any]:
        """Returns the unread messages that were sent before this call, oldest first. Costs and errors as those of
        recv().
        """

    def has_msg(self) -> bool:
        """Returns whether there is an unread message; takes nothing."""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for a message, for timeout seconds or without end; False if none came.

        Other threads run meanwhile, and the program's signal handlers: Ctrl+C is a KeyboardInterrupt. Takes no
        processor time while nothing comes. ValueError for a timeout that is negative or NaN.
        """

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
    declares its own topic and joins when used. tick(node) is called rate times a second (30 if nobody says) or, with
    on="topic" (or several), whenever these have a message; order places the node among those of one run(). init(node)
    and shutdown(node) are called once each, shutdown not if init failed. callback(node, message) is called for each
    message as it comes. on_error(node, exception) takes what tick or a callback raised, and the node goes on. A
    subclass may have tick, init, shutdown and on_error as methods instead.

    Each of them may be an async def. An async tick begins when it is due; while it awaits, everything else goes on,
    and a tick that falls due meanwhile is left out and counts as an overrun. An async callback is awaited before the
    next message of its topic is taken. What an async callback raises goes where that of a plain one goes. The run
    waits for init and shutdown; ticks and callbacks that still go on when it ends are cancelled and awaited before.

    TypeError and ValueError tell what the constructor can't use: what is no topic, no callable or no rate, or two types
    for one topic.

    Example:
        >>> import horus
        >>> heard = []
        >>> def tick(node):
        ...     node.send("count", {"n": len(heard)})
        ...     if len(heard) == 3:
        ...         node.request_stop()
        >>> talker = horus.Node("talker", pubs="count", tick=tick, rate=200)
        >>> listener = horus.Node("listener", subs={"count": lambda node, message: heard.append(message["n"])})
        >>> horus.run(talker, listener)
        >>> heard[:3]
        [0, 1, 2]
    """

    def __init__(
        self,
        name: str,
        *,
        pubs: Topics | None = None,
        subs: Topics | None = None,
        tick: Callable[[Self], object] | None = None,
        rate: float | None = None,
        on: str | MessageType | Iterable[str | MessageType] | None = None,
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
        """Sends a message, a dict, an image, a point cloud or a tensor. Never waits. Always True: what can't be sent
        raises.

        Typed messages and dicts are copied into shared memory once, images, point clouds and tensors of this process
        not at all. A dict sent on a topic that this node declared with a message type is converted to it, field by
        field. TopicTypeError if somebody uses the topic with another type; TypeError, ValueError, OverflowError and
        RecursionError name what in a dict can't be sent; ShmFull and PoolExhausted if there is no room.
        """

    def recv(self, topic: str | MessageType) -> Any | None:
        """Returns the oldest unread message, or None. Never waits.

        Typed messages and dicts are copied out once; images, point clouds and tensors are not copied. TopicTypeError
        if the topic holds another type than the declared one; HorusError for bytes that are no such message.
        """

    def recv_latest(self, topic: str | MessageType) -> Any | None:
        """Returns the newest message if it is unread, skipping those before it, or None. Never waits. Costs and errors
        as those of recv().
        """

    def recv_all(self, topic: str | MessageType) -> list[Any]:
        """Returns the unread messages that were sent before this call, oldest first. Costs and errors as those of
        recv().
        """

    def has_msg(self, topic: str | MessageType) -> bool:
        """Returns whether there is an unread message; takes nothing."""

    def wait(self, topic: str | MessageType, timeout: float | None = None) -> bool:
        """Waits for a message, for timeout seconds or without end; False if none came.

        Other threads run meanwhile, and the program's signal handlers: Ctrl+C is a KeyboardInterrupt. Takes no
        processor time while nothing comes. ValueError for a timeout that is negative or NaN.
        """

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
    removes what dead processes left. An exception in a callback ends the run, shuts all nodes down and is raised here,
    unless the node's on_error takes it. During the run SIGTERM and the first Ctrl+C end it cleanly after the tick; a
    second Ctrl+C ends the process. Callbacks that are coroutines run in the same thread, in an event loop of asyncio
    that is made for the first of them; so run() itself can't be called inside a running event loop.

    TypeError for what is no node, ValueError for a negative duration or two nodes of one name, HorusError if a run is
    on in this process already. A node of another process may have the same name; a warning tells of it.

    Example:
        >>> import horus
        >>> def tick(node):
        ...     node.send(horus.CmdVel, horus.CmdVel(linear=0.5))
        >>> horus.run(horus.Node("driver", pubs=horus.CmdVel, tick=tick, rate=100), duration=0.05)
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
