"""Who may run a feature: a lock that the kernel frees with its process, and beside it a record of who has it.

The record is only for people and for whoever takes over; the lock is what counts.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from parex_tui.tasks.text import clean

from . import statedir
from .attempt import is_held
from .records import VERSION
from .snapshot import Holder

LOCK: Final = "engine.lock"
RECORD: Final = "engine.json"
LOG: Final = "engine.log"
"""What an engine that runs without a screen, and without a terminal, has to say."""

_PATIENCE: Final = 0.5  # seconds; whoever only looks whether the lock is held, holds it for microseconds


class FeatureLock:
    """The right to run a feature, held until released or until this process ends, however it ends."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    def release(self) -> None:
        """Let another engine have the feature. Twice does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> FeatureLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def take_lock(folder: Path) -> FeatureLock | None:
    """The right to run the feature of that folder, or None where another engine has it. Raises OSError."""
    fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if _claim(fd):
            return FeatureLock(fd)
    except OSError:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _claim(fd: int) -> bool:
    """Whether the lock was had. Only an engine keeps it from us: those who look share it, and are gone at once."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(fd, fcntl.LOCK_UN)
        if time.monotonic() > until:
            return False
        time.sleep(0.001)


def is_locked(folder: Path) -> bool:
    """Whether an engine has the feature of that folder; cheap. Where that cannot be told now, yes."""
    try:
        return is_held(folder / LOCK)
    except OSError:
        return True


def me() -> str:
    """What names this process among those that may share a state folder."""
    return f"{os.getpid()}@{socket.gethostname()}"


def write_holder(folder: Path, record: Mapping[str, Any]) -> None:
    """Say that this process has the lock; `record` are `Holder`'s other fields. Raises OSError."""
    mine = {"version": VERSION, "pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    statedir.write_durably(folder / RECORD, statedir.json_bytes({**mine, **record}))


def read_holder(folder: Path) -> Holder | None:
    """Who said last that it has the lock; None where nobody ever did, or the record is damaged."""
    record = statedir.read_record(folder / RECORD) or {}
    pid, host, since = record.get("pid"), record.get("host"), record.get("since")
    if not (isinstance(pid, int) and isinstance(host, str) and isinstance(since, int | float)):
        return None
    retried = record.get("retried")
    return Holder(
        pid=pid,
        host=clean(host, 100),
        since=since,
        screen=record.get("screen") is not False,
        going=record.get("going") is True,
        paused=record.get("paused") is True,
        left=record.get("left") is True,
        driver=clean(str(record.get("driver") or ""), 60),
        heir=clean(str(record.get("heir") or ""), 200),
        retried={
            str(seq): count for seq, count in retried.items() if isinstance(count, int) and not isinstance(count, bool)
        }
        if isinstance(retried, dict)
        else {},
    )
