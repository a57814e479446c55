"""Nodes and horus.run: declarations, rounds, callbacks, errors and the end."""

import asyncio
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from pathlib import Path

import horus
import numpy as np
import pytest

WATCHDOG_S = 60


def stop_after(count, then=None):
    """A tick that ends the run after so many calls."""
    calls = []

    def tick(node):
        calls.append(node)
        if then:
            then(node)
        if len(calls) == count:
            node.request_stop()

    tick.calls = calls
    return tick


def test_nodes_tick_in_order_and_see_what_the_one_before_sent():
    seen = []

    def first(node):
        seen.append("first")
        node.send("x", len(seen))

    def second(node):
        seen.append("second")
        assert node.recv("x") == len(seen) - 1
        assert node.recv("x") is None

    third = stop_after(5, lambda node: seen.append("third"))
    nodes = [
        horus.Node("a", tick=first, rate=200),
        horus.Node("b", subs="x", tick=second, rate=200),
        horus.Node("c", tick=third, rate=200),
    ]
    horus.run(*nodes)
    assert seen == ["first", "second", "third"] * 5


def test_order_decides_when_it_is_given():
    seen = []
    last = stop_after(3, lambda node: seen.append("late"))
    horus.run(
        horus.Node("late", tick=last, rate=100, order=2),
        horus.Node("early", tick=lambda node: seen.append("early"), rate=100, order=1),
    )
    assert seen == ["early", "late"] * 3


@pytest.mark.parametrize("duration", [1e300, float("inf"), None])
def test_a_run_may_have_no_end(duration):
    horus.run(horus.Node("n", tick=stop_after(2), rate=100), duration=duration)


def test_a_run_ends_after_its_duration_and_can_be_repeated():
    calls = []
    node = horus.Node("n", tick=calls.append, rate=100)
    for _ in range(2):
        calls.clear()
        horus.run(node, duration=0.1)
        # Due at 0, 10, … 90 ms; a busy machine makes fewer, never more.
        assert 1 <= len(calls) <= 10
    horus.run(node, duration=0)


def test_init_and_shutdown_are_called_once_each_and_in_order():
    seen = []
    node = horus.Node(
        "n",
        init=lambda node: seen.append("init"),
        tick=stop_after(2, lambda node: seen.append("tick")),
        shutdown=lambda node: seen.append("shutdown"),
        rate=100,
    )
    horus.run(node)
    assert seen == ["init", "tick", "tick", "shutdown"]


@pytest.mark.parametrize("subs", ["early", {"early": horus.CmdVel}], ids=repr)
def test_what_one_node_s_init_sends_later_nodes_receive(subs):
    got = []
    sender = horus.Node("sender", init=lambda node: node.send("early", horus.CmdVel(1.0)), tick=stop_after(2))
    nodes = [
        horus.Node(name, subs=subs, tick=lambda node: got.extend(node.recv_all("early")), rate=100)
        for name in ("before", "after")
    ]
    horus.run(nodes[0], sender, nodes[1])
    assert got == [horus.CmdVel(1.0)] * 2


@pytest.mark.crashes
def test_declared_types_that_differ_end_the_run_before_any_init():
    seen = []
    a = horus.Node("a", pubs={"x": horus.CmdVel}, init=lambda node: seen.append("init"), tick=print)
    b = horus.Node("b", subs={"x": horus.Imu}, tick=print)
    with pytest.raises(horus.TopicTypeError, match="CmdVel"):
        horus.run(a, b)
    assert seen == []


def test_a_name_may_be_used_in_two_processes_and_a_warning_says_so(start, command):
    program = """
import horus
horus.run(horus.Node("camera", init=lambda node: print("ready", flush=True), tick=lambda node: None))
"""
    first = start("-c", program)
    assert first.stdout.readline() == "ready\n"
    second = start("-c", program)
    assert second.stdout.readline() == "ready\n"
    nodes = json.loads(command("node", "list", "--json").stdout)["items"]
    assert sorted((node["name"], node["pid"]) for node in nodes) == sorted(
        ("camera", process.pid) for process in (first, second)
    )
    told = []
    for process in (first, second):
        process.terminate()
        told.append(process.communicate(timeout=WATCHDOG_S)[1])
        assert process.returncode == 0
    assert told[0] == ""
    assert told[1].endswith(
        f"warn camera: pid {first.pid} runs a node of this name too; both go on, and tools list both. Give each node a "
        "name of its own\n"
    )


