"""Typed messages as Python classes."""

import copy
import inspect
import math
import pickle

import horus
import numpy as np
import pytest

STANDARD = [
    kind
    for name in horus.__all__
    if isinstance(kind := getattr(horus, name), type)
    and kind.__base__ is horus.Message
    and hasattr(kind, "dtype")
]
# Another value than the default of each type of field.
OTHER = {float: 2.5, int: 3, bool: True}


def test_a_command_is_made_read_and_changed():
    command = horus.CmdVel(linear=1.0, angular=0.5)
    assert (command.linear, command.angular, command.timestamp_ns) == (1.0, 0.5, 0)
    assert horus.CmdVel(1.0, 0.5) == command
    assert horus.CmdVel(1, angular=0.5) == command
    assert horus.CmdVel() == horus.CmdVel(0.0, 0.0)
    command.linear = 2
    assert command.linear == 2.0
    assert horus.CmdVel(timestamp_ns=7).timestamp_ns == 7


class Interrupted:
    """A value that is interrupted when its `method` is called for the `times`-th time."""

    def __init__(self, method, times=1):
        self.method, self.left = method, times

    def called(self, method):
        if method == self.method:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    @property
    def dtype(self):
        self.called("dtype")
        raise AttributeError

    def __float__(self):
        self.called("float")
        return 1.0

    def __index__(self):
        self.called("index")
        return 1 << 63

    def __len__(self):
        self.called("len")
        return 9

    def __iter__(self):
        self.called("iter")
        return iter(range(9))


@pytest.mark.parametrize("method", ["dtype", "float"])
def test_an_interrupt_while_a_value_is_asked_for_a_float_is_raised(method):
    assert horus.CmdVel(linear=Interrupted("none")).linear == 1.0
    with pytest.raises(KeyboardInterrupt):
        horus.CmdVel(linear=Interrupted(method))


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_while_a_value_is_asked_for_an_int_is_raised(times):
    assert horus.CmdVel(timestamp_ns=Interrupted("none")).timestamp_ns == 1 << 63
    with pytest.raises(KeyboardInterrupt):
        horus.CmdVel(timestamp_ns=Interrupted("index", times))


@pytest.mark.parametrize("method", ["len", "iter"])
def test_an_interrupt_while_a_value_is_asked_for_its_items_is_raised(method):
    assert horus.Imu(orientation_covariance=Interrupted("none")).orientation_covariance == tuple(range(9))
    assert list(horus.LaserScan(ranges=Interrupted("none")).ranges) == list(range(9))
    with pytest.raises(KeyboardInterrupt):
        horus.Imu(orientation_covariance=Interrupted(method))
    with pytest.raises(KeyboardInterrupt):
        horus.LaserScan(ranges=Interrupted(method))


@pytest.mark.parametrize("kind", STANDARD)
def test_every_field_goes_by_keyword_and_by_position_but_the_time(kind):
    names = list(kind().to_dict())
    assert "timestamp_ns" in names
    assert kind.__match_args__ == tuple(name for name in names if name != "timestamp_ns")
    for name in names:
        default = getattr(kind(), name)
        assert getattr(kind(**{name: default}), name) == default
    values = [getattr(kind(), name) for name in kind.__match_args__]
    assert kind(*values) == kind()
    with pytest.raises(
        TypeError, match=rf"^{kind.__name__}\(\) takes {len(values)} positional arguments, not"
    ):
        kind(*values, 0)


@pytest.mark.parametrize("kind", STANDARD)
def test_copies_pickles_dicts_and_bytes_are_equal_and_apart(kind):
    first = kind()
    name = kind.__match_args__[0]
    setattr(first, name, OTHER[type(getattr(first, name))])
    for other in (
        copy.copy(first),
        copy.deepcopy(first),
        first.copy(),
        pickle.loads(pickle.dumps(first)),
        kind.from_dict(first.to_dict()),
        kind.from_bytes(bytes(first)),
    ):
        assert type(other) is kind
        assert other == first
        setattr(other, name, getattr(kind(), name))
        assert other != first
        assert getattr(first, name) == OTHER[type(getattr(first, name))]


