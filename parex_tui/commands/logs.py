"""`parex logs`: what an agent printed, while it runs and long after. Reading only: it never touches the agent."""

from __future__ import annotations

import json
import os
import select
import stat
import sys
import time
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

from parex_tui.agents.events import Event, Line
from parex_tui.agents.jsonl import PlainParser
from parex_tui.agents.secrets import Masker
from parex_tui.agents.stream import BACKLOG_BYTES, Tail, data_from
from parex_tui.cli import FAILED, FINE, NEEDS_REVIEW, UsageError
from parex_tui.report.attempts_json import mask_values
from parex_tui.report.attempts_text import state_words
from parex_tui.report.logs_text import LogLines
from parex_tui.report.run_text import notice_json
from parex_tui.run.attempt import Attempt
from parex_tui.run.attempt_facts import facts_of
from parex_tui.run.feature_records import FeatureRecord
from parex_tui.run.notices import AgentDid, AttemptEnds, Notice
from parex_tui.run.states import Exited, Running, Starting, Verdict
from parex_tui.tasks.text import clean

from .common import find, say, warn
from .recorded import Records, attempt_of, wanted

QUICK: Final = 0.1
SLOW: Final = 0.5
"""Seconds between two looks while the output grows, and while it does not."""

JUDGED_WITHIN: Final = 10.0
"""Seconds that a parex which runs the feature is given to judge an attempt that has ended."""

_CHUNK: Final = 1024 * 1024


class _View(Protocol):
    """Prints an output file as it grows."""

    @property
    def offset(self) -> int:
        """How far it has come, in bytes."""

    def poll(self) -> bool:
        """Print a piece of what is new; False where there was nothing."""

    def finish(self) -> None:
        """Print what is left, also a last line without its end."""


def logs(options: Namespace) -> int:
    """Print it, and with -f follow it to the attempt's end. Then the exit code is the attempt's."""
    if options.view == "raw" and sys.stdout.isatty() and not options.force:
        raise UsageError("--raw prints bytes that a terminal acts on: write them to a file or a pipe, or add --force")
    records = Records(find(options))
    record = records.named(options.feature)
    attempt = attempt_of(record, wanted(record, options.task, options.attempt))
    mask = records.mask(attempt)
    view = _view_of(options, records, attempt, mask)
    if options.follow:
        _follow(view, attempt)
        _hint(options, attempt)
        return _end(record, records, attempt, mask, as_json=options.view == "json")
    there = _size(attempt.stderr if options.stderr else attempt.output)
    while view.poll() and view.offset < there:  # what is written meanwhile would never end
        pass
    view.finish()
    _hint(options, attempt)
    return FINE


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _view_of(options: Namespace, records: Records, attempt: Attempt, mask: Masker) -> _View:
    path = attempt.stderr if options.stderr else attempt.output
    last: int | None = None if options.lines in (None, sys.maxsize) else options.lines
    if options.view == "raw":
        return _Bytes(path, last)
    parser = PlainParser() if options.view == "text" else records.parser_for(attempt.launch.driver)
    backlog = sys.maxsize if options.lines == sys.maxsize else BACKLOG_BYTES
    tail = Tail(path, parser, stderr=options.stderr, backlog=backlog)
    if options.view == "events":
        started = attempt.started()
        words = LogLines(attempt.launch.created if started is None else started.since, mask.text)
        return _Lines(tail, words.line, words.rest, last)
    if options.view == "json":
        return _Lines(tail, lambda event: _json(AgentDid(attempt.launch.seq, attempt.number, event), mask), tuple, last)
    return _Lines(tail, lambda event: mask.text(event.text) if isinstance(event, Line) else None, tuple, last)


def _json(notice: Notice, mask: Masker) -> str:
    return json.dumps(mask_values(notice_json(notice), mask), ensure_ascii=False)


class _Lines:
    """A view of events. With `last` only so many of the lines that are there at first."""

    def __init__(
        self,
        tail: Tail,
        line: Callable[[Event], str | None],
        rest: Callable[[], Iterable[str]],
        last: int | None,
    ) -> None:
        self._tail = tail
        self._line = line
        self._rest = rest
        self._held: deque[str] | None = None if last is None else deque(maxlen=last)

    @property
    def offset(self) -> int:
        return self._tail.offset

    def poll(self) -> bool:
        before = self._tail.offset
        self._print(self._tail.poll())
        if self._tail.behind:
            return self._tail.offset != before
        self._release()
        return self._tail.offset != before

    def finish(self) -> None:
        self._print(self._tail.finish())
        for line in self._rest():
            self._put(line)
        self._release()

    def _print(self, events: Iterable[Event]) -> None:
        for event in events:
            line = self._line(event)
            if line is not None:
                self._put(line)

    def _put(self, line: str) -> None:
        if self._held is None:
            sys.stdout.write(f"{line}\n")
        else:
            self._held.append(line)

    def _release(self) -> None:
        held, self._held = self._held, None
        for line in held or ():
            self._put(line)
        sys.stdout.flush()


