"""Callbacks that are coroutines: what goes on meanwhile, in which order things end, and what asyncio can do."""

import asyncio
import os
import signal
import sys
import threading
import time

import horus
import pytest

WATCHDOG_S = 60


def test_others_tick_on_while_a_tick_awaits():
    seen = []

    async def slow(node):
        seen.append("begin")
        ticks = seen.count("fast")
        # Several of its own periods.
        while seen.count("fast") < ticks + 8:
            await asyncio.sleep(0.001)
        seen.append("end")
        if seen.count("end") == 3:
            node.request_stop()

    horus.run(
        horus.Node("slow", tick=slow, rate=50),
        horus.Node("fast", tick=lambda node: seen.append("fast"), rate=100),
        duration=WATCHDOG_S,
    )
    own = [one for one in seen if one != "fast"]
    assert own == ["begin", "end"] * 3, "one tick at a time"


def test_what_a_tick_sends_before_it_awaits_is_seen_in_the_same_round():
    got = []

    async def first(node):
        node.send("x", len(got))
        await asyncio.sleep(0)

    def second(node):
        got.append(node.recv("x"))
        if len(got) == 5:
            node.request_stop()

    horus.run(horus.Node("a", tick=first, rate=100), horus.Node("b", subs="x", tick=second, rate=100))
    assert got == [0, 1, 2, 3, 4]


def test_init_and_shutdown_are_awaited():
    seen = []

    def noted(name, pause=0.02):
        async def callback(node):
            seen.append(f"{node.name} {name} begins")
            await asyncio.sleep(pause)
            seen.append(f"{node.name} {name} ends")

        return callback

    def tick(node):
        seen.append(f"{node.name} tick")
        node.request_stop()

    nodes = [
        horus.Node(name, init=noted("init"), tick=tick, shutdown=noted("shutdown"), rate=100) for name in "ab"
    ]
    horus.run(*nodes)
    assert seen == [
        *("a init begins", "a init ends", "b init begins", "b init ends"),
        *("a tick", "b tick"),
        *("b shutdown begins", "b shutdown ends", "a shutdown begins", "a shutdown ends"),
    ]


def test_a_subclass_may_have_them_as_methods():
    class Worker(horus.Node):
        def __init__(self):
            super().__init__("worker", rate=100)
            self.seen = []

        async def init(self):
            await asyncio.sleep(0.01)
            self.seen.append("init")

        async def tick(self):
            await asyncio.sleep(0.01)
            self.seen.append("tick")
            raise ValueError

        async def on_error(self, error):
            await asyncio.sleep(0.01)
            self.seen.append(type(error).__name__)
            self.request_stop()

        async def shutdown(self):
            await asyncio.sleep(0.01)
            self.seen.append("shutdown")

    worker = Worker()
    horus.run(worker)
    assert worker.seen == ["init", "tick", "ValueError", "shutdown"]


@pytest.mark.parametrize("pause", [None, 0.02], ids=["at once", "after a pause"])
def test_what_a_tick_raises_goes_to_on_error_and_the_node_goes_on(pause):
    errors = []

    async def tick(node):
        if pause:
            await asyncio.sleep(pause)
        raise ValueError(len(errors))

    async def on_error(node, error):
        await asyncio.sleep(pause or 0)
        errors.append((node.name, *error.args))
        if len(errors) == 3:
            node.request_stop()

    horus.run(horus.Node("n", tick=tick, on_error=on_error, rate=100), duration=WATCHDOG_S)
    assert errors == [("n", 0), ("n", 1), ("n", 2)]


@pytest.mark.crashes
@pytest.mark.parametrize("pause", [None, 0.02], ids=["at once", "after a pause"])
@pytest.mark.parametrize("where", ["init", "tick", "callback", "on_error", "shutdown"])
def test_an_exception_ends_the_run_and_is_raised_as_it_was(where, pause):
    seen = []

    async def fail(node, *message):
        if pause:
            await asyncio.sleep(pause)
        raise ValueError(f"in {where}")

    def plain(node):
        if where == "on_error":
            raise KeyError
        node.send("x", 1)
        if where == "shutdown":
            node.request_stop()

    hooks = {"tick": plain, "shutdown": lambda node: seen.append("shutdown")}
    hooks |= {"subs": {"x": fail}} if where == "callback" else {where: fail}
    other = horus.Node("other", tick=lambda node: None, rate=100, shutdown=lambda node: seen.append("other"))
    with pytest.raises(ValueError, match=f"in {where}") as caught:
        horus.run(other, horus.Node("n", rate=100, **hooks), duration=WATCHDOG_S)
    assert caught.traceback[-1].name == "fail"
    assert seen == {"init": ["other"], "shutdown": ["other"]}.get(where, ["shutdown", "other"])


