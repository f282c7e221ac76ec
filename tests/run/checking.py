"""A project whose task files carry checks, for the tests of trust and of what is run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from parex_tui.run.checks import BadChecks, NoChecks, Report, Untrusted, gate
from parex_tui.run.trust import Executable, Trust
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, JsonValue, Task
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.verification import Block, checks_of

NOW = 1_769_860_800.125


def clock() -> float:
    """Noon of the last day of January 2026, and an eighth of a second."""
    return NOW


def command(line: str, **fields: JsonValue) -> dict[str, JsonValue]:
    """A check that executes."""
    return {"type": "command", "command": line, **fields}


@dataclass(frozen=True, slots=True)
class Place:
    """A project with the feature `auth`; every look reads the disk anew."""

    root: Path

    @property
    def folder(self) -> Path:
        """The feature's folder."""
        return self.root / ".tmp" / "tasks" / "auth"

    @property
    def trust(self) -> Trust:
        """A store as a new process sees it."""
        return Trust(self.root)

    def file(self, seq: str = "01") -> Path:
        """A task's file."""
        return self.folder / f"subtask_{seq}.json"

    def write(self, *checks: JsonValue, seq: str = "01") -> None:
        """A task with these checks."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.root / ".git").mkdir(exist_ok=True)
        record: dict[str, JsonValue] = {"id": f"auth-{seq}", "seq": seq, "title": "Title", "status": "pending"}
        record |= {"depends_on": [], "verification": list(checks)}
        self.file(seq).write_text(json.dumps(record, indent=2))

    def feature(self) -> Feature:
        """The feature as it is on disk."""
        found = read_project(locate(self.root, explicit=True)).feature("auth")
        assert found is not None
        return found

    def task(self, seq: str = "01") -> Task:
        """One of its tasks."""
        found = self.feature().task(seq)
        assert found is not None
        return found

    def executable(self, seq: str = "01") -> Executable:
        """What the checks of a task would execute."""
        task = self.task(seq)
        block = checks_of(task)
        assert isinstance(block, Block)
        made = self.trust.executable(task, block)
        assert made is not None
        return made

    def give(self, seq: str = "01") -> None:
        """Trust what a task would execute now."""
        self.trust.trust([self.executable(seq)], clock)

    def gate(self, seq: str = "01") -> NoChecks | BadChecks | Untrusted | Report:
        """Run a task's checks where they may be."""
        return gate(self.root, self.feature(), self.task(seq), self.trust, clock)

    def run(self, *checks: JsonValue) -> Report:
        """Write these checks, trust them, run them."""
        self.write(*checks)
        if any(isinstance(check, dict) and check["type"] == "command" for check in checks):
            self.give()
        report = self.gate()
        assert isinstance(report, Report)
        return report
