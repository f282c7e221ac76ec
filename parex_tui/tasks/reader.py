"""The project as it stands on disk, read again only where something changed.

Other programs rewrite task files in place, without locks: what is read may be half of a file. So a file that turns bad
keeps its last good version for half a second of standing still, and only then counts as broken. A scan of the folders
is the truth; events of a watcher only say when to call again, and so does `Reader.next_check`.
"""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from .drafts import FeatureDraft, TaskDraft, complete_feature, draft_feature, draft_task, resolve
from .file_state import GRACE, FileState, Loaded, Pass
from .keys import feature_keys
from .layout import TASK_JSON, FeatureFolder, Location, look_again, survey
from .model import Feature, Project, Task
from .problems import Problem, Severity
from .text import clean

_VANISHED: Final = 0.05  # seconds for a writer that deletes a file and creates it again


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


class _Folder:
    """One feature over time."""

    def __init__(self, folder: FeatureFolder, key: str) -> None:
        self.folder = folder
        self.key = key
        self.name = clean(folder.path.name)
        self._task_json = FileState(folder.path / TASK_JSON, self._build_feature)
        self._tasks: dict[str, FileState[TaskDraft]] = {}
        self._gone: dict[str, float] = {}
        self._shown: tuple[object, ...] = ()
        self._resolved: dict[Path, Task] = {}
        self._feature: Feature | None = None

    def _build_feature(self, loaded: Loaded) -> FeatureDraft:
        return draft_feature(self.folder, self.key, loaded.source, readable=loaded.readable, problems=loaded.problems)

    def _build_task(self, loaded: Loaded) -> TaskDraft:
        return draft_task(
            loaded.source,
            feature=self.name,
            readable=loaded.readable,
            problems=loaded.problems,
            digest=loaded.digest,
            modified=loaded.modified,
        )

    def look(self, folder: FeatureFolder, real_root: str, this: Pass) -> Feature:
        """The feature now; the same object as before where nothing of it changed."""
        self.folder = folder
        prefix = f"{folder.path}{os.sep}"
        outside = {name: _outside(folder.path / name, real_root) for name in folder.links}
        names = [name for name in folder.files if name != TASK_JSON]
        has_task_json = len(names) < len(folder.files)
        if has_task_json:
            self._task_json.look(prefix + TASK_JSON, outside.get(TASK_JSON, ()), this)
            self._gone.pop(TASK_JSON, None)
        elif self._task_json.shown is not None:
            has_task_json = self._just_gone(TASK_JSON, this)
        for name in names:
            file = self._tasks.get(name)
            if file is None:
                file = self._tasks[name] = FileState(folder.path / name, self._build_task)
            file.look(prefix + name, outside.get(name, ()), this)
        drafts = [(self._tasks[name].shown, self._tasks[name].stale) for name in names]
        drafts.extend(self._vanished(set(names), this))
        shown = (has_task_json and self._task_json.shown, folder, *drafts)
        if self._feature is None or not _identical(shown, self._shown):
            self._shown = shown
            self._feature = self._assemble(has_task_json, outside.get("", ()), drafts)
        return self._feature

    def _vanished(self, present: set[str], this: Pass) -> list[tuple[TaskDraft | None, bool]]:
        """Files that are gone: shown for a moment longer, since some programs delete a file to write it anew."""
        kept: list[tuple[TaskDraft | None, bool]] = []
        for name in list(self._tasks):
            if name in present:
                self._gone.pop(name, None)
            elif self._just_gone(name, this):
                kept.append((self._tasks[name].shown, True))
            else:
                del self._tasks[name], self._gone[name]
        return kept

    def _just_gone(self, name: str, this: Pass) -> bool:
        since = self._gone.setdefault(name, this.now)
        if this.now - since >= _VANISHED:
            return False
        this.again(since + _VANISHED)
        this.waiting = True
        return True

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
        self._places: tuple[tuple[Path, bool], ...] = ()
        self._keys: dict[Path, str] = {}
        self._project: Project | None = None
        self._pass = Pass(clock(), wall())

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

    def refresh(self, key: str) -> Project:
        """The project with only the feature of that key looked at again; a full reading where it is not known yet.

        What the other features wait for stays due. A feature that moved or went is found by the next full reading.
        """
        project = self._project
        at = next((at for at, one in enumerate(project.features) if one.key == key), None) if project else None
        if project is None or at is None:
            return self.read()
        before = project.features[at]
        folder = self._folders[before.path]
        found = look_again(folder.folder)
        if found is None:
            return self.read()
        this = Pass(self._clock(), self._wall(), self._pass.due, self._pass.waiting)
        feature = folder.look(found, os.path.realpath(self._location.root), this)
        self._pass = this
        if feature is not before:
            features = (*project.features[:at], feature, *project.features[at + 1 :])
            self._project = replace(project, features=features)
        return self._project or project

    def _read(self) -> Project:
        this = Pass(self._clock(), self._wall())
        listed, refused = survey(self._location)
        places = tuple((found.path, found.archived) for found in listed)
        if places != self._places:
            self._places = places
            self._keys = feature_keys(self._location.root, listed)
        real_root = os.path.realpath(self._location.root)
        folders: dict[Path, _Folder] = {}
        features: list[Feature] = []
        for found in listed:
            key = self._keys[found.path]
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
