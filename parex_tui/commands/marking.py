"""`parex complete`, `start`, `block`, `unblock` and `reset`: the status of a task, by a person's word.

Only transitions that the format knows are made, and never one of a task that parex itself is running.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from parex_tui.cli import UsageError
from parex_tui.report.changed_text import Changed, marked_lines, progress_line
from parex_tui.report.wording import duration
from parex_tui.run.attempts import Decision
from parex_tui.run.board import UNDO
from parex_tui.run.desk import PERSON
from parex_tui.run.rules import check_start, command, open_dependencies, status_told
from parex_tui.tasks.edit import SUMMARY_LIMIT, ChangedError, Edit, EditError, cut_summary
from parex_tui.tasks.model import Feature, JsonValue, Status, Task
from parex_tui.tasks.patch import same_value

from .changing import Bench, Refused, carry_out, closing, plain
from .common import ask, settings_for

if TYPE_CHECKING:
    from parex_tui.run.survey import Standing

_NAMELESS: Final = "person"  # who works on a task that names no agent


def complete(options: Namespace) -> int:
    """Mark a task as completed, with a summary; the feature too, when it was the last one."""
    summary = plain(" ".join(options.summary), "summary", lines=True)
    if not summary:
        raise UsageError("the summary is blank: say in a few words what was done")
    passed = _Passed()
    return carry_out(options, lambda bench: _complete(bench, options, summary, passed))


@dataclass(slots=True)
class _Passed:
    """The verification block whose gate was passed, and what was set aside for it."""

    block: JsonValue = None
    forced: tuple[str, ...] = ()


def _complete(bench: Bench, options: Namespace, summary: str, passed: _Passed) -> Changed:
    if len(summary.encode("utf-16-le")) // 2 > SUMMARY_LIMIT:
        raise Refused(f"Error: Summary must be max {SUMMARY_LIMIT} characters", as_is=True)
    feature = bench.feature(options.feature)
    task = bench.sound_task(feature, options.task)
    bench.refuse_running(feature, task)
    forced = _overridden(feature, task, options.force)
    block = task.extra.get("verification")
    if block is not None:
        if not same_value(block, passed.block):  # a check may touch the file itself, and need not pass again for that
            from .gate import pass_gate

            passed.forced = pass_gate(bench, feature, task, force=options.force, quiet=options.json)
            passed.block = block
        forced += passed.forced
    edits = (bench.desk.complete(task, summary, by=PERSON, digest=task.digest),)
    synced, warnings = bench.sync(feature)
    progress = bench.progress(feature)
    lines = marked_lines(_name(feature, task), "completed", progress, summary=cut_summary(summary))
    lines += tuple(f"  Forced: {reason}" for reason in forced)
    return closing(
        feature,
        Changed(
            "complete",
            feature.id,
            task.seq,
            lines,
            forced=forced,
            warnings=warnings,
            edits=(*edits, *synced),
            progress=progress,
        ),
    )


def _overridden(feature: Feature, task: Task, force: bool) -> tuple[str, ...]:
    """The rules against completing that `--force` sets aside. Raises Refused without it."""
    found: list[str] = []
    if task.status in (None, Status.BLOCKED):
        found.append(f"it is {status_told(task)}")
    if waits := open_dependencies(feature, task):
        found.append(f"it depends on {waits}")
    if found and not force:
        remedy = "add --force to complete it in spite of that"
        raise Refused(f"{_name(feature, task)} cannot be completed: {' and '.join(found)}; {remedy}", task=task.seq)
    return tuple(found)


def start(options: Namespace) -> int:
    """Mark a task as in progress: somebody works on it outside of parex."""
    agent = plain(options.agent, "agent") if options.agent is not None else ""
    return carry_out(options, lambda bench: _start(bench, options, agent))


def _start(bench: Bench, options: Namespace, agent: str) -> Changed:
    feature = bench.feature(options.feature)
    task = bench.sound_task(feature, options.task)
    bench.refuse_running(feature, task)
    forced = check_start(feature, task, force=options.force)
    edit = bench.desk.start(task, agent or task.suggested_agent or _NAMELESS, by=PERSON, digest=task.digest)
    return _marked(bench, feature, task, edit, "start", forced=(forced,) if forced else ())


def block(options: Namespace) -> int:
    """Mark a task as blocked: something is in its way."""
    return carry_out(options, lambda bench: _block(bench, options))


def _block(bench: Bench, options: Namespace) -> Changed:
    feature = bench.feature(options.feature)
    task = bench.sound_task(feature, options.task)
    bench.refuse_running(feature, task)
    if task.status is Status.BLOCKED:
        return _already(bench, feature, task, "block")
    forced = _undone(feature, task, options.force)
    edit = bench.desk.block(task, by=PERSON, digest=task.digest)
    return _marked(bench, feature, task, edit, "block", forced)


def _undone(feature: Feature, task: Task, force: bool) -> tuple[str, ...]:
    """What `--force` takes away: that it is done, or another program's word. Raises Refused without it."""
    if task.status not in (Status.COMPLETED, None):
        return ()
    told = f"it is {status_told(task)}"
    if not force:
        raise Refused(f"{_name(feature, task)}: {told}; add --force to take that back", task=task.seq)
    return (told,)


def unblock(options: Namespace) -> int:
    """Mark a blocked task as pending again."""
    return carry_out(options, lambda bench: _unblock(bench, options))


