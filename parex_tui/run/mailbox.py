"""Orders from one parex to another: whoever holds a feature's lock collects them at its next pass.

They lie in the user's state folder, beside the lock, one file each. An order is taken out before it is carried out: cut
in between, it is lost and never done twice. One that nobody collected within `STALE` seconds has no meaning any more.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parex_tui.tasks.text import clean

from . import statedir
from .records import VERSION
from .snapshot import Do

STALE: Final = 60.0
"""Seconds until an order that nobody collected is thrown away."""

_FOLDER: Final = "orders"
_UNSURE: Final = 1.0  # seconds after which a folder that seems not to have changed is listed all the same


@dataclass(frozen=True, slots=True)
class Order:
    """What another parex asks of whoever runs the feature. `by` names who asked, in a few words."""

    do: Do
    seq: str = ""
    note: str = ""
    by: str = ""


class Mailbox:
    """The orders of one feature, whose state folder is `folder`. Safe to use from several processes."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder / _FOLDER
        self._clock = clock
        self._looked: tuple[int, float] = (-1, 0.0)

    def post(self, order: Order) -> Path:
        """Leave an order; the file that is gone once it was collected. Raises OSError."""
        statedir.make_private(self._folder)
        place = self._folder / f"{time.time_ns():020d}-{os.getpid()}.json"
        record = {"version": VERSION, "at": self._clock(), "do": order.do.value, "seq": order.seq}
        statedir.write_durably(place, statedir.json_bytes({**record, "note": order.note, "by": order.by}))
        return place

    def collect(self) -> tuple[Order, ...]:
        """Take out what is there, oldest first. What is damaged, unknown or too old is dropped. Raises OSError."""
        try:
            names = sorted(name for name in os.listdir(self._folder) if not name.startswith("."))  # noqa: PTH208
        except FileNotFoundError:
            return ()
        found: list[Order] = []
        for name in names:
            path = self._folder / name
            record = statedir.read_record(path) or {}
            try:
                path.unlink()
            except FileNotFoundError:
                continue  # another one has taken it
            with contextlib.suppress(ValueError):
                found.extend(self._order(record))
        return tuple(found)

    def look(self) -> tuple[Order, ...]:
        """As `collect`, for one who asks many times a second: it lists the folder when that changed, or after a second.

        That an order came at the very moment of the last listing, a coarse file system does not say. Raises OSError.
        """
        try:
            changed = os.stat(self._folder).st_mtime_ns  # noqa: PTH116 - called many times a second
        except FileNotFoundError:
            return ()
        now = time.monotonic()
        if changed == self._looked[0] and now - self._looked[1] < _UNSURE:
            return ()
        self._looked = (changed, now)
        return self.collect()

    def _order(self, record: dict[str, object]) -> tuple[Order, ...]:
        at = record.get("at")
        if not isinstance(at, int | float) or not -STALE <= self._clock() - at <= STALE:
            return ()
        texts = {name: clean(str(record.get(name, "")), 500) for name in ("seq", "note", "by")}
        return (Order(Do(str(record.get("do"))), **texts),)
