"""Edits beside a real program that writes the same file: in the end nothing of ours or theirs is missing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parex_tui.run.desk import ENGINE, Desk
from parex_tui.tasks.edit import EditError

from .helpers import a_project, a_task

FOREIGN = Path(__file__).with_name("foreign_writer.py")
ROUND = 300
EDITS = int(os.environ.get("PAREX_WRITER_EDITS", str(ROUND)))
"""Edits on each side; more than one round of them go to one file after the other."""


def insisted(desk: Desk, path: Path, name: str, value: int) -> None:
    """Set a field, and again where the file was too busy for two seconds."""
    while True:
        try:
            desk.set(path, {name: value}, by=ENGINE)
        except EditError as error:
            assert "writing" in str(error) or "valid JSON" in str(error), error
            continue
        return


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("style", ["place", "rename"])
def test_w01_w02_nothing_is_lost_beside_a_program_that_reads_thinks_and_writes(
    tmp_path: Path, state_home: Path, style: str
) -> None:
    desk = Desk(tmp_path, time.time)
    for round_ in range(max(1, EDITS // ROUND)):
        folder = a_project(tmp_path, a_task("01"), feature=f"f{round_}")
        path = folder / "subtask_01.json"
        count = min(EDITS, ROUND)
        command = [sys.executable, "-I", "-S", str(FOREIGN), str(path), style, str(count), str(round_)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as foreign:
            for number in range(count):
                insisted(desk, path, f"o{number:04}", number)
                desk.hold()
            deadline = time.monotonic() + 300
            while foreign.poll() is None:
                desk.hold()
                assert time.monotonic() < deadline
                time.sleep(0.005)
            assert foreign.returncode == 0
        for _ in range(3):
            desk.hold()
        found = json.loads(path.read_bytes())
        assert {name for name in found if name[0] == "o" and name[1:].isdigit()} == {f"o{n:04}" for n in range(count)}
        assert {name for name in found if name[0] == "t" and name[1:].isdigit()} == {f"t{n:04}" for n in range(count)}
        assert all(found[f"o{n:04}"] == n and found[f"t{n:04}"] == n for n in range(count))
    assert desk.conflicts() == ()


MANY = """
import sys, time
from pathlib import Path
from parex_tui.run.desk import ENGINE, Desk
from parex_tui.tasks.edit import EditError
root, path, who, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
desk = Desk(root, time.time)
for number in range(count):
    while True:
        try:
            desk.set(path, {f"{who}{number:04}": number}, by=ENGINE)
            break
        except EditError:
            pass
    desk.hold()
"""


@pytest.mark.timeout(1200)
def test_w09_two_parex_lose_nothing_of_each_other_and_do_not_fight(tmp_path: Path, state_home: Path) -> None:
    folder = a_project(tmp_path, a_task("01"))
    path = folder / "subtask_01.json"
    count = 1000 if EDITS >= 1000 else 100
    children = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, str(tmp_path), str(path), who, str(count)], cwd=Path(__file__).parents[2]
        )
        for who in ("a", "b")
    ]
    assert [child.wait(1000) for child in children] == [0, 0]
    found = json.loads(path.read_bytes())
    assert all(found.get(f"{who}{number:04}") == number for who in "ab" for number in range(count))
    desk = Desk(tmp_path, time.time)
    assert desk.conflicts() == ()
    before = path.read_bytes()
    desk.hold()
    assert path.read_bytes() == before


FOR_EVER = """
import itertools, sys, time
from pathlib import Path
from parex_tui.run.desk import PERSON, Desk
root, path = Path(sys.argv[1]), Path(sys.argv[2])
desk = Desk(root, time.time)
print("ready", flush=True)
for number in itertools.count():
    title = "t" * (number * 131 % 700)
    desk.set(path, {"status": ["pending", "in_progress"][number % 2], "title": title}, by=PERSON)
    desk.hold()
"""


def test_w06_kill_9_leaves_the_file_before_or_after_and_the_journal_whole(tmp_path: Path, state_home: Path) -> None:
    folder = a_project(tmp_path, a_task("01", notes="kept " * 50))
    path = folder / "subtask_01.json"
    original = json.loads(path.read_bytes())
    moments = random.Random(20260131)
    for _ in range(1000 if EDITS >= 1000 else 50):
        command = [sys.executable, "-c", FOR_EVER, str(tmp_path), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0, 0.06))
            child.send_signal(signal.SIGKILL)
        found = json.loads(path.read_bytes())
        assert found["status"] in ("pending", "in_progress")
        assert {**found, "status": "pending", "title": original["title"]} == original
    desk = Desk(tmp_path, time.time)
    desk.set(path, {"status": "blocked"}, by=ENGINE)
    assert desk.trouble == ""
    assert desk.undo_text() != ""