class _Bytes:
    """A view of the bytes as they are."""

    def __init__(self, path: Path, last: int | None) -> None:
        self._path = path
        self._last = last
        self._offset = 0
        self._file: tuple[int, int] | None = None

    @property
    def offset(self) -> int:
        return self._offset

    def poll(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise UsageError(f"{clean(str(self._path))} is not a regular file")
            file = (found.st_dev, found.st_ino)
            if self._file is None and self._last is not None:
                self._offset = _start_of_last(descriptor, found.st_size, self._last)
            elif self._file is not None and (file != self._file or found.st_size < self._offset):
                warn(f"the output was {'replaced' if file != self._file else 'cut short'}; from its start again")
                self._offset = 0
            self._file = file
            before = self._offset
            start, stop = data_from(descriptor, before, found.st_size)
            data = os.pread(descriptor, min(_CHUNK, stop - start), start)
        finally:
            os.close(descriptor)
        if start > before:
            warn(f"{start - before} bytes left out here: they are no longer in the file")
        self._offset = start + len(data)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return self._offset != before

    def finish(self) -> None:
        """Bytes have no line that would still be held back."""


def _start_of_last(descriptor: int, size: int, count: int) -> int:
    """Where the last `count` lines begin; the line break at the very end ends the last one."""
    if count == 0:
        return size
    position, found = size, 0
    while position > 0:
        length = min(_CHUNK, position)
        position -= length
        if data_from(descriptor, position, size)[0] >= position + length:
            continue  # a hole
        data = os.pread(descriptor, length, position)
        end = len(data) - (1 if position + length == size and data.endswith(b"\n") else 0)
        while (end := data.rfind(b"\n", 0, end)) >= 0:
            found += 1
            if found == count:
                return position + end + 1
    return 0


# --- following --------------------------------------------------------------------------------------------------


def _follow(view: _View, attempt: Attempt) -> None:
    """Until the attempt has ended and all of its output is printed."""
    pause = QUICK
    while True:
        alive = isinstance(attempt.state(), Starting | Running)  # asked first: what it wrote before its end is there
        grew = False
        while view.poll():
            grew = True
        if not alive:
            view.finish()
            return
        pause = QUICK if grew else min(SLOW, pause * 1.5)
        _wait(pause)


def _wait(seconds: float) -> None:
    """Sleep; raises BrokenPipeError as soon as nobody reads our output any more, also while nothing is written."""
    descriptor = sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        time.sleep(seconds)
        return
    waiting = select.poll()
    waiting.register(descriptor, 0)
    if waiting.poll(seconds * 1000):
        raise BrokenPipeError


def _end(record: FeatureRecord, records: Records, attempt: Attempt, mask: Masker, *, as_json: bool) -> int:
    """Say what the attempt came to, and return that as an exit code."""
    until = time.monotonic() + JUDGED_WITHIN
    while attempt.outcome() is None and time.monotonic() < until and records.journal.is_run(record.key):
        _wait(QUICK)
    outcome = attempt.outcome()
    name = clean(f"{attempt.launch.seq}#{attempt.number}", 60)
    if outcome is None:
        state = attempt.state()
        clean_end = isinstance(state, Exited) and state.exit.reason == "exited" and state.exit.code == 0
        facts = facts_of(attempt, time.time(), records.parser_for)
        warn(f"{name}: {facts.word}: {facts.reason}; the next `parex run` or the dashboard does")
        return NEEDS_REVIEW if clean_end else FAILED
    if as_json:
        say(_json(AttemptEnds(attempt.launch.seq, _title(record, attempt), attempt.number, outcome), mask))
    else:
        told = state_words(facts_of(attempt, time.time(), records.parser_for), time.time())
        warn(f"{name}: {told}: {clean(mask.text(outcome.reason), 400)}")
    return {Verdict.VERIFIED: FINE, Verdict.NEEDS_REVIEW: NEEDS_REVIEW, Verdict.FAILED: FAILED}[outcome.verdict]


def _title(record: FeatureRecord, attempt: Attempt) -> str:
    task = record.feature.task(attempt.launch.seq) if record.feature is not None else None
    return task.title if task is not None else ""


def _hint(options: Namespace, attempt: Attempt) -> None:
    """Say that there is a standard error, too."""
    if options.stderr or options.view not in ("events", "text") or attempt.launch.merge_stderr:
        return
    if size := _size(attempt.stderr):
        warn(f"it wrote {size} bytes on its standard error, too: add --stderr")
