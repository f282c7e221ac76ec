"""The files as parex understands them: plain frozen data, no behaviour that touches the disk.

Every string here that a person may see is already cleaned (`text.clean`). Two things are not: paths stay as the file
system has them, and `extra` holds every other field exactly as it was parsed, to be cleaned where it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from .problems import Problem, Severity
from .text import in_list

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class Status(StrEnum):
    """The four statuses that the format knows for a task. parex writes no other."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class ContextRef:
    """A file that a task or feature points at. `lines` are inclusive ranges from 1; empty means the whole file."""

    path: str
    lines: tuple[tuple[int, int], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One subtask file.

    `status` is None where the word on disk is none of the format's four (`status_text` keeps it): such a task is
    shown raw and is not runnable. `depends_on` holds seqs as written on disk, normalised to the seq of a task of the
    same feature where one is meant (`"auth-01"`, `"subtask_01.json"`, `1` → `"01"`); what names no task stays as it is.
    `readable` is False where the file is not valid JSON: what could be recovered is here, the task cannot run.
    `digest` is the SHA-256 of the file's bytes, hexadecimal.
    `modified` is the file's modification time, in seconds since the epoch.
    """

    feature: str
    seq: str
    path: Path
    title: str = ""
    status: Status | None = Status.PENDING
    status_text: str = "pending"
    depends_on: tuple[str, ...] = ()
    parallel: bool = False
    context_files: tuple[ContextRef, ...] = ()
    reference_files: tuple[ContextRef, ...] = ()
    suggested_agent: str = ""
    acceptance_criteria: tuple[str, ...] = ()
    deliverables: tuple[str, ...] = ()
    agent_id: str = ""
    started_at: str = ""
    completed_at: str = ""
    completion_summary: str = ""
    readable: bool = True
    updating: bool = False  # the file on disk is half-written just now; these are its last good values
    problems: tuple[Problem, ...] = ()
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    digest: str = ""
    modified: float = 0.0

    @property
    def name(self) -> str:
        """`01 Title`, as the screen and the reports name a task; a title that no list can take is cut."""
        return f"{self.seq} {in_list(self.title)}".rstrip()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks of a feature have which status on disk; `other` are unreadable or have an odd status."""

    pending: int = 0
    in_progress: int = 0
    completed: int = 0
    blocked: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        """All task files, readable or not."""
        return self.pending + self.in_progress + self.completed + self.blocked + self.other


@dataclass(frozen=True, slots=True)
class Feature:
    """A folder of tasks.

    `id` is the folder's name (cleaned); `key` is a file name that is safe and unique below one project, and stays the
    same when the folder moves to or from `completed/` or `active/`. `status_text` is task.json's own word, "" without
    one. `declared_*` are the counts that task.json states, None where it states none; the true ones are `counts`.
    """

    id: str
    key: str
    path: Path
    task_json: Path | None = None
    name: str = ""
    status_text: str = ""
    objective: str = ""
    context_files: tuple[ContextRef, ...] = ()
    reference_files: tuple[ContextRef, ...] = ()
    exit_criteria: tuple[str, ...] = ()
    created_at: str = ""
    completed_at: str = ""
    declared_subtasks: int | None = None
    declared_completed: int | None = None
    archived: bool = False
    tasks: tuple[Task, ...] = ()
    problems: tuple[Problem, ...] = ()  # of the folder and of task.json; each task carries its own
    extra: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        """Counted from the task files, never from task.json."""
        tally = dict.fromkeys(Status, 0)
        other = 0
        for task in self.tasks:
            if task.status is None or not task.readable:
                other += 1
            else:
                tally[task.status] += 1
        return Counts(
            pending=tally[Status.PENDING],
            in_progress=tally[Status.IN_PROGRESS],
            completed=tally[Status.COMPLETED],
            blocked=tally[Status.BLOCKED],
            other=other,
        )

    def task(self, seq: str) -> Task | None:
        """The task with that seq, or None."""
        return next((task for task in self.tasks if task.seq == seq), None)

    def name_of(self, seq: str) -> str:
        """The name of the task with that seq, or the seq itself where there is none."""
        task = self.task(seq)
        return task.name if task is not None else seq

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """The folder's problems and those of every task, errors first."""
        found = [*self.problems, *(problem for task in self.tasks for problem in task.problems)]
        return tuple(sorted(found, key=lambda problem: list(Severity).index(problem.severity)))


@dataclass(frozen=True, slots=True)
class Project:
    """Everything below one root. `tasks_dirs` are the folders that hold feature folders."""

    root: Path
    tasks_dirs: tuple[Path, ...] = ()
    features: tuple[Feature, ...] = ()
    problems: tuple[Problem, ...] = ()

    def feature(self, name: str) -> Feature | None:
        """The feature with that key, else with that id; of two with one id, the one that is not archived."""
        found = [feature for feature in self.features if name in (feature.id, feature.key)]
        return min(found, key=lambda feature: (feature.key != name, feature.archived), default=None)

    def namesakes(self, feature: Feature) -> tuple[Feature, ...]:
        """Every feature that is called like this one, itself included."""
        return tuple(one for one in self.features if one.id == feature.id)
