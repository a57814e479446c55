"""What is told of nodes that crashed."""

import json
import signal

NODES = {
    "raises": "def tick(node):\n    1 / 0\n",
    "leaves": "def tick(node):\n    import os; os._exit(3)\n",
    "killed": "def tick(node):\n    import os; os.kill(os.getpid(), 9)\n",
    "stays": "def tick(node):\n    pass\n",
}


def test_node_list_tells_how_each_node_ended(shm, horus, tmp_path):
    for name, tick in NODES.items():
        source = f'import horus\n{tick}horus.run(horus.Node("{name}", tick=tick, rate=100))\n'
        (tmp_path / f"{name}.py").write_text(source)
    together = horus("run", *(f"{name}.py" for name in NODES), cwd=tmp_path)

    def nodes() -> dict[str, dict]:
        (listed,) = horus("node", "list", "--json").lines(lambda line: True)
        return {node["name"]: node for node in json.loads(listed)["items"]}

    # Each look is a process of its own, so this waits; the watchdog of `together` ends it if it never comes.
    while sum(node["state"] == "Crashed" for node in nodes().values()) < 3 or "stays" not in nodes():
        pass
    found = nodes()
    assert {name: node["crash"]["how"] for name, node in found.items() if node["state"] == "Crashed"} == {
        "raises": "ZeroDivisionError: division by zero",
        "leaves": "ended with status 3",
        "killed": "ended by SIGKILL",
    }
    assert found["stays"]["state"] == "Running"
    assert together.stop(signal.SIGTERM) in (1, 3, 137), "the status of the first that ended badly"
    (said,) = horus("clean", "--shm", "--json").lines(lambda line: True)
    assert json.loads(said), "what it removed"
