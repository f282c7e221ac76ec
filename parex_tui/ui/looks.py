"""How a task's state looks: its sign, its word, its colour, and what stands at the right end of its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from parex_tui.agents.driver import Failure
from parex_tui.run.snapshot import BatchState, BatchView, EngineState, FeatureView, TaskView
from parex_tui.run.states import (
    DONE,
    TaskAccepted,
    TaskBarred,
    TaskBlocked,
    TaskClaimed,
    TaskElsewhere,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskSkipped,
    TaskVerified,
    TaskWaiting,
)

from . import words
from .glyphs import STATES, Glyphs
from .lines import Role

SHORT_FAILURES: Final[Mapping[Failure, str]] = {
    Failure.EXIT: "bad exit",
    Failure.PERMISSION: "rejected",
    Failure.WRONG_AGENT: "fell back",
    Failure.NO_END: "no result",
    Failure.NO_EVIDENCE: "file missing",
}
"""Failures whose own word is too long for a row of the tree."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What every projection needs: the signs, the time (seconds since the epoch), the silence that counts as quiet."""

    glyphs: Glyphs
    now: float
    quiet_after: float = 120.0


@dataclass(frozen=True, slots=True)
class Look:
    """`sign` names a glyph; `word` is the state in words; `tail` is the right end of the row."""

    sign: str
    word: str
    role: Role
    tail: str
    tail_role: Role


def silence(view: TaskView, draw: Draw) -> float | None:
    """Seconds since the running task's output last grew; since its start where it has said nothing yet."""
    if not isinstance(view.state, TaskRunning):
        return None
    sign = view.activity.last_sign if view.activity is not None else None
    return max(0.0, draw.now - (view.state.since if sign is None else sign))


def inactive(view: TaskView, draw: Draw) -> str:
    """Why a running task may not get on, and for how long; empty where it shows signs of life."""
    if view.suspended is not None:
        return f"suspended {words.ago(draw.now - view.suspended)}"
    if view.stalled is not None:
        return f"stalled? {words.ago(draw.now - view.stalled)}"
    quiet = silence(view, draw)
    return f"quiet {words.ago(quiet)}" if quiet is not None and quiet >= draw.quiet_after else ""


def look(view: TaskView, draw: Draw) -> Look:
    """The look of one task at this moment."""
    state = view.state
    dim = Role.DIM
    if isinstance(state, TaskRunning):
        if told := inactive(view, draw):
            return Look("quiet", "running", Role.WARN, told, Role.WARN)
        return Look("running", "running", Role.RUN, words.elapsed(draw.now - state.since), Role.RUN)
    if isinstance(state, TaskEnded):
        return Look("running", "checking", Role.RUN, "checking", Role.RUN)
    if isinstance(state, TaskVerified):
        return Look("done", "verified", Role.OK, words.elapsed(state.seconds), dim)
    if isinstance(state, TaskAccepted):
        return Look("done", "accepted", Role.OK, words.elapsed(state.seconds) if state.seconds else "accepted", dim)
    if isinstance(state, TaskClaimed):
        return Look("done", "claimed", dim, "claimed", dim)
    if isinstance(state, TaskReview):
        return Look("review", "needs review", Role.REVIEW, "needs review", Role.REVIEW)
    if isinstance(state, TaskFailed):
        short = SHORT_FAILURES.get(state.failure, state.failure.value)
        if state.failure is Failure.STOPPED:
            return Look("stopped", "stopped", Role.WARN, "stopped", Role.WARN)
        return Look("failed", short, Role.BAD, short, Role.BAD)
    if isinstance(state, TaskSkipped):
        return Look("skipped", "skipped", dim, "skipped", dim)
    if isinstance(state, TaskBlocked):
        return Look("blocked", "blocked", Role.WARN, "blocked", Role.WARN)
    if isinstance(state, TaskElsewhere):
        age = words.ago(draw.now - state.since)
        if state.stale:
            return Look("quiet", "stale", Role.WARN, f"stale {age}", Role.WARN)
        return Look("running", "in progress", Role.RUN, "in progress", Role.RUN)
    if isinstance(state, TaskBarred):
        return Look("unreadable", "cannot run", Role.WARN, state.reason, Role.WARN)
    if isinstance(state, TaskWaiting):
        return Look("waiting", "waiting", dim, state.reason, dim)
    return Look("ready", "ready", Role.SOFT, "ready", dim)


