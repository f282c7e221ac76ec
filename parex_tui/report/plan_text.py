"""The plan of a feature as text: the batch view that the task method promises, with the reasons below it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from parex_tui.plan.apart import apart
from parex_tui.plan.forecast import forecast
from parex_tui.plan.model import Barred, Batch, Plan, Separation, Why
from parex_tui.tasks.model import Feature, Status, Task
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.text import clean, in_list

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
        lines.append(_batch_line(batch, after))
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


def batch_view(plan: Plan, feature: Feature) -> list[str]:
    """Only the batches and their files, each batch followed by a blank line.

    Below a batch stands what its files do not show of themselves: which tasks of it meet in a file, which write nobody
    knows what; and at the end what cannot run.
    """
    planned = planned_tasks(plan, feature)
    lines: list[str] = []
    for batch, after in zip(plan.batches, standings(plan, planned), strict=True):
        lines += [_batch_line(batch, after), *(_file_line(planned[seq]) for seq in batch.seqs)]
        lines += [f"  ~ {apart_text(one)}" for one in batch.separations if one.why is not Why.SEQUENTIAL]
        lines.append("")
    if plan.barred:
        lines.append("Cannot run:")
        lines += [f"- {barred.path} ({bar_text(barred.reason, barred.path)})" for barred in plan.barred]
        lines.append("")
    return lines if feature.tasks else ["No tasks.", ""]


def bar_text(reason: str, file: str) -> str:
    """Why a task cannot run, where its file has just been named."""
    return reason.replace(f"{file} cannot be used", "cannot be used", 1)


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
    title = f"{feature.id}: {in_list(feature.name)}" if feature.name and feature.name != feature.id else feature.id
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


def _batch_line(batch: Batch, after: int | None) -> str:
    state = "Done" if after is None else f"After Batch {after}" if after else "Ready now"
    return f"Batch {batch.number} ({state}):"


def _file_line(task: Task) -> str:
    flag = f"(parallel: {'true' if task.parallel else 'false'})"
    if task.depends_on:
        needs = f"(depends_on: {json.dumps(list(task.depends_on), ensure_ascii=False)})"
        flag = needs if task.parallel else f"{needs} {flag}"
    return f"- {clean(task.path.name)} {flag}"


def _task_lines(task: Task, expected: Mapping[str, float]) -> list[str]:
    about = [task.name]
    if task.status is not Status.PENDING:
        about.append(task.status_text)
    if task.status is not Status.COMPLETED and expected.get(task.seq):
        about.append(f"about {duration(expected[task.seq])}")
    return [_file_line(task), *wrapped(" · ".join(about), "    ")]


def _barred_lines(barred: Barred, task: Task | None) -> list[str]:
    lines = [f"- {barred.path or barred.seq}"]
    if task is not None and task.title:
        lines += wrapped(task.name, "    ")
    lines += wrapped(barred.reason, "    ")
    for problem in task.problems if task is not None else ():
        if problem.severity is Severity.ERROR:
            lines += wrapped(f"{clean(problem.where(problem.path.parent))}: {problem.message}", "    ", "      ")
    return lines
