"""What the agents of a feature are doing: follows the output files of attempts and folds them into `Activity`."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parex_tui.agents.driver import Parser
from parex_tui.agents.events import (
    Asks,
    Began,
    Ended,
    Event,
    Line,
    Said,
    Thought,
    Tool,
    ToolState,
    Trouble,
    Usage,
    Waits,
)
from parex_tui.agents.stream import BACKLOG_BYTES, Tail

from .attempts import Attempt
from .evidence import present
from .snapshot import Activity, StampedEvent
from .states import Running, Starting

HELD_EVENTS: Final = 2_000
"""Events held for each attempt; older ones stay in its output file."""

_TELLING: Final = (Began, Said, Thought, Tool, Waits, Asks, Trouble, Ended, Line)


@dataclass(frozen=True, slots=True)
class _Open:
    """The fields of an `Activity` that only ever grow."""

    tokens: int = 0
    cost: float | None = None
    tool_calls: int = 0


class Follower:
    """One attempt's output, read as it grows. Reads each byte once; never raises for what the file holds."""

    def __init__(
        self,
        attempt: Attempt,
        parser: Parser,
        clock: Callable[[], float],
        root: Path,
        *,
        backlog: int = BACKLOG_BYTES,
        late: bool = False,
    ) -> None:
        """`backlog`: bytes that may lie unread; of more, only the last ones are read.

        `late`: it began before anybody looked; when the lines that are there by now were written is not known.
        """
        self._attempt = attempt
        self._clock = clock
        self._root = root
        self._tails = [Tail(attempt.output, parser, backlog=backlog)]
        if not attempt.launch.merge_stderr:
            self._tails.append(Tail(attempt.stderr, parser, stderr=True, backlog=backlog))
        self._events: deque[StampedEvent] = deque(maxlen=HELD_EVENTS)
        self._seen = 0
        self._tools: dict[str, int] = {}  # id → number of the event that shows the call
        self._sums = _Open()
        self._current: StampedEvent | None = None
        self._last_sign: float | None = None
        self._files = 0
        self._files_checked = 0.0
        self._drained = False
        self._late = late
        self._activity = Activity(attempt=attempt.number, files_total=len(attempt.launch.baseline))

    @property
    def activity(self) -> Activity:
        """The newest picture; the same object as long as nothing changed."""
        return self._activity

    def poll(self) -> list[Event]:
        """Read what is new, and return it. Where the attempt has ended and all was read, it does nothing more."""
        if self._drained:
            return []
        now = self._clock()
        ended = not isinstance(self._attempt.state(), Starting | Running)
        fresh = [event for tail in self._tails for event in tail.poll()]
        if ended and not any(tail.behind for tail in self._tails):
            fresh += [event for tail in self._tails for event in tail.finish()]
            self._drained = True
        self._take(fresh, now)
        if self._late and not any(tail.behind for tail in self._tails):
            self._late = False
            with contextlib.suppress(OSError):
                self._last_sign = max(self._last_sign or 0.0, min(self._attempt.output.stat().st_mtime, now))
        files = self._files
        if fresh or now - self._files_checked >= 1.0:
            self._files_checked = now
            files = present(self._root, self._attempt.launch.baseline)
        if not fresh and files == self._files:
            return []
        self._files = files
        self._activity = Activity(
            attempt=self._attempt.number,
            events=tuple(self._events),
            dropped=self._seen - len(self._events),
            current=self._current,
            last_sign=self._last_sign,
            tokens=self._sums.tokens,
            cost=self._sums.cost,
            tool_calls=self._sums.tool_calls,
            files_done=files,
            files_total=len(self._attempt.launch.baseline),
            version=self._activity.version + 1,
        )
        return fresh

    def drain(self) -> list[Event]:
        """Of an attempt that ended: everything that is left to read."""
        fresh: list[Event] = []
        while not self._drained:
            fresh += self.poll()
        return fresh

    def _take(self, fresh: Iterable[Event], now: float) -> None:
        for event in fresh:
            # An agent's clock may be wrong or lie; nothing it says happened later than now.
            at = min(event.at, now) if event.at is not None else None if self._late else now
            stamped = StampedEvent(at, event)
            if at is not None:
                self._last_sign = max(self._last_sign or 0.0, at)
            if isinstance(event, _TELLING):
                self._current = stamped
            if isinstance(event, Usage):
                cost = self._sums.cost
                if event.cost is not None:
                    cost = (cost or 0.0) + event.cost
                tokens = self._sums.tokens + event.input_tokens + event.output_tokens
                self._sums = _Open(tokens, cost, self._sums.tool_calls)
            elif isinstance(event, Tool):
                self._tool(stamped, event)
            else:
                self._append(stamped)

    def _append(self, stamped: StampedEvent) -> None:
        self._events.append(stamped)
        self._seen += 1

    def _tool(self, stamped: StampedEvent, event: Tool) -> None:
        """A call is one line: its later states replace the first, at the place and time where it began."""
        number = self._tools.get(event.id) if event.id else None
        first = self._seen - len(self._events)
        if number is not None and number >= first:
            place = number - first
            self._events[place] = StampedEvent(self._events[place].at, event)
        else:
            if event.id:
                self._tools[event.id] = self._seen
            self._append(stamped)
            self._sums = _Open(self._sums.tokens, self._sums.cost, self._sums.tool_calls + 1)
        if event.id and event.state is not ToolState.RUNNING:
            self._tools.pop(event.id, None)
