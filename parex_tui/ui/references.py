"""The files that a task points at, looked up on the disk: what is known of each, and whether it can be opened.

Task files name paths of other machines, folders, patterns, web addresses and sentences. Nothing is opened but a regular
file that lies inside the project, symbolic links followed; for everything else there is a reason in words.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from parex_tui.plan.deliverables import normalise, read_deliverable
from parex_tui.tasks.model import ContextRef, Task
from parex_tui.tasks.text import clean, is_plain


class Kind(StrEnum):
    """In which of a task's lists a path stands."""

    DELIVERABLE = "deliverable"
    CONTEXT = "context"
    REFERENCE = "reference"


class Known(StrEnum):
    """What the disk says of a path."""

    EXISTS = "exists"
    MISSING = "missing"
    FOLDER = "folder"
    OUTSIDE = "outside the project"
    PATTERN = "pattern"
    ADDRESS = "web address"
    NO_FILE = "not a file"
    UNCLEAR = "names no file"


REFUSALS: Final = {
    Known.MISSING: "There is no such file yet.",
    Known.FOLDER: "This is a folder; only files are opened.",
    Known.OUTSIDE: "This path lies outside the project; it is not opened.",
    Known.PATTERN: "This is a pattern, not one file.",
    Known.ADDRESS: "This is a web address; only files of the project are opened.",
    Known.NO_FILE: "This is not a regular file; it is not opened.",
    Known.UNCLEAR: "No file can be made out in this text.",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """One path that a task names. `text` is what the task says, cleaned; `note` why it does (or "").

    `path` is the file that can be opened, absolute, None where there is none; `line` is where to begin, from 1.
    `found_as` is the path below the root that stands in for one of another machine, "" where nothing had to.
    `modified` is in seconds since the epoch. `part`: one of several paths in one text, which stands above it.
    """

    kind: Kind
    text: str
    known: Known
    path: Path | None = None
    line: int | None = None
    note: str = ""
    found_as: str = ""
    modified: float | None = None
    part: bool = False

    @property
    def refusal(self) -> str:
        """Why it is not opened, in one line; "" where it can be."""
        return "" if self.path is not None else REFUSALS[self.known]


_PARTS: Final = 40
"""Folders of a path of another machine that are tried without its beginning."""

_ADDRESS: Final = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DRIVE: Final = re.compile(r"[A-Za-z]:/")
_PLACE: Final = re.compile(r"(?::|#L)(\d{1,7})(?:[-:,]L?\d+)*$")


def references(task: Task, root: Path) -> tuple[Reference, ...]:
    """All that a task points at, as the disk is now: deliverables, context, reference files. Never raises."""
    found = [one for text in task.deliverables for one in _deliverable(text, root)]
    for kind, refs in ((Kind.CONTEXT, task.context_files), (Kind.REFERENCE, task.reference_files)):
        found += [_context(kind, ref, root) for ref in refs]
    return tuple(found)


def _context(kind: Kind, ref: ContextRef, root: Path) -> Reference:
    ranges = ",".join(f"{first}-{last}" for first, last in ref.lines)
    text = f"{ref.path}:{ranges}" if ranges else ref.path
    line = max(1, ref.lines[0][0]) if ref.lines else None
    found = _look_up(kind, text, ref.path, root)
    if found.known is Known.MISSING:
        place = _PLACE.search(ref.path)
        if place is not None:
            found = _look_up(kind, text, ref.path[: place.start()], root)
            line = line or max(1, int(place[1]))
    return replace(found, line=line, note=ref.reason)


def _deliverable(text: str, root: Path) -> Iterator[Reference]:
    paths = read_deliverable(text, root).paths
    if not paths:
        known = Known.ADDRESS if _ADDRESS.match(text) else Known.UNCLEAR
        yield Reference(Kind.DELIVERABLE, text, known)
        return
    place = _PLACE.search(text.strip())
    line = max(1, int(place[1])) if place is not None and len(paths) == 1 else None
    if len(paths) > 1:
        yield Reference(Kind.DELIVERABLE, text, Known.UNCLEAR)
    for path in paths:
        name = path.removeprefix("**/")
        single = _look_up(Kind.DELIVERABLE, text if len(paths) == 1 else name, name, root)
        if path.startswith("**/") and single.path is None:
            single = Reference(Kind.DELIVERABLE, single.text, Known.PATTERN if "*" in name else Known.UNCLEAR)
        yield replace(single, line=line, part=len(paths) > 1)


def _look_up(kind: Kind, text: str, path: str, root: Path) -> Reference:
    """What the disk says of one path; of a path of another machine, of its end inside the project."""
    if _ADDRESS.match(path):
        return Reference(kind, text, Known.ADDRESS)
    inside = normalise(path, root)
    if not inside or inside == "**":
        return Reference(kind, text, Known.FOLDER if inside else Known.UNCLEAR)
    if path.startswith("**/"):
        return Reference(kind, text, Known.PATTERN)
    if not inside.startswith(("/", "**/")) and not _DRIVE.match(inside):
        known, modified = _look(inside, root)
        return Reference(kind, text, known, root / inside if known is Known.EXISTS else None, modified=modified)
    for tail in _tails(inside):
        known, modified = _look(tail, root)
        if known is Known.EXISTS:
            return Reference(kind, text, known, root / tail, found_as=clean(tail), modified=modified)
    return Reference(kind, text, Known.OUTSIDE)


def _tails(path: str) -> Iterator[str]:
    """The ends of an absolute path, the longest first."""
    parts = [part for part in path.split("/") if part and part != "**"][-_PARTS:]
    return ("/".join(parts[start:]) for start in range(len(parts)))


def _look(path: str, root: Path) -> tuple[Known, float | None]:
    """What lies at a path below the root."""
    if not is_plain(path):
        return Known.MISSING, None
    try:
        resolved = (root / path).resolve()
        if not resolved.is_relative_to(root.resolve()):
            return Known.OUTSIDE, None
        seen = resolved.stat()
    except (OSError, ValueError, RuntimeError):
        return (Known.PATTERN if _is_pattern(path) else Known.MISSING), None
    if stat.S_ISDIR(seen.st_mode):
        return Known.FOLDER, None
    return (Known.EXISTS, seen.st_mtime) if stat.S_ISREG(seen.st_mode) else (Known.NO_FILE, None)


def _is_pattern(path: str) -> bool:
    """Brackets alone make no pattern: `app/[id].ts` is a name."""
    return "*" in path or "?" in path or bool(re.search(r"\{[^{}]*,[^{}]*\}", path))
