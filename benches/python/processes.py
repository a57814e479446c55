"""One process or several: what each costs, measured. Prints a table in Markdown; docs/processes.md quotes it.

All between two cores of one machine, in Python, through the public interface:

- a CmdVel from one node to the next in the same round of one process, and to another process that polls, and to
  another process whose node sleeps on the topic until it comes;
- a node at 100 Hz beside one that computes for 30 ms at 10 Hz, both in one process, then in two;
- memory: three nodes in one process, then in three;
- from `kill -9` to the first message of the process that was started again.
"""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS = 4.0
WAIT_S = 60.0

SAME_ROUND = """
import horus, time, sys
took = []
def out(node):
    node.send("c", horus.CmdVel(0.5, 0.0, timestamp_ns=time.monotonic_ns()))
def back(node):
    message = node.recv("c")
    if message is not None:
        took.append(time.monotonic_ns() - message.timestamp_ns)
horus.run(horus.Node("a", pubs=["c"], tick=out, rate=1000), horus.Node("b", subs=["c"], tick=back, rate=1000),
          duration=SECONDS)
print(*took)
"""

SENDER = """
import horus, time
def out(node):
    node.send("c", horus.CmdVel(0.5, 0.0, timestamp_ns=time.monotonic_ns()))
horus.run(horus.Node("a", pubs=["c"], tick=out, rate=500), duration=SECONDS + 2)
"""

POLLING = """
import horus, time
topic = horus.Topic("c", horus.CmdVel)
took, end = [], time.monotonic() + SECONDS
while time.monotonic() < end:
    message = topic.recv()
    if message is not None:
        took.append(time.monotonic_ns() - message.timestamp_ns)
print(*took)
"""

ASLEEP = """
import horus, time
took = []
def back(node):
    message = node.recv("c")
    if message is not None:
        took.append(time.monotonic_ns() - message.timestamp_ns)
horus.run(horus.Node("b", subs=["c"], tick=back, on="c"), duration=SECONDS)
print(*took)
"""

SENSOR = """
import horus, time
late, due = [], None
def tick(node):
    global due
    now = time.monotonic_ns()
    if due is not None:
        late.append(abs(now - due - 10_000_000))
    due = now
sensor = horus.Node("sensor", tick=tick, rate=100)
"""

INFERENCE = """
import time
def compute(node):
    end = time.thread_time() + 0.03
    while time.thread_time() < end:
        sum(range(1000))
inference = horus.Node("inference", tick=compute, rate=10)
"""

IDLE = """
import horus, numpy
nodes = [horus.Node(name, tick=lambda node: None, rate=10) for name in NAMES]
horus.run(*nodes)
"""

AGAIN = """
import horus, time
horus.run(horus.Node("talker", tick=lambda node: node.send("t", {"n": 1}), rate=200))
"""


def start(source: str, env: dict[str, str], core: int | None = None) -> subprocess.Popen:
    """A Python program in a process of its own, on one core if that is said."""
    pin = f"import os; os.sched_setaffinity(0, {{{core}}})\n" if core is not None else ""
    text = f"{pin}SECONDS = {SECONDS}\n{source}"
    return subprocess.Popen([sys.executable, "-c", text], env=env, stdout=subprocess.PIPE, text=True)