@pytest.mark.crashes
@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("by", ["tick", "task"])
def test_what_asks_for_the_end_ends_the_run(raised, by):
    seen = []

    async def leave():
        await asyncio.sleep(0.01)
        raise raised

    async def tick(node):
        await (leave() if by == "tick" else asyncio.gather(asyncio.create_task(leave())))

    node = horus.Node("n", tick=tick, on_error=lambda node, error: seen.append(error), rate=100)
    with pytest.raises(type(raised)):
        horus.run(node, duration=WATCHDOG_S)
    assert seen == []


def test_what_still_goes_on_at_the_end_is_cancelled_and_awaited_first():
    seen = []

    begun = set()

    async def forever(node, *message):
        what = "callback" if message else "tick"
        begun.add(what)
        try:
            await asyncio.sleep(WATCHDOG_S)
        finally:
            await asyncio.sleep(0.01)
            seen.append(what)

    async def background():
        try:
            await asyncio.sleep(WATCHDOG_S)
        finally:
            seen.append("background")

    async def init(node):
        node.task = asyncio.create_task(background())

    def tick(node):
        node.send("x", 1)
        if len(begun) == 2:
            node.request_stop()

    node = horus.Node(
        "n",
        subs={"x": forever},
        tick=forever,
        init=init,
        shutdown=lambda node: seen.append("shutdown"),
        rate=100,
    )
    horus.run(node, horus.Node("sender", tick=tick, rate=50), duration=WATCHDOG_S)
    assert sorted(seen[:2]) == ["callback", "tick"]
    # A task of the program's own lives as long as somebody may need it.
    assert seen[2:] == ["shutdown", "background"]


@pytest.mark.crashes
@pytest.mark.parametrize("taken", [True, False])
def test_what_a_cancelled_tick_raises_is_not_lost(taken):
    errors = []

    async def tick(node):
        node.request_stop()
        try:
            await asyncio.sleep(WATCHDOG_S)
        finally:
            raise ValueError("while it was put away")

    options = {"on_error": lambda node, error: errors.append(str(error))} if taken else {}
    node = horus.Node("n", tick=tick, rate=100, **options)
    if taken:
        horus.run(node)
        assert errors == ["while it was put away"]
    else:
        with pytest.raises(ValueError, match="while it was put away"):
            horus.run(node)


def test_async_callbacks_take_one_message_at_a_time_in_order():
    seen, ticks = [], []

    async def callback(node, message):
        seen.append(("begin", message))
        await asyncio.sleep(0.005 if message % 2 else 0)
        seen.append(("end", message))
        if message == 9:
            node.request_stop()

    sent = iter([range(10)])

    def burst(node):
        for n in next(sent, ()):
            node.send("numbers", n)

    horus.run(
        horus.Node("sender", tick=burst, rate=100),
        horus.Node("receiver", subs={"numbers": callback}, tick=ticks.append, rate=500),
        duration=WATCHDOG_S,
    )
    assert seen == [(what, n) for n in range(10) for what in ("begin", "end")]
    assert len(ticks) > 1, "the node's own plain ticks go on meanwhile"


def test_a_tick_may_await_what_a_callback_of_its_own_node_brings():
    got = []

    async def tick(node):
        node.answer = asyncio.get_running_loop().create_future()
        node.send("request", len(got))
        got.append(await node.answer)
        if len(got) == 3:
            node.request_stop()

    def answered(node, message):
        node.answer.set_result(message)

    def serve(node):
        node.send("answer", node.recv("request") * 10)

    horus.run(
        horus.Node("client", subs={"answer": answered}, tick=tick, rate=100),
        horus.Node("server", on="request", tick=serve),
        duration=WATCHDOG_S,
    )
    assert got == [0, 10, 20]