@pytest.mark.parametrize("kind", STANDARD)
def test_the_dtype_reads_the_same_bytes(kind):
    message = kind(timestamp_ns=2**63 + 5)
    for name in kind.__match_args__:
        if isinstance(getattr(message, name), float):
            setattr(message, name, 0.75)
    (record,) = np.frombuffer(bytes(message), dtype=kind.dtype)
    assert kind.dtype.itemsize == len(bytes(message))
    assert kind.dtype is kind.dtype
    for name, value in message.to_dict().items():
        read = record[name]
        if name == "power_supply_status":
            assert (value, read) == ("unknown", 0)
        else:
            assert np.array_equal(read.decode() if isinstance(value, str) else read, value), name


def test_repr_can_be_evaluated():
    command = horus.CmdVel(linear=1.5, angular=-0.25, timestamp_ns=9)
    assert repr(command) == "CmdVel(timestamp_ns=9, linear=1.5, angular=-0.25)"
    assert eval(repr(command), {"CmdVel": horus.CmdVel}) == command
    odometry = horus.Odometry(frame_id="odom", x=1.0)
    assert eval(repr(odometry), {"Odometry": horus.Odometry}) == odometry


def test_equality_is_that_of_the_values():
    assert horus.CmdVel(0.0, 0.0) == horus.CmdVel(-0.0, 0.0)
    assert horus.CmdVel(math.nan) != horus.CmdVel(math.nan)
    assert horus.CmdVel() != horus.Pose2D()
    assert horus.CmdVel() != "CmdVel"
    with pytest.raises(TypeError, match="unhashable"):
        hash(horus.CmdVel())
    with pytest.raises(TypeError, match="not supported"):
        _ = horus.CmdVel() < horus.CmdVel()


