"""Fixtures of this room: a project whose tasks have real attempts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parex_tui.agents.driver import Failure
from parex_tui.cli import main
from parex_tui.run.attempts import Attempt, Journal
from parex_tui.run.states import Evidence, Outcome, Verdict
from parex_tui.tasks.layout import locate
from parex_tui.tasks.reader import read_project
from tests.report.strictly import faults
from tests.run.house import FAKE_AGENT, House, ended


@dataclass(frozen=True, slots=True)
class Yard:
    """A project with the feature `auth` of three tasks, and what the command line says about it."""

    house: House
    capsys: pytest.CaptureFixture[str]

    @property
    def root(self) -> Path:
        return self.house.root

    @property
    def folder(self) -> Path:
        return self.root / ".tmp" / "tasks" / "auth"

    def write(self, seq: str, *after: str, status: str = "pending", title: str = "") -> None:
        """A task file whose deliverable is `out/SEQ.txt`."""
        record: dict[str, object] = {"id": f"auth-{seq}", "seq": seq, "title": title or f"Task {seq}", "status": status}
        record |= {"depends_on": list(after), "parallel": True, "deliverables": [f"out/{seq}.txt"]}
        (self.folder / f"subtask_{seq}.json").write_text(json.dumps(record, indent=2))

    def status(self, seq: str) -> str:
        text: str = json.loads((self.folder / f"subtask_{seq}.json").read_text())["status"]
        return text

    def start(self, *steps: str, seq: str = "01", **changes: Any) -> Attempt:
        """An attempt of `auth` that runs; it belongs to the feature as it is now."""
        self.house.journal.know(read_project(locate(self.root, explicit=True)).features[0])
        return self.house.start(*steps, seq=seq, **{"feature": "auth", **changes})

    def judged(
        self, verdict: Verdict, failure: Failure | None = None, *, reason: str = "because", **more: Any
    ) -> Attempt:
        """An attempt that said `hello`, ended and was judged."""
        attempt = self.start(*more.pop("steps", ("say:hello",)), **more)
        seconds = ended(attempt).exit.seconds
        evidence = (Evidence("out/01.txt", "created", "out/01.txt"),)
        outcome = Outcome(
            verdict, reason, failure=failure, evidence=evidence, seconds=seconds, tokens=1200, cost=0.5, judged_at=1.0
        )
        attempt.record_outcome(outcome)
        attempt.mark_applied()
        return attempt

    def parex(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and error of a command."""
        self.capsys.readouterr()
        code = main([*words, "-C", str(self.root)])
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def record(self, schema: str, *words: str) -> Any:
        """The JSON of a command, which follows its schema strictly."""
        _, out, err = self.parex(*words, "--json")
        assert out, err
        found = json.loads(out)
        assert faults(found, f"{schema}/1") == []
        return found

    def set_driver(self, *steps: str) -> None:
        """Have a fake agent that does these steps run every task."""
        argv = [sys.executable, "-I", "-S", str(FAKE_AGENT), "--tag", str(self.root), *steps]
        config = Path(os.environ["XDG_CONFIG_HOME"]) / "parex"
        config.mkdir(parents=True, exist_ok=True)
        text = f'driver = "fake"\ngrace = 1\n[drivers.fake]\nargv = {json.dumps(argv)}\n'
        (config / "config.toml").write_text(text)


@pytest.fixture
def yard(tmp_path: Path, state_home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Yard]:
    """Whatever still runs at the end is killed."""
    root = tmp_path / "project"
    made = Yard(House(root, Journal(root)), capsys)
    assert made.house.journal.dir.is_relative_to(state_home)
    made.folder.mkdir(parents=True)
    (root / "out").mkdir()
    record = {"id": "auth", "name": "Auth", "status": "active", "created_at": "2026-01-01T00:00:00Z"}
    (made.folder / "task.json").write_text(json.dumps(record))
    for seq, after in (("01", ()), ("02", ()), ("03", ("01",))):
        made.write(seq, *after)
    yield made
    made.house.clear()
