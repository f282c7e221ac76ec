"""The dashboard in a real terminal: the main job by keys, the end of the terminal, the return after a kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from parex_tui.guard import RESETS

from .conftest import REPOSITORY
from .tasks.helpers import eventually
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
        first.drawing.kill()
        assert first.wait_for_end() == 128 + signal.SIGKILL
        assert "the screen was ended by SIGKILL. Running attempts go on" in first.new_text
        assert first.modes == first.modes_before
        assert RESETS.encode() in first.raw
    assert sorted(agents(project)) == sorted(alive)
    with Terminal("-C", str(project)) as second:
        second.wait_for("the word of 01", "the word of 02", "the word of 03", "the word of 04")
        (project / "go").touch()
        second.wait_for("4 of 4")
        second.press("q")
        assert second.wait_for_end() == 0
    assert sorted((project / "ledger").read_text().split("\n")[:-1]) == [f"start 0{n}" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("nohup", ["", "1"])
def test_a_closed_terminal_ends_the_screen_and_hurts_no_worker(project: Path, nohup: str) -> None:
    with Terminal("-C", str(project), TEST_NOHUP=nohup) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("r")
        screen.wait_for("the word of 04")
        child = screen.drawing
        screen.hang_up()
        assert screen.process.wait(20) == 128 + signal.SIGHUP
        assert not child.is_running()
        assert len(agents(project)) == 4


def test_quitting_with_workers_asks_and_leaves_them_running(project: Path) -> None:
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("r")
        screen.wait_for("the word of 04")
        screen.press("q")
        screen.wait_for("leave")
        screen.press("f")
        assert screen.wait_for_end() == 0
        assert "4 still running" in screen.new_text
        assert len(agents(project)) == 4


def report(root: Path) -> dict[str, list[str]]:
    """What `parex report` says of the project's only feature."""
    command = [sys.executable, "-m", "parex_tui", "report", "-C", str(root), "--json"]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    told: dict[str, list[str]] = json.loads(found.stdout)
    return told


def engines(root: Path) -> list[int]:
    """Process ids of engines without a screen."""
    cmdlines = {one.pid: one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])}
    return [pid for pid, words in cmdlines.items() if "run" in words and str(root) in words]


def test_a_run_that_is_left_goes_on_without_the_screen_and_comes_back_with_it(project: Path) -> None:
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("r")
        screen.wait_for("the word of 04")
        screen.press("q")
        screen.wait_for("next batches")
        screen.press("l")
        assert screen.wait_for_end() == 0
        assert "goes on without a screen" in screen.new_text
        assert len(agents(project)) == 4
    with Terminal("-C", str(project)) as screen:  # it gives way to a screen by itself
        screen.wait_for("the word of 04", "e edit")
        screen.press("q")
        screen.wait_for("next batches")
        screen.press("l")
        assert screen.wait_for_end() == 0
    (project / "go").touch()
    tasks = [json.loads(path.read_text()) for path in project.glob(".tmp/tasks/*/subtask_*.json")]
    assert eventually(lambda: len(report(project)["verified"]) == len(tasks))  # by the engine that has no screen
    assert eventually(lambda: not engines(project))
    assert (project / "ledger").read_text().count("start") == 4


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


