"""The plan of a feature as text: the batch view that the task method promises, with the reasons below it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from parex_tui.plan.apart import apart
from parex_tui.plan.forecast import forecast
from parex_tui.plan.model import Barred, Batch, Plan, Separation
from parex_tui.tasks.model import Feature, Status, Task
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.text import clean

from .wording import counted, duration, wrapped


def plan_text(plan: Plan, feature: Feature, *, expected: Mapping[str, float] | None = None, slots: int = 4) -> str:
    """The whole plan, ending in a line break. `expected` (seconds by seq) and `slots` give the forecast.

    Under each file stand its title, its status where it is not pending, and what it is expected to take; under each
    batch why tasks of it are kept apart. The forecast counts what is not completed.
    """
    planned = planned_tasks(plan, feature)
    by_file = {(task.seq, clean(task.path.name)): task for task in feature.tasks}
    lines = [*_header(plan, feature, planned, expected or {}, slots), ""]
    for batch, after in zip(plan.batches, standings(plan, planned), strict=True):
        state = "Done" if after is None else f"After Batch {after}" if after else "Ready now"
        lines += [f"Batch {batch.number} ({state}):"]
        for seq in batch.seqs:
            lines += _task_lines(planned[seq], expected or {})
        lines += [line for one in batch.separations for line in wrapped(apart_text(one), "  ~ ", "    ")]
        lines.append("")
    if plan.barred:
        lines.append("Cannot run:")
        for barred in plan.barred:
            lines += _barred_lines(barred, by_file.get((barred.seq, barred.path)))
        lines.append("")
    if not feature.tasks:
        lines += ["No tasks.", ""]
    return "\n".join(lines)


def apart_text(one: Separation) -> str:
    """What is kept apart and why: `01 and 17 not at the same time: both write x`. Which of them begins is not said."""
    if not one.other:
        return one.reason
    why = one.reason.removeprefix(f"{one.seq} after {one.other}: ")
    return f"{one.other} and {one.seq} not at the same time: {why}"


def planned_tasks(plan: Plan, feature: Feature) -> dict[str, Task]:
    """The tasks that have a place in a batch, by seq."""
    barred = {one.seq for one in plan.barred}
    return {task.seq: task for task in feature.tasks if task.seq not in barred}


def standings(plan: Plan, planned: Mapping[str, Task]) -> list[int | None]:
    """How each batch stands: None where all of it is completed, 0 where it is its turn, else the batch it waits for."""
    turn = 0
    found: list[int | None] = []
    for batch in plan.batches:
        if all(planned[seq].status is Status.COMPLETED for seq in batch.seqs):
            found.append(None)
        else:
            found.append(turn)
            turn = batch.number
    return found


def _header(
    plan: Plan, feature: Feature, planned: Mapping[str, Task], expected: Mapping[str, float], slots: int
) -> list[str]:
    title = f"{feature.id}: {feature.name}" if feature.name and feature.name != feature.id else feature.id
    count = f"{counted(len(feature.tasks), 'task')} in {counted(len(plan.batches), 'batch', 'batches')}"
    done = sum(task.status is Status.COMPLETED for task in planned.values())
    if done:
        count += f", {done} completed"
    if plan.barred:
        count += f", {len(plan.barred)} cannot run"
    widest = max((_width(batch) for batch in plan.batches), default=0)
    if widest > 1:
        count += f"; up to {widest} can start together"
    lines = [*wrapped(title, "", "  "), *wrapped(count, "")]
    ahead = forecast(plan, feature, expected, slots)
    if ahead.one_after_another > 0:
        words = f"About {duration(ahead.seconds)} with {counted(slots, 'slot')}"
        words += f", {duration(ahead.one_after_another)} one after another"
        chain = ahead.critical_path
        if len(chain.seqs) > 1:
            words += f"; longest chain {_chain(chain.seqs)}, {duration(chain.seconds)}"
        lines += wrapped(words, "")
    return lines


def _width(batch: Batch) -> int:
    """How many tasks of the batch the engine could start together with enough slots."""
    together: list[str] = []
    for seq in apart(batch).in_order({}):
        if not apart(batch).clashes(seq, together):
            together.append(seq)
    return len(together)


def _chain(seqs: Sequence[str]) -> str:
    if len(seqs) > 8:
        return f"{' → '.join(seqs[:4])} → … → {' → '.join(seqs[-2:])} ({len(seqs)} tasks)"
    return " → ".join(seqs)


def _task_lines(task: Task, expected: Mapping[str, float]) -> list[str]:
    flag = f"(parallel: {'true' if task.parallel else 'false'})"
    if task.depends_on:
        needs = f"(depends_on: {json.dumps(list(task.depends_on), ensure_ascii=False)})"
        flag = needs if task.parallel else f"{needs} {flag}"
    about = [task.name]
    if task.status is not Status.PENDING:
        about.append(task.status_text)
    if task.status is not Status.COMPLETED and expected.get(task.seq):
        about.append(f"about {duration(expected[task.seq])}")
    return [f"- {clean(task.path.name)} {flag}", *wrapped(" · ".join(about), "    ")]


def _barred_lines(barred: Barred, task: Task | None) -> list[str]:
    lines = [f"- {barred.path or barred.seq}"]
    if task is not None and task.title:
        lines += wrapped(task.name, "    ")
    lines += wrapped(barred.reason, "    ")
    for problem in task.problems if task is not None else ():
        if problem.severity is Severity.ERROR:
            lines += wrapped(f"{clean(problem.where(problem.path.parent))}: {problem.message}", "    ", "      ")
    return lines
