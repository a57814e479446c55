"""Python values to MessagePack and back."""

import collections
import enum
import math
import sys
import threading

import horus
import numpy as np
import pytest
from horus import _horus


def around(value):
    return _horus._unpack(_horus._pack(value))


PLAIN = [
    None,
    True,
    False,
    0,
    127,
    128,
    -1,
    -32,
    -33,
    -(2**7),
    -(2**15),
    -(2**31),
    -(2**63),
    2**8,
    2**16,
    2**32,
    2**63 - 1,
    2**63,
    2**64 - 1,
    0.0,
    -1.5,
    1e308,
    math.inf,
    "",
    "motor_1",
    "ü" * 40,
    "x" * 300,
    "x" * 70_000,
    b"",
    b"\x00\xff" * 200,
    b"y" * 70_000,
    [],
    [1, [2, [3, [None]]]],
    list(range(20)),
    list(range(70_000)),
    {},
    {"a": {"b": {"c": [1, 2.5, "x", b"y", None, True]}}},
    {1: "int", -7: "negative", 2.5: "float", b"k": "bytes", None: "none", "s": "str"},
    {f"key{i}": i for i in range(70_000)},
    {"k" * 40: 1},
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:30])
def test_plain_values_come_back_equal_and_of_the_same_type(value):
    back = around(value)
    assert back == value
    assert type(back) is type(value)


def test_bytes_are_the_ones_the_specification_gives():
    assert _horus._pack({"a": 1, "b": [True, None], "c": b"\x01"}) == (
        b"\x83\xa1a\x01\xa1b\x92\xc3\xc0\xa1c\xc4\x01\x01"
    )
    assert _horus._pack(1.5) == b"\xcb\x3f\xf8" + bytes(6)
    assert _horus._pack(-1) == b"\xff"
    assert _horus._pack(200) == b"\xcc\xc8"


def test_nan_and_the_order_of_keys_are_kept():
    assert math.isnan(around(math.nan))
    assert math.copysign(1, around(-0.0)) == -1
    keys = [f"k{i}" for i in np.random.default_rng(1).permutation(50)]
    assert list(around(dict.fromkeys(keys, 0))) == keys


def test_repeated_keys_are_one_object():
    first, second = around([{"celsius": 1}, {"celsius": 2}])
    assert next(iter(first)) is next(iter(second))


def test_relatives_of_the_plain_types_go_as_these():
    Point = collections.namedtuple("Point", "x y")
    Level = enum.IntEnum("Level", "LOW HIGH")

    class Text(str):
        pass

    value = {
        "tuple": (1, 2),
        "named": Point(1, 2),
        "ordered": collections.OrderedDict(b=1, a=2),
        "default": collections.defaultdict(int, a=1),
        "enum": Level.HIGH,
        "text": Text("t"),
        "array": bytearray(b"xy"),
        "view": memoryview(b"abcdef")[::2],
    }
    assert around(value) == {
        "tuple": [1, 2],
        "named": [1, 2],
        "ordered": {"b": 1, "a": 2},
        "default": {"a": 1},
        "enum": 2,
        "text": "t",
        "array": b"xy",
        "view": b"ace",
    }


