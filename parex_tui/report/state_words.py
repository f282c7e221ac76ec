"""What a task is, in a word or two and with its reason, as reports and scripts read it."""

from __future__ import annotations

from parex_tui.run.states import (
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
    TaskState,
    TaskVerified,
    TaskWaiting,
)


def state_word(state: TaskState) -> str:
    """One word or two for what a task is, as a report or a script reads it."""
    match state:
        case TaskReady():
            return "ready"
        case TaskWaiting():
            return "waiting"
        case TaskRunning():
            return "running"
        case TaskEnded():
            return "ended"
        case TaskVerified():
            return "verified"
        case TaskAccepted():
            return "accepted"
        case TaskClaimed():
            return "claimed"
        case TaskReview():
            return "needs review"
        case TaskFailed():
            return "failed"
        case TaskSkipped():
            return "skipped"
        case TaskBlocked():
            return "blocked"
        case TaskElsewhere(stale=stale):
            return "stale" if stale else "in progress elsewhere"
        case TaskBarred():
            return "cannot run"


def state_reason(state: TaskState) -> str:
    """Why a task is what it is, "" where the word says it all."""
    match state:
        case TaskWaiting(reason=reason) | TaskBarred(reason=reason):
            return reason
        case TaskReview(reason=reason) | TaskFailed(reason=reason):
            return reason
        case TaskSkipped(note=note) | TaskAccepted(note=note):
            return note
        case _:
            return ""
