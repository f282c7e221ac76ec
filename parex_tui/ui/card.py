"""The card under the tree and the overview of one task: its fields as lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from parex_tui.run.snapshot import AttemptView, FeatureView, TaskView
from parex_tui.run.states import Evidence, TaskClaimed, TaskFailed, TaskReview, TaskVerified, TaskWaiting
from parex_tui.tasks.model import ContextRef, JsonValue
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from . import words
from .lines import BLANK, Line, Role, Span, cut, spread, width_of, wrap
from .looks import Draw, look, name_of
from .panes import attempt_of

_EVIDENCE_ROLES = {
    "created": Role.OK,
    "changed": Role.OK,
    "missing": Role.BAD,
    "unchanged": Role.WARN,
    "later": Role.WARN,
}


def card_lines(view: FeatureView, task: TaskView, width: int, draw: Draw) -> list[Line]:
    """The selected task in short: state, why, deliverables, criteria, what it needs and what needs it."""
    lines = [_title(task, width, draw)]
    sentence = _paragraph(state_sentence(task), width, Role.SOFT, most=3)
    lines += [*sentence, BLANK] if sentence else []
    lines += _problems(task.task.problems, None, width, draw, most=2)
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
    lines += _paragraph(feature.objective, width, Role.SOFT, most=4)
    lines.append(BLANK)
    counts = feature.counts
    on_disk = f"{counts.completed} of {counts.total} completed"
    lines.append(_pair("on disk", [Span(on_disk, Role.SOFT)], width, draw))
    if view.driver:
        lines.append(_pair("driver", [Span(view.driver, Role.SOFT)], width, draw))
    lines.append(_pair("at a time", [Span(str(view.slots), Role.SOFT)], width, draw))
    lines += _problems(feature.problems, feature.path, width, draw, most=4)
    lines += _criteria(feature.exit_criteria, width, draw, most=6, label="exit criteria")
    return lines


def state_sentence(task: TaskView) -> str:
    """What the state means, in one sentence; "" where the word alone says it."""
    state = task.state
    if isinstance(state, (TaskFailed, TaskReview, TaskWaiting)):
        return state.reason
    attempt = attempt_of(task)
    if isinstance(state, TaskVerified) and attempt is not None and attempt.outcome is not None:
        return attempt.outcome.summary or attempt.outcome.reason
    if isinstance(state, TaskClaimed):
        said = task.task.completion_summary
        return f"Claimed by another program, not checked. {said}".rstrip()
    return str(getattr(state, "reason", "") or getattr(state, "note", ""))


def _title(task: TaskView, width: int, draw: Draw) -> Line:
    seen = look(task, draw)
    right = [Span(f"{draw.glyphs.of(seen.sign)} {seen.word}", seen.role)]
    return spread([Span(name_of(task), Role.TITLE)], right, width, draw.glyphs.ellipsis)


def _paragraph(text: str, width: int, role: Role, most: int = 10_000) -> list[Line]:
    """The wrapped text, `most` rows of it; the card has no room for more, the task's own screen has."""
    rows = wrap(text, width) if text else []
    return [Line((Span(row, role),)) for row in rows[:most]]


def _pair(label: str, right: list[Span], width: int, draw: Draw) -> Line:
    return spread([Span(label, Role.DIM)], right, width, draw.glyphs.ellipsis)


def _deliverables(task: TaskView, width: int, draw: Draw, whole: bool = False) -> list[Line]:
    if not task.task.deliverables:
        return [_pair("deliverables", [Span("none named", Role.DIM)], width, draw)]
    attempt = attempt_of(task)
    evidence: dict[str, Evidence] = {}
    if attempt is not None and attempt.outcome is not None:
        evidence = {one.deliverable: one for one in attempt.outcome.evidence}
    total = len(task.task.deliverables)
    right: list[Span] = []
    if evidence:
        there = sum(one.state in ("created", "changed", "later", "unchanged") for one in evidence.values())
        right = [Span(f"{there} of {total} exist", Role.OK if there == total else Role.WARN)]
    elif task.activity is not None and task.activity.files_total:
        there, total = task.activity.files_done, task.activity.files_total
        right = [Span(f"{there} of {total} new or changed", Role.OK if there == total else Role.SOFT)]
    lines = [_pair("deliverables", right or [Span(str(total), Role.DIM)], width, draw)]
    for name in task.task.deliverables:
        one = evidence.get(name)
        role = Role.DIM if one is None else _EVIDENCE_ROLES.get(one.state, Role.SOFT)
        good = one is not None and role is Role.OK
        sign = draw.glyphs.done if good else draw.glyphs.failed if role is Role.BAD else draw.glyphs.waiting
        tail = [] if one is None else [Span(one.state, role)]
        if whole:
            lines += _hanging(f"  {sign} ", role, name, Role.TEXT, width)
            if one is not None:
                detail = f"{one.state}. {one.detail}" if one.detail else one.state
                lines += _hanging("    ", role, detail, role, width)
        else:
            lines.append(spread([Span(f"  {sign} ", role), Span(name)], tail, width, draw.glyphs.ellipsis))
    return lines


def _hanging(lead: str, lead_role: Role, text: str, role: Role, width: int) -> list[Line]:
    """`lead` before the first row of the wrapped text, blanks before the others."""
    indent = width_of([Span(lead)])
    rows = wrap(text, max(8, width - indent))
    first = Line((Span(lead, lead_role), Span(rows[0], role)))
    return [first, *(Line((Span(" " * indent), Span(row, role))) for row in rows[1:])]


