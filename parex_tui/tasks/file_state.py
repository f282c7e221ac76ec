"""One file over time: what is shown of it while other programs rewrite it in place.

What is read may be half of a file. So a file that turns bad keeps its last good version for half a second of standing
still, and only then counts as broken.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from .document import InvalidError, parse
from .fields import Source, kind_of
from .files import Content, Signature, UnreadableError, check_regular, read, signature_of, unreadable
from .model import JsonValue
from .problems import Problem, Severity
from .recover import recover
from .text import clean

GRACE: Final = 0.5
"""Seconds that a bad file must stand still before it counts as broken."""

_YOUNG: Final = 2.0  # seconds; no file system in use stamps changes more coarsely
_BUSY: Final = 0.02  # seconds until a file that another program holds is tried again

Draft = TypeVar("Draft")


@dataclass(frozen=True, slots=True)
class Loaded:
    """One reading of a file, for the draft to be made from it."""

    source: Source
    readable: bool
    problems: tuple[Problem, ...]
    digest: str
    modified: float


@dataclass(slots=True)
class Pass:
    """What one pass over the files needs and finds out."""

    now: float  # monotonic
    wall: float  # since the epoch
    due: float | None = None  # monotonic; when something is to be looked at again without any event
    waiting: bool = False  # a file is shown as it was because it is half-written now

    def again(self, at: float) -> None:
        """Ask for another pass at `at`."""
        self.due = at if self.due is None else min(self.due, at)


class FileState(Generic[Draft]):
    """One file over time: its last good draft, what is shown, and how long it has been bad."""

    __slots__ = (
        "_build",
        "_changed_at",
        "_digest",
        "_good",
        "_links",
        "_path",
        "_settled",
        "_signature",
        "bad_since",
        "shown",
        "stale",
    )

    def __init__(self, path: Path, build: Callable[[Loaded], Draft]) -> None:
        self._path = path
        self._build = build
        self._signature: Signature | None = None
        self._settled = False
        self._changed_at = float("-inf")
        self._digest = ""
        self._good: Draft | None = None
        self._links: tuple[Problem, ...] = ()
        self.bad_since: float | None = None
        self.shown: Draft | None = None
        self.stale = False  # `shown` is not what is on disk now

    def look(self, name: str, links: tuple[Problem, ...], this: Pass) -> None:
        """Bring `shown` up to date. `links` are the problems of being a link."""
        same_links = links == self._links
        self._links = links
        try:
            info = os.stat(name)  # noqa: PTH116 - thousands a pass; building a Path costs more than the call
        except (OSError, ValueError) as error:
            self._refused(unreadable(error), this)
            return
        signature = signature_of(info)
        if signature == self._signature and self._settled and not self.stale and same_links:
            return
        try:
            check_regular(info)
            content = read(name)
        except UnreadableError as error:
            self._refused(error, this)
            return
        self._take(content, this, same_links)

    def _take(self, content: Content, this: Pass, same_links: bool) -> None:
        same_place = content.signature == self._signature
        if not same_place and self._signature is not None:
            self._changed_at = this.now
        self._signature = content.signature
        self._settle(content.signature, this)
        digest = hashlib.sha256(content.data).hexdigest()
        modified = content.signature.mtime_ns / 1e9
        if same_links and same_place and digest == self._digest and self.bad_since is None and self.shown is not None:
            return
        moved_on = digest != self._digest or not same_place
        self._digest = digest
        try:
            document = parse(content.data)
            if not isinstance(document.value, dict):
                raise _not_an_object(document.value, content.data)
        except InvalidError as error:
            self._turned_bad(content, digest, error, moved_on, this)
            return
        loaded = Loaded(Source(self._path, document.value, document), True, self._links, digest, modified)
        self._good = self.shown = self._build(loaded)
        self.bad_since = None
        self.stale = False

    def _settle(self, signature: Signature, this: Pass) -> None:
        """Whether the signature can be relied on from now on.

        Two changes within one tick of the file system's clock look the same. So a young file is read on every pass, and
        once more when it is older than any such tick: by its change time, which no program can set, and, since a file
        server's clock may be another, by when the change was seen here.
        """
        age = this.wall - signature.ctime_ns / 1e9
        young = _YOUNG - age if -_YOUNG < age < _YOUNG else 0.0
        left = max(young, self._changed_at + _YOUNG - this.now)
        self._settled = left <= 0
        if not self._settled:
            this.again(this.now + max(left, _BUSY))

    def _turned_bad(self, content: Content, digest: str, error: InvalidError, moved_on: bool, this: Pass) -> None:
        modified = content.signature.mtime_ns / 1e9
        if self.bad_since is None:
            # Nobody is writing a file that is bad when first seen and has been standing still: it is simply broken.
            fresh = self._good is not None or -GRACE < this.wall - modified < GRACE
            self.bad_since = this.now if fresh else this.now - GRACE
        elif moved_on and self.stale:
            self.bad_since = this.now  # still being written
        elif self.shown is not None and not self.stale and not moved_on:
            return  # reported already
        waits = this.now - self.bad_since < GRACE
        self.stale = waits
        if waits:
            this.again(self.bad_since + GRACE)
            this.waiting = True
            if self._good is not None:
                self.shown = self._good
                return
        problem = Problem(
            Severity.ERROR, error.code, self._path, clean(error.message), clean(error.remedy), error.line, error.column
        )
        if not waits:
            self._good = None  # from now on this is a broken file, also while somebody repairs it
        source = Source(self._path, recover(content.data), None)
        problems = self._links if waits else (problem, *self._links)
        self.shown = self._build(Loaded(source, False, problems, digest, modified))

    def _refused(self, error: UnreadableError, this: Pass) -> None:
        """The system does not give the file. What is busy, or gone since the folder was listed, is tried again."""
        passing = error.missing or error.code == "file.busy"
        if self.bad_since is None or self._signature is not None:
            self.bad_since = this.now
        self._signature = None
        self._settled = False
        self.stale = passing and this.now - self.bad_since < GRACE
        if self.stale:
            this.again(this.now + _BUSY)
            this.waiting = True
            return
        problem = Problem(Severity.ERROR, error.code, self._path, str(error), error.remedy)
        if self._digest == str(problem) and self.shown is not None:
            return  # reported already
        self._digest = str(problem)
        self._good = None
        self.shown = self._build(Loaded(Source(self._path, {}, None), False, (problem, *self._links), "", 0.0))


def _not_an_object(value: JsonValue, data: bytes) -> InvalidError:
    return InvalidError("json.not_object", f"not a task object: the file holds {kind_of(value)}", data, 0)
