"""Repairs of task files, to be offered: what is wrong, step by step, and the bytes before and after.

A repair is only offered where it is beyond doubt. Whoever accepts one puts `after` in the place of `before`, if that is
what the file still holds.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .document import Document, Duplicate, InvalidError, parse
from .files import UnreadableError, read
from .mend import SIZE_LIMIT, STEPS_LIMIT, Text, mend
from .model import Feature, JsonValue
from .patch import PatchError, patched, same_value
from .scan import Member
from .text import clean

_NEXT: Final = re.compile(rb"\s*,\s*")
_SHOWN: Final = 60
_CONTEXT: Final = 2  # unchanged lines around a change


@dataclass(frozen=True, slots=True)
class Repair:
    """A correction of one file. `steps` say in plain lines what it does, with the line numbers of `before`."""

    path: Path
    title: str
    steps: tuple[str, ...]
    before: bytes
    after: bytes

    def diff(self) -> tuple[str, ...]:
        """The change as a unified diff, cleaned for display."""
        name = self.path.name
        lines = difflib.unified_diff(_lines(self.before), _lines(self.after), name, name, lineterm="", n=_CONTEXT)
        return tuple(clean(line) for line in lines)


def _lines(data: bytes) -> list[str]:
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return text.removesuffix("\n").split("\n")


def find_repair(path: Path, data: bytes) -> Repair | None:
    """What makes the content of one task file valid JSON, or, where it is, states each field once; else None.

    Takes any bytes and raises nothing.
    """
    try:
        document = parse(data)
    except InvalidError:
        mended = mend(data)
        return None if mended is None else Repair(path, "Make it valid JSON again", mended[1], data, mended[0])
    text = _each_once(document)
    return None if text is None else Repair(path, "State each field once", tuple(text.steps), data, text.data)


def _each_once(document: Document) -> Text | None:
    """A text without duplicate keys: of each the one stays that counts, the last that is not null."""
    if not document.is_scanned or len(document.data) > SIZE_LIMIT:
        return None
    if sum(len(duplicate.members) - 1 for duplicate in document.duplicates()) > STEPS_LIMIT:
        return None
    text = Text(document.data, document.data)
    while duplicates := document.duplicates():
        _drop_one(text, duplicates[0])
        document = parse(text.data)
    return text if text.steps and same_value(document.value, parse(text.original).value) else None


def _drop_one(text: Text, duplicate: Duplicate) -> None:
    stays = next((one for one in reversed(duplicate.members) if one.node.value is not None), duplicate.members[-1])
    stale = next(member for member in duplicate.members if member is not stays)
    key, line = clean(duplicate.key, _SHOWN), text.line(stays.start)
    if same_value(stale.node.value, stays.node.value):
        step = f"“{key}” was removed; line {line} says the same"
    else:
        step = (
            f"“{key}” {_json(stale.node.value)} was removed; line {line} says {_json(stays.node.value)}, which counts"
        )
    start, end = _span(text.data, stale)
    text.replace(start, end, b"", step, at=stale.start)


def _span(data: bytes, member: Member) -> tuple[int, int]:
    """A field with the comma before it; of the first one with the comma after it."""
    before = data[: member.start].rstrip(b" \t\r\n")
    if before.endswith(b","):
        return len(before) - 1, member.node.end
    after = _NEXT.match(data, member.node.end)
    return member.start, after.end() if after else member.node.end


def repair_counts(feature: Feature, data: bytes) -> Repair | None:
    """The counts that task.json (`data`) states, as the task files show them; None where they are right.

    While a task cannot be read, nobody knows how many are completed: then only the number of tasks is corrected.
    """
    if feature.task_json is None:
        return None
    try:
        document = parse(data)
    except InvalidError:
        return None
    values = document.value
    if not isinstance(values, dict):
        return None
    counts: dict[str, JsonValue] = {"subtask_count": feature.counts.total}
    if all(task.readable and not task.updating for task in feature.tasks):
        counts["completed_count"] = feature.counts.completed
    wrong = {
        key: count
        for key, count in counts.items()
        if values.get(key) is not None and not same_value(values[key], count)
    }
    try:
        after = patched(data, document.root, wrong)
    except PatchError:
        return None
    if after == data:
        return None
    steps = tuple(
        f"line {document.place(document.root.named(key)[0])[0]}: “{key}” is {count}, not {_json(values[key])}"
        for key, count in wrong.items()
    )
    return Repair(feature.task_json, "Correct the counts", steps, data, after)


def repairs_of(feature: Feature) -> tuple[Repair, ...]:
    """Every repair for a feature's files, at most one a file; reads those again in which something is wrong."""
    found: list[Repair] = []
    paths = dict.fromkeys(problem.path for problem in feature.all_problems if problem.code.startswith("json."))
    if feature.task_json is not None:
        paths.setdefault(feature.task_json, None)
    for path in sorted(paths):
        try:
            data = read(path).data
        except UnreadableError:
            continue
        repair = find_repair(path, data)
        if repair is None and path == feature.task_json:
            repair = repair_counts(feature, data)
        if repair is not None:
            found.append(repair)
    return tuple(found)


def _json(value: JsonValue) -> str:
    return clean(json.dumps(value, ensure_ascii=False), _SHOWN)
