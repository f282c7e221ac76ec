"""Who may set which status of a task: the same for the screen and for every command.

A task is completed by `complete` or by accepting it, which try its checks; it starts when what it depends on is done.
What parex runs is the engine's, and what is archived stays as it is.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from parex_tui.tasks.drafts import FOREIGN_TASK
from parex_tui.tasks.edit import EditError
from parex_tui.tasks.model import Feature, JsonValue, Project, Status, Task
from parex_tui.tasks.text import clean

from .attempts import Journal
from .snapshot import Conflict
from .states import Running, Starting


class RuleError(EditError):
    """A rule says no: one line with why and what to do. `seq` names the task, "" where it is about none."""

    def __init__(self, message: str, seq: str = "") -> None:
        super().__init__(message)
        self.seq = seq


def command(*words: str) -> str:
    """A command line of parex to try, quoted for a shell."""
    return f"`parex {' '.join(shlex.quote(word) for word in words)}`"


def check_open(feature: Feature) -> None:
    """Raises RuleError where the feature is archived."""
    if feature.archived:
        raise RuleError(f"{feature.id} is archived; {command('unarchive', feature.id)} first")


def check_own(task: Task) -> None:
    """Raises RuleError where the file is another program's: it has none of the fields that make a task."""
    found = next((problem for problem in task.problems if problem.code == FOREIGN_TASK), None)
    if found is not None:
        raise RuleError(f"{clean(task.path.name)}: {found.message}; {found.remedy}", task.seq)


def check_idle(journal: Journal, feature: Feature, seq: str = "") -> None:
    """Raises RuleError where an attempt of the task, or without `seq` of any task of the feature, is alive."""
    for number, attempts in journal.feature_attempts(feature.key).items():
        for attempt in attempts:
            if seq in ("", number) and isinstance(attempt.state(), Running | Starting):
                raise RuleError(
                    f"{feature.id}/{number} runs under parex (attempt {attempt.number}); "
                    f"stop it first: {command('stop', feature.id, number)}, or x on it in the dashboard",
                    number,
                )


def check_start(feature: Feature, task: Task, *, force: bool = False) -> str:
    """Whether somebody may begin with it. Returns what `force` sets aside, "" where there is nothing.

    Raises RuleError.
    """
    name = f"{feature.id}/{task.seq}"
    match task.status:
        case Status.PENDING:
            pass
        case Status.BLOCKED:
            raise RuleError(f"{name} is blocked; {command('unblock', feature.id, task.seq)} first", task.seq)
        case Status.IN_PROGRESS:
            by = f", by {task.agent_id}" if task.agent_id else ""
            remedy = f"{command('reset', feature.id, task.seq)} first if nobody works on it"
            raise RuleError(f"{name} is in progress already{by}; {remedy}", task.seq)
        case Status.COMPLETED:
            remedy = f"{command('reset', feature.id, task.seq, '--force')} first to do it again"
            raise RuleError(f"{name} is completed; {remedy}", task.seq)
        case None:
            remedy = command("edit", feature.id, task.seq, "status=pending")
            raise RuleError(f"{name} is {status_told(task)}; {remedy} first", task.seq)
    return _check_dependencies(feature, task, force=force)


def check_status(feature: Feature, task: Task, status: JsonValue) -> None:
    """Whether an edit of the field may set that status; as it is, it may stay. Raises RuleError."""
    if status == Status.COMPLETED.value and task.status is not Status.COMPLETED:
        remedy = command("complete", feature.id, task.seq, "what was done")
        raise RuleError(f"completing is checked: {remedy}, or accept it with y in the dashboard", task.seq)
    if status == Status.IN_PROGRESS.value and task.status is not Status.IN_PROGRESS:
        _check_dependencies(feature, task)


def check_feature_status(feature: Feature, status: JsonValue) -> None:
    """Whether task.json may have that status: what says that the work is over has to be so. Raises RuleError."""
    if feature.status_text == status:
        return
    if status == "archived":
        raise RuleError(f"an archived feature is moved, too: {command('archive', feature.id)}")
    done = sum(not is_open(task) for task in feature.tasks)
    if status == Status.COMPLETED.value and done < len(feature.tasks):
        raise RuleError(f"{feature.id} is not completed: {done} of {len(feature.tasks)} tasks are")


def _check_dependencies(feature: Feature, task: Task, *, force: bool = False) -> str:
    waits = open_dependencies(feature, task)
    if waits and not force:
        remedy = f"{command('start', feature.id, task.seq, '--force')} starts it anyway"
        raise RuleError(f"{feature.id}/{task.seq} cannot start: it depends on {waits}; {remedy}", task.seq)
    return f"it depends on {waits}" if waits else ""


def check_insist(journal: Journal, project: Project, conflict: Conflict | None) -> None:
    """Raises RuleError where our value of a conflict is a status of a task that runs."""
    if conflict is None or conflict.field != "status":
        return
    for feature in project.features:
        for task in feature.tasks:
            if os.path.realpath(task.path) == os.path.realpath(conflict.path):
                check_idle(journal, feature, task.seq)


def with_times(task: Task, changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """`changes` with what a new status brings along: no time of completion where it is not completed."""
    leaves = "status" in changes and changes["status"] != Status.COMPLETED.value and task.completed_at
    return {**({"completed_at": None} if leaves else {}), **changes}


def open_dependencies(feature: Feature, task: Task) -> str:
    """`02 (pending) and 03 (not found)`; "" where nothing holds the task up."""
    found: list[str] = []
    for seq in task.depends_on:
        other = feature.task(seq)
        if is_open(other):
            found.append(f"{clean(seq)} ({'not found' if other is None else status_told(other)})")
    return " and ".join(found)


def is_open(task: Task | None) -> bool:
    """Whether a dependency holds up what depends on it."""
    return task is None or not task.readable or task.status is not Status.COMPLETED


def status_told(task: Task) -> str:
    """A task's status as a message names it."""
    if not task.readable:
        return "unreadable"
    return task.status.value if task.status is not None else f"“{clean(task.status_text, 40)}”, which is no status"
