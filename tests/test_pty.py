"""The dashboard in a real terminal: the main job by keys, the end of the terminal, the return after a kill."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .terminal import Terminal, make_project

pytestmark = pytest.mark.pty

AGENT = """
import json, os, sys, time
task, root = json.load(open(sys.argv[1])), sys.argv[2]
with open(os.path.join(root, "ledger"), "a") as ledger:
    ledger.write("start " + task["seq"] + "\\n")
print("the word of", task["seq"], flush=True)
while not os.path.exists(os.path.join(root, "go")):
    time.sleep(0.01)
open(os.path.join(root, task["deliverables"][0]), "w").write("done")
"""


@pytest.fixture
def project(tmp_path: Path, state_home: Path) -> Iterator[Path]:
    """Four tasks whose agents wait for the file `go`."""
    root = make_project(tmp_path / "project", AGENT, 4)
    yield root
    (root / "go").touch()
    deadline = time.monotonic() + 20
    while agents(root) and time.monotonic() < deadline:
        time.sleep(0.05)


def agents(root: Path) -> list[int]:
    """Process ids of the project's agents."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(root / "agent.py") in words:
            found.append(process.pid)
    return found


def test_the_demo_by_keys_from_the_first_batch_over_the_gate_to_the_end(tmp_path: Path, state_home: Path) -> None:
    with Terminal("demo", "--speed", "20", "-C", str(tmp_path / "copy")) as screen:
        screen.wait_for("tide-alerts", "Batch 1 is ready")
        screen.press("r")
        screen.wait_for("Batch 2 is held.")
        screen.press("!")
        screen.wait_for("04 Routes for alert rules")
        screen.press("r")
        screen.wait_for("Finished: 8 of 8 done.", seconds=60)
        screen.press("q")
        assert screen.wait_for_end() == 0
        assert screen.modes == screen.modes_before
        assert b"\x1b[?1049l" in screen.raw, "the alternate screen was left"


def test_killed_with_four_workers_and_started_again_all_four_are_there(project: Path) -> None:
    with Terminal("-C", str(project)) as first:
        first.wait_for("Batch 1 is ready")
        first.press("r")
        first.wait_for("the word of 01", "the word of 02", "the word of 03", "the word of 04")
        alive = agents(project)
        first.kill(signal.SIGKILL)
    assert sorted(agents(project)) == sorted(alive)
    with Terminal("-C", str(project)) as second:
        second.wait_for("the word of 01", "the word of 02", "the word of 03", "the word of 04")
        (project / "go").touch()
        second.wait_for("4 of 4")
        second.press("q")
        assert second.wait_for_end() == 0
    assert sorted((project / "ledger").read_text().split("\n")[:-1]) == [f"start 0{n}" for n in (1, 2, 3, 4)]


def test_a_closed_terminal_ends_the_screen_and_hurts_no_worker(project: Path) -> None:
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("r")
        screen.wait_for("the word of 04")
        screen.process.send_signal(signal.SIGHUP)
        assert screen.wait_for_end(20) != 0
        assert len(agents(project)) == 4


def test_quitting_with_workers_asks_and_leaves_them_running(project: Path) -> None:
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("r")
        screen.wait_for("the word of 04")
        screen.press("q")
        screen.wait_for("leave")
        screen.press("l")
        assert screen.wait_for_end() == 0
        assert "4 still running" in screen.new_text
        assert len(agents(project)) == 4


def test_quitting_can_stop_everything_first(project: Path) -> None:
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("r")
        screen.wait_for("the word of 04")
        screen.press("q")
        screen.wait_for("stop")
        screen.press("s")
        assert screen.wait_for_end() == 0
        assert agents(project) == []
