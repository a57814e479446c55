"""Every piece of Python in the documentation runs, and every command it shows exists with the options it shows.

A block that begins with a file's name is a program; the programs of a page are run together until each of their nodes
ticks. The other blocks of a page are one program in several pieces.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

WATCHDOG_S = 150  # far beyond anything that goes well

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKED = [*PAGES, *sorted(ROOT.glob("examples/*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.S | re.M)


def programs(page: Path) -> dict[str, str]:
    named = (re.match(r"# (\w+\.py)\n", block) and block for block in blocks(page, "python"))
    return {block[2 : block.index("\n")]: block for block in named if block}


def pieces(page: Path) -> list[str]:
    return [block for block in blocks(page, "python") if not re.match(r"# \w+\.py\n", block)]


def nodes_of(source: str) -> set[str]:
    return set(re.findall(r'Node\(\s*"([\w.-]+)"', source))


def commands(page: Path) -> list[list[str]]:
    lines = (line.split("  #")[0] for block in blocks(page, "sh") for line in block.splitlines())
    parts = (part.split(">")[0].split() for line in lines for part in re.split(r"[|&;]", line))
    return [words for words in parts if words[:1] == ["horus"]]


@pytest.mark.parametrize("page", [page for page in PAGES if pieces(page)], ids=lambda page: page.name)
def test_the_pieces_of_a_page_run_in_their_order(page, env, tmp_path):
    script = tmp_path / "pieces.py"
    script.write_text("\n".join(pieces(page)))
    ended = subprocess.run(
        [sys.executable, script], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=WATCHDOG_S
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("page", [page for page in PAGES if programs(page)], ids=lambda page: page.name)
def test_the_programs_of_a_page_run_together(page, horus, env, tmp_path):
    wanted = set()
    for name, source in programs(page).items():
        (tmp_path / name).write_text(source)
        wanted |= nodes_of(source)
    assert wanted
    together = horus("run", *programs(page), cwd=tmp_path)
    until = time.monotonic() + WATCHDOG_S
    while not wanted <= ticking(env):
        assert time.monotonic() < until, f"only {ticking(env)} of {wanted} tick"
        time.sleep(0.05)
    assert together.stop() == 0


def ticking(env) -> set[str]:
    listed = subprocess.run(
        ["horus", "node", "list", "--json"], env=env, capture_output=True, text=True, check=True
    )
    return {node["name"] for node in json.loads(listed.stdout)["items"] if node["actual_hz"]}


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_the_commands_of_a_page_exist(page, env):
    for words in commands(page):
        path = ["horus"]
        for word in words[1:]:
            help_text = help_of(tuple(path), env)
            if not re.search(rf"^  {re.escape(word)}\b", help_text.split("Options:")[0], re.M):
                break
            path.append(word)
        assert len(path) > 1, words
        options = help_of(tuple(path), env)
        for word in words:
            if word == "--":
                break
            if re.match(r"--?[a-z]", word):
                assert re.search(rf"(?<![\w-]){re.escape(word.split('=')[0])}\b", options), (words, word)


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if "://" not in link:
            file, _, anchor = link.partition("#")
            target = page.parent / file if file else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


LAUNCH_FILES = [
    pytest.param(name, text, id=f"{page.name}:{name}")
    for page in PAGES
    for text in blocks(page, "yaml")
    for name in re.findall(r"\A# (\w+\.yaml)\n", text)
]


@pytest.mark.parametrize(("name", "text"), LAUNCH_FILES)
def test_the_launch_files_of_a_page_start(name, text, horus, env, tmp_path):
    (tmp_path / name).write_text(text)
    wanted = set(re.findall(r"- name: (\w+)", text))
    for program in re.findall(r"horus run (\w+)\.py", text):
        node = f'horus.Node("{program}", tick=lambda node: None)'
        (tmp_path / f"{program}.py").write_text(f"import horus\nhorus.run({node})\n")
    session = horus("launch", name, "-n", "examples", cwd=tmp_path)
    until = time.monotonic() + WATCHDOG_S
    while not wanted <= ticking(env):
        assert time.monotonic() < until, f"only {ticking(env)} of {wanted} tick"
        time.sleep(0.05)
    assert session.stop() == 0


def help_of(path, env, known={}):  # noqa: B006 - one look for each command is enough
    if path not in known:
        asked = subprocess.run([*path, "--help"], env=env, capture_output=True, text=True, timeout=WATCHDOG_S)
        assert asked.returncode == 0, asked.stderr
        known[path] = asked.stdout
    return known[path]
