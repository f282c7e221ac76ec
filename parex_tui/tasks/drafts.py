"""From fields to tasks and features: what each field of the format means, and what is wrong with it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .fields import Fields, Source, as_text, kind_of
from .layout import TASK_JSON, FeatureFolder, task_number
from .model import Feature, JsonValue, Status, Task
from .problems import Problem, Severity
from .text import clean

FEATURE_STATUSES: Final = ("active", "completed", "blocked", "archived")
"""The statuses that the format knows for a feature."""

FOREIGN_TASK: Final = "task.foreign"
"""The code of the problem that says: this file is another program's."""

_STATUSES: Final = {status.value: status for status in Status}
_STATUS_WORDS: Final = "pending, in_progress, completed or blocked"
_SEQ: Final = re.compile(r"\d{1,6}(?:[._-]?[A-Za-z0-9]{1,20}){0,4}", re.ASCII)
_NUMBERED: Final = re.compile(r"(?:(?:sub)?task[-_ ]?)?0*(\d{1,6})", re.IGNORECASE | re.ASCII)
_SHOWN: Final = 60
_TASK_FIELDS: Final = frozenset(
    {"id", "seq", "title", "status", "depends_on", "dependencies", "parallel", "context_files", "reference_files"}
    | {"suggested_agent", "acceptance_criteria", "deliverables", "agent_id", "started_at", "completed_at"}
    | {"completion_summary"}
)
_TASK_MARKS: Final = frozenset({"seq", "title", "status", "depends_on"})
_FEATURE_FIELDS: Final = frozenset(
    {"id", "name", "status", "objective", "context_files", "reference_files", "exit_criteria", "subtask_count"}
    | {"completed_count", "created_at", "completed_at"}
)
_FEATURE_MARKS: Final = frozenset({"name", "status", "objective", "exit_criteria", "subtask_count", "completed_count"})
_FOREIGN_MARKS: Final = ("tasks", "subtasks", "phases", "steps", "master")


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """A task as its own file states it: `depends_on` is still spelled as it is there. `id` is the file's own."""

    task: Task
    id: str


@dataclass(frozen=True, slots=True)
class FeatureDraft:
    """What task.json states; `source` is kept to place what is found out later, from the task files."""

    feature: Feature
    id: str
    source: Source | None


def draft_task(
    source: Source, *, feature: str, readable: bool, problems: Iterable[Problem], digest: str, modified: float
) -> TaskDraft:
    """A subtask file's task. `problems` are those that are already known; the rest as in `Task`."""
    fields = Fields(source, problems=list(problems))
    fields.oddities()
    number = task_number(source.path.name) or "0"
    status, status_text = _status(fields, readable)
    identity = fields.text("id")
    task = Task(
        feature=feature,
        seq=_seq(fields, number),
        path=source.path,
        title=fields.text("title"),
        status=status,
        status_text=status_text,
        depends_on=_depends_on(fields),
        parallel=fields.flag("parallel"),
        context_files=fields.references("context_files"),
        reference_files=fields.references("reference_files"),
        suggested_agent=fields.text("suggested_agent"),
        acceptance_criteria=fields.texts("acceptance_criteria"),
        deliverables=fields.texts("deliverables"),
        agent_id=fields.text("agent_id"),
        started_at=fields.text("started_at"),
        completed_at=fields.text("completed_at"),
        completion_summary=fields.text("completion_summary"),
        readable=readable,
        problems=tuple(fields.problems),
        extra=fields.rest(_TASK_FIELDS),
        digest=digest,
        modified=modified,
    )
    return TaskDraft(task, identity)


def _status(fields: Fields, readable: bool) -> tuple[Status | None, str]:
    value = fields.raw.get("status")
    if isinstance(value, str) and value in _STATUSES:
        return _STATUSES[value], value
    if not readable:
        return None, "" if value is None else as_text(value)  # what is wrong with the file says it all
    if fields.raw.keys().isdisjoint(_TASK_MARKS):
        message = "not a task of this format: it has no seq, title, status or depends_on"
        fields.problem(Severity.ERROR, FOREIGN_TASK, message, "rename it if it belongs to another program")
    elif value is None:
        message = "the status is null" if "status" in fields.raw else "the task has no status"
        fields.problem(Severity.ERROR, "status.missing", message, f"set it to {_STATUS_WORDS}", "status")
    else:
        message = f"the format knows no status “{as_text(value)[:_SHOWN]}”"
        fields.problem(Severity.ERROR, "status.unknown", message, f"set it to {_STATUS_WORDS}", "status")
    return None, "" if value is None else as_text(value)


