"""Looking after edits: which foreign writes are taken for stale, which win, and what a person is told."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from parex_tui.run.desk import ENGINE, PERSON, Desk
from parex_tui.tasks.edit import Edit, EditError
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.overwrite import Written
from tests.tasks.helpers import Clock, a_project, a_task, write


class Room:
    """One task file, a parex with a clock of its own, and a foreign program that may be late."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = Clock()
        self.path = a_project(root, a_task("01", title="Title", notes="n")) / "subtask_01.json"
        self.desk = Desk(root, self.clock)

    @property
    def fields(self) -> dict[str, JsonValue]:
        found = json.loads(self.path.read_bytes())
        assert isinstance(found, dict)
        return found

    def set(self, by: str = PERSON, **changes: JsonValue) -> None:
        self.desk.set(self.path, changes, by=by)

    def later(self, seconds: float) -> None:
        self.clock.now += seconds

    def overwrite(self, base: Mapping[str, JsonValue], **changes: JsonValue) -> None:
        """Somebody writes back what they had read before, with their changes in it."""
        write(self.path, {**base, **changes})

    def told(self) -> list[tuple[str, str, str]]:
        return [(one.field, one.ours, one.theirs) for one in self.desk.conflicts()]


@pytest.fixture
def room(tmp_path: Path, state_home: Path) -> Room:
    return Room(tmp_path)


START: Mapping[str, JsonValue] = {"status": "in_progress", "agent_id": "CoderAgent", "started_at": "noon"}


def test_w04_stale_content_is_made_good_five_times_and_then_shown(room: Room) -> None:
    stale = room.fields
    room.set(status="blocked")
    for turn in range(5):
        room.later(5)
        room.overwrite(stale, notes=f"theirs {turn}")
        room.desk.hold()
        assert (room.fields["status"], room.fields["notes"]) == ("blocked", f"theirs {turn}")
        assert room.told() == []
    room.later(5)
    room.overwrite(stale, notes="theirs at last")
    room.desk.hold()
    assert room.fields["status"] == "pending"
    assert room.told() == [("status", '"blocked"', '"pending"')]
    room.later(5)
    room.desk.hold()
    assert room.fields["status"] == "pending"


def test_the_very_same_content_counts_every_time_however_fast_it_comes(room: Room) -> None:
    stale = room.path.read_bytes()
    room.set(status="blocked")
    for _ in range(5):
        room.path.write_bytes(stale)
        room.desk.hold()
        assert room.fields["status"] == "blocked"
    room.path.write_bytes(stale)
    room.desk.hold()
    assert room.path.read_bytes() == stale
    assert len(room.told()) == 1


def test_a_program_that_writes_many_times_a_second_races_and_does_not_insist(room: Room) -> None:
    stale = room.fields
    room.set(status="blocked")
    for turn in range(20):
        room.later(0.02)
        room.overwrite(stale, notes=f"theirs {turn}")
        room.desk.hold()
        assert room.fields["status"] == "blocked"
    assert room.told() == []


def test_w05_a_field_that_they_change_at_the_same_time_is_theirs_and_is_shown(room: Room) -> None:
    room.set(title="Ours")
    room.later(2)
    room.overwrite(room.fields, title="Theirs")
    room.desk.hold()
    assert room.fields["title"] == "Theirs"
    assert room.told() == [("title", '"Ours"', '"Theirs"')]


def test_a_field_that_they_change_later_is_theirs_and_nothing_to_tell(room: Room) -> None:
    room.set(title="Ours")
    room.later(120)
    room.overwrite(room.fields, title="Theirs")
    room.desk.hold()
    assert room.fields["title"] == "Theirs"
    assert room.told() == []


def test_a_status_that_goes_on_from_ours_is_no_conflict(room: Room) -> None:
    room.set(by=ENGINE, **START)
    room.later(3)
    room.overwrite(room.fields, status="completed", completed_at="later")
    room.desk.hold()
    assert room.fields["status"] == "completed"
    assert room.told() == []


@pytest.mark.parametrize(("ours", "theirs"), [("blocked", "completed"), ("completed", "in_progress")])
def test_a_status_that_takes_ours_back_is_shown_also_minutes_later(room: Room, ours: str, theirs: str) -> None:
    room.set(status=ours)
    room.later(300)
    room.overwrite(room.fields, status=theirs)
    room.desk.hold()
    assert room.fields["status"] == theirs
    assert room.told() == [("status", f'"{ours}"', f'"{theirs}"')]


