#!/usr/bin/env python3
"""Breaks the shipped code in one place at a time and simulates whole processes: they must fail each time.

What they don't notice, they don't prove. The sources are copied; the tree stays as it is.

    .ci/sabotage.py [--runs RUNS] [WORD...]   only the sabotages whose name holds one of the words
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
COPY = TARGET / "sabotage"

# Name, scenarios, file, what is there once, what stands there instead.
SABOTAGES = [
    (
        "the opener doesn't check that the name still leads to what it locked",
        "opening cleaning superseding depths",
        "ring/topic.rs",
        """    if !topics.leads_to(name.as_str(), header.inode)? {
        return Ok(Err("its name comes and goes"));
    }
    let file""",
        "    let file",
    ),
    (
        "the superseder doesn't check that the name still leads to what it locked",
        "superseding depths",
        "ring/topic.rs",
        "return match topics.leads_to(name.as_str(), header.inode)? {",
        "return match true {",
    ),
    (
        "the cleaner doesn't hold a topic's bytes while it removes it",
        "opening cleaning sleeping",
        "life/clean.rs",
        "if !lock::try_exclusive(&fd, topic::LOCK_TYPED, topic::LOCK_COUNT, &path)?\n            ||",
        "if",
    ),
    (
        "the cleaner doesn't heed who waits for a name",
        "opening sleeping superseding cleaning",
        "life/clean.rs",
        "        if waiting {",
        "        if waiting && self.options.dry_run {",
    ),
    (
        "the cleaner removes what the living want to read",
        "retention handover",
        "life/clean.rs",
        "let wanted = endpoints.iter().find(|endpoint| self.is_wanted(endpoint, dead.id, readers));",
        "let wanted = endpoints.iter().find(|_| false);",
    ),
    (
        "the cleaner lists the readers before it knows who is dead",
        "retention",
        "life/clean.rs",
        "            living = peers::living(&self.participants)?;\n        }",
        "        }",
    ),
    (
        "the cleaner takes who joined since it listed the processes for gone",
        "retention",
        "life/clean.rs",
        "                Ok(Some(_)) => {}\n",
        "                Ok(Some(_)) => drop(self.remove_pools(owner, &numbers, &living)?),\n",
    ),
    (
        "the cleaner doesn't look for pins",
        "handover joining",
        "life/clean.rs",
        "if pins > 0 && peer.is_alive()? {",
        "if pins > 0 && false {",
    ),
    (
        "the cleaner wakes nobody for the dead",
        "sleeping",
        "life/clean.rs",
        "published.for_each(|endpoint| self.wake(endpoint));",
        "published.for_each(drop);",
    ),
    (
        "the tombstone is never put up",
        "leaving",
        "life/clean.rs",
        "            tombstone::mourn(&self.dir, dead)?;",
        "",
    ),
    (
        "an untyped subscriber doesn't count generations",
        "superseding",
        "ring/subscriber.rs",
        "self.gap |= self.wanted.is_none() && generation != next;",
        "let _ = next;",
    ),
    (
        "who moves on doesn't read the old file once more",
        "superseding depths sleeping",
        "ring/subscriber.rs",
        'self.attached.as_mut().expect("seen above").ending = true;',
        "return self.look(true);",
    ),
    (
        "who comes to a file after waiting joins behind what is there",
        "superseding sleeping opening",
        "ring/subscriber.rs",
        "let all_is_new = moving || self.waited || file.is_new;",
        "let all_is_new = file.is_new;",
    ),
    (
        "who comes late hears what was sent before",
        "retention latching opening",
        "ring/subscriber.rs",
        "        if !all_is_new {",
        "        if all_is_new {",
    ),
    (
        "a closed publisher goes on being latched",
        "latching",
        "ring/publisher.rs",
        "        Writer::close(&self.file.lane(self.lane));\n",
        "",
    ),
    (
        "a lane isn't locked",
        "handover opening sleeping",
        "ring/publisher.rs",
        "if !lock::try_exclusive(&fd, byte, 1, &file.path)? {",
        "if lock::held(&fd, byte, 1, &file.path)? == lock::Held::Free && lane > 0 {",
    ),
    (
        "a participant has its name before it is locked",
        "joining opening cleaning",
        "life/participant.rs",
        "if !lock::try_exclusive(&fd, 0, 1, &path)? {",
        "if lock::held(&fd, 0, 1, &path)? != Held::Free {",
    ),
    (
        "who makes a topic tells nobody",
        "sleeping opening",
        "ring/topic.rs",
        """crate::fail::point("topic.linked");
    announce(participant.namespace().root());""",
        """crate::fail::point("topic.linked");""",
    ),
    (
        "who opens a topic tells nobody",
        "sleeping",
        "ring/topic.rs",
        "    announce(participant.namespace().root());\n    Ok(Ok(file))",
        "    Ok(Ok(file))",
    ),
    (
        "an untyped sleeper doesn't heed that names lead elsewhere",
        "sleeping",
        "ring/wait.rs",
        "                words.push((word, looked_at));\n",
        "",
    ),
    (
        "an untyped subscriber doesn't look where its name leads",
        "sleeping",
        "ring/subscriber.rs",
        "if self.wanted.is_none() && self.looked_at != Some(moved::count(word)) {",
        "if self.looked_at.is_none() {",
    ),
]


class Problem(Exception):
    """Why a sabotage proves nothing."""


def scenario_that_finds(scenarios, file, there, instead, runs):
    """Runs scenarios over a broken copy until one fails; returns its name."""
    source = COPY / "horus-shm" / "src" / file
    text = source.read_text()
    if text.count(there) != 1:
        raise Problem(f"{file} has what it replaces {text.count(there)} times")
    source.write_text(text.replace(there, instead))
    try:
        # What doesn't build finds nothing.
        build = simulate(runs, "--no-run")
        if build.returncode != 0:
            raise Problem("it doesn't build:\n" + build.stdout[-2000:])
        for scenario in scenarios.split():
            if " 0 passed; 0 failed" in (run := simulate(runs, "--", f"{scenario}::")).stdout:
                raise Problem(f"there is no scenario of {scenario}")
            if run.returncode != 0:
                failed = [line.split()[1] for line in run.stdout.splitlines() if line.endswith("... FAILED")]
                return ", ".join(failed) or f"{scenario}, which ended with {run.returncode}"
        raise Problem(f"nobody notices it in {runs} runs each of {scenarios}")
    finally:
        source.write_text(text)


def simulate(runs, *arguments):
    environment = dict(os.environ, HORUS_SIM_RUNS=str(runs), RUST_BACKTRACE="0")
    environment["RUSTFLAGS"] = environment.get("RUSTFLAGS", "") + " --cfg shuttle"
    environment["CARGO_TARGET_DIR"] = str(TARGET / "shuttle")
    command = [
        "cargo",
        "test",
        "--profile",
        "sim",
        "--locked",
        "--package",
        "horus-shm",
        "--test",
        "simulated",
    ]
    return subprocess.run(
        [*command, *arguments],
        cwd=COPY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def copy_sources():
    shutil.rmtree(COPY, ignore_errors=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            # Not with its old time: what was built of the last sabotage would look newer, and be run in its place.
            shutil.copyfile(ROOT / name, COPY / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2000, help="runs of each scenario (default 2000)")
    parser.add_argument("words", nargs="*", help="only the sabotages whose name holds one of the words")
    arguments = parser.parse_args()
    chosen = [
        sabotage
        for sabotage in SABOTAGES
        if not arguments.words or any(word in sabotage[0] for word in arguments.words)
    ]
    found = 0
    try:
        copy_sources()
        # The whole code passes, or a failure says nothing.
        if (whole := simulate(arguments.runs // 10)).returncode != 0:
            print(f"the simulation fails without sabotage:\n{whole.stdout[-4000:]}")
            return 1
        for name, *sabotage in chosen:
            try:
                print(f"{name}: found by {scenario_that_finds(*sabotage, arguments.runs)}", flush=True)
                found += 1
            except Problem as problem:
                print(f"{name}: FAILED, {problem}", flush=True)
    finally:
        shutil.rmtree(COPY, ignore_errors=True)
    print(f"{found} of {len(chosen)} sabotages found")
    return 0 if found == len(chosen) > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
