"""Topics from Python: kinds, names, order, counts, waiting, threads, fork and interrupt."""

import os
import signal
import threading
import time

import horus
import numpy as np
import pytest

WATCHDOG_S = 60


def test_what_is_sent_comes_in_order_and_once():
    with horus.Topic("t") as out, horus.Topic("t") as into:
        assert into.recv() is None
        for n in range(10):
            assert out.send({"n": n}) is True
        assert into.has_msg()
        assert [into.recv()["n"] for _ in range(3)] == [0, 1, 2]
        assert into.recv_latest() == {"n": 9}
        assert into.recv_latest() is None
        assert not into.has_msg()
        assert into.dropped() == 0


def test_recv_all_gives_what_was_there():
    with horus.Topic("t") as out, horus.Topic("t") as into:
        assert into.recv_all() == []
        for n in range(5):
            out.send([n])
        assert into.recv_all() == [[0], [1], [2], [3], [4]]
        assert into.recv_all() == []


@pytest.mark.parametrize("value", [{}, [1, 2], "text", 5, None, b"bytes", 2.5, True])
def test_any_plain_value_is_a_message(value):
    with horus.Topic("t") as out, horus.Topic("t") as into:
        into.has_msg()
        out.send(value)
        assert into.has_msg()
        assert into.recv() == value


def test_a_received_message_that_somebody_holds_never_changes():
    topic = horus.Topic("held", horus.CmdVel)
    with horus.Topic("held", horus.CmdVel) as driver:
        held, shown = [], []
        for number in range(50):
            driver.send(horus.CmdVel(number, -number))
            message = topic.recv()
            shown.append(repr(message))
            if number % 3 == 0:
                held.append((number, message))
            elif number % 3 == 1:
                held.append((number, message.copy()))
            if number % 7 == 0:
                # What its holder makes of it is nobody else's.
                message.angular = 100.0
                held[-1:] = [(number, horus.CmdVel(number, -number))]
        assert [message.linear for _, message in held] == [number for number, _ in held]
        assert [message.angular for _, message in held] == [-number for number, _ in held]
        assert len(set(shown)) == 50
        driver.send(horus.CmdVel(1, timestamp_ns=7))
        driver.send(horus.CmdVel(2))
        first = topic.recv()
        second = topic.recv_latest()
        assert (first.linear, first.timestamp_ns, second.linear, second.timestamp_ns) == (1, 7, 2, 0)
        assert topic.recv() is None
        # Sent on, it is copied as any other.
        relay = horus.Topic("relay", horus.CmdVel)
        relay.recv()
        with horus.Topic("relay", horus.CmdVel) as out:
            for number in range(10):
                driver.send(horus.CmdVel(number))
                out.send(topic.recv())
            assert [message.linear for message in relay.recv_all()] == list(range(10))


def test_a_message_that_was_given_another_class_is_not_received_again():
    class Mine(horus.CmdVel):
        __slots__ = ()

    topic = horus.Topic("classes", horus.CmdVel)
    topic.recv()
    with horus.Topic("classes", horus.CmdVel) as driver:
        for _ in range(5):
            driver.send(horus.CmdVel(1))
            message = topic.recv()
            assert type(message) is horus.CmdVel
            message.__class__ = Mine
            del message


def test_a_message_is_of_the_type_that_its_topic_has_by_now():
    topic = horus.Topic("turns")
    for kind in (horus.CmdVel, horus.Pose2D, horus.CmdVel, dict, horus.CmdVel):
        with horus.Topic("turns", kind) as driver:
            for _ in range(5):
                driver.send({"x": 1} if kind is dict else kind(1.5))
                assert type(topic.recv()) is kind


def test_missed_messages_are_counted():
    with horus.Topic("t", depth=8) as out, horus.Topic("t") as into:
        into.has_msg()
        out.send(0)
        assert into.recv() == 0
        for n in range(1, 101):
            out.send(n)
        got = into.recv_all()
        assert got == list(range(101 - len(got), 101))
        assert len(got) + into.dropped() == 100
        assert into.dropped() > 0


def test_nothing_sent_before_joining_comes_unless_latched():
    with horus.Topic("plain") as out, horus.Topic("kept", latched=True) as latched:
        out.send(1)
        latched.send(1)
        latched.send(2)
        with horus.Topic("plain") as into, horus.Topic("kept") as late:
            assert into.recv() is None
            assert late.recv() == 2
            assert late.recv() is None