def test_a_node_wakes_on_its_topics():
    got = []

    def echo(node):
        got.append(node.recv("ping"))
        node.send("pong", got[-1])

    def player(node):
        if node.has_msg("pong"):
            assert node.recv("pong") == len(got)
            if len(got) == 5:
                node.request_stop()
                return
        node.send("ping", len(got) + 1)

    horus.run(
        horus.Node("echo", on="ping", tick=echo),
        horus.Node("player", subs=["pong"], tick=player, rate=200),
    )
    assert got == [1, 2, 3, 4, 5]


def test_on_wakes_across_processes(start, finish):
    program = """
import horus
def tick(node):
    node.send("pong", [node.recv("ping"), "woken"])
horus.run(horus.Node("echo", on=["ping"], pubs=["pong"], tick=tick))
"""
    with horus.Topic("ping") as ping, horus.Topic("pong") as pong:
        pong.has_msg()
        process = start("-c", program)
        # Until it has joined, nobody hears us.
        n = 0
        while not pong.has_msg():
            ping.send(n)
            n += 1
            pong.wait(0.02)
        pong.recv_all()
        for n in range(1000, 1010):
            ping.send(n)
        got = []
        while not got or got[-1][0] != 1009:
            assert pong.wait(WATCHDOG_S)
            got.append(pong.recv())
        assert [one for one in got if one[0] >= 1000] == [[n, "woken"] for n in range(1000, 1010)]
    finish(process)


@pytest.mark.parametrize("with_tick", [True, False])
def test_callbacks_get_every_message(with_tick):
    got = []

    def callback(node, message):
        got.append((node.name, message.linear))
        if len(got) == 4:
            node.request_stop()

    sender = horus.Node(
        "sender",
        tick=lambda node: node.send("cmd", horus.CmdVel(float(len(got)))),
        rate=100,
        pubs={"cmd": "CmdVel"},
    )
    ticks = []
    options = {"tick": ticks.append, "rate": 0.1} if with_tick else {}
    receiver = horus.Node("receiver", subs={"cmd": (horus.CmdVel, callback)}, **options)
    horus.run(sender, receiver, duration=WATCHDOG_S)
    assert len(got) >= 4
    if with_tick:
        assert len(ticks) <= 2, "messages wake callbacks, not the tick"
    assert {name for name, _ in got} == {"receiver"}


def test_messages_behind_one_that_raised_are_still_delivered():
    got = []

    def callback(node, message):
        got.append(message)
        if len(got) == 30:
            node.request_stop()
        if message % 3 == 0:
            raise ValueError(message)

    errors = []
    sent = iter(range(0, 30, 10))

    def burst(node):
        for first in sent:
            for n in range(first, first + 10):
                node.send("numbers", n)
            break

    horus.run(
        horus.Node("sender", tick=burst, rate=200),
        horus.Node(
            "n", subs={"numbers": callback}, on_error=lambda node, error: errors.append(error.args[0])
        ),
        duration=WATCHDOG_S,
    )
    assert got == list(range(30))
    assert errors == list(range(0, 30, 3))