def _criteria(items: tuple[str, ...], width: int, draw: Draw, most: int, label: str = "criteria") -> list[Line]:
    if not items:
        return []
    lines = [_pair(label, [Span(str(len(items)), Role.DIM)], width, draw)]
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
        lines.append(_pair("needs", needs, width, draw))
    if then:
        lines.append(_pair("then", then, width, draw))
    return lines


def _agent(view: FeatureView, task: TaskView, width: int, draw: Draw) -> list[Line]:
    attempt = attempt_of(task)
    agent = (attempt.agent if attempt is not None else "") or task.task.suggested_agent or "the default"
    driver = attempt.driver if attempt is not None else view.driver
    text = f"{agent} {draw.glyphs.arrow} {driver}" if driver else agent
    lines = [_pair("agent", [Span(text, Role.SOFT)], width, draw)]
    if attempt is not None:
        seen = attempt_words(attempt, draw)
        lines.append(_pair("attempts", [Span(f"{attempt.number}  ", Role.SOFT), *seen], width, draw))
    if task.expected is not None:
        own = any(one.outcome is not None for one in task.attempts)
        usual = "usual time" if own else f"usual for {cut(task.task.suggested_agent, 20) or 'its agent'}"
        lines.append(_pair(usual, [Span(words.elapsed(task.expected), Role.DIM)], width, draw))
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


def _problems(found: tuple[Problem, ...], base: Path | None, width: int, draw: Draw, most: int) -> list[Line]:
    lines: list[Line] = []
    for problem in found[:most]:
        where = clean(problem.where(base)) if base is not None else clean(problem.path.name + _place(problem))
        role = Role.BAD if problem.severity is Severity.ERROR else Role.WARN
        if problem.severity is Severity.NOTE:
            role = Role.DIM
        lines += _hanging(f"{draw.glyphs.unreadable} ", role, f"{where}  {problem.message}", role, width)
        if problem.remedy:
            lines += _hanging("  ", Role.DIM, problem.remedy, Role.DIM, width)
    if len(found) > most:
        lines.append(Line((Span(f"  {len(found) - most} more", Role.DIM),)))
    return lines


def _place(problem: Problem) -> str:
    if problem.line is None:
        return ""
    return f":{problem.line}" if problem.column is None else f":{problem.line}:{problem.column}"


# --- the overview -----------------------------------------------------------------------------------------------


def overview_lines(view: FeatureView, task: TaskView, root: Path, width: int, draw: Draw) -> list[Line]:
    """Every field of a task, those that parex does not know included."""
    one = task.task
    lines = [_title(task, width, draw)]
    lines += _paragraph(state_sentence(task), width, Role.SOFT)
    lines.append(BLANK)
    lines += _problems(one.problems, root, width, draw, most=1000)
    if one.problems:
        lines.append(BLANK)
    lines += _deliverables(task, width, draw, whole=True)
    lines.append(BLANK)
    if one.acceptance_criteria:
        lines.append(Line((Span("criteria", Role.DIM),)))
        for item in one.acceptance_criteria:
            lines += _hanging(f"  {draw.glyphs.waiting} ", Role.DIM, item, Role.TEXT, width)
        lines.append(BLANK)
    for label, refs in (("context", one.context_files), ("reference", one.reference_files)):
        if refs:
            lines.append(Line((Span(label, Role.DIM),)))
            for ref in refs:
                lines += _hanging(f"  {draw.glyphs.waiting} ", Role.DIM, _ref_text(ref), Role.TEXT, width)
            lines.append(BLANK)
    lines += _relations_whole(view, task, width, draw)
    lines.append(BLANK)
    fields = [
        ("seq", one.seq),
        ("status", one.status_text),
        ("parallel", "yes" if one.parallel else "no"),
        ("batch", "none" if task.batch is None else str(task.batch)),
        ("suggested agent", one.suggested_agent),
        ("agent id", one.agent_id),
        ("started at", one.started_at),
        ("completed at", one.completed_at),
        ("summary", one.completion_summary),
        ("file", clean(str(one.path))),
        ("changed", words.day_and_time(one.modified) if one.modified else ""),
    ]
    for label, value in fields:
        lines += _hanging(f"{label:<17}", Role.DIM, value or draw.glyphs.dash, Role.TEXT if value else Role.DIM, width)
    lines += _extra(one.extra, width)
    return lines


def _ref_text(ref: ContextRef) -> str:
    ranges = ",".join(f"{first}-{last}" for first, last in ref.lines)
    text = f"{ref.path}:{ranges}" if ranges else ref.path
    return f"{text}  ({ref.reason})" if ref.reason else text


def _relations_whole(view: FeatureView, task: TaskView, width: int, draw: Draw) -> list[Line]:
    lines: list[Line] = []
    for label, seqs in (("needs", list(task.task.depends_on)), ("then", dependents(view, task.seq))):
        lines.append(Line((Span(label, Role.DIM), Span("" if seqs else "  nothing", Role.DIM))))
        for seq in seqs:
            other = view.tasks.get(seq)
            if other is None:
                lines += _hanging(
                    f"  {draw.glyphs.unreadable} ", Role.WARN, f"{seq}  names no task here", Role.WARN, width
                )
            else:
                seen = look(other, draw)
                left = [Span(f"  {draw.glyphs.of(seen.sign)} ", seen.role), Span(name_of(other))]
                lines.append(spread(left, [Span(seen.word, seen.role)], width, draw.glyphs.ellipsis))
    return lines


def _extra(extra: Mapping[str, JsonValue], width: int) -> list[Line]:
    if not extra:
        return []
    lines = [BLANK, Line((Span("other fields", Role.DIM),))]
    for name, value in extra.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines += _hanging(f"  {clean(name)}  ", Role.CODE_KEY, clean(text), Role.TEXT, width)
    return lines
