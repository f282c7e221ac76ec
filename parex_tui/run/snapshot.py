"""What a screen or a report sees: one immutable picture of everything, and the commands that can be sent back.

A screen never reads the disk for run state and never calls the engine: it draws a `Snapshot` and sends a `Command`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from parex_tui.agents.events import Event
from parex_tui.plan.model import Plan
from parex_tui.tasks.model import Feature, JsonValue, Project, Task

from .states import AttemptState, Outcome, TaskState


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of a task, as much as a list of attempts shows. Paths are absolute.

    `applied`: its outcome was carried into the task file.
    """

    number: int
    state: AttemptState
    driver: str
    is_demo: bool
    agent: str
    model: str
    started: float | None
    outcome: Outcome | None
    directory: Path
    output: Path
    prompt: Path
    applied: bool = True


@dataclass(frozen=True, slots=True)
class StampedEvent:
    """An event and when it happened, in seconds since the epoch.

    Where the stream does not say, it is when the event was read as it came; None where it was read only later.
    """

    at: float | None
    event: Event


@dataclass(frozen=True, slots=True)
class Activity:
    """What an attempt has done so far, from its output file.

    `events` are the newest ones in time order, at most a few thousand; `dropped` counts older ones no longer held.
    `current` is what it does now (the last event that says so), None before the first.
    `last_sign` is when its output last grew. `version` changes whenever anything here does.
    """

    attempt: int
    events: tuple[StampedEvent, ...] = ()
    dropped: int = 0
    current: StampedEvent | None = None
    last_sign: float | None = None
    tokens: int = 0
    cost: float | None = None
    tool_calls: int = 0
    files_done: int = 0
    files_total: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task with everything that is known of it. `activity` is set while it runs and for its latest attempt."""

    task: Task
    state: TaskState
    batch: int | None
    attempts: tuple[AttemptView, ...] = ()
    activity: Activity | None = None
    expected: float | None = None  # seconds, from the history of earlier attempts
    stalled: float | None = None  # since when its attempt neither wrote nor computed (seconds since the epoch)
    suspended: float | None = None  # since when its program is suspended by a signal (seconds since the epoch)
    again: float | None = None  # when it is tried again by itself (seconds since the epoch)

    @property
    def seq(self) -> str:
        """The task's seq."""
        return self.task.seq


