"""The conductor as a screen holds it: its thread, what it tells when it cannot work, commands from elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parex_tui.run.conductor import Conductor
from parex_tui.run.limits import Choice
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Command, Do
from parex_tui.settings import Settings
from parex_tui.tasks.layout import locate


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def conductor(tmp_path: Path, state_home: Path) -> Iterator[Conductor]:
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    folder = root / ".tmp" / "tasks" / "f"
    folder.mkdir(parents=True)
    (folder / "subtask_01.json").write_text('{"seq": "01", "title": "One", "status": "pending"}')
    made = Conductor(make_setup(locate(root, explicit=True), Settings(), Choice()))
    made.start()
    yield made
    made.close()


def test_a_change_by_another_program_reaches_the_snapshot_and_its_listeners(conductor: Conductor) -> None:
    heard = threading.Event()
    conductor.on_change(heard.set)
    (view,) = conductor.snapshot().features.values()
    path = view.tasks["01"].task.path
    path.write_text('{"seq": "01", "title": "Two", "status": "pending"}')
    until(lambda: next(iter(conductor.snapshot().features.values())).tasks["01"].task.title == "Two")
    assert heard.is_set()


def test_a_half_written_file_never_shows(conductor: Conductor) -> None:
    (view,) = conductor.snapshot().features.values()
    path = view.tasks["01"].task.path
    titles: set[str] = set()
    conductor.on_change(
        lambda: titles.update(
            task.task.title for one in conductor.snapshot().features.values() for task in one.tasks.values()
        )
    )
    for number in range(40):
        path.write_text("")  # what a program that truncates and then writes leaves for a moment
        path.write_text(f'{{"seq": "01", "title": "T{number}", "status": "pending"}}')
    until(lambda: "T39" in titles)
    assert titles <= {"One", *(f"T{number}" for number in range(40))}


def test_a_refused_command_is_told_with_the_feature(conductor: Conductor) -> None:
    (key,) = conductor.snapshot().features
    assert conductor.send(Command(Do.RUN, key)) == ""
    until(lambda: "--driver" in conductor.snapshot().features[key].message)
    assert "not there" in conductor.send(Command(Do.RUN, "nothing"))


def test_a_disk_that_fails_is_said_and_tried_again(conductor: Conductor, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = threading.Event()
    broken.set()
    whole = Conductor.tick

    def tick(self: Conductor) -> None:
        if broken.is_set():
            raise OSError(5, "Input/output error")
        whole(self)

    monkeypatch.setattr(Conductor, "tick", tick)
    until(lambda: "Input/output error" in conductor.snapshot().trouble)
    broken.clear()
    until(lambda: conductor.snapshot().trouble == "")


def test_a_mistake_in_parex_itself_is_said_and_not_hidden(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tick(self: Conductor) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(Conductor, "tick", tick)
    until(lambda: "KeyError" in conductor.snapshot().trouble)
    assert "secret" not in conductor.snapshot().trouble
