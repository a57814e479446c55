"""The manual's table of common errors: each row is caused, and what the user is told is compared word for word."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import horus
import pytest

WATCHDOG_S = 60
# Of nobody, on any Debian.
OTHER_UID = 65534


def in_namespace(name):
    """The environment of a terminal of its own, with that namespace."""
    return {"env": os.environ | {"HORUS_NAMESPACE": name, "PATH": path_of_commands()}}


def path_of_commands():
    return str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")


TALKER = """
import horus
horus.run(horus.Node("talker", pubs=["sensor.temp"], tick=lambda node: node.send("sensor.temp", {"celsius": 22.5}),
                     rate=100))
"""
LISTENER = """
import horus
horus.run(horus.Node("listener", subs={"sensor.temp": lambda node, message: print(message, flush=True)}))
"""


def told(done):
    """Status and messages of a command, without what it says of other users of this machine."""
    lines = done.stderr.splitlines(keepends=True)
    return done.returncode, "".join(line for line in lines if "runs HORUS too" not in line)


def test_topics_not_visible_across_terminals(start, finish, command):
    talker = start("-c", TALKER, **in_namespace("left"))
    heard = command("topic", "echo", "sensor.temp", "--once", "--json", **in_namespace("left"))
    assert json.loads(heard.stdout)["data"] == {"celsius": 22.5}

    hint = "hint: 1 topic lives in namespace 'left' (use -n left)\n"
    listed = command("topic", "list", **in_namespace("right"))
    assert told(listed) == (0, f"no topics in namespace 'right'\n{hint}")
    nodes = command("node", "list", **in_namespace("right"))
    assert told(nodes) == (0, f"no nodes in namespace 'right'\n{hint}")
    info = command("topic", "info", "sensor.temp", **in_namespace("right"))
    assert told(info) == (3, f"error: topic 'sensor.temp' not found in namespace 'right'\n{hint}")
    # As the hint says, and as the manual says.
    assert command("-n", "left", "topic", "info", "sensor.temp", **in_namespace("right")).returncode == 0
    finish(talker)
    talker, listener = (start("-c", source, **in_namespace("shared")) for source in (TALKER, LISTENER))
    assert listener.stdout.readline() == "{'celsius': 22.5}\n"
    finish(talker)
    finish(listener)


@pytest.mark.crashes
@pytest.mark.parametrize(
    ("sent", "is_told"),
    [
        (
            "horus.Imu()",
            "topic 'cmd_vel' holds CmdVel, not Imu: field 'accel_x' at offset 8 here, 'linear' at offset 8 there; "
            "in use by pid {user}, asked for by pid {asker}: use its type, or end those first",
        ),
        (
            "{'speed': 1}",
            "topic 'cmd_vel' holds CmdVel, not a dict; in use by pid {user}, asked for by pid {asker}: "
            "use its type, or end those first",
        ),
    ],
    ids=["another type", "dict"],
)
def test_type_mismatch_on_topic(start, sent, is_told):
    with horus.Topic("cmd_vel", horus.CmdVel):
        process = start(
            "-c",
            f"""
import horus
def tick(node):
    node.send("cmd_vel", {sent})
horus.run(horus.Node("b", pubs=["cmd_vel"], tick=tick))
""",
        )
        _, err = process.communicate(timeout=WATCHDOG_S)
    assert process.returncode == 1
    *trace, last = err.splitlines()
    assert last == "horus.TopicTypeError: " + is_told.format(user=os.getpid(), asker=process.pid)
    assert any('node.send("cmd_vel"' in line or "in tick" in line for line in trace)


def test_type_mismatch_on_topic_at_the_command_line(command):
    with horus.Topic("cmd_vel", horus.CmdVel):
        published = command("topic", "pub", "cmd_vel", "{linear: 1}", "--type", "Imu", "--once")
    assert told(published) == (
        5,
        "error: topic 'cmd_vel' holds CmdVel, not Imu: field 'accel_x' at offset 8 here, 'linear' at offset 8 there; "
        f"in use by pid {os.getpid()}\nhint: leave --type out to publish CmdVel, or end those first\n",
    )


@pytest.mark.crashes
def test_stale_data_after_crash(start, command, shm_root):
    process = start(
        "-c",
        """
import horus, time
def tick(node):
    node.send("plain", {"old": True})
    node.send("config", {"old": True})
    print("sent", flush=True)
    time.sleep(600)
