"""There and back, and what two processes or one thread take for it.

A loop of its own for each contender would save calls; all go through the same ones instead, so that what is compared
are the transports. A transport has `send(number)` and `receive() -> number`; or, where the message is built before,
`build(number) -> message`, `send(message)`, `receive() -> message` and `number_of(message)`.
"""

import array
import time

from checks import BUILT_EVERY, expect
from side import Side, clock_cost_ns

# How long each side is busy before it sends where both are to sleep: far longer than anybody spins. Ping's is between
# two round trips, echo's within one, and taken off.
PAUSE_NS = 200_000


def play(side: Side, transport):
    """One side of `round`, `wake` or `spin`."""
    side.meet()
    built = hasattr(transport, "build")
    if side.pings:
        side.write((ping_built if built else ping)(transport, side.total, pause_of(side)))
    else:
        (echo_built if built else echo)(transport, side.total, pause_of(side))


def pause_of(side: Side) -> int:
    """How long each side is busy, in nanoseconds."""
    return PAUSE_NS if side.work == "wake" else 0


def ping(transport, total: int, pause_ns: int = 0) -> array.array:
    """Round trips in nanoseconds, without what it costs to read the clock and without echo's pause."""
    clock = time.perf_counter_ns
    send, receive = transport.send, transport.receive
    taken_off = clock_cost_ns() + pause_ns
    trips = array.array("Q", bytes(8 * total))
    for number in range(total):
        before = clock()
        send(number)
        answer = receive()
        took = clock() - before
        expect(answer, number)
        if took < pause_ns:
            raise SystemExit("the other side answered without its pause")
        trips[number] = max(took - taken_off, 0)
        if pause_ns:
            stay_busy(pause_ns)
    return trips


def echo(transport, total: int, pause_ns: int = 0):
    """Sends back whatever comes."""
    for number in range(total):
        got = transport.receive()
        expect(got, number)
        if pause_ns:
            stay_busy(pause_ns)
        transport.send(got)


def ping_built(transport, total: int, pause_ns: int = 0) -> array.array:
    """The same with a message that is built before and sent again and again."""
    clock = time.perf_counter_ns
    send, receive, build = transport.send, transport.receive, transport.build
    taken_off = clock_cost_ns() + pause_ns
    trips = array.array("Q", bytes(8 * total))
    message = answer = None
    for number in range(total):
        if number % BUILT_EVERY == 0:
            message = build(number)
        before = clock()
        send(message)
        answer = receive()
        took = clock() - before
        if number % BUILT_EVERY == 0:
            expect(transport.number_of(answer), number)
        if took < pause_ns:
            raise SystemExit("the other side answered without its pause")
        trips[number] = max(took - taken_off, 0)
        if pause_ns:
            stay_busy(pause_ns)
    return trips


def echo_built(transport, total: int, pause_ns: int = 0):
    """Answers each message with one of its own, built before."""
    send, receive, build = transport.send, transport.receive, transport.build
    message = None
    for number in range(total):
        got = receive()
        if number % BUILT_EVERY == 0:
            expect(transport.number_of(got), number)
            message = build(number)
        if pause_ns:
            stay_busy(pause_ns)
        send(message)


def within(side: Side, here, there):
    """Sent and received by one thread; `here` sends what `there` receives."""
    clock = time.perf_counter_ns
    built = hasattr(here, "build")
    send, receive = here.send, there.receive
    clock_cost = clock_cost_ns()
    took = array.array("Q", bytes(8 * side.total))
    message = here.build(0) if built else None
    for number in range(side.total):
        if built and number % BUILT_EVERY == 0:
            message = here.build(number)
        before = clock()
        send(message if built else number)
        got = receive()
        took[number] = max(clock() - before - clock_cost, 0)
        if not built:
            expect(got, number)
        elif number % BUILT_EVERY == 0:
            expect(there.number_of(got), number)
    side.write(took)


def stay_busy(pause_ns: int):
    """Lets the other side fall asleep."""
    until = time.perf_counter_ns() + pause_ns
    while time.perf_counter_ns() < until:
        pass
