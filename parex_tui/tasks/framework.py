"""What the framework's own strict validator says about a feature, word for word, whether or not it matters to parex.

That validator is a JavaScript program: it prints values as JavaScript does, knows only `subtask_NN.json` with exactly
two digits, and takes of a duplicated key the last value. Where it ends with an error of its own, we name that and go
on.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from .drafts import FEATURE_STATUSES
from .files import UnreadableError, read
from .layout import TASK_JSON
from .model import Feature, JsonValue, Status
from .scan import DEPTH_LIMIT
from .text import clean
from .verification import FIELD, Malformed, read_block

_TASK_FILE: Final = re.compile(r"subtask_[0-9]{2}\.json")
_TWO_DIGITS: Final = re.compile(r"[0-9]{2}")
_FEATURE_FIELDS: Final = (
    *("id", "name", "status", "objective", "context_files", "exit_criteria"),
    *("subtask_count", "completed_count", "created_at", "completed_at"),
)
_TASK_FIELDS: Final = (
    *("id", "seq", "title", "status", "depends_on", "parallel", "context_files", "acceptance_criteria"),
    *("deliverables", "agent_id", "started_at", "completed_at", "completion_summary"),
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One line of the framework's validator, cleaned. `path` is the file it is about, None where that is missing."""

    path: Path | None
    text: str


@dataclass(frozen=True, slots=True)
class _File:
    """A file that the validator reads, its fields as JavaScript has them, and the list that complaints go to."""

    path: Path
    who: str
    values: Mapping[str, JsonValue]
    complaints: list[Complaint]

    def say(self, text: str) -> None:
        self.complaints.append(Complaint(self.path, clean(f"{self.who}: {text}")))

    def printed(self, key: str) -> str:
        return _as_text(self.values[key]) if key in self.values else "undefined"

    def is_texts(self, key: str) -> bool:
        return _is_texts(self.values.get(key))

    def texts(self, key: str) -> list[str]:
        """A list's items as printed; nothing where it is no list."""
        value = self.values.get(key)
        return [_as_text(item) for item in value] if isinstance(value, list) else []


def framework_complaints(feature: Feature) -> tuple[Complaint, ...]:
    """Everything that validator calls an error, in its order. Reads the feature's files again."""
    complaints: list[Complaint] = []
    name = feature.path.name
    base = None
    if feature.task_json is None:
        complaints.append(Complaint(None, f"Missing {TASK_JSON}"))
    else:
        base = _load(feature.task_json, complaints)
    if base is not None:
        _check_feature(base, name)
    names = (task.path for task in feature.tasks if _TASK_FILE.fullmatch(task.path.name))
    paths = sorted(names, key=lambda path: path.name)
    tasks = [task for path in paths if (task := _load(path, complaints)) is not None]
    by_seq: dict[str, _File] = {}
    for task in tasks:
        by_seq.setdefault(task.printed("seq"), task)
    # A file that could not be loaded has been named; that others depend on it is no fault of theirs.
    known = by_seq.keys() | {path.stem[-2:] for path in set(paths) - {task.path for task in tasks}}
    for task in tasks:
        _check_task(task, name, is_first=by_seq[task.printed("seq")] is task)
        _check_dependencies(task, known)
        circle = _circle(task.printed("seq"), by_seq)
        if circle:
            task.say(f"circular dependency detected: {' -> '.join(circle)}")
    if base is not None and not _equals(base.values.get("subtask_count"), len(paths)):
        stated = clean(base.printed("subtask_count"))
        text = f"{TASK_JSON} subtask_count ({stated}) doesn't match actual count ({len(paths)})"
        complaints.append(Complaint(base.path, text))
    return tuple(complaints)