def tally(view: FeatureView, draw: Draw) -> dict[str, int]:
    """How many tasks of a feature show which sign; only signs that occur, in the header's order."""
    found = dict.fromkeys(STATES, 0)
    for task in view.tasks.values():
        found[_SIGNS.get(type(task.state)) or look(task, draw).sign] += 1
    return {sign: count for sign, count in found.items() if count}


_SIGNS: Final[Mapping[type, str]] = {
    TaskReady: "ready",
    TaskWaiting: "waiting",
    TaskVerified: "done",
    TaskAccepted: "done",
    TaskClaimed: "done",
    TaskReview: "review",
    TaskSkipped: "skipped",
    TaskBlocked: "blocked",
    TaskBarred: "unreadable",
}

SIGN_ROLES: Final[Mapping[str, Role]] = {
    "running": Role.RUN,
    "quiet": Role.WARN,
    "ready": Role.SOFT,
    "waiting": Role.DIM,
    "done": Role.OK,
    "review": Role.REVIEW,
    "failed": Role.BAD,
    "stopped": Role.WARN,
    "blocked": Role.WARN,
    "skipped": Role.DIM,
    "unreadable": Role.WARN,
}
"""The colour of each sign where it is counted."""


def done_count(view: FeatureView) -> int:
    """Tasks whose dependents may start."""
    return sum(isinstance(task.state, DONE) for task in view.tasks.values())


def unreadable_count(view: FeatureView) -> int:
    """Tasks whose file is not valid."""
    return sum(not task.task.readable for task in view.tasks.values())


def barred_count(view: FeatureView) -> int:
    """Tasks that cannot run as the files are, unreadable ones included."""
    return sum(isinstance(task.state, TaskBarred) for task in view.tasks.values())


def running_tasks(view: FeatureView) -> list[TaskView]:
    """Tasks with a live attempt, in file order."""
    return [task for task in view.tasks.values() if isinstance(task.state, TaskRunning)]


def undecided(view: FeatureView) -> list[TaskView]:
    """Tasks that a person has to decide: those that hold a batch, else every failed one and every review."""
    held = [view.tasks[seq] for batch in view.batches for seq in batch.held_by if seq in view.tasks]
    return held or [task for task in view.tasks.values() if isinstance(task.state, (TaskFailed, TaskReview))]


def current_batch(view: FeatureView) -> int | None:
    """The number of the batch whose turn it is: the first that is not done; the last where all are."""
    for batch in view.batches:
        if batch.state != "done":
            return batch.number
    return view.batches[-1].number if view.batches else None


def is_live_elsewhere(task: TaskView | None) -> bool:
    """Whether another program works on it now."""
    return task is not None and isinstance(task.state, TaskElsewhere) and not task.state.stale


def holder_told(view: FeatureView) -> str:
    """Who runs a feature that is not run here, as a sentence."""
    holder = view.holder
    if holder is None:
        return "Another parex runs this feature."
    where = f"process {holder.pid} on {holder.host}"
    if holder.screen:
        return f"Another parex runs this feature ({where})."
    return f"parex runs this feature without a screen ({where})."


def held_batch(view: FeatureView) -> BatchView | None:
    """The batch that waits for a person's decisions, whatever the engine does; None where there is none.

    Where another parex runs the feature, or another program works on all that is left, it is not this person's turn.
    """
    if view.engine is EngineState.ELSEWHERE:
        return None
    batch = next((batch for batch in view.batches if batch.state is BatchState.HELD), None)
    if batch is not None and all(is_live_elsewhere(view.tasks.get(seq)) for seq in batch.held_by):
        return None
    return batch


def is_held(view: FeatureView) -> bool:
    """Whether the gate stands open for decisions."""
    return view.engine is EngineState.HELD or held_batch(view) is not None


def left_to_run(view: FeatureView, seqs: tuple[str, ...]) -> list[str]:
    """Those of the tasks that have not run and may still: ready or waiting."""
    return [seq for seq in seqs if seq in view.tasks and isinstance(view.tasks[seq].state, (TaskReady, TaskWaiting))]


NAME_LIMIT: Final = 400
"""Characters of a task's name that any place on the screen may need."""


def name_of(task: TaskView) -> str:
    """`01 Title`, no longer than a screen can show: a title may be as long as its file."""
    return task.task.name[:NAME_LIMIT]
