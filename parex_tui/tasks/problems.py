"""Something wrong in the files: where, what it means, what can be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How much a problem takes away."""

    ERROR = "error"  # the file or the task cannot be used as it is
    WARNING = "warning"  # it is used, but something in it is not what it should be
    NOTE = "note"  # parex has no trouble with it; another program would


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one file.

    `line` and `column` count from 1; both are None where the problem has no place in the text.
    `code` is stable and meant for scripts (`json.invalid`, `dep.missing`, …); `message` and `remedy` are one line
    each, already cleaned for display.
    """

    severity: Severity
    code: str
    path: Path
    message: str
    remedy: str = ""
    line: int | None = None
    column: int | None = None

    def where(self, relative_to: Path | None = None) -> str:
        """`file`, `file:line` or `file:line:column`, as editors and compilers write it (not cleaned)."""
        path = self.path
        if relative_to is not None and path.is_relative_to(relative_to):
            path = path.relative_to(relative_to)
        place = "" if self.line is None else f":{self.line}" if self.column is None else f":{self.line}:{self.column}"
        return f"{path}{place}"
