"""Depth images, point clouds and tensors: what arrays are which, and what they keep."""

import gc

import horus
import numpy as np
import pytest

DTYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
).split()


def numbers(*shape, dtype="float32"):
    return (np.arange(np.prod(shape)) % 251).reshape(shape).astype(dtype)


# Views of a (2, 3, 4) array, by what is special about them.
VIEWS = {
    "plain": lambda a: a,
    "transposed": lambda a: a.T,
    "permuted": lambda a: a.transpose(1, 2, 0),
    "reversed": lambda a: a[::-1, :, ::-1],
    "sliced": lambda a: a[:, ::2, 1:3],
    "fortran": np.asfortranarray,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "broadcast": lambda a: np.broadcast_to(a[:1], (5, 3, 4)),
    "empty": lambda a: a[:0],
    "one": lambda a: a[:1, :1, :1],
    "number": lambda a: a[1, 2, 3].reshape(()),
    "eight": lambda a: a.reshape(1, 2, 1, 3, 1, 4, 1, 1),
    "unaligned": lambda a: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_of_every_dtype_and_order_come_back(dtype):
    with horus.Topic(horus.Tensor) as out, horus.Topic("tensor") as into:
        into.has_msg()
        for view in VIEWS.values():
            check_tensor(out, into, view(numbers(2, 3, 4, dtype=dtype)), dtype)


def check_tensor(out, into, given, dtype):
    sent = horus.Tensor.from_numpy(given, frame_id="camera", timestamp_ns=5)
    out.send(sent)
    got = into.recv()
    for one in (sent, got):
        array = one.to_numpy()
        assert array.dtype == one.dtype == np.dtype(dtype)
        assert (array.shape, one.shape, one.ndim) == (given.shape, given.shape, given.ndim)
        assert (one.frame_id, one.timestamp_ns, one.nbytes) == ("camera", 5, given.size * array.itemsize)
        assert np.array_equal(array, given)
        assert np.array_equal(np.asarray(one), given)
        assert not array.flags.writeable
        assert not array.size or array.strides == one.strides
        assert np.array_equal(np.from_dlpack(one), given)
        assert not given.flags.f_contiguous or array.flags.f_contiguous
        assert not given.flags.c_contiguous or array.flags.c_contiguous


def test_a_permuted_tensor_keeps_its_order():
    tensor = horus.Tensor.from_numpy(numbers(2, 3, 4).transpose(1, 2, 0))
    assert tensor.strides == (16, 4, 48)
    assert np.shares_memory(np.from_dlpack(tensor), tensor.to_numpy())
    assert repr(tensor) == "<horus.Tensor (3, 4, 2) float32>"
    assert repr(horus.Tensor.empty(3, "f2")) == "<horus.Tensor (3,) float16>"
    assert horus.Tensor.empty(()).shape == ()


def test_dlpack_for_who_can_not_be_told_of_read_only_is_a_copy():
    tensor = horus.Tensor.from_numpy(numbers(2, 3))

    class Old:
        """Asks as DLPack before version 1 did."""

        def __dlpack__(self, **options):
            return tensor.__dlpack__()

        def __dlpack_device__(self):
            return tensor.__dlpack_device__()

    copied = np.from_dlpack(Old())
    assert np.array_equal(copied, tensor.to_numpy())
    assert not np.shares_memory(copied, tensor.to_numpy())
    assert tensor.__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError):
        tensor.__dlpack__(copy=False)