@pytest.mark.parametrize(
    "pubs",
    [
        "cmd",
        ["cmd"],
        {"cmd": horus.CmdVel},
        [{"cmd": horus.CmdVel}],
        {"cmd": "CmdVel"},
        {"cmd": None},
        ["cmd", horus.Image],
        horus.CmdVel,
        (),
        None,
    ],
    ids=repr,
)
def test_every_way_to_declare_works(pubs):
    node = horus.Node(
        "n", pubs=pubs, subs=pubs, tick=stop_after(1, lambda n: n.send("cmd", horus.CmdVel(1.0)))
    )
    horus.run(node)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"pubs": [5]}, TypeError, "pubs: 5 is neither a topic's name, a message type"),
        ({"subs": int}, TypeError, "subs: <class 'int'> is neither"),
        ({"subs": {5: None}}, TypeError, "subs: 5 is neither"),
        ({"pubs": {"x": (horus.CmdVel, print)}}, TypeError, "callback; those belong to subs"),
        ({"subs": {"x": (horus.CmdVel, 5)}}, TypeError, "a topic's callback is a function, not int"),
        ({"pubs": {"x": "CmdVle"}}, ValueError, "CmdVel"),
        ({"subs": {"x": (print,)}}, TypeError, "topic 'x' has a type, a callback or .type, callback., not"),
        ({"tick": 5}, TypeError, "tick is a function, not int"),
        ({"rate": 0}, ValueError, "a rate of 0 Hz is none: it is above 0 and at most 1000000 Hz"),
        ({"rate": -30}, ValueError, "a rate of -30 Hz is none"),
        ({"rate": float("nan")}, ValueError, "a rate of NaN Hz is none"),
        ({"rate": float("inf")}, ValueError, "a rate of inf Hz is none"),
        ({"rate": 1_000_001}, ValueError, "a rate of 1000001 Hz is none"),
        ({"rate": "30"}, TypeError, "rate"),
        ({"subs": [{"x": print}, {"/x": print}]}, TypeError, "topic '/x' has two callbacks"),
        ({"depth": 0}, ValueError, "a depth of 0 messages is none: it is from 1 to 1048576"),
        ({"depth": -1}, ValueError, "a depth of -1 messages is none"),
        ({"depth": 2**20 + 1}, ValueError, "a depth of 1048577 messages is none"),
        ({"on": 5}, TypeError, "on: 5 is neither"),
        ({"subs": {"x": float}}, TypeError, "<class 'float'> is no message type"),
        ({"subs": {"x": horus.Message}}, TypeError, "is no message type"),
        ({"pubs": {"x": float}}, TypeError, "<class 'float'> is no message type"),
        (
            {"pubs": {"x": horus.CmdVel}, "subs": {"x": horus.Twist}},
            TypeError,
            "subs: topic 'x' is declared as CmdVel already, and can't be Twist too",
        ),
        (
            {"pubs": [horus.CmdVel, {"cmd_vel": dict}]},
            TypeError,
            "pubs: topic 'cmd_vel' is declared as CmdVel already, and can't be a dict too",
        ),
        (
            {"subs": {"scan": horus.Image}, "on": horus.LaserScan},
            TypeError,
            "on: topic 'scan' is declared as Image",
        ),
        ({"pubs": ["a b"]}, horus.TopicNameError, "a b"),
    ],
)
def test_wrong_declarations_are_refused_at_once(options, error, text):
    with pytest.raises(error, match=text):
        horus.Node("n", **options)


def test_a_method_that_is_no_function_is_refused_at_once():
    class Wrong(horus.Node):
        tick = 5

    with pytest.raises(TypeError, match="tick is a function, not int"):
        Wrong("n")


def test_topics_may_come_in_any_iterable():
    seen = []
    feed = horus.Node("feed", pubs={"a", "b"}, tick=lambda node: [node.send(name, 1) for name in ("a", "b")])
    node = horus.Node("n", subs=(name for name in ("a", "b")), on={"a"}, tick=stop_after(1, seen.append))
    horus.run(feed, node)
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ü"])
def test_wrong_node_names_are_refused(name):
    with pytest.raises(ValueError, match="node name"):
        horus.Node(name)


def test_a_declared_type_converts_dicts_field_by_field():
    with horus.Topic("cmd_vel") as topic:
        topic.has_msg()
        for pubs in ({"cmd_vel": horus.CmdVel}, [horus.CmdVel]):
            tick = stop_after(1, lambda node: node.send("cmd_vel", {"linear": 2.0}))
            horus.run(horus.Node("n", pubs=pubs, tick=tick))
            assert topic.recv() == horus.CmdVel(2.0)


def test_a_topic_goes_by_its_type_too():
    def tick(node):
        node.send(horus.CmdVel, horus.CmdVel(1.0))
        assert node.has_msg(horus.CmdVel)
        assert node.recv("cmd_vel") == horus.CmdVel(1.0)
        with pytest.raises(TypeError, match="a topic's name is a str or a message type, not int"):
            node.send(5, 1)

    horus.run(horus.Node("n", subs="cmd_vel", tick=stop_after(1, tick)))


def test_a_bare_type_joins_nothing_until_used(shm_root):
    def tick(node):
        assert not list(shm_root.rglob("topics/*"))

    horus.run(horus.Node("n", pubs=[horus.Image, horus.CmdVel], subs=[horus.Image], tick=stop_after(1, tick)))


