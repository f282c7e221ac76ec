"""Shown while the terminal is too small for anything else. It fits wherever it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from ..lines import Line, Role, Span, cut
from ..widgets.base import LinesWidget

LEAST_WIDTH, LEAST_HEIGHT = 40, 10


def small_lines(width: int, height: int) -> list[Line]:
    """As much of the message as fits: the size that is needed comes first."""
    texts = [
        f"needs {LEAST_WIDTH}×{LEAST_HEIGHT}",
        f"has {width}×{height}",
        "what runs goes on",
        "q quits",
    ]
    return [Line((Span(cut(text, width), Role.WARN if not index else Role.SOFT),)) for index, text in enumerate(texts)]


class SmallMessage(LinesWidget):
    """The message."""

    def project(self, width: int, height: int) -> Sequence[Line]:
        """What fits."""
        return small_lines(width, height)


class SmallScreen(Screen[None]):
    """Covers everything until the terminal is large enough again."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.ask_quit", "Quit")]

    def compose(self) -> ComposeResult:
        """The message."""
        yield SmallMessage()
