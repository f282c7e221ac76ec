"""The pane of one task: what its agent does now, and its output, following the end until a person scrolls up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from parex_tui.run.snapshot import TaskView
from parex_tui.run.states import TaskEnded, TaskRunning

from ..lines import BLANK, Line, Role, Span
from ..looks import Draw
from ..output import OutputBuffer
from ..panes import frame_role, measure_spans, pinned_line, started_of, title_spans
from .base import FramedWidget


class Pane(FramedWidget, can_focus=True):
    """Shows one task. `output_lines`: how much of a failed command's output is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_by(1)", "Scroll down", key_display="j ↓"),
        Binding("k,up", "scroll_by(-1)", "Scroll up", key_display="k ↑"),
        Binding("pagedown,ctrl+d", "page_by(1)", "Page down", key_display="pgdn"),
        Binding("pageup,ctrl+u", "page_by(-1)", "Page up", key_display="pgup"),
        Binding("g,home", "to_start", "To the first line", key_display="g"),
        Binding("f,G,end", "follow", "Follow the end again", key_display="f"),
    ]

    def __init__(self, dom_id: str | None = None, output_lines: int = 2) -> None:
        super().__init__(dom_id)
        self._shown: TaskView | None = None
        self._draw: Draw | None = None
        self._number: int | None = None
        self._buffer: OutputBuffer | None = None
        self._buffer_width = 0
        self._output_lines = output_lines
        self.following = True
        self.unseen = 0

    @property
    def task_view(self) -> TaskView | None:
        """The task that it shows."""
        return self._shown

    @property
    def is_live(self) -> bool:
        """Whether its output may still grow."""
        return self._shown is not None and isinstance(self._shown.state, (TaskRunning, TaskEnded))

    @property
    def wanted_height(self) -> int:
        """Rows that would show everything, the frame included."""
        return len(self._buffer.lines) + 3 if self._buffer is not None else 3

    def show(self, task: TaskView | None, number: int | None, draw: Draw) -> None:
        """Take a task's newest state. Another task starts from its end."""
        if (
            self._shown is None
            or task is None
            or (task.task.feature, task.seq)
            != (
                self._shown.task.feature,
                self._shown.seq,
            )
        ):
            self._buffer = None
            self.following, self.unseen = True, 0
        self._shown, self._number, self._draw = task, number, draw
        self._take()
        self.sync()

    def on_resize(self) -> None:
        """Wrap again for the new width."""
        self._take()
        super().on_resize()

    def _take(self) -> None:
        if self._shown is None or self._draw is None or not self.size.width:
            return
        width = self.text_width
        fresh = self._buffer is None or width != self._buffer_width
        if self._buffer is None or fresh:
            self._buffer = OutputBuffer(self._draw.glyphs, width, self._output_lines)
            self._buffer_width = width
        removed = self._buffer.removed
        added = self._buffer.take(self._shown.activity, started_of(self._shown))
        if self.following:
            self.top = self.limit()
            return
        self.top = max(0, self.top - (self._buffer.removed - removed))
        if not fresh:
            self.unseen = max(0, self.unseen + added)

    # --- the frame

    def frame(self) -> Role:
        """Red for a failure, purple for a review, else the focus."""
        return super().frame() if self._shown is None else frame_role(self._shown, self.has_focus)

    def title(self) -> Sequence[Span]:
        """Number, task, agent, model."""
        if self._shown is None or self._draw is None:
            return ()
        spans = title_spans(self._shown, self._number, self._draw)
        if self.has_focus:
            spans[0] = spans[0]._replace(role=Role.TITLE)
        return spans

    def subtitle(self, width: int) -> Sequence[Span]:
        """Time, tokens, cost, files, attempt; before them how much is below, where it does not follow."""
        if self._shown is None or self._draw is None:
            return ()
        if self.following:
            return measure_spans(self._shown, self._draw, width)
        sign = self._draw.glyphs.down
        note = f"{sign} {self.unseen:,} new" if self.unseen else f"{sign} {max(0, self.limit() - self.top):,} below"
        note = f"{note}, f follows"
        return [Span(note, Role.WARN), Span("   "), *measure_spans(self._shown, self._draw, width - len(note) - 3)]

    def pinned(self, width: int) -> Sequence[Line]:
        """What it does now, or how it ended."""
        if self._shown is None or self._draw is None:
            return ()
        return (pinned_line(self._shown, width, self._draw),)

    def body_length(self, width: int) -> int:
        """Lines of output."""
        return len(self._buffer.lines) if self._buffer is not None else 0

    def body_line(self, index: int, width: int) -> Line:
        """One line of output."""
        return self._buffer.lines[index] if self._buffer is not None else BLANK

    # --- scrolling

    def scroll_lines(self, amount: int) -> None:
        """Move the view; up lets go of the end, reaching the end takes hold of it again."""
        limit = self.limit()
        self.top = min(max(0, self.top + amount), limit)
        self.following = self.top >= limit
        if self.following:
            self.unseen = 0
        self.sync()

    def action_scroll_by(self, amount: int) -> None:
        """By lines."""
        self.scroll_lines(amount)

    def action_page_by(self, amount: int) -> None:
        """By pages."""
        self.scroll_lines(amount * max(1, self.page - 1))

    def action_to_start(self) -> None:
        """To the first line that is held."""
        self.scroll_lines(-self.top)

    def action_follow(self) -> None:
        """To the end, and stay there."""
        self.following, self.unseen = True, 0
        self.top = self.limit()
        self.sync()


class TextPane(FramedWidget, can_focus=False):
    """A frame around lines that a function makes for its width: the card, and the plan where nothing runs."""

    def __init__(self, dom_id: str | None = None) -> None:
        super().__init__(dom_id)
        self._title = ""
        self._make: Callable[[int], list[Line]] = lambda width: []
        self._made: list[Line] = []
        self._identity: object = None

    def show(self, title: str, identity: object, make: Callable[[int], list[Line]]) -> None:
        """Take new content. `identity` is what it is about: when that changes, the view starts at the top."""
        if identity != self._identity:
            self.top, self._identity = 0, identity
        self._title, self._make = title, make
        self._made = make(self.text_width)
        self.sync()

    def on_resize(self) -> None:
        """Make the lines for the new width."""
        self._made = self._make(self.text_width)
        super().on_resize()

    def title(self) -> Sequence[Span]:
        """A plain title."""
        return (Span(self._title, Role.SOFT),) if self._title else ()

    def body_length(self, width: int) -> int:
        """All lines."""
        return len(self._made)

    def body_line(self, index: int, width: int) -> Line:
        """One line."""
        return self._made[index]
