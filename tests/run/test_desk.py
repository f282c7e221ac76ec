"""The desk: what a person can take back, what waits for room on the disk, and what the conductor carries out."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from parex_tui.run import desk, taking_back
from parex_tui.run.attempts import Journal
from parex_tui.run.conductor import Conductor
from parex_tui.run.desk import ENGINE, PERSON, Desk
from parex_tui.run.limits import Choice
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Answer, Command, Do, Snapshot
from parex_tui.run.states import Starting
from parex_tui.settings import Settings
from parex_tui.tasks import create
from parex_tui.tasks.edit import ChangedError, EditError
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, JsonValue, Task
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.repair import find_repair
from tests.tasks.helpers import Clock, a_project, a_task, write


class Room:
    """A project with one feature of two tasks, and a desk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = a_project(root, a_task("01", title="One", ratio=1.10), a_task("02"))
        self.path = self.folder / "subtask_01.json"
        write(self.folder / "task.json", {"id": "auth", "name": "Auth", "status": "active", "completed_count": 0})
        self.path.write_bytes(self.path.read_bytes().replace(b"1.1,", b"1.10,"))
        self.clock = Clock()
        self.desk = Desk(root, self.clock)

    @property
    def feature(self) -> Feature:
        (found,) = read_project(locate(self.root, explicit=True)).features
        return found

    @property
    def task(self) -> Task:
        found = self.feature.task("01")
        assert found is not None
        return found

    @property
    def fields(self) -> dict[str, JsonValue]:
        found = json.loads(self.path.read_bytes())
        assert isinstance(found, dict)
        return found

    def state(self) -> dict[str, bytes]:
        """Every task file with its bytes."""
        tasks = self.root / ".tmp" / "tasks"
        return {str(one.relative_to(tasks)): one.read_bytes() for one in tasks.rglob("*") if one.is_file()}


@pytest.fixture
def room(tmp_path: Path, state_home: Path) -> Room:
    return Room(tmp_path / "project")


