"""Small words that every report shares: durations, counts, wrapped lines."""

from __future__ import annotations

import math
import textwrap
from typing import Final

WIDTH: Final = 80
"""Columns that a plain report keeps to, as far as its words allow."""


def duration(seconds: float) -> str:
    """`45 s`, `14 m`, `2 h 05 m`; rounded to the nearest, and never `0 m` for something."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} m"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def counted(number: int, word: str, plural: str = "") -> str:
    """`1 task`, `3 tasks`; `plural` where an s is not enough (`batch`, `batches`)."""
    return f"{number} {word if number == 1 else plural or word + 's'}"


def wrapped(text: str, indent: str, hanging: str | None = None) -> list[str]:
    """`text` in lines of at most `WIDTH` columns; a word that is longer is never cut. `hanging` indents the rest."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