class BatchState(StrEnum):
    """How a batch stands."""

    DONE = "done"
    READY = "ready"
    RUNNING = "running"
    HELD = "held"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch. `seqs` in file order. `held_by`: the seqs that a person has to decide, of a held batch."""

    number: int
    state: BatchState
    seqs: tuple[str, ...]
    held_by: tuple[str, ...] = ()
    seconds: float | None = None  # wall time of its verified attempts, first start to last end


class EngineState(StrEnum):
    """What the engine of a feature is doing."""

    IDLE = "idle"  # nothing was asked of it
    RUNNING = "running"  # works through batches
    HELD = "held"  # waits at the gate for decisions
    PAUSED = "paused"  # starts nothing new: a person stopped the run
    FINISHED = "finished"
    ELSEWHERE = "elsewhere"  # another parex runs this feature; here it is shown only


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs a feature, or ran it last. `screen`: it shows it to a person; else it runs without one.

    `going`: it starts what is ready by itself; `paused`: a person, or too many failures, have it start nothing.
    `left`: a screen has left the run to it, and it gives it back to the next one. `driver` names its driver, `heir` the
    process that it has given the run to, `retried` how often it has tried a task again by itself. `since`: since when
    that holds, in seconds since the epoch.
    """

    pid: int
    host: str
    since: float
    screen: bool = True
    going: bool = False
    paused: bool = False
    left: bool = False
    driver: str = ""
    heir: str = ""
    retried: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeatureView:
    """One feature: its files, its plan, its tasks' states, its run."""

    feature: Feature
    plan: Plan
    tasks: Mapping[str, TaskView]
    batches: tuple[BatchView, ...]
    engine: EngineState = EngineState.IDLE
    message: str = ""  # one line: what was announced or refused last
    going: bool = False  # whether the engine starts what is ready by itself; False while only adopted ones run
    driver: str = ""
    is_demo: bool = False
    slots: int = 4
    tokens: int = 0
    cost: float | None = None
    saved: float | None = None  # seconds of waiting that running side by side saved
    saved_share: float | None = None  # the same as a share of the time one after another, 0 to 1
    holder: Holder | None = None  # who runs it, where that is another parex

    @property
    def key(self) -> str:
        """The feature's key."""
        return self.feature.key


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field of a task file that somebody else wrote otherwise after parex had set it; theirs is in the file.

    `number` names it in commands. `ours` and `theirs` are JSON texts, cleaned; "" where the field is not there. `why`
    is one line: they changed the field, or put back what was there before, again and again.
    """

    number: int
    path: Path
    field: str
    ours: str
    theirs: str
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command about files: one line, and whether it was done. Every answer has a new `number`."""

    number: int
    text: str
    done: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything, at one moment. `now` is seconds since the epoch; `version` grows with every new snapshot.

    `focus` is the key of the feature that parex was opened for, "" where none was named. `trouble` is why this
    picture may be old: the disk cannot be read or written just now, or parex itself has failed; one line.
    `answer` is what came of the last command about files, so that a screen can say it once.
    """

    version: int
    now: float
    project: Project
    features: Mapping[str, FeatureView] = field(default_factory=dict)  # by feature key, in display order
    focus: str = ""
    trouble: str = ""
    conflicts: tuple[Conflict, ...] = ()
    undo: str = ""  # what undo would take back, in a few words; "" where there is nothing
    answer: Answer | None = None


# --- commands -------------------------------------------------------------------------------------------------


class Do(StrEnum):
    """What a person can ask of a feature's engine."""

    RUN = "run"  # start, or go on with, the batch whose turn it is, and the ones after it
    RETRY = "retry"  # a new attempt of one task
    RETRY_FAILED = "retry failed"  # of every failed task of the batch
    NEXT = "next"  # go on to the next batch in spite of what is undecided; recorded
    STOP = "stop"  # the attempt of one task; `seq`
    STOP_ALL = "stop all"  # every attempt, and start nothing new
    ACCEPT = "accept"  # take a task as done by hand, with a note
    SKIP = "skip"  # decide to go on without a task
    RESET = "reset"  # in progress or blocked on disk, nobody alive: back to pending
    PAUSE = "pause"  # start nothing new; what runs goes on
    TAKE = "take over"  # run here what another parex runs: it goes on looking on, or ends where it has no screen
    # About files; what came of it is the snapshot's `answer`.
    EDIT = "edit"  # set `changes` in the file of task `seq`, of task.json without one
    START = "start"  # in progress by `note` (an agent's name): somebody works on it outside of parex
    BLOCK = "block"  # set the task to blocked
    UNDO = "undo"  # take the last change of a person back
    REPAIR = "repair"  # write the repair of `path` that was previewed; `digest` is that of the broken bytes
    ARCHIVE = "archive"  # a completed feature to completed/
    UNARCHIVE = "unarchive"  # and back
    NEW_TASK = "new task"  # with `changes` as its fields
    NEW_FEATURE = "new feature"  # `note` is its folder's name, `changes` the fields of task.json
    INSIST = "insist"  # conflict number `note`: write ours again
    YIELD = "yield"  # conflict number `note`: theirs stays, and is not shown any more


ABOUT_FILES: Final = frozenset(
    {Do.EDIT, Do.START, Do.BLOCK, Do.UNDO, Do.REPAIR, Do.ARCHIVE, Do.UNARCHIVE, Do.NEW_TASK, Do.NEW_FEATURE}
    | {Do.INSIST, Do.YIELD}
)
"""What the desk carries out, not a feature's engine."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request. `seq` names the task where the verb needs one.

    `feature` is a key; "" for `NEW_FEATURE`, `UNDO`, `INSIST` and `YIELD`. With `digest` a file is changed only while
    it has that SHA-256.
    """

    do: Do
    feature: str  # key
    seq: str = ""
    note: str = ""
    changes: Mapping[str, JsonValue] = field(default_factory=dict)
    path: Path | None = None
    digest: str = ""


class Control(Protocol):
    """What a screen holds: the newest snapshot, a way to send commands, and to hear of changes."""

    def snapshot(self) -> Snapshot:
        """The newest snapshot; cheap, from any thread."""
        ...

    def send(self, command: Command) -> str:
        """Ask for something. Returns "" or, where it is refused at once, the reason in one line. Never blocks."""
        ...

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every new snapshot, from another thread; it must be quick."""
        ...

    def close(self) -> None:
        """Stop watching and hand the engines' locks back. Running attempts go on under their keepers."""
        ...