CHANGES: dict[str, Callable[[Room], object]] = {
    "start": lambda room: room.desk.start(room.task, "person", by=PERSON),
    "complete": lambda room: room.desk.complete(room.task, "done", by=PERSON),
    "block": lambda room: room.desk.block(room.task, by=PERSON),
    "set": lambda room: room.desk.set(room.path, {"ratio": 2, "title": "Other", "new": [1]}, by=PERSON),
    "replace": lambda room: room.desk.replace(room.path, room.path.read_bytes(), b'{"status": "blocked"}', by=PERSON),
    "new task": lambda room: room.desk.new_task(room.feature, {"title": "Three"}),
    "new feature": lambda room: room.desk.new_feature(room.folder.parent, "other", {"name": "Other"}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_that_nobody_touched_is_taken_back_byte_for_byte(room: Room, kind: str) -> None:
    before = room.state()
    CHANGES[kind](room)
    assert room.state() != before
    assert room.desk.undo_text() == room.desk.undo().text != ""
    assert room.state() == before
    assert room.desk.undo_text() == ""
    with pytest.raises(EditError, match="nothing to undo"):
        room.desk.undo()


def test_an_archived_feature_comes_back_byte_for_byte(room: Room) -> None:
    for seq in ("01", "02"):
        room.desk.set(room.folder / f"subtask_{seq}.json", {"status": "completed"}, by=ENGINE)
    before = room.state()
    room.desk.archive(room.feature)
    assert not room.folder.exists()
    archived = room.state()
    assert room.desk.undo().text == "auth archived"
    assert room.state() == before
    room.desk.archive(room.feature)
    room.desk.unarchive(room.feature)
    assert room.folder.exists()
    assert room.desk.undo().text == "auth taken out of the archive"
    assert room.state() == archived


def test_a_repair_is_taken_back_too(room: Room) -> None:
    broken = room.path.read_bytes().replace(b'"One",', b'"One"')
    room.path.write_bytes(broken)
    repair = find_repair(room.path, broken)
    assert repair is not None
    room.desk.repair(repair)
    assert room.fields["title"] == "One"
    room.desk.undo()
    assert room.path.read_bytes() == broken


def test_several_steps_go_back_one_by_one_and_never_what_the_engine_did(room: Room) -> None:
    states = [room.path.read_bytes()]
    for title in ("A", "B", "C"):
        room.desk.set(room.path, {"title": title}, by=PERSON)
        states.append(room.path.read_bytes())
    room.desk.sync(room.folder)
    room.desk.set(room.folder / "subtask_02.json", {"status": "blocked"}, by=ENGINE)
    for state in reversed(states[:-1]):
        room.desk.undo()
        assert room.path.read_bytes() == state
    assert room.desk.undo_text() == ""


def test_another_field_that_somebody_changed_since_stays(room: Room) -> None:
    before = room.fields
    room.desk.set(room.path, {"title": "Ours", "new": 1}, by=PERSON)
    write(room.path, {**room.fields, "notes": "theirs"})
    room.desk.undo()
    assert room.fields == {**before, "notes": "theirs"}


def test_a_field_that_somebody_changed_since_is_refused_with_both_values(room: Room) -> None:
    room.desk.set(room.path, {"title": "First"}, by=PERSON)
    room.desk.block(room.task, by=PERSON)
    write(room.path, {**room.fields, "status": "completed"})
    theirs = room.path.read_bytes()
    with pytest.raises(ChangedError, match=r'status was set to "blocked", and is "completed".*the change before'):
        room.desk.undo()
    assert room.path.read_bytes() == theirs
    assert room.desk.undo().text == "01 First: title"
    assert (room.fields["title"], room.fields["status"]) == ("One", "completed")


def test_a_new_task_that_somebody_worked_on_is_not_deleted(room: Room) -> None:
    path = room.desk.new_task(room.feature, {"title": "Three"})
    room.desk.set(path, {"status": "blocked"}, by=ENGINE)
    with pytest.raises(ChangedError, match="changed the new file"):
        room.desk.undo()
    assert path.exists()


def test_an_undo_is_looked_after_as_any_edit(room: Room) -> None:
    room.desk.set(room.path, {"title": "Ours"}, by=PERSON)
    stale = room.fields
    room.desk.undo()
    room.clock.now += 5
    write(room.path, {**stale, "notes": "theirs"})
    room.desk.hold()
    assert (room.fields["title"], room.fields["notes"]) == ("One", "theirs")


def test_an_undo_brings_task_json_in_line_where_a_status_changed_and_nowhere_else(room: Room) -> None:
    room.desk.set(room.path, {"title": "Ours"}, by=PERSON)
    room.desk.complete(room.task, "done", by=PERSON)
    room.desk.sync(room.folder)
    assert json.loads((room.folder / "task.json").read_bytes())["completed_count"] == 1
    taken = room.desk.undo()
    assert taken.entry.parts[0].file.endswith("subtask_01.json")
    assert [(one.path.name, one.new) for one in taken.edits] == [("task.json", {"completed_count": 0})]
    write(room.folder / "task.json", {"name": "Auth", "status": "completed"})
    theirs = (room.folder / "task.json").read_bytes()
    assert room.desk.undo().edits == ()
    assert (room.folder / "task.json").read_bytes() == theirs


def between(room: Room, monkeypatch: pytest.MonkeyPatch, name: str, write_theirs: Callable[[], object]) -> None:
    """Somebody else writes right after `name` of the files' rooms is done."""
    module = create if hasattr(create, name) else desk
    whole = getattr(module, name)

    def and_theirs(*words: object, **named: object) -> object:
        found = whole(*words, **named)
        write_theirs()
        return found

    monkeypatch.setattr(module, name, and_theirs)


def test_what_an_agent_writes_into_a_new_task_at_once_is_not_taken_for_ours(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room.folder / "subtask_03.json"
    between(room, monkeypatch, "new_task", lambda: write(path, a_task("03", title="Theirs")))
    room.desk.new_task(room.feature, {"title": "Three"})
    theirs = path.read_bytes()
    with pytest.raises(ChangedError, match="changed the new file"):
        room.desk.undo()
    assert path.read_bytes() == theirs


def test_what_is_written_into_an_archived_task_json_at_once_is_not_taken_for_ours(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seq in ("01", "02"):
        room.desk.set(room.folder / f"subtask_{seq}.json", {"status": "completed"}, by=ENGINE)
    place = room.folder.parent / "completed" / "auth" / "task.json"
    between(room, monkeypatch, "archive_feature", lambda: write(place, {"name": "Theirs", "status": "completed"}))
    room.desk.archive(room.feature)
    with pytest.raises(ChangedError, match="somebody changed it"):
        room.desk.undo()
    assert json.loads(place.read_bytes())["name"] == "Theirs"
    assert not room.folder.exists()


class Killed(BaseException):
    """The process ends here."""


def killed_at(monkeypatch: pytest.MonkeyPatch, module: object, name: str, undo: Callable[[], object]) -> None:
    """Begin an undo that ends where `name` is called."""

    def end(*words: object, **named: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(module, name, end)
        undo()


def test_an_undo_that_is_killed_before_its_record_stays_undone(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    before = room.path.read_bytes()
    room.desk.set(room.path, {"title": "Ours"}, by=PERSON)
    killed_at(monkeypatch, desk, "entry_record", room.desk.undo)
    assert room.path.read_bytes() == before
    again = Desk(room.root, room.clock)
    room.clock.now += 2
    again.hold()
    assert room.path.read_bytes() == before
    assert again.undo().text == "01 Ours: title"
    assert room.path.read_bytes() == before
    assert again.undo_text() == ""


def test_an_undo_of_the_archive_that_is_killed_is_completed_by_the_next(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seq in ("01", "02"):
        room.desk.set(room.folder / f"subtask_{seq}.json", {"status": "completed"}, by=ENGINE)
    shelf = room.folder.parent / "active"
    shelf.mkdir()
    room.folder.rename(shelf / "auth")
    before = room.state()
    room.desk.archive(room.feature)
    shelf.rmdir()
    killed_at(monkeypatch, taking_back, "take_back", room.desk.undo)
    assert (shelf / "auth").is_dir()
    again = Desk(room.root, room.clock)
    assert again.undo().text == "auth archived"
    assert room.state() == before


def test_a_new_feature_with_more_in_it_by_now_is_not_deleted(room: Room) -> None:
    folder = room.desk.new_feature(room.folder.parent, "other", {"name": "Other"})
    (folder / "notes.md").write_text("mine")
    state = room.state()
    with pytest.raises(ChangedError, match="there is more in it by now"):
        room.desk.undo()
    assert room.state() == state


def test_a_change_of_a_file_that_is_gone_is_left_out(room: Room) -> None:
    room.desk.set(room.folder / "subtask_02.json", {"title": "Two"}, by=PERSON)
    room.desk.set(room.path, {"title": "Ours"}, by=PERSON)
    room.path.unlink()
    with pytest.raises(ChangedError, match="the file is gone; it is not taken back; undo again"):
        room.desk.undo()
    assert room.desk.undo().text == "02 Two: title"
    assert not room.path.exists()


def test_insisting_writes_over_what_was_shown_and_nothing_else(room: Room) -> None:
    room.desk.set(room.path, {"title": "Ours"}, by=PERSON)
    write(room.path, {**room.fields, "title": "Theirs"})
    room.desk.hold()
    (conflict,) = room.desk.conflicts()
    write(room.path, {**room.fields, "title": "Newer"})
    with pytest.raises(ChangedError, match=r'title is "Newer" by now'):
        room.desk.insist(conflict.number)
    assert room.fields["title"] == "Newer"
    (shown,) = room.desk.conflicts()
    assert (shown.ours, shown.theirs) == ('"Ours"', '"Newer"')
    room.desk.set(room.path, {"title": "Settled"}, by=PERSON)
    for number in (conflict.number, shown.number):
        with pytest.raises(EditError, match="settled already"):
            room.desk.insist(number)
    assert room.fields["title"] == "Settled"


# --- what the system refuses --------------------------------------------------------------------------------------


class Disk:
    """Lets task files grow, or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = True
        whole = os.pwrite

        def pwrite(descriptor: int, data: bytes, offset: int) -> int:
            if self.is_full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return whole(descriptor, data, offset)

        monkeypatch.setattr(os, "pwrite", pwrite)


def test_f02_a_change_that_finds_no_room_is_kept_and_made_when_there_is(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    before = room.path.read_bytes()
    with pytest.raises(EditError, match="no space left on the disk; the change is kept"):
        room.desk.block(room.task, by=PERSON)
    with pytest.raises(EditError, match="make room and try again"):
        room.desk.set(room.path, {"title": "of the engine"}, by=ENGINE)
    room.desk.hold()
    assert room.path.read_bytes() == before
    disk.is_full = False
    again = Desk(room.root, room.clock)  # parex was closed meanwhile
    room.clock.now += 300
    again.hold()
    assert (room.fields["status"], room.fields["title"]) == ("blocked", "One")
    assert again.undo().text == "01 One: status blocked"
    assert room.path.read_bytes() == before


def test_f02_a_change_that_waits_can_be_taken_back_or_loses_to_theirs(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    for title in ("Gone", "Ours"):
        with pytest.raises(EditError):
            room.desk.set(room.path, {"title": title}, by=PERSON)
        if title == "Gone":
            assert room.desk.undo().text == "01 Gone: title"
    disk.is_full = False
    write(room.path, {**room.fields, "title": "Theirs"})
    room.desk.hold()
    assert room.fields["title"] == "Theirs"
    (conflict,) = room.desk.conflicts()
    assert (conflict.ours, conflict.theirs) == ('"Ours"', '"Theirs"')
    assert room.desk.undo_text() == ""


def test_f08_a_file_that_cannot_be_written_says_the_systems_word(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.open

    def forbidden(path: str, flags: int, *more: int, **named: int) -> int:
        if flags & os.O_RDWR and str(path).endswith("subtask_01.json"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return whole(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", forbidden)
    before = room.path.stat()
    with pytest.raises(EditError, match="Permission denied"):
        room.desk.block(room.task, by=PERSON)
    after = room.path.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (before.st_mode, before.st_uid, before.st_mtime_ns)
    assert room.desk.undo_text() == ""


def test_f12_f13_links_stay_links_through_edit_stale_write_and_undo(room: Room) -> None:
    real = room.root / "kept.json"
    room.path.rename(real)
    room.path.symlink_to(real)
    (room.root / "second").hardlink_to(real)
    before = real.read_bytes()
    room.desk.set(room.path, {"status": "blocked"}, by=PERSON)
    real.write_bytes(before)
    room.desk.hold()
    assert room.fields["status"] == "blocked"
    room.desk.undo()
    assert real.read_bytes() == (room.root / "second").read_bytes() == before
    assert room.path.is_symlink()
    assert real.stat().st_nlink == 2
    outside = room.root.parent / "subtask_01.json"
    outside.write_bytes(before)
    room.path.unlink()
    room.path.symlink_to(outside)
    with pytest.raises(EditError, match="outside the project"):
        room.desk.set(room.path, {"status": "blocked"}, by=PERSON)
    assert outside.read_bytes() == before


# --- commands -----------------------------------------------------------------------------------------------------


class Counter:
    """A person at a conductor."""

    def __init__(self, room: Room) -> None:
        self.room = room
        setup = make_setup(locate(room.root, explicit=True), Settings(), Choice())
        self.conductor = Conductor(setup)
        self.conductor.tick()

    @property
    def snapshot(self) -> Snapshot:
        return self.conductor.snapshot()

    def ask(self, do: Do, seq: str = "", note: str = "", **more: object) -> Answer:
        feature = "" if do in (Do.UNDO, Do.NEW_FEATURE, Do.INSIST, Do.YIELD) else next(iter(self.snapshot.features))
        before = self.snapshot.answer
        assert self.conductor.send(Command(do, feature, seq, note, **more)) == ""  # type: ignore[arg-type]  # by name
        self.conductor.tick()
        answer = self.snapshot.answer
        assert answer is not None
        assert before is None or answer.number > before.number
        assert "\n" not in answer.text
        assert str(self.room.root) not in answer.text
        return answer


@pytest.fixture
def counter(room: Room) -> Counter:
    return Counter(room)


def test_every_answer_is_one_line_and_the_snapshot_follows(counter: Counter) -> None:
    ask, room = counter.ask, counter.room
    assert ask(Do.BLOCK, "01").text == "01 One: status is blocked now"
    assert counter.snapshot.undo == "01 One: status blocked"
    assert ask(Do.EDIT, "01", changes={"title": "Neu"}).text == "01 One: title is Neu now"
    assert ask(Do.START, "02", "Ada").text == "02 Task 02: status is in_progress now"
    assert json.loads((room.folder / "subtask_02.json").read_bytes())["agent_id"] == "Ada"
    assert ask(Do.EDIT, changes={"name": "Auth 2"}).text == "auth: name is Auth 2 now"
    assert ask(Do.UNDO).text == "taken back: auth: name"
    room.desk.complete(room.task, "done", by=PERSON)
    room.desk.sync(room.folder)
    assert json.loads((room.folder / "task.json").read_bytes())["completed_count"] == 1
    assert ask(Do.UNDO).done
    assert json.loads((room.folder / "task.json").read_bytes())["completed_count"] == 0
    new = ask(Do.NEW_TASK, changes={"title": "Three"})
    assert new.text == "new: .tmp/tasks/auth/subtask_03.json"
    assert ask(Do.NEW_FEATURE, note="other", changes={"name": "Other"}).text == "new: .tmp/tasks/other"
    assert len(counter.snapshot.features) == 2
    assert ask(Do.UNDO).done
    assert len(counter.snapshot.features) == 1


def test_refusals_are_answers_too(counter: Counter) -> None:
    ask = counter.ask
    refused = [
        (ask(Do.EDIT, "09", changes={"title": "x"}), "there is no task 09 in auth"),
        (ask(Do.EDIT, "01", changes={"status": "failed"}), "the format knows no status “failed”"),
        (ask(Do.EDIT, "01", digest="0" * 64, changes={"title": "x"}), "look again first"),
        (ask(Do.EDIT, "01"), "there is nothing to change"),
        (ask(Do.UNDO), "there is nothing to undo"),
        (ask(Do.ARCHIVE), "Cannot archive: 0/2 tasks completed"),
        (ask(Do.INSIST, note="7"), "settled already"),
        (ask(Do.YIELD, note="x"), "no such conflict"),
        (ask(Do.REPAIR, path=counter.room.path), "no repair"),
    ]
    for answer, words in refused:
        assert not answer.done
        assert words in answer.text


def test_a_repair_is_of_the_bytes_that_were_shown(counter: Counter) -> None:
    path = counter.room.path
    broken = path.read_bytes().replace(b'"One",', b'"One"')
    path.write_bytes(broken)
    assert "changed since" in counter.ask(Do.REPAIR, path=path, digest="0" * 64).text
    assert counter.ask(Do.REPAIR, path=path).text == ".tmp/tasks/auth/subtask_01.json is repaired"
    assert counter.room.fields["title"] == "One"
    assert counter.ask(Do.UNDO).done
    assert path.read_bytes() == broken


def test_a_conflict_is_in_the_snapshot_until_it_is_answered(counter: Counter) -> None:
    room = counter.room
    for do in (Do.INSIST, Do.YIELD):
        title = f"Ours {do}"
        counter.ask(Do.EDIT, "01", changes={"title": title})
        write(room.path, {**room.fields, "title": f"Theirs {do}"})
        counter.conductor.tick()
        (conflict,) = counter.snapshot.conflicts
        assert (conflict.field, conflict.theirs) == ("title", f'"Theirs {do}"')
        assert counter.ask(do, note=str(conflict.number)).done
        assert room.fields["title"] == (title if do is Do.INSIST else f"Theirs {do}")
        assert counter.snapshot.conflicts == ()


# --- who may set which status ---


def test_a_title_on_screen_opens_no_feature_again(counter: Counter) -> None:
    path = counter.room.folder / "task.json"
    write(path, {"name": "Auth", "status": "completed"})
    theirs = path.read_bytes()
    assert counter.ask(Do.EDIT, "01", changes={"title": "Other"}).done
    assert counter.ask(Do.UNDO).done
    assert path.read_bytes() == theirs


def test_a_status_on_screen_follows_the_rules_of_the_commands(counter: Counter) -> None:
    room = counter.room
    room.desk.set(room.folder / "subtask_02.json", {"depends_on": ["01"]}, by=ENGINE)
    before = room.state()
    refused = [
        (counter.ask(Do.EDIT, "01", changes={"status": "completed"}), "`parex complete auth 01 'what was done'`"),
        (counter.ask(Do.EDIT, "01", changes={"status": "completed"}), "accept it with y"),
        (counter.ask(Do.EDIT, "02", changes={"status": "in_progress"}), "it depends on 01 (pending)"),
        (counter.ask(Do.START, "02", "Ada"), "`parex start auth 02 --force`"),
    ]
    for answer, words in refused:
        assert not answer.done
        assert words in answer.text
    assert room.state() == before


def test_on_screen_a_time_of_completion_goes_with_its_status(counter: Counter) -> None:
    counter.room.desk.complete(counter.room.task, "done", by=ENGINE)
    assert counter.ask(Do.EDIT, "01", changes={"status": "pending"}).done
    assert counter.room.fields["completed_at"] is None


def test_a_task_of_an_archived_feature_is_not_edited_on_screen(counter: Counter) -> None:
    room = counter.room
    for seq in ("01", "02"):
        room.desk.set(room.folder / f"subtask_{seq}.json", {"status": "completed"}, by=ENGINE)
    assert counter.ask(Do.ARCHIVE).done
    before = room.state()
    answers = [
        counter.ask(Do.EDIT, "01", changes={"title": "Other"}),
        counter.ask(Do.EDIT, changes={"name": "Other"}),
        counter.ask(Do.BLOCK, "01"),
    ]
    for answer in answers:
        assert answer.text == "auth is archived; `parex unarchive auth` first"
    assert room.state() == before


class Alive:
    """An attempt whose keeper runs."""

    number = 1

    def state(self) -> Starting:
        return Starting()


def test_what_runs_under_parex_is_left_to_it_on_screen(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    room = counter.room
    for seq in ("01", "02"):
        room.desk.set(room.folder / f"subtask_{seq}.json", {"status": "completed"}, by=ENGINE)
    counter.conductor.tick()
    assert counter.ask(Do.EDIT, "02", changes={"status": "blocked"}).done
    path = room.folder / "subtask_02.json"
    write(path, {**json.loads(path.read_bytes()), "status": "in_progress"})
    counter.conductor.tick()
    (conflict,) = counter.snapshot.conflicts
    clerk = counter.conductor._clerk  # to ask it without the engine, which would settle such an attempt
    before = room.state()
    monkeypatch.setattr(Journal, "feature_attempts", lambda journal, key: {"02": (Alive(),)})
    for command in (
        Command(Do.ARCHIVE, counter.snapshot.project.features[0].key),
        Command(Do.BLOCK, counter.snapshot.project.features[0].key, "02"),
        Command(Do.EDIT, counter.snapshot.project.features[0].key, "02", changes={"status": "pending"}),
        Command(Do.INSIST, "", note=str(conflict.number)),
    ):
        answer = clerk.carry_out(command, counter.snapshot.project)
        assert not answer.done
        assert "auth/02 runs under parex (attempt 1); stop it first" in answer.text
    assert room.state() == before
