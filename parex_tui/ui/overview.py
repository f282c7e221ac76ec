"""The overview of one task: every field, and among them what can be chosen: the files it names, its neighbours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from parex_tui.run.snapshot import FeatureView, TaskView
from parex_tui.run.states import Evidence, TaskElsewhere
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.text import clean

from . import words
from .card import (
    EVIDENCE_ROLES,
    deliverables_head,
    dependents,
    evidence_of,
    hanging,
    pair,
    paragraph,
    problem_lines,
    state_sentence,
    title_line,
)
from .lines import BLANK, Line, Role, Span, spread, width_of
from .looks import Draw, look, name_of
from .panes import started_of
from .references import Kind, Known, Reference


class Item(NamedTuple):
    """Something that can be chosen, on the lines `first` to `end` (exclusive). `key` stays the same while it is there.

    It is either a file that the task names, or another task of the feature (`seq`).
    """

    key: str
    first: int
    end: int
    reference: Reference | None = None
    seq: str = ""


class Overview(NamedTuple):
    """The lines, and what can be chosen among them, top to bottom."""

    lines: list[Line]
    items: list[Item]


_LABELS: Final = {Kind.CONTEXT: "context", Kind.REFERENCE: "reference"}
_EXTRA_ROWS: Final = 40
"""Rows of one unknown field; the JSON tab has the rest."""


def overview(
    view: FeatureView, task: TaskView, refs: Sequence[Reference], root: Path, width: int, draw: Draw
) -> Overview:
    """Every field of a task, those that parex does not know included. `refs`: what the disk says of its files."""
    one = task.task
    lines = [title_line(task, width, draw), *paragraph(state_sentence(task, draw.now), width, Role.SOFT), BLANK]
    items: list[Item] = []
    if one.problems:
        lines += [*problem_lines(one.problems, root, width, draw, most=1000), BLANK]
    lines.append(deliverables_head(task, width, draw))
    _files(lines, items, Kind.DELIVERABLE, task, refs, width, draw)
    lines.append(BLANK)
    if one.acceptance_criteria:
        lines.append(Line((Span("criteria", Role.DIM),)))
        for item in one.acceptance_criteria:
            lines += hanging(f"  {draw.glyphs.waiting} ", Role.DIM, item, Role.TEXT, width)
        lines.append(BLANK)
    for kind, label in _LABELS.items():
        if any(ref.kind is kind for ref in refs):
            lines.append(Line((Span(label, Role.DIM),)))
            _files(lines, items, kind, task, refs, width, draw)
            lines.append(BLANK)
    for label, seqs in (("depends on", list(one.depends_on)), ("needed by", dependents(view, task.seq))):
        if label == "depends on" and not seqs and not one.readable:
            lines.append(pair(label, [Span("unknown: the file cannot be read", Role.WARN)], width, draw))
        else:
            _neighbours(lines, items, label, seqs, view, width, draw)
    lines += [BLANK, *_fields(task, width, draw), *_extra(one.extra, width)]
    return Overview(lines, items)


def _files(
    lines: list[Line], items: list[Item], kind: Kind, task: TaskView, refs: Sequence[Reference], width: int, draw: Draw
) -> None:
    evidence = evidence_of(task) if kind is Kind.DELIVERABLE else {}
    for number, ref in enumerate(one for one in refs if one.kind is kind):
        first = len(lines)
        lines += _file(ref, evidence.get(ref.text), _since(task), width, draw)
        items.append(Item(f"{kind} {number}", first, len(lines), reference=ref))


def _file(ref: Reference, seen: Evidence | None, since: tuple[float, str], width: int, draw: Draw) -> list[Line]:
    """A path and what is known of it: beside it where there is room, else below."""
    known, role = _known(ref, seen, since)
    sign = draw.glyphs.done if role is Role.OK else draw.glyphs.failed if role is Role.BAD else draw.glyphs.waiting
    lead = ("    " if ref.part else "  ") + f"{sign} "
    text = f"{ref.text}  ({ref.note})" if ref.note else ref.text
    left = [Span(lead, role), Span(text)]
    if width_of(left) + 2 + width_of([Span(known)]) <= width:
        return [spread(left, [Span(known, role)], width, draw.glyphs.ellipsis)]
    return [
        *hanging(lead, role, text, Role.TEXT, width),
        *(hanging(" " * len(lead), role, known, role, width) if known else []),
    ]


def _known(ref: Reference, seen: Evidence | None, since: tuple[float, str]) -> tuple[str, Role]:
    """What is known of a path, in words."""
    if seen is not None:
        return (f"{seen.state}: {seen.detail}" if seen.detail else seen.state), EVIDENCE_ROLES.get(seen.state, Role.DIM)
    if ref.known is Known.MISSING:
        return ("not there yet", Role.DIM) if ref.kind is Kind.DELIVERABLE else ("missing", Role.WARN)
    if ref.known is Known.UNCLEAR:
        return "", Role.DIM
    if ref.known is not Known.EXISTS:
        return ref.known.value, Role.WARN if ref.known in (Known.OUTSIDE, Known.NO_FILE) else Role.DIM
    here = f"here as {ref.found_as}" if ref.found_as else "exists"
    moment, phrase = since
    if phrase and ref.modified is not None and ref.modified > moment:
        return (f"{here}, {phrase}" if ref.found_as else phrase), Role.OK
    return here, Role.OK


def _since(task: TaskView) -> tuple[float, str]:
    """The moment from which a change is worth telling, and how it is told; "" where there is none."""
    started = started_of(task)
    if started is not None:
        return started, f"changed since {words.clock(started)}, when attempt {task.attempts[-1].number} began" if (
            task.attempts
        ) else f"changed since {words.clock(started)}"
    if isinstance(task.state, TaskElsewhere):
        return task.state.since, f"changed since {words.day_and_time(task.state.since)}"
    return 0.0, ""


def _neighbours(
    lines: list[Line],
    items: list[Item],
    label: str,
    seqs: Sequence[str],
    view: FeatureView,
    width: int,
    draw: Draw,
) -> None:
    lines.append(Line((Span(label, Role.DIM), Span("" if seqs else "  nothing", Role.DIM))))
    for number, seq in enumerate(seqs):
        other = view.tasks.get(seq)
        if other is None:
            sign = f"  {draw.glyphs.unreadable} "
            lines += hanging(sign, Role.WARN, f"{seq}  names no task here", Role.WARN, width)
            continue
        seen = look(other, draw)
        left = [Span(f"  {draw.glyphs.of(seen.sign)} ", seen.role), Span(name_of(other))]
        items.append(Item(f"{label} {number}", len(lines), len(lines) + 1, seq=seq))
        lines.append(spread(left, [Span(seen.word, seen.role)], width, draw.glyphs.ellipsis))


def _fields(task: TaskView, width: int, draw: Draw) -> list[Line]:
    one = task.task
    fields = (
        ("seq", one.seq),
        ("status", one.status_text),
        ("parallel", "yes" if one.parallel else "no" if one.readable else ""),
        ("batch", "none" if task.batch is None else str(task.batch)),
        ("suggested agent", one.suggested_agent),
        ("agent id", one.agent_id),
        ("started at", one.started_at),
        ("completed at", one.completed_at),
        ("summary", one.completion_summary),
        ("file", clean(str(one.path))),
        ("changed", words.day_and_time(one.modified) if one.modified else ""),
    )
    lines: list[Line] = []
    for label, value in fields:
        lines += hanging(f"{label:<17}", Role.DIM, value or draw.glyphs.dash, Role.TEXT if value else Role.DIM, width)
    return lines


def _extra(extra: Mapping[str, JsonValue], width: int) -> list[Line]:
    """The fields that parex does not know: on one line where they fit, else as JSON over several."""
    if not extra:
        return []
    lines = [BLANK, Line((Span("other fields", Role.DIM),))]
    for name, value in extra.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lead = f"  {clean(name, 200)}  "
        if isinstance(value, str) or width_of([Span(lead + clean(text, 1000))]) <= width:
            lines += hanging(lead, Role.CODE_KEY, clean(text), Role.TEXT, width)
            continue
        lines += hanging("  ", Role.DIM, lead.strip(), Role.CODE_KEY, width)
        rows = json.dumps(value, ensure_ascii=False, indent=2).splitlines()
        for row in rows[:_EXTRA_ROWS]:
            indent = " " * (4 + min(len(row) - len(row.lstrip()), 20))
            lines += hanging(indent, Role.DIM, clean(row.strip()), Role.TEXT, width)
        if len(rows) > _EXTRA_ROWS:
            lines.append(Line((Span(f"    {len(rows) - _EXTRA_ROWS} more lines", Role.DIM),)))
    return lines
