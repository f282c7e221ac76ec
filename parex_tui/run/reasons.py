"""Why something is as it is, in one line for a person."""

from __future__ import annotations

from pathlib import Path

from parex_tui.tasks.text import clean

from .states import TaskBlocked, TaskElsewhere, TaskFailed, TaskReview, TaskState, TaskWaiting


def last_words(log: Path) -> str:
    """The last line of a keeper's log, cleaned; or that it left none."""
    try:
        lines = log.read_text("utf-8", "replace").split("\n")
    except OSError:
        lines = []
    said = [line.strip() for line in lines if line.strip()]
    return clean(said[-1], 300) if said else f"it left no word; see {log.parent}"


def reason_of(state: TaskState) -> str:
    """Why a task holds its batch, in one line."""
    match state:
        case TaskFailed(failure=failure, reason=reason):
            return f"{failure}: {reason}"
        case TaskReview(reason=reason):
            return f"needs review: {reason}"
        case TaskBlocked():
            return "the file says blocked"
        case TaskElsewhere(stale=True):
            return "in progress on disk, and nobody has changed it for a while"
        case TaskElsewhere():
            return "in progress in another program; reset it if nobody works on it"
        case TaskWaiting(reason=reason):
            return reason
        case _:
            return type(state).__name__.removeprefix("Task").lower()