@pytest.mark.parametrize(
    ("scalar", "plain"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (np.str_("s"), "s"),
        (np.bytes_(b"b"), b"b"),
    ],
    ids=repr,
)
def test_numpy_scalars_go_as_numbers(scalar, plain):
    back = around({"v": scalar, "l": [scalar]})
    assert back == {"v": plain, "l": [plain]}
    assert type(back["v"]) is type(plain)
    assert around({scalar: 1}) == {plain: 1}


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.arange(12).reshape(3, 4)[:, ::2],
        np.arange(12).reshape(3, 4).T,
        np.arange(24).reshape(2, 3, 4)[::-1],
        np.zeros((0, 3)),
        np.array(7.5),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.array([1, 2], dtype=">i2"),
        np.array(["a", "bcd"]),
        np.array(["2026-11-22"], dtype="datetime64[s]"),
        np.zeros(100_000, dtype=np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_come_back_whole_and_writable(array):
    back = around({"a": array})["a"]
    assert type(back) is np.ndarray
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert np.array_equal(back, array)
    assert back.flags.writeable
    assert back.flags.c_contiguous
    assert back.base is None


def test_read_only_arrays_can_be_sent():
    array = np.arange(3)
    array.flags.writeable = False
    assert around([array])[0].tolist() == [0, 1, 2]


class Strange:
    pass


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (Strange(), TypeError, r"^a value of type \S*test_convert\.Strange can't be sent"),
        ({"a": [0, 1, 2, Strange()]}, TypeError, r"^key 'a' > item 3: a value of type"),
        ({"s": {1, 2}}, TypeError, r"^key 's': a value of type set"),
        ({"f": print}, TypeError, r"^key 'f': a value of type builtin_function_or_method can't be sent"),
        ({"f": lambda: 0}, TypeError, r"^key 'f': a value of type function can't be sent"),
        ({"t": Strange}, TypeError, r"^key 't': a value of type type can't be sent"),
        ({"c": np.complex64(1)}, TypeError, r"^key 'c': a value of type complex can't be sent"),
        (
            {"cmd": horus.CmdVel()},
            TypeError,
            r"^key 'cmd': a value of type horus.CmdVel can't be sent within a dict; .* or its to_dict\(\)$",
        ),
        ({"c": 1j}, TypeError, r"^key 'c': a value of type complex"),
        ([2**64], OverflowError, r"^item 0: integer beyond 64 bits"),
        ({"n": -(2**63) - 1}, OverflowError, r"^key 'n': integer beyond 64 bits"),
        ({"t": "\ud800"}, ValueError, r"^key 't': text '\\ud800' has lone surrogates"),
        ({"\ud800": 1}, ValueError, r"^key '\\ud800': text '\\ud800' has lone surrogates"),
        ({(1, 2): 3}, TypeError, r"^key \(1, 2\) is a tuple"),
        ({frozenset(): 3}, TypeError, r"^key frozenset\(\): a value of type frozenset"),
        ({"o": np.array([object()])}, TypeError, r"^key 'o': an array of dtype object"),
        (
            {"m": np.ma.array([1, 2], mask=[False, True])},
            ValueError,
            r"^key 'm': a masked array .* fill it first",
        ),
        ({"m": np.ma.masked}, ValueError, r"^key 'm': a masked array"),
        (
            {"v": np.zeros(2, dtype=[("x", "f4")])},
            TypeError,
            r"^key 'v': an array of dtype \[\('x', '<f4'\)\]",
        ),
        ({"d": np.datetime64("2026-11-22")}, TypeError, r"^key 'd': a value of type numpy\.datetime64"),
        # As a plain number it would lose its unit.
        ({"d": np.datetime64(1, "ns")}, TypeError, r"^key 'd': a value of type numpy\.datetime64"),
        ({"d": np.timedelta64("NaT")}, TypeError, r"^key 'd': a value of type numpy\.timedelta64"),
        (
            {"l": np.longdouble(1)},
            TypeError,
            r"^key 'l': a value of type numpy\.longdouble",
        ),
    ],
    ids=repr,
)
def test_what_cannot_be_sent_is_named_with_its_place(value, error, text):
    with pytest.raises(error, match=text):
        _horus._pack(value)
    # The buffer that the refusal left half filled does no harm.
    assert around({"a": 1}) == {"a": 1}


def test_an_image_in_a_dict_is_refused_with_what_to_do():
    image = horus.Image.empty(2, 2)
    with pytest.raises(
        TypeError, match=r"^item 0: a value of type horus.Image can't .* or its to_numpy\(\)$"
    ):
        _horus._pack([image])


def test_depth_has_a_limit():
    value = []
    for _ in range(127):
        value = [value]
    assert around(value) == value
    with pytest.raises(RecursionError, match="nested deeper than 128 levels"):
        _horus._pack([value])
    circle = {}
    circle["self"] = circle
    with pytest.raises(RecursionError, match=r"^key 'self' > key 'self' > .*does the value contain itself"):
        _horus._pack(circle)


def test_exceptions_from_foreign_code_pass_with_a_note():
    class Broken(np.ndarray):
        @property
        def dtype(self):
            raise ZeroDivisionError("broken")

    with pytest.raises(ZeroDivisionError) as caught:
        _horus._pack({"k": np.zeros(2).view(Broken)})
    assert caught.value.__notes__ == ["while sending key 'k'"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x01\x01",
        b"\xa5abc",
        b"\xa1\xff",
        b"\xdc\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff\x01",
        b"\xc6\xff\xff\xff\xff",
        b"\x81\x90\x01",
        b"\x81\x80\x01",
        b"\x91" * 200,
        b"\xd4\x07\x00",
        b"\xc7\x00\x01",
        b"\xc7\x06\x01\x93\xa1O\x90\xc4\x00",
        b"\xc7\x08\x01\x93\xa3<f4\x90\xc4\x00",
        b"\xc7\x0c\x01\x93\xa3<f4\x91\xcd\xff\xff\xc4\x00",
        b"\xc7\x05\x01\x93\x01\x90\xc4\x00",
        b"\xc7\x08\x01\x93\xa3<f4\x01\xc4\x00",
        b"\xc7\x09\x01\x93\xa3<f4\x91\xff\xc4\x00",
        b"\x81\xc7\x09\x01\x93\xa3<f4\x91\x00\xc4\x00\x01",
    ],
    ids=lambda data: data[:12].hex(),
)
def test_damaged_bytes_are_an_error(data):
    with pytest.raises(horus.HorusError, match="damaged message"):
        _horus._unpack(data)


@pytest.mark.parametrize("data", [b"\xa2a\xff", b"\x81\xa2a\xff\x01", b"\xd9\x20" + 31 * b"x" + b"\xff"])
def test_text_that_is_no_utf_8_is_told_wherever_it_stands(data):
    with pytest.raises(horus.HorusError, match=r"text that is no UTF-8 \(.+\) at byte \d+ of \d+"):
        _horus._unpack(data)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 300])
