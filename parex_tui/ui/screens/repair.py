"""Shows what a repair would write, as a diff, before it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from parex_tui.tasks.repair import Repair

from ..app_base import DashboardApp
from ..diffview import repair_lines
from ..lines import BLANK, Line, Role, Span
from ..widgets.base import FramedWidget
from .modal import AskingScreen


class RepairBox(FramedWidget, can_focus=True):
    """Scrolls over the repairs."""

    padding = 2
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_by(1)", "Down"),
        Binding("k,up", "scroll_by(-1)", "Up"),
        Binding("pagedown,ctrl+d,space", "scroll_by(10)", "Page down"),
        Binding("pageup,ctrl+u", "scroll_by(-10)", "Page up"),
        Binding("g,home", "scroll_by(-100000)", "Top"),
        Binding("G,end", "scroll_by(100000)", "Bottom"),
    ]

    def __init__(self, repairs: Sequence[Repair], root: Path) -> None:
        super().__init__("repair")
        self._repairs, self._root = repairs, root
        self._made: tuple[int, list[Line]] = (-1, [])

    def _rows(self, width: int) -> list[Line]:
        app = self.app
        if self._made[0] != width and isinstance(app, DashboardApp):
            self._made = (width, repair_lines(self._repairs, self._root, width, app.draw()))
        return self._made[1]

    def title(self) -> Sequence[Span]:
        """What is asked."""
        count = len(self._repairs)
        return (Span("Write this repair?" if count == 1 else f"Write these {count} repairs?", Role.TITLE),)

    def subtitle(self, width: int) -> Sequence[Span]:
        """The keys."""
        spans = [Span("y", Role.KEY, "y"), Span(" writes   ", Role.DIM, "y")]
        spans += [Span("esc", Role.KEY, "escape"), Span(" leaves it", Role.DIM, "escape")]
        return [*spans, Span("   j k scroll", Role.DIM)] if self.limit() and width > 40 else spans

    def body_length(self, width: int) -> int:
        """All lines."""
        return len(self._rows(width))

    def body_line(self, index: int, width: int) -> Line:
        """One line."""
        rows = self._rows(width)
        return rows[index] if index < len(rows) else BLANK

    def action_scroll_by(self, amount: int) -> None:
        """Scroll."""
        self.scroll_lines(amount)

    def fit(self, screen_width: int, screen_height: int) -> None:
        """As large as the repairs need."""
        width = min(screen_width - 2, 110)
        self.styles.width = width
        self.styles.height = min(screen_height - 2, len(self._rows(width - 6)) + 2)


class RepairScreen(AskingScreen[bool]):
    """Whether the repairs shall be written. `y` and enter say yes, everything else no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Write it"),
        Binding("n,escape,q", "answer(False)", "Leave it"),
    ]

    def __init__(self, repairs: Sequence[Repair], root: Path) -> None:
        super().__init__()
        self._box = RepairBox(repairs, root)

    def compose(self) -> ComposeResult:
        """The box."""
        yield self._box

    def on_mount(self) -> None:
        """Size the box."""
        self._box.fit(self.app.size.width, self.app.size.height)
        self._box.focus()

    def on_resize(self) -> None:
        """Size it again."""
        self._box.fit(self.app.size.width, self.app.size.height)

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.close(answer)
