"""The log of one attempt: its events as lines, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from parex_tui.agents.events import Event, Line, Said, Thought, Tool, ToolState, Usage

from .event_words import event_words
from .run_text import duration as elapsed

_VERB_WIDTH: Final = 7
_TIME_WIDTH: Final = 7


class LogLines:
    """Words events, one line each. A tool call is told once, when it has ended; `rest` tells those still open."""

    def __init__(self, began: float | None, mask: Callable[[str], str]) -> None:
        """`began`: when the attempt did, in seconds since the epoch: times count from there."""
        self._began = began
        self._mask = mask
        self._open: dict[str, Tool] = {}
        self._thinking = False

    def line(self, event: Event) -> str | None:
        """The line for an event, None where it is not worth one (or is the same again)."""
        silent = isinstance(event, Thought) and not event.text
        again, self._thinking = silent and self._thinking, silent
        if again or isinstance(event, Usage):
            return None
        if isinstance(event, Tool) and event.state is ToolState.RUNNING:
            self._open[event.id] = event
            return None
        if isinstance(event, Tool):
            self._open.pop(event.id, None)
        return self._told(event)

    def rest(self) -> list[str]:
        """The tool calls that have not ended."""
        found = [f"{self._told(replace(call, result=''))}  (running)" for call in self._open.values()]
        self._open.clear()
        return found

    def _told(self, event: Event) -> str:
        verb, text = event_words(event)
        if isinstance(event, Line) and not event.stderr:
            return self._mask(text)  # a program that prints lines: as it would be read
        when = "" if event.at is None or self._began is None else elapsed(event.at - self._began)
        joined = " ⏎ ".join(part for part in text.split("\n") if part.strip()) if isinstance(event, Said) else text
        joined = joined.replace("\n", " ⏎ ")
        return f"{when:>{_TIME_WIDTH}}  {verb:<{_VERB_WIDTH}}  {self._mask(joined)}".rstrip()
