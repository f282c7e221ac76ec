"""`FIELD=VALUE` and `FIELD:=JSON` from the command line: which value a field of a task file is to have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from parex_tui.cli import UsageError
from parex_tui.plan.graph import sort_out
from parex_tui.plan.model import Bar
from parex_tui.tasks.document import Document, InvalidError, parse
from parex_tui.tasks.drafts import FEATURE_STATUSES, next_seq
from parex_tui.tasks.edit import SUMMARY_LIMIT
from parex_tui.tasks.fields import Fields, Source, kind_of
from parex_tui.tasks.layout import task_number
from parex_tui.tasks.model import Feature, JsonValue, Status, Task
from parex_tui.tasks.naming import task_named
from parex_tui.tasks.patch import same_value
from parex_tui.tasks.text import clean
from parex_tui.tasks.verification import Malformed, read_block

from .changing import plain

TITLE_LIMIT: Final = 100
_SHORT: Final = {"agent": "suggested_agent"}
_FIXED: Final = ("id", "seq")
_FILES: Final = frozenset({"context_files", "reference_files"})
_SEQ: Final = re.compile(r"(?:0[1-9]|[1-9][0-9]{1,5})", re.ASCII)
_LINES: Final = frozenset({"title", "status", "suggested_agent", "agent_id", "name", "started_at", "completed_at"})
_TEXTS: Final = _LINES | {"objective", "completion_summary", "created_at"}
LISTS: Final = frozenset(
    {
        "depends_on",
        "context_files",
        "reference_files",
        "acceptance_criteria",
        "deliverables",
        "exit_criteria",
        "verification",
    }
)
_COUNTS: Final = frozenset({"subtask_count", "completed_count"})
_YES_NO: Final = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A field and how its value was written; `is_json` where it is JSON."""

    field: str
    text: str
    is_json: bool


def field_name(word: str) -> str:
    """The field that a word means. Raises UsageError."""
    name = plain(word, "name of a field")
    if not name:
        raise UsageError("a field has a name: write FIELD=VALUE")
    return _SHORT.get(name, name)


def read_assignments(words: Iterable[str]) -> tuple[Assignment, ...]:
    """The assignments in the words of a command line. Raises UsageError."""
    found: dict[str, Assignment] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign:
            shown = clean(word, 60)
            raise UsageError(f"{shown} is no assignment: write FIELD=VALUE, or one FIELD alone for your editor")
        is_json = name.endswith(":")
        field = field_name(name.removesuffix(":"))
        if field in found:
            raise UsageError(f"{clean(field)} is set twice: leave one of them out")
        found[field] = Assignment(field, text, is_json)
    return tuple(found.values())


def value_of(assignment: Assignment, feature: Feature, task: Task | None) -> JsonValue:
    """The value that is to be written; `task` is None for task.json. Raises UsageError."""
    field, text = assignment.field, assignment.text
    if assignment.is_json:
        try:
            document = parse(text.encode("utf-8", "replace"))
        except InvalidError as error:
            raise UsageError(f"{clean(field)}: not JSON in column {error.column}: {error.message}") from error
        if document.is_scanned and document.odd_numbers():
            raise UsageError(f"{clean(field)}: {clean(text, 40)} has a number that JSON cannot hold; write it as text")
        if duplicate := next(iter(document.duplicates()), None) if document.is_scanned else None:
            raise UsageError(f"{clean(field)}: “{clean(duplicate.key, 60)}” is stated twice; leave one of them out")
        value = document.value
    elif field == "parallel":
        if text.lower() not in _YES_NO:
            raise UsageError(f"parallel is true or false, not {clean(text, 40)}")
        value = _YES_NO[text.lower()]
    elif field == "depends_on":
        value = [*dependencies(text.split(","), feature)]
    elif field in LISTS:
        raise UsageError(f'{field} is a list: write \'{field}:=["…", "…"]\', or {field} alone for your editor')
    elif field in _COUNTS:
        raise UsageError(f"{field} is a number: write {field}:=N, or let `parex repair` count")
    else:
        value = plain(text, f"value of {clean(field)}", lines=field not in _LINES)
    check_value(field, value, feature, task)
    return value


def check_value(field: str, value: JsonValue, feature: Feature, task: Task | None) -> None:
    """Raises UsageError where the format has no such value for a field that it knows."""
    wanted = "a list" if field in LISTS else "text" if field in _TEXTS else _KINDS.get(field, "")
    if wanted and kind_of(value) != wanted and not (value is None and field in _TEXTS - {"title", "status", "name"}):
        raise UsageError(f"{field} is {wanted}, not {kind_of(value)}")
    if field in LISTS - {"depends_on", "verification"}:
        _check_texts(field, value, task, feature)
    check = _CHECKS.get(field)
    if check is not None:
        check(value, feature, task)


def check_whole(before: bytes, after: bytes, feature: Feature, task: Task | None) -> Mapping[str, JsonValue]:
    """The fields of a whole new content, each that changed by the same rules as an assignment.

    Raises UsageError, with everything that is refused.
    """
    document = _parsed(after)
    new = document.value
    if not isinstance(new, dict):
        raise UsageError("a task file holds one object in braces")
    old = _values(before)
    known = set(old) if old is not None else set()
    twice = {one.key for one in document.duplicates()} if document.is_scanned else set()
    refused = [f"{clean(key, 60)} is stated twice; leave one of them out" for key in sorted(twice - _twice(before))]
    refused += [f"{key} is gone, and every file has it" for key in (*_FIXED, "status") if key in known - new.keys()]
    for field, value in new.items():
        if old is None and field in _FIXED:
            continue  # nobody can tell what it was
        if old is None or field not in old or not same_value(old[field], value):
            try:
                check_value(field, value, feature, task)
            except UsageError as error:
                refused.append(str(error))
    if refused:
        raise UsageError("; ".join(refused))
    return new


