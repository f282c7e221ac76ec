"""Hints: every way of changing a file is heard, and nothing of it stays behind."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parex_tui.tasks.layout import Location
from parex_tui.tasks.reader import Reader
from parex_tui.tasks.watch import Watcher

from .helpers import a_project, a_task, eventually, write


class Listener:
    """Reads the project whenever it is told to, and only then; `titles` is what it saw last."""

    def __init__(self, root: Path) -> None:
        location = Location(root, (root / ".tmp/tasks",))
        self._reader = Reader(location)
        self._lock = threading.Lock()
        self.hints = 0
        self.titles: set[str] = set()
        self.watcher = Watcher(location, self._hear)

    def _hear(self) -> None:
        with self._lock:
            self.hints += 1
            project = self._reader.read()
            self.titles = {task.title for feature in project.features for task in feature.tasks if not task.updating}

    def sees(self, *titles: str) -> bool:
        return eventually(lambda: self.titles == set(titles))


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    root = tmp_path / "project"
    root.mkdir()
    listener = Listener(root)
    listener.watcher.start()
    yield listener
    listener.watcher.stop()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "project"


def test_every_way_of_changing_a_file_is_heard(root: Path, listener: Listener) -> None:
    folder = a_project(root, a_task(title="created"))
    assert listener.sees("created")
    path = folder / "subtask_01.json"
    write(path, a_task(title="in place"))
    assert listener.sees("in place")
    write(folder / "new.tmp", a_task(title="renamed")).rename(path)
    assert listener.sees("renamed")
    write(folder / "subtask_02.json", a_task("02", title="second"))
    assert listener.sees("renamed", "second")


def test_a_project_that_is_deleted_and_created_again_is_heard(root: Path, listener: Listener) -> None:
    a_project(root, a_task(title="first life"))
    assert listener.sees("first life")
    for folder, title in ((root / ".tmp/tasks", "second life"), (root / ".tmp", "third life"), (root, "fourth life")):
        shutil.rmtree(folder)
        assert listener.sees()
        path = a_project(root, a_task(title=title)) / "subtask_01.json"
        assert listener.sees(title)
        write(path, a_task(title=f"{title}, changed"))
        assert listener.sees(f"{title}, changed")


def test_a_tasks_folder_that_is_moved_in_is_heard(tmp_path: Path, root: Path, listener: Listener) -> None:
    a_project(tmp_path / "other", a_task(title="moved"))
    (tmp_path / "other/.tmp").rename(root / ".tmp")
    assert listener.sees("moved")
    write(root / ".tmp/tasks/auth/subtask_01.json", a_task(title="then changed"))
    assert listener.sees("then changed")


def test_what_changed_before_the_watch_stood_is_heard(root: Path, listener: Listener) -> None:
    listener.watcher.stop()
    a_project(root, a_task(title="meanwhile"))
    listener.watcher.start()
    assert listener.sees("meanwhile")


def test_no_hint_comes_after_stop_and_no_thread_stays(root: Path, listener: Listener) -> None:
    before = {thread.name for thread in threading.enumerate()}
    listener.watcher.start()  # twice is once
    assert {thread.name for thread in threading.enumerate()} == before
    assert eventually(lambda: listener.hints > 0)
    listener.watcher.stop()
    listener.watcher.stop()
    heard = listener.hints
    a_project(root, a_task(title="unheard"))
    assert not any(thread.name == "watch" for thread in threading.enumerate())
    assert listener.hints == heard
