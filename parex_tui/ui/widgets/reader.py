"""Lines to read: scrolled, chosen from where they hold something to open, gone through from find to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from ..files import Stop
from ..lines import Line, Role, Span
from ..overview import Item
from .base import FramedWidget


class Reader(FramedWidget, can_focus=True):
    """Scrolls over given lines. Where some of them are items, up and down choose among those that are in sight."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_by(1)", "Down, or choose the next", key_display="j ↓"),
        Binding("k,up", "scroll_by(-1)", "Up, or choose the one before", key_display="k ↑"),
        Binding("pagedown,ctrl+d,space", "page_by(1)", "Page down", key_display="pgdn"),
        Binding("pageup,ctrl+u", "page_by(-1)", "Page up", key_display="pgup"),
        Binding("g,home", "edge(False)", "Top", key_display="g"),
        Binding("G,end", "edge(True)", "Bottom", key_display="G"),
    ]

    class Moved(Message):
        """Up or down was pressed where the screen chooses."""

        def __init__(self, amount: int) -> None:
            super().__init__()
            self.amount = amount

    class Chosen(Message):
        """Another item was chosen."""

    class Used(Message):
        """The chosen item was pressed twice."""

    def __init__(self) -> None:
        super().__init__("reader")
        self._rows: Sequence[Line] = ()
        self._items: Sequence[Item] = ()
        self._chosen = ""
        self._heading = ""
        self._note = ""
        self._mark: Stop | None = None
        self.chooses = False
        """Whether up and down choose in a way of the screen's own: they become `Moved`."""

    def show(self, heading: str, note: str, rows: Sequence[Line], items: Sequence[Item] = ()) -> None:
        """Take other lines. The chosen item stays chosen while it is there."""
        self._heading, self._note, self._rows, self._items = heading, note, rows, items
        self.sync()

    def restart(self) -> None:
        """From the top, with nothing chosen."""
        self.top, self._chosen, self._mark = 0, "", None

    @property
    def item(self) -> Item | None:
        """What is chosen."""
        return next((item for item in self._items if item.key == self._chosen), None)

    @property
    def mark(self) -> Stop | None:
        """The place gone to last."""
        return self._mark

    def go_to(self, stop: Stop | None) -> None:
        """Mark a place and bring it in sight; None takes the mark away."""
        self._mark = stop
        if stop is not None and not (self.top <= stop.first and stop.end <= self.top + self.page):
            self.top = max(0, min(stop.first - self.page // 3, self.limit()))
        self.sync()

    # --- the frame

    def title(self) -> Sequence[Span]:
        """What is read."""
        return (Span(self._heading, Role.TEXT),)

    def subtitle(self, width: int) -> Sequence[Span]:
        """A note, and which lines are shown."""
        where = f"{self.top + 1:,}-{min(self.top + self.page, len(self._rows)):,} of {len(self._rows):,}"
        notes = [note for note in (self._note, where if self.limit() else "") if note]
        return (Span("   ".join(notes), Role.DIM),)

    def body_length(self, width: int) -> int:
        """All lines."""
        return len(self._rows)

    def body_line(self, index: int, width: int) -> Line:
        """One line."""
        line, place = self._rows[index], self.item or self._mark
        inside = place is not None and place.first <= index < place.end
        return line._replace(selected=True) if inside else line

    # --- moving

    def action_scroll_by(self, amount: int) -> None:
        """By lines, or from item to item."""
        if self.chooses:
            self.post_message(self.Moved(amount))
        elif self._items:
            self._choose_next(amount)
        else:
            self.scroll_lines(amount)

    def _choose_next(self, amount: int) -> None:
        """To the next item where it is in sight; else the lines move on by one until it is."""
        seen = range(self.top, self.top + self.page)
        here = self.item
        if here is not None and (here.first in seen or here.end - 1 in seen):
            place = self._items.index(here) + amount
            wanted = [self._items[place]] if 0 <= place < len(self._items) else []
        else:
            wanted = list(self._items) if amount > 0 else list(reversed(self._items))
        for item in wanted:
            if (item.first if amount > 0 else item.end - 1) in seen:
                self._choose(item)
                return
        self.scroll_lines(amount)

    def _choose(self, item: Item) -> None:
        self._chosen, self._mark = item.key, None
        if item.end > self.top + self.page:
            self.top = min(item.first, item.end - self.page)
        elif item.first < self.top:
            self.top = item.first
        self.sync()
        self.post_message(self.Chosen())

    def action_page_by(self, amount: int) -> None:
        """By pages."""
        self.scroll_lines(amount * max(1, self.page - 1))

    def action_edge(self, last: bool) -> None:
        """To the top or the bottom."""
        self.scroll_lines(len(self._rows) if last else -len(self._rows))

    def on_click(self, event: events.Click) -> None:
        """Choose the item below the mouse; the second click uses it."""
        index = event.y - 1 + self.top
        item = next((item for item in self._items if item.first <= index < item.end), None)
        if item is None or not 0 < event.y < self.size.height - 1:
            super().on_click(event)
            return
        event.stop()
        self._choose(item)
        if event.chain == 2:
            self.post_message(self.Used())