def test_a_latched_topic_tells_the_late():
    with horus.Topic("cfg") as late:

        def tick(node):
            node.send("cfg", {"linear": 3.0})
            assert late.recv() == horus.CmdVel(3.0)

        horus.run(horus.Node("n", pubs={"cfg": horus.Latched(horus.CmdVel)}, tick=stop_after(1, tick)))


def test_everything_a_node_can_do_with_a_topic():
    def tick(node):
        assert node.recv("t") is None
        assert node.recv_all("t") == []
        assert node.wait("t", 0.0) is False
        for n in range(5):
            assert node.send("t", n) is True
        assert node.wait("t", WATCHDOG_S)
        assert node.has_msg("t")
        assert node.recv("t") == 0
        assert node.recv_latest("t") == 4
        assert node.dropped("t") == 0
        assert node.name == "n"
        node.params["gain"] = 2
        assert node.params == {"gain": 2}
        node.counter = getattr(node, "counter", 0) + 1

    node = horus.Node("n", tick=stop_after(1, tick))
    horus.run(node)
    assert node.counter == 1
    assert repr(node) == "<horus.Node 'n'>"


def test_a_subclass_has_its_callbacks_as_methods():
    class Counter(horus.Node):
        def __init__(self, limit):
            super().__init__("counter", pubs=["count"], rate=200)
            self.limit = limit
            self.seen = ["made"]

        def init(self):
            self.seen.append("init")

        def tick(self):
            self.seen.append("tick")
            self.send("count", len(self.seen))
            if len(self.seen) >= self.limit:
                raise ZeroDivisionError

        def on_error(self, error):
            assert isinstance(error, ZeroDivisionError)
            self.seen.append("error")
            self.request_stop()

        def shutdown(self):
            self.seen.append("shutdown")

    node = Counter(4)
    horus.run(node)
    assert node.seen == ["made", "init", "tick", "tick", "error", "shutdown"]


def test_a_subclass_that_forgets_its_constructor_is_told():
    class Nameless(horus.Node):
        def __init__(self):
            pass

    with pytest.raises(horus.HorusError, match=r"super\(\).__init__"):
        horus.run(Nameless())
    with pytest.raises(horus.HorusError, match=r"super\(\).__init__"):
        Nameless().send("t", 1)


@pytest.mark.crashes
@pytest.mark.parametrize("where", ["init", "tick", "shutdown"])
def test_an_exception_ends_the_run_and_is_raised_as_it_was(where):
    seen = []

    def fail(node):
        raise ValueError(f"in {where}")

    hooks = {"tick": stop_after(3), "shutdown": lambda node: seen.append("shutdown")} | {where: fail}
    other = horus.Node("other", tick=lambda node: None, rate=100, shutdown=lambda node: seen.append("other"))
    with pytest.raises(ValueError, match=f"in {where}") as caught:
        horus.run(other, horus.Node("n", rate=100, **hooks))
    # The line that raised is in the traceback.
    assert caught.traceback[-1].name == "fail"
    # Every node that was started is shut down, the last one first.
    assert seen == {"init": ["other"], "tick": ["shutdown", "other"], "shutdown": ["other"]}[where]


def test_on_error_takes_exceptions_and_the_node_goes_on():
    errors = []

    def tick(node):
        raise ValueError(len(errors))

    def on_error(node, error):
        assert node.name == "n"
        errors.append(error)
        if len(errors) == 3:
            node.request_stop()

    horus.run(horus.Node("n", tick=tick, on_error=on_error, rate=100))
    assert [error.args for error in errors] == [(0,), (1,), (2,)]
    assert [traceback.extract_tb(error.__traceback__)[-1].name for error in errors] == ["tick"] * 3


@pytest.mark.crashes
@pytest.mark.parametrize("awaits", [False, True])
def test_what_on_error_raises_has_the_first_error_as_its_context(awaits):
    def tick(node):
        raise ValueError("in tick")

    def broken(node, error):
        raise KeyError("in on_error")

    async def broken_later(node, error):
        await asyncio.sleep(0)
        raise KeyError("in on_error")

    with pytest.raises(KeyError, match="in on_error") as caught:
        horus.run(horus.Node("n", tick=tick, on_error=broken_later if awaits else broken, rate=100))
    assert str(caught.value.__context__) == "in tick"


