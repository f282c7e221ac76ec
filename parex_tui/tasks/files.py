"""Reading the bytes of a task file: never blocking, never a device, never more than the limit."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from .scan import SIZE_LIMIT
from .text import clean

_BUSY_TRIES: Final = 20
_BUSY_SECONDS: Final = 0.001
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class UnreadableError(Exception):
    """The file cannot be read. `code` is stable, `missing` says that nothing is there; one line."""

    def __init__(self, code: str, message: str, remedy: str = "", *, missing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy
        self.missing = missing


class Signature(NamedTuple):
    """What tells that a file may have changed; times in nanoseconds since the epoch."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes and its signature while they were read."""

    data: bytes
    signature: Signature

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def signature_of(info: os.stat_result) -> Signature:
    """The signature in a stat result."""
    return Signature(info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


def check_regular(info: os.stat_result) -> None:
    """Accept a regular file of a size that is read.

    Raises:
        UnreadableError: it is something else, or too large.
    """
    for is_kind, name in _KINDS:
        if is_kind(info.st_mode):
            raise UnreadableError("file.kind", f"{name} has a task file's name", "remove it or rename it")
    if info.st_size > SIZE_LIMIT:
        message = f"too large to be a task file: {info.st_size:,} bytes, the limit is {SIZE_LIMIT:,}"
        raise UnreadableError("json.too_large", message, "move what is not part of the task to a file of its own")


def read(path: str | Path, *, sleep: Callable[[float], None] = time.sleep) -> Content:
    """The bytes of a regular file.

    A file that another parex writes at this moment cannot be opened for some microseconds: it is tried again for
    20 ms. `sleep` is called with seconds.

    Raises:
        UnreadableError: nothing there, not a regular file, too large, not allowed, or still busy.
    """
    try:
        descriptor = _open(path, sleep)
    except (OSError, ValueError) as error:
        raise unreadable(error) from None
    try:
        info = os.fstat(descriptor)
        check_regular(info)
        data = read_all(descriptor, info.st_size)
    except OSError as error:
        raise unreadable(error) from None
    finally:
        os.close(descriptor)
    return Content(data, signature_of(info))


def _open(path: str | Path, sleep: Callable[[float], None]) -> int:
    for attempt in range(_BUSY_TRIES):
        try:
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except BlockingIOError:
            if attempt + 1 == _BUSY_TRIES:
                raise
            sleep(_BUSY_SECONDS)
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def read_all(descriptor: int, expected: int) -> bytes:
    """A file's bytes from its start, at most one more than the limit. `expected`: how many there should be."""
    data = os.pread(descriptor, expected + 1, 0)
    if len(data) <= expected:
        return data  # a short read of a regular file has met its end
    parts = [data]
    size = len(data)
    while size <= SIZE_LIMIT and (part := os.pread(descriptor, SIZE_LIMIT + 1 - size, size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def unreadable(error: OSError | ValueError) -> UnreadableError:
    """The system's refusal as one line."""
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        if error.errno == errno.ELOOP:
            return UnreadableError("file.unreadable", "a loop of symbolic links", "remove the link")
        if error.errno == errno.ENXIO:
            return UnreadableError("file.kind", "a socket or device has a task file's name", "remove it or rename it")
        if error.errno == errno.EAGAIN:
            return UnreadableError("file.busy", "another program holds the file", "it is tried again")
        code = "file.missing" if missing else "file.unreadable"
        remedy = "" if missing else "check its owner and permissions"
        return UnreadableError(code, clean(f"cannot be read: {reason}"), remedy, missing=missing)
    return UnreadableError("file.unreadable", "cannot be read: its name is not one the system accepts", "rename it")
