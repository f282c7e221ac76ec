"""Small builders for the tests of the agents' room."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from parex_tui.agents.driver import Job
from parex_tui.agents.events import Event
from parex_tui.tasks.model import ContextRef, Feature, Task


def a_task(root: Path, seq: str = "05", title: str = "Login route", **fields: object) -> Task:
    """A task of the feature `auth`; the file itself is not written."""
    return Task("auth", seq, root / ".tmp/tasks/auth" / f"subtask_{seq}.json", title=title, **fields)  # type: ignore[arg-type]  # any field of Task


def a_feature(root: Path, **fields: object) -> Feature:
    """The feature `auth`."""
    return Feature(id="auth", key="auth", path=root / ".tmp/tasks/auth", **fields)  # type: ignore[arg-type]  # any field of Feature


def a_job(
    root: Path,
    task: Task | None = None,
    agent: str = "CoderAgent",
    model: str = "m",
    attempt: int = 1,
    writes: tuple[str, ...] = (),
) -> Job:
    """One attempt of a task."""
    prompt = root / "prompt.md"
    return Job(root, a_feature(root), task or a_task(root), attempt, prompt, agent=agent, model=model, writes=writes)


def refs(*paths: str) -> tuple[ContextRef, ...]:
    """References to whole files."""
    return tuple(ContextRef(path) for path in paths)


def texts(events: Iterable[Event]) -> list[str]:
    """Every string in the events."""
    return [value for event in events for value in asdict(event).values() if isinstance(value, str)]


def unsafe(text: str) -> set[str]:
    """Characters that must never reach a terminal; a line break is allowed."""
    return {char for char in text if char != "\n" and unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")} | (
        set(text) & set("\u202a\u202e\u2066\u2069\u200b\ufeff")
    )
