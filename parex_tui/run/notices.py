"""What an engine tells while it works: for the plain lines and JSON of a headless run."""

from __future__ import annotations

from dataclasses import dataclass

from parex_tui.agents.events import Event

from .states import Outcome


@dataclass(frozen=True, slots=True)
class BatchStarts:
    """A batch begins: `together` run at the same time (up to `slots`), `later` after them, with the reasons."""

    batch: int
    batches: int
    together: tuple[str, ...]
    later: tuple[tuple[str, str], ...]
    slots: int
    text: str


@dataclass(frozen=True, slots=True)
class AttemptStarts:
    """An attempt was handed to its keeper."""

    seq: str
    title: str
    attempt: int
    driver: str
    is_demo: bool
    agent: str


@dataclass(frozen=True, slots=True)
class AttemptAdopted:
    """An attempt that was already running when this engine came."""

    seq: str
    title: str
    attempt: int


@dataclass(frozen=True, slots=True)
class AgentDid:
    """One event of an attempt's stream."""

    seq: str
    attempt: int
    event: Event


@dataclass(frozen=True, slots=True)
class AttemptEnds:
    """An attempt was judged."""

    seq: str
    title: str
    attempt: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class BatchHeld:
    """The gate: nothing more can run in this batch before these are decided."""

    batch: int
    waiting: tuple[tuple[str, str], ...]  # seq, reason


@dataclass(frozen=True, slots=True)
class BatchOver:
    """Every task of a batch is done or decided."""

    batch: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class BatchPaused:
    """Too many failures of one kind in a short time: nothing new starts until somebody runs the batch again."""

    batch: int
    failure: str
    count: int
    text: str


@dataclass(frozen=True, slots=True)
class RetryWaits:
    """A failed task is tried again by itself in so many seconds."""

    seq: str
    title: str
    attempt: int
    failure: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StartsWait:
    """The system is short of something: the task stays pending, and is tried again in so many seconds."""

    seq: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AttemptStalls:
    """An attempt has neither written nor computed since then (seconds since the epoch). It is not ended for that."""

    seq: str
    title: str
    attempt: int
    since: float


@dataclass(frozen=True, slots=True)
class GivenAway:
    """Another parex goes on with the run, named by `to`; this one starts nothing more."""

    to: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Something could not be done; the reason and what to do, in one line. `seq` is "" where it concerns the run."""

    seq: str
    reason: str


Notice = (
    BatchStarts
    | AttemptStarts
    | AttemptAdopted
    | AgentDid
    | AttemptEnds
    | AttemptStalls
    | BatchHeld
    | BatchPaused
    | BatchOver
    | RetryWaits
    | StartsWait
    | GivenAway
    | Refused
)
