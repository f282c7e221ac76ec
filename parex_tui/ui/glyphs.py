"""The signs on the screen, each one cell wide, in two tables: Unicode and plain ASCII."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One sign per state and per part of the frame. Shapes differ, so that no state rests on colour alone."""

    waiting: str = "·"
    ready: str = "○"
    running: str = "▶"
    done: str = "✓"
    failed: str = "✗"
    review: str = "?"
    blocked: str = "⊘"
    skipped: str = "»"
    stopped: str = "■"
    quiet: str = "◇"
    unreadable: str = "⚠"
    folded: str = "▸"
    unfolded: str = "▾"
    now: str = "▸"
    dot: str = "·"
    dash: str = "–"
    minus: str = "−"
    ellipsis: str = "…"
    more: str = "▾"
    down: str = "▼"
    bar: str = "│"
    across: str = "─"
    corners: str = "╭╮╰╯"
    thumb: str = "┃"
    arrow: str = "→"

    def of(self, name: str) -> str:
        """The sign of a state, by its name in this table."""
        return str(getattr(self, name))


UNICODE: Final = Glyphs()
ASCII: Final = Glyphs(
    waiting=".",
    ready="o",
    running=">",
    done="+",
    failed="x",
    review="?",
    blocked="#",
    skipped="-",
    stopped="=",
    quiet="~",
    unreadable="!",
    folded=">",
    unfolded="v",
    now=">",
    dot="-",
    dash="-",
    minus="-",
    ellipsis="~",
    more="v",
    down="v",
    bar="|",
    across="-",
    corners="++++",
    thumb="#",
    arrow=">",
)

STATES: Final = (
    "running",
    "quiet",
    "ready",
    "waiting",
    "done",
    "review",
    "failed",
    "stopped",
    "blocked",
    "skipped",
    "unreadable",
)
"""Names of the state signs, in the order in which the header counts them."""