def test_names_have_one_meaning_in_any_spelling():
    with horus.Topic("/camera/image") as out, horus.Topic("camera.image") as into:
        assert out.name == "camera.image"
        into.has_msg()
        out.send(1)
        assert into.recv() == 1


@pytest.mark.parametrize("name", ["", "a b", ".a", "a..b", "x" * 201, "ä", "a\0"])
def test_bad_names_are_refused(name):
    with pytest.raises(horus.TopicNameError) as caught:
        horus.Topic(name)
    assert isinstance(caught.value, (ValueError, horus.HorusError))
    node = horus.Node("n")
    with pytest.raises(horus.TopicNameError):
        node.send(name, 1)


@pytest.mark.parametrize(
    "given", [{"type": horus.CmdVel}, {"msg_type": "CmdVel"}, {"msg_type": horus.CmdVel}]
)
def test_a_declared_topic_takes_its_type_and_converts_dicts(given):
    with horus.Topic("t", **given) as out, horus.Topic("t") as into:
        into.has_msg()
        out.send({"linear": 2.5})
        assert into.recv() == horus.CmdVel(linear=2.5)
        with pytest.raises(TypeError, match="CmdVel has no field 'speed'"):
            out.send({"speed": 1})
        with pytest.raises(TypeError, match="field 'linear' of CmdVel takes a float, not str"):
            out.send({"linear": "x"})
        with pytest.raises(horus.TopicTypeError):
            out.send(horus.Pose2D())


@pytest.mark.parametrize("name", [None, b"t", 5, horus.CmdVel()])
def test_what_is_no_name_is_refused_in_words(name):
    with pytest.raises(TypeError, match="a topic's name is a str or a message type, not"):
        horus.Topic(name)
    with pytest.raises(TypeError, match="a topic's name is a str or a message type, not"):
        horus.Node("n").send(name, 1)


def test_unknown_types_are_refused_with_suggestions():
    with pytest.raises(ValueError, match="CmdVle.*did you mean 'CmdVel'"):
        horus.Topic("t", msg_type="CmdVle")
    with pytest.raises(TypeError, match="no message type"):
        horus.Topic("t", int)
    with pytest.raises(TypeError, match="not both"):
        horus.Topic("t", dict, msg_type=dict)


def test_a_type_is_its_own_topic():
    with horus.Topic(horus.CmdVel) as topic:
        assert topic.name == "cmd_vel"
    with horus.Topic(horus.Image) as topic:
        assert topic.name == "image"
    with pytest.raises(ValueError, match="dict has no topic of its own"):
        horus.Topic(dict)


def test_a_topic_may_change_its_type_once_nobody_uses_it():
    with horus.Topic("t") as into:
        into.has_msg()
        for value in ({"a": 1}, horus.CmdVel(1.0), [2]):
            with horus.Topic("t") as out:
                out.send(value)
            assert into.wait(WATCHDOG_S)
            assert into.recv() == value


@pytest.mark.parametrize("size", [0, 1, 900, 1_000, 1_100, 4_096, 70_000, 1 << 20, 5_000_000])
def test_dicts_of_any_size(size):
    value = {"data": os.urandom(size), "size": size}
    with horus.Topic("t") as out, horus.Topic("t") as into:
        into.has_msg()
        out.send(value)
        assert into.recv() == value


def test_a_dict_of_a_hundred_megabytes():
    array = np.arange(12_500_000, dtype=np.uint64)
    with horus.Topic("t") as out, horus.Topic("t") as into:
        into.has_msg()
        out.send({"array": array})
        back = into.recv()
        assert np.array_equal(back["array"], array)


