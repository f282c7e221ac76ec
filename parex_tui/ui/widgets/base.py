"""Widgets that paint lines of plain data and refresh only the lines that changed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ..lines import BLANK, Line, Role, Span, cut_spans, width_of
from ..theme import painted


class LinesWidget(Widget):
    """Paints what `project` returns. `sync` projects again and repaints the lines that differ, nothing else."""

    ALLOW_SELECT = False

    def __init__(self, dom_id: str | None = None) -> None:
        super().__init__(id=dom_id)
        self._lines: list[Line] = []

    def project(self, width: int, height: int) -> Sequence[Line]:
        """The lines to show in `width` by `height` cells."""
        raise NotImplementedError

    def sync(self) -> None:
        """Bring what is painted up to date."""
        width, height = self.size
        if not width or not height or not self.is_attached:
            return
        new = list(self.project(width, height))[:height]
        old = self._lines
        if len(new) != len(old):
            self._lines = new
            self.refresh()
            return
        changed = [y for y, line in enumerate(new) if line != old[y]]
        self._lines = new
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def shown(self) -> list[Line]:
        """The lines as they are painted now."""
        return self._lines

    def on_resize(self) -> None:
        """Project for the new size."""
        self._lines = []
        self.sync()

    def render_line(self, y: int) -> Strip:
        """One painted line (Textual's line interface)."""
        line = self._lines[y] if y < len(self._lines) else BLANK
        return painted(self).painter.strip(line, self.size.width, self._base())

    def _base(self) -> Style:
        return self.rich_style

    def on_click(self, event: events.Click) -> None:
        """A click on a span that stands for a key is that key."""
        if event.y >= len(self._lines):
            return
        at = 0
        for span in self._lines[event.y].spans:
            at += cell_len(span.text)
            if event.x < at:
                if span.key:
                    event.stop()
                    self.app.simulate_key(span.key)
                return


class FramedWidget(LinesWidget):
    """Lines inside a frame that the widget draws itself, so that a change of the title repaints one line.

    The body can be longer than the frame: `top` is the first line shown, and a thumb on the right edge says where
    that is. Subclasses give `body_length` and `body_line`.
    """

    padding: int = 1
    """Blank cells between the frame and the text, at both sides."""

    def __init__(self, dom_id: str | None = None) -> None:
        super().__init__(dom_id)
        self.top = 0

    # what a subclass says

    def title(self) -> Sequence[Span]:
        """What stands in the upper edge."""
        return ()

    def subtitle(self, width: int) -> Sequence[Span]:
        """What stands in the lower edge, in at most `width` cells."""
        return ()

    def frame(self) -> Role:
        """The frame's colour."""
        return Role.FRAME_FOCUS if self.has_focus else Role.FRAME

    def pinned(self, width: int) -> Sequence[Line]:
        """Lines above the body that do not scroll."""
        return ()

    def body_length(self, width: int) -> int:
        """How many lines the body has at this width."""
        return 0

    def body_line(self, index: int, width: int) -> Line:
        """One line of the body."""
        return BLANK

    # geometry

    @property
    def text_width(self) -> int:
        """Cells of one body line."""
        return max(1, self.size.width - 2 - 2 * self.padding)

    @property
    def page(self) -> int:
        """Body lines that fit."""
        return max(1, self.size.height - 2 - len(self.pinned(self.text_width)))

    def limit(self) -> int:
        """The largest sensible `top`."""
        return max(0, self.body_length(self.text_width) - self.page)

    def scroll_lines(self, amount: int) -> None:
        """Move the view by lines; negative is up."""
        self.top = min(max(0, self.top + amount), self.limit())
        self.sync()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three lines up."""
        event.stop()
        self.scroll_lines(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three lines down."""
        event.stop()
        self.scroll_lines(3)

    def on_focus(self) -> None:
        """The frame changes its colour."""
        self.sync()

    def on_blur(self) -> None:
        """The frame changes its colour."""
        self.sync()

    # painting

    def project(self, width: int, height: int) -> list[Line]:
        """Frame, pinned lines, the visible part of the body."""
        if width < 4 or height < 2:
            return [BLANK] * height
        role, glyphs = self.frame(), painted(self).glyphs
        inner = width - 2
        text_width = self.text_width
        pinned = list(self.pinned(text_width))[: height - 2]
        room = height - 2 - len(pinned)
        total = self.body_length(text_width)
        self.top = min(max(0, self.top), max(0, total - room))
        shown = [self.body_line(index, text_width) for index in range(self.top, min(total, self.top + room))]
        rows = [*pinned, *shown]
        rows += [BLANK] * (height - 2 - len(rows))
        thumb = _thumb(self.top, room, total)
        lines = [self._edge(inner, glyphs.corners[0], glyphs.corners[1], self.title(), role, right=False)]
        left = Span(glyphs.bar, role)
        blank = Span(" " * self.padding)
        for index, row in enumerate(rows):
            body = index - len(pinned)
            edge = glyphs.thumb if thumb is not None and body in thumb else glyphs.bar
            fill = Span(" " * max(0, text_width - width_of(row.spans)))
            if row.selected:
                spans = (blank, *row.spans, fill, blank)
                lines.append(Line((left, *spans, Span(edge, role)), selected=True))
            else:
                lines.append(Line((left, blank, *row.spans, fill, blank, Span(edge, role))))
        lines.append(
            self._edge(inner, glyphs.corners[2], glyphs.corners[3], self.subtitle(inner - 6), role, right=True)
        )
        return lines

    def _edge(self, inner: int, start: str, end: str, spans: Sequence[Span], role: Role, right: bool) -> Line:
        glyphs = painted(self).glyphs
        across = glyphs.across
        if not width_of(spans) or inner < 8:
            return Line((Span(start + across * inner + end, role),))
        title = cut_spans(spans, inner - 4, glyphs.ellipsis)
        rest = inner - width_of(title) - 3
        if right:
            return Line((Span(start + across * rest + " ", role), *title, Span(" " + across + end, role)))
        return Line((Span(start + across + " ", role), *title, Span(" " + across * rest + end, role)))


def _thumb(top: int, room: int, total: int) -> range | None:
    """The body rows beside which the thumb stands; None where everything fits."""
    if total <= room or room < 2:
        return None
    size = max(1, room * room // total)
    at = round((room - size) * top / (total - room))
    return range(at, at + size)
