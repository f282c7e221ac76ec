"""Making one change of one task file: next to other writers, checked before a byte is written, and all or nothing.

A change is a plan: from the bytes that are there now it makes the bytes that are to be there. It is made anew from
fresh bytes whenever somebody else was faster.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .document import InvalidError, parse
from .drafts import FEATURE_STATUSES
from .files import UnreadableError, check_regular, read_all
from .layout import TASK_JSON, is_task_file
from .model import JsonValue, Status
from .overwrite import Written, replace_content
from .patch import Absent, PatchError, Value, patched, same_value
from .text import clean

PATIENCE: Final = 2.0
"""Seconds for another writer to finish."""

_LEASE_PATIENCE: Final = 0.5  # seconds for others to close the file, before we write while they have it open
_PAUSES: Final = (0.001, 0.003, 0.007)  # in turn: one length may keep step with a program that comes again and again


class EditError(Exception):
    """The file was not changed: one line with the file, why, and what to do."""


class ChangedError(EditError):
    """The file is not the one that the change was meant for: somebody else changed it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that was made. `content` and `result` are the file's bytes before and after it.

    `old` and `new` hold the values of the fields in `changed`; a field that was not there is missing in `old`, one that
    was taken out in `new`. A change of the file as a whole has no fields.
    """

    path: Path
    content: bytes = b""
    result: bytes = b""
    changed: tuple[str, ...] = ()
    old: Mapping[str, JsonValue] = field(default_factory=dict)
    new: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def before(self) -> str:
        """The SHA-256 of the file before, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def after(self) -> str:
        """The SHA-256 of the file afterwards; the one before where nothing had to change."""
        return hashlib.sha256(self.result).hexdigest()


class NoSpaceError(EditError):
    """There is no room on the disk for `edit`; it can be made when there is."""

    def __init__(self, message: str, edit: Edit | None = None) -> None:
        super().__init__(message)
        self.edit = edit


Made = Callable[[Edit], None]
"""Hears of an edit that was made, while the file is still locked against every other parex."""

Plan = Callable[[bytes], Edit]
"""What to make of a file's bytes. Raises EditError to refuse, InvalidError where it needs JSON and there is none."""

Decide = Callable[[Mapping[str, JsonValue], bytes], Mapping[str, Value]]
"""Which fields to set, given the fields that are there and the bytes that they were read from."""


def not_told(edit: Edit) -> None:
    """For edits that nobody has to hear of."""


def fields_plan(path: Path, decide: Decide, *, any_status: bool = False) -> Plan:
    """The plan that sets fields and changes no other byte. `any_status`: also one that the format does not know."""

    def plan(data: bytes) -> Edit:
        document = parse(data)
        values = document.value
        if not isinstance(values, dict):
            raise refused(path, "it holds no task object; repair it first")
        changes = decide(values, data)
        if not any_status:
            _check_status(path, changes)
        try:
            new = patched(data, document.root, changes)
        except PatchError as error:
            raise refused(path, str(error)) from None
        changed = tuple(key for key, value in changes.items() if not _stands(values, key, value))
        return Edit(
            path,
            data,
            new,
            changed,
            {key: values[key] for key in changed if key in values},
            {key: value for key in changed if not isinstance(value := changes[key], Absent)},
        )

    return plan


def _stands(values: Mapping[str, JsonValue], key: str, value: Value) -> bool:
    if isinstance(value, Absent):
        return key not in values
    return key in values and same_value(values[key], value)


def _check_status(path: Path, changes: Mapping[str, Value]) -> None:
    known = FEATURE_STATUSES if path.name == TASK_JSON else tuple(status.value for status in Status)
    status = changes.get("status", known[0])
    if not isinstance(status, Absent) and status not in known:
        raise refused(path, f"the format knows no status “{status}”; it knows {', '.join(known)}")


def refused(path: Path, reason: str) -> EditError:
    """The error that says why a change of that file was not made."""
    return EditError(f"{shown(path)}: {clean(reason)}")


def shown(path: Path) -> str:
    """A path for a message."""
    return clean(str(path))


