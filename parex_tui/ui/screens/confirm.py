"""Small screens that ask: yes or no, and how to leave while workers run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ..app_base import DashboardApp
from ..lines import BLANK, Line, Role, Span, cut_spans, width_of, wrap
from ..widgets.base import FramedWidget
from .modal import Answer, AskingScreen


class Box(FramedWidget):
    """A framed box of given lines, as wide and high as they need and as there is room for."""

    padding = 2

    def __init__(self, title: str, rows: Sequence[Line], role: Role = Role.FRAME_FOCUS) -> None:
        super().__init__("box")
        self._box_title, self._box_rows, self._role = title, list(rows), role

    def title(self) -> Sequence[Span]:
        """The question."""
        return (Span(self._box_title, Role.TITLE),)

    def subtitle(self, width: int) -> Sequence[Span]:
        """How to read on, where not all of it fits."""
        return (Span("j k scroll   esc closes", Role.DIM),) if self.limit() else ()

    def frame(self) -> Role:
        """Always the same."""
        return self._role

    def body_length(self, width: int) -> int:
        """All rows."""
        return len(self._box_rows)

    def body_line(self, index: int, width: int) -> Line:
        """One row."""
        row = self._box_rows[index]
        return row if width_of(row.spans) <= width else Line(cut_spans(row.spans, width), row.selected)

    def set_rows(self, rows: Sequence[Line]) -> None:
        """Take other rows, in a box of the same size."""
        self._box_rows = list(rows)
        self.sync()

    def fit(self, screen_width: int, screen_height: int) -> None:
        """Take the size that the rows need."""
        widest = max([width_of(row.spans) for row in self._box_rows] + [len(self._box_title) + 2])
        self.styles.width = min(screen_width - 2, max(36, widest + 6))
        self.styles.height = min(screen_height, len(self._box_rows) + 2)


class BoxScreen(AskingScreen[Answer]):
    """A modal screen with one box in its middle."""

    def __init__(self, title: str, rows: Sequence[Line], role: Role = Role.FRAME_FOCUS) -> None:
        super().__init__()
        self._box = Box(title, rows, role)

    def compose(self) -> ComposeResult:
        """The box."""
        yield self._box

    def on_mount(self) -> None:
        """Size the box."""
        self._box.fit(self.app.size.width, self.app.size.height)

    def on_resize(self) -> None:
        """Size it again."""
        self._box.fit(self.app.size.width, self.app.size.height)


def choices(*pairs: tuple[str, str, str]) -> Line:
    """A line of choices to press: key, shown key, label."""
    spans: list[Span] = []
    for key, shown, label in pairs:
        spans += [Span("   " if spans else ""), Span(shown, Role.KEY, key), Span(f" {label}", Role.TEXT, key)]
    return Line(tuple(spans))


class ConfirmScreen(BoxScreen[bool]):
    """Yes or no. No is the default: enter and esc say no, only `y` says yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,enter,q", "answer(False)", "No"),
    ]

    def __init__(self, question: str, details: Sequence[str], yes: str) -> None:
        rows = [BLANK]
        rows += [Line((Span(part, Role.TEXT),)) for detail in details for part in wrap(detail, 64)]
        rows += [BLANK, choices(("y", "y", yes), ("n", "n", "no (default)")), BLANK]
        super().__init__(question, rows, Role.FRAME_BAD)

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.close(answer)


class QuitScreen(BoxScreen[Literal["leave", "go_on", "stop_all"]]):
    """Asks how to leave while workers run. After "stop all" it stays until nothing runs, or the person leaves.

    With `goes_on` a run is under way that would start more: it can go on without the screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "leave", "Leave them running"),
        Binding("f", "finish", "Let these finish"),
        Binding("s", "stop", "Stop all and quit"),
        Binding("escape,n,enter,q", "cancel", "Stay"),
    ]

    def __init__(self, names: Sequence[str], *, goes_on: bool = False) -> None:
        self._names = list(names)
        self._goes_on = goes_on
        self._stopping = False
        super().__init__(self._question(), self._rows(), Role.FRAME_BAD)

    def _question(self) -> str:
        if not self._names:
            return "The run goes on"
        return "1 task runs" if len(self._names) == 1 else f"{len(self._names)} tasks run"

    def _rows(self) -> list[Line]:
        rows = [BLANK, *(Line((Span(name, Role.RUN),)) for name in self._names[:8])]
        if len(self._names) > 8:
            rows.append(Line((Span(f"and {len(self._names) - 8} more", Role.DIM),)))
        rows.append(BLANK)
        if self._stopping:
            rows.append(Line((Span("Stopping; parex leaves when nothing runs any more.", Role.WARN),)))
            rows += [BLANK, choices(("l", "l", "leave now"), ("escape", "esc", "stay")), BLANK]
        else:
            rows += self._ways_to_leave()
            rows.append(choices(("s", "s", "stop all and quit")))
            rows.append(choices(("escape", "esc", "stay (default)")))
            rows.append(BLANK)
        return rows

    def _ways_to_leave(self) -> list[Line]:
        if not self._goes_on:
            text = "They can go on without this screen."
            return [Line((Span(text, Role.SOFT),)), BLANK, choices(("l", "l", "leave running"))]
        text = "parex can go on without this screen; open it again and it is back here."
        return [
            *(Line((Span(part, Role.SOFT),)) for part in wrap(text, 56)),
            BLANK,
            choices(("l", "l", "leave running: the next batches start, too")),
            choices(("f", "f", "let these finish: nothing new starts")),
        ]

    def refresh_view(self) -> None:
        """Called with every snapshot: once stopping was asked for and nothing runs, it is over."""
        app = cast(DashboardApp, self.app)
        names, goes_on = app.running_names(), app.goes_on()
        if (names, goes_on) != (self._names, self._goes_on):
            self._names, self._goes_on = names, goes_on
            self._box.set_rows(self._rows())
        if not names and (self._stopping or not goes_on):
            self.close("stop_all" if self._stopping else "leave")

    def action_leave(self) -> None:
        """Leave it running."""
        self.close("stop_all" if self._stopping else "go_on" if self._goes_on else "leave")

    def action_finish(self) -> None:
        """Leave, and nothing new starts."""
        if not self._stopping:
            self.close("leave")

    def action_stop(self) -> None:
        """Stop all, then wait."""
        if not self._stopping:
            self._stopping = True
            cast(DashboardApp, self.app).stop_everything()
            self._box.set_rows(self._rows())
            self.refresh_view()

    def action_cancel(self) -> None:
        """Stay."""
        self.close(None)