@pytest.mark.crashes
def test_an_error_raised_on_by_on_error_is_the_same():
    def tick(node):
        raise ValueError("in tick")

    def again(node, error):
        raise error

    with pytest.raises(ValueError, match="in tick") as caught:
        horus.run(horus.Node("n", tick=tick, on_error=again, rate=100))
    assert caught.value.__context__ is None


@pytest.mark.crashes
def test_what_shutdown_raises_after_an_error_is_logged(start):
    process = start(
        "-c",
        """
import horus

def tick(node):
    raise ValueError("in tick")

def shutdown(node):
    raise KeyError("in shutdown")

horus.run(horus.Node("n", tick=tick, shutdown=shutdown))
""",
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error n: node 'n' failed in shutdown: KeyError: 'in shutdown'" in err
    assert err.endswith("ValueError: in tick\n")


@pytest.mark.crashes
@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt()])
def test_what_asks_for_the_end_is_no_error_of_the_node(raised):
    def tick(node):
        raise raised

    with pytest.raises(type(raised)):
        horus.run(horus.Node("n", tick=tick, on_error=lambda node, error: None, rate=100))


@pytest.mark.crashes
def test_an_exception_in_a_program_gives_a_traceback_and_a_status(run, start):
    process = start(
        "-c",
        """
import horus
def tick(node):
    raise ValueError("broken")
horus.run(horus.Node("n", tick=tick))
""",
    )
    out, err = process.communicate(timeout=WATCHDOG_S)
    assert process.returncode == 1
    assert "ValueError: broken" in err
    assert "in tick" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_run_cleanly(start, number):
    process = start(
        "-c",
        """
import signal
import horus
before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
node = horus.Node(
    "n", init=lambda node: print("ready", flush=True), tick=lambda node: None, on="never",
    shutdown=lambda node: print("shut down", flush=True),
)
horus.run(node)
assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
print("after", flush=True)
signal.raise_signal(signal.SIGINT)
""",
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=WATCHDOG_S)
    assert out == "shut down\nafter\n"
    # After the run Ctrl+C is Python's again.
    assert "KeyboardInterrupt" in err


def test_wrong_runs_are_refused():
    with pytest.raises(TypeError, match="at least one node"):
        horus.run()
    with pytest.raises(TypeError, match="takes nodes, and this is none"):
        horus.run(5)
    node = horus.Node("n", tick=stop_after(1))
    with pytest.raises(ValueError, match="another node of this process has that name"):
        horus.run(node, horus.Node("n"))
    with pytest.raises(ValueError, match="a duration of -1.0 s is none"):
        horus.run(node, duration=-1)

    def nested(node):
        with pytest.raises(horus.HorusError, match="running already"):
            horus.run(horus.Node("inner", tick=lambda node: None))

    horus.run(horus.Node("outer", tick=stop_after(1, nested)))


def test_a_thread_may_use_a_topic_that_the_scheduler_waits_for():
    got = []

    def work(node):
        node.send("wake", 0)
        for n in range(20):
            # The scheduler holds the topic while it waits; each of these gets its turn.
            node.has_msg("wake")
            node.send("other", n)
            got.append(node.recv("other"))
        node.request_stop()

    node = horus.Node("n", on="wake", subs=["other"], tick=lambda node: node.recv("wake"))
    node.has_msg("other")
    thread = threading.Thread(target=work, args=(node,))

    def begin(node):
        thread.start()

    horus.run(horus.Node("starter", init=begin, tick=lambda node: None, rate=1), node, duration=WATCHDOG_S)
    thread.join()
    assert got == list(range(20))


def test_other_threads_run_while_the_scheduler_sleeps():
    counted = []

    def count():
        for n in range(1000):
            counted.append(n)
        node.request_stop()

    node = horus.Node("n", tick=lambda node: None, rate=1)
    thread = threading.Thread(target=count)
    horus.run(horus.Node("starter", init=lambda node: thread.start(), tick=lambda node: None, rate=1), node)
    thread.join()
    assert len(counted) == 1000


def test_a_request_to_stop_without_a_run_ends_no_wait():
    node = horus.Node("n")
    node.request_stop()
    with horus.Topic("t") as out:
        sender = threading.Timer(0.1, out.send, [1])
        sender.start()
        assert node.wait("t", WATCHDOG_S)
        sender.join()


