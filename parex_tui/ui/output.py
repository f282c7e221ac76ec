"""What an agent does, as lines: events in time order, each wrapped to the width, kept up to date piece by piece.

A buffer takes the growing event list of an `Activity` and works only on what is new, so that a pane with thousands
of events costs nothing while nothing happens.
"""

from __future__ import annotations

from typing import Final

from parex_tui.agents.events import (
    Asks,
    Ended,
    Event,
    Said,
    Thought,
    Tool,
    ToolState,
    Trouble,
    Usage,
    Waits,
)
from parex_tui.agents.events import (
    Line as PlainLine,
)
from parex_tui.report.event_words import event_words
from parex_tui.run.snapshot import Activity, StampedEvent

from . import words
from .glyphs import Glyphs
from .lines import Line, Role, Span, cut, cut_spans, spread, width_of, wrap

VERB_WIDTH: Final = 7
INDENT: Final = "  "
SAID_LIMIT: Final = 40
"""Lines of one said text that are shown; the rest is counted."""


class OutputBuffer:
    """The lines of one attempt's activity at one width.

    `lines` is what a pane scrolls over. Times at the right end count from when the attempt began. `output_lines` of
    a failed command's output are shown.
    """

    def __init__(self, glyphs: Glyphs, width: int, output_lines: int = 2) -> None:
        self._glyphs = glyphs
        self._width = max(20, width)
        self._output_lines = output_lines
        self._events: tuple[StampedEvent, ...] = ()
        self._blocks: list[list[Line]] = []  # the lines of each event, in the same order
        self._dropped = 0
        self._taken: tuple[int, int, float | None] | None = None
        self._started: float | None = None
        self.lines: list[Line] = []
        self.removed = 0
        """Lines that left at the front since the buffer was made, so that a view can stay where it is."""

    def take(self, activity: Activity | None, started: float | None) -> int:
        """Bring the buffer up to date with an activity; `started`: when its attempt began, seconds since the epoch.

        Returns how many lines were added at the end (negative where lines went, after a new attempt began).
        """
        key = None if activity is None else (activity.attempt, activity.version, started)
        if key == self._taken:
            return 0
        before = len(self.lines) + self.removed
        skip = -1 if activity is None or self._taken is None else activity.dropped - self._dropped
        same = self._taken is not None and key is not None and (key[0], key[2]) == (self._taken[0], self._taken[2])
        if not same or not 0 <= skip <= len(self._events):
            self._events, self._blocks, self.lines, skip = (), [], [], 0
        self._taken, self._started = key, started
        if activity is not None:
            self._drop(skip)
            self._renew(_past(activity))
            self._dropped = activity.dropped
        return len(self.lines) + self.removed - before

    def _drop(self, count: int) -> None:
        """Forget the oldest events."""
        gone = sum(len(block) for block in self._blocks[:count])
        del self.lines[:gone]
        del self._blocks[:count]
        self._events = self._events[count:]
        self.removed += gone

    def _renew(self, events: tuple[StampedEvent, ...]) -> None:
        """Render what is new and what was replaced (a tool call whose state changed keeps its place)."""
        old, first = self._events, len(events)
        held = len(old)
        if events[:held] != old:
            touched = False  # an event reads otherwise after another one than it did
            for index, (was, now) in enumerate(zip(old, events, strict=False)):
                changed = was is not now and was != now
                if changed or touched:
                    self._blocks[index] = self._block(events, index)
                    first = min(first, index)
                touched = changed
            del self._blocks[len(events) :]
        first = min(first, held, len(events))
        for index in range(held, len(events)):
            self._blocks.append(self._block(events, index))
            first = min(first, self._settle(events, index))
        keep = sum(len(block) for block in self._blocks[:first])
        del self.lines[keep:]
        self.lines += [line for block in self._blocks[first:] for line in block]
        self._events = events

    def _settle(self, events: tuple[StampedEvent, ...], index: int) -> int:
        """An answer takes the place of its open question. Returns the first block that changed."""
        event = events[index].event
        if isinstance(event, Asks) and event.id and event.answered:
            for earlier in range(index - 1, max(-1, index - 200), -1):
                other = events[earlier].event
                if isinstance(other, Asks) and other.id == event.id:
                    self._blocks[earlier] = []
                    return earlier
        return index

    def _block(self, events: tuple[StampedEvent, ...], index: int) -> list[Line]:
        event = events[index].event
        if isinstance(event, Usage):
            return []
        if isinstance(event, Thought) and not event.text and index:
            before = events[index - 1].event
            if isinstance(before, Thought) and not before.text:
                return []
        return self._render(events[index].at, event)

    # --- one event as lines --------------------------------------------------------------------------------------

    def _render(self, at: float | None, event: Event) -> list[Line]:
        when = "" if self._started is None or at is None else words.elapsed(at - self._started)
        time = [Span(when, Role.DIM)]
        if isinstance(event, Tool):
            return self._tool(event, time)
        verb, role, text, body = _plain_parts(event, self._glyphs)
        return self._wrapped(verb, role, text, body, time)

    def _lead(self, verb: str, role: Role) -> list[Span]:
        return [Span(INDENT), Span(f"{verb:<{VERB_WIDTH}}", role)]

    def _wrapped(self, verb: str, role: Role, text: str, body: Role, time: list[Span]) -> list[Line]:
        room = self._width - len(INDENT) - VERB_WIDTH - 8
        rows = wrap(text.rstrip("\n"), room)
        rest = len(rows) - SAID_LIMIT
        if rest > 0:
            rows = [*rows[:SAID_LIMIT], f"{self._glyphs.more} {words.plural(rest, 'more line')}"]
        found = [spread([*self._lead(verb, role), Span(rows[0], body)], time, self._width, self._glyphs.ellipsis)]
        blank = " " * (len(INDENT) + VERB_WIDTH)
        found += [Line(cut_spans((Span(blank), Span(row, body)), self._width)) for row in rows[1:]]
        return found

    def _tool(self, event: Tool, time: list[Span]) -> list[Line]:
        left = [*self._lead(cut(event.tool, VERB_WIDTH - 1), _verb_role(event)), *tool_spans(event, self._glyphs)]
        found = [spread(_fit_tool(left, self._width - 8, self._glyphs), time, self._width, self._glyphs.ellipsis)]
        if event.state is ToolState.FAILED and event.output:
            found += self._output(event.output)
        return found

    def _output(self, output: str) -> list[Line]:
        rows = [row for row in output.split("\n") if row.strip()]
        room = self._width - len(INDENT) - 2
        edge = Span(f"{INDENT}{self._glyphs.bar} ", Role.FRAME)
        shown = rows[: self._output_lines]
        found = [Line((edge, Span(cut(row, room, self._glyphs.ellipsis), Role.SOFT))) for row in shown]
        rest = len(rows) - len(shown)
        if rest > 0:
            more = Span(f"{self._glyphs.more} {words.plural(rest, 'more line')}", Role.DIM)
            found.append(Line(cut_spans((edge, more), self._width)))
        return found


