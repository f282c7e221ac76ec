"""Editing task files: the smallest change of bytes, next to other writers, and only what the format knows."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .document import InvalidError, parse
from .drafts import FEATURE_STATUSES
from .files import UnreadableError, check_regular, read, read_all, unreadable
from .layout import TASK_JSON, is_task_file, task_number
from .model import JsonValue, Status, Task
from .overwrite import Written, replace_content
from .patch import PatchError, patched, same_value
from .text import clean

SUMMARY_LIMIT: Final = 200
"""Characters of a completion summary, counted as the reference tool does, which refuses more."""

_PATIENCE: Final = 2.0  # seconds for another writer to finish
_LEASE_PATIENCE: Final = 0.25  # seconds for others to close the file, before we write while they have it open
_PAUSE: Final = 0.005


class EditError(Exception):
    """The file was not changed: one line with the file, why, and what to do."""


class ChangedError(EditError):
    """The file is not the one that the change was meant for: somebody else changed it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that was made. `content` and `result` are the file's bytes before and after it.

    `old` and `new` hold the values of the fields in `changed`; a field that was not there is missing in `old`. A change
    of the file as a whole has no fields.
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


_Changes = Callable[[Mapping[str, JsonValue]], Mapping[str, JsonValue]]


def set_fields(
    path: Path,
    changes: Mapping[str, JsonValue],
    *,
    root: Path,
    expected_digest: str | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Edit:
    """Set fields of a task file below `root`, changing no other byte of it.

    With `expected_digest` only if the file still has that SHA-256. A file that another program is writing just now is
    waited for, up to two seconds. `clock` and `sleep` are in seconds.

    Raises:
        ChangedError: the file is not the expected one.
        EditError: not a task file below the root, not valid JSON, a field stated twice, a status that the format does
            not know, or the system refuses. The file is as it was.
    """
    return _Editor(path, root, lambda values: changes, expected_digest, clock, sleep).run()


def start_task(task: Task, agent_id: str, now: float, *, root: Path, expected_digest: str | None = None) -> Edit:
    """`in_progress` by `agent_id` since `now` (seconds since the epoch). Raises as `set_fields`."""

    def changes(values: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        wanted: dict[str, JsonValue] = {
            "status": Status.IN_PROGRESS.value,
            "agent_id": agent_id,
            "started_at": timestamp(now),
        }
        return wanted | _cleared(values, "completed_at")

    return _Editor(task.path, root, changes, expected_digest).run()


def complete_task(task: Task, summary: str, now: float, *, root: Path, expected_digest: str | None = None) -> Edit:
    """`completed` at `now` (seconds since the epoch), with a summary that is cut to the format's length.

    Raises as `set_fields`.
    """
    changes: dict[str, JsonValue] = {
        "status": Status.COMPLETED.value,
        "completed_at": timestamp(now),
        "completion_summary": cut_summary(summary),
    }
    return _Editor(task.path, root, lambda values: changes, expected_digest).run()


def block_task(task: Task, *, root: Path, expected_digest: str | None = None) -> Edit:
    """`blocked`, and no time of completion. Raises as `set_fields`."""
    return _set_open_status(task, Status.BLOCKED, root, expected_digest)


def reset_task(task: Task, *, root: Path, expected_digest: str | None = None) -> Edit:
    """`pending`, and no time of completion. Raises as `set_fields`."""
    return _set_open_status(task, Status.PENDING, root, expected_digest)


def _set_open_status(task: Task, status: Status, root: Path, expected_digest: str | None) -> Edit:
    def changes(values: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        return {"status": status.value} | _cleared(values, "completed_at")

    return _Editor(task.path, root, changes, expected_digest).run()


def sync_feature(feature_path: Path, root: Path, now: float) -> Edit | None:
    """Bring task.json in line with the task files, read fresh from disk: `completed_count`, and the status.

    Every task completed: `completed` with `completed_at` (`now`, seconds since the epoch). Not any more: back to
    `active`. `archived` stays. None where there is no task.json.

    Raises:
        EditError: as `set_fields`.
    """
    path = feature_path / TASK_JSON
    if not path.exists() and not path.is_symlink():
        return None

    def changes(values: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        completed, total = _count(feature_path)
        wanted: dict[str, JsonValue] = {"completed_count": completed}
        status = values.get("status")
        if total > 0 and completed == total:
            if status not in ("completed", "archived"):
                wanted["status"] = "completed"
            if not values.get("completed_at"):
                wanted["completed_at"] = timestamp(now)
        elif status == "completed":
            wanted["status"] = "active"
            wanted |= _cleared(values, "completed_at")
        return wanted

    return _Editor(path, root, changes).run()


def _count(feature_path: Path) -> tuple[int, int]:
    """How many subtask files say completed, and how many there are; one that is not valid JSON says nothing."""
    completed = total = 0
    try:
        paths = [path for path in feature_path.iterdir() if task_number(path.name) is not None]
    except OSError as error:
        raise EditError(f"{_shown(feature_path)}: {unreadable(error)}") from None
    for path in paths:
        total += 1
        try:
            value = parse(read(path).data).value
        except (UnreadableError, InvalidError):
            continue
        completed += isinstance(value, dict) and value.get("status") == Status.COMPLETED.value
    return completed, total


def _cleared(values: Mapping[str, JsonValue], key: str) -> dict[str, JsonValue]:
    return {} if values.get(key) is None else {key: None}


def timestamp(now: float) -> str:
    """Seconds since the epoch as the format writes a time: `2026-01-31T12:00:00Z`."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cut_summary(summary: str) -> str:
    """One clean line of at most 200 characters as JavaScript counts them; what is longer ends in `…`."""
    line = clean(" ".join(summary.split()))
    if _units(line) <= SUMMARY_LIMIT:
        return line
    line = line[: SUMMARY_LIMIT - 1]
    while _units(line) > SUMMARY_LIMIT - 1:
        line = line[:-1]
    return line.rstrip() + "…"


def _units(text: str) -> int:
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def _shown(path: Path) -> str:
    return clean(str(path))


class _Busy(Exception):  # noqa: N818 - says "try again", and never leaves this file
    """Not now: `reason` is what to say if it stays so."""

    def __init__(self, reason: str, *, still: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.still = still  # nobody has touched the file for so long that waiting is no use


class _Editor:
    """One edit: tried until it is made, refused for good, or out of time."""

    def __init__(
        self,
        path: Path,
        root: Path,
        changes: _Changes,
        expected_digest: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._root = root
        self._changes = changes
        self._expected = expected_digest
        self._clock = clock
        self._sleep = sleep
        self._lease_deadline = 0.0

    def run(self) -> Edit:
        """Make the change. Raises EditError."""
        if not is_task_file(self._path.name):
            raise self._refused("not a task file: parex changes task.json and subtask_NN.json only")
        started = self._clock()
        self._lease_deadline = started + _LEASE_PATIENCE
        while True:
            try:
                return self._once()
            except _Busy as busy:
                if busy.still or self._clock() - started >= _PATIENCE:
                    raise self._refused(busy.reason) from None
            self._sleep(_PAUSE)

    def _refused(self, reason: str) -> EditError:
        return EditError(f"{_shown(self._path)}: {clean(reason)}")

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
                return self._refused("no space left on the disk; the file is as it was; make room and try again")
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
        digest = hashlib.sha256(data).hexdigest()
        if self._expected is not None and digest != self._expected:
            raise ChangedError(f"{_shown(self._path)}: changed by another program since it was read; look again first")
        try:
            document = parse(data)
        except InvalidError as error:
            still = time.time() - max(info.st_mtime, info.st_ctime) > _PATIENCE
            reason = f"not valid JSON in line {error.line}, column {error.column}: {error.message}; repair it first"
            raise _Busy(reason, still=still) from None
        values = document.value
        if not isinstance(values, dict):
            raise self._refused("it holds no task object; repair it first")
        changes = self._changes(values)
        self._check_status(changes)
        try:
            new = patched(data, document.root, changes)
        except PatchError as error:
            raise self._refused(str(error)) from None
        if new != data:
            need_lease = self._clock() < self._lease_deadline
            if replace_content(descriptor, real, data, new, need_lease=need_lease) is not Written.DONE:
                raise _Busy("other programs keep writing to it; try again when they are done")
        changed = tuple(key for key in changes if key not in values or not same_value(values[key], changes[key]))
        old = {key: values[key] for key in changed if key in values}
        return Edit(self._path, data, new, changed, old, {key: changes[key] for key in changed})

    def _check_place(self, descriptor: int, real: str) -> None:
        """The open file is the one that was checked: no folder on the way turned into a link meanwhile."""
        try:
            opened = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        except OSError:
            return  # no such folder on this system
        if opened != real:
            raise _Busy("the file is being replaced all the time; try again later")

    def _check_status(self, changes: Mapping[str, JsonValue]) -> None:
        known = FEATURE_STATUSES if self._path.name == TASK_JSON else tuple(status.value for status in Status)
        if "status" in changes and changes["status"] not in known:
            raise self._refused(f"the format knows no status “{changes['status']}”; it knows {', '.join(known)}")


def _exclude_other_parex(descriptor: int) -> None:
    """One parex at a time, for file systems without leases; also waits for whoever else locks the file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _Busy("another program holds a lock on the file; try again when it is done") from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
            raise
