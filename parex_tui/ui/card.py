"""The card under the tree: the selected task or feature in short, as lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from parex_tui.run.snapshot import AttemptView, FeatureView, TaskView
from parex_tui.run.states import Evidence, TaskClaimed, TaskElsewhere, TaskFailed, TaskReview, TaskVerified, TaskWaiting
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from . import words
from .lines import BLANK, Line, Role, Span, cut, spread, width_of, wrap
from .looks import Draw, look, name_of
from .panes import attempt_of

EVIDENCE_ROLES = {
    "created": Role.OK,
    "changed": Role.OK,
    "missing": Role.BAD,
    "unchanged": Role.WARN,
    "later": Role.WARN,
}


def card_lines(view: FeatureView, task: TaskView, width: int, draw: Draw) -> list[Line]:
    """The selected task in short: state, why, deliverables, criteria, what it needs and what needs it."""
    lines = [title_line(task, width, draw)]
    sentence = paragraph(state_sentence(task, draw.now), width, Role.SOFT, most=3)
    lines += [*sentence, BLANK] if sentence else []
    lines += problem_lines(task.task.problems, None, width, draw, most=2)
    lines += _deliverables(task, width, draw)
    lines += _criteria(task.task.acceptance_criteria, width, draw, most=4)
    lines += _relations(view, task, width, draw)
    lines += _agent(view, task, width, draw)
    return lines


def feature_lines(view: FeatureView, width: int, draw: Draw) -> list[Line]:
    """A feature in short, for when its row or a batch's row is selected."""
    feature = view.feature
    right = [Span(view.engine.value, Role.RUN if view.engine == "running" else Role.SOFT)]
    lines = [spread([Span(feature.name or feature.id, Role.TITLE)], right, width, draw.glyphs.ellipsis)]
    lines += paragraph(feature.objective, width, Role.SOFT, most=4)
    lines.append(BLANK)
    counts = feature.counts
    on_disk = f"{counts.completed} of {counts.total} completed"
    lines.append(pair("on disk", [Span(on_disk, Role.SOFT)], width, draw))
    if view.driver:
        lines.append(pair("driver", [Span(view.driver, Role.SOFT)], width, draw))
    lines.append(pair("at a time", [Span(str(view.slots), Role.SOFT)], width, draw))
    lines += problem_lines(feature.problems, feature.path, width, draw, most=4)
    lines += _criteria(feature.exit_criteria, width, draw, most=6, label="exit criteria")
    return lines


def state_sentence(task: TaskView, now: float) -> str:
    """What the state means, in a sentence or two; "" where the word alone says it. `now`: seconds since the epoch."""
    state = task.state
    if isinstance(state, TaskElsewhere):
        since = words.day_and_time(state.since)
        if not state.stale:
            return f"Another program works on it: its file changed last at {since}."
        age = words.ago(now - state.since)
        return f"Stale: unchanged since {since} ({age}), and nobody works on it. u puts it back to pending."
    if isinstance(state, (TaskFailed, TaskReview, TaskWaiting)):
        return state.reason
    attempt = attempt_of(task)
    if isinstance(state, TaskVerified) and attempt is not None and attempt.outcome is not None:
        return attempt.outcome.summary or attempt.outcome.reason
    if isinstance(state, TaskClaimed):
        said = task.task.completion_summary
        return f"Claimed by another program, not checked. {said}".rstrip()
    return str(getattr(state, "reason", "") or getattr(state, "note", ""))


def title_line(task: TaskView, width: int, draw: Draw) -> Line:
    """The task's name and its state."""
    seen = look(task, draw)
    right = [Span(f"{draw.glyphs.of(seen.sign)} {seen.word}", seen.role)]
    return spread([Span(name_of(task), Role.TITLE)], right, width, draw.glyphs.ellipsis)


def paragraph(text: str, width: int, role: Role, most: int = 10_000) -> list[Line]:
    """The wrapped text, `most` rows of it; the card has no room for more, the task's own screen has."""
    rows = wrap(text, width) if text else []
    return [Line((Span(row, role),)) for row in rows[:most]]


def pair(label: str, right: list[Span], width: int, draw: Draw) -> Line:
    """A label and, at the right end, what it labels."""
    return spread([Span(label, Role.DIM)], right, width, draw.glyphs.ellipsis)


def evidence_of(task: TaskView) -> dict[str, Evidence]:
    """What the latest attempt's evidence says, by deliverable."""
    attempt = attempt_of(task)
    if attempt is None or attempt.outcome is None:
        return {}
    return {one.deliverable: one for one in attempt.outcome.evidence}


def deliverables_head(task: TaskView, width: int, draw: Draw) -> Line:
    """The deliverables' heading, with how many are there."""
    if not task.task.deliverables and not task.task.readable:
        return pair("deliverables", [Span("unknown: the file cannot be read", Role.WARN)], width, draw)
    if not task.task.deliverables:
        return pair("deliverables", [Span("none named", Role.DIM)], width, draw)
    evidence = evidence_of(task)
    total = len(task.task.deliverables)
    right: list[Span] = []
    if evidence:
        there = sum(one.state in ("created", "changed", "later", "unchanged") for one in evidence.values())
        right = [Span(f"{there} of {total} exist", Role.OK if there == total else Role.WARN)]
    elif task.activity is not None and task.activity.files_total:
        there, total = task.activity.files_done, task.activity.files_total
        right = [Span(f"{there} of {total} new or changed", Role.OK if there == total else Role.SOFT)]
    return pair("deliverables", right or [Span(str(total), Role.DIM)], width, draw)


