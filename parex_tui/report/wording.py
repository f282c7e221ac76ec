"""Small words that every report shares: durations, tokens, money, counts, wrapped lines."""

from __future__ import annotations

import math
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Final

from parex_tui.tasks.text import clean

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


def tokens(count: int) -> str:
    """`840 tok`, `1.2k tok`, `6k tok`, `84k tok`, `3.1M tok`."""
    if count < 1000:
        return f"{count} tok"
    if count < 9_950:
        return f"{count / 1000:.1f}k tok".replace(".0k", "k")
    if count < 999_500:
        return f"{round(count / 1000)}k tok"
    return f"{count / 1_000_000:.1f}M tok"


def money(dollars: float) -> str:
    """`$0.42`; more than nothing and less than a cent is `<$0.01`; from a hundred on without cents."""
    if 0 < dollars < 0.005:
        return "<$0.01"
    return f"${dollars:,.0f}" if dollars >= 99.995 else f"${dollars:.2f}"


def day_and_time(at: float) -> str:
    """A local date and time, `2026-01-31 14:03`."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def relative(path: Path, root: Path) -> str:
    """A path below the root as scripts and people read it, cleaned; another one whole."""
    return clean((path.relative_to(root) if path.is_relative_to(root) else path).as_posix())


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
