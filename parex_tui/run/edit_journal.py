"""The journal of edits: every change of a task file by parex, in the project's state folder, shared by every parex.

One line a record, each with a checksum: a line that was cut off or damaged counts for nothing and spoils no other. The
records are folded into a `Ledger`. A journal that grew is written anew with what still matters: the edits that are
looked after, those that can be taken back, the conflicts nobody answered. Of the files that a person changed the bytes
before are kept beside it, the newest two hundred.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from . import statedir
from .edits import STEPS, Ledger, Record
from .statedir import StateError

VERSION: Final = 1

_LINES: Final = 2000  # the journal is not written anew before it has so many
_HEAD: Final = 64  # bytes of the first line that hold its random id
_PATIENCE: Final = 2.0  # seconds for another parex to write its line


class EditJournal:
    """The edits of one project. Safe to use from several threads and several processes.

    Reading creates nothing. Writing raises nothing: a record that the disk does not take is kept in memory, counts from
    then on, and is written with the next one; `trouble` says so in one line.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._dir = statedir.project_path(root) / "edits"
        self._path = self._dir / "edits.jsonl"
        self._guard = threading.RLock()
        self._unsaved: list[Record] = []
        self._forget()
        self._unread = ""
        self._unwritten = ""
        self.behind = ""
        """Why an edit that was written over is not made again yet, one line; set by who looks after them."""

    def _forget(self) -> None:
        self.ledger = Ledger()
        self._records: list[Record] = []
        self._file = (0, 0)  # inode and how far it was read
        self._head = b""
        self._rewrite_at = _LINES

    @property
    def trouble(self) -> str:
        """What is wrong just now with keeping and looking after edits, one line; "" where all is well."""
        return self._unwritten or self._unread or self.behind

    @property
    def version(self) -> int:
        """Changes whenever the ledger does."""
        return self.ledger.last

    def refresh(self) -> Ledger:
        """Take in what every parex has written since."""
        with self._guard:
            try:
                self._read()
                self._unread = ""
            except OSError as error:
                self._unread = f"the journal of edits cannot be read: {error.strerror or error}"
            return self.ledger

    def add(self, kind: str, record: Mapping[str, Any], at: float) -> int:
        """Write one record, durably; returns its number."""
        with self._guard:
            saved = 0
            try:
                with self._locked():
                    self._save()
                    self._read()
                    number = self.ledger.last + 1
                    self._append(_record(kind, number, at, record))
                    saved = number
                    self._unwritten = ""
                    self._read()
                    self._shorten(at)
            except (OSError, StateError) as error:
                reason = (error.strerror if isinstance(error, OSError) else str(error)) or error
                if saved:  # it is on the disk, and taken in with the next look
                    self._unread = f"the journal of edits cannot be read: {reason}"
                    return saved
                self._unwritten = f"the journal of edits cannot be written: {reason}"
                number = self.ledger.last + 1
                self._unsaved.append(_record(kind, number, at, record))
                self.ledger.fold(self._unsaved[-1])
            return number

    def _append(self, record: Record) -> None:
        """Write a line; the first one of a journal has a random id, which tells it from one that took its place."""
        if not self._file[1]:
            record = {"journal": secrets.token_hex(16), **record}
        statedir.append_line(self._path, _sealed(record))

    def keep_copy(self, content: bytes) -> None:
        """Keep a file's bytes for undo. Where they cannot be kept, undo works by fields."""
        folder = self._dir / "copies"
        path = folder / hashlib.sha256(content).hexdigest()
        with contextlib.suppress(OSError, StateError):
            self._make_folders()
            statedir.make_private(folder)
            if path.exists():
                os.utime(path)
            else:
                statedir.write_durably(path, content)
            names = [entry.path for entry in os.scandir(folder)]
            if len(names) > STEPS + STEPS // 4:
                for name in sorted(names, key=_age)[:-STEPS]:
                    Path(name).unlink(missing_ok=True)

    def copy(self, digest: str) -> bytes | None:
        """The bytes with that digest, where they are kept and sound."""
        if len(digest) != 64 or not digest.isalnum():
            return None
        try:
            content = (self._dir / "copies" / digest).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == digest else None

    def _make_folders(self) -> None:
        if not self._dir.is_dir():
            statedir.project_dir(self._root)
            statedir.make_private(self._dir)
            statedir.sync_folder(self._dir.parent)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One parex at a time. Raises OSError where another one does not finish."""
        self._make_folders()
        fd = os.open(self._dir / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise
                time.sleep(0.002)
            yield
        finally:
            os.close(fd)

    def _read(self) -> None:
        inode, done = self._file
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            if inode:
                self._start_over()
            return
        try:
            found = os.fstat(fd)
            head = os.pread(fd, _HEAD, 0)
            if found.st_ino != inode or found.st_size < done or not head.startswith(self._head):
                self._start_over()
                done = 0
            self._head = head
            if found.st_size > done:
                data = os.pread(fd, found.st_size - done, done)
                self._file = (found.st_ino, done + self._take_in(data))
        finally:
            os.close(fd)

    def _start_over(self) -> None:
        """Another parex wrote the journal anew, or somebody deleted it."""
        self._forget()
        for record in self._unsaved:
            self.ledger.fold(record)

    def _take_in(self, data: bytes) -> int:
        """Fold the lines; returns how many bytes are done with: all but a line that is being written."""
        done = len(data)
        bad: list[bytes] = []
        lines = data.split(b"\n")
        for index, line in enumerate(lines):
            if not line.strip(b" \r\0"):
                continue
            record = _opened(line)
            if record is not None:
                self.ledger.fold(record)
                self._records.append(record)
                if record["kind"] == "last":  # the end of what was kept when it was written anew
                    self._rewrite_at = max(_LINES, 2 * len(self._records))
            elif index == len(lines) - 1:
                done -= len(line)
            else:
                bad.append(line)
        if bad:
            self._keep_aside(bad)
        return done

    def _keep_aside(self, bad: list[bytes]) -> None:
        path = self._path.with_name(self._path.name + ".bad")
        with contextlib.suppress(OSError):  # the good lines matter more than the copy of the bad ones
            known = path.read_bytes().split(b"\n") if path.exists() else []
            new = [line for line in bad if line not in known]
            if new:
                statedir.write_durably(path, b"\n".join([*known, *new]).lstrip(b"\n")[-1024 * 1024 :])

    def _save(self) -> None:
        """Write what was only in memory, numbered anew behind what others wrote meanwhile."""
        if not self._unsaved:
            return
        waiting, self._unsaved = self._unsaved, []
        self._forget()
        numbers: dict[int, int] = {}
        saved = 0
        try:
            self._read()
            for record in waiting:
                moved = _renumbered(record, self.ledger.last + 1, numbers)
                self._append(moved)
                saved += 1
                self._read()
        except OSError:
            first = self.ledger.last + 1
            self._unsaved = [_renumbered(one, number, numbers) for number, one in enumerate(waiting[saved:], first)]
            for record in self._unsaved:
                self.ledger.fold(record)
            raise

    def _shorten(self, now: float) -> None:
        """Write it anew where it grew. What hinders that is no trouble: every record is there."""
        if len(self._records) < self._rewrite_at:
            return
        kept = self.ledger.what_matters(self._records, now)
        kept.append(_record("last", self.ledger.last, now, {}))
        kept[0] = {"journal": secrets.token_hex(16), **{key: kept[0][key] for key in kept[0] if key != "journal"}}
        try:
            statedir.write_durably(self._path, b"".join(statedir.json_bytes(_sealed(record)) for record in kept))
        except OSError:
            self._rewrite_at = len(self._records) + _LINES // 4
            return
        self._forget()
        self._read()


def _renumbered(record: Record, number: int, numbers: dict[int, int]) -> Record:
    """The record under a new number, pointing at the new numbers of others; `numbers` learns of it."""
    about = {key: numbers.get(record[key], record[key]) for key in ("edit", "undoes") if key in record}
    numbers[record["number"]] = number
    return record | about | {"number": number}


def _age(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0


def _record(kind: str, number: int, at: float, record: Mapping[str, Any]) -> Record:
    return {"version": VERSION, "kind": kind, "number": number, "at": at, **record}


def _sealed(record: Record) -> Record:
    record = {key: value for key, value in record.items() if key != "check"}
    return {**record, "check": zlib.crc32(statedir.json_bytes(record))}


def _opened(line: bytes) -> Record | None:
    """The record of a line; None where it is not the line that was written."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict):
            return None
        if record.pop("check", None) != zlib.crc32(statedir.json_bytes(record)):
            return None
        return record if isinstance(record.get("number"), int) and isinstance(record.get("kind"), str) else None
    except (ValueError, RecursionError):
        return None
