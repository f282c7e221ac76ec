"""The reference tool's three lines for a feature. Imports nothing: the quick status needs them, too."""

from __future__ import annotations


def percent(completed: int, total: int) -> int:
    """Completed of `total` in percent, halves rounded up."""
    return (200 * completed + total) // (2 * total) if total else 0


def heading_line(feature: str, name: str) -> str:
    """`[auth-system] Auth system`."""
    return f"[{feature}] {name}".rstrip()


def progress_line(status: str, completed: int, total: int) -> str:
    """`  Status: active | Progress: 45% (5/11)`."""
    return f"  Status: {status or 'unknown'} | Progress: {percent(completed, total)}% ({completed}/{total})"


def counts_line(pending: int, in_progress: int, completed: int, blocked: int) -> str:
    """`  Pending: 3 | In Progress: 2 | Completed: 5 | Blocked: 1`."""
    return f"  Pending: {pending} | In Progress: {in_progress} | Completed: {completed} | Blocked: {blocked}"
