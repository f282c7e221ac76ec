"""Asking another parex for something: an order in its mailbox, and whether it took it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from .attempts import Journal
from .claim import ANSWER_SECONDS
from .mailbox import Order

_PAUSE: Final = 0.05


def send_orders(journal: Journal, key: str, orders: Sequence[Order], pause: Callable[[float], None]) -> bool:
    """Leave orders for whoever runs a feature, and wait until they are collected. False where they are not.

    Then they are withdrawn: none of them is carried out later. Returns early where nobody runs the feature any more.
    Raises StateError and OSError.
    """
    mailbox = journal.mailbox(key)
    posted: list[Path] = []
    try:
        posted += [mailbox.post(order) for order in orders]
        until = time.monotonic() + ANSWER_SECONDS
        while any(path.exists() for path in posted):
            if time.monotonic() > until or not journal.is_run(key):
                break
            pause(_PAUSE)
    finally:
        left = sum(_withdraw(path) for path in posted)
    return left == 0


def _withdraw(path: Path) -> bool:
    """Take an order back; False where it was collected."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
