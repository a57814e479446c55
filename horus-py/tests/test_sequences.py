"""Messages of any length: sequences and texts."""

import array
import copy
import gc
import mmap
import pickle
import weakref

import horus
import numpy as np
import pytest

VARYING = [horus.JointState, horus.LaserScan, horus.String]
COUNTS = [0, 1, 360, 1440, 100_000]


def filled(kind, count):
    if kind is horus.LaserScan:
        return kind(
            angle_min=-1.5, ranges=np.linspace(0, 9, count), intensities=range(count), frame_id="laser"
        )
    if kind is horus.JointState:
        names = [f"joint_{i}" for i in range(min(count, 1440))]
        return kind(names, np.arange(count), np.arange(count) / 3, timestamp_ns=7)
    return kind("ä€𝄞\0" * count, timestamp_ns=7)


@pytest.mark.parametrize("kind", VARYING)
@pytest.mark.parametrize("count", COUNTS)
def test_copies_pickles_dicts_and_bytes_are_equal_and_apart(kind, count):
    first = filled(kind, count)
    data = bytes(first)
    for other in (
        copy.copy(first),
        copy.deepcopy(first),
        first.copy(),
        pickle.loads(pickle.dumps(first)),
        kind.from_dict(first.to_dict()),
        kind.from_bytes(data),
        kind.from_bytes(bytearray(data)),
        kind.from_bytes(memoryview(data)),
        kind.from_bytes(np.frombuffer(data, np.uint8)),
        kind.from_bytes(memoryview(data + data)[::2][:0].tobytes() + data),
    ):
        assert type(other) is kind
        assert other == first
        assert bytes(other) == data
        other.timestamp_ns = 99
        assert other != first
    if count:
        assert filled(kind, count - 1) != first


@pytest.mark.parametrize("kind", VARYING)
def test_they_are_sent_and_received_bit_by_bit(kind):
    with horus.Topic("t", kind) as out, horus.Topic("t") as into:
        into.has_msg()
        for count in COUNTS:
            message = filled(kind, count)
            out.send(message)
            got = into.recv()
            assert got == message
            assert bytes(got) == bytes(message)
            # A dict is converted, as of every declared type.
            out.send(message.to_dict())
            assert bytes(into.recv()) == bytes(message)