horus.run(horus.Node("crasher", pubs=["plain", {"config": horus.Latched(dict)}], tick=tick))
""",
    )
    assert process.stdout.readline() == "sent\n"
    with horus.Topic("config") as living:
        assert living.recv() == {"old": True}, "of a living publisher"
    process.kill()
    process.wait()
    # What a dead publisher left reaches nobody who comes later, cleaned or not.
    for name in ("plain", "config"):
        with horus.Topic(name) as late:
            assert late.recv() is None
    listed = command("node", "list", "--json")
    (node,) = json.loads(listed.stdout)["items"]
    assert (node["name"], node["state"]) == ("crasher", "Crashed")
    # Every command cleans, and by hand:
    cleaned = command("clean", "--shm")
    assert told(cleaned) == (0, "")
    again = command("clean", "--shm")
    assert again.stdout == "nothing to remove\n"
    assert [*shm_root.rglob("topics/*"), *shm_root.rglob("pools/*")] == []


def test_high_message_drops(start, finish, command):
    fast = start(
        "-c",
        """
import horus
horus.run(horus.Node("fast", pubs=["data"], tick=lambda node: node.send("data", 1), rate=400, depth=8))
""",
    )
    slow = start(
        "-c",
        """
import horus
horus.run(horus.Node("log", subs=["data"], tick=lambda node: node.recv("data"), rate=10, depth=8))
""",
    )
    hint = re.compile(
        r"hint: log \(pid (\d+)\) reads (\d+) Hz, topic sends (\d+) Hz; "
        r"raise its rate, raise depth, or use recv_latest\n"
    )
    # Rates need a second to be known.
    while not (found := hint.fullmatch(told(command("topic", "list", "-v"))[1])):
        assert slow.poll() is None
    pid, reads, sends = map(int, found.groups())
    assert pid == slow.pid
    assert reads < sends
    finish(fast)
    finish(slow)


def as_another_user(act):
    """What `act` returns, called by a forked child that is somebody else. Only root can."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setgid(OTHER_UID)
            os.setuid(OTHER_UID)
            try:
                said = act()
            except BaseException:
                said = traceback.format_exc()
            os.write(write, json.dumps(said).encode())
            status = 0
        os._exit(status)
    os.close(write)
    with os.fdopen(read) as told:
        said = json.load(told)
    assert os.waitpid(child, 0)[1] == 0
    return said


def error_of_a_topic():
    try:
        horus.Topic("x")
    except horus.HorusError as error:
        return str(error)
    return None


def listed_by(command_file):
    """`horus topic list`, from an open file: the path to it may be closed to others."""
    done = subprocess.run(
        ["horus", "topic", "list"],
        executable=f"/proc/self/fd/{command_file}",
        pass_fds=[command_file],
        capture_output=True,
        text=True,
        cwd="/",
    )
    return done.returncode, done.stderr


def error_of_a_run():
    try:
        horus.run(horus.Node("n", tick=lambda node: None), duration=0)
    except horus.HorusError as error:
        return str(error)
    return None


def test_permission_denied_on_shm(shm_root, monkeypatch):
    command_file = os.open(shutil.which("horus", path=path_of_commands()), os.O_RDONLY)
    acts = (error_of_a_topic, error_of_a_run, lambda: listed_by(command_file))
    advice = "run both as the same user"
    if os.getuid() == 0:
        with horus.Topic("x") as topic:
            topic.send(1)
            topic_error, run_error, (status, listed) = map(as_another_user, acts)
        reason = (
            f"{shm_root}: Permission denied (os error 13); it belongs to uid 0, this process runs as uid "
        )
        reason += str(OTHER_UID)
        assert status == 6
        assert listed == f"error: {reason}\nhint: topics are per user: {advice}\n"
    else:
        # Only root can be somebody else. A folder of somebody else's is there for everybody.
        monkeypatch.setenv("HORUS_SHM_DIR", "/dev/shm")
        topic_error, run_error, (status, listed) = (act() for act in acts)
        monkeypatch.setenv("HORUS_SHM_DIR", str(shm_root))
        reason = f"/dev/shm can't be used: it belongs to uid 0, this process runs as uid {os.getuid()}"
        assert status != 0
        assert listed.startswith(f"error: {reason}")
        assert advice in listed
    os.close(command_file)
    assert (topic_error, run_error) == (f"{reason}; {advice}",) * 2
