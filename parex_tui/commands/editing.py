"""`parex edit`: fields of a task file by assignment, or a copy of it in the person's own editor.

What another program changed while the editor was open stays: ours is then shown as a diff and kept in a file.
"""

from __future__ import annotations

import difflib
import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from parex_tui.cli import UsageError
from parex_tui.report.changed_text import Changed, field_lines
from parex_tui.run.desk import PERSON
from parex_tui.run.rules import RuleError, check_feature_status, check_status, command, with_times
from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.edit import ChangedError, Edit, EditError
from parex_tui.tasks.files import Content, UnreadableError, read
from parex_tui.tasks.layout import TASK_JSON
from parex_tui.tasks.model import Feature, JsonValue, Status, Task
from parex_tui.tasks.patch import same_value
from parex_tui.tasks.text import clean

from .assignments import LISTS, Assignment, check_value, check_whole, field_name, read_assignments, value_of
from .changing import TRIES, Bench, Refused, carry_out, closing
from .copies import Copy, copy_of

_DIFF_LINES: Final = 200


def edit(options: Namespace) -> int:
    """Change fields, or open the editor on the file or on one field."""
    words: list[str] = options.assignments
    if not words:
        return carry_out(options, lambda bench: _edit_file(bench, options))
    if len(words) == 1 and "=" not in words[0]:
        field = field_name(words[0])
        return carry_out(options, lambda bench: _edit_field(bench, options, field))
    assignments = read_assignments(words)
    return carry_out(options, lambda bench: _assign(bench, options, assignments))


def _target(bench: Bench, options: Namespace) -> tuple[Feature, Task | None, Path]:
    """The feature, the task (None for task.json) and the file that is meant. Raises Refused."""
    feature = bench.feature(options.feature)
    if options.task == TASK_JSON:
        if feature.task_json is None:
            raise Refused(f"{feature.id} has no {TASK_JSON}")
        return feature, None, feature.task_json
    task = bench.task(feature, options.task)
    return feature, task, task.path


def _assign(bench: Bench, options: Namespace, assignments: tuple[Assignment, ...]) -> Changed:
    feature, task, path = _target(bench, options)
    changes = {one.field: value_of(one, feature, task) for one in assignments}
    return _told(bench, feature, task, path, _write_fields(bench, feature, task, path, changes))


def _write_fields(
    bench: Bench,
    feature: Feature,
    task: Task | None,
    path: Path,
    changes: Mapping[str, JsonValue],
    digest: str | None = None,
) -> Edit:
    """Set them, with what a new status brings along. Raises EditError."""
    if "status" in changes:
        _check_status(bench, feature, task, changes["status"])
    if "seq" in changes and task is not None:
        bench.refuse_running(feature, task)
        changes = _with_id(bench, feature, task, changes)
    if task is None:
        return bench.desk.set(path, changes, by=PERSON, digest=digest)
    return bench.desk.set(path, with_times(task, changes), by=PERSON, digest=digest or task.digest)


