"""Reading a text file for show: bounded, cleaned, never blocking, never a path outside the project."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from .lines import Line, Role, Span, hard_wrap

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


def numbered(rows: list[str], width: int, problems: tuple[Problem, ...], sign: str, colour: bool) -> list[Line]:
    """Lines with numbers, wrapped; a line that a problem names is marked, and the problem stands below it."""
    digits = len(str(len(rows)))
    marked: dict[int, list[Problem]] = {}
    for problem in problems:
        if problem.line is not None:
            marked.setdefault(problem.line, []).append(problem)
    lines: list[Line] = []
    for number, row in enumerate(rows, 1):
        found = marked.get(number, [])
        bad = any(problem.severity is Severity.ERROR for problem in found)
        role = Role.DIM if not found else Role.BAD if bad else Role.WARN
        mark = sign if found else " "
        spans = json_spans(row) if colour else [Span(row)]
        parts = hard_wrap(spans, width - digits - 3)
        lines.append(Line((Span(f"{mark}{number:>{digits}}  ", role), *parts[0])))
        lines += [Line((Span(" " * (digits + 3)), *part)) for part in parts[1:]]
        for problem in found:
            text = problem.message + (f" {problem.remedy}" if problem.remedy else "")
            place = f"column {problem.column}: " if problem.column is not None else ""
            parts = hard_wrap([Span(place + text, role)], width - digits - 5)
            lines += [Line((Span(" " * (digits + 3) + "  "), *part)) for part in parts]
    return lines
