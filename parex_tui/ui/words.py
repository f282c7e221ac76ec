"""Numbers as words: durations, ages, tokens, money. Pure, and the same everywhere on the screen."""

from __future__ import annotations

from datetime import datetime


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


def saved(seconds: float, share: float | None) -> str:
    """Time that running side by side saved: `saved 12 m (61 %)`; below a minute in seconds."""
    amount = f"{int(seconds)} s" if seconds < 60 else f"{int(seconds // 60)} m"
    if seconds >= 3600:
        amount = f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} m"
    return f"saved {amount}" if share is None else f"saved {amount} ({round(share * 100)} %)"


def clock(at: float) -> str:
    """The local time of day, `14:03`."""
    return datetime.fromtimestamp(at).strftime("%H:%M")


def day_and_time(at: float) -> str:
    """A local date and time, `2026-01-31 14:03`."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 task`, `2 tasks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
