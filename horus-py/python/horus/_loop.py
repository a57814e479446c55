"""asyncio in the scheduler's thread: its event loop runs between the rounds of a run and leaves the sleeping to it."""

import asyncio
import math
import os
import select
import selectors
import threading
import time
import weakref
from collections.abc import Awaitable
from typing import Any, Protocol

from . import _horus

# Later than any time on the monotonic clock, in nanoseconds.
NEVER = 2**64 - 1


class Inbox(Protocol):
    """A topic as who waits for it sees it."""

    def take(self) -> tuple[Any] | None: ...
    def ready(self) -> bool: ...


class Watcher(Protocol):
    """Whoever sees to it that the event loop goes on when one of these topics has a message."""

    def watch(self, inboxes: list[Inbox]) -> None: ...


class Waiting:
    """The coroutines of one event loop that wait for topics."""

    def __init__(self, watcher: Watcher):
        self._watcher = watcher
        self._futures: dict[asyncio.Future[None], Inbox] = {}

    async def wait(self, inbox: Inbox, deadline: float | None) -> None:
        """Returns when there may be a message, or at the deadline on the loop's clock."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        timer = None if deadline is None else loop.call_at(deadline, resolve, future)
        self._futures[future] = inbox
        self._watch()
        try:
            await future
        finally:
            if timer:
                timer.cancel()
            del self._futures[future]
            self._watch()

    def look(self) -> None:
        """Lets those go on whose topic has a message; it is they who take it."""
        for future, inbox in self._futures.items():
            try:
                if inbox.ready():
                    resolve(future)
            except Exception as error:
                if not future.done():
                    future.set_exception(error)

    def look_again(self) -> None:
        """The same when the watcher has given up watching, as it does with each message."""
        self.look()
        self._watch()

    def wake_all(self) -> None:
        """Lets all go on; those with nothing to receive will wait elsewhere."""
        for future in self._futures:
            resolve(future)

    def _watch(self) -> None:
        self._watcher.watch([inbox for future, inbox in self._futures.items() if not future.done()])


def resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


# Those of event loops that the scheduler doesn't drive, each watched by a thread.
_others: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Waiting] = weakref.WeakKeyDictionary()
# That of the run, while the scheduler drives it.
_driven: "Loop | None" = None


def waiting() -> Waiting:
    """Who waits in the running event loop."""
    loop = asyncio.get_running_loop()
    if _driven is not None and _driven.loop is loop:
        return _driven.waiting
    found = _others.get(loop)
    if found is None:
        doorbell = _horus._doorbell()
        found = _others[loop] = Waiting(doorbell)

        def ring(found: Waiting = found) -> None:
            doorbell.answer()
            found.look_again()

        loop.add_reader(doorbell.fileno(), ring)
    return found


async def receive(inbox: Inbox, timeout: float | None) -> Any | None:
    """What recv_async awaits."""
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    # First: whoever receives in a loop from a fast publisher must let others run.
    await asyncio.sleep(0)
    while (taken := inbox.take()) is None:
        if inbox.ready():
            if _horus._stopping():
                return None
            continue
        if deadline is not None and loop.time() >= deadline:
            return None
        await waiting().wait(inbox, deadline)
    return taken[0]


class Selector(selectors.EpollSelector):
    """Never sleeps: notes until when asyncio would, and ends its run."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.until_ns = 0
        self.next_ns = NEVER
        # Once the scheduler no longer does.
        self.sleeps = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.sleeps:
            return super().select(timeout)
        events = super().select(0)
        now = time.monotonic_ns()
        if events or (timeout is not None and timeout <= 0):
            if now < self.until_ns:
                return events
            self.next_ns = 0
        else:
            self.next_ns = NEVER if timeout is None else now + math.ceil(timeout * 1e9)
        self.loop.stop()
        return events


