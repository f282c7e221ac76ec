"""A repair as lines: what it does, step by step, then its unified diff in colour. No Textual."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from parex_tui.tasks.repair import Repair
from parex_tui.tasks.text import clean

from .lines import BLANK, Line, Role, Span, hard_wrap, wrap
from .looks import Draw


def diff_lines(rows: Iterable[str], width: int) -> list[Line]:
    """A unified diff, wrapped: what comes green, what goes red; the sign before each line says the same."""
    lines: list[Line] = []
    for row in rows:
        role = _role(row)
        first, *rest = hard_wrap([Span(row, role)], width)
        lines.append(Line(first))
        lines += [Line((Span(" ", role), *part)) for part in rest]
    return lines


def _role(row: str) -> Role:
    if row.startswith(("--- ", "+++ ")):
        return Role.DIM
    if row.startswith("@@"):
        return Role.ACCENT
    return {"+": Role.OK, "-": Role.BAD}.get(row[:1], Role.SOFT)


def repair_lines(repairs: Sequence[Repair], root: Path, width: int, draw: Draw) -> list[Line]:
    """Each repair: its file, its title, its steps, its diff."""
    lines: list[Line] = []
    for repair in repairs:
        path = repair.path.relative_to(root) if repair.path.is_relative_to(root) else repair.path
        lines += [BLANK] if lines else []
        lines += [Line((Span(part, Role.TITLE),)) for part in wrap(clean(str(path)), width)]
        lines += [Line((Span(part, Role.TEXT),)) for part in wrap(clean(repair.title), width)]
        for step in repair.steps:
            first, *rest = wrap(clean(step), max(8, width - 4))
            lines.append(Line((Span(f"  {draw.glyphs.dot} ", Role.DIM), Span(first, Role.SOFT))))
            lines += [Line((Span("    "), Span(part, Role.SOFT))) for part in rest]
        lines.append(BLANK)
        lines += diff_lines(repair.diff(), width - 1)
    return lines
