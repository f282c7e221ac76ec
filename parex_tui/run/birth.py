"""What tells a feature from a later one of the same name, so that a new one does not inherit the old one's attempts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from parex_tui.tasks.model import Feature

from . import statedir

VERSION: Final = 1
_RECORD: Final = "feature.json"


@dataclass(frozen=True, slots=True)
class Birth:
    """A feature's folder as the file system knows it, and when task.json says that it was made ("" where it does not).

    The folder stays the same when it is archived; the time stays the same when a checkout makes the folder anew.
    """

    device: int
    inode: int
    created_at: str

    def is_other(self, later: Birth) -> bool:
        """Whether `later` is surely another feature: both have changed, and the times are known."""
        same_folder = (self.device, self.inode) == (later.device, later.inode)
        return not same_folder and "" not in (self.created_at, later.created_at) and self.created_at != later.created_at


def birth_of(feature: Feature) -> Birth | None:
    """The feature's birth; None where its folder is gone."""
    try:
        info = os.stat(feature.path)  # noqa: PTH116 - asked for every feature in every pass
    except (OSError, ValueError):
        return None
    return Birth(info.st_dev, info.st_ino, feature.created_at)


def read_birth(folder: Path) -> Birth | None:
    """The birth that a state folder belongs to, None where nothing says so."""
    record = statedir.read_record(folder / _RECORD)
    return None if record is None else _birth_from(record)


def write_birth(folder: Path, birth: Birth) -> None:
    """Say to whom a state folder belongs. Raises OSError."""
    record = {"version": VERSION, "device": birth.device, "inode": birth.inode, "created_at": birth.created_at}
    statedir.write_durably(folder / _RECORD, statedir.json_bytes(record))


def _birth_from(record: Mapping[str, Any]) -> Birth | None:
    device, inode, created_at = record.get("device"), record.get("inode"), record.get("created_at")
    if not (isinstance(device, int) and isinstance(inode, int) and isinstance(created_at, str)):
        return None
    return Birth(device, inode, created_at)
