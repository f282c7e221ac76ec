"""The kill-and-return trial: the program is killed with four workers running, and comes back to all four."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import REPOSITORY

AGENT = """
import json, os, sys, time
task, root = json.load(open(sys.argv[1])), sys.argv[2]
with open(os.path.join(root, "ledger"), "a") as ledger:
    ledger.write("start " + task["seq"] + "\\n")
print("first line of", task["seq"], flush=True)
while not os.path.exists(os.path.join(root, "go")):
    time.sleep(0.01)
print("last line of", task["seq"], flush=True)
if task["seq"] == "03":
    sys.exit(7)
open(os.path.join(root, task["deliverables"][0]), "w").write("done")
"""


class Trial:
    def __init__(self, root: Path) -> None:
        self.root = root
        folder = root / ".tmp" / "tasks" / "four"
        folder.mkdir(parents=True)
        (root / ".git").mkdir()
        (root / "agent.py").write_text(AGENT)
        for seq in ("01", "02", "03", "04"):
            record: dict[str, object] = {
                "id": f"four-{seq}",
                "seq": seq,
                "title": f"Task {seq}",
                "status": "pending",
                "depends_on": [],
            }
            record |= {"parallel": True, "deliverables": [f"{seq}.txt"]}
            (folder / f"subtask_{seq}.json").write_text(json.dumps(record, indent=2))
        config = root.parent / "config" / "parex"
        config.mkdir(parents=True)
        argv = json.dumps([sys.executable, "-I", "-S", str(root / "agent.py"), "{task_file}", "{root}"])
        (config / "config.toml").write_text(f'driver = "mine"\n[drivers.mine]\nargv = {argv}\n')
        self.started: list[subprocess.Popen[str]] = []

    def run(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "parex_tui", "run", "four", "--json", "-C", str(self.root)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def status(self) -> dict[str, str]:
        """The word shown for each task, from `parex status --json`."""
        done = subprocess.run(
            [sys.executable, "-m", "parex_tui", "status", "--json", "-C", str(self.root)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=True,
        )
        (feature,) = json.loads(done.stdout)["features"]
        return {task["seq"]: task["shown"] for task in feature["tasks"]}

    def ledger(self) -> list[str]:
        path = self.root / "ledger"
        return sorted(path.read_text().split("\n")[:-1]) if path.exists() else []

    def wait_for(self, lines: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.ledger()) < lines:
            assert time.monotonic() < deadline, "the workers never came up"
            time.sleep(0.02)


@pytest.fixture
def trial(tmp_path: Path, state_home: Path) -> Iterator[Trial]:
    made = Trial(tmp_path / "project")
    yield made
    (made.root / "go").touch()  # whatever still runs comes to its end
    for process in made.started:
        with contextlib.suppress(OSError):
            process.kill()
        process.communicate()
    deadline = time.monotonic() + 20
    while "running" in made.status().values() and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_four_workers_survive_the_end_of_parex_and_are_adopted(trial: Trial, how: signal.Signals) -> None:
    first = trial.run()
    trial.wait_for(4)
    first.send_signal(how)
    assert first.wait(20) != 0
    assert set(trial.status().values()) == {"running"}, "all four are shown as running without any parex"

    second = trial.run()
    assert second.stdout is not None
    adopted = [json.loads(second.stdout.readline()) for _ in range(4)]
    assert {event["type"] for event in adopted} == {"attempt_adopted"}
    (trial.root / "go").touch()
    output, _ = second.communicate(timeout=60)
    events = [json.loads(line) for line in output.splitlines()]
    verdicts = {event["seq"]: event["outcome"]["verdict"] for event in events if event["type"] == "attempt_ends"}
    assert verdicts == {"01": "verified", "02": "verified", "03": "failed", "04": "verified"}
    assert "exit" in next(
        event["outcome"]["reason"] for event in events if event.get("seq") == "03" and "outcome" in event
    )
    said = [event["event"]["text"] for event in events if event["type"] == "agent"]
    assert {f"last line of {seq}" for seq in ("01", "02", "03", "04")} <= set(said)
    assert trial.ledger() == ["start 01", "start 02", "start 03", "start 04"], "none ran twice"
    assert second.returncode == 1


def test_an_interrupted_run_stops_its_workers_and_says_130(trial: Trial) -> None:
    process = trial.run()
    trial.wait_for(4)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert set(trial.status().values()) == {"failed"}
