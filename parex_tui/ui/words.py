"""Numbers as words: durations, ages, tokens, money. Pure, and the same everywhere on the screen."""

from __future__ import annotations

from datetime import datetime

from parex_tui.report.wording import day_and_time as day_and_time
from parex_tui.report.wording import money as money
from parex_tui.report.wording import tokens as tokens


def elapsed(seconds: float) -> str:
    """A running or measured duration: `2:14`, `1:02:03`. Negative ones (a clock was set back) read `0:00`."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def ago(seconds: float) -> str:
    """How long something is past, in its largest unit: `now`, `3 s`, `4 m`, `2 h`, `5 d`."""
    whole = int(seconds)
    if whole < 1:
        return "now"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m"
    if whole < 86400:
        return f"{whole // 3600} h"
    return f"{whole // 86400} d"


def saved(seconds: float, share: float | None) -> str:
    """Time that running side by side saved: `saved 12 m (61 %)`; below a minute in seconds."""
    amount = f"{int(seconds)} s" if seconds < 60 else f"{int(seconds // 60)} m"
    if seconds >= 3600:
        amount = f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} m"
    return f"saved {amount}" if share is None else f"saved {amount} ({round(share * 100)} %)"


def clock(at: float) -> str:
    """The local time of day, `14:03`."""
    return datetime.fromtimestamp(at).strftime("%H:%M")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 task`, `2 tasks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