def test_who_keeps_our_other_fields_has_seen_ours_and_wins(room: Room) -> None:
    room.set(by=ENGINE, **START)
    room.later(1)
    room.overwrite(room.fields, status="pending")
    room.desk.hold()
    assert room.fields == {**room.fields, **START, "status": "pending"}
    assert room.told() == []


def test_a_status_from_stale_content_wins_with_its_edit_and_is_shown(room: Room) -> None:
    stale = room.fields
    room.set(by=ENGINE, **START)
    room.later(60)
    room.overwrite(stale, status="blocked")
    room.desk.hold()
    assert room.fields == {**stale, "status": "blocked"}
    assert room.told() == [("status", '"in_progress"', '"blocked"')]
    (conflict,) = room.desk.conflicts()
    room.desk.insist(conflict.number)
    assert room.fields == {**stale, **START}
    assert room.told() == []


def test_only_the_fields_that_they_did_not_change_are_made_again(room: Room) -> None:
    stale = room.fields
    room.set(title="Ours", priority=3)
    room.later(60)
    room.overwrite(stale, title="Theirs")
    room.desk.hold()
    assert (room.fields["title"], room.fields["priority"]) == ("Theirs", 3)
    assert room.told() == [("title", '"Ours"', '"Theirs"')]


@pytest.mark.parametrize(("seconds", "stands"), [(29, True), (31, False)])
def test_the_same_bytes_as_before_are_stale_at_first_and_a_wish_later(room: Room, seconds: float, stands: bool) -> None:
    before = room.path.read_bytes()
    room.set(status="blocked")
    room.set(title="Ours")
    room.later(seconds)
    room.path.write_bytes(before)
    room.desk.hold()
    assert (room.path.read_bytes() != before) is stands
    assert (room.fields["status"] == "blocked") is (room.fields["title"] == "Ours") is stands
    assert room.told() == []


def test_stale_content_from_before_two_edits_of_a_field_brings_the_newer_back(room: Room) -> None:
    stale = room.fields
    room.set(by=ENGINE, **START)
    room.later(60)
    room.set(by=ENGINE, status="completed", completed_at="one")
    room.later(5)
    room.overwrite(stale, notes="theirs")
    room.desk.hold()
    assert room.fields == {**stale, **START, "status": "completed", "completed_at": "one", "notes": "theirs"}


def test_a_value_of_ours_from_before_their_change_is_stale_too(room: Room) -> None:
    room.set(title="First")
    stale = room.fields
    room.later(40)
    room.overwrite(room.fields, title="Theirs")
    room.desk.hold()
    room.set(title="Second")
    room.later(40)
    room.overwrite(stale, notes="theirs")
    room.desk.hold()
    assert (room.fields["title"], room.fields["notes"]) == ("Second", "theirs")


def test_after_ten_minutes_nothing_is_made_again(room: Room) -> None:
    stale = room.fields
    room.set(status="blocked")
    room.later(601)
    room.overwrite(stale, notes="theirs")
    room.desk.hold()
    assert room.fields["status"] == "pending"
    assert room.told() == []


def test_what_wins_once_is_not_fought_when_it_is_written_again(room: Room) -> None:
    room.set(title="First")
    room.set(title="Second")
    room.later(1)
    room.overwrite(room.fields, title="Theirs")
    room.desk.hold()
    room.overwrite(room.fields, title="First")
    room.desk.hold()
    assert room.fields["title"] == "First"
    assert len(room.told()) == 1


def test_an_answered_conflict_is_gone_and_a_newer_edit_answers_it_too(room: Room) -> None:
    for answer in ("yield", "edit"):
        room.set(title=f"Ours {answer}")
        room.overwrite(room.fields, title=f"Theirs {answer}")
        room.desk.hold()
        (conflict,) = room.desk.conflicts()
        if answer == "yield":
            room.desk.yield_to(conflict.number)
            assert room.fields["title"] == "Theirs yield"
        else:
            room.set(title="Newer")
        assert room.told() == []