@pytest.mark.parametrize("pause", [0, 0.005])
@pytest.mark.parametrize("reads", [True, False])
def test_a_topic_s_message_is_worth_one_async_tick(pause, reads):
    got, ticks = [], []

    async def tick(node):
        ticks.append(node)
        await asyncio.sleep(pause)
        if reads:
            got.append(node.recv("numbers"))
        if len(ticks) == 6:
            node.request_stop()

    sent = iter([range(3), range(3, 6)])

    def burst(node):
        for n in next(sent, ()):
            node.send("numbers", n)

    horus.run(
        horus.Node("sender", tick=burst, rate=20),
        horus.Node("receiver", on="numbers", tick=tick),
        duration=WATCHDOG_S,
    )
    assert got == ([0, 1, 2, 3, 4, 5] if reads else [])
    assert len(ticks) == 6


async def by_timer(node):
    await asyncio.sleep(0.01)
    return "timer"


async def by_thread(node):
    assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()
    return "thread"


async def by_call_from_a_thread(node):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    thread = threading.Timer(0.01, loop.call_soon_threadsafe, (future.set_result, "call"))
    thread.start()
    try:
        return await future
    finally:
        thread.join()


async def by_subprocess(node):
    # A sub-process asks for no more than Python has: its watcher and pipes wake the loop.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('subprocess')", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().strip()


async def by_socket(node):
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"socket\n")
        answer = (await reader.readline()).decode().strip().lower()
        writer.close()
        await writer.wait_closed()
    return answer


async def by_task(node):
    async def work():
        await asyncio.sleep(0.01)
        return "task"

    return await asyncio.create_task(work())


async def by_signal(node):
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, heard.set)
    threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    await heard.wait()
    loop.remove_signal_handler(signal.SIGUSR1)
    return "signal"


@pytest.mark.parametrize(
    "by",
    [by_timer, by_thread, by_call_from_a_thread, by_subprocess, by_socket, by_task, by_signal],
    ids=lambda by: by.__name__,
)
def test_asyncio_wakes_a_scheduler_that_has_nothing_else_to_do(by):
    got = []

    async def tick(node):
        node.recv("begin")
        got.append(await by(node))
        node.request_stop()

    # Without a rate nothing but asyncio and the first message wakes it.
    node = horus.Node("n", on="begin", tick=tick, init=lambda node: node.send("begin", None))
    horus.run(node, duration=WATCHDOG_S)
    assert got == [by.__name__.removeprefix("by_").split("_")[0]]
    assert [thread.name for thread in threading.enumerate() if thread.name == "horus-asyncio"] == []


def test_tasks_that_are_always_ready_keep_nobody_from_ticking():
    ticks = []

    async def spin(node):
        while True:
            await asyncio.sleep(0)

    def tick(node):
        ticks.append(node)
        node.send("more", len(ticks))
        if len(ticks) == 20:
            node.request_stop()

    got = []
    horus.run(
        horus.Node("spinner", tick=spin, rate=100),
        horus.Node("n", tick=tick, rate=100),
        horus.Node("listener", subs={"more": lambda node, message: got.append(message)}),
        duration=WATCHDOG_S,
    )
    assert got == list(range(1, 21))


def test_a_plain_tick_may_wake_a_coroutine():
    got = []

    async def init(node):
        node.event = asyncio.Event()

    async def wait(node):
        await node.event.wait()
        got.append("woken")
        node.request_stop()

    waiter = horus.Node("waiter", init=init, tick=wait, rate=10)
    horus.run(waiter, horus.Node("waker", tick=lambda node: waiter.event.set(), rate=10))
    assert got == ["woken"]


def test_a_task_that_fails_unheard_is_asyncio_s_to_report(run):
    out = run(
        """
import asyncio, gc, horus, logging, sys
logging.basicConfig(stream=sys.stdout, format="%(name)s: %(message)s")
async def fail():
    raise ValueError("unheard")
async def tick(node):
    asyncio.create_task(fail())
    await asyncio.sleep(0.01)
    gc.collect()
    node.request_stop()
horus.run(horus.Node("n", tick=tick, rate=10))
print("ended")
"""
    )
    assert out.startswith("asyncio: Task exception was never retrieved")
    assert "ValueError: unheard" in out
    assert out.endswith("ended\n")