def _deliverables(task: TaskView, width: int, draw: Draw) -> list[Line]:
    lines = [deliverables_head(task, width, draw)]
    evidence = evidence_of(task)
    for name in task.task.deliverables:
        one = evidence.get(name)
        role = Role.DIM if one is None else EVIDENCE_ROLES.get(one.state, Role.SOFT)
        good = one is not None and role is Role.OK
        sign = draw.glyphs.done if good else draw.glyphs.failed if role is Role.BAD else draw.glyphs.waiting
        tail = [] if one is None else [Span(one.state, role)]
        lines.append(spread([Span(f"  {sign} ", role), Span(name)], tail, width, draw.glyphs.ellipsis))
    return lines


def hanging(lead: str, lead_role: Role, text: str, role: Role, width: int) -> list[Line]:
    """`lead` before the first row of the wrapped text, blanks before the others."""
    indent = width_of([Span(lead)])
    rows = wrap(text, max(8, width - indent))
    first = Line((Span(lead, lead_role), Span(rows[0], role)))
    return [first, *(Line((Span(" " * indent), Span(row, role))) for row in rows[1:])]


def _criteria(items: tuple[str, ...], width: int, draw: Draw, most: int, label: str = "criteria") -> list[Line]:
    if not items:
        return []
    lines = [pair(label, [Span(str(len(items)), Role.DIM)], width, draw)]
    for item in items[:most]:
        lead = [Span(f"  {draw.glyphs.waiting} ", Role.DIM), Span(item, Role.SOFT)]
        lines.append(spread(lead, [], width, draw.glyphs.ellipsis))
    if len(items) > most:
        lines.append(Line((Span(f"    {len(items) - most} more", Role.DIM),)))
    return lines


def dependents(view: FeatureView, seq: str) -> list[str]:
    """Seqs of the tasks that depend on one."""
    return [other.seq for other in view.tasks.values() if seq in other.task.depends_on]


def _relation_spans(view: FeatureView, seqs: Iterable[str], draw: Draw) -> list[Span]:
    spans: list[Span] = []
    for seq in seqs:
        task = view.tasks.get(seq)
        if spans:
            spans.append(Span("  "))
        if task is None:
            spans.append(Span(f"{seq} {draw.glyphs.unreadable}", Role.WARN))
        else:
            seen = look(task, draw)
            spans += [Span(f"{seq} ", Role.SOFT), Span(draw.glyphs.of(seen.sign), seen.role)]
    return spans


def _relations(view: FeatureView, task: TaskView, width: int, draw: Draw) -> list[Line]:
    lines = []
    needs = _relation_spans(view, task.task.depends_on, draw)
    then = _relation_spans(view, dependents(view, task.seq), draw)
    if needs:
        lines.append(pair("needs", needs, width, draw))
    if then:
        lines.append(pair("then", then, width, draw))
    return lines


def _agent(view: FeatureView, task: TaskView, width: int, draw: Draw) -> list[Line]:
    attempt = attempt_of(task)
    agent = (attempt.agent if attempt is not None else "") or task.task.suggested_agent or "the default"
    driver = attempt.driver if attempt is not None else view.driver
    text = f"{agent} {draw.glyphs.arrow} {driver}" if driver else agent
    lines = [pair("agent", [Span(text, Role.SOFT)], width, draw)]
    if attempt is not None:
        seen = attempt_words(attempt, draw)
        lines.append(pair("attempts", [Span(f"{attempt.number}  ", Role.SOFT), *seen], width, draw))
    if task.expected is not None:
        own = any(one.outcome is not None for one in task.attempts)
        usual = "usual time" if own else f"usual for {cut(task.task.suggested_agent, 20) or 'its agent'}"
        lines.append(pair(usual, [Span(words.elapsed(task.expected), Role.DIM)], width, draw))
    return lines


def attempt_words(attempt: AttemptView, draw: Draw) -> list[Span]:
    """An attempt's verdict and time: `✗ permission rejected 0:52`."""
    outcome = attempt.outcome
    if outcome is None:
        names = {"NeverRan": "never ran", "Exited": "ended"}
        name = type(attempt.state).__name__
        return [Span(names.get(name, name.lower()), Role.SOFT)]
    time = Span(f"  {words.elapsed(outcome.seconds)}", Role.DIM)
    if outcome.failure is not None:
        return [Span(f"{draw.glyphs.failed} {outcome.failure.value}", Role.BAD), time]
    if outcome.verdict == "verified":
        return [Span(f"{draw.glyphs.done} verified", Role.OK), time]
    return [Span(f"{draw.glyphs.review} {outcome.verdict.value}", Role.REVIEW), time]


def problem_lines(found: tuple[Problem, ...], base: Path | None, width: int, draw: Draw, most: int) -> list[Line]:
    """Problems in words, `most` of them; below `base` named by their path, without it by the file's name."""
    lines: list[Line] = []
    for problem in found[:most]:
        where = clean(problem.where(base)) if base is not None else clean(problem.path.name + _place(problem))
        role = Role.BAD if problem.severity is Severity.ERROR else Role.WARN
        if problem.severity is Severity.NOTE:
            role = Role.DIM
        lines += hanging(f"{draw.glyphs.unreadable} ", role, f"{where}  {problem.message}", role, width)
        if problem.remedy:
            lines += hanging("  ", Role.DIM, problem.remedy, Role.DIM, width)
    if len(found) > most:
        lines.append(Line((Span(f"  {len(found) - most} more", Role.DIM),)))
    return lines


def _place(problem: Problem) -> str:
    if problem.line is None:
        return ""
    return f":{problem.line}" if problem.column is None else f":{problem.line}:{problem.column}"
