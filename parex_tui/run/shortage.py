"""Short of processes, memory, file handles or room on the disk: no task's fault, so it waits and is tried again."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from parex_tui.tasks.edit import NoSpaceError

from .attempt import Attempt
from .child import TEMPORARY
from .launch import LaunchError
from .states import AttemptState, Exited, NeverRan

FIRST: Final = 5.0
LONGEST: Final = 60.0
"""Seconds before the next try: the first time, and what that grows to at most."""

_SCARCE: Final = frozenset(
    {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EIO}
)


def is_shortage(state: AttemptState) -> bool:
    """Whether the keeper could not start its agent for want of something: then nothing ran, and it is no failure."""
    return isinstance(state, Exited) and state.exit.reason == "spawn" and state.exit.code == TEMPORARY


def ran(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those of which an agent ran, or may have."""
    return [one for one in attempts if not (isinstance(state := one.state(), NeverRan) or is_shortage(state))]


def is_scarce(error: BaseException | None) -> bool:
    """Whether the system was short of something, so that the same may work later."""
    while error is not None:
        if isinstance(error, LaunchError):
            return not error.permanent
        if isinstance(error, NoSpaceError) or (isinstance(error, OSError) and error.errno in _SCARCE):
            return True
        error = error.__cause__
    return False


def tells_of_scarcity(words: str) -> bool:
    """Whether a keeper's last words name a shortage."""
    return any(os.strerror(number) in words for number in _SCARCE)


class Shortage:
    """That starts are held back for now, and when the next one is tried. `timer` counts seconds and never jumps."""

    def __init__(self, timer: Callable[[], float], clock: Callable[[], float]) -> None:
        self._timer = timer
        self._clock = clock
        self._tries = 0
        self._due = 0.0
        self._probe: Path | None = None
        self.seq = ""
        self.reason = ""
        self.at = 0.0  # when the next one is tried, in seconds since the epoch

    @property
    def is_on(self) -> bool:
        """Whether the last start failed for want of something."""
        return self._tries > 0

    def hit(self, seq: str, reason: str) -> float:
        """A start failed for want of something. Returns the seconds until the next try."""
        seconds = min(FIRST * 2.0 ** min(self._tries, 10), LONGEST)
        self._tries += 1
        self._due, self.at = self._timer() + seconds, self._clock() + seconds
        self._probe = None
        self.seq, self.reason = seq, reason
        return seconds

    def slots(self, free: int) -> int:
        """How many of `free` slots may be filled now: while short of something, one to try it, when it is time."""
        if not self.is_on:
            return free
        return min(free, 1) if self._probe is None and self._timer() >= self._due else 0

    def try_with(self, attempt: Attempt) -> None:
        """That attempt was handed to its keeper: what becomes of it tells whether it is over."""
        if self.is_on:
            self._probe = attempt.dir

    def saw_up(self, attempt: Attempt) -> None:
        """The agent of that attempt was started."""
        if self._probe == attempt.dir:
            self.over()

    def over(self) -> None:
        """Start as usual."""
        self._tries, self._probe = 0, None
        self.seq = self.reason = ""

    def left(self) -> int:
        """Seconds until the next try."""
        return max(0, round(self._due - self._timer()))