def test_numbers_are_a_read_only_array_over_the_message():
    data = bytes(filled(horus.LaserScan, 360))
    scan = horus.LaserScan.from_bytes(data)
    ranges = scan.ranges
    assert (ranges.dtype, ranges.shape, ranges.flags.writeable) == (np.float32, (360,), False)
    assert np.shares_memory(ranges, scan.ranges)
    # The very bytes that were given.
    assert np.shares_memory(ranges, np.frombuffer(data, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        ranges[0] = 1
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        ranges.flags.writeable = True


def test_an_array_outlives_its_message_and_stays_when_the_field_is_replaced():
    with horus.Topic("scan") as out, horus.Topic("scan") as into:
        into.has_msg()
        out.send(horus.LaserScan(ranges=range(360)))
        scan = into.recv()
        ranges = scan.ranges
        scan.ranges = [1.0, 2.0]
        assert list(scan.ranges) == [1.0, 2.0]
        assert scan.intensities.size == 0
        del scan
        for n in range(200):
            out.send(horus.LaserScan(ranges=np.full(360, n)))
    gc.collect()
    assert np.array_equal(ranges, np.arange(360))


def test_a_copy_shares_what_never_changes_and_nothing_else():
    first = horus.LaserScan(ranges=[1.0, 2.0])
    second = first.copy()
    assert np.shares_memory(first.ranges, second.ranges)
    second.ranges = [3.0]
    assert list(first.ranges) == [1.0, 2.0]


@pytest.mark.parametrize(
    "given",
    [
        [0, 1, 2, 3],
        (0.0, 1.0, 2.0, 3.0),
        range(4),
        np.arange(4, dtype=np.float32),
        np.arange(4, dtype=np.float64),
        np.arange(4, dtype=np.float16),
        np.arange(4, dtype=np.uint64),
        np.arange(4, dtype=np.int8),
        np.arange(4, dtype=">f4"),
        np.arange(4, dtype=">i2"),
        np.arange(8, dtype=np.float32)[::2] / 2,
        np.arange(4, dtype=np.float32)[::-1][::-1],
        np.stack([np.arange(4), np.arange(4)], axis=1)[:, 1],
        array.array("d", [0, 1, 2, 3]),
        memoryview(array.array("f", [0, 1, 2, 3])),
        np.ma.masked_array([0.0, 1.0, 2.0, 3.0]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_any_sequence_array_or_buffer_is_taken(given):
    scan = horus.LaserScan(ranges=given)
    assert scan.ranges.dtype == np.float32
    assert list(scan.ranges) == [0, 1, 2, 3]
    scan.intensities = given
    assert list(scan.intensities) == [0, 1, 2, 3]


def test_what_offers_an_array_is_taken():
    class Offers:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3.0)

    class Lends:
        def __init__(self):
            self.numbers = np.arange(3.0)

        def __dlpack__(self, **options):
            return self.numbers.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.numbers.__dlpack_device__()

    for given in (Offers(), Lends(), horus.Tensor.from_numpy(np.arange(3.0))):
        assert list(horus.LaserScan(ranges=given).ranges) == [0, 1, 2]


def test_nan_infinity_and_bits_of_floats_are_kept():
    given = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], np.float32)
    scan = horus.LaserScan.from_bytes(bytes(horus.LaserScan(ranges=given)))
    assert scan.ranges.tobytes() == given.tobytes()
    # As floats are: NaN is unequal to itself.
    assert scan != scan.copy()
    assert list(horus.LaserScan(ranges=np.array([np.inf, np.nan])).ranges)[0] == np.inf
    assert horus.LaserScan(ranges=[0.0]) == horus.LaserScan(ranges=[-0.0])


def test_names_are_a_tuple_of_str():
    joints = horus.JointState(names=["a", "gelenk_ä"], positions=[1, 2])
    assert joints.names == ("a", "gelenk_ä")
    assert joints.velocities.size == 0
    assert joints.positions.dtype == np.float64
    joints.names = np.array(["b", "c", "d"])
    assert joints.names == ("b", "c", "d")


def test_a_long_sequence_is_shown_by_its_ends():
    assert "ranges=[0.0, 1.0]," in repr(horus.LaserScan(ranges=[0, 1]))
    assert "ranges=[0.0, 1.0, 2.0, ..., 357.0, 358.0, 359.0]," in repr(horus.LaserScan(ranges=range(360)))
    scan = horus.LaserScan(ranges=range(16), frame_id="laser")
    assert eval(repr(scan), {"LaserScan": horus.LaserScan}) == scan
    names = [f"j{i}" for i in range(17)]
    assert "names=('j0', 'j1', 'j2', ..., 'j14', 'j15', 'j16')," in repr(horus.JointState(names))


def test_a_refused_value_changes_nothing():
    scan = horus.LaserScan(ranges=[1.0, 2.0])
    for value in ([1.0, "x"], np.zeros((2, 2)), "12", None):
        with pytest.raises((TypeError, ValueError)):
            scan.ranges = value
        assert list(scan.ranges) == [1.0, 2.0]


def test_what_varies_in_length_has_no_dtype():
    with pytest.raises(AttributeError, match="LaserScan has no dtype.*'ranges', 'intensities'"):
        _ = horus.LaserScan.dtype
    assert not hasattr(horus.String(), "dtype")


def test_a_derived_class_with_arguments_of_its_own_is_copied():
    class Scan(horus.LaserScan):
        def __init__(self, rays, **fields):
            super().__init__()

        def __new__(cls, rays=0, **fields):
            return super().__new__(cls, ranges=np.zeros(rays), **fields)

    scan = Scan(3)
    assert scan.copy().ranges.size == 3
    assert type(scan.copy()) is Scan
    assert Scan.from_bytes(bytes(scan)) == scan


def test_messages_and_their_items_are_freed():
    numbers = np.zeros(10)
    gone = weakref.ref(numbers)
    scan = horus.LaserScan(ranges=numbers)
    del numbers
    assert gone() is None, "the items were copied"
    assert scan.ranges.size == 10


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda data: data[:-5], "lie outside the"),
        (lambda data: data[:50], "has at least 104 bytes, not 50"),
        (lambda data: data[:40] + b"\xff" * 8 + data[48:], "lie outside the"),
        (lambda data: data[:48] + b"\x08" + data[49:], "begin before 104"),
        (lambda data: data[:48] + b"\x69" + data[49:] + bytes(8), "begin at no multiple of 8"),
        (lambda data: b"", "has at least 104 bytes, not 0"),
    ],
)
def test_bytes_that_are_no_such_message_are_refused(change, text):
    data = bytes(horus.LaserScan(ranges=range(9)))
    with pytest.raises(ValueError, match=rf"^a LaserScan.*{text}"):
        horus.LaserScan.from_bytes(change(data))


def test_any_buffer_is_bytes():
    command = horus.CmdVel(1.0, 0.5)
    data = bytes(command)
    with mmap.mmap(-1, len(data)) as area:
        area[:] = data
        assert horus.CmdVel.from_bytes(area) == command
    words = array.array("I", data)
    assert horus.CmdVel.from_bytes(words) == command
    for wrong in ("text", 16, None, [1, 2]):
        with pytest.raises(TypeError, match=r"^CmdVel.from_bytes\(\) takes bytes or another buffer, not"):
            horus.CmdVel.from_bytes(wrong)
    # The message is its own: the buffer may change.
    for name in ("LaserScan", "CmdVel"):
        kind = getattr(horus, name)
        buffer = bytearray(bytes(kind(timestamp_ns=5)))
        message = kind.from_bytes(buffer)
        buffer[:] = bytes(len(buffer))
        assert message.timestamp_ns == 5


def test_filling_is_hidden_and_zero():
    assert horus.Bool.dtype.names == ("timestamp_ns", "data")
    assert horus.Bool.dtype.itemsize == len(bytes(horus.Bool()))
    assert list(horus.Bool().to_dict()) == ["timestamp_ns", "data"]
    dirty = bytes(horus.Bool(True))[:9] + b"\xff" * 7
    assert bytes(horus.Bool.from_bytes(dirty)) == bytes(horus.Bool(True))
    assert horus.Bool.from_bytes(dirty) == horus.Bool(True)
    with pytest.raises(TypeError, match="Bool has no field '_filling'"):
        horus.Bool(_filling=1)
    assert repr(horus.Bool(True)) == "Bool(timestamp_ns=0, data=True)"