def _parsed(data: bytes) -> Document:
    try:
        return parse(data)
    except InvalidError as error:
        raise UsageError(f"not valid JSON in line {error.line}, column {error.column}: {error.message}") from error


def _values(data: bytes) -> dict[str, JsonValue] | None:
    """The fields of a content; None where it is no JSON object."""
    try:
        value = parse(data).value
    except InvalidError:
        return None
    return value if isinstance(value, dict) else None


def _twice(data: bytes) -> set[str]:
    try:
        document = parse(data)
    except InvalidError:
        return set()
    return {one.key for one in document.duplicates()} if document.is_scanned else set()


def _check_id(value: JsonValue, feature: Feature, task: Task | None) -> None:
    name = feature.path.name
    others = {one.seq for one in feature.tasks if one is not task}
    is_own = isinstance(value, str) and value.startswith(f"{name}-") and value.removeprefix(f"{name}-") not in others
    if not (value == name if task is None else is_own):
        right = name if task is None else f"{name}-{task.seq}"
        raise UsageError(f"id stays as it is, or becomes {clean(right)}: other files and the folder's name refer to it")


def _check_seq(value: JsonValue, feature: Feature, task: Task | None) -> None:
    """A seq is changed only where it has to be: two files claim it, or the file's own name says another."""
    if task is None or value == task.seq:
        return
    others = {one.seq for one in feature.tasks if one is not task}
    named = (task_number(task.path.name) or task.seq).lstrip("0").zfill(2)
    if task.seq == named and task.seq not in others:
        raise UsageError("seq stays as it is: other files and the file's own name refer to it")
    if not isinstance(value, str) or not _SEQ.fullmatch(value):
        raise UsageError(f'seq is a text of two digits or more, such as "{named}"')
    if value in others:
        raise UsageError(f"seq {value} is taken; {next_seq(feature.tasks)} is free")


def _check_texts(field: str, value: JsonValue, task: Task | None, feature: Feature) -> None:
    """What the reader would find wrong in a list of texts or of files."""
    fields = Fields(Source(feature.path if task is None else task.path, {field: value}, None))
    (fields.references if field in _FILES else fields.texts)(field)
    for problem in fields.problems:
        raise UsageError(f"{problem.message}{f'; {problem.remedy}' if problem.remedy else ''}")


def _check_verification(value: JsonValue, feature: Feature, task: Task | None) -> None:
    block = read_block(value)
    if isinstance(block, Malformed):
        raise UsageError("; ".join(block.messages))


def _check_title(value: JsonValue, feature: Feature, task: Task | None) -> None:
    if not isinstance(value, str) or not value.strip():
        raise UsageError("a title cannot be blank")
    if len(value) > TITLE_LIMIT:
        raise UsageError(f"a title has at most {TITLE_LIMIT} characters, this one {len(value)}")


def _check_status(value: JsonValue, feature: Feature, task: Task | None) -> None:
    known = FEATURE_STATUSES if task is None else tuple(status.value for status in Status)
    if value not in known:
        raise UsageError(f"the format knows no status “{clean(str(value), 40)}”; it knows {', '.join(known)}")


def _check_summary(value: JsonValue, feature: Feature, task: Task | None) -> None:
    if isinstance(value, str) and len(value.encode("utf-16-le", "surrogatepass")) // 2 > SUMMARY_LIMIT:
        raise UsageError(f"a completion summary has at most {SUMMARY_LIMIT} characters")


def _check_depends_on(value: JsonValue, feature: Feature, task: Task | None) -> None:
    if task is None or not isinstance(value, list):
        return
    if not all(isinstance(item, str) for item in value):
        raise UsageError('depends_on is a list of texts, such as ["01", "02"]')
    seqs = dependencies([str(item) for item in value], feature)
    changed = replace(task, depends_on=seqs, status=Status.PENDING)
    for barred in sort_out(changed if one is task else one for one in feature.tasks).barred:
        if barred.seq == task.seq and barred.bar is Bar.CYCLE:
            raise UsageError(f"{feature.id}/{task.seq} would wait for itself: {barred.reason}")


def dependencies(words: Iterable[str], feature: Feature) -> tuple[str, ...]:
    """The seqs of the tasks that words mean, each once. Raises UsageError where there is no such task."""
    seqs: dict[str, None] = {}
    for word in words:
        name = word.strip()
        if not name:
            continue
        task = task_named(feature, name)
        if task is None:
            known = ", ".join(one.seq for one in feature.tasks[:20]) or "none yet"
            raise UsageError(f"there is no task {clean(name, 40)} in {feature.id}; it has {known}")
        seqs[task.seq] = None
    return tuple(seqs)


_KINDS: Final = {"parallel": "true or false"} | dict.fromkeys(_COUNTS, "a number")
_CHECKS: Final[dict[str, Callable[[JsonValue, Feature, Task | None], None]]] = {
    "id": _check_id,
    "seq": _check_seq,
    "verification": _check_verification,
    "title": _check_title,
    "name": _check_title,
    "status": _check_status,
    "completion_summary": _check_summary,
    "depends_on": _check_depends_on,
}
