"""Everything a person can do on the main screen: its keys, its words, and why it is refused here and now.

From this one list come the bindings, the footer, the help and the command palette.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from parex_tui.run.snapshot import BatchState, Command, Do, EngineState, FeatureView, Snapshot, TaskView
from parex_tui.run.states import (
    DONE,
    TaskBarred,
    TaskBlocked,
    TaskElsewhere,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskSkipped,
    TaskWaiting,
)

from . import words
from .changes import CHANGES, change_refusal, problem_count
from .lines import Line, Role, Span, cut, width_of
from .looks import is_held, running_tasks, undecided


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `name` is the screen's action method without its prefix; `label` is for the footer."""

    name: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: str

    @property
    def key(self) -> str:
        """The key that is shown; "" for what only the menu and the palette have."""
        return key_name(self.keys[0]) if self.keys else ""


def key_name(key: str) -> str:
    """A key as it is shown: `?` and not `question_mark`."""
    return _KEY_NAMES.get(key, key)


_KEY_NAMES: Final = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "exclamation_mark": "!",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "ctrl+p": "^p",
    "ctrl+c": "^c",
    "ctrl+s": "^s",
    "ctrl+z": "^z",
}

ACTIONS: Final = (
    Action(
        "run_or_retry",
        ("r",),
        "run",
        "Run the batch whose turn it is, and the next ones as each is verified; on a failed task: try it again",
        "Run",
    ),
    Action("retry_failed", ("R",), "retry all failed", "Try every failed task of the batch again", "Run"),
    Action("next_batch", ("n",), "go on anyway", "Go on to the next batch in spite of what is undecided (asks)", "Run"),
    Action("stop", ("x",), "stop", "Stop the selected task's attempt (asks)", "Run"),
    Action("stop_all", ("X",), "stop all", "Stop every attempt of the feature and start nothing new (asks)", "Run"),
    Action("take", ("T",), "take over", "Run here what another parex runs; its workers go on unharmed (asks)", "Run"),
    Action("pause", ("p",), "pause", "Start nothing new; what runs goes on", "Run"),
    Action("accept", ("y",), "accept", "Take the selected task as done, with a note", "Decide"),
    Action("skip", ("s",), "skip", "Go on without the selected task; its dependents stay blocked (asks)", "Decide"),
    Action("reset", ("u",), "reset", "Put a stale, blocked or claimed task back to pending (asks)", "Decide"),
    Action(
        "next_failure",
        ("exclamation_mark",),
        "next that needs you",
        "Go to the next task that failed or waits for a person",
        "Decide",
    ),
    Action("open", ("enter", "d"), "open", "Open the selected task: output, all fields, JSON, attempts, prompt", "See"),
    Action("edit", ("e",), "edit", "Edit the task's JSON, on a feature its task.json, in $VISUAL or $EDITOR", "See"),
    Action(
        "change", ("E",), "change", "Change the selected task: status, title, agent, what it needs, any field", "Change"
    ),
    Action("undo", ("U",), "undo", "Take the last change of a task file back", "Change"),
    Action("new_task", ("a",), "add task", "Add a task to the feature", "Change"),
    Action("new_feature", ("N",), "new feature", "Begin a new feature", "Change"),
    Action("archive", ("A",), "archive", "Archive a completed feature, or bring an archived one back (asks)", "Change"),
    Action("change_status", (), "status", "Set the task's status", "Change"),
    Action("change_title", (), "title", "Change the task's title", "Change"),
    Action("change_agent", (), "agent", "Choose the agent that the task is for", "Change"),
    Action("change_parallel", (), "parallel", "Say whether the task may run beside others", "Change"),
    Action("change_needs", (), "needs", "Choose the tasks that must be done before", "Change"),
    Action("change_field", (), "other field", "Edit one field of the task in $VISUAL or $EDITOR", "Change"),
    Action("start", (), "start", "Say that somebody works on the task outside of parex", "Change"),
    Action("block", (), "block", "Set the task to blocked", "Change"),
    Action("problems", ("P",), "problems", "All that is wrong in the task files, with repairs", "See"),
    Action("find", ("slash",), "find", "Show only tasks that match: words, status:failed", "See"),
    Action("zoom", ("z",), "zoom", "Give the whole screen to one pane, and back", "See"),
    Action("layout", ("v",), "layout", "Panes in one column or in two", "See"),
    Action("switch", ("tab",), "panes", "Go between the tree and the panes", "See"),
    Action("commands", ("colon", "ctrl+p"), "commands", "Find any command by its words", "Program"),
    Action("help", ("question_mark", "f1"), "keys", "Show the keys that work here", "Program"),
    Action("quit", ("q",), "quit", "Leave parex; asks while workers run", "Program"),
)

