"""Keeping an agent's output small on disk while the agent goes on writing it. Standard library only.

Of a log that grows above its cap the head and the tail are kept, and what lies between is given back to the file
system as a hole. The agent appends and does not notice; sizes and offsets stay, so whoever reads along neither loses
its place nor reads anything twice. Cut is at line breaks where there are any.

Where the file system can make no holes the log grows on: a paid run is not ended for that, and no output is thrown
away unasked. It is said once, in the keeper's log, and by `parex doctor` beforehand.
"""

from __future__ import annotations

import errno
import os
import stat

from parex_tui.run.tree import LINUX

if LINUX:
    import ctypes

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_WINDOW = 64 * 1024
_REACH = 1024 * 1024  # bytes within which a line break is looked for; no event that is read is longer
_SOONEST = 0.01


def punch(fd: int, start: int, stop: int) -> None:
    """Give the bytes from `start` to `stop` back. Raises OSError where the system or the file system cannot."""
    if not LINUX:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    libc = ctypes.CDLL(None, use_errno=True)
    offset, length = ctypes.c_longlong(start), ctypes.c_longlong(stop - start)
    if libc.fallocate(fd, _KEEP_SIZE | _PUNCH_HOLE, offset, length) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class CappedLog:
    """One output file, of which at most about `cap` bytes shall lie on disk; 0 is no cap.

    Half of that is freed at once, so that it is seldom done: a quarter is the head, the newest quarter stays behind
    it. A flood that breaks out of silence can be above the cap until the next look, a second later at most, and one
    that outruns the disk while it is cut. The file is opened below a folder, never through a link, and cut only where
    no other name leads to it: what an agent put in the log's place is left alone.
    """

    def __init__(self, folder: int, name: str, cap: int) -> None:
        self.size = 0
        """Bytes that were written so far."""
        self.trouble = ""
        """Why it cannot be kept small, in one line; "" while it can."""
        self._folder, self._name, self._cap = folder, name, cap
        self._fd = -1
        self._head = 0  # where the hole begins, once there is one
        self._written = 0
        self._looked = 0.0
        self._pause = _SOONEST

    def look(self, now: float) -> float:
        """See how large it is, and cut it. Returns the seconds until it should be looked at again. Never raises."""
        try:
            if self._fd < 0:
                flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                self._fd = os.open(self._name, flags, dir_fd=self._folder)
            found = os.fstat(self._fd)
        except OSError:
            return self._later()  # not there yet, or short of something
        self.size = found.st_size
        used = found.st_blocks * 512
        if not self._cap or self.trouble:
            return 1.0
        if used > self._cap and stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
            try:
                self._cut(found.st_size)
                used = os.fstat(self._fd).st_blocks * 512
            except OSError as error:
                self.trouble = f"{self._name} grows above its cap of {self._cap >> 20} MiB: {error.strerror}"
                return 1.0
        written = found.st_size - self._written
        pace = written / max(now - self._looked, 1e-6)
        self._written, self._looked = found.st_size, now
        later = self._later()
        # Four times as fast as just now it may become meanwhile, and is then still looked at before it is too large.
        return min(later, max(_SOONEST, (self._cap - used) / (4 * pace))) if pace > 0 else later

    def _later(self) -> float:
        """At its beginning it is looked at often: how fast it grows is not known yet."""
        self._pause = min(1.0, self._pause * 1.5)
        return self._pause

    def _cut(self, size: int) -> None:
        quarter = self._cap // 4
        if not 0 < self._head <= size:
            self._head = self._after_break(quarter, quarter + _REACH)
        start = self._after_break(size - quarter, size)
        if start > self._head:
            punch(self._fd, self._head, start)

    def _after_break(self, start: int, stop: int) -> int:
        """Where the first line after `start` begins; `start` itself where none does before `stop` or within reach."""
        position, stop = start - 1, min(stop, start + _REACH)
        while position < stop:
            data = os.pread(self._fd, _WINDOW, position)
            end = data.find(b"\n")
            if end >= 0:
                return position + end + 1
            if not data:
                break
            position += len(data)
        return start