def test_one_topic_from_many_threads():
    count, each = 8, 500
    with horus.Topic("t", depth=8192) as topic, horus.Topic("t") as into:
        into.has_msg()
        threads = [
            threading.Thread(target=lambda t=t: [topic.send([t, n]) for n in range(each)])
            for t in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        got = into.recv_all()
        assert len(got) == count * each
        for t in range(count):
            assert [n for which, n in got if which == t] == list(range(each))


def test_receiving_from_many_threads_gives_each_message_once():
    with horus.Topic("t", depth=8192) as topic, horus.Topic("t") as into:
        into.has_msg()
        for n in range(4_000):
            topic.send(n)
        got = []

        def take():
            while (message := into.recv()) is not None:
                got.append(message)

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == list(range(4_000))


def test_waiting_lets_other_threads_run_and_wakes_on_a_message():
    with horus.Topic("t") as out, horus.Topic("t") as into:
        waiting = threading.Event()
        woken = []

        def wait():
            waiting.set()
            woken.append(into.wait(WATCHDOG_S))

        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait()
        # Runs only because the waiting thread has let go of the interpreter.
        assert sum(range(100_000)) == 4_999_950_000
        # A second user of the topic gets its turn while the first waits.
        assert into.recv() is None
        out.send(1)
        thread.join(WATCHDOG_S)
        assert woken == [True]
        assert into.recv() == 1


def test_the_first_wait_leaves_what_was_not_read_where_it_is():
    with horus.Topic("t") as out, horus.Topic("t") as into:
        for n in range(4):
            out.send({"n": n})
        assert into.recv() == {"n": 0}
        assert into.wait(WATCHDOG_S)
        assert [into.recv()["n"] for _ in range(3)] == [1, 2, 3]
        assert into.recv() is None
        assert into.dropped() == 0


def test_receiving_goes_on_in_other_threads_while_one_begins_to_wait():
    count, threads = 400, 3
    with horus.Topic("t") as out, horus.Topic("t") as into:
        into.has_msg()
        taken, through = [], threading.Event()

        def take():
            while not through.is_set():
                message = into.recv()
                if message is not None:
                    taken.append(message["n"])

        takers = [threading.Thread(target=take) for _ in range(threads)]
        for taker in takers:
            taker.start()
        for n in range(count):
            # No slower reader than the ring is long.
            while len(taken) < n - 8:
                time.sleep(0)
            out.send({"n": n})
            if n == count // 2:
                into.wait(0.01)
        end = time.monotonic() + WATCHDOG_S
        while len(taken) < count and time.monotonic() < end:
            time.sleep(0.001)
        through.set()
        for taker in takers:
            taker.join()
        assert sorted(taken) == list(range(count))


def test_waiting_ends_when_the_time_is_over():
    with horus.Topic("t") as into:
        begun = time.monotonic()
        assert into.wait(0.05) is False
        assert time.monotonic() - begun >= 0.05
        assert into.wait(0) is False
        for bad in (-1, float("nan")):
            with pytest.raises(ValueError, match="a timeout of .* s is none: it is 0 or more, or None"):
                into.wait(bad)


def test_ctrl_c_interrupts_a_wait(start):
    process = start(
        "-c",
        """
import horus
topic = horus.Topic("t")
topic.has_msg()
try:
    print("waiting", flush=True)
    topic.wait()
except KeyboardInterrupt:
    print("interrupted", flush=True)
""",
    )
    assert process.stdout.readline() == "waiting\n"
    # Asleep or not yet: both must end.
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WATCHDOG_S)
    assert (out, err, process.returncode) == ("interrupted\n", "", 0)


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "ValueError"])
def test_a_signal_that_another_thread_gets_ends_a_wait_before_python_s_signal_module_is_there(run, raised):
    # That module's import, which the wait brings about, is where the handler runs: what it raises the wait raises.
    out = run(
        f"""
import _signal, _thread, sys, time
import horus
topic = horus.Topic("t")
topic.has_msg()
assert "signal" not in sys.modules

def handle(number, frame):
    raise {raised}

def interrupt():
    time.sleep(0.05)
    _signal.pthread_kill(_thread.get_ident(), _signal.SIGINT)

_signal.signal(_signal.SIGINT, handle)
_thread.start_new_thread(interrupt, ())
try:
    topic.wait()
except {raised}:
    print("interrupted")
"""
    )
    assert out == "interrupted\n"


def test_a_forked_child_has_publishers_and_subscribers_of_its_own(run):
    out = run(
        """
import os
import horus
requests, answers = horus.Topic("requests"), horus.Topic("answers")
answers.has_msg(); requests.send("before")
pid = os.fork()
if pid == 0:
    requests.has_msg()
    answers.send("ready")
    assert requests.wait(60)
    answers.send(["child got", requests.recv()])
    os._exit(0)
assert answers.wait(60) and answers.recv() == "ready"
requests.send("after")
assert answers.wait(60)
print(answers.recv())
assert os.waitpid(pid, 0)[1] == 0
requests.send("still here")
"""
    )
    assert out == "['child got', 'after']\n"


@pytest.mark.crashes
def test_a_killed_publisher_is_forgotten_and_its_successor_heard(start):
    program = """
import sys, time, horus
topic = horus.Topic("t")
topic.send(sys.argv[1])
print("sent", flush=True)
time.sleep(600)
"""
    with horus.Topic("t") as into:
        into.has_msg()
        for name in ("first", "second"):
            process = start("-c", program, name)
            assert process.stdout.readline() == "sent\n"
            assert into.recv() == name
            process.kill()
            process.wait()
        assert into.recv() is None


