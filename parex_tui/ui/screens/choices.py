"""Asks for one of several things, or for any number of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ..lines import Line, Role, Span, cut_spans, width_of, wrap
from ..theme import painted
from ..widgets.base import FramedWidget
from .modal import AskingScreen


@dataclass(frozen=True, slots=True)
class Choice:
    """One of them. `key` takes it at once; with a `reason` it cannot be taken, and the reason stands beside it."""

    value: str
    label: str
    detail: str = ""
    key: str = ""
    reason: str = ""


class ChoiceList(FramedWidget, can_focus=True):
    """The choices, a cursor, and with `several` a mark before each that is chosen."""

    padding = 2
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down"),
        Binding("k,up", "move(-1)", "Up"),
        Binding("g,home", "move(-100000)", "First"),
        Binding("G,end", "move(100000)", "Last"),
        Binding("pagedown", "move(10)", "Page down"),
        Binding("pageup", "move(-10)", "Page up"),
    ]

    def __init__(self, title: str, subject: str, choices: Sequence[Choice], at: int, several: bool) -> None:
        super().__init__("box")
        self._heading, self._subject, self._choices, self._several = title, subject, list(choices), several
        self.at = min(max(0, at), max(0, len(choices) - 1))
        self.chosen: frozenset[str] = frozenset()
        self.trouble = ""

    @property
    def here(self) -> Choice | None:
        """The choice under the cursor."""
        return self._choices[self.at] if self._choices else None

    def title(self) -> Sequence[Span]:
        """What is asked."""
        return (Span(self._heading, Role.TITLE),)

    def subtitle(self, width: int) -> Sequence[Span]:
        """The keys."""
        text = "space marks   enter takes   esc cancels" if self._several else "enter takes   esc cancels"
        return (Span(text if len(text) <= width else "enter   esc", Role.DIM),)

    def pinned(self, width: int) -> Sequence[Line]:
        """What it is about, and why the last choice was refused; as many rows as the longer of the two needs."""
        rows = [Line((Span(row, Role.SOFT),)) for row in wrap(self._subject, width)[:2]] if self._subject else []
        rows += [Line((Span(row, Role.WARN),)) for row in wrap(self.trouble, width)[:3]] if self.trouble else []
        return [*rows, Line()] if rows else []

    def body_length(self, width: int) -> int:
        """One row a choice."""
        return len(self._choices)

    def body_line(self, index: int, width: int) -> Line:
        """Key or mark, label, what it means or why it cannot be."""
        one = self._choices[index]
        glyphs = painted(self).glyphs
        marked = f"{glyphs.done if one.value in self.chosen else glyphs.waiting} " if self._several else ""
        lead = marked or (f"{one.key}  " if any(other.key for other in self._choices) else "")
        role = Role.DIM if one.reason else Role.TEXT
        label = one.label + " " * (min(26, self._widest()) - cell_len(one.label))
        tail = one.reason or one.detail
        spans = [Span(lead, Role.DIM if one.reason else Role.OK if marked else Role.KEY), Span(label, role)]
        spans += [Span(f"  {tail}", Role.DIM)] if tail else []
        return Line(cut_spans(spans, width, glyphs.ellipsis), selected=index == self.at)

    def _widest(self) -> int:
        return max((cell_len(one.label) for one in self._choices), default=0)

    def fit(self, screen_width: int, screen_height: int) -> None:
        """Take the size that the choices need."""
        widest = max([width_of(self._spans_of(one)) for one in self._choices] + [len(self._heading) + 2, 48])
        self.styles.width = min(screen_width - 2, min(110, widest + 6))
        pinned = len(self.pinned(max(1, min(screen_width - 2, min(110, widest + 6)) - 6)))
        self.styles.height = min(screen_height, len(self._choices) + 2 + pinned)

    def _spans_of(self, one: Choice) -> list[Span]:
        return [Span(" " * (3 + max(min(26, self._widest()), cell_len(one.label)) + 2)), Span(one.reason or one.detail)]

    def move_to(self, index: int) -> None:
        """Put the cursor somewhere, and keep it in sight."""
        self.at = min(max(0, index), max(0, len(self._choices) - 1))
        self.top = min(self.at, max(self.top, self.at - self.page + 1))
        self.sync()

    def action_move(self, amount: int) -> None:
        """Cursor up or down."""
        self.move_to(self.at + amount)

    def on_click(self, event: events.Click) -> None:
        """A click takes the cursor there; on the cursor's own row it is enter, where several can be chosen space."""
        index = event.y - 1 - len(self.pinned(self.text_width)) + self.top
        if 0 <= index < len(self._choices) and 0 < event.y < self.size.height - 1:
            event.stop()
            was_here = index == self.at
            self.move_to(index)
            if self._several or was_here:
                self.app.simulate_key("space" if self._several else "enter")

    def on_mount(self) -> None:
        """Show the one under the cursor."""
        self.call_after_refresh(self.move_to, self.at)


class ChoiceScreen(AskingScreen[tuple[str, ...]]):
    """Gives the values that were taken, in the order of the choices; None where the person gave it up.

    `refuse` says why a set of values cannot be, "" where it can: the mark that would make it so is not set.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "Cancel"),
        Binding("enter", "take", "Take it"),
        Binding("space", "mark", "Mark it"),
    ]

    def __init__(
        self,
        title: str,
        subject: str,
        choices: Sequence[Choice],
        *,
        at: str = "",
        chosen: Sequence[str] | None = None,
        refuse: Callable[[tuple[str, ...]], str] = lambda values: "",
    ) -> None:
        super().__init__()
        self._choices, self._several, self._refuse = list(choices), chosen is not None, refuse
        begin = next((index for index, one in enumerate(choices) if one.value == at), 0)
        self._list = ChoiceList(title, subject, choices, begin, self._several)
        self._list.chosen = frozenset(chosen or ())

    def compose(self) -> ComposeResult:
        """The list."""
        yield self._list

    def on_mount(self) -> None:
        """Size it."""
        self._list.fit(self.app.size.width, self.app.size.height)
        self._list.focus()

    def on_resize(self) -> None:
        """Size it again."""
        self._list.fit(self.app.size.width, self.app.size.height)

    def on_key(self, event: events.Key) -> None:
        """The key of a choice takes it."""
        one = next((one for one in self._choices if one.key and one.key == event.key), None)
        if one is not None:
            event.stop()
            self._list.move_to(self._choices.index(one))
            self.action_take()

    def _values(self, chosen: frozenset[str]) -> tuple[str, ...]:
        return tuple(one.value for one in self._choices if one.value in chosen)

    def _tell(self, trouble: str) -> None:
        self._list.trouble = trouble
        self._list.fit(self.app.size.width, self.app.size.height)
        self._list.sync()

    def action_mark(self) -> None:
        """Set or take away the mark of the choice under the cursor; where one is chosen, take it."""
        one = self._list.here
        if not self._several:
            self.action_take()
        elif one is not None:
            chosen = self._list.chosen ^ {one.value}
            trouble = self._refuse(self._values(chosen)) or one.reason
            if not trouble or one.value in self._list.chosen:
                self._list.chosen, trouble = chosen, ""
            self._tell(trouble)

    def action_take(self) -> None:
        """Close with what is chosen."""
        one = self._list.here
        if self._several:
            values = self._values(self._list.chosen)
            trouble = self._refuse(values)
        else:
            values = () if one is None else (one.value,)
            trouble = one.reason if one is not None else ""
        if trouble:
            self._tell(trouble)
        elif values or self._several:
            self.close(values)

    def action_cancel(self) -> None:
        """Give it up."""
        self.close(None)