def _past(activity: Activity) -> tuple[StampedEvent, ...]:
    """The events without the one that is still going on: the pinned line already tells that one."""
    events = activity.events
    if not events or activity.current is None or events[-1].event != activity.current.event:
        return events
    last = events[-1].event
    ongoing = (isinstance(last, Tool) and last.state is ToolState.RUNNING) or last == Thought(at=last.at)
    return events[:-1] if ongoing else events


def _plain_parts(event: Event, glyphs: Glyphs) -> tuple[str, Role, str, Role]:
    """Verb, its colour, text, its colour, of every event that is not a tool call."""
    verb, text = event_words(event, dot=glyphs.dot, ellipsis=glyphs.ellipsis)
    match event:
        case Said():
            return verb, Role.DIM, text, Role.TEXT
        case Thought():
            return verb, Role.REVIEW, text, Role.DIM
        case Waits():
            return verb, Role.WARN, text, Role.WARN
        case Asks(answered=answered):
            role = Role.BAD if answered.casefold().startswith("reject") else Role.WARN
            return verb, role, text, role
        case Trouble(fatal=fatal):
            return verb, Role.BAD, text, Role.BAD if fatal else Role.WARN
        case Ended(ok=ok):
            return verb, (Role.DIM if ok else Role.BAD), text, (Role.SOFT if ok else Role.TEXT)
        case PlainLine():
            return verb, Role.WARN, text, Role.SOFT
        case _:
            return verb, Role.DIM, text, Role.SOFT


def _verb_role(event: Tool) -> Role:
    return Role.DIM if event.state is ToolState.DONE else Role.NOW if event.state is ToolState.RUNNING else Role.DIM


def tool_spans(event: Tool, glyphs: Glyphs) -> list[Span]:
    """What a tool call works on and what came of it: path or command, lines added and removed, exit code."""
    spans = [Span(event.path or event.input or event.result or glyphs.ellipsis, Role.SOFT)]
    if event.added:
        spans.append(Span(f"  +{event.added}", Role.OK))
    if event.removed:
        spans.append(Span(f"{' ' if event.added else '  '}{glyphs.minus}{event.removed}", Role.BAD))
    if event.exit:
        spans.append(Span(f"   exit {event.exit}", Role.BAD))
    elif event.state is ToolState.FAILED:
        spans.append(Span(f"   {event.result or 'failed'}", Role.BAD))
    return spans


def _fit_tool(spans: list[Span], width: int, glyphs: Glyphs) -> list[Span]:
    """Cut the path or command, so that what came of the call stays in sight."""
    excess = width_of(spans) - width
    if excess <= 0 or len(spans) < 4:
        return spans
    target = spans[2]
    room = max(8, width_of([target]) - excess)
    return [*spans[:2], target._replace(text=cut(target.text, room, glyphs.ellipsis)), *spans[3:]]
