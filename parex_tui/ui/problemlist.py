"""The problems of a whole project as a list to move in: what stands in it, and how each item reads. No Textual."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from parex_tui.run.snapshot import Conflict, Snapshot
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from . import words
from .changes import problems_of
from .lines import BLANK, Line, Role, Span, cut_spans, spread, width_of, wrap
from .looks import Draw

_ORDER: Final = {severity: number for number, severity in enumerate(Severity)}
_ROLES: Final = {Severity.ERROR: Role.BAD, Severity.WARNING: Role.WARN, Severity.NOTE: Role.DIM}


class Kind(StrEnum):
    """What an item is. A heading is never selected."""

    HEADING = "heading"
    CONFLICT = "conflict"
    PROBLEM = "problem"
    NOTES = "notes"


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `group` is a feature's key, "" for what belongs to the whole project; `seq` its task, if any.

    `count` is how many notes a `NOTES` item stands for, and how many problems a heading has below it.
    """

    kind: Kind
    group: str
    seq: str = ""
    problem: Problem | None = None
    conflict: Conflict | None = None
    count: int = 0
    open: bool = False

    @property
    def identity(self) -> tuple[object, ...]:
        """Stays the same from snapshot to snapshot, while the problem does."""
        problem, conflict = self.problem, self.conflict
        told = (problem.code, problem.path, problem.line, problem.column, problem.message) if problem else ()
        return (self.kind, self.group, self.seq, conflict.number if conflict else None, *told)


def problem_items(snapshot: Snapshot, unfolded: Collection[str]) -> list[Item]:
    """Everything that is wrong: conflicts first, then group by group, a group with errors before one without.

    Inside a group errors come first; its notes are folded into one item unless its key is in `unfolded`.
    """
    items: list[Item] = []
    if snapshot.conflicts:
        items.append(Item(Kind.HEADING, "", count=len(snapshot.conflicts)))
        for one in snapshot.conflicts:
            group, seq = _place_of(snapshot, one.path)
            items.append(Item(Kind.CONFLICT, group, seq, conflict=one))
    groups = [("", [("", problem) for problem in snapshot.project.problems])]
    groups += [(view.key, list(problems_of(view))) for view in snapshot.features.values()]
    groups = [(key, sorted(found, key=lambda one: _ORDER[one[1].severity])) for key, found in groups if found]
    for key, found in sorted(groups, key=lambda group: _ORDER[group[1][0][1].severity]):
        items.append(Item(Kind.HEADING, key, count=len(found), problem=found[0][1]))
        notes = [one for one in found if one[1].severity is Severity.NOTE]
        items += [Item(Kind.PROBLEM, key, seq, problem) for seq, problem in found[: len(found) - len(notes)]]
        if notes:
            is_open = key in unfolded
            items.append(Item(Kind.NOTES, key, count=len(notes), open=is_open))
            items += [Item(Kind.PROBLEM, key, seq, problem) for seq, problem in notes] if is_open else []
    return items


def _place_of(snapshot: Snapshot, path: Path) -> tuple[str, str]:
    """The feature and the task of a file."""
    for view in snapshot.features.values():
        if path.parent == view.feature.path:
            return view.key, next((seq for seq, task in view.tasks.items() if task.task.path == path), "")
    return "", ""


def counted(snapshot: Snapshot) -> dict[Severity, int]:
    """How many problems there are of each severity, those that only the plan knows included."""
    found = dict.fromkeys(Severity, 0)
    for problem in snapshot.project.problems:
        found[problem.severity] += 1
    for view in snapshot.features.values():
        for _, problem in problems_of(view):
            found[problem.severity] += 1
    return found


# --- one item as lines ------------------------------------------------------------------------------------------


def item_lines(item: Item, snapshot: Snapshot, width: int, draw: Draw) -> list[Line]:
    """How an item reads in `width` cells."""
    if item.kind is Kind.HEADING:
        return _heading(item, snapshot, width, draw)
    if item.conflict is not None:
        return _conflict(item.conflict, snapshot.project.root, width, draw)
    if item.problem is not None:
        return _problem(item, item.problem, snapshot, width, draw)
    sign = draw.glyphs.unfolded if item.open else draw.glyphs.folded
    text = f"{words.plural(item.count, 'note')}: parex has no trouble with them, another program would"
    return [Line(cut_spans([Span(f"  {sign} ", Role.DIM), Span(text, Role.DIM)], width, draw.glyphs.ellipsis))]


def _heading(item: Item, snapshot: Snapshot, width: int, draw: Draw) -> list[Line]:
    view = snapshot.features.get(item.group)
    if item.problem is None:
        name, right = "Changed by two at once", words.plural(item.count, "field")
    else:
        name, right = (view.feature.id if view is not None else "The project"), words.plural(item.count, "problem")
    return [BLANK, spread([Span(name, Role.TITLE)], [Span(right, Role.DIM)], width, draw.glyphs.ellipsis)]


def _problem(item: Item, problem: Problem, snapshot: Snapshot, width: int, draw: Draw) -> list[Line]:
    view = snapshot.features.get(item.group)
    base = view.feature.path if view is not None else snapshot.project.root
    role = _ROLES[problem.severity]
    where = "." if problem.path == base else clean(problem.where(base))
    sign = draw.glyphs.failed if problem.severity is Severity.ERROR else draw.glyphs.unreadable
    if problem.severity is Severity.NOTE:
        sign = draw.glyphs.dot
    lines = _hanging(f"  {sign} ", role, [(where, role), (problem.message, Role.TEXT)], width)
    return [*lines, *(_hanging("    ", Role.DIM, [(problem.remedy, Role.DIM)], width) if problem.remedy else [])]


def _conflict(one: Conflict, root: Path, width: int, draw: Draw) -> list[Line]:
    path = one.path.relative_to(root) if one.path.is_relative_to(root) else one.path
    where = clean(f"{path.parent.name}/{path.name}")
    told = [(where, Role.BAD), (clean(one.field), Role.TITLE), (clean(one.why), Role.TEXT)]
    lines = _hanging(f"  {draw.glyphs.failed} ", Role.BAD, told, width)
    for name, value, role in (("yours ", one.ours, Role.OK), ("theirs", one.theirs, Role.WARN)):
        lines += _hanging(f"    {name}  ", Role.DIM, [(clean(value, 2_000) or "not there", role)], width, most=4)
    return lines


def _hanging(lead: str, role: Role, parts: list[tuple[str, Role]], width: int, most: int = 50) -> list[Line]:
    """`lead`, then the parts: in one row where they fit, else each on rows of its own, under each other."""
    room = max(8, width - len(lead))
    row = [span for text, part_role in parts for span in (Span("  "), Span(text, part_role))]
    rows: Sequence[tuple[Span, ...]] = [tuple(row[1:])]
    if width_of(rows[0]) > room:
        rows = [(Span(row, part_role),) for text, part_role in parts for row in wrap(text, room)][:most]
    first = Line((Span(lead, role), *rows[0]))
    return [first, *(Line((Span(" " * len(lead)), *row)) for row in rows[1:])]
