"""New attempts that parex starts by itself: of which failures, how often, and after which wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from parex_tui.agents.driver import Failure

from .limits import Limits
from .states import TaskFailed, TaskState

LONGEST: Final = 600.0
"""Seconds that the wait before a retry grows to at most."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A failed task that is tried again by itself. `due` is by the engine's timer, `at` in seconds since the epoch."""

    seq: str
    attempt: int
    failure: Failure
    seconds: float
    due: float
    at: float


class Retrier:
    """Which tasks of one feature are tried again by themselves, and when.

    `timer` counts seconds and never jumps; `clock` tells the time of day, for people.
    """

    def __init__(self, limits: Limits, timer: Callable[[], float], clock: Callable[[], float]) -> None:
        self._limits = limits
        self._timer = timer
        self._clock = clock
        self._waits: dict[str, Wait] = {}
        self.retried: dict[str, int] = {}  # how often, by seq; it goes with the run to the next parex

    @property
    def waits(self) -> Mapping[str, Wait]:
        """What is waited for, by seq."""
        return self._waits

    def look(self, states: Mapping[str, TaskState]) -> list[Wait]:
        """Take up what has failed since, forget what was retried or decided otherwise. Returns the new waits."""
        if not self._limits.retries:
            return []
        new: list[Wait] = []
        kept: dict[str, Wait] = {}
        for seq, state in states.items():
            if not isinstance(state, TaskFailed) or state.failure not in self._limits.retry_on:
                continue
            tried = self.retried.get(seq, 0)
            if tried >= self._limits.retries:
                continue
            wait = self._waits.get(seq)
            if wait is None or wait.attempt != state.attempt:
                seconds = min(self._limits.retry_wait * 2**tried, LONGEST)
                due, at = self._timer() + seconds, self._clock() + seconds
                wait = Wait(seq, state.attempt, state.failure, seconds, due, at)
                new.append(wait)
            kept[seq] = wait
        self._waits = kept
        return new

    def due(self) -> list[str]:
        """The seqs whose wait is over."""
        now = self._timer()
        return [seq for seq, wait in self._waits.items() if now >= wait.due]

    def went(self, seq: str) -> None:
        """That one is being tried again."""
        self._waits.pop(seq, None)
        self.retried[seq] = self.retried.get(seq, 0) + 1

    def clear(self) -> None:
        """Nothing is waited for any more; how often was tried stays."""
        self._waits = {}

    def left(self, wait: Wait) -> int:
        """Seconds until it is due."""
        return max(0, round(wait.due - self._timer()))