class Alarm(threading.Thread):
    """Ends the scheduler's sleep when a descriptor that the event loop watches is ready.

    The scheduler sleeps on topics, which no descriptor stands for. The loop's own epoll is watched through another one,
    once for each time it is armed.
    """

    def __init__(self, watched: int):
        super().__init__(name="horus-asyncio", daemon=True)
        self._watched = watched
        self._epoll = select.epoll()
        self._end = os.eventfd(0)
        self._epoll.register(self._end, select.EPOLLIN)
        self._epoll.register(watched, select.EPOLLIN | select.EPOLLONESHOT)
        self._went_off = False

    def arm(self) -> None:
        """Makes it ready again, once the event loop has seen what set it off."""
        if self._went_off:
            self._went_off = False
            self._epoll.modify(self._watched, select.EPOLLIN | select.EPOLLONESHOT)

    def run(self) -> None:
        while all(descriptor != self._end for descriptor, _ in self._epoll.poll()):
            # First: the scheduler comes to arm it because of the nudge.
            self._went_off = True
            _horus._nudge()

    def end(self) -> None:
        os.eventfd_write(self._end, 1)
        self.join()
        self._epoll.close()
        os.close(self._end)


class Loop:
    """The event loop of one run, made when its first callback turns out to be a coroutine."""

    def __init__(self, watcher: Watcher):
        global _driven
        self._selector = Selector()
        self.loop = self._selector.loop = asyncio.SelectorEventLoop(self._selector)
        self.waiting = Waiting(watcher)
        self._callbacks: set[asyncio.Future[Any]] = set()
        self._alarm: Alarm | None = None
        _driven = self

    def begin(self, awaitable: Awaitable[Any], name: str) -> asyncio.Future[Any]:
        """Makes a task of what a callback returned, and runs it to its first await."""
        task = asyncio.ensure_future(awaitable, loop=self.loop)
        if isinstance(task, asyncio.Task):
            task.set_name(name)
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)
        self._run(0)
        return task

    def turn(self, until_ns: int) -> int:
        """Does what is ready, until then at the latest; returns when there is more to do."""
        self.waiting.look()
        self._run(until_ns)
        if self._selector.next_ns > 0:
            if self._alarm is None:
                self._alarm = Alarm(self._selector.fileno())
                self._alarm.start()
            else:
                self._alarm.arm()
        return self._selector.next_ns

    def _run(self, until_ns: int) -> None:
        self._selector.until_ns = until_ns
        # Unless the selector is asked again: the program itself may stop the loop.
        self._selector.next_ns = 0
        try:
            self.loop.run_forever()
        except (KeyboardInterrupt, SystemExit) as error:
            # Of a node's callback it is the node that tells.
            ended = (task for task in self._callbacks if task.done() and not task.cancelled())
            if all(task.exception() is not error for task in ended):
                raise

    def take_over(self) -> None:
        """Ends the callbacks that still go on. From now on the loop runs by itself, when asked to."""
        global _driven
        if self._selector.sleeps:
            return
        self._selector.sleeps = True
        _driven = None
        self.waiting.wake_all()
        callbacks = [task for task in self._callbacks if not task.done()]
        for task in callbacks:
            task.cancel()
        if callbacks:
            self.loop.run_until_complete(asyncio.wait(callbacks))

    def finish(self, awaitable: Awaitable[Any]) -> None:
        """Awaits what a callback returned at the end of the run."""
        self.take_over()
        self.loop.run_until_complete(asyncio.ensure_future(awaitable, loop=self.loop))

    def close(self) -> None:
        """Cancels what was left running, as asyncio.run does, and ends the loop and its threads."""
        try:
            self.take_over()
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            if left:
                self.loop.run_until_complete(asyncio.wait(left))
            for task in left:
                if not task.cancelled() and task.exception() is not None:
                    context = {"message": "a task failed while it was cancelled at the end of the run"}
                    self.loop.call_exception_handler(context | {"exception": task.exception(), "task": task})
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            if self._alarm is not None:
                self._alarm.end()
            self.loop.close()
            self._selector.loop = None
