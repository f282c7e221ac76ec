"""What will start next, and what is wrong in the files: shown where no agent has anything to show."""

from __future__ import annotations

from pathlib import Path

from parex_tui.plan.model import Batch, Lane
from parex_tui.report.plan_text import apart_text
from parex_tui.run.snapshot import BatchState, BatchView, FeatureView
from parex_tui.run.states import DECIDED
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from . import words
from .lines import BLANK, Line, Role, Span, spread, wrap
from .looks import Draw, done_count, left_to_run, look, name_of


def plan_title(view: FeatureView | None) -> str:
    """The title above the plan."""
    batch = _turn(view) if view is not None else None
    return f"Next: batch {batch.number}" if batch is not None else "Plan"


def _turn(view: FeatureView) -> BatchView | None:
    return next((batch for batch in view.batches if batch.state is not BatchState.DONE), None)


def plan_lines(view: FeatureView | None, root: Path, width: int, draw: Draw) -> list[Line]:
    """The batch whose turn it is, lane by lane with the reasons; then the problems of the feature's files."""
    if view is None:
        return welcome_lines(root, width)
    lines: list[Line] = []
    turn = _turn(view)
    if turn is None and view.batches:
        done, total = done_count(view), len(view.tasks)
        lines.append(Line((Span(f"Every batch is done: {done} of {total} tasks.", Role.OK),)))
    elif turn is not None:
        driver = f" with {view.driver}" if view.driver else ""
        head = f"{words.plural(len(left_to_run(view, turn.seqs)), 'task')} to run, up to {view.slots} at a time{driver}"
        lines.append(Line((Span(head, Role.SOFT),)))
        lines.append(BLANK)
        planned = next((batch for batch in view.plan.batches if batch.number == turn.number), None)
        lines += _lanes(
            view, planned or Batch(turn.number, turn.seqs, tuple(Lane((seq,)) for seq in turn.seqs)), width, draw
        )
    for barred in view.plan.barred:
        lines += _wrapped(f"{draw.glyphs.unreadable} {barred.seq} cannot run: {barred.reason}", Role.WARN, width)
    problems = view.feature.all_problems
    if problems:
        lines += [BLANK, Line((Span(words.plural(len(problems), "problem"), Role.TITLE),))]
        for problem in problems[:200]:
            lines += problem_lines(problem, view.feature.path, width, draw)
    return lines


def _lanes(view: FeatureView, batch: Batch, width: int, draw: Draw) -> list[Line]:
    lines: list[Line] = []
    for lane in batch.lanes:
        for place, seq in enumerate(lane.seqs):
            task = view.tasks.get(seq)
            if task is None:
                continue
            seen = look(task, draw)
            role = Role.DIM if isinstance(task.state, DECIDED) else Role.TEXT
            left = [Span(f"{draw.glyphs.of(seen.sign)} ", seen.role), Span(name_of(task), role)]
            notes = ["alone" if lane.alone and not place else "", task.task.suggested_agent]
            notes.append(words.plural(len(task.task.deliverables), "file") if task.task.deliverables else "writes?")
            if task.expected is not None:
                notes.append(f"usually {words.elapsed(task.expected)}")
            right = [Span(f" {draw.glyphs.dot} ".join(note for note in notes if note), Role.DIM)]
            lines.append(spread(left, right, width, draw.glyphs.ellipsis))
    if batch.separations:
        lines.append(BLANK)
    to_run = left_to_run(view, batch.seqs)
    for separation in batch.separations:
        if separation.seq in to_run and (not separation.other or separation.other in to_run):
            lines += _wrapped(apart_text(separation), Role.SOFT, width)
    return lines


def _wrapped(text: str, role: Role, width: int) -> list[Line]:
    return [Line((Span(row, role),)) for row in wrap(text, width)]


def problem_lines(problem: Problem, base: Path, width: int, draw: Draw) -> list[Line]:
    """One problem: where and what, then what can be done."""
    role = {Severity.ERROR: Role.BAD, Severity.WARNING: Role.WARN}.get(problem.severity, Role.DIM)
    rows = wrap(f"{clean(problem.where(base))}  {problem.message}", max(8, width - 2))
    lines = [Line((Span(f"{draw.glyphs.unreadable} ", role), Span(rows[0], role)))]
    lines += [Line((Span(f"  {row}", role),)) for row in rows[1:]]
    if problem.remedy:
        lines += [Line((Span(f"  {row}", Role.DIM),)) for row in wrap(problem.remedy, max(8, width - 2))]
    return lines


def welcome_lines(root: Path, width: int) -> list[Line]:
    """Shown where there is no feature at all: where parex looks, and what it waits for."""
    text = [
        (f"No features below {clean(str(root))} yet.", Role.TITLE),
        ("", Role.TEXT),
        (
            "A feature is a folder .tmp/tasks/<feature>/ with task.json and subtask_01.json to subtask_NN.json.",
            Role.SOFT,
        ),
        ("It appears here as soon as it is written.", Role.SOFT),
    ]
    return [line for row, role in text for line in (_wrapped(row, role, width) or [BLANK])]
