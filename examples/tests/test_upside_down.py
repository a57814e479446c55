"""Messages of any length, clouds and tensors between Python and a compiled node, there and back."""

import horus as horus_py
import numpy as np
import pytest
from horus import _horus

COUNTS = [0, 1, 360, 1440, 100_000]
WATCHDOG_S = 60
RANDOM = np.random.default_rng(3)


@pytest.fixture
def upside_down(env, horus, monkeypatch):
    """The node at work, and this process in the same shared memory."""
    for name in ("HORUS_SHM_DIR", "HORUS_NAMESPACE"):
        monkeypatch.setenv(name, env[name])
    node = horus("run", "upside_down")
    yield node
    _horus._leave()
    assert node.stop() == 0


def around(kind, topic, messages):
    """Pairs of what was sent and what came back."""
    # Latched: the node may subscribe after the first was sent.
    with horus_py.Topic(topic + ".upright", kind) as back, horus_py.Topic(topic, kind, latched=True) as out:
        for message in messages:
            out.send(message)
            assert back.wait(WATCHDOG_S), f"{message!r} didn't come back"
            yield message, back.recv()


def test_scans_come_back_turned(upside_down):
    scans = (
        horus_py.LaserScan(
            timestamp_ns=2**60 + count,
            angle_min=-1.5,
            angle_max=0.5,
            ranges=RANDOM.random(count),
            intensities=range(count),
            frame_id="ceiling",
        )
        for count in COUNTS
    )
    for sent, got in around(horus_py.LaserScan, "scan", scans):
        assert np.array_equal(got.ranges, sent.ranges[::-1])
        assert np.array_equal(got.intensities, sent.intensities[::-1])
        assert (got.angle_min, got.angle_max) == (-0.5, 1.5)
        assert (got.timestamp_ns, got.frame_id) == (sent.timestamp_ns, "ceiling")
        # Byte for byte what Python would write.
        assert bytes(horus_py.LaserScan.from_dict(got.to_dict())) == bytes(got)


def test_joints_come_back_turned(upside_down):
    states = (
        horus_py.JointState(
            [f"joint_{i}_ä" for i in range(min(count, 1440))], RANDOM.random(count), timestamp_ns=count
        )
        for count in COUNTS
    )
    for sent, got in around(horus_py.JointState, "joint_states", states):
        assert got.names == sent.names
        assert np.array_equal(got.positions, -sent.positions)
        assert (got.velocities.size, got.timestamp_ns) == (0, sent.timestamp_ns)


@pytest.mark.parametrize("fields", [3, 4, 6])
def test_points_come_back_turned(upside_down, fields):
    clouds = (
        horus_py.PointCloud.from_numpy(
            RANDOM.random((count, fields), np.float32), frame_id="lidar", timestamp_ns=count
        )
        for count in COUNTS
    )
    for sent, got in around(horus_py.PointCloud, "pointcloud", clouds):
        signs = np.array([1, -1, -1, 1, 1, 1][:fields], np.float32)
        assert np.array_equal(got.to_numpy(), sent.to_numpy() * signs)
        assert (got.layout, got.frame_id, got.timestamp_ns) == (sent.layout, "lidar", len(sent))


def test_tensors_of_every_dtype_come_back_turned(upside_down):
    dtypes = "? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()
    shapes = [(2, 3), (0, 3), (5, 4, 3), (1, 2, 1, 4, 3), (300, 400)]
    tensors = (
        horus_py.Tensor.from_numpy((RANDOM.random(shape) * 100).astype(dtype), frame_id="features")
        for dtype in dtypes
        for shape in shapes
    )
    for sent, got in around(horus_py.Tensor, "tensor", tensors):
        assert np.array_equal(got.to_numpy(), sent.to_numpy()[..., ::-1, ::-1])
        assert (got.dtype, got.frame_id) == (sent.dtype, "features")