def test_keys_of_any_length_lead_back(length):
    # Bytes, of two each and a last one.
    key = "ä" * (length // 2) + "k" * (length % 2)
    assert _horus._unpack(_horus._pack({key: 1})) == {key: 1}


def test_any_bytes_give_a_value_or_an_error():
    random = np.random.default_rng(7)
    whole = _horus._pack({"a": [1, 2.5, "text", b"bytes"], "n": np.arange(5), "d": {"x": None}})
    for _ in range(5_000):
        data = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            data[random.integers(len(data))] = random.integers(256)
        try:
            value = _horus._unpack(bytes(data[: random.integers(1, len(data) + 1)]))
        except horus.HorusError:
            continue
        assert value is None or isinstance(value, (dict, list, int, float, str, bytes, np.ndarray))


def test_texts_of_any_length_lead_back_wherever_they_stand():
    """Short texts are remembered: 4,000 of them push each other out, and none is taken for another."""
    texts = ["x" * length for length in range(40)] + ["x" * length + "\0" for length in range(40)]
    texts += [f"{number:x}" * length for number in range(400) for length in (1, 3, 5, 8)]
    texts += ["é" * length for length in range(20)] + [f"joint_{number}" for number in range(1000)]
    for _ in range(2):
        for text in texts:
            for value in (text, {text: text}, [text, 1.0], {text: {text: [text]}, "behind": 0}):
                assert around(value) == value
        many = {text: text for text in texts}
        assert around(many) == many


def test_numbers_take_the_shortest_form():
    edges = [
        0,
        0x7F,
        0x80,
        0xFF,
        0x100,
        0xFFFF,
        0x10000,
        0xFFFFFFFF,
        1 << 32,
        (1 << 63) - 1,
        1 << 63,
        (1 << 64) - 1,
    ]
    edges += [-1, -0x20, -0x21, -0x80, -0x81, -0x8000, -0x8001, -0x80000000, -0x80000001, -(1 << 63)]
    sizes = [1, 1, 2, 2, 3, 3, 5, 5, 9, 9, 9, 9, 1, 1, 2, 2, 3, 3, 5, 5, 9, 9]
    assert [len(_horus._pack(number)) for number in edges] == sizes
    assert around(edges) == edges
    lengths = [0, 15, 16, 31, 32, 255, 256, 65535, 65536]
    assert [len(_horus._pack("x" * length)) - length for length in lengths] == [1, 1, 1, 1, 2, 2, 3, 3, 5]
    assert [len(_horus._pack(b"x" * length)) - length for length in lengths] == [2, 2, 2, 2, 2, 2, 3, 3, 5]
    assert [len(_horus._pack([0] * length)) - length for length in lengths] == [1, 1, 3, 3, 3, 3, 3, 3, 5]
    assert [len(_horus._pack((None,) * length)) - length for length in lengths] == [1, 1, 3, 3, 3, 3, 3, 3, 5]
    heads = [len(_horus._pack(dict.fromkeys(range(length)))) for length in (0, 15, 16)]
    assert heads == [1, 31, 35]


def test_nobody_sees_a_list_with_holes(run):
    """A collection while a list is filled runs Python code, which may look at every object there is."""
    out = run(
        """
import gc
from horus import _horus
packed = _horus._pack([[[number] for number in range(50)] for _ in range(20)])
seen = 0
def look(phase, info):
    global seen
    for found in gc.get_objects(generation=0) if phase == "start" else ():
        if type(found) is list:
            seen += len([item for item in found])
gc.callbacks.append(look)
gc.set_threshold(5)
for _ in range(20):
    value = _horus._unpack(packed)
assert gc.is_tracked(value) and gc.is_tracked(value[0][0])
print(seen > 0)
"""
    )
    assert out == "True\n"


def test_containers_that_change_meanwhile_do_no_harm():
    """Converting numpy values runs Python code, in which other threads get their turn."""
    shared = {f"k{i}": np.arange(3) for i in range(20)}
    values = [np.arange(3)] * 20
    done = threading.Event()

    def change():
        n = 0
        while not done.is_set():
            n += 1
            shared[f"extra{n % 50}"] = np.arange(3)
            shared.pop(f"extra{(n + 25) % 50}", None)
            values.append(1)
            if len(values) > 100:
                del values[20:]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            back = around({"dict": shared, "list": values})
            assert all(f"k{i}" in back["dict"] for i in range(20))
            assert len(back["list"]) >= 20
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_importing_horus_does_not_import_numpy(run):
    run(
        """
import sys
import horus
from horus import _horus
assert "numpy" not in sys.modules
assert _horus._unpack(_horus._pack({"a": [1, b"x", bytearray(b"y")]})) == {"a": [1, b"x", b"y"]}
assert horus.CmdVel(1.0).linear == 1.0
assert "numpy" not in sys.modules
import numpy as np
assert _horus._unpack(_horus._pack(np.float32(0.5))) == 0.5
"""
    )