def _with_id(bench: Bench, feature: Feature, task: Task, changes: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """`changes` with the id that a new seq brings along, where it was made of the old one."""
    name = feature.path.name
    stands = _fields(bench, task.path)[0].get("id") == f"{name}-{task.seq}"
    return {"id": f"{name}-{changes['seq']}", **changes} if stands else changes


def _check_status(bench: Bench, feature: Feature, task: Task | None, status: JsonValue) -> None:
    """Raises RuleError where the task, or without one the feature, may not have it."""
    if task is None:
        check_feature_status(feature, status)
        return
    bench.refuse_running(feature, task)
    if task.status is Status.COMPLETED and status != task.status.value:
        word = "block" if status == Status.BLOCKED.value else "reset"
        remedy = command(word, feature.id, task.seq, "--force")
        raise RuleError(f"{feature.id}/{task.seq} is completed; {remedy} takes that back", task.seq)
    check_status(feature, task, status)


def _told(bench: Bench, feature: Feature, task: Task | None, path: Path, edit: Edit) -> Changed:
    synced: tuple[Edit, ...] = ()
    warnings: tuple[str, ...] = ()
    if task is not None and Status.COMPLETED.value in (edit.old.get("status"), edit.new.get("status")):
        synced, warnings = bench.sync(feature)
    name = f"{feature.id}/{path.name if task is None else task.seq}"
    fields = field_lines(edit)
    if fields:
        lines = (f"✓ Changed {clean(name)}", *fields)
    elif edit.content != edit.result:
        lines = (f"✓ Changed {clean(name)}",)
    else:
        lines = (f"{clean(name)} is like that already",)
    seq = "" if task is None else task.seq
    changed = Changed("edit", feature.id, seq, lines, warnings=warnings, edits=(edit, *synced))
    return closing(feature, changed) if task is not None else changed


# --- in the editor ----------------------------------------------------------------------------------------------


def _edit_file(bench: Bench, options: Namespace) -> Changed:
    feature, task, path = _target(bench, options)
    before = _read(bench, path).data
    with copy_of(before, path.name) as copy:
        while True:
            after = copy.edit()
            if after == before:
                return Changed("edit", feature.id, "" if task is None else task.seq, ("Nothing was changed.",))
            try:
                values = check_whole(before, after, feature, task)
                _check_edit(bench, feature, task, values)
                edit = bench.desk.replace(path, before, after, by=PERSON)
                break
            except ChangedError:
                raise _overtaken(bench, path, after, copy) from None
            except (UsageError, EditError, Refused) as error:
                copy.again(bench.short(str(error)))
    return _told(bench, feature, task, path, edit)


def _check_edit(bench: Bench, feature: Feature, task: Task | None, values: Mapping[str, JsonValue]) -> None:
    """Whether a whole file may be edited to these fields. Raises RuleError, Refused."""
    if values.get("status") != (feature if task is None else task).status_text:
        _check_status(bench, feature, task, values.get("status"))
    if task is not None and values.get("seq", task.seq) != task.seq:
        bench.refuse_running(feature, task)


def _read(bench: Bench, path: Path) -> Content:
    try:
        return read(path)
    except UnreadableError as error:
        remedy = f"; {error.remedy}" if error.remedy else ""
        raise Refused(f"{bench.relative(path)}: {error}{remedy}") from error


def _overtaken(bench: Bench, path: Path, ours: bytes, copy: Copy) -> Refused:
    """Somebody changed the file while the editor was open: theirs stays, ours is shown against it and kept."""
    theirs = _read(bench, path).data
    shown = difflib.unified_diff(_lines(theirs), _lines(ours), "as it is now", "as you wrote it", lineterm="")
    lines = tuple(shown)
    more = (f"… and {len(lines) - _DIFF_LINES} lines more",) if len(lines) > _DIFF_LINES else ()
    return Refused(
        f"{bench.relative(path)}: changed by another program while you edited it, and theirs stays; {copy.keep()}",
        lines=(*lines[:_DIFF_LINES], *more),
    )


def _lines(data: bytes) -> list[str]:
    return [clean(line) for line in data.decode("utf-8", "replace").splitlines()]


def _edit_field(bench: Bench, options: Namespace, field: str) -> Changed:
    feature, task, path = _target(bench, options)
    before = _fields(bench, path)[0]
    value = before.get(field, [] if field in LISTS else "")
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    ending = "txt" if isinstance(value, str) else "json"
    data = (text + "\n").encode("utf-8", "surrogatepass")
    with copy_of(data, f"{_file_name(field)}.{ending}") as copy:
        while True:
            after = copy.edit()
            if after == data:
                return Changed("edit", feature.id, "" if task is None else task.seq, ("Nothing was changed.",))
            try:
                new = _field_value(after, field, feature, task, is_text=isinstance(value, str))
                edit = _write_field(bench, (feature, task, path), field, (before, new), copy)
                break
            except (UsageError, EditError) as error:
                copy.again(bench.short(str(error)))
    return _told(bench, feature, task, path, edit)


def _write_field(
    bench: Bench,
    target: tuple[Feature, Task | None, Path],
    field: str,
    values: tuple[Mapping[str, JsonValue], JsonValue],
    copy: Copy,
) -> Edit:
    """Write one field, if it is still what was put into the editor; other fields may have changed meanwhile."""
    feature, task, path = target
    before, new = values
    for left in reversed(range(TRIES)):
        now, digest = _fields(bench, path)
        if (field in now) != (field in before) or not same_value(now.get(field), before.get(field)):
            ours, theirs = _pretty(new), _pretty(now.get(field))
            diff = difflib.unified_diff(theirs, ours, "as it is now", "as you wrote it", lineterm="")
            reason = f"{clean(field)} was changed by another program while you edited it, and theirs stays"
            raise Refused(f"{bench.relative(path)}: {reason}; {copy.keep()}", lines=tuple(diff))
        try:
            return _write_fields(bench, feature, task, path, {field: new}, digest)
        except EditError as error:
            if not left or not isinstance(error, ChangedError):
                raise
    raise AssertionError("the last try returns or raises")


def _fields(bench: Bench, path: Path) -> tuple[Mapping[str, JsonValue], str]:
    content = _read(bench, path)
    try:
        value = parse(content.data).value
    except InvalidError as error:
        place = f"line {error.line}, column {error.column}"
        raise Refused(
            f"{bench.relative(path)}: not valid JSON in {place}: {error.message}; edit it as a whole"
        ) from None
    if not isinstance(value, dict):
        raise Refused(f"{bench.relative(path)} holds no task object; edit it as a whole")
    return value, content.digest


def _field_value(data: bytes, field: str, feature: Feature, task: Task | None, *, is_text: bool) -> JsonValue:
    """What was written in the editor, checked. Raises UsageError."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{clean(field)} is not valid UTF-8") from error
    if is_text:
        text = text.removesuffix("\n")
    value = value_of(Assignment(field, text, is_json=not is_text), feature, task)
    check_value(field, value, feature, task)
    return value


def _pretty(value: JsonValue) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return [clean(line) for line in text.splitlines()]


def _file_name(field: str) -> str:
    return (
        "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "_" for char in field)[:60] or "field"
    )
