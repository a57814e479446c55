"""Runs camera, detector and controller as three processes, watches and judges them.

Status 0 only if every judged frame was answered as the camera's schedule says, every process ended
cleanly, and nothing is left in shared memory. `--seconds N` is how long it watches at least.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import schedule
import verdict

HERE = Path(__file__).resolve().parent
NODES = ["camera.py", "detector.py", "controller.py"]
PATIENCE_S = 60.0  # something is broken rather than slow
ROOT_FILES = {"lock", "joins"}  # what HORUS keeps beside the namespaces


def horus_command() -> str:
    """The `horus` that belongs to this Python, else the one in PATH."""
    beside = Path(sys.executable).parent / "horus"
    return str(beside) if beside.exists() else "horus"


class Echo:
    """`horus topic echo TOPIC --json` as a process of its own; collects what it prints."""

    def __init__(self, horus: str, topic: str, env: dict):
        self.messages: list[dict] = []
        self.dropped = 0
        self._process = subprocess.Popen(
            [horus, "--quiet", "topic", "echo", topic, "--json"], env=env, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            message = json.loads(line)
            self.dropped += message["dropped"]
            self.messages.append(message["data"])

    def close(self):
        """Ends the echo and reads what it has still printed."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)


class Pipeline:
    """`horus run camera.py detector.py controller.py` in a namespace of its own, and two echoes beside it."""

    def __init__(self):
        self.horus = horus_command()
        self.namespace = f"demo-{os.getpid()}"
        self.env = {**os.environ, "HORUS_NAMESPACE": self.namespace}
        self.root = Path(os.environ.get("HORUS_SHM_DIR") or f"/dev/shm/horus-{os.getuid()}")
        self.before = names(self.root)
        self.detections = Echo(self.horus, "detections", self.env)
        self.commands = Echo(self.horus, "cmd_vel", self.env)
        self.started = time.monotonic()
        self._run = subprocess.Popen([self.horus, "run", *NODES], cwd=HERE, env=self.env)

    def output(self, *arguments: str) -> str:
        """What `horus ARGUMENTS` prints in this namespace."""
        command = [self.horus, "--quiet", *arguments]
        return subprocess.run(command, env=self.env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def show(self, *arguments: str):
        """Prints a `horus` command and what it says."""
        print(f"\n$ horus {' '.join(arguments)}", flush=True)
        print(self.output(*arguments).rstrip(), flush=True)

    def running(self) -> set[str]:
        """The names of the nodes that now tick."""
        items = json.loads(self.output("node", "list", "--json"))["items"]
        return {item["name"] for item in items if item["state"].lower() == "running"}

    def wait_until(self, condition, what: str):
        """Returns once `condition()` holds; fails if the pipeline ends first or PATIENCE_S pass."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            if self._run.poll() is not None:
                raise SystemExit(f"demo: the pipeline ended with status {self._run.returncode} before {what}")
            if time.monotonic() > until:
                raise SystemExit(f"demo: no sign of {what} in {PATIENCE_S:.0f} s")
            time.sleep(0.05)

    def stop(self) -> int | None:
        """Ends the pipeline as Ctrl+C would, then the echoes. Returns the pipeline's status."""
        if self._run.poll() is None:
            self._run.send_signal(signal.SIGTERM)
        try:
            return self._run.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._run.kill()
            return None
        finally:
            self.commands.close()
            self.detections.close()

    def left(self) -> set[str]:
        """What this run has left in the root of the shared memory, apart from the root's own files."""
        return names(self.root) - self.before - ROOT_FILES


def names(folder: Path) -> set[str]:
    """The names in `folder`; none if there is no such folder."""
    return set(os.listdir(folder)) if folder.is_dir() else set()


def watch(pipeline: Pipeline, seconds: float):
    """Prints each change of mind of the controller, for `seconds` and until enough is judged."""
    printed, standing = 0, None
    while True:
        commands = pipeline.commands.messages
        for command in commands[printed:]:
            printed += 1
            if (command["linear"] == 0.0) != standing:
                standing = command["linear"] == 0.0
                print(f"  {decision(pipeline, command)}", flush=True)
        if time.monotonic() - pipeline.started >= seconds and judged_enough(pipeline):
            return
        count = len(commands)
        pipeline.wait_until(lambda count=count: len(pipeline.commands.messages) > count, "the next command")


def judged_enough(pipeline: Pipeline) -> bool:
    """Whether the judged frames span so much of the schedule that it says stop, and go again."""
    frames = [detection["frame"] for detection in list(pipeline.detections.messages)]
    return bool(frames) and frames[-1] - frames[0] >= 1.5 * schedule.CYCLE_FRAMES


def decision(pipeline: Pipeline, command: dict) -> str:
    """One line: what the command says, and what it answers."""
    verb = "STOP" if command["linear"] == 0.0 else "GO  "
    answered = [d for d in list(pipeline.detections.messages) if d["timestamp_ns"] == command["timestamp_ns"]]
    if not answered:
        return f"{verb} {command['linear']:.1f} m/s"
    seen = answered[0]
    what = f"obstacle at {seen['closest_distance']:.2f} m" if seen["count"] else "way is free"
    return f"{verb} {command['linear']:.1f} m/s   frame {seen['frame']:3}: {what}"


def judge(pipeline: Pipeline, status: int | None) -> list[str]:
    """Everything that was not as it should be."""
    faults = verdict.faults(pipeline.detections.messages, pipeline.commands.messages)
    if status != 0:
        faults.append(f"horus run ended with status {status}")
    for name, echo in (("detections", pipeline.detections), ("cmd_vel", pipeline.commands)):
        if echo.dropped:
            faults.append(f"echo of {name} missed {echo.dropped} messages")
    left = pipeline.left()
    if left:
        faults.append(f"left in {pipeline.root}: {', '.join(sorted(left))}")
    return faults


def main() -> int:
    """Runs the demo; returns its exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=8.0)
    seconds = arguments.parse_args().seconds

    # Asked to end by whatever way, it ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"$ horus run {' '.join(NODES)}", flush=True)
    pipeline = Pipeline()
    status = None
    try:
        pipeline.wait_until(lambda: pipeline.running() >= {"camera", "detector", "controller"}, "three nodes")
        # A second's worth: rates are what was counted, not what was asked for.
        pipeline.wait_until(lambda: len(pipeline.commands.messages) >= 10, "ten commands")
        pipeline.show("topic", "list")
        pipeline.show("topic", "hz", "camera.rgb", "--duration", "2")
        pipeline.show("node", "list")
        print("\nThe controller decides:", flush=True)
        watch(pipeline, seconds)
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is judged.", flush=True)
        return 130
    finally:
        status = pipeline.stop()

    faults = judge(pipeline, status)
    for fault in faults:
        print(f"demo: {fault}", file=sys.stderr)
    if not faults:
        judged, turns = report(pipeline)
        print(f"\n{judged} frames judged, each as the schedule says; {turns} changes between stop and go.")
        print(f"Stopped. {pipeline.root} holds: {', '.join(sorted(names(pipeline.root)))}")
    return 1 if faults else 0


def report(pipeline: Pipeline) -> tuple[int, int]:
    """How many frames were judged, and how often standing and moving took turns."""
    frames = {d["frame"] for d in pipeline.detections.messages}
    return len(frames), verdict.changes(c["linear"] for c in pipeline.commands.messages)


if __name__ == "__main__":
    sys.exit(main())
