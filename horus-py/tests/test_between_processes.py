"""Every type at several sizes, to another process and back."""

from pathlib import Path

import horus
import numpy as np
import pytest

HERE = Path(__file__).parent
WATCHDOG_S = 60
COUNTS = [0, 1, 360, 1440, 100_000]
RANDOM = np.random.default_rng(7)


def numbers(*shape, dtype="f4"):
    return RANDOM.random(shape, "f8").astype(dtype) if "f" in dtype else RANDOM.integers(0, 200, shape, dtype)


def plain(kind):
    """A message with a value of its own in each field."""
    message = kind(timestamp_ns=2**63 + 5)
    for index, name in enumerate(kind.__match_args__):
        value = getattr(message, name)
        if isinstance(value, bool):
            setattr(message, name, True)
        elif isinstance(value, int):
            setattr(message, name, index + 3)
        elif isinstance(value, float):
            setattr(message, name, index + 0.5)
        elif isinstance(value, tuple):
            setattr(message, name, range(len(value)))
        elif name == "power_supply_status":
            setattr(message, name, "full")
        else:
            setattr(message, name, "Gestell ä")
    return message


def messages_of(name, count):
    match name:
        case "LaserScan":
            return horus.LaserScan(ranges=numbers(count), intensities=numbers(count), frame_id="laser")
        case "JointState":
            joints = [f"joint {i}" for i in range(min(count, 1440))]
            return horus.JointState(joints, numbers(count), numbers(count), timestamp_ns=count)
        case "String":
            return horus.String("ä𝄞\0" * count)
        case "dict":
            return {"count": count, "data": numbers(count), "text": "x" * count}
        case "Image":
            return horus.Image.from_numpy(numbers(count + 1, 3, 3, dtype="u1"), frame_id="front")
        case "DepthImage":
            return horus.DepthImage.from_numpy(numbers(3, count + 1), timestamp_ns=count)
        case "PointCloud":
            return horus.PointCloud.from_numpy(numbers(count, 6), frame_id="lidar")
        case "Tensor":
            return horus.Tensor.from_numpy(np.asfortranarray(numbers(count, 3, dtype="f8")))
    return plain(getattr(horus, name))


def same(sent, got):
    if isinstance(sent, dict):
        return sent.keys() == got.keys() and all(np.array_equal(sent[key], got[key]) for key in sent)
    if isinstance(sent, horus.Message):
        return sent == got and bytes(sent) == bytes(got) and type(got) is type(sent)
    return (
        np.array_equal(sent.to_numpy(), got.to_numpy())
        and sent.to_numpy().strides == got.to_numpy().strides
        and (sent.frame_id, sent.timestamp_ns) == (got.frame_id, got.timestamp_ns)
        and (type(sent), sent.shape, sent.dtype, repr(sent)) == (type(got), got.shape, got.dtype, repr(got))
    )


TYPES = [
    *(
        name
        for name in horus.__all__
        if isinstance(kind := getattr(horus, name), type) and kind.__base__ is horus.Message
    ),
    *("dict", "Image", "DepthImage", "PointCloud", "Tensor"),
]


@pytest.fixture
def relay(start):
    process = start(HERE / "relay.py", len(COUNTS), *TYPES, stdin=-1)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    yield process
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.wait(WATCHDOG_S) == 0, process.stderr.read()


def test_every_type_goes_to_another_process_and_back(relay):
    for name in TYPES:
        with horus.Topic(name, msg_type=name) as out, horus.Topic(name + "/back", msg_type=name) as back:
            back.has_msg()
            for count in COUNTS:
                sent = messages_of(name, count)
                out.send(sent)
                assert back.wait(WATCHDOG_S), f"{name} of {count} didn't come back"
                assert same(sent, back.recv()), f"{name} of {count}"
                assert not back.has_msg()
