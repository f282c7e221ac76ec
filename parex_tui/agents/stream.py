"""Following an agent's output file while it grows, and reading it to its end.

The agent writes the file itself; nothing here can slow it down or break it. Memory stays bounded whatever is written:
a line without an end, a gigabyte of text. A hole, such as a keeper makes in a log that grows too large, is passed over
and never read as zeros. What is left out is always said, as a `Line`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from parex_tui.tasks.text import clean

from .driver import Parser
from .events import Began, Ended, Event, Line, Trouble, Usage

LINE_BYTES: Final = 64 * 1024
"""The longest plain line that is read; the rest of it is passed over."""

JSON_LINE_BYTES: Final = 1024 * 1024
"""The same for a line that begins with `{`: agents print whole files as one event."""

POLL_BYTES: Final = 256 * 1024
BACKLOG_BYTES: Final = 4 * 1024 * 1024
HEAD_BYTES: Final = 64 * 1024
READ_LIMIT: Final = 64 * 1024 * 1024

_CHUNK: Final = 256 * 1024
_EXTENTS: Final = 1_000
NOTICE: Final = "… "
"""How a `Line` begins that parex put into the stream itself."""


def _notice(text: str) -> Line:
    return Line(text=NOTICE + clean(text))


def _bytes(count: int) -> str:
    """`12.3 MB`, `4 KB`, `17 bytes`."""
    if count >= 1_000_000:
        return f"{count / 1_000_000:.1f} MB"
    return f"{count // 1000} KB" if count >= 1000 else f"{count} bytes"


class _Lines:
    """Bytes in, events out: splits into lines, decodes, and hands them to the parser."""

    def __init__(self, parser: Parser, *, stderr: bool) -> None:
        self._feed = parser.feed_stderr if stderr else parser.feed
        self._carry = bytearray()
        self._passing = False  # over the rest of a line that was cut, or entered in its middle
        self._hole = 0  # NUL bytes in a row where a line should begin: a part of the file that was given back

    def feed(self, data: bytes) -> list[Event]:
        """Events of every line that `data` completes."""
        events: list[Event] = []
        start = 0
        while True:
            end = data.find(b"\n", start)
            if end < 0:
                break
            if self._passing:
                self._passing = False
            elif self._carry:
                self._take(data[start:end], events)
                if not self._passing:
                    self._whole(bytes(self._carry), events)
                self._carry.clear()
                self._passing = False
            else:
                self._whole(data[start:end], events)
            start = end + 1
        if not self._passing:
            self._take(data[start:], events)
        return events

    def finish(self) -> list[Event]:
        """The last line, which has no line break yet."""
        events: list[Event] = []
        if self._carry and not self._passing:
            self._whole(bytes(self._carry), events)
        self._carry.clear()
        self._fill(events)
        return events

    def jump(self, skipped: int, missing: int) -> list[Event]:
        """What comes next is `skipped` bytes further on, perhaps in the middle of a line: pass over the rest of it.

        `missing` of them are in holes.
        """
        self._carry.clear()
        self._passing = True
        self._hole += missing
        events: list[Event] = []
        self._fill(events)
        if skipped > missing:
            events.append(_notice(f"{_bytes(skipped - missing)} of output not shown here; the output file has them"))
        return events

    def hole(self, size: int) -> list[Event]:
        """So many bytes are not in the file. What was read of a line ends before them; another begins after them."""
        events: list[Event] = []
        if self._carry and not self._passing:
            kept = bytes(self._carry).rstrip(b"\0")  # a hole is made of whole blocks, zeros fill up the rest
            size += len(self._carry) - len(kept)
            self._whole(kept, events)
        self._carry.clear()
        self._passing = False
        self._hole += size
        return events

    def restart(self) -> None:
        """What comes next is the start of another file."""
        self._carry.clear()
        self._passing = False
        self._hole = 0

    def _take(self, data: bytes, events: list[Event]) -> None:
        """Add to the line that has no end yet, and cut it where it grows too long."""
        if not self._carry:
            kept = data.lstrip(b"\0")
            self._hole += len(data) - len(kept)
            data = kept
        self._carry += data
        if len(self._carry) > self._limit(self._carry):
            self._whole(bytes(self._carry), events)
            self._carry.clear()
            self._passing = True

    def _whole(self, raw: bytes, events: list[Event]) -> None:
        if raw[:1] == b"\0":
            kept = raw.lstrip(b"\0")
            self._hole += len(raw) - len(kept)
            raw = kept
        self._fill(events)
        limit = self._limit(raw)
        cut = len(raw) > limit
        text = raw[:limit].decode("utf-8", "replace").rstrip("\r")
        # A progress bar draws over itself: what a terminal would show is the text after the last return.
        events += self._feed(text.rpartition("\r")[2])
        if cut:
            events.append(_notice(f"the line above is cut: it is longer than {_bytes(limit)}"))

    def _fill(self, events: list[Event]) -> None:
        if self._hole:
            events.append(_notice(f"{_bytes(self._hole)} left out here: they are no longer in the file"))
            self._hole = 0

    @staticmethod
    def _limit(raw: bytes | bytearray) -> int:
        return JSON_LINE_BYTES if raw[:1] == b"{" else LINE_BYTES


class Tail:
    """Follows one output file. Not thread-safe; cheap enough for every frame when nothing was written."""

    def __init__(self, path: Path, parser: Parser, stderr: bool = False, backlog: int = BACKLOG_BYTES) -> None:
        """`backlog`: how many unread bytes may pile up before the middle of them is skipped."""
        self.path = path
        self.skipped = 0
        """Bytes that were never read, because more was written than could be shown."""
        self._lines = _Lines(parser, stderr=stderr)
        self._backlog = backlog
        self._offset = 0
        self._size = 0
        self._file: tuple[int, int] | None = None
        self._said = ""

    @property
    def offset(self) -> int:
        """How far the file has been read or skipped, in bytes."""
        return self._offset

    @property
    def behind(self) -> int:
        """Bytes that the last poll saw and left for the next one."""
        return max(0, self._size - self._offset)

    def poll(self, max_bytes: int = POLL_BYTES) -> list[Event]:
        """Events of what was written since the last poll, from at most about `max_bytes` of it. Never raises OSError.

        A file that is not there yet gives nothing. One that was replaced or cut short is read from its start again.
        """
        try:
            now = self.path.stat()
            if self._file == (now.st_dev, now.st_ino) and now.st_size == self._offset:
                self._size = now.st_size
                return []
            with _opened(self.path) as (descriptor, size, file):
                self._said = ""
                return self._read(descriptor, size, file, max_bytes)
        except FileNotFoundError:
            return [] if self._file is None else self._once("the output file is gone")
        except OSError as error:
            return self._once(f"the output file cannot be read: {error.strerror or error}")

    def finish(self) -> list[Event]:
        """Everything that is left, with the last line even where it has no line break. For a process that has ended."""
        events = self.poll()
        before = -1
        while self.behind and self._offset != before:
            before = self._offset
            events += self.poll()
        return events + self._lines.finish()

    def _read(self, descriptor: int, size: int, file: tuple[int, int], max_bytes: int) -> list[Event]:
        events: list[Event] = []
        if self._file is not None and (file != self._file or size < self._offset):
            what = "replaced" if file != self._file else "cut short"
            events.append(_notice(f"the output file was {what}; it is read again from its start"))
            self._lines.restart()
            self._offset = 0
        self._file, self._size = file, size
        if size - self._offset > max(self._backlog, max_bytes):
            if self._offset == 0:  # the first lines say which session and model it is
                events += self._forward(descriptor, min(HEAD_BYTES, max_bytes))
            # One byte early: where it is a line break, the line after it is whole.
            target = size - max_bytes - 1
            if target > self._offset:  # else it was a hole, and is behind us
                self.skipped += target - self._offset
                events += self._lines.jump(target - self._offset, _missing(descriptor, self._offset, target))
                self._offset = target
            max_bytes += 1
        return events + self._forward(descriptor, max_bytes)

    def _forward(self, descriptor: int, count: int) -> list[Event]:
        events: list[Event] = []
        while count > 0 and self._offset < self._size:
            start, data = _piece(descriptor, self._offset, min(count, self._size - self._offset), self._size)
            if start > self._offset:
                events += self._lines.hole(start - self._offset)
            elif not data:
                break
            self._offset = start + len(data)
            count -= len(data)
            events += self._lines.feed(data)
        return events

    def _once(self, text: str) -> list[Event]:
        """Say it when it begins, not again with every poll."""
        if self._said == text:
            return []
        self._said = text
        return [_notice(text)]


class _Kept:
    """Events of a whole stream in bounded memory: the first, the newest, and of the others what a verdict needs."""

    _FIRST: Final = 1_000
    _LAST: Final = 20_000
    _TELLING: Final = 200

    def __init__(self) -> None:
        self._first: list[Event] = []
        self._telling: deque[Event] = deque(maxlen=self._TELLING)
        self._last: deque[Event] = deque()
        self._usage = Usage()
        self._dropped = 0

    def add(self, events: list[Event]) -> None:
        for event in events:
            if len(self._first) < self._FIRST:
                self._first.append(event)
                continue
            self._last.append(event)
            if len(self._last) > self._LAST:
                self._drop(self._last.popleft())

    def all(self) -> list[Event]:
        middle: list[Event] = []
        if self._dropped:
            middle = [_notice(f"{self._dropped} events left out here"), *self._telling]
        if self._usage != Usage():
            middle.append(self._usage)
        return [*self._first, *middle, *self._last]

    def _drop(self, event: Event) -> None:
        match event:
            case Usage():
                costs = [cost for cost in (self._usage.cost, event.cost) if cost is not None]
                self._usage = Usage(
                    input_tokens=self._usage.input_tokens + event.input_tokens,
                    output_tokens=self._usage.output_tokens + event.output_tokens,
                    cached_tokens=self._usage.cached_tokens + event.cached_tokens,
                    cost=sum(costs) if costs else None,
                )
            case Began() | Ended() | Trouble(fatal=True):
                self._telling.append(event)
            case _:
                self._dropped += 1


def read_all(path: Path, parser: Parser, limit: int = READ_LIMIT, *, stderr: bool = False) -> list[Event]:
    """The whole stream of an attempt that has ended, for judging it. Empty where there is no file.

    At most `limit` bytes are read: of a longer file its first quarter of that and the rest from its end, so that the
    last word is always seen. Of very many events the first and the newest are kept, with every sum of tokens and cost.
    Raises OSError where the file exists and cannot be read.
    """
    lines = _Lines(parser, stderr=stderr)
    kept = _Kept()
    try:
        with _opened(path) as (descriptor, size, _):
            windows = [(0, size)]
            if size > limit:
                head = limit // 4
                windows = [(0, head), (size - (limit - head) - 1, size)]
            position = 0
            for start, stop in windows:
                if start > position:
                    kept.add(lines.jump(start - position, _missing(descriptor, position, start)))
                    position = start
                while position < stop:
                    found, data = _piece(descriptor, position, min(_CHUNK, stop - position), size)
                    if found > position:
                        kept.add(lines.hole(found - position))
                    elif not data:
                        break
                    position = found + len(data)
                    kept.add(lines.feed(data))
    except FileNotFoundError:
        return []
    kept.add(lines.finish())
    return kept.all()


def data_from(descriptor: int, offset: int, size: int) -> tuple[int, int]:
    """Where the next bytes of a file of `size` lie that are no hole: start and stop, both `size` where there are none.

    Where the file system does not tell, everything is data.
    """
    if offset >= size:
        return size, size
    try:
        start = os.lseek(descriptor, offset, os.SEEK_DATA)
        stop = os.lseek(descriptor, start, os.SEEK_HOLE)
    except OSError as error:
        return (size, size) if error.errno == errno.ENXIO else (offset, size)
    return min(start, size), min(stop, size)


def _piece(descriptor: int, offset: int, count: int, size: int) -> tuple[int, bytes]:
    """The next bytes that are no hole, at most `count`, and where they begin; none at `size` where only a hole is left.

    A keeper may be making a hole right here: bytes count only if they still are there after they were read.
    """
    while True:
        start, stop = data_from(descriptor, offset, size)
        data = os.pread(descriptor, min(count, stop - start), start)
        again, end = data_from(descriptor, start, size)
        if not data or (again == start and end >= start + len(data)):
            return start, data


def _missing(descriptor: int, start: int, stop: int) -> int:
    """How many bytes between are in holes."""
    missing = 0
    for _ in range(_EXTENTS):  # of a file that is all holes, not every one is counted
        if start >= stop:
            break
        data, end = data_from(descriptor, start, stop)
        missing += data - start
        start = end
    return missing


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Descriptor, size and identity of a regular file; anything else is an OSError, and never blocks."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is not a regular file")
        yield descriptor, found.st_size, (found.st_dev, found.st_ino)
    finally:
        os.close(descriptor)
