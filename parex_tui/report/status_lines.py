"""The reference tool's three lines for a feature. Imports nothing: the quick status needs them, too."""

from __future__ import annotations

NAME_LIMIT = 200
"""Characters of a name in a list, as for titles everywhere; the format has at most 100."""


def percent(completed: int, total: int) -> int:
    """Completed of `total` in percent, halves rounded up."""
    return (200 * completed + total) // (2 * total) if total else 0


def heading_line(feature: str, name: str) -> str:
    """`[auth-system] Auth system`; a name that no list can take is cut."""
    return f"[{feature}] {name if len(name) <= NAME_LIMIT else name[: NAME_LIMIT - 1] + '…'}".rstrip()


def progress_line(status: str, completed: int, total: int) -> str:
    """`  Status: active | Progress: 45% (5/11)`."""
    return f"  Status: {status or 'unknown'} | Progress: {percent(completed, total)}% ({completed}/{total})"


def counts_line(pending: int, in_progress: int, completed: int, blocked: int) -> str:
    """`  Pending: 3 | In Progress: 2 | Completed: 5 | Blocked: 1`."""
    return f"  Pending: {pending} | In Progress: {in_progress} | Completed: {completed} | Blocked: {blocked}"
