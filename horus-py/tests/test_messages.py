"""Typed messages as Python classes."""

import copy
import inspect
import math
import pickle

import horus
import numpy as np
import pytest

STANDARD = [horus.CmdVel, horus.Imu, horus.Odometry, horus.Pose2D, horus.Twist]


def test_a_command_is_made_read_and_changed():
    command = horus.CmdVel(linear=1.0, angular=0.5)
    assert (command.linear, command.angular, command.timestamp_ns) == (1.0, 0.5, 0)
    assert horus.CmdVel(1.0, 0.5) == command
    assert horus.CmdVel(1, angular=0.5) == command
    assert horus.CmdVel() == horus.CmdVel(0.0, 0.0)
    command.linear = 2
    assert command.linear == 2.0
    assert horus.CmdVel(timestamp_ns=7).timestamp_ns == 7


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
    setattr(first, name, 2.5)
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
        setattr(other, name, 3.5)
        assert other != first
        assert getattr(first, name) == 2.5


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