def _seq(fields: Fields, number: str) -> str:
    """The seq that the file states, padded to two digits; the file name's where it states none that can be used."""
    value = fields.raw.get("seq")
    named = _padded(number)
    if value is None:
        return named
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not _SEQ.fullmatch(text):
        message = f"“seq” is no number: {as_text(value)[:_SHOWN]}; the file name's counts"
        fields.problem(Severity.WARNING, "seq.unusable", message, f'write "{named}"', "seq")
        return named
    if not isinstance(value, str):
        fields.problem(
            Severity.WARNING, "field.type", f"“seq” is {kind_of(value)}, not text", f'write "{named}"', "seq"
        )
    seq = _padded(text) if text.isdigit() else text
    if seq.isdigit() and seq != named:
        message = f"“seq” says {seq}, the file name says {named}; {seq} counts"
        remedy = f'write "{named}" where no other file has it, else call the file subtask_{seq}.json'
        fields.problem(Severity.WARNING, "seq.mismatch", message, remedy, "seq")
    return seq


def _padded(number: str) -> str:
    return number.lstrip("0").zfill(2)


def _depends_on(fields: Fields) -> tuple[str, ...]:
    """Dependencies as spelled. What is none is kept as its text: it names no task, so that the task does not start."""
    key = "depends_on"
    if fields.raw.get(key) is None and fields.raw.get("dependencies") is not None:
        key = "dependencies"
        message = "dependencies stand in “dependencies”; other programs look in “depends_on” only"
        fields.problem(Severity.NOTE, "dep.alias", message, "rename the field", key)
    value = fields.raw.get(key)
    if isinstance(value, str):
        fields.problem(Severity.WARNING, "field.type", f"“{key}” is text, not a list", 'write it as ["01", "02"]', key)
        parts = [part for part in re.split(r"[,;\s]+", clean(value)) if part]
        several = all(re.search(r"\d", part) for part in parts)
        return _once(parts if several else [clean(value)])
    found: list[str] = []
    for number, item in enumerate(fields.items(key), 1):
        if item is None:
            continue
        if not isinstance(item, str):
            message = f"item {number} of “{key}” is {kind_of(item)}, not text"
            fields.problem(Severity.WARNING, "field.type", message, 'write seqs as "01"', key)
        found.append(as_text(item).strip())
    return _once(found)


