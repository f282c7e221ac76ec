"""Trust: what of a project's own files may be executed, because a person looked at exactly these bytes and said so.

Nothing that a repository brings along is executed before that. Trust is given to the commands of one task at a time
and bound to a digest over where the project lies (its real path, and which folder that is), the task file's path in
it, and every byte that is executed with the limits it has. One changed byte, a project that was moved or a copy of it
has another digest, and is asked about again. What is checked afterwards (an expected exit code, a text in the output)
executes nothing and is not part of it. Neither is what a command goes on to run: `bash check.sh` is trusted as this
line, whatever `check.sh` says later. So the files of the project that a line names are told, to be looked at.

The store is a folder in the user's own state, one file per digest; nothing inside a project can add to it.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from parex_tui.errors import ParexError
from parex_tui.tasks.model import Feature, Task
from parex_tui.tasks.text import clean
from parex_tui.tasks.verification import Block, CommandCheck, checks_of

from . import statedir

_VERSION: Final = 1
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_WORD_ENDS: Final = re.compile(r"[\s;&|<>(){}`$'\"=,]+")
_OWN_FILES: Final = (
    (frozenset({"npm", "npx", "pnpm", "yarn", "bun"}), ("package.json",)),
    (frozenset({"make", "gmake"}), ("GNUmakefile", "makefile", "Makefile")),
    (frozenset({"just"}), ("justfile", "Justfile")),
)  # what a program runs out of a file that its line does not name
_NAMED_LIMIT: Final = 20


class UnsafeError(ParexError):
    """Somebody else could write where only the user may: nothing is executed, and no trust helps. One line."""


@dataclass(frozen=True, slots=True)
class Executable:
    """What the checks of one task would execute. `file` is relative to the root.

    `commands` are exact; each has its position in the block. `digest` (64 hexadecimal digits) names these bytes at
    this place and no others. `named` are the project's files that each command names, in the order of `commands`: what
    they contain is not part of the digest.
    """

    feature: str
    seq: str
    title: str
    file: str
    commands: tuple[tuple[int, CommandCheck], ...]
    digest: str
    named: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Something that would be executed, and whether it may be."""

    executable: Executable
    trusted: bool


@dataclass(frozen=True, slots=True)
class Given:
    """Trust that was given at `at` (seconds since the epoch). `commands` are cleaned."""

    digest: str
    feature: str
    seq: str
    file: str
    commands: tuple[str, ...]
    at: float


