"""`FIELD=VALUE` and `FIELD:=JSON` from the command line: which value a field of a task file is to have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from parex_tui.cli import UsageError
from parex_tui.plan.graph import sort_out
from parex_tui.plan.model import Bar
from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.drafts import FEATURE_STATUSES
from parex_tui.tasks.edit import SUMMARY_LIMIT
from parex_tui.tasks.fields import kind_of
from parex_tui.tasks.model import Feature, JsonValue, Status, Task
from parex_tui.tasks.naming import task_named
from parex_tui.tasks.text import clean

from .changing import plain

TITLE_LIMIT: Final = 100
_SHORT: Final = {"agent": "suggested_agent"}
_FIXED: Final = ("id", "seq")
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
    if field in _FIXED:
        raise UsageError(f"{field} stays as it is: other files and the file's own name refer to it")
    wanted = "a list" if field in LISTS else "text" if field in _TEXTS else _KINDS.get(field, "")
    if wanted and kind_of(value) != wanted and not (value is None and field in _TEXTS - {"title", "status", "name"}):
        raise UsageError(f"{field} is {wanted}, not {kind_of(value)}")
    check = _CHECKS.get(field)
    if check is not None:
        check(value, feature, task)


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
    "title": _check_title,
    "name": _check_title,
    "status": _check_status,
    "completion_summary": _check_summary,
    "depends_on": _check_depends_on,
}
