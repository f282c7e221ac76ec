"""Which tasks could start now, and what holds the others: from the files alone, whatever runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.model import Feature, Status, Task
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from .graph import dependency_faults, sort_out
from .model import Bar

_CODES: Final = {Bar.CYCLE: "dep.cycle", Bar.MISSING: "dep.missing"}


@dataclass(frozen=True, slots=True)
class Held:
    """A task that is not done and cannot start.

    `waits_for` are its dependencies that are not completed. `bar` says in words why it can never run as the files are,
    "" where it only waits, or is marked as blocked.
    """

    task: Task
    waits_for: tuple[str, ...] = ()
    bar: str = ""

    @property
    def is_blocked(self) -> bool:
        """Whether the file itself says `blocked`."""
        return self.task.readable and self.task.status is Status.BLOCKED


@dataclass(frozen=True, slots=True)
class Standing:
    """A feature's tasks that could start, and those that are held; the others are done or in progress."""

    ready: tuple[Task, ...] = ()
    held: tuple[Held, ...] = ()


def standing(feature: Feature) -> Standing:
    """Ready is what is pending with every dependency completed, and can be run at all; in the feature's order."""
    graph = sort_out(feature.tasks)
    bars = {(barred.seq, barred.path): barred.reason for barred in graph.barred}
    ready: list[Task] = []
    held: list[Held] = []
    for task in feature.tasks:
        if task.readable and task.status in (Status.COMPLETED, Status.IN_PROGRESS):
            continue
        bar = bars.get((task.seq, clean(task.path.name)), "")
        waits_for = tuple(seq for seq in task.depends_on if not _is_completed(graph.tasks.get(seq)))
        if bar or waits_for or task.status is not Status.PENDING:
            held.append(Held(task, waits_for, bar))
        else:
            ready.append(task)
    return Standing(tuple(ready), tuple(held))


def graph_problems(feature: Feature) -> tuple[Problem, ...]:
    """Cycles and dependencies on tasks that do not exist: errors of the files that state them, warnings where done.

    Reads those files again to name the place; without it where they have changed meanwhile.
    """
    return tuple(_graph_problems(feature))


def _graph_problems(feature: Feature) -> Iterator[Problem]:
    for fault in dependency_faults(feature.tasks):
        severity = Severity.WARNING if fault.harmless else Severity.ERROR
        line, column = _place(fault.task)
        remedy = "correct its depends_on"
        yield Problem(severity, _CODES[fault.bar], fault.task.path, fault.reason, remedy, line, column)


def _place(task: Task) -> tuple[int, int] | tuple[None, None]:
    try:
        content = read(task.path)
        document = parse(content.data)
    except (UnreadableError, InvalidError):
        return None, None
    members = document.root.named("depends_on") or document.root.named("dependencies")
    if content.digest != task.digest or not members:
        return None, None
    return document.place(members[-1].node)


def _is_completed(task: Task | None) -> bool:
    return task is not None and task.status is Status.COMPLETED