def test_without_coroutines_there_is_neither_an_event_loop_nor_a_thread(run):
    out = run(
        """
import os, sys, horus
def tick(node):
    node.request_stop()
    print(len(os.listdir("/proc/self/task")), "asyncio" in sys.modules)
horus.run(horus.Node("n", tick=tick, subs={"x": print}, rate=10))
"""
    )
    assert out == "1 False\n"


def test_a_run_inside_an_event_loop_is_refused_in_words():
    async def main():
        horus.run(horus.Node("n", tick=lambda node: None))

    with pytest.raises(
        horus.HorusError,
        match=r"horus.run\(\) was called inside a running event loop, which it would block; call it outside, and "
        "give a node an async def as its tick",
    ):
        asyncio.run(main())

    async def tick(node):
        with pytest.raises(horus.HorusError, match="running already"):
            horus.run(horus.Node("inner", tick=lambda node: None))
        node.request_stop()

    horus.run(horus.Node("outer", tick=tick))


def test_a_plain_tick_may_run_an_event_loop_of_its_own():
    got = []

    async def work():
        await asyncio.sleep(0)
        return "done"

    def tick(node):
        got.append(asyncio.run(work()))
        node.request_stop()

    async def beside(node):
        await asyncio.sleep(0.001)

    horus.run(horus.Node("n", tick=tick, rate=10), horus.Node("async", tick=beside, rate=100))
    assert got == ["done"]


@pytest.mark.crashes
@pytest.mark.parametrize("kind", ["", "async "], ids=["plain", "async"])
def test_a_callback_with_a_yield_is_refused_in_words(kind):
    names = {}
    exec(f"{kind}def scan(node):\n    yield node", names)
    with pytest.raises(TypeError, match="scan has a yield; a callback runs to its end, or awaits"):
        horus.run(horus.Node("n", tick=names["scan"]))


def test_a_program_that_stops_the_loop_itself_goes_on():
    got = []

    async def tick(node):
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
        got.append("went on")
        node.request_stop()

    horus.run(horus.Node("n", tick=tick, rate=1), duration=WATCHDOG_S)
    assert got == ["went on"]


def test_runs_may_follow_each_other_and_run_in_any_thread():
    got = []

    async def tick(node):
        got.append(await asyncio.to_thread(lambda: "x"))
        node.request_stop()

    node = horus.Node("n", tick=tick, rate=100)
    for _ in range(3):
        horus.run(node)
    thread = threading.Thread(target=horus.run, args=(node,))
    thread.start()
    thread.join()
    assert got == ["x"] * 4


ENDLESS = {
    "init": "async def wait(node): print('ready', flush=True); await asyncio.sleep(600)\nhooks = {'init': wait}",
    "tick": "async def wait(node): print('ready', flush=True); await asyncio.sleep(600)\nhooks = {'tick': wait}",
    "busy": "async def wait(node):\n  print('ready', flush=True)\n  while True: await asyncio.sleep(0)\n"
    "hooks = {'tick': wait}",
    "receiving": "async def wait(node): print('ready', flush=True); await node.recv_async('never')\n"
    "hooks = {'tick': wait}",
    "callback": "async def wait(node, message): print('ready', flush=True); await asyncio.sleep(600)\n"
    "hooks = {'subs': {'x': wait}, 'init': lambda node: node.send('x', 1)}",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("what", ENDLESS)
def test_signals_end_a_run_whatever_it_awaits(start, what, number):
    process = start(
        "-c",
        f"""
import asyncio, horus
{ENDLESS[what]}
shutdown = lambda node: print("shut down", flush=True)
horus.run(horus.Node("n", shutdown=shutdown, **hooks))
print("after", flush=True)
""",
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=WATCHDOG_S)
    # What was never initialised isn't shut down.
    assert (out, err, process.returncode) == ("after\n" if what == "init" else "shut down\nafter\n", "", 0)


@pytest.mark.crashes
def test_a_second_ctrl_c_ends_a_shutdown_that_never_ends(start):
    process = start(
        "-c",
        """
import asyncio, horus
async def shutdown(node):
    print("shutting down", flush=True)
    await asyncio.sleep(600)
horus.run(horus.Node("n", tick=lambda node: node.request_stop(), shutdown=shutdown))
""",
    )
    # Whoever leaves last removes what the other left.
    with horus.Topic("t"):
        assert process.stdout.readline() == "shutting down\n"
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        assert process.returncode == -signal.SIGINT
