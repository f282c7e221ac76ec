"""What may run, and why: the plan of a feature as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class WriteSet:
    """The files that a task says it will write.

    `paths` are normalised: relative to the project root, forward slashes, no `.` or `..`, a directory ends in `/`,
    a glob keeps its `*` and `?` (square brackets are literal). `unknown` holds the deliverables, as written, that
    name no path; any makes the whole set open-ended. A task without deliverables has an empty, open-ended set.
    """

    paths: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    declared: bool = True  # False: the task names no deliverable at all

    @property
    def is_known(self) -> bool:
        """Whether everything that the task will write is named."""
        return self.declared and not self.unknown


class Why(StrEnum):
    """Why two tasks of a batch are kept apart."""

    OVERLAP = "overlap"  # both name the same file
    SEQUENTIAL = "sequential"  # one is marked `parallel: false`
    UNKNOWN = "unknown"  # what one of them writes cannot be read from its deliverables


@dataclass(frozen=True, slots=True)
class Separation:
    """One statement that tasks are kept apart: `seq` and, for an overlap, `other`; with the reason in words.

    `other` is "" where `seq` is kept apart from every other task of its batch.
    """

    why: Why
    seq: str
    other: str
    reason: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    """Tasks of a batch that are linked by files which they share; different lanes may run at the same time.

    Of two that share a file only one runs at a time. Two of one lane that
    share none may run together: 01 and 03, where only 02 shares a file with each.
    `alone`: while a task of this lane runs, no other task of the batch does.
    """

    seqs: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """One topological level, counted from 1. `seqs` are in file order; every one is in exactly one lane.

    `writes` are the write sets of `seqs`, in their order. `separations` say in words what keeps the tasks of each lane
    together, each task with the nearest other that it meets; `apart.Apart` answers for every pair.
    """

    number: int
    seqs: tuple[str, ...]
    lanes: tuple[Lane, ...]
    separations: tuple[Separation, ...] = ()
    writes: tuple[WriteSet, ...] = ()


class Bar(StrEnum):
    """Why a task has no place in any batch."""

    CYCLE = "cycle"
    MISSING = "missing dependency"
    AFTER_BARRED = "depends on a task that cannot run"
    UNREADABLE = "unreadable"
    STATUS = "unknown status"
    DUPLICATE = "duplicate seq"


@dataclass(frozen=True, slots=True)
class Barred:
    """A task that is not planned, and the reason in words."""

    seq: str
    bar: Bar
    reason: str
    path: str = ""  # the file's name, cleaned, since a duplicate seq names two


@dataclass(frozen=True, slots=True)
class Plan:
    """Batches and lanes of a feature. A task is in exactly one batch or once in `barred`."""

    feature: str
    batches: tuple[Batch, ...] = ()
    barred: tuple[Barred, ...] = ()

    def batch_of(self, seq: str) -> Batch | None:
        """The batch that holds a task, or None."""
        return next((batch for batch in self.batches if seq in batch.seqs), None)
