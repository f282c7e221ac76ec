"""Editing task files: the smallest change of bytes, next to other writers, and only what the format knows."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .document import InvalidError, parse
from .drafts import is_foreign_feature
from .editor import (
    PATIENCE,
    ChangedError,
    Decide,
    Edit,
    EditError,
    Editor,
    Made,
    NoSpaceError,
    fields_plan,
    not_told,
    refused,
    shown,
)
from .files import UnreadableError, read, unreadable
from .layout import TASK_JSON, task_number
from .model import JsonValue, Status, Task
from .patch import ABSENT, Absent, Value, same_value
from .text import clean

__all__ = [
    "SUMMARY_LIMIT",
    "ChangedError",
    "Edit",
    "EditError",
    "FieldChange",
    "Made",
    "NoSpaceError",
    "block_task",
    "complete_task",
    "count_completed",
    "cut_summary",
    "decide_fields",
    "field_changes",
    "replace_file",
    "reset_task",
    "set_fields",
    "start_task",
    "sync_feature",
    "take_back",
    "timestamp",
    "value_text",
]

SUMMARY_LIMIT: Final = 200
"""Characters of a completion summary, counted as the reference tool does, which refuses more."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field's value before and after; ABSENT where it was not there."""

    old: Value
    new: Value


def set_fields(
    path: Path,
    changes: Mapping[str, JsonValue],
    *,
    root: Path,
    expected_digest: str | None = None,
    made: Made = not_told,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Edit:
    """Set fields of a task file below `root`, changing no other byte of it.

    With `expected_digest` only if the file still has that SHA-256. A file that another program is writing just now is
    waited for, up to two seconds. `clock` and `sleep` are in seconds. `made` hears of the edit while no other parex can
    change the file.

    Raises:
        ChangedError: the file is not the expected one.
        NoSpaceError: the disk is full.
        EditError: not a task file below the root, not valid JSON, a field stated twice, a status that the format does
            not know, or the system refuses. The file is as it was.
    """
    plan = fields_plan(path, lambda values, data: changes)
    return Editor(path, root, plan, expected_digest=expected_digest, made=made, clock=clock, sleep=sleep).run()


def decide_fields(path: Path, decide: Decide, *, root: Path, made: Made, patience: float = PATIENCE) -> Edit:
    """As `set_fields` with values that are decided from those in the file, as often as it changes under our hands.

    Any status may be set, and `ABSENT` takes a field out. `patience`: seconds for other writers.
    """
    return Editor(path, root, fields_plan(path, decide, any_status=True), made=made, patience=patience).run()


def start_task(
    task: Task, agent_id: str, now: float, *, root: Path, expected_digest: str | None = None, made: Made = not_told
) -> Edit:
    """`in_progress` by `agent_id` since `now` (seconds since the epoch). Raises as `set_fields`."""

    def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
        wanted: dict[str, Value] = {
            "status": Status.IN_PROGRESS.value,
            "agent_id": agent_id,
            "started_at": timestamp(now),
        }
        return wanted | _cleared(values, "completed_at")

    return _edit(task.path, root, decide, expected_digest, made)


def complete_task(
    task: Task, summary: str, now: float, *, root: Path, expected_digest: str | None = None, made: Made = not_told
) -> Edit:
    """`completed` at `now` (seconds since the epoch), with a summary that is cut to the format's length.

    Raises as `set_fields`.
    """
    changes: dict[str, Value] = {
        "status": Status.COMPLETED.value,
        "completed_at": timestamp(now),
        "completion_summary": cut_summary(summary),
    }
    return _edit(task.path, root, lambda values, data: changes, expected_digest, made)


def block_task(task: Task, *, root: Path, expected_digest: str | None = None, made: Made = not_told) -> Edit:
    """`blocked`, and no time of completion. Raises as `set_fields`."""
    return _set_open_status(task, Status.BLOCKED, root, expected_digest, made)


def reset_task(task: Task, *, root: Path, expected_digest: str | None = None, made: Made = not_told) -> Edit:
    """`pending`, and no time of completion. Raises as `set_fields`."""
    return _set_open_status(task, Status.PENDING, root, expected_digest, made)


def _set_open_status(task: Task, status: Status, root: Path, expected_digest: str | None, made: Made) -> Edit:
    def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
        wanted: dict[str, Value] = {"status": status.value}
        return wanted | _cleared(values, "completed_at")

    return _edit(task.path, root, decide, expected_digest, made)


def _edit(path: Path, root: Path, decide: Decide, expected_digest: str | None, made: Made) -> Edit:
    return Editor(path, root, fields_plan(path, decide), expected_digest=expected_digest, made=made).run()


def replace_file(path: Path, before: bytes, after: bytes, *, root: Path, made: Made = not_told) -> Edit:
    """Put `after` in the place of a task file's content, which must still be `before`.

    Raises as `set_fields`; also where `after` is no JSON object.
    """
    try:
        if not isinstance(parse(after).value, dict):
            raise refused(path, "the new content holds no task object; the file is as it was")
    except InvalidError as error:
        reason = f"the new content is not valid JSON in line {error.line}, column {error.column}: {error.message}"
        raise refused(path, f"{reason}; the file is as it was") from None

    def plan(data: bytes) -> Edit:
        changes = field_changes(data, after)
        return _whole(path, data, after, changes)

    return Editor(path, root, plan, expected_digest=hashlib.sha256(before).hexdigest(), made=made).run()


def take_back(
    path: Path,
    changes: Mapping[str, FieldChange],
    *,
    after: str,
    content: bytes | None,
    root: Path,
    made: Made = not_told,
) -> Edit:
    """Take a change of a file back.

    While the file is what the change made of it (its SHA-256 is `after`), `content`, the bytes before it, are put back;
    else, or where they are not known any more, the fields take their old values, if all of them still have the new.

    Raises:
        ChangedError: somebody changed one of the fields since, with both values.
        EditError: as `set_fields`.
    """

    def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
        for key, change in changes.items():
            now: Value = values.get(key, ABSENT)
            if not same_value(now, change.new):
                reason = f"was set to {value_text(change.new)}, and is {value_text(now)} by now: somebody changed it"
                raise ChangedError(f"{shown(path)}: {clean(key, 60)} {reason}")
        return {key: change.old for key, change in changes.items()}

    fields = fields_plan(path, decide, any_status=True)

    def plan(data: bytes) -> Edit:
        if content is None or hashlib.sha256(data).hexdigest() != after:
            if not changes:
                raise ChangedError(f"{shown(path)}: somebody changed the file since")
            return fields(data)
        return _whole(path, data, content, {key: FieldChange(one.new, one.old) for key, one in changes.items()})

    return Editor(path, root, plan, made=made).run()


def value_text(value: Value) -> str:
    """A value for a message: JSON, clean, one line, not long; `nothing` where there is none."""
    return "nothing" if isinstance(value, Absent) else clean(json.dumps(value, ensure_ascii=False), 80)


def field_changes(before: bytes, after: bytes) -> dict[str, FieldChange]:
    """What differs between the fields of two contents; nothing where one of them is no JSON object."""
    try:
        old, new = parse(before).value, parse(after).value
    except InvalidError:
        return {}
    if not isinstance(old, dict) or not isinstance(new, dict):
        return {}
    found: dict[str, FieldChange] = {}
    for key in (*old, *(key for key in new if key not in old)):
        change = FieldChange(old.get(key, ABSENT), new.get(key, ABSENT))
        if not same_value(change.old, change.new):
            found[key] = change
    return found


def _whole(path: Path, data: bytes, result: bytes, changes: Mapping[str, FieldChange]) -> Edit:
    old = {key: value for key, change in changes.items() if not isinstance(value := change.old, Absent)}
    new = {key: value for key, change in changes.items() if not isinstance(value := change.new, Absent)}
    return Edit(path, data, result, tuple(changes), old, new)


def sync_feature(feature_path: Path, root: Path, now: float, *, made: Made = not_told) -> Edit | None:
    """Bring task.json in line with the task files, read fresh from disk: `completed_count`, and the status.

    Every task completed: `completed` with `completed_at` (`now`, seconds since the epoch). Not any more: back to
    `active`. `archived` stays, and so does all of another program's task.json. None where there is no task.json.

    Raises:
        EditError: as `set_fields`.
    """
    path = feature_path / TASK_JSON
    if not path.exists() and not path.is_symlink():
        return None

    def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
        if is_foreign_feature(values):
            return {}
        completed, total = count_completed(feature_path)
        wanted: dict[str, Value] = {"completed_count": completed}
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

    return _edit(path, root, decide, None, made)


def count_completed(feature_path: Path) -> tuple[int, int]:
    """How many subtask files say completed, and how many there are; one that is not valid JSON says nothing."""
    completed = total = 0
    try:
        paths = [path for path in feature_path.iterdir() if task_number(path.name) is not None]
    except OSError as error:
        raise EditError(f"{shown(feature_path)}: {unreadable(error)}") from None
    for path in paths:
        total += 1
        try:
            value = parse(read(path).data).value
        except (UnreadableError, InvalidError):
            continue
        completed += isinstance(value, dict) and value.get("status") == Status.COMPLETED.value
    return completed, total


def _cleared(values: Mapping[str, JsonValue], key: str) -> dict[str, Value]:
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
