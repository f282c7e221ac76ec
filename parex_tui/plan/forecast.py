"""How long it will take: expected durations, the order that wastes least, and what runs side by side saves.

All times are seconds. `expected` maps a task's seq to its expected duration; a task without one counts as 0, so a
forecast of what is left to do simply leaves finished tasks out.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parex_tui.tasks.model import Feature, Status, Task

from .apart import apart
from .model import Batch, Plan

START_SECONDS: Final = 90.0
"""An agent reads the task and its context before it writes anything."""

DELIVERABLE_SECONDS: Final = 60.0
CRITERION_SECONDS: Final = 20.0
COUNT_LIMIT: Final = 12
"""Deliverables or criteria beyond which a task is not taken to be longer: it is a list, not work."""


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The chain of dependent tasks that takes longest, first to last, and its length in seconds.

    No number of slots makes a feature faster than this.
    """

    seqs: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is left of a feature: with the slots it has, and one after another. Seconds."""

    seconds: float
    one_after_another: float
    critical_path: CriticalPath

    @property
    def saved(self) -> float:
        """Seconds of waiting that running side by side saves."""
        return self.one_after_another - self.seconds


def expected_seconds(task: Task, history: Mapping[str, Sequence[float]]) -> float:
    """Expected duration of one task.

    `history` holds earlier durations in seconds under the task's seq (its own) and under its agent's name: the median
    of the first that has any, otherwise an estimate from how many deliverables and criteria the task has.
    """
    for name in (task.seq, task.suggested_agent):
        known = [seconds for seconds in history.get(name, ()) if math.isfinite(seconds) and seconds > 0]
        if known:
            return _median(known)
    return (
        START_SECONDS
        + DELIVERABLE_SECONDS * min(len(task.deliverables), COUNT_LIMIT)
        + CRITERION_SECONDS * min(len(task.acceptance_criteria), COUNT_LIMIT)
    )


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def makespan(plan: Plan | Batch, expected: Mapping[str, float], slots: int) -> float:
    """Expected duration with that many slots: each is refilled at once, with the longest task that may run.

    Of a plan: batch after batch, the next one starting when the last task of the one before has ended.
    Raises ValueError where `slots` is less than 1.
    """
    if slots < 1:
        raise ValueError(f"slots must be at least 1, not {slots}")
    batches = plan.batches if isinstance(plan, Plan) else (plan,)
    return sum(_batch_seconds(batch, expected, slots) for batch in batches)


def _batch_seconds(batch: Batch, expected: Mapping[str, float], slots: int) -> float:
    """Simulated task by task, the way the engine starts them."""
    pairs = apart(batch)
    waiting = list(pairs.in_order(expected))
    running: list[tuple[float, str]] = []
    now = 0.0
    while waiting or running:
        place = 0
        while place < len(waiting) and len(running) < slots:
            seq = waiting[place]
            if pairs.clashes(seq, [other for _, other in running]):
                place += 1
                continue
            del waiting[place]
            heapq.heappush(running, (now + expected.get(seq, 0.0), seq))
        now, _ = heapq.heappop(running)
    return now


def one_after_another(plan: Plan | Batch, expected: Mapping[str, float]) -> float:
    """Expected duration of all planned tasks with nothing side by side."""
    return sum(expected.get(seq, 0.0) for seq in _planned(plan))


def critical_path(plan: Plan, feature: Feature, expected: Mapping[str, float]) -> CriticalPath:
    """The longest chain of planned tasks over their dependencies; empty where nothing is planned."""
    needs = {task.seq: task.depends_on for task in feature.tasks}
    ends: dict[str, float] = {}
    before: dict[str, str] = {}
    for batch in plan.batches:
        done = dict(ends)  # a dependency in the same or a later batch is one that a completed task no longer waits for
        for seq in batch.seqs:
            planned = [need for need in needs.get(seq, ()) if need in done]
            last = max(planned, key=done.__getitem__, default="")
            ends[seq] = done.get(last, 0.0) + expected.get(seq, 0.0)
            before[seq] = last
    if not ends:
        return CriticalPath((), 0.0)
    seq = max(ends, key=ends.__getitem__)
    seconds = ends[seq]
    chain = []
    while seq:
        chain.append(seq)
        seq = before[seq]
    return CriticalPath(tuple(reversed(chain)), seconds)


def forecast(plan: Plan, feature: Feature, expected: Mapping[str, float], slots: int) -> Forecast:
    """The forecast of every planned task that is not completed. Raises ValueError where `slots` is less than 1."""
    left = {
        task.seq: expected.get(task.seq, 0.0)
        for task in feature.tasks
        if task.status is not Status.COMPLETED or not task.readable
    }
    path = critical_path(plan, feature, left)
    return Forecast(
        seconds=makespan(plan, left, slots),
        one_after_another=one_after_another(plan, left),
        critical_path=CriticalPath(tuple(seq for seq in path.seqs if seq in left), path.seconds),
    )


def _planned(plan: Plan | Batch) -> Iterable[str]:
    return (seq for batch in plan.batches for seq in batch.seqs) if isinstance(plan, Plan) else plan.seqs
