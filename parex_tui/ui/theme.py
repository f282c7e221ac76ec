"""Colours: the theme, and what each role looks like in it. NO_COLOR leaves weight and shape only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Protocol, cast, runtime_checkable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.theme import Theme
from textual.widget import Widget

from .glyphs import Glyphs
from .lines import Line, Role, width_of

DARK: Final = Theme(
    name="parex",
    primary="#7aa2f7",
    secondary="#7dcfff",
    accent="#bb9af7",
    warning="#e0af68",
    error="#f7768e",
    success="#9ece6a",
    foreground="#c0caf5",
    background="#16161e",
    surface="#1a1b26",
    panel="#1f2335",
    dark=True,
)
LIGHT: Final = Theme(
    name="parex-light",
    primary="#2e5fc4",
    secondary="#0f7391",
    accent="#7a3fc0",
    warning="#8f5e00",
    error="#b91c3c",
    success="#3d7a1e",
    foreground="#2b3045",
    background="#f5f6fa",
    surface="#ffffff",
    panel="#e4e7f2",
    dark=False,
)
ANSI_NAME: Final = "ansi-dark"
"""Textual's theme of the terminal's own sixteen colours; parex uses it where NO_COLOR is set."""

_BOLD: Final = Style(bold=True)
_ANSI: Final[Mapping[Role, Style]] = {
    Role.TEXT: Style(),
    Role.SOFT: Style(),
    Role.DIM: Style(dim=True),
    Role.TITLE: _BOLD,
    Role.ACCENT: Style(color="blue", bold=True),
    Role.KEY: Style(color="blue", bold=True),
    Role.NOW: Style(color="cyan"),
    Role.OK: Style(color="green"),
    Role.RUN: Style(color="yellow"),
    Role.WARN: Style(color="yellow"),
    Role.BAD: Style(color="red"),
    Role.BAD_TITLE: Style(color="red", bold=True),
    Role.REVIEW: Style(color="magenta"),
    Role.REVIEW_TITLE: Style(color="magenta", bold=True),
    Role.DEMO: Style(reverse=True, bold=True),
    Role.FRAME: Style(dim=True),
    Role.FRAME_FOCUS: Style(color="blue", bold=True),
    Role.FRAME_BAD: Style(color="red"),
    Role.FRAME_REVIEW: Style(color="magenta"),
    Role.CODE_KEY: Style(color="blue"),
    Role.CODE_TEXT: Style(color="green"),
    Role.CODE_NUMBER: Style(color="yellow"),
    Role.CODE_WORD: Style(color="magenta"),
    Role.FOUND: Style(reverse=True),
}


def printable(text: str) -> str:
    """`text` without any character that could steer a terminal. Text is cleaned where it comes in; this is the last
    gate before the terminal, and takes nothing that has a width."""
    return "".join(char for char in text if char.isprintable() or cell_len(char))


class Painter:
    """Turns lines into strips, in the colours of one theme. `ansi` uses the terminal's own colours."""

    def __init__(self, variables: Mapping[str, str], ansi: bool) -> None:
        self._strip = lru_cache(maxsize=4096)(self._paint)
        if ansi:
            self._styles, self._selected = dict(_ANSI), Style(reverse=True)
            return
        named = {name: Color.parse(variables[name]) for name in _NEEDED}
        fore, back = named["foreground"], named["background"]
        colours: dict[Role, tuple[Color, bool]] = {
            Role.TEXT: (fore, False),
            Role.SOFT: (fore.blend(back, 0.22), False),
            Role.DIM: (fore.blend(back, 0.46), False),
            Role.TITLE: (fore, True),
            Role.ACCENT: (named["primary"], True),
            Role.KEY: (named["primary"], True),
            Role.NOW: (named["secondary"], False),
            Role.OK: (named["success"], False),
            Role.RUN: (named["warning"], False),
            Role.WARN: (named["warning"], False),
            Role.BAD: (named["error"], False),
            Role.BAD_TITLE: (named["error"], True),
            Role.REVIEW: (named["accent"], False),
            Role.REVIEW_TITLE: (named["accent"], True),
            Role.FRAME: (fore.blend(back, 0.68), False),
            Role.FRAME_FOCUS: (named["primary"], False),
            Role.FRAME_BAD: (named["error"], False),
            Role.FRAME_REVIEW: (named["accent"], False),
            Role.CODE_KEY: (named["primary"], False),
            Role.CODE_TEXT: (named["success"], False),
            Role.CODE_NUMBER: (named["warning"], False),
            Role.CODE_WORD: (named["accent"], False),
        }
        self._styles = {
            role: Style(color=colour.rich_color, bold=bold or None) for role, (colour, bold) in colours.items()
        }
        demo = named["warning"]
        self._styles[Role.DEMO] = Style(color=back.rich_color, bgcolor=demo.rich_color, bold=True)
        self._styles[Role.FOUND] = Style(color=back.rich_color, bgcolor=named["secondary"].rich_color)
        self._selected = Style(bgcolor=back.blend(named["primary"], 0.3).rich_color)

    def strip(self, line: Line, width: int, base: Style) -> Strip:
        """The line in exactly `width` cells, on the background of `base`."""
        return self._strip(line, width, base)

    def _paint(self, line: Line, width: int, base: Style) -> Strip:
        segments: list[Segment] = []
        for span in line.spans:
            if span.text:
                text = span.text if span.text.isprintable() else printable(span.text)
                style = base + self._styles[span.role]
                inside = line.selected and span.role not in _UNSELECTED
                segments.append(Segment(text, style + self._selected if inside else style))
        return Strip(segments, width_of(line.spans)).adjust_cell_length(width, base)


_UNSELECTED: Final = (Role.FRAME, Role.FRAME_FOCUS, Role.FRAME_BAD, Role.FRAME_REVIEW, Role.FOUND)
"""What keeps its own background on the cursor's line."""

_NEEDED: Final = ("primary", "secondary", "accent", "warning", "error", "success", "foreground", "background")


@runtime_checkable
class Painted(Protocol):
    """What the widgets need of their app."""

    painter: Painter
    glyphs: Glyphs


def painted(widget: Widget) -> Painted:
    """The widget's app, as the widgets see it."""
    return cast(Painted, widget.app)