def _load(path: Path, complaints: list[Complaint]) -> _File | None:
    """A file's fields; None with a complaint where the validator would end with an error."""
    file = clean(path.name)
    try:
        # Not our own reader: this one takes the last of duplicates and refuses a byte-order mark and NaN, as theirs.
        text = read(path).data.decode("utf-8", "replace")
        value: JsonValue = json.loads(text, parse_int=float, parse_constant=_refuse)
    except UnreadableError as error:
        complaints.append(Complaint(path, f"{file}: {error}; the framework's tool stops here with an error"))
        return None
    except (ValueError, RecursionError):
        complaints.append(Complaint(path, f"{file}: not valid JSON; the framework's tool stops here with an error"))
        return None
    if not isinstance(value, dict):
        complaints.append(Complaint(path, f"{file}: holds no object; the framework's tool stops here with an error"))
        return None
    who = TASK_JSON if path.name == TASK_JSON else _as_text(value.get("seq") or "??")
    return _File(path, who, value, complaints)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _check_feature(base: _File, name: str) -> None:
    for field in _FEATURE_FIELDS:
        if field not in base.values:
            base.say(f"missing required field '{field}'")
    if base.values.get("id") != name:
        text = f"{TASK_JSON} id ('{base.printed('id')}') should match feature slug ('{name}')"
        base.complaints.append(Complaint(base.path, clean(text)))
    _check_status(base, FEATURE_STATUSES)
    _check_lists(base, "context_files")
    if not base.is_texts("exit_criteria"):
        base.say("exit_criteria must be string[]")
    for field in ("subtask_count", "completed_count"):
        if not _is_number(base.values.get(field)):
            base.say(f"{field} must be number")


def _check_task(task: _File, name: str, *, is_first: bool) -> None:
    for field in _TASK_FIELDS:
        if field not in task.values:
            task.say(f"missing required field '{field}'")
    if not _TWO_DIGITS.fullmatch(task.printed("seq")):
        task.say("sequence must be 2 digits (e.g., 01, 02)")
    if not is_first:
        task.say("duplicate sequence number")
    if not task.printed("id").startswith(name):
        task.say("ID should start with feature name")
    _check_status(task, tuple(status.value for status in Status))
    if not task.is_texts("depends_on"):
        task.say("depends_on must be string[]")
    if not isinstance(task.values.get("parallel"), bool):
        task.say("parallel must be boolean")
    _check_lists(task, "context_files")
    for field, words in (("acceptance_criteria", "acceptance criteria"), ("deliverables", "deliverables")):
        if not task.is_texts(field):
            task.say(f"{field} must be string[]")
        elif not task.values[field]:
            task.say(f"No {words} defined")


def _check_status(file: _File, known: tuple[str, ...]) -> None:
    if file.values.get("status") not in known:
        file.say(f"invalid status '{file.printed('status')}'")


def _check_lists(file: _File, required: str) -> None:
    if not file.is_texts(required):
        file.say(f"{required} must be string[]")
    if "reference_files" in file.values and not file.is_texts("reference_files"):
        file.say("reference_files must be string[] when present")


def _check_dependencies(task: _File, known: Collection[str]) -> None:
    seq = task.printed("seq")
    depends_on = task.texts("depends_on")
    if seq in depends_on:
        task.say("task cannot depend on itself")
    if FIELD in task.values and isinstance(block := read_block(task.values[FIELD]), Malformed):
        for message in block.messages:
            task.say(message)
    for wanted in depends_on:
        if wanted not in known:
            task.say(f"depends on non-existent task {wanted}")


def _circle(start: str, by_seq: Mapping[str, _File]) -> list[str]:
    """The first way from a task along its dependencies that comes back to itself, as walked; empty without one."""
    path = [start]
    open_ends = [iter(by_seq[start].texts("depends_on"))]
    seen = {start}
    while open_ends:
        wanted = next(open_ends[-1], None)
        if wanted is None:
            open_ends.pop()
            path.pop()
        elif wanted in path:
            return [*path, wanted]
        elif wanted not in seen:
            seen.add(wanted)
            path.append(wanted)
            open_ends.append(iter(by_seq[wanted].texts("depends_on") if wanted in by_seq else ()))
    return []


def _is_texts(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equals(value: JsonValue, count: int) -> bool:
    return _is_number(value) and value == count


def _as_text(value: JsonValue, depth: int = 0) -> str:
    """A value as JavaScript makes a string of it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case float() if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
        case list() if depth < DEPTH_LIMIT:
            return ",".join("" if item is None else _as_text(item, depth + 1) for item in value)
        case list():
            return "…"
        case dict():
            return "[object Object]"
        case _:
            return str(value)