def test_names_put_together_at_each_use_take_no_memory():
    node = horus.Node("n")
    names = ["".join(["a", str(n)]) for n in range(2)]
    for name in names:
        node.has_msg(name)
    spelled = ["".join(["a", str(n % 2)]) for n in range(400)]
    assert len({id(name) for name in spelled}) == len(spelled)
    before = sum(map(sys.getrefcount, spelled))
    for name in spelled:
        node.send(name, 1)
    del name
    held = sum(map(sys.getrefcount, spelled)) - before
    assert held <= 2 * 4
    assert [len(node.recv_all(name)) + node.dropped(name) for name in names] == [200, 200]


def test_log_lines_go_to_stderr_as_asked(start):
    program = """
import horus
def tick(node):
    node.log_error("an error"); node.log_warning("a warning"); node.log_info("some {info}"); node.log_debug("bugs")
    node.request_stop()
horus.run(horus.Node("logger", tick=tick))
"""

    for level, lines in (("off", 0), ("warn", 2), ("info", 3)):
        process = start("-c", program, env=os.environ | {"HORUS_LOG": level})
        out, err = process.communicate(timeout=WATCHDOG_S)
        assert out == ""
        told = [line for line in err.splitlines() if " logger: " in line]
        assert len(told) == lines, err


def test_nodes_are_freed_with_what_they_refer_to():
    class Thing:
        pass

    def make():
        thing = Thing()
        node = horus.Node("n", tick=lambda node: thing)
        node.itself = node
        return weakref.ref(node), weakref.ref(thing)

    gc.disable()
    alive, kept = make()
    assert kept() is not None
    gc.enable()
    gc.collect()
    assert alive() is None
    assert kept() is None


def test_images_flow_between_nodes_of_one_process():
    frames = []

    def camera(node):
        node.send("camera.rgb", horus.Image.from_numpy(np.full((4, 4, 3), len(frames), np.uint8)))

    def viewer(node):
        frames.append(node.recv("camera.rgb").to_numpy())
        if len(frames) == 30:
            node.request_stop()

    horus.run(
        horus.Node("camera", pubs=[horus.Image], tick=camera, rate=500),
        horus.Node("viewer", subs=["camera.rgb"], tick=viewer, rate=500),
    )
    assert [frame[0, 0, 0] for frame in frames] == list(range(30))
    assert all((frame == n).all() for n, frame in enumerate(frames))
    frames.clear()


def test_a_node_whose_files_are_removed_comes_back(start, finish, shm_root):
    """As systemd-logind does at logout (RemoveIPC)."""
    program = """
import horus
def tick(node):
    node.recv("in")
    node.send("out", "alive")
horus.run(horus.Node("n", pubs=["out"], subs=["in"], tick=tick, rate=200))
"""
    process = start("-c", program)
    with horus.Topic("out") as out:
        assert out.wait(WATCHDOG_S)
    gc.collect()
    horus._horus._leave()
    shutil.rmtree(shm_root / "test")
    with horus.Topic("out") as out:
        assert out.wait(WATCHDOG_S)
        assert out.recv() == "alive"
    process.terminate()
    _, err = process.communicate(timeout=WATCHDOG_S)
    assert process.returncode == 0
    assert "warn" in err


IDLE = """
import horus
def init(node):
    print("ready", flush=True)
def tick(node):
    print(node.recv("in"), flush=True)
horus.run(horus.Node("n", subs=["in"], on="in", tick=tick, init=init))
"""