@pytest.mark.parametrize(
    ("array", "error", "text"),
    [
        (np.array(["2020-01-01"], "M8[s]"), ValueError, r"dtype datetime64\[s\].*holds bool, int8 to int64"),
        (np.array([1], "m8[s]"), ValueError, r"dtype timedelta64\[s\] and shape \(1,\) is no tensor"),
        (np.array([None]), ValueError, "dtype object"),
        (np.array(["a"]), ValueError, "dtype <U1"),
        (np.array([b"a"]), ValueError, r"dtype \|S1"),
        (np.zeros(2, np.longdouble), ValueError, "dtype float128"),
        (np.zeros(2, np.clongdouble), ValueError, "dtype complex256"),
        (np.zeros(2, "V4"), ValueError, r"dtype \|V4"),
        (np.zeros(2, [("x", "f4")]), ValueError, r"is no tensor: a tensor holds"),
        (np.zeros((1,) * 9), ValueError, "9 dimensions exceed the limit of 8"),
        ([1.0, 2.0], TypeError, r"takes a numpy array, not list; numpy.asarray\(\) makes one"),
        (1.0, TypeError, "takes a numpy array, not float"),
        ("text", TypeError, "takes a numpy array, not str"),
        (None, TypeError, "takes a numpy array, not NoneType"),
    ],
)
def test_what_is_no_tensor_is_refused_in_words(array, error, text):
    with pytest.raises(error, match=text):
        horus.Tensor.from_numpy(array)


@pytest.mark.parametrize(
    ("shape", "dtype", "error", "text"),
    [
        ((2, -1), "f4", TypeError, r"a tuple of lengths from 0 on, not \(2, -1\)"),
        ("ab", "f4", TypeError, "a tuple of lengths from 0 on, not 'ab'"),
        (2.5, "f4", TypeError, "a tuple of lengths from 0 on, not 2.5"),
        ((2,), "M8[s]", ValueError, r"a tensor can't hold datetime64\[s\]; it holds bool"),
        ((2,), "object", ValueError, "a tensor can't hold object"),
        ((2,), "float99", TypeError, "float99"),
        ((1 << 40, 1 << 40), "f4", ValueError, "exceeds all memory"),
        ((1,) * 9, "f4", ValueError, "9 dimensions exceed the limit of 8"),
    ],
)
def test_an_impossible_tensor_is_refused_in_words(shape, dtype, error, text):
    with pytest.raises(error, match=text):
        horus.Tensor.empty(shape, dtype)


