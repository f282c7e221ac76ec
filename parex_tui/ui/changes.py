"""Changes of task files that a person can ask for: which there are, and why one is refused here and now. No Textual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from parex_tui.plan.model import Bar
from parex_tui.run.snapshot import EngineState, FeatureView, Snapshot, TaskView
from parex_tui.run.states import TaskEnded, TaskRunning
from parex_tui.tasks.model import Status
from parex_tui.tasks.problems import Problem, Severity

from .looks import running_tasks

MENU: Final = (
    ("s", "change_status"),
    ("t", "change_title"),
    ("g", "change_agent"),
    ("p", "change_parallel"),
    ("n", "change_needs"),
    ("f", "change_field"),
    ("i", "start"),
    ("b", "block"),
    ("e", "edit"),
)
"""What the menu of a task offers: the key inside the menu, and the action."""

STATUS_MEANINGS: Final[Mapping[Status, str]] = {
    Status.PENDING: "not begun; it may run when what it needs is done",
    Status.IN_PROGRESS: "somebody works on it outside of parex",
    Status.COMPLETED: "done; the tasks that need it may run",
    Status.BLOCKED: "stands still until a person puts it back to pending",
}

OF_TASK: Final = frozenset({"change", *(name for _, name in MENU if name != "edit")})
OF_FEATURE: Final = frozenset({"new_task", "archive"})
ANYWHERE: Final = frozenset({"problems", "undo", "new_feature"})
CHANGES: Final = OF_TASK | OF_FEATURE | ANYWHERE
"""The names of all actions that this file speaks of."""


def change_refusal(name: str, snapshot: Snapshot, view: FeatureView | None, task: TaskView | None) -> str:
    """Why a change cannot be asked for, in one line; "" where it can."""
    if name == "problems":
        found = snapshot.conflicts or next(iter(all_problems(snapshot)), None) is not None
        return "" if found else "No problem has been found in the task files."
    if name == "undo":
        return "" if snapshot.undo else "There is nothing to undo."
    if name == "new_feature":
        return ""
    if view is None:
        return "There is no feature here yet."
    if name in OF_FEATURE:
        return _feature_refusal(name, view)
    if task is None and name in ("change", "change_field"):
        return "" if view.feature.task_json is not None else "This feature has no task.json."
    if task is None:
        return "Select a task first."
    if not task.task.readable:
        return "Its file is not valid JSON: repair it first (P), or edit the whole file (e)."
    if name in ("change_status", "start", "block"):
        return _status_refusal(name, view, task)
    if name == "change_needs" and len(view.tasks) < 2:
        return "There is no other task to depend on."
    return ""


def _feature_refusal(name: str, view: FeatureView) -> str:
    if name == "new_task":
        return "It is archived: bring it back first (A)." if view.feature.archived else ""
    if running_tasks(view):
        return "Its tasks run: stop them first."
    if view.engine is EngineState.ELSEWHERE:
        return "Another parex runs this feature."
    counts = view.feature.counts
    if view.feature.archived or (counts.total and counts.completed == counts.total):
        return ""
    if not counts.total:
        return "Cannot archive: it has no tasks."
    return f"Cannot archive: {counts.completed}/{counts.total} tasks completed."


def _status_refusal(name: str, view: FeatureView, task: TaskView) -> str:
    if isinstance(task.state, (TaskRunning, TaskEnded)):
        return "parex runs it and keeps its status: stop it first."
    if view.engine is EngineState.ELSEWHERE:
        return "Another parex runs this feature and keeps its status."
    status = task.task.status
    if name == "start" and status in (Status.IN_PROGRESS, Status.COMPLETED):
        return f"Its file says {status.value} already."
    if name == "block" and status is Status.BLOCKED:
        return "Its file says blocked already."
    return ""


# --- what there is to choose from -------------------------------------------------------------------------------


def agents_seen(snapshot: Snapshot) -> list[str]:
    """The agents that tasks of this project name, the most used first."""
    counted: dict[str, int] = {}
    for view in snapshot.features.values():
        for task in view.tasks.values():
            agent = task.task.suggested_agent
            if agent:
                counted[agent] = counted.get(agent, 0) + 1
    return sorted(counted, key=lambda agent: (-counted[agent], agent))


def ring(view: FeatureView, seq: str, needs: tuple[str, ...]) -> tuple[str, ...]:
    """The cycle that there would be if task `seq` needed `needs`: from `seq` over its dependencies back to it.

    Empty where there would be none. Each task is visited once, however the others are tangled.
    """
    came_from: dict[str, str] = {}
    waiting = list(reversed(needs))
    for need in needs:
        came_from.setdefault(need, seq)
    seen: set[str] = set()
    while waiting:
        here = waiting.pop()
        if here == seq:
            back = [seq]
            at = came_from[seq]
            while at != seq:
                back.append(at)
                at = came_from[at]
            return (seq, *reversed(back))
        task = view.tasks.get(here)
        if here in seen or task is None:
            continue
        seen.add(here)
        for need in task.task.depends_on:
            if need not in came_from:
                came_from[need] = here
                waiting.append(need)
    return ()


def all_problems(snapshot: Snapshot) -> Iterator[Problem]:
    """Every problem of the project, as found."""
    yield from snapshot.project.problems
    for view in snapshot.features.values():
        yield from (problem for _, problem in problems_of(view))


def problems_of(view: FeatureView) -> Iterator[tuple[str, Problem]]:
    """A feature's problems with the seq of their task ("" for the feature's own), what only the plan knows included."""
    yield from (("", problem) for problem in view.feature.problems)
    yield from ((seq, problem) for seq, task in view.tasks.items() for problem in task.task.problems)
    for barred in view.plan.barred:
        task = view.tasks.get(barred.seq)
        if barred.bar in (Bar.CYCLE, Bar.MISSING) and task is not None:
            remedy = "choose what it depends on: E, then n"
            code = f"plan.{barred.bar.name.lower()}"
            yield barred.seq, Problem(Severity.ERROR, code, task.task.path, barred.reason, remedy)


def problem_count(view: FeatureView | None) -> int:
    """Errors and warnings of a feature; notes trouble other programs only."""
    return 0 if view is None else sum(one.severity is not Severity.NOTE for _, one in problems_of(view))