def wake_ups(pid: int) -> int:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    lines = [line for task in tasks for line in (task / "status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


def wait_until_idle(pid: int) -> int:
    """It looks around once more, a second after the last that happened."""
    before = -1
    while before != (before := wake_ups(pid)):
        time.sleep(1.5)
    return before


def test_a_node_that_waits_for_a_topic_does_nothing_meanwhile(start, finish):
    process = start("-c", IDLE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    before = wait_until_idle(process.pid)
    time.sleep(2.5)
    assert wake_ups(process.pid) == before
    with horus.Topic("in") as topic:
        topic.send(1)
        assert process.stdout.readline() == "1\n"
    finish(process)


def test_a_topic_that_waits_without_a_time_does_nothing_meanwhile(start):
    program = """
import horus, signal
signal.signal(signal.SIGUSR1, lambda number, frame: print("heard", flush=True))
print("ready", flush=True)
print(horus.Topic("in").wait())
print(signal.set_wakeup_fd(-1), flush=True)
"""
    process = start("-c", program, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    before = wait_until_idle(process.pid)
    time.sleep(2.5)
    assert wake_ups(process.pid) == before
    for _ in range(3):
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == "heard\n"
    with horus.Topic("in") as topic:
        topic.send(1)
        assert process.stdout.read() == "True\n-1\n"
    assert process.wait(WATCHDOG_S) == 0


def test_an_idle_node_whose_files_are_removed_comes_back(start, shm_root):
    """Though nothing wakes it: whoever sends then has never been in the files that it waits on."""
    process = start("-c", IDLE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    wait_until_idle(process.pid)
    # It would make its folder anew before all of the old one is gone.
    process.send_signal(signal.SIGSTOP)
    shutil.rmtree(shm_root / "test")
    process.send_signal(signal.SIGCONT)
    with horus.Topic("in", latched=True) as topic:
        topic.send(1)
        assert process.stdout.readline() == "1\n"
    process.terminate()
    _, err = process.communicate(timeout=WATCHDOG_S)
    assert process.returncode == 0
    assert "joined anew" in err


def test_a_signal_that_the_thread_for_signals_got_itself_does_not_end_it(run):
    out = run(
        """
import ctypes, horus, os, pathlib, signal, threading, time
def other():
    for task in pathlib.Path("/proc/self/task").iterdir():
        if (task / "comm").read_text() == "horus-signals\\n":
            tgkill = ctypes.CDLL(None, use_errno=True).tgkill
            for _ in range(3):
                count = len(heard)
                tgkill(os.getpid(), int(task.name), signal.SIGUSR1)
                while len(heard) == count:
                    time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGTERM)
heard = []
node = horus.Node("n", on="never", tick=lambda node: None,
                  init=lambda node: threading.Timer(1.6, other).start())
signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
horus.run(node)
print(len(heard))
"""
    )
    assert out == "3\n"


def test_a_child_forked_in_a_node_with_handlers_of_its_own_can_end(run):
    out = run(
        """
import horus, os, signal, sys
def tick(node):
    ticks.append(node)
    if len(ticks) < 4:
        return
    if (child := os.fork()) == 0:
        raise SystemExit(3)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    node.request_stop()
ticks = []
signal.signal(signal.SIGUSR1, lambda number, frame: None)
horus.run(horus.Node("n", tick=tick, init=lambda node: os.kill(os.getpid(), signal.SIGUSR1), rate=2))
"""
    )
    assert out == "3\n"


def test_a_signal_that_another_thread_got_is_seen_while_the_nodes_wait(run):
    """It ends no sleep of the scheduler's, just as one that comes before the sleep has begun."""
    out = run(
        """
import horus, signal, threading
def other():
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
node = horus.Node("n", on="never", tick=lambda node: None,
                  init=lambda node: threading.Timer(1.6, other).start())
signal.signal(signal.SIGUSR1, lambda number, frame: (print("heard"), node.request_stop()))
horus.run(node)
print(signal.set_wakeup_fd(-1))
"""
    )
    assert out == "heard\n-1\n"


def test_who_is_told_of_signals_already_stays_so(run):
    out = run(
        """
import horus, os, signal, threading
reader, writer = os.pipe()
os.set_blocking(writer, False)
signal.set_wakeup_fd(writer)
node = horus.Node("n", on="never", tick=lambda node: None,
                  init=lambda node: threading.Timer(1.6, os.kill, (os.getpid(), signal.SIGUSR1)).start())
signal.signal(signal.SIGUSR1, lambda number, frame: node.request_stop())
horus.run(node)
print(signal.set_wakeup_fd(-1) == writer, os.read(reader, 9) == bytes([signal.SIGUSR1]))
"""
    )
    assert out == "True True\n"


def test_the_program_s_own_signal_handlers_run_while_its_nodes_wait(run):
    out = run(
        """
import horus, os, signal, threading
node = horus.Node("n", on="never", tick=lambda node: None,
                  init=lambda node: threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start())
signal.signal(signal.SIGUSR1, lambda number, frame: (print("heard"), node.request_stop()))
horus.run(node)
"""
    )
    assert out == "heard\n"