def clouds(fields, dtype):
    for count in (0, 1, 1000):
        points = numbers(count, fields, dtype=dtype)
        yield from (points, np.asfortranarray(points), numbers(2 * count, fields, dtype=dtype)[::2])


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize(("layout", "fields"), [("xyz", 3), ("xyzi", 4), ("xyzrgb", 6)])
def test_points_come_back_by_their_columns(layout, fields, dtype):
    with horus.Topic(horus.PointCloud) as out, horus.Topic("pointcloud") as into:
        into.has_msg()
        for array in clouds(fields, dtype):
            count = len(array)
            out.send(horus.PointCloud.from_numpy(array, frame_id="lidar"))
            cloud = into.recv()
            assert np.array_equal(cloud.to_numpy(), array)
            assert (len(cloud), cloud.layout, cloud.frame_id) == (count, layout, "lidar")
            assert cloud.dtype == np.dtype(dtype).newbyteorder("<")
            # A message came, however few points it has.
            assert cloud
            assert cloud.xyz.shape == (count, 3)
            assert np.array_equal(cloud.xyz, array[:, :3])
            assert not count or np.shares_memory(cloud.xyz, cloud.to_numpy())
            for name, columns in (("intensity", array[:, 3:4].ravel()), ("rgb", array[:, 3:6])):
                if (name, layout) in (("intensity", "xyzi"), ("rgb", "xyzrgb")):
                    assert np.array_equal(getattr(cloud, name), columns)
                else:
                    with pytest.raises(AttributeError, match=f"is {layout} and has no {name}"):
                        getattr(cloud, name)
        assert repr(cloud) == f"<horus.PointCloud {count} points {layout}>"


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: horus.PointCloud.from_numpy(numbers(4, 5)), ValueError, r"shape \(4, 5\).*\(n, 3\) for xyz"),
        (lambda: horus.PointCloud.from_numpy(numbers(9)), ValueError, r"shape \(9,\) is no point cloud"),
        (
            lambda: horus.PointCloud.from_numpy(numbers(4, 3, dtype="i4")),
            ValueError,
            "dtype int32.*of float32 or float64",
        ),
        (
            lambda: horus.PointCloud.from_numpy(numbers(4, 3), "xyzi"),
            ValueError,
            r"shape \(4, 3\) is no point cloud: xyzi is \(n, 4\)",
        ),
        (lambda: horus.PointCloud.from_numpy(numbers(4, 3), "xyw"), ValueError, "one of xyz, xyzi, xyzrgb"),
        (lambda: horus.PointCloud.empty(-1), ValueError, "0 points or more, not -1"),
        (lambda: horus.PointCloud.empty(3, dtype="u1"), ValueError, "one of f32, f64"),
        (lambda: horus.PointCloud.empty(3, "abc"), ValueError, "one of xyz, xyzi, xyzrgb"),
        (
            lambda: horus.DepthImage.from_numpy(numbers(4, 4, dtype="f8")),
            ValueError,
            r"dtype float64 and shape \(4, 4\) is no depth image: a depth image is \(h, w\) of float32, metres",
        ),
        (
            lambda: horus.DepthImage.from_numpy(numbers(4, 4, 3)),
            ValueError,
            r"depth32f is \(h, w\) of float32",
        ),
        (
            lambda: horus.DepthImage.from_numpy(numbers(4, 4), "depth16"),
            ValueError,
            r"depth16 is \(h, w\) of uint16",
        ),
        (
            lambda: horus.DepthImage.from_numpy(numbers(4, 4, dtype="u2"), "mono16"),
            ValueError,
            '"mono16" isn\'t known; one of depth32f, depth16',
        ),
        (lambda: horus.DepthImage.from_numpy(numbers(0, 4)), ValueError, "0 pixels has none"),
        (lambda: horus.DepthImage.empty(4, 0), ValueError, "has none"),
        (lambda: horus.DepthImage.empty(4, 4, "rgb8"), ValueError, "one of depth32f, depth16"),
        (lambda: horus.Tensor.from_numpy(numbers(3), frame_id="x" * 33), ValueError, "frame_id"),
        (lambda: horus.Tensor.from_numpy(numbers(3), timestamp_ns=-1), OverflowError, "negative"),
    ],
)
def test_what_is_no_cloud_and_no_depth_is_refused_in_words(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<u2", ">u2"])
def test_depth_comes_back_in_its_unit(dtype):
    with horus.Topic(horus.DepthImage) as out, horus.Topic("depth") as into:
        into.has_msg()
        for given in (
            numbers(6, 8, dtype=dtype),
            numbers(8, 6, dtype=dtype).T,
            numbers(6, 8, 1, dtype=dtype),
        ):
            out.send(horus.DepthImage.from_numpy(given))
            depth = into.recv()
            assert (depth.height, depth.width, depth.shape) == (6, 8, (6, 8))
            assert depth.encoding == ("depth32f" if "f" in dtype else "depth16")
            assert depth.step == 8 * depth.dtype.itemsize
            assert np.array_equal(depth.to_numpy(), given.reshape(6, 8))


MADE = {
    "Image": lambda: horus.Image.empty(8, 8, "mono8"),
    "DepthImage": lambda: horus.DepthImage.empty(8, 8),
    "PointCloud": lambda: horus.PointCloud.empty(8, "xyzi"),
    "Tensor": lambda: horus.Tensor.empty((8, 8), "float16"),
    "Flags": lambda: horus.Tensor.empty((8, 8), bool),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_it_is_written_in_place_until_it_is_sent(make):
    message = make()
    with horus.Topic("t", type(message)) as out, horus.Topic("t") as into:
        into.has_msg()
        canvas = message.to_numpy()
        assert canvas is message.to_numpy()
        canvas[...] = 1
        part = canvas[:2]
        out.send(message)
        # Somebody could still write: a copy went out.
        canvas[...] = 0
        assert (into.recv().to_numpy() == 1).all()
        del part
        message.frame_id = "late"
        out.send(message)
        assert not canvas.flags.writeable
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            canvas.flags.writeable = True
        with pytest.raises(horus.HorusError, match="that was sent or received can't be changed"):
            message.frame_id = "later"
        got = into.recv()
        assert got.frame_id == "late"
        assert (got.to_numpy() == 0).all()


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_views_pin_and_what_is_sent_on_is_copied_once(make, shm_root):
    message = make()
    with horus.Topic("t") as out, horus.Topic("t") as into:
        into.has_msg()
        message.to_numpy()[...] = 1
        out.send(message)
        row = into.recv().to_numpy()[3:5]
        for _ in range(50):
            other = make()
            other.to_numpy()[...] = 0
            out.send(other)
        gc.collect()
        assert (row == 1).all()
        assert not row.flags.writeable
        got = into.recv_latest()
        out.send(got)
        out.send(got)
        assert [(one.to_numpy() == 0).all() for one in into.recv_all()] == [True, True]


@pytest.mark.parametrize("name", ["Image", "DepthImage", "PointCloud", "Tensor"])
def test_topics_are_declared_by_class_and_by_name(name):
    kind = getattr(horus, name)
    default = {"Image": "image", "DepthImage": "depth", "PointCloud": "pointcloud", "Tensor": "tensor"}[name]
    assert horus.Topic(kind).name == default
    with horus.Topic("t", msg_type=name), horus.Topic("t", kind) as out:
        with pytest.raises(horus.TopicTypeError, match=f"topic 't' holds {name}, not CmdVel"):
            out.send(horus.CmdVel())
        with pytest.raises(horus.TopicTypeError, match=f"topic 't' holds {name}, not a dict"):
            out.send({"data": [1]})
        with pytest.raises(horus.TopicTypeError, match=f"topic 't' holds {name}, not LaserScan"):
            horus.Topic("t", horus.LaserScan)
        for other, make in MADE.items():
            if other not in (name, "Flags"):
                with pytest.raises(horus.TopicTypeError, match=f"topic 't' holds {name}, not "):
                    out.send(make())
    horus.Node("n", pubs=[kind], subs={"a": name, "b": kind})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("PointClod", "PointCloud"),
        ("pointcloud", "PointCloud"),
        ("tensor", "Tensor"),
        ("DepthImge", "DepthImage"),
        ("Imagee", "Image"),
        ("LaserScn", "LaserScan"),
        ("JointStates", "JointState"),
        ("string", "String"),
    ],
)
def test_a_wrong_name_of_a_type_gets_the_right_one(wrong, meant):
    with pytest.raises(ValueError, match=f"no message type is named \"{wrong}\"; did you mean .*'{meant}'"):
        horus.Topic("t", msg_type=wrong)