def test_a_broken_or_missing_file_is_waited_for(room: Room) -> None:
    stale = room.fields
    room.set(status="blocked")
    room.path.write_text('{"status": "pen')
    room.desk.hold()
    assert room.path.read_text() == '{"status": "pen'
    room.path.unlink()
    room.desk.hold()
    assert not room.path.exists()
    room.overwrite(stale, notes="theirs")
    room.desk.hold()
    assert room.fields == {**stale, "notes": "theirs", "status": "blocked"}


def test_two_parex_make_it_again_once_and_count_it_once(room: Room) -> None:
    other = Desk(room.root, room.clock)
    stale = room.fields
    room.set(status="blocked")
    for turn in range(5):
        room.later(5)
        room.overwrite(stale, notes=f"theirs {turn}")
        for desk in (room.desk, other, room.desk):
            desk.hold()
        assert room.fields["status"] == "blocked"
    room.later(5)
    room.overwrite(stale, notes="theirs at last")
    for desk in (other, room.desk):
        desk.hold()
    assert len(room.desk.conflicts()) == len(other.conflicts()) == 1


def test_a_count_is_never_made_again_and_never_a_conflict(room: Room) -> None:
    folder = room.path.parent
    stale = json.loads((folder / "task.json").read_bytes())
    room.set(status="completed")
    room.desk.sync(folder)
    write(folder / "task.json", {**stale, "name": "Theirs"})
    room.desk.hold()
    assert json.loads((folder / "task.json").read_bytes()) == {**stale, "name": "Theirs"}
    assert room.told() == []


@pytest.mark.parametrize(("seconds", "wins"), [(1.9, False), (2.1, True)])
def test_who_has_seen_ours_may_go_back_and_is_not_fought(room: Room, seconds: float, wins: bool) -> None:
    stale = room.fields
    room.set(status="blocked")
    room.later(1)
    room.overwrite(room.fields, notes="theirs")
    room.desk.hold()
    room.later(seconds)
    room.desk.hold()
    room.overwrite(stale, notes="theirs again")
    for desk in (Desk(room.root, room.clock), room.desk):  # the other one reads it in the journal
        desk.hold()
    assert room.fields["status"] == ("pending" if wins else "blocked")
    assert room.told() == []


def test_what_another_parex_wrote_is_not_somebody_who_has_seen_ours(room: Room) -> None:
    stale = room.fields
    room.set(status="blocked")
    Desk(room.root, room.clock).set(room.path, {"notes": "other parex"}, by=PERSON)
    for _ in range(2):
        room.desk.hold()
        room.later(3)
    room.overwrite(stale, more=1)
    room.desk.hold()
    assert (room.fields["status"], room.fields["notes"]) == ("blocked", "other parex")


@pytest.mark.parametrize("change", [{"id": "x-01"}, {"title": "Another"}, {"created_at": "2026"}, {"seq": "02"}])
def test_another_file_of_the_old_name_is_left_alone(room: Room, change: dict[str, JsonValue]) -> None:
    stale = room.fields
    room.set(status="completed")
    room.later(5)
    room.overwrite(stale, **change)
    before = room.path.read_bytes()
    room.desk.hold()
    assert room.path.read_bytes() == before
    room.overwrite(stale, notes="later")
    room.desk.hold()
    assert room.fields["status"] == "pending"
    assert room.told() == []


def test_a_new_folder_of_the_old_name_is_left_alone(room: Room) -> None:
    stale = room.fields
    room.set(status="completed")
    room.path.parent.rename(room.path.parent.with_name("before"))
    room.overwrite(stale, notes="new")
    room.desk.hold()
    assert room.fields == {**stale, "notes": "new"}
    assert room.told() == []


def test_an_edit_that_lies_in_the_future_is_not_held(room: Room) -> None:
    stale = room.fields
    room.set(status="blocked")
    room.later(-3600)
    room.overwrite(stale, notes="theirs")
    room.desk.hold()
    assert room.fields["status"] == "pending"


def refuse(monkeypatch: pytest.MonkeyPatch, error: type[EditError] = EditError) -> list[float]:
    """From now on no file can be written; the list gets the patience of every try."""
    tried: list[float] = []

    def fail(path: Path, *arguments: object, patience: float, **options: object) -> Edit:
        tried.append(patience)
        raise error(f"{path.name}: busy")

    monkeypatch.setattr("parex_tui.run.holding.decide_fields", fail)
    return tried