class Trust:
    """What a person trusts in one project. Reading creates nothing; nothing is remembered between two questions.

    Methods raise UnsafeError where the store, and OSError where the root, cannot be relied on.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._store = statedir.project_path(root) / "trust"

    def executable(self, task: Task, block: Block) -> Executable | None:
        """What a block would execute, with its digest; None where it only looks at files."""
        if not block.commands:
            return None
        file = task.path.relative_to(self._root) if task.path.is_relative_to(self._root) else task.path
        here = self._root.stat()
        fields = [b"parex.trust", os.fsencode(os.path.realpath(self._root)), b"%d:%d" % (here.st_dev, here.st_ino)]
        fields.append(os.fsencode(file))
        for at, check in block.commands:
            fields += [b"%d" % at, check.command.encode(), repr(check.limit_ms).encode()]
        named = tuple(files_named(self._root, check.command) for _, check in block.commands)
        return Executable(task.feature, task.seq, task.title, str(file), block.commands, _digest(fields), named)

    def what(self, feature: Feature, seq: str | None = None) -> tuple[Standing, ...]:
        """What the sound blocks of a feature (or of one of its tasks) would execute, in the order of the tasks."""
        found: list[Standing] = []
        for task in feature.tasks:
            block = checks_of(task) if seq in (None, task.seq) else None
            executable = self.executable(task, block) if isinstance(block, Block) else None
            if executable is not None:
                found.append(Standing(executable, self.is_trusted(executable)))
        return tuple(found)

    def is_trusted(self, executable: Executable) -> bool:
        """Whether exactly this was trusted."""
        if not self._exists():
            return False
        record = statedir.read_record(self._store / executable.digest)
        return record is not None and record.get("digest") == executable.digest

    def trust(self, executables: Iterable[Executable], clock: Callable[[], float]) -> None:
        """Trust exactly these, on disk when this returns. Nothing that is trusted already is withdrawn."""
        try:
            statedir.project_dir(self._root)
            statedir.make_private(self._store)
            statedir.check_private(self._store)
        except statedir.StateError as error:
            raise UnsafeError(str(error)) from error
        for executable in executables:
            record = {
                "version": _VERSION,
                "digest": executable.digest,
                "feature": executable.feature,
                "seq": executable.seq,
                "file": executable.file,
                "commands": [check.command for _, check in executable.commands],
                "at": clock(),
            }
            statedir.write_durably(self._store / executable.digest, statedir.json_bytes(record))

    def withdraw(self, digests: Iterable[str]) -> int:
        """Trust these no longer; how many of them were trusted."""
        if not self._exists():
            return 0
        gone = 0
        for digest in digests:
            if _DIGEST.fullmatch(digest):
                before = (self._store / digest).exists()
                (self._store / digest).unlink(missing_ok=True)
                gone += before
        statedir.sync_folder(self._store)
        return gone

    def given(self) -> tuple[Given, ...]:
        """All the trust that was given in this project, whether or not its bytes are still there; oldest first."""
        if not self._exists():
            return ()
        names = [path.name for path in self._store.iterdir() if _DIGEST.fullmatch(path.name)]
        records = [(name, statedir.read_record(self._store / name) or {}) for name in names]
        return tuple(sorted((_given(name, record) for name, record in records), key=lambda one: (one.at, one.digest)))

    def check_place(self, task: Task) -> None:
        """Refuse what somebody else could change between a look and a run.

        Raises UnsafeError where the root, the task file or a folder between them belongs to another user, or can be
        written by every user.
        """
        folders = [task.path, *task.path.parents]
        places = folders[: folders.index(self._root) + 1] if self._root in folders else [task.path, self._root]
        for place in reversed(places):
            try:
                found = place.stat()
            except OSError as error:
                raise UnsafeError(f"{clean(str(place))}: cannot be looked at: {error.strerror}") from error
            if found.st_uid != os.geteuid():
                raise UnsafeError(f"{clean(str(place))} belongs to another user: nothing in it is executed")
            if found.st_mode & stat.S_IWOTH and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
                fault = "can be written by every user: nothing in it is executed"
                raise UnsafeError(f"{clean(str(place))} {fault}; check it, then: chmod o-w")

    def _exists(self) -> bool:
        if not self._store.exists():
            return False
        try:
            for folder in (statedir.state_root(), self._store.parent, self._store):
                statedir.check_private(folder)
        except statedir.StateError as error:
            raise UnsafeError(str(error)) from error
        return True


def files_named(root: Path, command: str) -> tuple[str, ...]:
    """The files and folders below `root` that a shell line names and that exist, relative to it, as they are written.

    A help for whoever looks, and no more: what a line names in another way, or runs without naming it, is not found.
    """
    base = os.path.realpath(root)
    found: dict[str, None] = {}
    for word in _WORD_ENDS.split(command):
        own = next((files for programs, files in _OWN_FILES if word in programs), ())
        for name in (word, *own):
            place = os.path.normpath(root / name) if name.strip("./") and "\0" not in name else ""
            inside = place.startswith(f"{root}{os.sep}") and os.path.realpath(place).startswith(f"{base}{os.sep}")
            if inside and os.path.exists(place):  # noqa: PTH110 - false for a name that no file can have
                found[os.path.relpath(place, root) + ("/" if os.path.isdir(place) else "")] = None  # noqa: PTH112
    return tuple(found)[:_NAMED_LIMIT]


def digest_of(executables: Sequence[Executable]) -> str:
    """One digest for several, in their order: whoever has seen them all can say which ones are meant."""
    return _digest([b"parex.trust several", *(executable.digest.encode() for executable in executables)])


def _digest(fields: Iterable[bytes]) -> str:
    """SHA-256 over fields with their lengths, so that no two lists of fields read the same."""
    digest = hashlib.sha256()
    for field in fields:
        digest.update(len(field).to_bytes(8, "big") + field)
    return digest.hexdigest()


def _given(digest: str, record: dict[str, Any]) -> Given:
    def text(name: str) -> str:
        return clean(str(record.get(name, "")), 500)

    commands, at = record.get("commands"), record.get("at")
    return Given(
        digest,
        text("feature"),
        text("seq"),
        text("file"),
        tuple(clean(str(command)) for command in commands) if isinstance(commands, list) else (),
        float(at) if isinstance(at, (int, float)) else 0.0,
    )