def _once(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def resolve(drafts: Sequence[TaskDraft], feature_ids: Iterable[str]) -> tuple[Task, ...]:
    """The drafts' tasks with `depends_on` as seqs wherever a task of the feature is meant.

    `feature_ids` are the names under which a full id (`auth-01`) may refer to this feature. A task whose dependencies
    are seqs already is given as it is, the same object.
    """
    seqs = {draft.task.seq for draft in drafts}
    if all(seqs.issuperset(draft.task.depends_on) for draft in drafts):
        return tuple(draft.task for draft in drafts)
    names: dict[str, str] = {}
    numbers: dict[int, set[str]] = {}
    for draft in drafts:
        seq = draft.task.seq
        names[draft.task.path.name] = names[draft.task.path.stem] = seq
        if draft.id:
            names[draft.id] = seq
        if seq.isdigit():
            numbers.setdefault(int(seq), set()).add(seq)
    prefixes = [f"{name}-" for name in feature_ids if name]

    def seq_of(written: str) -> str:
        if written in seqs:
            return written
        if written in names:
            return names[written]
        bare = written.removesuffix(".json")
        prefix = next((prefix for prefix in prefixes if bare.startswith(prefix)), "")
        match = _NUMBERED.fullmatch(bare.removeprefix(prefix))
        meant = numbers.get(int(match.group(1)), set()) if match else set()
        return next(iter(meant)) if len(meant) == 1 else written

    tasks: list[Task] = []
    for draft in drafts:
        depends_on = _once(map(seq_of, draft.task.depends_on))
        same = depends_on == draft.task.depends_on
        tasks.append(draft.task if same else replace(draft.task, depends_on=depends_on))
    return tuple(tasks)


def draft_feature(
    folder: FeatureFolder, key: str, source: Source | None, *, readable: bool, problems: Iterable[Problem]
) -> FeatureDraft:
    """A feature as its folder and its task.json (`source`, None without one) state it, still without tasks."""
    name = clean(folder.path.name)
    bare = Feature(id=name, key=key, path=folder.path, archived=folder.archived, problems=tuple(problems))
    if source is None:
        return FeatureDraft(bare, "", None)
    fields = Fields(source, problems=list(problems))
    fields.oddities()
    status_text = _feature_status(fields, readable)
    identity = fields.text("id")
    if identity and identity != name:
        message = f"“id” is {identity[:_SHOWN]}, the folder is {name[:_SHOWN]}"
        fields.problem(Severity.NOTE, "feature.id", message, "other programs expect both to be the same", "id")
    feature = replace(
        bare,
        task_json=source.path,
        name=fields.text("name"),
        status_text=status_text,
        objective=fields.text("objective"),
        context_files=fields.references("context_files"),
        reference_files=fields.references("reference_files"),
        exit_criteria=fields.texts("exit_criteria"),
        created_at=fields.text("created_at"),
        completed_at=fields.text("completed_at"),
        declared_subtasks=fields.count("subtask_count"),
        declared_completed=fields.count("completed_count"),
        archived=folder.archived or status_text == "archived",
        problems=tuple(fields.problems),
        extra=fields.rest(_FEATURE_FIELDS),
    )
    return FeatureDraft(feature, identity, source)


def is_foreign_feature(values: Mapping[str, JsonValue]) -> bool:
    """Whether a task.json is another program's: it has none of the fields that make a feature."""
    return values.keys().isdisjoint(_FEATURE_MARKS)


def _feature_status(fields: Fields, readable: bool) -> str:
    value = fields.raw.get("status")
    if readable and is_foreign_feature(fields.raw):
        strange = next((key for key in _FOREIGN_MARKS if key in fields.raw), None)
        also = f", but “{strange}”" if strange else ""
        message = f"not a task.json of this format: it has no name, objective or counts{also}"
        fields.problem(Severity.ERROR, "feature.foreign", message, "rename it if it belongs to another program")
    elif isinstance(value, str) and value not in FEATURE_STATUSES:
        message = f"the format knows no feature status “{clean(value)[:_SHOWN]}”"
        fields.problem(Severity.NOTE, "feature.status", message, f"it knows {', '.join(FEATURE_STATUSES)}", "status")
    return fields.text("status")


def complete_feature(draft: FeatureDraft, tasks: tuple[Task, ...]) -> Feature:
    """The feature with its tasks, and with what only both together show: wrong counts, a seq that two files claim."""
    feature = replace(draft.feature, tasks=tasks)
    problems = list(feature.problems)
    if feature.task_json is None:
        message = f"no {TASK_JSON}: the feature's name, objective and status are unknown"
        remedy = "write one with “id”, “name” and “status”"
        problems.append(Problem(Severity.WARNING, "feature.no_task_json", feature.path, message, remedy))
    if not tasks:
        remedy = "subtask files are called subtask_01.json, subtask_02.json, …"
        problems.append(Problem(Severity.NOTE, "feature.empty", feature.path, "the feature has no tasks", remedy))
    problems.extend(_miscounts(draft, feature))
    problems.extend(_shared_seqs(tasks))
    return replace(feature, problems=tuple(problems))


def _miscounts(draft: FeatureDraft, feature: Feature) -> list[Problem]:
    if draft.source is None:
        return []
    fields = Fields(draft.source)
    counts = feature.counts
    completed, total = feature.declared_completed, feature.declared_subtasks
    if completed is not None and completed != counts.completed:
        message = f"“completed_count” says {completed}, {counts.completed} of {counts.total} tasks are completed"
        fields.problem(Severity.WARNING, "count.completed", message, "parex counts for itself", "completed_count")
    if total is not None and total != counts.total:
        message = f"“subtask_count” says {total}, there are {counts.total} subtask files"
        fields.problem(Severity.WARNING, "count.subtasks", message, "parex counts for itself", "subtask_count")
    return fields.problems


def _shared_seqs(tasks: tuple[Task, ...]) -> list[Problem]:
    by_seq: dict[str, list[Task]] = {}
    for task in tasks:
        by_seq.setdefault(task.seq, []).append(task)
    problems: list[Problem] = []
    for seq, same in by_seq.items():
        if len(same) > 1:
            names = " and ".join(clean(task.path.name) for task in same)
            message = f"seq {seq} is claimed by {names}"
            sound = [task for task in same if task.readable]
            remedy = "mend them first"
            if sound:
                words = (sound[-1].feature, sound[-1].path.name, f"seq={next_seq(tasks)}")
                remedy = f"parex edit {' '.join(clean(shlex.quote(word)) for word in words)}"
            problems.append(Problem(Severity.ERROR, "seq.duplicate", same[-1].path, message, remedy))
    return problems


def next_seq(tasks: Sequence[Task]) -> str:
    """The first number above all that tasks and their files' names claim."""
    claimed = [task.seq for task in tasks if task.seq.isdigit()]
    claimed += [task_number(task.path.name) or "0" for task in tasks]
    return str(max(map(int, claimed), default=0) + 1).zfill(2)