def test_a_busy_file_is_tried_less_often_and_its_reason_is_shown(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = room.fields
    room.set(status="blocked")
    room.overwrite(stale, notes="theirs")
    with monkeypatch.context() as patch:
        tried = refuse(patch)
        for _ in range(1200):
            room.desk.hold()
            room.later(0.25)
        assert 5 < len(tried) < 30
        assert tried[:3] == [0.0, 0.0, 0.0]
        assert room.desk.trouble == "subtask_01.json: busy"
    room.later(61)
    room.desk.hold()
    assert (room.fields["status"], room.desk.trouble) == ("blocked", "")


def test_what_could_not_be_made_again_in_time_becomes_a_conflict(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = room.fields
    room.set(status="blocked")
    room.overwrite(stale, notes="theirs")
    refuse(monkeypatch)
    room.desk.hold()
    assert room.told() == []
    room.later(601)
    for _ in range(2):
        room.desk.hold()
    assert room.told() == [("status", '"blocked"', '"pending"')]
    assert room.desk.trouble == ""


def a_conflict(room: Room) -> None:
    room.set(title="Before")
    room.set(title="Ours")
    room.overwrite(room.fields, title=f"Theirs {room.clock.now}")
    room.desk.hold()
    assert len(room.told()) == 1
    room.later(1)


def test_a_conflict_is_over_when_the_file_has_ours_is_gone_or_a_week_has_passed(room: Room) -> None:
    a_conflict(room)
    room.overwrite(room.fields, title="Ours")
    room.desk.hold()
    assert room.told() == []
    a_conflict(room)
    room.later(7 * 86400 + 1)
    room.desk.hold()
    assert room.told() == []
    a_conflict(room)
    room.path.unlink()
    room.desk.hold()
    assert len(room.told()) == 1  # it may be replaced just now
    room.later(11)
    room.desk.hold()
    assert room.told() == []


def unwritten(room: Room, monkeypatch: pytest.MonkeyPatch, **changes: JsonValue) -> None:
    """A person's edit that the full disk refuses."""

    def full(*arguments: object, **options: object) -> Written:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch, pytest.raises(EditError, match="is kept"):
        patch.setattr("parex_tui.tasks.editor.replace_content", full)
        room.desk.set(room.path, changes, by=PERSON)


def test_a_newer_edit_takes_the_place_of_one_that_is_not_written_yet(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwritten(room, monkeypatch, title="First", priority=1)
    room.set(title="Title 2")
    room.set(title="Title")
    room.desk.hold()
    assert (room.fields["title"], room.fields["priority"]) == ("Title", 1)
    assert room.told() == []


def test_what_is_not_written_after_ten_minutes_becomes_a_conflict(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    unwritten(room, monkeypatch, title="First")
    room.later(601)
    room.desk.hold()
    assert room.fields["title"] == "Title"
    assert room.told() == [("title", '"First"', '"Title"')]
    room.desk.hold()
    assert len(room.told()) == 1


def test_what_is_not_written_of_a_deleted_file_rests(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    unwritten(room, monkeypatch, title="First")
    room.path.unlink()
    with monkeypatch.context() as patch:
        tried = refuse(patch)
        for _ in range(100):
            room.desk.hold()
            room.later(0.1)
        assert len(tried) < 10
    room.later(601)
    room.desk.hold()
    assert (room.desk.undo_text(), room.desk.trouble, room.told()) == ("", "", [])


def test_a_file_known_by_a_link_is_one_file(room: Room) -> None:
    link = room.root.with_name("link")
    link.symlink_to(room.root)
    stale = room.fields
    room.set(status="in_progress")
    Desk(link, room.clock).set(link / room.path.relative_to(room.root), {"status": "blocked"}, by=PERSON)
    room.later(3)
    room.overwrite(stale, notes="theirs")
    room.desk.hold()
    assert room.fields["status"] == "blocked"


def test_a_file_that_stands_is_not_read_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.set(status="blocked")
    monkeypatch.setattr("parex_tui.run.holding._COARSE_NS", -(10**18))  # as if the edit were long past
    room.desk.hold()
    reads: list[object] = []
    monkeypatch.setattr("parex_tui.run.holding.read", reads.append)
    room.desk.hold()
    assert reads == []
