"""What docs/containers.md says of two containers, shown by processes with mount and PID namespaces of their own."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

WATCHDOG_S = 150  # far beyond anything that goes well

CAMERA = """
import horus, numpy, time
status = horus.Topic("status", latched=True)
camera = horus.Topic("camera", horus.Image)
n = 0
while True:
    n += 1
    status.send({"n": n})
    camera.send(horus.Image.from_numpy(numpy.full((480, 640, 3), n % 256, numpy.uint8)))
    print("sent", n, flush=True)
    time.sleep(0.02)
"""

VIEWER = """
import horus, os
status, camera = horus.Topic("status"), horus.Topic("camera")
there = status.wait(PATIENCE) and camera.wait(PATIENCE)
picture = camera.recv_latest()
print(os.getpid(), there, picture is not None and picture.to_numpy().shape)
"""


class Containers:
    """Starts programs as a container engine does: namespaces of their own, a tmpfs of one's choice as /dev/shm."""

    def __init__(self, env: dict[str, str], shm: Path):
        self._env = {name: value for name, value in env.items() if name != "HORUS_SHM_DIR"}
        self.shared = shm
        self._running: list[subprocess.Popen] = []

    def start(self, *command: str, mount: str, **env: str) -> subprocess.Popen:
        """Starts a command as the first process of a container; `mount` makes its /dev/shm."""
        shell = f'{mount} && exec "$@"'
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        started = subprocess.Popen(
            [*words, "sh", "-c", shell, "sh", *command],
            env=self._env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.append(started)
        return started

    def result(self, *command: str, mount: str, **env: str) -> tuple[int, str, str]:
        """Runs a command in a container of its own to its end."""
        process = self.start(*command, mount=mount, **env)
        out, err = process.communicate(timeout=WATCHDOG_S)
        return process.returncode, out, err

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def containers(env, shm):
    made = Containers(env, shm)
    if made.result("true", mount="true")[0] != 0:
        pytest.skip("this user may not make namespaces here; as root it may")
    yield made
    made.close()


def python(source: str, patience: float = 60.0) -> list[str]:
    return [sys.executable, "-c", f"PATIENCE = {patience}\n{source}"]


def own(size: str) -> str:
    """A /dev/shm of the container's own."""
    return f"mount -t tmpfs -o size={size} tmpfs /dev/shm"


def lent(containers: Containers) -> str:
    """The same folder as /dev/shm in each container."""
    return f"mount --bind {containers.shared} /dev/shm"


def listed(containers: Containers, *command: str) -> list[dict]:
    status, out, err = containers.result("horus", *command, "--json", mount=lent(containers))
    assert status == 0, err
    return json.loads(out)["items"]


def test_two_containers_with_one_dev_shm_share_topics_and_pictures(containers):
    camera = containers.start(*python(CAMERA), mount=lent(containers))
    assert camera.stdout.readline() == "sent 1\n"
    status, out, err = containers.result(*python(VIEWER), mount=lent(containers))
    assert (status, err) == (0, "")
    assert out.split(maxsplit=1)[1] == "True (480, 640, 3)\n"
    topics = {topic["name"]: topic["publishers"] for topic in listed(containers, "topic", "list")}
    assert topics == {"camera": 1, "status": 1}
    # Its death is seen though nobody else knows its pid, and what it left is removed.
    camera.kill()
    camera.communicate()
    until = time.monotonic() + WATCHDOG_S
    while listed(containers, "topic", "list"):
        assert time.monotonic() < until
    left = sorted(path.name for path in (containers.shared / f"horus-{os.getuid()}").iterdir())
    assert left == ["joins", "lock"]


def test_with_a_dev_shm_each_nothing_comes(containers):
    camera = containers.start(*python(CAMERA), mount=own("64m"))
    assert camera.stdout.readline() == "sent 1\n"
    status, out, _ = containers.result(*python(VIEWER, 1.0), mount=own("64m"))
    assert (status, out.split(maxsplit=1)[1]) == (0, "False False\n")


def test_another_namespace_is_told_where_something_is(containers):
    camera = containers.start(*python(CAMERA), mount=lent(containers))
    assert camera.stdout.readline() == "sent 1\n"
    status, _, err = containers.result("horus", "-n", "elsewhere", "topic", "list", mount=lent(containers))
    assert status == 0
    assert "hint: 2 topics live in namespace 'examples' (use -n examples)" in err


def test_a_small_dev_shm_is_an_error_that_names_what_was_asked(containers):
    status, _, err = containers.result(*python(CAMERA), mount=own("4m"))
    assert status == 1
    assert "horus.ShmFull: [Errno 28] shared memory is full: no room for" in err


def test_another_user_is_told_to_run_as_the_same(containers):
    if os.getuid() != 0:
        pytest.skip("only root can be another user")
    camera = containers.start(*python(CAMERA), mount=lent(containers))
    assert camera.stdout.readline() == "sent 1\n"
    # The folder stands where a stranger can reach it; what HORUS made in it is closed to him.
    containers.shared.chmod(0o755)
    horus = shutil.which("horus", path=os.environ["PATH"]) or str(Path(sys.executable).with_name("horus"))
    copied = containers.shared / "command"
    shutil.copy(horus, copied)
    status, _, err = containers.result(
        *("setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "/dev/shm/command"),
        *("topic", "list"),
        mount=lent(containers),
        HORUS_SHM_DIR="/dev/shm/horus-0",
    )
    copied.unlink()
    assert status == 6
    assert "run both as the same user" in err


def test_a_folder_that_is_no_tmpfs_is_refused(containers, tmp_path):
    tmp_path.chmod(0o700)
    status, _, err = containers.result(
        *python("import horus; horus.Topic('x').send({})"), mount="true", HORUS_SHM_DIR=str(tmp_path)
    )
    assert status == 1
    assert "tmpfs" in err
