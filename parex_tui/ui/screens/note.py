"""Asks for one optional line of text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from parex_tui.tasks.text import clean

from .modal import AskingScreen


class NoteScreen(AskingScreen[str]):
    """A note to go with a decision. Enter takes what is there, also nothing; esc gives the decision up (None)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, title: str, subject: str) -> None:
        super().__init__()
        self._title, self._subject = Content(title), Content(clean(subject))

    def compose(self) -> ComposeResult:
        """The subject, the input, what enter and esc do."""
        with Vertical(id="note"):
            yield Static(self._subject, markup=False)
            yield Input(placeholder="note (optional)", max_length=500)
            yield Static(Content("enter accepts   esc cancels"), classes="hint", markup=False)

    def on_mount(self) -> None:
        """Title of the box."""
        self.query_one("#note").border_title = self._title

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        self.close(event.value.strip())

    def action_cancel(self) -> None:
        """Esc."""
        self.close(None)
