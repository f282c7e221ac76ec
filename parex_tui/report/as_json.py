"""Plan and status as JSON for scripts; `schemas/` documents every field (`parex schema`).

In all of them: times are seconds, paths are relative to `root` with forward slashes (absolute where they lie outside
it), absent values are null, text is cleaned of control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from parex_tui.plan.forecast import forecast, makespan
from parex_tui.plan.model import Batch, Plan
from parex_tui.plan.ready import graph_problems
from parex_tui.plan.writes import write_set
from parex_tui.run.snapshot import FeatureView, TaskView
from parex_tui.tasks.model import Counts, Feature, JsonValue, Project, Task
from parex_tui.tasks.problems import Problem
from parex_tui.tasks.text import clean

from .plan_text import planned_tasks, standings
from .state_words import state_reason, state_word
from .status_text import progress
from .wording import relative

PLAN_SCHEMA: Final = "parex.plan/1"
STATUS_SCHEMA: Final = "parex.status/1"

Json = dict[str, JsonValue]


def plan_json(
    plan: Plan, feature: Feature, root: Path, *, expected: Mapping[str, float] | None = None, slots: int = 4
) -> Json:
    """A plan as `parex.plan/1`. `expected` in seconds by seq."""
    seconds = expected or {}
    ahead = forecast(plan, feature, seconds, slots)
    place = {
        seq: (batch.number, number, lane.alone)
        for batch in plan.batches
        for number, lane in enumerate(batch.lanes, 1)
        for seq in lane.seqs
    }
    return {
        "schema": PLAN_SCHEMA,
        "root": clean(str(root)),
        "slots": slots,
        "feature": {
            "id": feature.id,
            "key": feature.key,
            "name": feature.name,
            "status": feature.status_text,
            "objective": feature.objective,
            "path": relative(feature.path, root),
        },
        "counts": counts_json(feature.counts),
        "forecast": {
            "seconds": ahead.seconds,
            "one_after_another_seconds": ahead.one_after_another,
            "saved_seconds": ahead.saved,
            "critical_path": list(ahead.critical_path.seqs),
            "critical_path_seconds": ahead.critical_path.seconds,
        },
        "batches": [
            {**record, "expected_seconds": makespan(batch, seconds, slots)}
            for batch, record in zip(plan.batches, batches_json(plan, feature), strict=True)
        ],
        "tasks": [_planned_task(task, place, seconds, root) for task in feature.tasks],
        "barred": [*barred_json(plan)],
        "problems": problems_json(feature.problems, root),
    }


def status_json(
    project: Project, views: Mapping[str, FeatureView] | None = None, *, features: Iterable[Feature] | None = None
) -> Json:
    """A project as `parex.status/1`.

    `views` (by feature key) adds what is known of runs. `features` narrows it; without it every feature is told, the
    archived ones too.
    """
    known = views or {}
    shown = project.features if features is None else tuple(features)
    return {
        "schema": STATUS_SCHEMA,
        "root": clean(str(project.root)),
        "features": [_feature(feature, known.get(feature.key), project.root) for feature in shown],
        "problems": problems_json(project.problems, project.root),
    }


def batches_json(plan: Plan, feature: Feature) -> list[Json]:
    """The batches of a plan, without what they are expected to take."""
    after = standings(plan, planned_tasks(plan, feature))
    return [_batch(batch, standing) for batch, standing in zip(plan.batches, after, strict=True)]


def barred_json(plan: Plan) -> list[Json]:
    """The tasks that have no place in any batch."""
    return [
        {"task": barred.seq, "file": barred.path, "bar": barred.bar.value, "reason": barred.reason}
        for barred in plan.barred
    ]


def _batch(batch: Batch, after: int | None) -> Json:
    return {
        "number": batch.number,
        "state": "done" if after is None else "after" if after else "ready",
        "after": after or None,
        "tasks": list(batch.seqs),
        "lanes": [{"tasks": list(lane.seqs), "alone": lane.alone} for lane in batch.lanes],
        "separations": [
            {
                "why": one.why.value,
                "task": one.seq,
                "other": one.other or None,
                "reason": one.reason,
                "paths": list(one.paths),
            }
            for one in batch.separations
        ],
    }


def _planned_task(
    task: Task, place: Mapping[str, tuple[int, int, bool]], expected: Mapping[str, float], root: Path
) -> Json:
    batch, lane, alone = place.get(task.seq, (None, None, None))
    writes = write_set(task, root)
    return {
        **_common(task, root),
        "batch": batch,
        "lane": lane,
        "alone": alone,
        "deliverables": list(task.deliverables),
        "writes": {"paths": list(writes.paths), "unknown": list(writes.unknown), "is_known": writes.is_known},
        "expected_seconds": expected.get(task.seq),
        "problems": problems_json(task.problems, root),
    }


def _feature(feature: Feature, view: FeatureView | None, root: Path) -> Json:
    return {
        "id": feature.id,
        "key": feature.key,
        "name": feature.name,
        "status": feature.status_text,
        "objective": feature.objective,
        "path": relative(feature.path, root),
        "archived": feature.archived,
        "has_task_json": feature.task_json is not None,
        "progress": progress(feature.counts),
        "counts": counts_json(feature.counts),
        "declared": {"subtasks": feature.declared_subtasks, "completed": feature.declared_completed},
        "run": None if view is None else _run(view),
        "tasks": [_status_task(task, view.tasks.get(task.seq) if view else None, root) for task in feature.tasks],
        "problems": problems_json((*feature.problems, *graph_problems(feature)), root),
    }


def _run(view: FeatureView) -> Json:
    return {
        "engine": view.engine.value,
        "message": view.message,
        "driver": view.driver,
        "is_demo": view.is_demo,
        "slots": view.slots,
        "tokens": view.tokens,
        "cost": view.cost,
        "saved_seconds": view.saved,
        "batches": [
            {"number": batch.number, "state": batch.state.value, "held_by": list(batch.held_by)}
            for batch in view.batches
        ],
    }


def _status_task(task: Task, view: TaskView | None, root: Path) -> Json:
    return {
        **_common(task, root),
        "readable": task.readable,
        "agent_id": task.agent_id,
        "started_at": task.started_at or None,
        "completed_at": task.completed_at or None,
        "completion_summary": task.completion_summary,
        "shown": None if view is None else state_word(view.state),
        "reason": None if view is None else state_reason(view.state) or None,
        "attempts": None if view is None else len(view.attempts),
        "batch": None if view is None else view.batch,
        "expected_seconds": None if view is None else view.expected,
        "problems": problems_json(task.problems, root),
    }


def _common(task: Task, root: Path) -> Json:
    return {**common_json(task, root), "depends_on": list(task.depends_on)}


def common_json(task: Task, root: Path) -> Json:
    """What every document tells of a task."""
    return {
        "seq": task.seq,
        "title": task.title,
        "file": relative(task.path, root),
        "status": task.status.value if task.status is not None and task.readable else None,
        "status_text": task.status_text,
        "parallel": task.parallel,
        "suggested_agent": task.suggested_agent,
    }


def counts_json(counts: Counts) -> Json:
    """How many tasks have which status."""
    return {
        "pending": counts.pending,
        "in_progress": counts.in_progress,
        "completed": counts.completed,
        "blocked": counts.blocked,
        "other": counts.other,
        "total": counts.total,
    }


def problems_json(problems: Iterable[Problem], root: Path) -> list[JsonValue]:
    """What is wrong: where, how bad, and what can be done."""
    return [
        {
            "severity": problem.severity.value,
            "code": problem.code,
            "file": relative(problem.path, root),
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
            "remedy": problem.remedy,
        }
        for problem in problems
    ]
