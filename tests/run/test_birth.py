"""A feature made anew under an old name is another one; one that was only moved, or checked out again, is the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from parex_tui.run.attempts import Decision, Journal
from parex_tui.run.stop import request_stop
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature
from parex_tui.tasks.reader import read_project

from ..tasks.helpers import a_task, write
from .house import House, ended, running


class Place:
    """A feature on disk and what a fresh journal knows of it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.tasks = house.root / ".tmp" / "tasks"
        (house.root / ".git").mkdir(exist_ok=True)

    def make(self, created_at: str) -> None:
        folder = self.tasks / "feature"
        write(folder / "task.json", {"id": "feature", "name": "F", "status": "active", "created_at": created_at})
        write(folder / "subtask_01.json", a_task())

    def feature(self, key: str = "feature") -> Feature:
        found = read_project(locate(self.house.root, explicit=True)).feature(key)
        assert found is not None
        return found

    def known(self, key: str = "feature") -> tuple[int, int]:
        """How many attempts and decisions the feature has."""
        journal = Journal(self.house.root)
        journal.know(self.feature(key))
        attempts = journal.feature_attempts(key)
        return sum(map(len, attempts.values())), len(journal.decisions(key))

    def work(self) -> None:
        """One settled attempt and one decision."""
        self.house.journal.know(self.feature())
        attempt = self.house.start("exit:0")
        ended(attempt)
        attempt.mark_applied()
        self.house.journal.record_decision("feature", Decision(at=1.0, kind="skip", seq="01"))


@pytest.fixture
def place(house: House) -> Place:
    return Place(house)


def move(place: Place) -> None:
    (place.tasks / "completed").mkdir()
    (place.tasks / "feature").rename(place.tasks / "completed" / "feature")


def check_out_again(place: Place) -> None:
    folder = place.tasks / "feature"
    shutil.copytree(folder, place.tasks / "new")
    shutil.rmtree(folder)
    (place.tasks / "new").rename(folder)


def rewrite_its_time(place: Place) -> None:
    place.make("2026-05-05T05:05:05Z")


@pytest.mark.parametrize("change", [move, check_out_again, rewrite_its_time])
def test_the_same_feature_keeps_its_attempts(place: Place, change: Callable[[Place], None]) -> None:
    place.make("2026-01-01T10:00:00Z")
    place.work()
    change(place)
    assert place.known() == (1, 1)


def test_a_feature_made_anew_begins_anew_and_keeps_its_own(place: Place) -> None:
    place.make("2026-01-01T10:00:00Z")
    place.work()
    move(place)
    place.make("2026-06-01T10:00:00Z")
    assert place.known() == (0, 0)
    place.work()
    assert place.known() == (1, 1)
    assert len(list((place.house.journal.dir / "features").iterdir())) == 2


def test_what_is_not_settled_is_never_hidden(place: Place) -> None:
    place.make("2026-01-01T10:00:00Z")
    place.house.journal.know(place.feature())
    attempt = place.house.start("hang")
    running(attempt)
    shutil.move(place.tasks / "feature", place.house.root / "kept")
    place.make("2026-06-01T10:00:00Z")
    assert place.known() == (1, 0)
    assert request_stop(attempt, "a test")
    ended(attempt)
    assert place.known() == (1, 0), "its end is not written down yet"
    attempt.mark_applied()
    assert place.known() == (0, 0)


def test_without_a_time_nothing_is_taken_for_another(place: Place) -> None:
    place.make("")
    place.work()
    shutil.move(place.tasks / "feature", place.house.root / "kept")
    place.make("")
    assert place.known() == (1, 1)


def test_a_damaged_sign_hides_nothing(place: Place, tmp_path: Path) -> None:
    place.make("2026-01-01T10:00:00Z")
    place.work()
    (place.house.journal.dir / "features" / "feature" / "feature.json").write_bytes(b'{"device": "x"')
    shutil.move(place.tasks / "feature", place.house.root / "kept")
    place.make("2026-06-01T10:00:00Z")
    assert place.known() == (1, 1)
