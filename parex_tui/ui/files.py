"""Reading a text file for show: bounded, cleaned, never blocking, never a path outside the project; and its lines."""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from .lines import Line, Role, Span, hard_wrap, wrap

SHOWN_BYTES: Final = 256 * 1024
"""Bytes of a file that are shown; of an agent's output the last ones."""


def read_shown(path: Path, root: Path | None = None, tail: bool = False) -> tuple[list[str], str]:
    """The cleaned lines of a file and a note for the person ("" where all of it is there).

    `root`: the folder below which it must lie, symbolic links followed. With `tail` the end is taken, else the start.
    Never raises for what is on the disk: the note says what is wrong.
    """
    try:
        if root is not None and not path.resolve().is_relative_to(root.resolve()):
            return [], "it lies outside the project and is not opened"
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError, RuntimeError) as error:
        return [], _why(error)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            return [], "it is not a regular file"
        start = max(0, facts.st_size - SHOWN_BYTES) if tail else 0
        data = os.pread(handle, SHOWN_BYTES, start)
    except OSError as error:
        return [], _why(error)
    finally:
        os.close(handle)
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    lines = [clean(row.rstrip("\r").replace("\t", "    ")) for row in text.split("\n")]
    if lines and not lines[-1]:
        lines.pop()
    if facts.st_size <= SHOWN_BYTES:
        return lines, ""
    return lines, f"{'the last' if tail else 'the first'} {SHOWN_BYTES // 1024} KiB of {facts.st_size // 1024:,} KiB"


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return clean(str(error)) or "it cannot be read"


# --- JSON in colour ---------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<text>"(?:[^"\\]|\\.)*"?)|(?P<number>-?\d[\d.eE+-]*)'
    r"|(?P<word>\b(?:true|false|null)\b)"
)
_ROLES: Final = {
    "key": Role.CODE_KEY,
    "text": Role.CODE_TEXT,
    "number": Role.CODE_NUMBER,
    "word": Role.CODE_WORD,
}


def json_spans(row: str) -> list[Span]:
    """One line of JSON in colour; what is no JSON stays as it is."""
    spans: list[Span] = []
    at = 0
    for match in _TOKEN.finditer(row):
        if match.start() > at:
            spans.append(Span(row[at : match.start()], Role.SOFT))
        spans.append(Span(match.group(), _ROLES[match.lastgroup or "text"]))
        at = match.end()
    if at < len(row):
        spans.append(Span(row[at:], Role.SOFT))
    return spans


class Stop(NamedTuple):
    """A place to go to: a row of the file, from 1, and the lines `first` to `end` (exclusive) that show it."""

    row: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A file as lines. `faults`: where a problem is told; `found`: rows in which the searched text occurs."""

    lines: tuple[Line, ...]
    faults: tuple[Stop, ...]
    found: tuple[Stop, ...]
    starts: tuple[int, ...]

    def row_at(self, line: int) -> int:
        """The row of the file that a line shows, from 1."""
        return max(1, bisect_right(self.starts, line))


def listing(
    rows: Sequence[str], width: int, problems: Sequence[Problem] = (), sign: str = "", *, colour: bool, needle: str = ""
) -> Listing:
    """Rows with numbers, wrapped. A row that a problem names is marked, and the problem stands below it; one without
    a place stands above them all, one beyond the end below. `needle` is shown wherever it occurs, whatever its case."""
    digits = len(str(len(rows)))
    room = width - digits - 3
    placed: dict[int, list[Problem]] = {}
    for problem in problems:
        at = 0 if problem.line is None else min(problem.line, len(rows) + 1)
        placed.setdefault(at, []).append(problem)
    sought = re.compile(re.escape(needle), re.IGNORECASE) if needle else None
    lines: list[Line] = _told(placed.get(0, ()), digits, width, sign)
    faults = [Stop(1, 0, len(lines))] if lines else []
    found: list[Stop] = []
    starts: list[int] = []
    for number, row in enumerate(rows, 1):
        here = placed.get(number, [])
        role = _role(here) if here else Role.DIM
        spans = json_spans(row) if colour else [Span(row)]
        hit = sought is not None and sought.search(row) is not None
        if hit and sought is not None:
            spans = mark_spans(spans, sought)
        parts = hard_wrap(spans, room)
        start = len(lines)
        starts.append(start)
        lines.append(Line((Span(f"{sign if here else ' '}{number:>{digits}}  ", role), *parts[0])))
        lines += [Line((Span(" " * (digits + 3)), *part)) for part in parts[1:]]
        if hit:
            found.append(Stop(number, start, len(lines)))
        if here:
            lines += _told(here, digits, width)
            faults.append(Stop(number, start, len(lines)))
    beyond = placed.get(len(rows) + 1, [])
    if beyond:
        start = len(lines)
        lines += _told(beyond, digits, width, sign)
        faults.append(Stop(max(1, len(rows)), start, len(lines)))
    return Listing(tuple(lines), tuple(faults), tuple(found), tuple(starts))


def _role(problems: Sequence[Problem]) -> Role:
    if any(problem.severity is Severity.ERROR for problem in problems):
        return Role.BAD
    return Role.WARN if any(problem.severity is Severity.WARNING for problem in problems) else Role.SOFT


def _told(problems: Sequence[Problem], digits: int, width: int, sign: str = " ") -> list[Line]:
    """Problems in words, below the row that they name, or with their sign where they stand alone."""
    lines: list[Line] = []
    for problem in problems:
        role = _role([problem])
        text = problem.message + (f"; {problem.remedy}" if problem.remedy else "")
        place = f"column {problem.column}: " if problem.column is not None else ""
        first, *rest = wrap(place + text, width - digits - 5)
        lines.append(Line((Span(f"{sign}{' ' * (digits + 4)}", role), Span(first, role))))
        lines += [Line((Span(" " * (digits + 5)), Span(part, role))) for part in rest]
    return lines


def mark_spans(spans: Sequence[Span], sought: re.Pattern[str]) -> list[Span]:
    """The spans with every occurrence of a text marked, also where it goes across spans."""
    text = "".join(span.text for span in spans)
    marked: list[Span] = []
    places = [match.span() for match in sought.finditer(text) if match.end() > match.start()]
    at = 0
    for span in spans:
        end = at + len(span.text)
        inside = at
        for first, last in places:
            if last <= inside or first >= end:
                continue
            if first > inside:
                marked.append(span._replace(text=text[inside:first]))
                inside = first
            marked.append(span._replace(text=text[inside : min(last, end)], role=Role.FOUND))
            inside = min(last, end)
        if inside < end:
            marked.append(span._replace(text=text[inside:end]))
        at = end
    return marked


def mark_lines(lines: Sequence[Line], needle: str) -> tuple[tuple[Line, ...], tuple[Stop, ...]]:
    """Lines that are no file's rows, with every occurrence of `needle` marked, and where those are."""
    if not needle:
        return tuple(lines), ()
    sought = re.compile(re.escape(needle), re.IGNORECASE)
    found = [number for number, line in enumerate(lines) if sought.search(line.text)]
    marked = list(lines)
    for number in found:
        marked[number] = Line(tuple(mark_spans(lines[number].spans, sought)), lines[number].selected)
    return tuple(marked), tuple(Stop(number + 1, number, number + 1) for number in found)