def test_an_editor_that_does_not_work_is_said_and_the_screen_stays(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "my-editor"
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("jje")
        screen.wait_for("my-editor cannot be started")
        editor.write_text("#!/bin/sh\nexit 3\n")
        editor.chmod(0o755)
        screen.press("e")
        screen.wait_for("my-editor ended with 3")
        editor.write_text("#!/bin/sh\nprintf '{ broken' > \"$1\"\n")
        screen.press("e")
        screen.wait_for("is not valid JSON")
        screen.press("q")
        assert screen.wait_for_end() == 0


@pytest.mark.parametrize(("number", "code"), [("TERM", 143), ("HUP", 129), ("INT", 130)])
def test_told_to_end_it_tidies_up_by_itself(project: Path, number: str, code: int) -> None:
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.process.send_signal(getattr(signal, f"SIG{number}"))
        assert screen.wait_for_end() == code
        assert screen.modes == screen.modes_before
        assert b"\x1b[?1049l" in screen.raw
        assert RESETS.encode() not in screen.raw


# What an interactive shell does with a job, in small: its own process group, the terminal to it, and `fg` at each stop.
SHELL = """
import os, signal, sys, termios
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
before = termios.tcgetattr(0)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-m", "parex_tui", *sys.argv[1:]])
stops = 0
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    os.tcsetpgrp(0, os.getpgrp())
    stops += 1
    restored = termios.tcgetattr(0) == before
    os.write(1, b"\\r\\n[stopped %d, as it was: %s]\\r\\n" % (stops, str(restored).encode()))
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
"""


def test_suspended_and_continued_by_a_shell(project: Path) -> None:
    with Terminal("-C", str(project), program=("-c", SHELL)) as screen:
        screen.wait_for("Batch 1 is ready")
        for number in range(1, int(os.environ.get("PAREX_SUSPENSIONS", "6")) + 1):
            screen.press("\x1a")
            screen.wait_for_after(f"[stopped {number}, as it was: True]", "Batch 1 is ready")
        screen.press("r")
        screen.wait_for("the word of 01")
        (project / "go").touch()
        screen.wait_for("4 of 4")
        screen.press("q")
        assert screen.wait_for_end() == 0
        assert screen.modes == screen.modes_before


def test_any_size_that_a_window_can_have(project: Path) -> None:
    sizes = random.Random(4)
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        for columns, rows in [(1, 1), (20, 5), (500, 200)]:
            screen.resize(columns, rows)
            screen.read(0.05)
        for _ in range(int(os.environ.get("PAREX_RESIZES", "200"))):
            screen.resize(sizes.randint(1, 300), sizes.randint(1, 100))
            screen.read(0.01)
        screen.press("")
        screen.resize(100, 30)
        screen.wait_for("Batch 1 is ready")
        screen.press("q")
        assert screen.wait_for_end() == 0


def test_a_terminal_that_takes_no_output_holds_no_worker_up(project: Path) -> None:
    with Terminal("-C", str(project)) as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("r")
        (project / "go").touch()
        for number in range(40):  # more than a pseudo terminal holds back: from here on every write blocks
            screen.resize(100 + number % 2, 40)
            time.sleep(0.01)
        deadline = time.monotonic() + 40
        tasks = list((project / ".tmp" / "tasks" / "four").glob("subtask_*.json"))
        while not all('"completed"' in task.read_text() for task in tasks):
            assert time.monotonic() < deadline, [task.read_text() for task in tasks]
            time.sleep(0.05)
        assert screen.drawing.memory_info().rss < 300 * 1024 * 1024
        screen.wait_for("4 of 4")
        screen.press("q")
        assert screen.wait_for_end() == 0


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_draw_gets_a_line_and_code_2(project: Path, term: str) -> None:
    with Terminal("-C", str(project), TERM=term) as screen:
        assert screen.wait_for_end() == 2
        assert "the dashboard needs a terminal" in screen.new_text
        assert b"\x1b" not in screen.raw


def test_an_encoding_that_cannot_draw_gets_a_line_and_code_2(project: Path) -> None:
    with Terminal("-C", str(project), PYTHONIOENCODING="latin-1") as screen:
        assert screen.wait_for_end() == 2
        assert "the screen needs UTF-8" in screen.new_text


def test_the_plain_locale_and_no_colour_will_do(project: Path) -> None:
    with Terminal("-C", str(project), LC_ALL="C", LANG="C", NO_COLOR="1") as screen:
        screen.wait_for("Batch 1 is ready")
        screen.press("q")
        assert screen.wait_for_end() == 0


def test_no_terminal_at_all_gets_a_line_and_code_2(project: Path) -> None:
    words = [sys.executable, "-m", "parex_tui", "-C", str(project)]
    done = subprocess.run(words, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("parex: the dashboard needs a terminal")
    assert done.stderr.count("\n") == 1