BY_NAME: Final = {action.name: action for action in ACTIONS}


@dataclass(frozen=True, slots=True)
class Situation:
    """What is selected and what there is: all that a refusal depends on. `batch` is set on a batch's row."""

    snapshot: Snapshot
    feature: FeatureView | None = None
    task: TaskView | None = None


def wants_retry(task: TaskView | None) -> bool:
    """Whether `r` means this task: it failed or was stopped, waits for a review, is blocked, skipped or stale."""
    if task is None:
        return False
    state = task.state
    if isinstance(state, TaskElsewhere):
        return state.stale
    return isinstance(state, (TaskFailed, TaskReview, TaskBlocked, TaskSkipped))


def label(action: Action, situation: Situation) -> str:
    """The footer's word for an action; `r` says which of its two meanings holds."""
    if action.name == "run_or_retry":
        if situation.task is not None and wants_retry(situation.task):
            return f"retry {cut(situation.task.seq, 8)}"
        return "go on" if situation.feature is not None and running_tasks(situation.feature) else "run"
    if action.name == "open" and situation.task is None:
        return "fold"
    if action.name == "archive" and situation.feature is not None and situation.feature.feature.archived:
        return "bring back"
    if action.name == "problems" and situation.snapshot.conflicts:
        return words.plural(len(situation.snapshot.conflicts), "conflict")
    if action.name == "problems" and problem_count(situation.feature):
        return words.plural(problem_count(situation.feature), "problem")
    return action.label


_FEATURE_ACTIONS: Final = ("run_or_retry", "retry_failed", "next_batch", "stop", "stop_all", "take", "pause")
_OF_ANOTHER: Final = ("open", "edit", "take", "stop", "stop_all")
"""What a person may do with a feature that another parex runs; stopping is always allowed."""

_TASK_ACTIONS: Final = ("stop", "accept", "skip", "reset", "open", "edit")


def refusal(name: str, situation: Situation) -> str:
    """Why an action cannot be done here and now, in one line; "" where it can."""
    view, task = situation.feature, situation.task
    if name in CHANGES:
        return change_refusal(name, situation.snapshot, view, task)
    if name in _FEATURE_ACTIONS or name in _TASK_ACTIONS:
        if view is None:
            return "There is no feature here yet."
        if view.engine is EngineState.ELSEWHERE and name not in _OF_ANOTHER:
            return "Another parex runs this feature: T takes it over."
    if name == "edit" and task is None and view is not None:
        return "" if view.feature.task_json is not None else "This feature has no task.json."
    if name in _TASK_ACTIONS and name != "open" and task is None:
        return "Select a task first."
    if name in _FEATURE_ACTIONS and view is not None:
        return _feature_refusal(name, view, task)
    if name in ("accept", "skip", "reset") and task is not None:
        return _decision_refusal(name, task)
    if name == "next_failure" and not any(undecided(one) for one in situation.snapshot.features.values()):
        return "Nothing has failed and nothing waits for a review."
    return ""