def _unblock(bench: Bench, options: Namespace) -> Changed:
    feature = bench.feature(options.feature)
    task = bench.sound_task(feature, options.task)
    bench.refuse_running(feature, task)
    if task.status is not Status.BLOCKED:
        remedy = f"; {command('reset', feature.id, task.seq)}" if task.status is Status.IN_PROGRESS else ""
        raise Refused(f"{_name(feature, task)} is not blocked, it is {status_told(task)}{remedy}", task=task.seq)
    return _reset_one(bench, feature, task, "unblock")


def reset(options: Namespace) -> int:
    """Mark a task that nobody works on any more as pending again, or all such tasks of a feature."""
    if options.task is None:
        return carry_out(options, lambda bench: _reset_stale(bench, options))
    return carry_out(options, lambda bench: _reset_named(bench, options))


def _reset_named(bench: Bench, options: Namespace) -> Changed:
    feature = bench.feature(options.feature)
    task = bench.sound_task(feature, options.task)
    bench.refuse_running(feature, task)
    forced = _undone(feature, task, options.force)
    if task.status is Status.PENDING:
        _forget_decision(bench, feature, task)
        return _already(bench, feature, task, "reset")
    return _reset_one(bench, feature, task, "reset", forced)


def _reset_one(bench: Bench, feature: Feature, task: Task, word: str, forced: tuple[str, ...] = ()) -> Changed:
    edit = bench.desk.reset(task, by=PERSON, digest=task.digest)
    _forget_decision(bench, feature, task)
    return _marked(bench, feature, task, edit, word, forced)


def _reset_stale(bench: Bench, options: Namespace) -> Changed:
    from parex_tui.run.states import TaskElsewhere

    feature = bench.feature(options.feature)
    standing = _survey(bench, feature)
    now = time.time()
    stale: list[tuple[Task, str]] = []
    fresh: list[str] = []
    for task in feature.tasks:
        state = standing.board.states.get(task.seq)
        if not isinstance(state, TaskElsewhere) or not task.readable:
            continue
        by = f" by {task.agent_id}" if task.agent_id else ""
        told = f"{task.name} (in progress{by}, unchanged for {duration(max(0.0, now - state.since))})"
        if state.stale:
            stale.append((task, told))
        else:
            fresh.append(told)
    if not stale:
        lines = (f"Nothing in {feature.id} is stale.", *(f"  {told}: name it to reset it" for told in fresh))
        return Changed("reset", feature.id, lines=lines, progress=bench.progress(feature))
    names = "; ".join(told for _, told in stale)
    if not options.yes and not ask(f"{feature.id}: {names}. Back to pending?"):
        raise Refused(f"nothing was changed; add --yes to set back: {names}")
    return _reset_all(bench, feature, [task for task, _ in stale])


def _reset_all(bench: Bench, feature: Feature, tasks: list[Task]) -> Changed:
    edits: list[Edit] = []
    lines: list[str] = [""]
    failed: list[str] = []
    for task in tasks:
        try:
            edits.append(bench.desk.reset(task, by=PERSON, digest=task.digest))
        except ChangedError:
            failed.append(f"{task.seq} was changed meanwhile, so it is not stale")
            continue
        except EditError as error:
            failed.append(str(error))
            continue
        _forget_decision(bench, feature, task)
        lines.append(f"✓ Marked {_name(feature, task)} as pending")
    progress = bench.progress(feature)
    lines.append(progress_line(progress))
    reason = "; ".join(failed)
    return Changed("reset", feature.id, lines=tuple(lines), reason=reason, edits=tuple(edits), progress=progress)


def _survey(bench: Bench, feature: Feature) -> Standing:
    from parex_tui.run.limits import limits_of
    from parex_tui.run.survey import Surveyor

    return Surveyor(bench.root, bench.journal, limits_of(settings_for(bench.root)), time.time).survey(feature)


def _forget_decision(bench: Bench, feature: Feature, task: Task) -> None:
    """What a person decided of the task before (accepted, skipped) is over when it is to be done again."""
    if any(decision.seq == task.seq for decision in bench.journal.decisions(feature.key)):
        bench.journal.record_decision(feature.key, Decision(time.time(), UNDO, task.seq))


def _marked(bench: Bench, feature: Feature, task: Task, edit: Edit, word: str, forced: tuple[str, ...] = ()) -> Changed:
    """What to tell of a task whose file was changed; a feature that was closed by it is opened again."""
    synced: tuple[Edit, ...] = ()
    warnings: tuple[str, ...] = ()
    if task.status is Status.COMPLETED or feature.status_text == "completed":
        synced, warnings = bench.sync(feature)
    progress = bench.progress(feature)
    lines = marked_lines(_name(feature, task), _AFTER[word].value, progress)
    lines += tuple(f"  Forced: {reason}" for reason in forced)
    return closing(
        feature, Changed(word, feature.id, task.seq, lines, "", forced, warnings, (edit, *synced), progress=progress)
    )


_AFTER: Final[Mapping[str, Status]] = {
    "start": Status.IN_PROGRESS,
    "block": Status.BLOCKED,
    "unblock": Status.PENDING,
    "reset": Status.PENDING,
}


def _already(bench: Bench, feature: Feature, task: Task, word: str) -> Changed:
    progress = bench.progress(feature)
    lines = ("", f"✓ {_name(feature, task)} is {_AFTER[word].value} already", progress_line(progress))
    return Changed(word, feature.id, task.seq, lines, progress=progress)


def _name(feature: Feature, task: Task) -> str:
    return f"{feature.id}/{task.seq}"
