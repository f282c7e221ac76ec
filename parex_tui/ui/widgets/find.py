"""The line in which a person types what to find."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.message import Message

from ..lines import Line, Role, Span
from .entry import Entry

FINDING: Final = Line(
    (
        *(Span(" ↑ ↓", Role.KEY), Span(" move ", Role.SOFT)),
        *(Span(" enter", Role.KEY, "enter"), Span(" keep ", Role.SOFT, "enter")),
        *(Span(" esc", Role.KEY, "escape"), Span(" clear", Role.SOFT, "escape")),
    )
)
"""The footer while something is typed: every other key is a letter then."""


class FindLine(Entry):
    """One line of text. Up and down move among what is found while the typing goes on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "To the next found", show=False),
        Binding("up", "move(-1)", "To the one found before", show=False),
    ]

    class Moved(Message):
        """Go on by so many of what is found; negative is up."""

        def __init__(self, amount: int) -> None:
            super().__init__()
            self.amount = amount

    def __init__(self, placeholder: str) -> None:
        super().__init__(id="find", placeholder=placeholder, max_length=200, select_on_focus=False)

    def on_mount(self) -> None:
        """It comes when it is asked for."""
        self.display = False

    def open(self) -> None:
        """Show it, with what was typed last."""
        self.display = True
        self.cursor_position = len(self.value)
        self.focus()

    def clear_and_close(self) -> None:
        """Forget the text."""
        self.value = ""
        self.display = False

    def action_move(self, amount: int) -> None:
        """Ask for another of what is found."""
        self.post_message(self.Moved(amount))
