"""Awaiting messages: under horus.run, where the scheduler waits, and in any other event loop."""

import asyncio
import gc
import os
import subprocess
import threading

import horus
import pytest

WATCHDOG_S = 60


def threads():
    return len(os.listdir("/proc/self/task"))


def test_messages_come_in_order_to_a_tick_that_awaits_them():
    got = []

    async def tick(node):
        while len(got) < 5:
            got.append(await node.recv_async("numbers"))
        node.request_stop()

    sent = iter([[0], [1, 2, 3], [4]])

    def send(node):
        for n in next(sent, ()):
            node.send("numbers", n)

    horus.run(
        horus.Node("receiver", subs="numbers", tick=tick, rate=10),
        horus.Node("sender", tick=send, rate=100),
        duration=WATCHDOG_S,
    )
    assert got == [0, 1, 2, 3, 4]


def test_a_message_from_another_process_wakes_the_scheduler(start, finish):
    program = """
import horus
async def tick(node):
    node.send("pong", await node.recv_async("ping"))
    # One thread more than Python's own, whatever is awaited.
    import os
    node.send("threads", len(os.listdir("/proc/self/task")))
horus.run(horus.Node("echo", subs=["ping"], tick=tick, rate=1000))
"""
    with horus.Topic("ping") as ping, horus.Topic("pong") as pong, horus.Topic("threads") as count:
        pong.has_msg(), count.has_msg()
        process = start("-c", program)
        while not pong.has_msg():
            ping.send("hello")
            pong.wait(0.02)
        pong.recv_all()
        for n in range(20):
            ping.send(n)
            while pong.wait(WATCHDOG_S) and pong.recv() != n:
                pass
        assert set(count.recv_all()) <= {1, 2}
    finish(process)


def test_a_timeout_gives_none_and_none_is_a_message_too():
    got = []

    async def tick(node):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        got.append(await node.recv_async("t", timeout=0.05))
        assert loop.time() - begun >= 0.05
        got.append(await node.recv_async("t", timeout=0))
        node.send("t", None)
        begun = loop.time()
        got.append(await node.recv_async("t", timeout=WATCHDOG_S))
        assert loop.time() - begun < WATCHDOG_S
        node.request_stop()

    horus.run(horus.Node("n", subs="t", tick=tick, rate=10), duration=WATCHDOG_S)
    assert got == [None, None, None]


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_times_that_are_none_are_refused_at_the_call(timeout):
    with horus.Topic("t") as topic, pytest.raises(ValueError, match="a timeout of .* s is none"):
        topic.recv_async(timeout)


def in_a_run(main):
    """Runs a coroutine as a tick."""
    failed = []

    async def tick(node):
        try:
            await main()
        except BaseException as error:
            failed.append(error)
        node.request_stop()

    horus.run(horus.Node("n", tick=tick, rate=10), duration=WATCHDOG_S)
    for error in failed:
        raise error


def in_asyncio(main):
    asyncio.run(main())


@pytest.fixture(params=[in_asyncio, in_a_run], ids=["asyncio.run", "horus.run"])
def loop(request):
    """Something that runs a coroutine in an event loop."""
    return request.param


def test_topics_can_be_awaited_together(loop):
    async def main():
        with (
            horus.Topic("a") as a,
            horus.Topic("b") as b,
            horus.Topic("a") as out_a,
            horus.Topic("b") as out_b,
            horus.Topic("quiet") as quiet,
        ):
            waiting = asyncio.gather(a.recv_async(), b.recv_async(), a.recv_async(), quiet.recv_async(0.05))
            await asyncio.sleep(0.01)
            out_b.send("b")
            await asyncio.sleep(0.01)
            out_a.send(1)
            out_a.send(2)
            *got, late = await waiting
            assert sorted(map(str, got)) == ["1", "2", "b"]
            assert late is None

    loop(main)


def test_cancelling_loses_no_message(loop):
    async def main():
        with horus.Topic("t") as topic, horus.Topic("t") as out:
            for n in range(50):
                waiting = asyncio.create_task(topic.recv_async())
                for _ in range(n % 5):
                    await asyncio.sleep(0)
                out.send(n)
                for _ in range(n // 5 % 3):
                    await asyncio.sleep(0)
                waiting.cancel()
                (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
                if isinstance(outcome, asyncio.CancelledError):
                    outcome = await topic.recv_async(WATCHDOG_S)
                assert outcome == n

    loop(main)


def test_a_fast_publisher_leaves_others_their_turn(loop):
    async def main():
        ended, got = threading.Event(), []
        with horus.Topic("t", depth=1024) as topic, horus.Topic("t") as out:

            def flood():
                while not ended.is_set():
                    out.send(1)

            async def take():
                while True:
                    got.append(await topic.recv_async())

            thread = threading.Thread(target=flood)
            taking = asyncio.create_task(take())
            thread.start()
            try:
                for _ in range(20):
                    await asyncio.sleep(0.001)
            finally:
                ended.set()
                thread.join()
                taking.cancel()
                await asyncio.gather(taking, return_exceptions=True)
            assert got

    loop(main)


def test_another_loop_has_one_thread_for_all_topics_and_gives_it_up():
    before = threads()

    async def main():
        topics = [horus.Topic(f"t{n}") for n in range(20)]
        outs = [horus.Topic(f"t{n}") for n in range(20)]
        for n in range(5):
            waiting = [asyncio.create_task(topic.recv_async()) for topic in topics]
            await asyncio.sleep(0.005)
            assert threads() == before + 1
            for out in reversed(outs):
                out.send(n)
            assert await asyncio.gather(*waiting) == [n] * len(topics)
        for topic in topics + outs:
            topic.close()

    asyncio.run(main())
    gc.collect()
    while threads() > before:
        os.sched_yield()


def test_a_program_ends_although_its_loop_was_left_waiting(run):
    out = run(
        """
import asyncio, horus
topic = horus.Topic("t")
loop = asyncio.new_event_loop()
task = loop.create_task(topic.recv_async())
loop.run_until_complete(asyncio.sleep(0.05))
horus.Topic("t").send(1)
print("ended")
""",
        stderr=subprocess.DEVNULL,
    )
    assert out == "ended\n"


def test_shutdown_may_receive_too():
    got = []

    async def shutdown(node):
        threading.Timer(0.02, out.send, [1]).start()
        got.append(await node.recv_async("t", WATCHDOG_S))
        got.append(await node.recv_async("t", 0.01))

    with horus.Topic("t") as out:
        horus.run(horus.Node("n", subs="t", tick=lambda node: None, shutdown=shutdown), duration=0.02)
    assert got == [1, None]


def test_a_stop_ends_the_waiting_of_a_shutdown_at_once():
    got = []

    async def shutdown(node):
        got.append(await node.recv_async("t"))

    tick = horus.Node.request_stop
    horus.run(horus.Node("n", subs="t", tick=tick, shutdown=shutdown))
    assert got == [None]
