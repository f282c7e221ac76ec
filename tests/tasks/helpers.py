"""Small things that several tests of the task files need."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from parex_tui.tasks.model import JsonValue


class Clock:
    """A clock that only moves when told to, or when somebody sleeps by it."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self.on_sleep: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()


def write(path: Path, value: JsonValue) -> Path:
    """Write a JSON file as the planner writes it, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return path


def a_task(seq: str = "01", **fields: JsonValue) -> dict[str, JsonValue]:
    """A subtask's fields, sound unless told otherwise."""
    base: dict[str, JsonValue] = {
        "id": f"auth-{seq}",
        "seq": seq,
        "title": f"Task {seq}",
        "status": "pending",
        "depends_on": [],
        "parallel": True,
        "deliverables": [f"src/{seq}.ts"],
    }
    return base | fields


def a_project(root: Path, *tasks: dict[str, JsonValue], feature: str = "auth") -> Path:
    """A project with one feature of these tasks; returns the feature's folder."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    folder = root / ".tmp" / "tasks" / feature
    write(folder / "task.json", {"id": feature, "name": "Auth", "status": "active", "subtask_count": len(tasks)})
    for task in tasks:
        write(folder / f"subtask_{task['seq']}.json", task)
    return folder


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether a condition comes true before a generous deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.002)
    return condition()