def _feature_refusal(name: str, view: FeatureView, task: TaskView | None) -> str:
    if name == "run_or_retry":
        if wants_retry(task):
            return ""
        if not view.batches:
            return "No task of this feature can be planned."
        if all(batch.state is BatchState.DONE for batch in view.batches):
            return "Every batch is done."
        if not view.going:
            return ""
        if view.engine is EngineState.RUNNING:
            return "It runs already."
        if is_held(view):
            return "The batch is held: decide its tasks, or go on anyway with n."
        return ""
    if name == "retry_failed":
        failed = any(isinstance(one.state, TaskFailed) for one in view.tasks.values())
        return "" if failed else "No task has failed."
    if name == "next_batch":
        return "" if is_held(view) else "No batch is held."
    if name == "take":
        return "" if view.engine is EngineState.ELSEWHERE else "No other parex runs this feature."
    if name == "stop":
        return "" if task is not None and isinstance(task.state, TaskRunning) else "This task does not run."
    if name == "stop_all":
        return "" if running_tasks(view) else "Nothing runs in this feature."
    return "" if view.engine is EngineState.RUNNING else "Nothing is being started."


def _decision_refusal(name: str, task: TaskView) -> str:
    state = task.state
    if isinstance(state, (TaskRunning, TaskEnded)):
        return "It runs: stop it first."
    if name == "accept":
        fits = isinstance(state, (TaskFailed, TaskReview, TaskBlocked, TaskElsewhere))
        return "" if fits else "There is nothing to accept: it has not failed and needs no review."
    if name == "skip":
        return "This task is decided already." if isinstance(state, (*DONE, TaskSkipped)) else ""
    if isinstance(state, (TaskReady, TaskWaiting)):
        return "Its file says pending already."
    return "Its file has to be repaired first." if isinstance(state, TaskBarred) else ""


def command_for(name: str, feature: str, seq: str, note: str = "") -> Command:
    """The command of an action that goes to the engine."""
    verbs = {
        "retry": Do.RETRY,
        "run": Do.RUN,
        "retry_failed": Do.RETRY_FAILED,
        "next_batch": Do.NEXT,
        "stop": Do.STOP,
        "stop_all": Do.STOP_ALL,
        "take": Do.TAKE,
        "pause": Do.PAUSE,
        "accept": Do.ACCEPT,
        "skip": Do.SKIP,
        "reset": Do.RESET,
    }
    return Command(verbs[name], feature, seq, note)


# --- the footer -------------------------------------------------------------------------------------------------

_HELD: Final = ("run_or_retry", "accept", "skip", "retry_failed", "next_batch", "next_failure", "help", "quit")
_RUNNING: Final = ("stop", "open", "zoom", "find", "edit", "next_failure", "help", "quit")
_IDLE: Final = ("run_or_retry", "open", "find", "edit", "zoom", "commands", "help", "quit")
_ELSEWHERE: Final = ("take", "stop", "stop_all", "open", "zoom", "find", "help", "quit")
_KEEP: Final = ("help", "quit")


def footer_names(situation: Situation) -> list[str]:
    """Which actions the footer offers, most useful first; the last two are always help and quit."""
    view = situation.feature
    if view is not None and view.engine is EngineState.ELSEWHERE:
        return list(_ELSEWHERE)
    if view is not None and is_held(view):
        return list(_HELD)
    if view is not None and (view.engine is EngineState.RUNNING or running_tasks(view)):
        names = list(_RUNNING)
        if wants_retry(situation.task) or not view.going:
            names.insert(0, "run_or_retry")
        return names
    names = list(_IDLE)
    if problem_count(view):
        names.insert(2, "problems")
    return names


def footer_line(situation: Situation, width: int) -> Line:
    """The footer: the keys that do something here, dropped from the right where narrow."""
    wanted = footer_names(situation)
    state = situation.task.state if situation.task is not None else None
    if isinstance(state, TaskElsewhere) and state.stale and "reset" not in wanted:
        wanted.insert(1, "reset")
    names = [name for name in wanted if name in _KEEP or not refusal(name, situation)]
    while True:
        spans: list[Span] = []
        for name in names:
            action = BY_NAME[name]
            key = action.keys[0]
            spans.append(Span(f" {action.key}", Role.KEY, key))
            spans.append(Span(f" {label(action, situation)} ", Role.SOFT, key))
        droppable = [name for name in names if name not in _KEEP]
        if width_of(spans) <= width or not droppable:
            return Line(tuple(spans))
        names.remove(droppable[-1])
