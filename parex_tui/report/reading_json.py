"""What the reading commands say, as JSON for scripts; `schemas/` documents every field (`parex schema`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from parex_tui.plan.model import Plan
from parex_tui.plan.ready import Held, standing
from parex_tui.tasks.model import Feature, JsonValue, Project, Task
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from .as_json import Json, barred_json, batches_json, common_json, problems_json
from .ready_text import held_reason, parallel_tasks
from .validate_text import Findings
from .wording import relative

NEXT_SCHEMA: Final = "parex.next/1"
PARALLEL_SCHEMA: Final = "parex.parallel/1"
DEPS_SCHEMA: Final = "parex.deps/1"
BLOCKED_SCHEMA: Final = "parex.blocked/1"
VALIDATE_SCHEMA: Final = "parex.validate/1"


def next_json(project: Project, features: Iterable[Feature]) -> Json:
    """What could start now, as `parex.next/1`."""
    root = project.root
    told: list[JsonValue] = [
        {
            **_feature(one, root),
            "tasks": [common_json(task, root) for task in standing(one).ready],
            "problems": _serious(one, root),
        }
        for one in features
    ]
    return _document(NEXT_SCHEMA, project, told)


def parallel_json(project: Project, features: Iterable[Feature], plans: Sequence[Plan] | None = None) -> Json:
    """What could start now side by side, as `parex.parallel/1`; with `plans`, in the order of `features`, batches."""
    root = project.root
    told: list[JsonValue] = []
    for place, one in enumerate(features):
        plan = plans[place] if plans is not None else None
        told.append(
            {
                **_feature(one, root),
                "tasks": [common_json(task, root) for task in parallel_tasks(one)],
                "batches": None if plan is None else [*batches_json(plan, one)],
                "barred": None if plan is None else [*barred_json(plan)],
                "problems": _serious(one, root),
            }
        )
    return _document(PARALLEL_SCHEMA, project, told)


def blocked_json(project: Project, features: Iterable[Feature]) -> Json:
    """What cannot start, and why, as `parex.blocked/1`."""
    root = project.root
    told: list[JsonValue] = [
        {
            **_feature(one, root),
            "tasks": [_held(held, root) for held in standing(one).held],
            "problems": _serious(one, root),
        }
        for one in features
    ]
    return _document(BLOCKED_SCHEMA, project, told)


def deps_json(project: Project, feature: Feature, task: Task | None, reason: str = "") -> Json:
    """Everything that a task depends on, directly or not, as `parex.deps/1`: a graph, so nothing is told twice.

    Without a task `reason` says why there is none.
    """
    reached, missing, closing = _reached(feature, task) if task is not None else ([], [], [])
    root = project.root
    return {
        "schema": DEPS_SCHEMA,
        "root": clean(str(root)),
        "feature": _feature(feature, root),
        "task": None if task is None else task.seq,
        "reason": reason or None,
        "tasks": [
            {**common_json(one, root), "readable": one.readable, "depends_on": list(one.depends_on)} for one in reached
        ],
        "needed_by": [one.seq for one in feature.tasks if task is not None and task.seq in one.depends_on],
        "missing": [*missing],
        "cycles": [{"task": seq, "depends_on": need} for seq, need in closing],
        "problems": _serious(feature, root),
    }


def validate_json(project: Project, findings: Iterable[Findings]) -> Json:
    """What is wrong, as `parex.validate/1`."""
    root = project.root
    told: list[JsonValue] = [
        {
            **_feature(one.feature, root),
            "errors": one.count(Severity.ERROR),
            "warnings": one.count(Severity.WARNING),
            "problems": problems_json(one.problems, root),
            "complaints": [
                {"file": relative(complaint.path or one.feature.path, root), "text": complaint.text}
                for complaint in one.complaints
            ],
        }
        for one in findings
    ]
    return _document(VALIDATE_SCHEMA, project, told)


def _reached(feature: Feature, start: Task) -> tuple[list[Task], list[str], list[tuple[str, str]]]:
    """The task and what it needs, in the order of a tree; seqs that name no task; dependencies that close a cycle."""
    tasks: dict[str, Task] = {}
    for one in feature.tasks:
        tasks.setdefault(one.seq, one)
    reached = [start]
    seen = {start.seq}
    on_path = {start.seq}
    missing: dict[str, None] = {}
    closing: list[tuple[str, str]] = []
    stack = [(start.seq, iter(start.depends_on))]
    while stack:
        seq, rest = stack[-1]
        need = next(rest, None)
        if need is None:
            on_path.discard(seq)
            stack.pop()
        elif need not in tasks:
            missing[need] = None
        elif need in on_path:
            closing.append((seq, need))
        elif need not in seen:
            seen.add(need)
            on_path.add(need)
            reached.append(tasks[need])
            stack.append((need, iter(tasks[need].depends_on)))
    return reached, [*missing], closing


def _document(schema: str, project: Project, features: list[JsonValue]) -> Json:
    return {
        "schema": schema,
        "root": clean(str(project.root)),
        "features": features,
        "problems": problems_json(project.problems, project.root),
    }


def _feature(feature: Feature, root: Path) -> Json:
    return {
        "id": feature.id,
        "key": feature.key,
        "name": feature.name,
        "path": relative(feature.path, root),
        "archived": feature.archived,
    }


def _held(held: Held, root: Path) -> Json:
    return {
        **common_json(held.task, root),
        "why": "blocked" if held.is_blocked else "cannot run" if held.bar else "waiting",
        "waits_for": list(held.waits_for),
        "reason": held_reason(held),
    }


def _serious(feature: Feature, root: Path) -> list[JsonValue]:
    """The errors: what these files say could not be counted on."""
    serious: list[Problem] = [problem for problem in feature.all_problems if problem.severity is Severity.ERROR]
    return problems_json(serious, root)