def numbers(process: subprocess.Popen) -> list[int]:
    """What the program measured; nothing of its first quarter, while it warms up."""
    out = process.communicate(timeout=WAIT_S)[0]
    if process.returncode != 0:
        raise SystemExit(f"a program ended with status {process.returncode}")
    found = [int(word) for word in out.split()]
    return found[len(found) // 4 :]


def shown(nanoseconds: list[int]) -> str:
    """Median and 99th percentile in µs."""
    ordered = sorted(nanoseconds)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"{statistics.median(ordered) / 1e3:.1f} µs (p99 {p99 / 1e3:.0f} µs)"


def latencies(env: dict[str, str]) -> list[tuple[str, str, str]]:
    """One message from node to node."""
    same = shown(numbers(start(SAME_ROUND, env, 0)))
    sender = start(SENDER, env, 0)
    polling = shown(numbers(start(POLLING, env, 1)))
    sender.communicate(timeout=WAIT_S)
    sender = start(SENDER, env, 0)
    asleep = shown(numbers(start(ASLEEP, env, 1)))
    sender.communicate(timeout=WAIT_S)
    return [
        ("a CmdVel to the next node, same round", same, "-"),
        ("… to a process that polls", "-", polling),
        ("… to a node asleep on the topic", "-", asleep),
    ]


def interpreter_lock(env: dict[str, str]) -> tuple[str, str, str]:
    """How late a node at 100 Hz ticks beside one that computes."""
    print_late = "\nprint(*late)"
    one = start(SENSOR + INFERENCE + "horus.run(sensor, inference, duration=SECONDS)" + print_late, env)
    alone = shown(numbers(one))
    busy = start("import horus\n" + INFERENCE + "horus.run(inference, duration=SECONDS + 1)", env)
    apart = shown(numbers(start(SENSOR + "horus.run(sensor, duration=SECONDS)" + print_late, env)))
    busy.communicate(timeout=WAIT_S)
    return ("100 Hz node beside 30 ms of computing, jitter", alone, apart)


def proportional_kib(pid: int) -> int:
    """The memory of a process, what it shares counted in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def memory(env: dict[str, str]) -> tuple[str, str, str]:
    """Three nodes with numpy, in one process and in three."""

    def taken(groups: list[list[str]]) -> str:
        running = [start(IDLE.replace("NAMES", repr(group)), env) for group in groups]
        wait_for_nodes(env, sum(map(len, groups)))
        total = sum(proportional_kib(process.pid) for process in running)
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=WAIT_S)
        return f"{total / 1024:.0f} MiB"

    return ("memory of three idle nodes with numpy", taken([["a", "b", "c"]]), taken([["a"], ["b"], ["c"]]))


def listed(env: dict[str, str]) -> list[dict]:
    """The nodes that run."""
    command = ["horus", "node", "list", "--json"]
    out = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    return [node for node in json.loads(out)["items"] if node["state"] == "Running"]


def wait_for_nodes(env: dict[str, str], count: int) -> None:
    """Returns once so many nodes run."""
    end = time.monotonic() + WAIT_S
    while len(listed(env)) < count:
        if time.monotonic() > end:
            raise SystemExit(f"{count} nodes did not start")
        time.sleep(0.05)


def crash(env: dict[str, str], folder: Path) -> tuple[str, str, str]:
    """From kill -9 to the next message, with `horus run --restart`; the median of three."""
    program = folder / "talker.py"
    program.write_text(AGAIN)
    os.environ.update(env)
    import horus

    topic = horus.Topic("t")
    topic.has_msg()
    took = sorted(one_crash(env, topic, program) for _ in range(3))
    topic.close()
    return ("`kill -9` to the first message of its successor", "all gone", f"{took[1] * 1e3:.0f} ms")


def one_crash(env: dict[str, str], topic, program: Path) -> float:
    """Starts the program, kills it, and returns the seconds until its successor is heard."""
    run = subprocess.Popen(
        ["horus", "-q", "run", "--restart", str(program)], env=env, stderr=subprocess.DEVNULL
    )
    try:
        if not topic.wait(WAIT_S):
            raise SystemExit("the talker says nothing")
        pid = next(node["pid"] for node in listed(env) if node["name"] == "talker")
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        topic.recv_all()
        if not topic.wait(WAIT_S):
            raise SystemExit("the talker did not come back")
        return time.monotonic() - began
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(WAIT_S)
        topic.recv_all()


def main() -> None:
    """Measures all and prints the table."""
    root = Path(tempfile.mkdtemp(prefix="horus-bench-", dir="/dev/shm"))
    beside = str(Path(sys.executable).parent)
    env = os.environ | {
        "HORUS_SHM_DIR": str(root),
        "HORUS_NAMESPACE": "bench",
        "PATH": beside + os.pathsep + os.environ["PATH"],
    }
    folder = Path(tempfile.mkdtemp())
    try:
        rows = [*latencies(env), interpreter_lock(env), memory(env), crash(env, folder)]
    finally:
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    print("| | one process | several |\n| --- | --- | --- |")
    for name, one, several in rows:
        print(f"| {name} | {one} | {several} |")


if __name__ == "__main__":
    main()