def test_a_forked_child_is_refused_in_words_and_has_its_own(run):
    out = run(
        """
import os
import horus, numpy as np
into = horus.Topic("r")
into.has_msg()
horus.Topic("r").send(horus.Image.from_numpy(np.ones((4, 4), np.uint8)))
all = {
    horus.Image.empty(4, 4, "mono8"): ("height", "width", "encoding", "step"),
    horus.DepthImage.from_numpy(np.ones((4, 4), np.float32)): ("height", "width", "encoding", "step"),
    horus.PointCloud.empty(4, "xyzi"): ("layout", "xyz", "intensity", "__len__"),
    horus.Tensor.empty((4, 4)): ("strides", "ndim"),
    into.recv(): ("height",),
}
pid = os.fork()
if pid == 0:
    for message, names in all.items():
        uses = [getattr, np.asarray, np.from_dlpack, horus.Topic("t").send]
        for name in (*names, "shape", "dtype", "nbytes", "frame_id", "timestamp_ns", "to_numpy"):
            uses.append(lambda message, name=name: getattr(message, name)())
        uses.append(lambda message: setattr(message, "frame_id", "x"))
        for use in uses[1:]:
            try:
                use(message)
            except horus.HorusError as error:
                assert "belongs to the process that this one was forked from" in str(error), error
            else:
                os._exit(1)
        repr(message)
    own = horus.Image.from_numpy(np.ones((4, 4), np.uint8))
    horus.Topic("own").send(own)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
for message in all:
    assert message.to_numpy().shape
print("ok")
"""
    )
    assert out == "ok\n"


def test_instances_come_from_their_makers_only():
    for kind in (horus.Image, horus.DepthImage, horus.PointCloud, horus.Tensor):
        with pytest.raises(TypeError, match=f"cannot create 'horus.{kind.__name__}' instances"):
            kind()
