"""Writing a file's new content in place, so that it is valid at every moment and no other writer's change is lost.

In place, not by rename: the file's mode, owner, hard links and links to it stay, and a writer that holds it open does
not go on writing into a file that nobody sees any more.

On Linux a write lease makes comparing and writing one step: it is granted only while nobody else has the file open, and
whoever opens it meanwhile waits for the microseconds that it takes. Elsewhere (macOS, network file systems, files of
other users) the content is compared right before the write; what another program writes within these microseconds is
noticed afterwards, not prevented.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final

from .files import read_all

_LEASES: Final = sys.platform == "linux" and hasattr(fcntl, "F_SETLEASE")


class Lease(Enum):
    """What the kernel said to a wish for a write lease."""

    HELD = "held"
    BUSY = "busy"  # another program has the file open just now
    NONE = "none"  # not on this system, this file system or this file


class Written(Enum):
    """How an attempt to write ended."""

    DONE = "done"
    CHANGED = "changed"  # the file is no longer what the new content was made from
    BUSY = "busy"


def replace_content(descriptor: int, path: str, old: bytes, new: bytes, *, need_lease: bool) -> Written:
    """Turn the open file at `path` from `old` into `new`, only if it still is `old`.

    `need_lease`: give up with BUSY rather than write while another program has the file open.

    Raises:
        OSError: the system refused (no space, an I/O error); the file then holds `old`.
    """
    with _lease(descriptor) as lease:
        if lease is Lease.BUSY and need_lease:
            return Written.BUSY
        if read_all(descriptor, len(old)) != old or not is_at(descriptor, path):
            return Written.CHANGED
        _overwrite(descriptor, old, new)
        if lease is not Lease.HELD and read_all(descriptor, len(new)) != new:
            return Written.CHANGED
    # A lease does not stop a rename over the file: then ours went into the replaced file and is to be made again.
    return Written.DONE if is_at(descriptor, path) else Written.CHANGED


def is_at(descriptor: int, path: str) -> bool:
    """Whether `path` still names the open file."""
    try:
        named = os.lstat(path)
    except OSError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def probe_lease(path: str) -> Lease:
    """What guards edits of a file like this one; for telling the user which protection they have."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        with _lease(descriptor) as lease:
            return lease
    finally:
        os.close(descriptor)


@contextmanager
def _lease(descriptor: int) -> Iterator[Lease]:
    """A write lease while the context lasts. A stopped holder would make others wait for long: no Ctrl-Z inside."""
    if not _LEASES:
        yield Lease.NONE
        return
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    try:
        yield _take(descriptor)
    finally:
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _take(descriptor: int) -> Lease:
    try:
        # Whoever opens the file makes the kernel signal the holder; SIGIO, the default, would kill it, SIGURG does not.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return Lease.BUSY if error.errno == errno.EAGAIN else Lease.NONE
    return Lease.HELD


def _overwrite(descriptor: int, old: bytes, new: bytes) -> None:
    """Write what differs. At every moment the file is `old` or `new`, followed by nothing but line breaks.

    A longer content first gets its room, as line breaks after the end: a full disk shows there, where it does no harm.
    """
    start = _common_start(old, new)
    if len(new) > len(old):
        try:
            _write(descriptor, b"\n" * (len(new) - len(old)), len(old))
        except OSError:
            os.ftruncate(descriptor, len(old))
            raise
    padding = b"\n" * max(0, len(old) - len(new))
    try:
        _write(descriptor, new[start:] + padding, start)
    except OSError:
        with suppress(OSError):
            _write(descriptor, old[start:], start)
            os.ftruncate(descriptor, len(old))
        raise
    if padding:
        os.ftruncate(descriptor, len(new))


def _common_start(left: bytes, right: bytes) -> int:
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _write(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written
