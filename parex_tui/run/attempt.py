"""One attempt: its directory, its state as the disk and the kernel tell it, and what parex made of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import process, statedir
from .records import VERSION, Launch, Started, exited_from, outcome_from, outcome_record, started_from
from .states import AttemptState, Lost, NeverRan, Outcome, Running, Starting


def is_held(lock: Path) -> bool:
    """Whether some process holds the lock on this file; a missing file is not held.

    Raises OSError where that cannot be told now, such as for want of a file descriptor.
    """
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class Attempt:
    """One run of one task: its directory and what it says. Safe to use from several threads."""

    __slots__ = ("_final", "_outcome", "_outcome_file", "_started", "dir", "launch")

    def __init__(self, directory: Path, launch: Launch) -> None:
        self.dir = directory
        self.launch = launch
        self._final: AttemptState | None = None
        self._started: Started | None = None
        self._outcome_file = directory / "outcome.json"
        self._outcome: tuple[tuple[int, int, int], Outcome | None] | None = None

    def __repr__(self) -> str:
        return f"Attempt({self.launch.feature}/{self.launch.seq}/{self.number})"

    @property
    def number(self) -> int:
        """Counted from 1 within the task."""
        return self.launch.number

    @property
    def output(self) -> Path:
        """Standard output of the agent, growing while it runs. May not exist yet."""
        return self.dir / "output"

    @property
    def stderr(self) -> Path:
        """Standard error of the agent, unless it goes to `output` too."""
        return self.dir / "stderr"

    @property
    def prompt(self) -> Path:
        """The prompt, as the agent was given it."""
        return self.dir / "prompt.md"

    @property
    def lock(self) -> Path:
        """Locked while the attempt is alive. Empty until somebody starts it."""
        return self.dir / "lock"

    @property
    def keeper_log(self) -> Path:
        """What the keeper itself had to complain about; normally empty or missing."""
        return self.dir / "keeper.log"

    def state(self) -> AttemptState:
        """What the disk and the kernel say now. An end is remembered: it cannot change any more.

        Where they cannot be asked, an attempt that has not been seen to end counts as alive.
        """
        while self._final is None:
            process.reap()
            try:
                found = self._look()
            except OSError:
                return self._alive()
            if found is not None:
                return found
        return self._final

    def _look(self) -> AttemptState | None:
        """One look; None where the attempt moved on meanwhile and another one is needed. Raises OSError.

        The order matters. What is on disk before the lock is found free was written by a keeper that is dead by now,
        and a verdict is read again after that, since it may have been the keeper's last deed.
        """
        if self._read_exit():
            return self._final
        there = self._read_started()
        used = self.was_used()
        if is_held(self.lock):
            return self._alive()
        if self._read_exit():
            return self._final
        if there:
            self._final = Lost(None if self._started is None else self._started.since)
        elif self._read_started():
            return None
        elif not used:
            return NeverRan()
        else:
            self._final = NeverRan()
        return self._final

    def _alive(self) -> AttemptState:
        known = self._started
        return Starting() if known is None else Running(known.since, known.keeper.pid, known.agent.pid)

    def _read_exit(self) -> bool:
        record = statedir.read_present(self.dir / "exit")
        verdict = None if record is None else exited_from(record)
        if verdict is not None:
            self._final = verdict
        return verdict is not None

    def _read_started(self) -> bool:
        """Whether there is a record of who runs it, damaged or not."""
        if self._started is None:
            record = statedir.read_present(self.dir / "started")
            if record is None:
                return False
            self._started = started_from(record)
        return True

    def started(self) -> Started | None:
        """Who runs it, or ran it; None before the agent was let go, and where the record cannot be read."""
        with contextlib.suppress(OSError):
            self._read_started()
        return self._started

    def stalled(self) -> float | None:
        """Since when the agent has neither written nor computed (seconds since the epoch), as its keeper says."""
        return self._sign("stalled")

    def suspended(self) -> float | None:
        """Since when the agent is stopped by a signal (seconds since the epoch), as its keeper says."""
        return self._sign("suspended")

    def _sign(self, name: str) -> float | None:
        try:
            since = (statedir.read_present(self.dir / name) or {}).get("since")
        except OSError:
            return None
        return float(since) if isinstance(since, int | float) else None

    def was_used(self) -> bool:
        """Whether somebody tried to start it, successfully or not: then nobody may again."""
        try:
            return self.lock.stat().st_size > 0
        except OSError:
            return False

    def _exists(self, name: str) -> bool:
        return os.access(self.dir / name, os.F_OK)

    # --- what parex makes of it ---

    def outcome(self) -> Outcome | None:
        """What it came to, or None while nobody has judged it."""
        try:
            found = os.stat(self._outcome_file)  # noqa: PTH116 - called for every attempt, many times a second
        except OSError:
            return None
        signature = (found.st_ino, found.st_mtime_ns, found.st_size)
        known = self._outcome
        if known is None or known[0] != signature:
            record = statedir.read_record(self._outcome_file)
            known = self._outcome = (signature, None if record is None else outcome_from(record))
        return known[1]

    def record_outcome(self, outcome: Outcome) -> None:
        """Write the outcome down, on disk when this returns. Raises OSError."""
        statedir.write_durably(self._outcome_file, statedir.json_bytes(outcome_record(outcome)))

    def applied(self) -> bool:
        """Whether the outcome was carried into the task file."""
        return self._exists("applied")

    def mark_applied(self) -> None:
        """Remember that the outcome was carried into the task file. Raises OSError."""
        if not self.applied():
            statedir.write_durably(self.dir / "applied", b"")

    def note(self, kind: str, data: Mapping[str, Any]) -> None:
        """Add a remark to the attempt's own journal. Raises OSError."""
        statedir.append_line(self.dir / "notes.jsonl", {"version": VERSION, "at": time.time(), "kind": kind, **data})

    def notes(self) -> tuple[dict[str, Any], ...]:
        """The remarks, oldest first."""
        return statedir.read_lines(self.dir / "notes.jsonl")
