"""The project as it stands on disk, read again only where something changed.

Other programs rewrite task files in place, without locks: what is read may be half of a file. So a file that turns bad
keeps its last good version for half a second of standing still, and only then counts as broken. A scan of the folders
is the truth; events of a watcher only say when to call again, and so does `Reader.next_check`.
"""

from __future__ import annotations

import gc
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from .document import InvalidError, parse
from .drafts import FeatureDraft, TaskDraft, complete_feature, draft_feature, draft_task, resolve
from .fields import Source, kind_of
from .files import Content, Signature, UnreadableError, check_regular, read, signature_of, unreadable
from .layout import TASK_JSON, USUAL, FeatureFolder, Location, survey
from .model import Feature, JsonValue, Project, Task
from .problems import Problem, Severity
from .recover import recover
from .text import clean

GRACE: Final = 0.5
"""Seconds that a bad file must stand still before it counts as broken."""

_VANISHED: Final = 0.05  # seconds for a writer that deletes a file and creates it again
_YOUNG: Final = 2.0  # seconds; no file system in use stamps changes more coarsely
_BUSY: Final = 0.02  # seconds until a file that another program holds is tried again
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)

_Draft = TypeVar("_Draft")


def read_project(location: Location, *, sleep: Callable[[float], None] = time.sleep) -> Project:
    """The project, once. Waits for files that are being written just now, at most a little over half a second."""
    reader = Reader(location)
    project = reader.read()
    for _ in range(12):
        if not reader.is_waiting:
            break
        sleep(GRACE / 10)
        project = reader.read()
    return project


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One reading of a file, for the draft to be made from it."""

    source: Source
    readable: bool
    problems: tuple[Problem, ...]
    digest: str
    modified: float


@dataclass(slots=True)
class _Pass:
    """What one pass over the files needs and finds out."""

    now: float  # monotonic
    wall: float  # since the epoch
    due: float | None = None  # monotonic; when something is to be looked at again without any event
    waiting: bool = False  # a file is shown as it was because it is half-written now

    def again(self, at: float) -> None:
        """Ask for another pass at `at`."""
        self.due = at if self.due is None else min(self.due, at)


class _File(Generic[_Draft]):
    """One file over time: its last good draft, what is shown, and how long it has been bad."""

    __slots__ = (
        "_build",
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

    def __init__(self, path: Path, build: Callable[[_Loaded], _Draft]) -> None:
        self._path = path
        self._build = build
        self._signature: Signature | None = None
        self._settled = False
        self._digest = ""
        self._good: _Draft | None = None
        self._links: tuple[Problem, ...] = ()
        self.bad_since: float | None = None
        self.shown: _Draft | None = None
        self.stale = False  # `shown` is not what is on disk now

    def look(self, name: str, links: tuple[Problem, ...], this: _Pass) -> None:
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

    def _take(self, content: Content, this: _Pass, same_links: bool) -> None:
        same_place = content.signature == self._signature
        self._signature = content.signature
        # Two changes within one tick of the file system's clock look the same: a young file is read again, once more
        # when it is older than any such tick. No program can set this time, which the modification time's can.
        age = this.wall - content.signature.ctime_ns / 1e9
        self._settled = not -_YOUNG < age < _YOUNG
        if not self._settled:
            this.again(this.now + max(_YOUNG - age, _BUSY))
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
        loaded = _Loaded(Source(self._path, document.value, document), True, self._links, digest, modified)
        self._good = self.shown = self._build(loaded)
        self.bad_since = None
        self.stale = False

    def _turned_bad(self, content: Content, digest: str, error: InvalidError, moved_on: bool, this: _Pass) -> None:
        modified = content.signature.mtime_ns / 1e9
        if self.bad_since is None or moved_on:
            # Nobody is writing a file that is bad when first seen and has been standing still: it is simply broken.
            fresh = self._good is not None or -GRACE < this.wall - modified < GRACE
            self.bad_since = this.now if fresh else this.now - GRACE
        elif self.shown is not None and not self.stale:
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
        source = Source(self._path, recover(content.data), None)
        problems = self._links if waits else (problem, *self._links)
        self.shown = self._build(_Loaded(source, False, problems, digest, modified))

    def _refused(self, error: UnreadableError, this: _Pass) -> None:
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
        self.shown = self._build(_Loaded(Source(self._path, {}, None), False, (problem, *self._links), "", 0.0))


def _not_an_object(value: JsonValue, data: bytes) -> InvalidError:
    return InvalidError("json.not_object", f"not a task object: the file holds {kind_of(value)}", data, 0)


class _Folder:
    """One feature over time."""

    def __init__(self, folder: FeatureFolder, key: str) -> None:
        self.folder = folder
        self.key = key
        self.name = clean(folder.path.name)
        self._task_json = _File(folder.path / TASK_JSON, self._build_feature)
        self._tasks: dict[str, _File[TaskDraft]] = {}
        self._gone: dict[str, float] = {}
        self._shown: tuple[object, ...] = ()
        self._resolved: dict[Path, Task] = {}
        self._feature: Feature | None = None

    def _build_feature(self, loaded: _Loaded) -> FeatureDraft:
        return draft_feature(self.folder, self.key, loaded.source, readable=loaded.readable, problems=loaded.problems)

    def _build_task(self, loaded: _Loaded) -> TaskDraft:
        return draft_task(
            loaded.source,
            feature=self.name,
            readable=loaded.readable,
            problems=loaded.problems,
            digest=loaded.digest,
            modified=loaded.modified,
        )

    def look(self, folder: FeatureFolder, real_root: str, this: _Pass) -> Feature:
        """The feature now; the same object as before where nothing of it changed."""
        self.folder = folder
        prefix = f"{folder.path}{os.sep}"
        outside = {name: _outside(folder.path / name, real_root) for name in folder.links}
        names = [name for name in folder.files if name != TASK_JSON]
        has_task_json = len(names) < len(folder.files)
        if has_task_json:
            self._task_json.look(prefix + TASK_JSON, outside.get(TASK_JSON, ()), this)
        for name in names:
            file = self._tasks.get(name)
            if file is None:
                file = self._tasks[name] = _File(folder.path / name, self._build_task)
            file.look(prefix + name, outside.get(name, ()), this)
        drafts = [(self._tasks[name].shown, self._tasks[name].stale) for name in names]
        drafts.extend(self._vanished(set(names), this))
        shown = (has_task_json and self._task_json.shown, folder, *drafts)
        if self._feature is None or not _identical(shown, self._shown):
            self._shown = shown
            self._feature = self._assemble(has_task_json, outside.get("", ()), drafts)
        return self._feature

    def _vanished(self, present: set[str], this: _Pass) -> list[tuple[TaskDraft | None, bool]]:
        """Files that are gone: shown for a moment longer, since some programs delete a file to write it anew."""
        kept: list[tuple[TaskDraft | None, bool]] = []
        for name in [name for name in self._tasks if name not in present]:
            since = self._gone.setdefault(name, this.now)
            if this.now - since < _VANISHED:
                kept.append((self._tasks[name].shown, True))
                this.again(since + _VANISHED)
                this.waiting = True
            else:
                del self._tasks[name]
        self._gone = {name: since for name, since in self._gone.items() if name in self._tasks and name not in present}
        return kept

    def _assemble(
        self, has_task_json: bool, links: tuple[Problem, ...], shown: Iterable[tuple[TaskDraft | None, bool]]
    ) -> Feature:
        base = self._task_json.shown if has_task_json else None
        if base is None:
            base = draft_feature(self.folder, self.key, None, readable=True, problems=())
        if links:
            base = replace(base, feature=replace(base.feature, problems=(*links, *base.feature.problems)))
        drafts = [
            replace(draft, task=replace(draft.task, updating=True)) if stale else draft
            for draft, stale in shown
            if draft is not None
        ]
        drafts.sort(key=lambda draft: _task_order(draft.task))
        tasks = tuple(self._kept(task) for task in resolve(drafts, (self.name, base.id)))
        self._resolved = {task.path: task for task in tasks}
        return complete_feature(base, tasks)

    def _kept(self, task: Task) -> Task:
        """The object given out before, where it says the same."""
        before = self._resolved.get(task.path)
        return before if before is not None and before == task else task


def _identical(left: tuple[object, ...], right: tuple[object, ...]) -> bool:
    """Whether both hold the same objects; pairs are compared part by part."""
    if len(left) != len(right):
        return False
    for one, other in zip(left, right, strict=True):
        if isinstance(one, tuple) and isinstance(other, tuple):
            if one[0] is not other[0] or one[1] is not other[1]:
                return False
        elif one is not other and (not isinstance(one, FeatureFolder) or one != other):
            return False
    return True


def _task_order(task: Task) -> tuple[int, str, str]:
    digits = re.match(r"\d+", task.seq)
    return (int(digits.group()) if digits else 0, task.seq, task.path.name)


def _outside(path: Path, real_root: str) -> tuple[Problem, ...]:
    """A warning where a link leads out of the project."""
    target = os.path.realpath(path)
    if target == real_root or target.startswith(real_root.rstrip(os.sep) + os.sep):
        return ()
    message = clean(f"a link to {target}, outside the project")
    return (Problem(Severity.WARNING, "file.link", path, message, "parex reads it and never writes to it"),)


class Reader:
    """Reads a project again and again, and only what changed. To be used from one thread at a time.

    `clock` is monotonic seconds, `wall` seconds since the epoch (to tell how old a file's last change is).
    """

    def __init__(
        self, location: Location, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._location = location
        self._clock = clock
        self._wall = wall
        self._folders: dict[Path, _Folder] = {}
        self._project: Project | None = None
        self._pass = _Pass(clock(), wall())

    @property
    def next_check(self) -> float | None:
        """Seconds until `read` is to be called again even without an event; None where an event is needed."""
        return None if self._pass.due is None else max(0.0, self._pass.due - self._clock())

    @property
    def is_waiting(self) -> bool:
        """Whether the last reading shows a file as it was before, because it was half-written."""
        return self._pass.waiting

    def read(self) -> Project:
        """The project now. Features and tasks that did not change are the same objects as before, and so is it all.

        Never raises for anything that lies on disk: what is wrong is a `Problem` of its file, feature or the project.
        """
        if self._project is not None or not gc.isenabled():
            return self._read()
        # The first reading makes many objects and no garbage: looking for some doubles the time it takes.
        gc.disable()
        try:
            return self._read()
        finally:
            gc.enable()

    def _read(self) -> Project:
        this = _Pass(self._clock(), self._wall())
        listed, refused = survey(self._location)
        keys = _keys(self._location.root, listed)
        real_root = os.path.realpath(self._location.root)
        folders: dict[Path, _Folder] = {}
        features: list[Feature] = []
        for found in listed:
            key = keys[found.path]
            folder = self._folders.get(found.path)
            if folder is None or folder.key != key:
                folder = _Folder(found, key)
            folders[found.path] = folder
            features.append(folder.look(found, real_root, this))
        self._folders = folders
        self._pass = this
        project = Project(self._location.root, self._location.tasks_dirs, tuple(features), refused)
        if self._project is None or not _same(self._project, project):
            self._project = project
        return self._project


def _same(before: Project, after: Project) -> bool:
    return (
        before.problems == after.problems
        and len(before.features) == len(after.features)
        and all(one is other for one, other in zip(before.features, after.features, strict=True))
    )


def _keys(root: Path, folders: list[FeatureFolder]) -> dict[Path, str]:
    """A file name for each feature: its folder's name where that is plain and the place is the usual one.

    The shelf (`active/`, `completed/`) is no part of it, so that a key outlives archiving; where an open and an
    archived feature share a name, the open one has the plain key.
    """
    keys: dict[Path, str] = {}
    taken: set[str] = set()
    for folder in sorted(folders, key=lambda folder: folder.archived):
        key = _key(root, folder)
        number = 1
        while key in taken:
            number += 1
            key = f"{_key(root, folder)}-{number}"
        taken.add(key)
        keys[folder.path] = key
    return keys


def _key(root: Path, folder: FeatureFolder) -> str:
    name = folder.path.name
    usual = folder.shelf == root / USUAL
    if usual and _PLAIN_KEY.fullmatch(name):
        return name
    place = os.fsencode(os.path.relpath(folder.shelf, root)) + b"\0" + os.fsencode(name)
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "feature"
    return f"{slug}-{hashlib.sha256(place).hexdigest()[:8]}"
