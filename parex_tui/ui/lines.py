"""Lines of coloured text as plain data, measured in terminal cells. What a widget paints, and what tests read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from rich.cells import cell_len


class Role(StrEnum):
    """What a piece of text means; the theme decides how that looks."""

    TEXT = "text"
    SOFT = "soft"  # secondary text
    DIM = "dim"  # labels, times
    TITLE = "title"
    ACCENT = "accent"
    KEY = "key"
    NOW = "now"
    OK = "ok"
    RUN = "run"
    WARN = "warn"
    BAD = "bad"
    BAD_TITLE = "bad title"
    REVIEW = "review"
    REVIEW_TITLE = "review title"
    DEMO = "demo"
    FRAME = "frame"
    FRAME_FOCUS = "frame focus"
    FRAME_BAD = "frame bad"
    FRAME_REVIEW = "frame review"
    CODE_KEY = "code key"
    CODE_TEXT = "code text"
    CODE_NUMBER = "code number"
    CODE_WORD = "code word"
    FOUND = "found"


class Span(NamedTuple):
    """A piece of literal text. `key`: pressing the mouse on it is pressing that key."""

    text: str
    role: Role = Role.TEXT
    key: str = ""


class Line(NamedTuple):
    """One line on the screen, left to right. `selected` paints it as the cursor's line."""

    spans: tuple[Span, ...] = ()
    selected: bool = False

    @property
    def text(self) -> str:
        """The text alone."""
        return "".join(span.text for span in self.spans)


BLANK: Final = Line()


def line(*spans: Span | str) -> Line:
    """A line of spans; plain strings are ordinary text."""
    return Line(tuple(span if isinstance(span, Span) else Span(span) for span in spans))


def width_of(spans: Iterable[Span]) -> int:
    """Cells that the spans take."""
    return sum(cell_len(span.text) for span in spans)


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """`text` in at most `width` cells; where it is cut, the last cell is the ellipsis."""
    if len(text) * 2 <= width or cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    return _head(text, width - 1) + ellipsis


def _head(text: str, width: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += cell_len(char)
        if used > width:
            return text[:index]
    return text


def cut_spans(spans: Sequence[Span], width: int, ellipsis: str = "…") -> tuple[Span, ...]:
    """The spans in at most `width` cells."""
    if width_of(spans) <= width:
        return tuple(spans)
    kept: list[Span] = []
    left = width
    for span in spans:
        size = cell_len(span.text)
        if size < left:
            kept.append(span)
            left -= size
        else:
            if left > 0:
                text = _head(span.text, left - 1) + ellipsis
                kept.append(span._replace(text=text))
            break
    return tuple(kept)


def spread(left: Sequence[Span], right: Sequence[Span], width: int, ellipsis: str = "…", gap: int = 2) -> Line:
    """`left` and `right` at the two ends of `width` cells. The right part keeps up to three fifths; the left is cut."""
    right_width = width_of(right)
    if not right_width:
        return Line(cut_spans(left, width, ellipsis))
    left_width = width_of(left)
    if left_width + gap + right_width > width:
        room = max(width - left_width - gap, width * 3 // 5)
        right = cut_spans(right, max(0, min(room, width - gap - 1)), ellipsis)
        right_width = width_of(right)
        left = cut_spans(left, max(0, width - right_width - gap), ellipsis)
        left_width = width_of(left)
    blanks = max(0, width - left_width - right_width)
    return Line((*left, Span(" " * blanks), *right))


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken at blanks; a longer word is broken where it must."""
    width = max(1, width)
    found: list[str] = []
    for paragraph in text.split("\n"):
        row = ""
        used = 0
        for word in paragraph.split(" "):
            size = cell_len(word)
            if row and used + 1 + size <= width:
                row += " " + word
                used += 1 + size
                continue
            if row:
                found.append(row)
            while size > width:
                head = _head(word, width) or word[0]
                found.append(head)
                word = word[len(head) :]
                size = cell_len(word)
            row, used = word, size
        found.append(row)
    return found


def hard_wrap(spans: Sequence[Span], width: int) -> list[tuple[Span, ...]]:
    """The spans in lines of at most `width` cells, broken anywhere; for code, where blanks count."""
    width = max(2, width)
    rows: list[tuple[Span, ...]] = []
    row: list[Span] = []
    left = width
    for span in spans:
        text = span.text
        while cell_len(text) > left:
            head = _head(text, left)
            row.append(span._replace(text=head))
            rows.append(tuple(row))
            row, left, text = [], width, text[len(head) :]
        row.append(span._replace(text=text))
        left -= cell_len(text)
    rows.append(tuple(row))
    return rows
