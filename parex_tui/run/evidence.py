"""Evidence: what the deliverables of a task looked like before an attempt, and what became of them.

Only names that a task gives plainly can be checked: paths, folders and globs below the project root. What is prose,
lies outside the root or is to be removed is *unchecked*, never guessed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from parex_tui.plan.writes import write_set
from parex_tui.tasks.model import Task
from parex_tui.tasks.text import is_plain

from .attempts import FileFact
from .states import Evidence

HASH_LIMIT: Final = 32 * 1024 * 1024
"""Bytes up to which a file is compared by content; a larger one by size and modification time."""

ENTRY_LIMIT: Final = 5_000
"""Entries of a folder or glob that are looked at."""

SMALL_LIMIT: Final = 64 * 1024
"""Bytes up to which a file in a folder or glob is compared by content, so that touching it is no change."""

LATER_SECONDS: Final = 2.0
"""What the clocks of a file system and of a process may differ by."""

_NOT_WORK: Final = frozenset({".git", ".tmp", "__pycache__", "node_modules", ".venv"})
"""Folders in which parex, tools and installers write: what changes in them is nobody's deliverable."""

_GOES_AWAY: Final = re.compile(
    r"^\W*(delete[ds]?|remove[ds]?)\b|[(\[]\W*(to be )?(delete[ds]?|remove[ds]?)\W*[)\]]\W*$", re.IGNORECASE
)
"""A leading verb (`Removed src/x.py`) or a note that says nothing else (`src/x.py (deleted)`)."""


@dataclass(frozen=True, slots=True)
class Target:
    """One deliverable: the path below the root that it names, or "" and the reason why it cannot be checked."""

    deliverable: str
    path: str
    why_not: str = ""


def targets(deliverables: Sequence[str], root: Path) -> tuple[Target, ...]:
    """What of a task's deliverables can be checked."""
    return tuple(_target(deliverable, root) for deliverable in deliverables)


def _target(deliverable: str, root: Path) -> Target:
    named = write_set(Task(feature="", seq="", path=root, deliverables=(deliverable,)), root)
    if not named.is_known or len(named.paths) != 1:
        return Target(deliverable, "", "names no single file")
    path = named.paths[0]
    if not is_plain(path):
        return Target(deliverable, "", "has characters that no path should have")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in PurePosixPath(path).parts:
        return Target(deliverable, "", "lies outside the project")
    if _GOES_AWAY.search(deliverable):
        return Target(deliverable, "", "is to be removed")
    return Target(deliverable, path)


def facts(deliverables: Sequence[str], root: Path) -> tuple[FileFact, ...]:
    """How every checkable deliverable looks now. Reads files, writes nothing."""
    return tuple(fact(root, target.path) for target in targets(deliverables, root) if target.path)


def fact(root: Path, path: str) -> FileFact:
    """How one path below the root looks now; a link that leads outside the root counts as absent."""
    if _is_glob(path):
        return _many(path, _matches(root, path), "glob")
    full = root / path
    try:
        resolved = full.resolve()
        found = resolved.stat()
    except (OSError, RuntimeError, ValueError):
        return _absent(path)
    if not resolved.is_relative_to(root.resolve()):
        return _absent(path)
    if stat.S_ISDIR(found.st_mode):
        return _many(path, _below(resolved), "directory")
    if not stat.S_ISREG(found.st_mode):
        return FileFact(path=path, exists=True, kind="other", size=0, mtime_ns=found.st_mtime_ns, digest="")
    return FileFact(
        path=path, exists=True, kind="file", size=found.st_size, mtime_ns=found.st_mtime_ns, digest=_digest(resolved)
    )


def _absent(path: str) -> FileFact:
    return FileFact(path=path, exists=False, kind="", size=0, mtime_ns=0, digest="")


def _is_glob(path: str) -> bool:
    return "*" in path or "?" in path


def _matches(root: Path, pattern: str) -> Iterator[Path]:
    literal = re.sub(r"([\[\]])", r"[\1]", pattern)  # brackets are part of names such as app/[id].ts
    try:
        for found in root.glob(literal):
            if not _NOT_WORK.intersection(found.relative_to(root).parts):
                yield found
    except (OSError, ValueError, NotImplementedError):
        return


def _below(folder: Path) -> Iterator[Path]:
    for parent, names, files in os.walk(folder):
        names[:] = [name for name in names if name not in _NOT_WORK]
        for name in files:
            yield Path(parent, name)


def _many(path: str, found: Iterator[Path], kind: str) -> FileFact:
    lines: list[str] = []
    newest = 0
    for number, entry in enumerate(found):
        if number >= ENTRY_LIMIT:
            break
        try:
            seen = entry.lstat()
        except OSError:
            continue
        newest = max(newest, seen.st_mtime_ns)
        small = stat.S_ISREG(seen.st_mode) and seen.st_size <= SMALL_LIMIT
        content = _digest(entry) if small else str(seen.st_mtime_ns)
        lines.append(f"{os.fspath(entry)!r} {seen.st_size} {content}")
    digest = hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
    exists = bool(lines) or kind == "directory"
    return FileFact(path=path, exists=exists, kind=kind, size=len(lines), mtime_ns=newest, digest=digest)


def _digest(path: Path) -> str:
    """SHA-256 of a file's bytes, or "" for one that is too large or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        if os.fstat(fd).st_size > HASH_LIMIT:
            return ""
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ""


def changed(before: FileFact, after: FileFact) -> bool:
    """Whether the two facts of one path differ in content (or, where there is no digest, in size or time)."""
    if before.exists != after.exists or before.kind != after.kind:
        return True
    if before.digest and after.digest:
        return before.digest != after.digest
    return (before.size, before.mtime_ns) != (after.size, after.mtime_ns)


def collect(
    deliverables: Sequence[str], root: Path, baseline: tuple[FileFact, ...], *, ended: float
) -> tuple[Evidence, ...]:
    """What became of every deliverable, as the attempt was given them, since the baseline was taken.

    `ended` is when the attempt did, in seconds since the epoch: what was changed after that is "later", since it may
    have been anybody.
    """
    before = {known.path: known for known in baseline}
    return tuple(_evidence(target, root, before.get(target.path), ended) for target in targets(deliverables, root))


def _evidence(target: Target, root: Path, before: FileFact | None, ended: float) -> Evidence:
    if not target.path:
        return Evidence(target.deliverable, "unchecked", detail=target.why_not)
    if before is None:
        return Evidence(target.deliverable, "unchecked", target.path, "its state before the attempt is not known")
    after = fact(root, target.path)
    if not after.exists:
        return Evidence(target.deliverable, "missing", target.path)
    if before.exists and not changed(before, after):
        return Evidence(target.deliverable, "unchanged", target.path)
    if after.mtime_ns > (ended + LATER_SECONDS) * 1e9:
        return Evidence(target.deliverable, "later", target.path, "was changed after the attempt had ended")
    detail = "empty" if after.kind == "file" and after.size == 0 else ""
    return Evidence(target.deliverable, "changed" if before.exists else "created", target.path, detail)


def present(root: Path, baseline: tuple[FileFact, ...]) -> int:
    """How many paths of the baseline exist now and look different, by a glance (no content is read)."""
    return sum(_glance(root, before) for before in baseline)


def _glance(root: Path, before: FileFact) -> bool:
    if _is_glob(before.path) or before.kind == "directory":
        return changed(before, fact(root, before.path))
    try:
        seen = (root / before.path).stat()
    except (OSError, ValueError):
        return False
    return not before.exists or (seen.st_size, seen.st_mtime_ns) != (before.size, before.mtime_ns)
