"""The README's first programs, taken from the page and run as it says."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_first_two_programs_talk(shm, horus, tmp_path):
    programs = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", README.read_text(), re.S)
    assert [name for name, _ in programs] == ["talker.py", "listener.py"]
    for name, source in programs:
        (tmp_path / name).write_text(source)
    both = horus("run", "talker.py", "listener.py", cwd=tmp_path)
    both.lines(lambda line: line == "listener | 0.5")
    listed = horus("topic", "list", "--names").lines(lambda line: True)
    assert listed == ["cmd_vel"]
    for command in (("topic", "echo", "cmd_vel"), ("topic", "hz", "cmd_vel"), ("node", "list")):
        assert horus(*command).lines(lambda line: True)
    assert both.stop() == 0