class _Busy(Exception):  # noqa: N818 - says "try again", and never leaves this file
    """Not now: `reason` is what to say if it stays so."""

    def __init__(self, reason: str, *, still: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.still = still  # nobody has touched the file for so long that waiting is no use


class Editor:
    """One change: tried until it is made, refused for good, or out of time."""

    def __init__(
        self,
        path: Path,
        root: Path,
        plan: Plan,
        *,
        expected_digest: str | None = None,
        made: Made = not_told,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`patience`: seconds for other writers. `made` is told also where nothing had to change."""
        self._path = path
        self._root = root
        self._plan = plan
        self._expected = expected_digest
        self._made = made
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._lease_deadline = 0.0
        self._planned: Edit | None = None

    def run(self) -> Edit:
        """Make the change. Raises EditError."""
        if not is_task_file(self._path.name):
            raise self._refused("not a task file: parex changes task.json and subtask_NN.json only")
        started = self._clock()
        self._lease_deadline = started + _LEASE_PATIENCE
        for pause in itertools.cycle(_PAUSES):
            try:
                return self._once()
            except _Busy as busy:
                if busy.still or self._clock() - started >= self._patience:
                    raise self._refused(busy.reason) from None
            self._sleep(pause)
        raise AssertionError("the pauses never end")

    def _refused(self, reason: str) -> EditError:
        return refused(self._path, reason)

    def _once(self) -> Edit:
        real = self._real_path()
        try:
            descriptor = os.open(real, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY)
        except BlockingIOError:
            raise _Busy("another program holds the file; try again when it is done") from None
        except (OSError, ValueError) as error:
            raise self._system(error) from None
        try:
            return self._edit(descriptor, real)
        except UnreadableError as error:
            raise self._refused(f"{error}; {error.remedy}" if error.remedy else str(error)) from None
        except OSError as error:
            raise self._system(error) from None
        finally:
            os.close(descriptor)

    def _real_path(self) -> str:
        """The file behind all links; it must lie below the root."""
        real = os.path.realpath(self._path)
        base = os.path.realpath(self._root)
        if os.path.commonpath((real, base)) != base:
            raise self._refused(f"it leads to {real}, outside the project: parex writes nothing there")
        return real

    def _system(self, error: OSError | ValueError) -> EditError:
        match getattr(error, "errno", None):
            case errno.ENOENT | errno.ENOTDIR:
                return self._refused("the file is gone; look where it was moved to")
            case errno.ENOSPC | errno.EDQUOT:
                reason = "no space left on the disk; the file is as it was; make room and try again"
                return NoSpaceError(f"{shown(self._path)}: {reason}", self._planned)
            case errno.ENXIO | errno.EISDIR | errno.ELOOP:
                return self._refused("not a regular file; parex does not write to it")
            case _:
                reason = getattr(error, "strerror", None) or str(error)
                return self._refused(f"cannot be written: {reason}; check its owner and permissions")

    def _edit(self, descriptor: int, real: str) -> Edit:
        info = os.fstat(descriptor)
        check_regular(info)
        self._check_place(descriptor, real)
        _exclude_other_parex(descriptor)
        data = read_all(descriptor, info.st_size)
        if self._expected is not None and hashlib.sha256(data).hexdigest() != self._expected:
            raise ChangedError(f"{shown(self._path)}: changed by another program since it was read; look again first")
        try:
            edit = self._planned = self._plan(data)
        except InvalidError as error:
            still = time.time() - max(info.st_mtime, info.st_ctime) > PATIENCE
            reason = f"not valid JSON in line {error.line}, column {error.column}: {error.message}; repair it first"
            raise _Busy(reason, still=still) from None
        if edit.result != data:
            need_lease = self._clock() < self._lease_deadline
            if replace_content(descriptor, real, data, edit.result, need_lease=need_lease) is not Written.DONE:
                raise _Busy("other programs keep writing to it; try again when they are done")
        self._made(edit)
        return edit

    def _check_place(self, descriptor: int, real: str) -> None:
        """The open file is the one that was checked: no folder on the way turned into a link meanwhile."""
        try:
            opened = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        except OSError:
            return  # no such folder on this system
        if opened != real:
            raise _Busy("the file is being replaced all the time; try again later")


def _exclude_other_parex(descriptor: int) -> None:
    """One parex at a time, for file systems without leases; also waits for whoever else locks the file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _Busy("another program holds a lock on the file; try again when it is done") from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
            raise
