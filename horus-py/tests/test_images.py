"""Images: what arrays are which, who shares memory with whom, and for how long."""

import gc
import pickle

import horus
import numpy as np
import pytest

WATCHDOG_S = 60


def pixels(height=48, width=64, channels=3, dtype=np.uint8, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)


@pytest.fixture
def pair():
    with horus.Topic("camera") as out, horus.Topic("camera") as into:
        into.has_msg()
        yield out, into


@pytest.mark.parametrize(
    ("array", "encoding", "found"),
    [
        (pixels(), None, "rgb8"),
        (pixels(channels=4), None, "rgba8"),
        (pixels(channels=1), None, "mono8"),
        (pixels(channels=1, dtype=np.uint16), None, "mono16"),
        (pixels(channels=1, dtype=np.float32), None, "depth32f"),
        (pixels(), "bgr8", "bgr8"),
        (pixels(channels=4), "bgra8", "bgra8"),
        (pixels()[:, :, :1], None, "mono8"),
        (pixels(480, 640), None, "rgb8"),
        (pixels(7, 5), None, "rgb8"),
        (pixels()[:, ::-1], None, "rgb8"),
        (pixels()[::2, ::3], None, "rgb8"),
        (pixels().transpose(1, 0, 2), None, "rgb8"),
        (np.asfortranarray(pixels()), None, "rgb8"),
        (np.broadcast_to(pixels(1, 64), (48, 64, 3)), None, "rgb8"),
        (pixels(dtype=">u2", channels=1), None, "mono16"),
        (pixels(dtype=">f4", channels=1), None, "depth32f"),
        (pixels(channels=1, dtype=np.uint16), "depth16", "depth16"),
    ],
)
def test_arrays_are_sent_and_received_pixel_by_pixel(pair, array, encoding, found):
    out, into = pair
    image = horus.Image.from_numpy(array, encoding, frame_id="front", timestamp_ns=5)
    out.send(image)
    got = into.recv()
    for one in (image, got):
        assert (one.height, one.width, one.encoding) == (*array.shape[:2], found)
        assert (one.frame_id, one.timestamp_ns) == ("front", 5)
        assert one.shape == one.to_numpy().shape
        assert one.nbytes == array.nbytes
        assert one.step == array.nbytes // array.shape[0]
        assert one.to_numpy().dtype == one.dtype == array.dtype.newbyteorder("<")
        assert np.array_equal(one.to_numpy(), array.reshape(one.shape))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: horus.Image.from_numpy([[1]]), TypeError, "takes a numpy array, not list"),
        (
            lambda: horus.Image.from_numpy(np.zeros((4, 4))),
            ValueError,
            r"dtype float64 and shape \(4, 4\) is no image",
        ),
        (lambda: horus.Image.from_numpy(np.zeros((4, 4, 2), np.uint8)), ValueError, "is no image"),
        (lambda: horus.Image.from_numpy(np.zeros(4, np.uint8)), ValueError, "is no image"),
        (lambda: horus.Image.from_numpy(np.zeros((0, 4), np.uint8)), ValueError, "has none"),
        (lambda: horus.Image.from_numpy(pixels(), "mono8"), ValueError, r"mono8 is \(h, w\) of uint8"),
        (lambda: horus.Image.from_numpy(pixels(), "rgb9"), ValueError, "rgb9.*rgb8, rgba8"),
        (lambda: horus.Image.from_numpy(pixels(), frame_id="x" * 33), ValueError, "frame_id"),
        (lambda: horus.Image.empty(0, 4), ValueError, "has none"),
        (lambda: horus.Image.empty(4, 4, "yuv"), ValueError, "yuv"),
        (lambda: horus.Image.empty(-1, 4), ValueError, "an image's height is 1 to 4294967295 pixels, not -1"),
        (lambda: horus.Image.empty(4, 2**32), ValueError, "an image's width is 1 to 4294967295 pixels, not"),
        (lambda: horus.DepthImage.empty(-1, 4), ValueError, "a depth image's height is 1 to"),
        (
            lambda: horus.Image.from_numpy(np.ma.array(pixels(), mask=pixels() > 3)),
            ValueError,
            "a masked array can't be sent",
        ),
    ],
)
def test_what_is_no_image_is_refused_in_words(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_received_pixels_are_shared_and_read_only(pair):
    out, into = pair
    out.send(horus.Image.from_numpy(pixels()))
    got = into.recv()
    first, second = got.to_numpy(), got.to_numpy()
    assert np.shares_memory(first, second)
    assert not first.flags.writeable
    for view in (first, first[0], first[::2].T, first.view()):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            view.flags.writeable = True
    assert np.asarray(got) is not None
    assert np.shares_memory(np.asarray(got), first)
    assert np.asarray(got, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="takes a copy"):
        got.__array__(np.float32, copy=False)
    with pytest.raises(TypeError):
        pickle.dumps(got)


def test_dlpack_shares_too(pair):
    out, into = pair
    out.send(horus.Image.from_numpy(pixels()))
    got = into.recv()
    assert np.shares_memory(np.from_dlpack(got), got.to_numpy())


def test_a_view_outlives_its_image_its_array_and_the_topic():
    array = pixels()
    with horus.Topic("camera") as out, horus.Topic("camera") as into:
        into.has_msg()
        out.send(horus.Image.from_numpy(array))
        row = into.recv().to_numpy()[3:5, ::2]
        # Overwrites the ring many times; the pinned block must stay as it is.
        for n in range(50):
            out.send(horus.Image.from_numpy(pixels(seed=n + 1)))
    gc.collect()
    assert np.array_equal(row, array[3:5, ::2])


@pytest.mark.crashes
def test_a_view_outlives_its_publisher(start):
    program = """
import sys, time, horus, numpy as np
topic = horus.Topic("camera")
topic.send(horus.Image.from_numpy(np.full((480, 640, 3), 77, np.uint8)))
print("sent", flush=True)
time.sleep(600)
"""
    with horus.Topic("camera") as into:
        into.has_msg()
        process = start("-c", program)
        assert process.stdout.readline() == "sent\n"
        frame = into.recv().to_numpy()
        process.kill()
        process.wait()
        # The dead one's remains are cleaned by whoever runs next.
        horus.run(horus.Node("cleaner", tick=lambda node: node.request_stop(), rate=100))
        assert frame.shape == (480, 640, 3)
        assert (frame == 77).all()
        del frame


def test_an_image_is_written_in_place_until_it_is_sent(pair):
    out, into = pair
    image = horus.Image.empty(8, 10, "mono8")
    canvas = image.to_numpy()
    assert canvas.flags.writeable
    assert image.to_numpy() is canvas
    canvas[...] = 5
    canvas[2, 3] = 7
    image.frame_id, image.timestamp_ns = "left", 11
    out.send(image)
    assert not canvas.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        canvas[0, 0] = 1
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        canvas.flags.writeable = True
    with pytest.raises(horus.HorusError, match="can't be changed"):
        image.frame_id = "right"
    with pytest.raises(horus.HorusError, match="can't be changed"):
        image.timestamp_ns = 1
    got = into.recv()
    assert (got.frame_id, got.timestamp_ns) == ("left", 11)
    assert np.array_equal(got.to_numpy(), canvas)
    # Nothing was copied: our own array and the received one are the same memory, seen through two mappings.
    assert not image.to_numpy().flags.writeable
    assert np.shares_memory(image.to_numpy(), canvas)


@pytest.mark.parametrize(
    ("name", "view"),
    {
        "row": lambda canvas: canvas[0],
        "flat": lambda canvas: canvas.reshape(-1),
        "transposed": lambda canvas: canvas.T[::2],
        "base": lambda canvas: canvas.base,
        "memoryview": memoryview,
        "frombuffer": lambda canvas: np.frombuffer(canvas, np.uint8),
        "variable": lambda canvas: canvas,
    }.items(),
)
def test_with_another_writable_view_a_copy_is_sent(pair, name, view):
    out, into = pair
    image = horus.Image.empty(8, 8, "mono8")
    canvas = image.to_numpy()
    canvas[...] = 1
    other = view(canvas)
    out.send(image)
    # Still ours to write; what was sent stays as it was.
    assert canvas.flags.writeable
    canvas[...] = 2
    assert (into.recv().to_numpy() == 1).all()
    del other
    out.send(image)
    # Whether a buffer that was given out is in use, nobody can tell.
    assert canvas.flags.writeable == (name in ("memoryview", "frombuffer"))
    assert (into.recv().to_numpy() == 2).all()


@pytest.mark.parametrize(
    "view",
    [
        lambda image: memoryview(image.to_numpy()),
        lambda image: memoryview(image.to_numpy()).cast("B"),
        lambda image: np.frombuffer(image.to_numpy(), np.uint8),
        lambda image: memoryview(image.to_numpy()[2:]),
        lambda image: memoryview(np.asarray(image)),
    ],
)
def test_a_view_of_an_array_that_nobody_holds_can_not_change_what_was_sent(pair, view):
    out, into = pair
    image = horus.Image.empty(8, 8, "mono8")
    image.to_numpy()[...] = 1
    other = view(image)
    out.send(image)
    flat = np.frombuffer(other, np.uint8) if isinstance(other, memoryview) else other
    flat[...] = 2
    assert (into.recv().to_numpy() == 1).all()


def test_an_array_that_filled_from_a_file_and_is_gone_needs_no_copy(pair, tmp_path):
    out, into = pair
    path = tmp_path / "pixels"
    path.write_bytes(bytes(range(64)))
    image = horus.Image.empty(8, 8, "mono8")
    with path.open("rb") as file:
        file.readinto(image.to_numpy())
    out.send(image)
    with pytest.raises(horus.HorusError, match="can't be changed"):
        image.frame_id = "sent as it is"
    assert into.recv().to_numpy()[7, 7] == 63


def test_what_dlpack_gave_out_cannot_change_what_was_sent(pair):
    out, into = pair
    image = horus.Image.empty(8, 8, "mono8")
    tensor = np.from_dlpack(image)
    image.to_numpy()[...] = 1
    out.send(image)
    if tensor.flags.writeable:
        tensor[...] = 2
    assert (into.recv().to_numpy() == 1).all()


def test_a_view_that_is_gone_does_not_count(pair):
    out, into = pair
    image = horus.Image.empty(8, 8, "mono8")
    canvas = image.to_numpy()
    canvas[0] = 1
    canvas.reshape(-1)[3] = 2
    out.send(image)
    assert not canvas.flags.writeable
    assert into.recv().to_numpy()[0, 3] == 2


def test_an_image_is_sent_again_on_several_topics_without_a_copy():
    with horus.Topic("a") as a, horus.Topic("b") as b, horus.Topic("a") as from_a, horus.Topic("b") as from_b:
        from_a.has_msg()
        from_b.has_msg()
        image = horus.Image.from_numpy(pixels())
        for _ in range(3):
            a.send(image)
            b.send(image)
        got = [*from_a.recv_all(), *from_b.recv_all()]
        assert len(got) == 6
        assert all(np.array_equal(one.to_numpy(), pixels()) for one in got)


def test_a_received_image_is_sent_on(run):
    with horus.Topic("camera") as into, horus.Topic("relay") as out, horus.Topic("relay") as back:
        into.has_msg()
        back.has_msg()
        program = """
import horus, numpy as np
horus.Topic("camera").send(horus.Image.from_numpy(np.full((4, 4), 9, np.uint8), frame_id="f"))
"""
        run(program)
        # Its publisher has left; what it sent is there until it is read.
        got = into.recv()
        assert got is not None
        out.send(got)
        out.send(got)
        relayed = back.recv_all()
        assert [one.frame_id for one in relayed] == ["f", "f"]
        assert all((one.to_numpy() == 9).all() for one in relayed)


def blocks(root):
    return sum(path.stat().st_blocks * 512 for path in root.rglob("pools/*"))


def test_memory_does_not_grow(shm_root):
    depth, held_at_most = 8, 3
    with horus.Topic("camera") as out, horus.Topic("camera") as into:
        into.has_msg()
        held, levels = [], []
        for n in range(2_000):
            out.send(horus.Image.from_numpy(pixels(120, 160, seed=n)))
            got = into.recv()
            assert np.array_equal(got.to_numpy(), pixels(120, 160, seed=n)) if n % 100 == 0 else True
            held = [*held, got.to_numpy()][-held_at_most:]
            if n in (100, 1_999):
                levels.append(blocks(shm_root))
        assert levels[0] == levels[1]
        block = 64 << 10
        assert levels[1] <= block * (depth + held_at_most + 2 + depth // 2) + (64 << 10)
        del held, got


def test_importing_and_naming_images_needs_no_numpy(run):
    run("import sys, horus; horus.Node('n', pubs=[horus.Image]); assert 'numpy' not in sys.modules")


def test_threads_may_send_and_look_at_one_image_at_the_same_time(run):
    # In a process of its own: the very first uses of an image let other threads in where later ones don't.
    program = """
import horus, threading
topics = [horus.Topic(f"camera.{i}", horus.Image) for i in range(4)]
readers = [horus.Topic(f"camera.{i}", horus.Image) for i in range(4)]
failed = []
image = horus.Image.empty(120, 160, "mono8")
image.to_numpy()[...] = 7
barrier = threading.Barrier(len(topics))
def send(topic):
    barrier.wait()
    try:
        topic.send(image)
        assert image.to_numpy().max() == 7 and image.frame_id == ""
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=send, args=(topic,)) for topic in topics]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not failed, failed
assert [int(reader.recv().to_numpy().max()) for reader in readers] == [7] * 4
"""
    for _ in range(10):
        run(program)