def test_closed_topics_open_again():
    out, into = horus.Topic("t"), horus.Topic("t")
    into.has_msg()
    out.send(1)
    into.close()
    into.close()
    assert into.recv() is None
    out.send(2)
    assert into.recv() == 2
    out.close()
    out.send(3)
    assert into.recv() == 3


def test_the_exit_of_a_program_leaves_nothing(run, shm_root):
    run(
        """
import horus
topic, other = horus.Topic("t"), horus.Topic("t")
other.has_msg()
image = horus.Image.empty(4, 4)
view = image.to_numpy()
topic.send({"a": b"x" * 100_000})
"""
    )
    assert len(list(shm_root.rglob("*"))) <= 2


def test_a_full_shared_memory_is_an_error_with_its_number():
    assert horus.ShmFull.__mro__[1:3] == (horus.HorusError, OSError)
    assert issubclass(horus.PoolExhausted, (horus.HorusError, MemoryError))
    assert issubclass(horus.TopicTypeError, (horus.HorusError, TypeError))
    assert issubclass(horus.ServiceTimeout, (horus.ServiceError, TimeoutError))


def test_a_topic_receives_what_is_sent_after_it_was_made():
    receiver = horus.Topic("early", horus.CmdVel)
    horus.Topic("early").send(horus.CmdVel(linear=1.0))
    assert receiver.recv().linear == 1.0


def test_a_topic_without_a_type_receives_what_is_sent_after_it_was_made():
    receiver = horus.Topic("early.any")
    horus.Topic("early.any").send({"n": 1})
    assert receiver.recv() == {"n": 1}


def test_types_that_differ_are_an_error_when_the_topic_is_made():
    first = horus.Topic("typed", horus.CmdVel)
    with pytest.raises(horus.TopicTypeError, match="Imu.*CmdVel|CmdVel.*Imu"):
        horus.Topic("typed", horus.Imu)
    first.close()


def test_a_topic_that_only_sends_is_no_subscriber():
    sender, receiver = horus.Topic("one.way"), horus.Topic("one.way")
    sender.send({"n": 1})
    assert receiver.recv() == {"n": 1}
    assert sender.recv() is None, "it subscribed with this call"
    sender.send({"n": 2})
    assert sender.recv() == {"n": 2}


def test_a_child_that_exits_takes_nothing_of_its_parent_along(run):
    out = run(
        """
import os
import sys
import horus
import numpy as np
topic, other = horus.Topic("t"), horus.Topic("t")
other.has_msg()
image = horus.Image.from_numpy(np.ones((4, 4), np.uint8))
topic.send(image)
view = other.recv().to_numpy()
pid = os.fork()
if pid == 0:
    # Runs the exit hooks, as a child that isn't careful does.
    sys.exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
topic.send(image)
assert (other.recv().to_numpy() == 1).all()
print(view.sum())
"""
    )
    assert out == "16\n"


def test_threads_publish_and_subscribe_side_by_side_and_every_message_is_accounted_for():
    senders, readers, count = 8, 8, 200
    shared = [horus.Topic("shared") for _ in range(readers)]
    own = [horus.Topic(f"own.{n}") for n in range(readers)]
    for topic in shared + own:
        topic.has_msg()
    failures = []

    def guarded(work, *args):
        try:
            work(*args)
        except BaseException as error:
            failures.append(error)
            raise

    def send(sender):
        with horus.Topic("shared") as everyone, horus.Topic(f"own.{sender}") as one:
            for n in range(count):
                # A large one in eight: it goes through a block.
                filling = b"x" * (3000 if n % 8 == 0 else 3)
                everyone.send({"sender": sender, "n": n, "filling": filling})
                one.send({"sender": sender, "n": n, "filling": filling})

    def receive(topic, total):
        last = {}
        got = 0
        while got + topic.dropped() < total:
            assert topic.wait(WATCHDOG_S)
            while (message := topic.recv()) is not None:
                sender, n = message["sender"], message["n"]
                assert n > last.get(sender, -1)
                assert message["filling"] == b"x" * (3000 if n % 8 == 0 else 3)
                last[sender] = n
                got += 1
        assert got + topic.dropped() == total

    work = [(receive, topic, senders * count) for topic in shared]
    work += [(receive, topic, count) for topic in own]
    work += [(send, sender) for sender in range(senders)]
    threads = [threading.Thread(target=guarded, args=args, daemon=True) for args in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WATCHDOG_S)
        assert not thread.is_alive()
    assert failures == []