def test_arrays_are_tuples_and_take_any_sequence():
    nine = tuple(float(i) for i in range(9))
    for given in (nine, list(nine), np.arange(9.0), range(9)):
        imu = horus.Imu(orientation_covariance=given)
        assert imu.orientation_covariance == nine
    assert type(imu.orientation_covariance) is tuple


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: horus.CmdVel(linear="fast"), TypeError, r"^field 'linear' of CmdVel takes a float, not str"),
        (
            lambda: horus.CmdVel(linear=None),
            TypeError,
            r"^field 'linear' of CmdVel takes a float, not NoneType",
        ),
        (lambda: horus.CmdVel(linear=1e39), OverflowError, r"^field 'linear' of CmdVel can't hold 1e39"),
        (
            lambda: horus.CmdVel(timestamp_ns=-1),
            OverflowError,
            r"^field 'timestamp_ns' of CmdVel can't hold -1",
        ),
        (
            lambda: horus.CmdVel(timestamp_ns=2**64),
            OverflowError,
            r"can't hold 18446744073709551616: a u64 is 0 to",
        ),
        (lambda: horus.CmdVel(timestamp_ns=1.5), TypeError, r"takes an int, not float"),
        (lambda: horus.CmdVel(1j), TypeError, r"^field 'linear' of CmdVel takes a float, not complex"),
        (lambda: horus.CmdVel(np.complex64(1)), TypeError, r"takes a float, not numpy.complex64"),
        (lambda: horus.CmdVel(np.complex128(1)), TypeError, r"takes a float, not numpy.complex128"),
        (lambda: horus.CmdVel(np.zeros(1)), TypeError, r"takes a float, not numpy.ndarray"),
        (lambda: horus.CmdVel.from_dict({"linear": np.complex64(1)}), TypeError, r"not numpy.complex64"),
        (lambda: horus.LaserScan(ranges=[1, np.complex64(1)]), TypeError, r"item 1 takes a float, not numpy"),
        (
            lambda: horus.LaserScan(ranges=np.zeros(3, np.complex64)),
            TypeError,
            r"^field 'ranges' of LaserScan takes a sequence of f32, not an array of complex64",
        ),
        (lambda: horus.LaserScan(ranges=np.array(["a"])), TypeError, r"not an array of <U1"),
        (lambda: horus.LaserScan(ranges=np.array([None])), TypeError, r"not an array of object"),
        (lambda: horus.LaserScan(ranges=np.array([0], "M8[s]")), TypeError, r"not an array of datetime64"),
        (
            lambda: horus.LaserScan(ranges=np.zeros((3, 4))),
            ValueError,
            r"takes an array of shape \[n\], not \(3, 4\)",
        ),
        (
            lambda: horus.LaserScan(ranges=np.float32(1)),
            ValueError,
            r"takes an array of shape \[n\], not \(\)",
        ),
        (lambda: horus.LaserScan(ranges=1.0), TypeError, r"takes a sequence of f32, not float"),
        (lambda: horus.LaserScan(ranges="12"), TypeError, r"takes a sequence of f32, not str"),
        (lambda: horus.LaserScan(ranges=b"12"), TypeError, r"takes a sequence of f32, not bytes"),
        (lambda: horus.LaserScan(ranges={1, 2}), TypeError, r"takes a sequence of f32, not set"),
        (lambda: horus.LaserScan(ranges={1: 2}), TypeError, r"takes a sequence of f32, not dict"),
        (lambda: horus.LaserScan(ranges=iter([1])), TypeError, r"takes a sequence of f32, not list_iterator"),
        (lambda: horus.LaserScan(ranges=[1, None]), TypeError, r"item 1 takes a float, not NoneType"),
        (lambda: horus.LaserScan(ranges=[0, 1e39]), OverflowError, r"item 1 can't hold 1e39: an f32 ends"),
        (lambda: horus.LaserScan(ranges=np.array([0, -1e39])), OverflowError, r"item 1 can't hold -1e39"),
        (lambda: horus.JointState(names="ab"), TypeError, r"takes a sequence of str, .*, not str"),
        (lambda: horus.JointState(names=["a", 1]), TypeError, r"item 1 takes a str, not int"),
        (lambda: horus.JointState(names=["x" * 65]), ValueError, r"item 0 takes at most 64 bytes"),
        (lambda: horus.String(b"x"), TypeError, r"^field 'data' of String takes a str, not bytes"),
        (lambda: horus.String("\ud800"), ValueError, r"'data' of String takes text without lone surrogates"),
        (lambda: horus.Bool(2), TypeError, r"^field 'data' of Bool takes a bool, not int"),
        (lambda: horus.Int32(2**31), OverflowError, r"can't hold 2147483648: an i32 is -2147483648 to"),
        (lambda: horus.UInt32(-1), OverflowError, r"can't hold -1: a u32 is 0 to 4294967295"),
        (lambda: horus.Int64(2**63), OverflowError, r"can't hold 9223372036854775808: an i64 is"),
        (
            lambda: horus.BatteryState(power_supply_status="empty"),
            ValueError,
            r"no choice \"empty\"; it takes unknown, charging, discharging, not_charging, full",
        ),
        (
            lambda: horus.BatteryState(power_supply_status=9),
            ValueError,
            "takes one of unknown, .*, full, not 9",
        ),
        (
            lambda: horus.CmdVel(lineal=1.0),
            TypeError,
            r"^CmdVel has no field 'lineal'; it has timestamp_ns, linear,",
        ),
        (lambda: horus.CmdVel(1.0, linear=1.0), TypeError, r"^CmdVel\(\) got 'linear' twice"),
        (lambda: horus.CmdVel.from_dict({"x": 1}), TypeError, r"^CmdVel has no field 'x'"),
        (lambda: horus.CmdVel.from_dict({1: 1}), TypeError, r"^CmdVel has no field 1;"),
        (lambda: horus.CmdVel.from_bytes(b"1234"), ValueError, r"^a CmdVel has 16 bytes, not 4"),
        (
            lambda: horus.Odometry(frame_id=3),
            TypeError,
            r"^field 'frame_id' of Odometry takes a str, not int",
        ),
        (
            lambda: horus.Odometry(frame_id="x" * 500),
            ValueError,
            r"takes at most \d+ bytes of UTF-8, and this text has 500",
        ),
        (lambda: horus.Odometry(frame_id="a\0b"), ValueError, r"without NUL"),
        (lambda: horus.Odometry(frame_id="\ud800"), ValueError, r"without lone surrogates"),
        (lambda: horus.Imu(orientation_covariance=[1.0]), ValueError, r"takes 9 values, not 1"),
        (lambda: horus.Imu(orientation_covariance=3), TypeError, r"takes a sequence of 9 values, not int"),
        (
            lambda: horus.Imu(orientation_covariance="123456789"),
            TypeError,
            r"takes a sequence of 9 values, not str",
        ),
        (
            lambda: horus.Imu(orientation_covariance=[*range(8), "x"]),
            TypeError,
            r"item 8 takes a float, not str",
        ),
        (lambda: horus.Message(), TypeError, r"^horus.Message is the base of message types"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_refused_value_changes_nothing():
    imu = horus.Imu(orientation_covariance=range(9))
    with pytest.raises(TypeError):
        imu.orientation_covariance = [*range(10, 18), "x"]
    assert imu.orientation_covariance == tuple(range(9))


def test_attributes_are_the_fields_and_no_others():
    command = horus.CmdVel()
    with pytest.raises(AttributeError):
        command.lineal = 1.0
    with pytest.raises(AttributeError, match="field 'linear' can't be deleted"):
        del command.linear
    with pytest.raises(TypeError, match="a field of CmdVel asked of a Pose2D"):
        horus.CmdVel.linear.__get__(horus.Pose2D())
    assert "m/s" in horus.CmdVel.linear.__doc__
    assert "linear (f32" in inspect.getdoc(horus.CmdVel)


def test_messages_can_be_matched_and_derived_from():
    match horus.CmdVel(1.0, 0.5):
        case horus.CmdVel(linear, angular):
            assert (linear, angular) == (1.0, 0.5)

    class Command(horus.CmdVel):
        def speed(self):
            return abs(self.linear)

    command = Command(-2.0)
    assert command.speed() == 2.0
    assert isinstance(command, horus.CmdVel)
    assert type(command.copy()) is Command


def test_numpy_numbers_are_numbers():
    command = horus.CmdVel(np.float32(1.5), np.float64(0.5), timestamp_ns=np.uint64(3))
    assert command.to_dict() == {"timestamp_ns": 3, "linear": 1.5, "angular": 0.5}


def test_nan_and_infinity_are_numbers():
    command = horus.CmdVel(math.nan, -math.inf)
    assert math.isnan(command.linear)
    assert command.angular == -math.inf
    assert math.isnan(horus.Float64.from_bytes(bytes(horus.Float64(math.nan))).data)


def test_threads_may_read_a_message_that_another_one_changes(run):
    # In a process of its own: the first read of an array imports numpy, and lets other threads run meanwhile.
    program = """
import horus, sys, threading
sys.setswitchinterval(1e-5)
scan = horus.LaserScan(ranges=[1.0])
failed = []
done = threading.Event()
begun = threading.Barrier(2)
def change():
    begun.wait()
    while not done.is_set() and not failed:
        try:
            scan.ranges = [2.0]
        except RuntimeError as error:
            failed.append(error)
changer = threading.Thread(target=change)
changer.start()
begun.wait()
assert repr(scan) and scan.ranges[0] in (1.0, 2.0) and scan.to_dict()
done.set()
changer.join()
assert not failed, failed
"""
    for _ in range(3):
        run(program)
