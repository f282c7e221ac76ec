"""States that carry their data: of an attempt (what the disk says), and of a task (what is shown)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from parex_tui.agents.driver import Exit, Failure

# --- an attempt, as its directory says -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NeverRan:
    """Recorded, never started, and never will be: a new try is a new attempt."""


@dataclass(frozen=True, slots=True)
class Starting:
    """The lock is held, the agent is not up yet."""


@dataclass(frozen=True, slots=True)
class Running:
    """The keeper holds the lock; the agent was started at `since` (seconds since the epoch)."""

    since: float
    keeper_pid: int
    agent_pid: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The keeper's verdict: nothing of the attempt is left alive. Times in seconds since the epoch."""

    exit: Exit
    since: float
    ended: float
    swept: int = 0  # processes that were still alive when the agent ended, and were ended


@dataclass(frozen=True, slots=True)
class Lost:
    """The keeper is gone without a verdict. Never success, and not known to be dead before it is swept."""

    since: float | None = None


AttemptState = NeverRan | Starting | Running | Exited | Lost


# --- what an attempt came to -----------------------------------------------------------------------------------


class Verdict(StrEnum):
    """What parex made of an ended attempt."""

    VERIFIED = "verified"
    NEEDS_REVIEW = "needs review"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One deliverable, checked. `state`: created, changed, later (than the end), unchanged, missing or unchecked."""

    deliverable: str
    state: str
    path: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt's verdict with the evidence behind it. `failure` is set exactly when the verdict is FAILED."""

    verdict: Verdict
    reason: str
    summary: str = ""
    failure: Failure | None = None
    evidence: tuple[Evidence, ...] = ()
    seconds: float = 0.0
    tokens: int = 0
    cost: float | None = None
    judged_at: float = 0.0


# --- a task, as it is shown ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskReady:
    """Pending, its dependencies satisfied, its batch's turn has come or nothing runs yet."""


@dataclass(frozen=True, slots=True)
class TaskWaiting:
    """Pending, and cannot start yet; `reason` in words (`after 02, 03`, `waits for batch 1`, `after 06: both …`)."""

    reason: str


@dataclass(frozen=True, slots=True)
class TaskRunning:
    """An attempt of it is alive."""

    attempt: int
    since: float


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """An attempt of it ended and has not been judged yet."""

    attempt: int


@dataclass(frozen=True, slots=True)
class TaskVerified:
    """parex saw it end well, with evidence; the file says completed."""

    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TaskAccepted:
    """A person accepted it; the file says completed."""

    attempt: int
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class TaskClaimed:
    """The file says completed, by another program's word; parex has not checked it."""


@dataclass(frozen=True, slots=True)
class TaskReview:
    """A clean end without evidence that settles it: a person decides."""

    attempt: int
    reason: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """An attempt of it failed."""

    attempt: int
    failure: Failure
    reason: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskSkipped:
    """A person decided to go on without it; its dependents stay blocked."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class TaskBlocked:
    """The file says blocked, by another program's or a person's word."""


@dataclass(frozen=True, slots=True)
class TaskElsewhere:
    """The file says in progress and no attempt of parex is alive. `stale`: nothing changed for a good while.

    `since` is the file's modification time, seconds since the epoch.
    """

    since: float
    stale: bool


@dataclass(frozen=True, slots=True)
class TaskBarred:
    """It cannot run as the files are: unreadable, a cycle, a missing dependency, an unknown status."""

    reason: str


TaskState = (
    TaskReady
    | TaskWaiting
    | TaskRunning
    | TaskEnded
    | TaskVerified
    | TaskAccepted
    | TaskClaimed
    | TaskReview
    | TaskFailed
    | TaskSkipped
    | TaskBlocked
    | TaskElsewhere
    | TaskBarred
)

DONE = (TaskVerified, TaskAccepted, TaskClaimed)
"""States in which dependents may start."""

DECIDED = (*DONE, TaskSkipped)
"""States that do not hold a batch."""
