"""What one process does by itself: copies of pictures, dicts to bytes and back, topics opened."""

import array
import time

from checks import IMAGE_VALUE, nested_dict, shape_of
from side import Side

PLACES = 9  # as many as a ring of eight keeps and one being written: more than caches hold


def copy_by_hand(side: Side):
    """A copy of a picture into shared memory by numpy: gives the function, which returns the target."""
    import numpy
    import ring

    shape = shape_of(side.payload)
    memory = ring.map_file(side.folder / "copy", PLACES * shape[0] * shape[1] * 3)
    places = numpy.frombuffer(memory, numpy.uint8).reshape(PLACES, *shape)
    places[:] = 0
    copies = 0

    def copy(picture):
        nonlocal copies
        place = places[copies % PLACES]
        copies += 1
        numpy.copyto(place, picture)
        return place

    return copy


def copy_and_send(side: Side):
    """`Image.from_numpy` and `send`, as a camera does; a ring of eight keeps as many pictures as the copies by hand."""
    import horus

    topic = horus.Topic("camera.rgb", horus.Image)

    def copy(picture):
        image = horus.Image.from_numpy(picture)
        topic.send(image)
        return image.to_numpy()

    return copy


def copies(side: Side, copy):
    """How long each copy of a picture into shared memory takes, in nanoseconds."""
    import numpy

    picture = numpy.full(shape_of(side.payload), IMAGE_VALUE["ping"], numpy.uint8)
    took = array.array("Q", bytes(8 * side.total))
    for number in range(side.total):
        picture[0, 0, 0] = value = number & 0xFF
        before = time.perf_counter_ns()
        target = copy(picture)
        took[number] = time.perf_counter_ns() - before
        if target[0, 0, 0] != value or target[-1, -1, -1] != IMAGE_VALUE["ping"]:
            raise SystemExit("the copy isn't the picture")
    side.write(took)


def encodings(side: Side, there_and_back):
    """How long each conversion of a dict to bytes and back takes, in nanoseconds; every result is compared."""
    due = nested_dict()
    took = array.array("Q", bytes(8 * side.total))
    for number in range(side.total):
        before = time.perf_counter_ns()
        came = there_and_back()
        took[number] = time.perf_counter_ns() - before
        if came != due:
            raise SystemExit(f"{came} came")
    side.write(took)


def openings(side: Side):
    """How long it takes to open a new topic to send and to receive, with its first message, after joining."""
    import horus

    joined = horus.Topic("joined", horus.CmdVel)
    joined.has_msg()
    message = horus.CmdVel(0.5, 0.0)
    took = array.array("Q", bytes(8 * side.total))
    kept = []
    for number in range(side.total):
        before = time.perf_counter_ns()
        topic = horus.Topic(f"sensor.{number}", horus.CmdVel)
        topic.has_msg()
        topic.send(message)
        came = topic.recv()
        took[number] = time.perf_counter_ns() - before
        if came != message:
            raise SystemExit(f"{came} came")
        kept.append(topic)
    side.write(took)
