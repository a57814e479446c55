"""The snippets of the manual, word for word, as processes of their own."""

import os
import signal
from pathlib import Path

import horus
import numpy as np
import pytest

HERE = Path(__file__).parent
SNIPPETS = HERE / "snippets"
WATCHDOG_S = 60


@pytest.fixture
def play(start):
    return lambda name, **options: start(HERE / "play.py", SNIPPETS / f"{name}.py", **options)


def next_of(topic, count=1):
    """The next messages of a topic, waiting for them."""
    got = []
    while len(got) < count:
        assert topic.wait(WATCHDOG_S), f"nothing came on {topic}"
        got.append(topic.recv())
    return got if count > 1 else got[0]


@pytest.mark.parametrize("order", [("process_a", "process_b"), ("process_b", "process_a")])
def test_two_processes_meet_in_any_order(play, finish, order):
    with horus.Topic("sensor.temp") as topic:
        processes = {name: play(name) for name in order}
        assert next_of(topic) == {"celsius": 22.5, "location": "motor_1"}
        line = processes["process_b"].stdout.readline()
    assert line == "Temperature: 22.5C at motor_1\n"
    for process in processes.values():
        finish(process)


def test_a_companion_process_is_started_from_within(start, tmp_path):
    sensor = """
import horus
horus.run(horus.Node("sensor", tick=lambda node: node.send("sensor.data", {"speed": 0.75}), rate=50))
"""
    (tmp_path / "sensor.py").write_text(sensor)
    with horus.Topic("cmd_vel") as topic:
        process = start(SNIPPETS / "programmatic.py", cwd=tmp_path, start_new_session=True)
        assert next_of(topic) == horus.CmdVel(linear=0.75, angular=0.0)
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=WATCHDOG_S)
    assert process.returncode == 0


def test_dicts_between_processes(play, finish):
    sender, receiver = play("dict_a"), play("dict_b")
    assert receiver.stdout.readline() == "{'battery': 85.0, 'mode': 'autonomous'}\n"
    finish(sender)
    finish(receiver)


def test_typed_messages_between_processes(play, finish):
    sender, receiver = play("typed_a"), play("typed_b")
    assert receiver.stdout.readline() == "1.0\n"
    assert receiver.stdout.readline() == "CmdVel(timestamp_ns=0, linear=1.0, angular=0.5)\n"
    finish(sender)
    finish(receiver)


def test_a_type_mismatch_raises(play, finish):
    sender = play("typed_a")
    with horus.Topic("cmd_vel") as topic:
        next_of(topic)
        with pytest.raises(horus.TopicTypeError, match=r"CmdVel.*Pose2D|Pose2D.*CmdVel") as caught:
            horus.Topic("cmd_vel").send(horus.Pose2D())
        assert str(sender.pid) in str(caught.value)
        with pytest.raises(TypeError):
            horus.Topic("cmd_vel", horus.Pose2D).recv()
        with pytest.raises(horus.TopicTypeError, match="dict"):
            horus.Topic("cmd_vel").send({"linear": 1.0})
    finish(sender)


def test_images_between_processes(play, finish):
    sender, receiver = play("image_a"), play("image_b")
    with horus.Topic("camera.rgb") as topic:
        image = next_of(topic)
        assert (image.height, image.width, image.encoding) == (4, 4, "rgb8")
        assert np.array_equal(image.to_numpy(), np.arange(48).reshape(4, 4, 3))
        del image
    # It shows nothing, so wait until it runs.
    assert receiver.stdout.readline() == "ready\n"
    finish(sender)
    finish(receiver)


def test_a_detector_beside_a_compiled_camera(play, finish):
    sender, detector = play("image_a"), play("ml_detector")
    with horus.Topic("obstacle") as topic:
        assert next_of(topic) == {"distance": 1.5, "angle": -0.2, "class": "person"}
    finish(sender)
    finish(detector)


def test_the_pipeline_in_three_processes(play, finish):
    with horus.Topic("detections") as detections, horus.Topic("cmd_vel") as commands:
        processes = [play(name) for name in ("controller", "detector", "camera")]
        seen = next_of(detections, 4)
        # Whatever the first was, obstacles come and go.
        first = seen[0]["count"]
        assert [one["count"] for one in seen] == [first, 2 - first, first, 2 - first]
        assert {one["closest_distance"] for one in seen} == {0.5, 999.0}
        speeds = {command.linear for command in next_of(commands, 4)}
        assert speeds == {0.0, 0.5}
    for process in processes:
        finish(process)


def test_the_pipeline_in_one_process(run, tmp_path):
    """The same nodes, their code unchanged but for the last line."""
    parts = []
    for name in ("camera", "detector", "controller"):
        source = (SNIPPETS / f"{name}.py").read_text()
        last = source.splitlines()[-1]
        assert last.startswith("horus.run(")
        (tmp_path / f"{name}.py").write_text(source.removesuffix(last + "\n"))
        parts.append(name)
    out = run(
        """
import builtins
class Model:
    frames = 0
    def predict(self, frame):
        self.frames += 1
        return [{"dist": 0.5}] if self.frames % 2 else []
builtins.my_model = Model()
import horus
from camera import cam
from detector import det
from controller import ctrl
sent = horus.Topic("cmd_vel")
sent.has_msg()
horus.run(cam, det, ctrl, duration=0.45)
print([command.linear for command in sent.recv_all()])
""",
        cwd=tmp_path,
    )
    speeds = eval(out)
    # Both tick at once at the start, then at each 100 ms: the command for a frame goes out in the same round.
    assert len(speeds) >= 2
    assert speeds == [0.0, 0.5] * (len(speeds) // 2) + [0.0] * (len(speeds) % 2)
