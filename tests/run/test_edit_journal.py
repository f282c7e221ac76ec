"""The journal of edits: what a damaged, deleted, full or shared one still gives."""

from __future__ import annotations

import errno
import json
import os
import random
from pathlib import Path

import pytest

from parex_tui.run import statedir
from parex_tui.run.desk import ENGINE, PERSON, Desk
from parex_tui.run.edit_journal import EditJournal
from parex_tui.run.edits import STEPS
from tests.tasks.helpers import Clock, a_project, a_task


def journal_of(root: Path) -> Path:
    return statedir.project_path(root) / "edits" / "edits.jsonl"


@pytest.fixture
def path(tmp_path: Path, state_home: Path) -> Path:
    return a_project(tmp_path, a_task("01", title="Title")) / "subtask_01.json"


def edited(root: Path, path: Path, count: int) -> bytes:
    desk = Desk(root, Clock())
    for number in range(count):
        desk.set(path, {"title": f"T{number}"}, by=PERSON)
    return journal_of(root).read_bytes()


def test_reading_creates_nothing(tmp_path: Path, state_home: Path) -> None:
    desk = Desk(tmp_path, Clock())
    desk.hold()
    assert (desk.conflicts(), desk.undo_text(), desk.trouble) == ((), "", "")
    assert not statedir.project_path(tmp_path).exists()


def test_what_is_written_is_private_whatever_the_umask(tmp_path: Path, path: Path) -> None:
    before = os.umask(0)
    try:
        edited(tmp_path, path, 1)
    finally:
        os.umask(before)
    folder = journal_of(tmp_path).parent
    for one in (folder, *folder.rglob("*")):
        assert one.stat().st_mode & 0o777 == (0o700 if one.is_dir() else 0o600), one


def test_f04_cut_at_every_length_every_whole_record_is_there(tmp_path: Path, path: Path) -> None:
    data = edited(tmp_path, path, 3)
    ends = [at + 1 for at, byte in enumerate(data) if byte == 0x0A]
    for length in range(len(data) + 1):
        journal_of(tmp_path).write_bytes(data[:length])
        ledger = EditJournal(tmp_path).refresh()
        assert len(ledger.entries) == sum(end - 1 <= length for end in ends), length
    torn = data[: ends[1] + 20]
    journal_of(tmp_path).write_bytes(torn)
    journal = EditJournal(tmp_path)
    number = journal.add("closed", {"edit": 1, "fields": []}, 1.0)
    assert (number, len(journal.ledger.entries)) == (3, 2)
    bad = journal_of(tmp_path).with_name("edits.jsonl.bad")
    assert bad.read_bytes() == torn[ends[1] :] + b"\n" or bad.read_bytes() == torn[ends[1] :]


def test_f04_a_flipped_bit_costs_one_record_and_nothing_else(tmp_path: Path, path: Path) -> None:
    data = edited(tmp_path, path, 3)
    whole = EditJournal(tmp_path).refresh().entries
    moments = random.Random(7)
    for bit in moments.sample(range(len(data) * 8), 800):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        journal_of(tmp_path).write_bytes(damaged)
        found = EditJournal(tmp_path).refresh().entries
        assert found.items() <= whole.items()
        assert len(found) >= len(whole) - (2 if data[bit // 8] == 0x0A else 1)


def test_f05_a_state_folder_that_is_deleted_while_parex_runs_comes_back(tmp_path: Path, path: Path) -> None:
    desk = Desk(tmp_path, Clock())
    desk.set(path, {"title": "One"}, by=PERSON)
    folder = journal_of(tmp_path).parent
    for one in sorted(folder.rglob("*"), reverse=True):
        one.rmdir() if one.is_dir() else one.unlink()
    folder.rmdir()
    assert desk.undo_text() == ""
    desk.set(path, {"title": "Two"}, by=PERSON)
    assert desk.undo().text == "01 Two: title"
    assert json.loads(path.read_bytes())["title"] == "One"


def test_a_journal_that_cannot_be_written_keeps_no_edit_from_being_made(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, other = Desk(tmp_path, Clock()), Desk(tmp_path, Clock())
    desk.set(path, {"title": "One"}, by=PERSON)
    whole = statedir.append_line

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(statedir, "append_line", full)
    before = path.read_bytes()
    desk.set(path, {"title": "Two"}, by=PERSON)
    assert "cannot be written: No space left" in desk.trouble
    path.write_bytes(before)
    desk.hold()
    assert json.loads(path.read_bytes())["title"] == "Two"
    monkeypatch.setattr(statedir, "append_line", whole)
    other.set(path, {"notes": "between"}, by=PERSON)  # takes the number that ours had in memory
    desk.set(path, {"status": "blocked"}, by=PERSON)
    assert desk.trouble == ""
    steps = [entry.text for entry in EditJournal(tmp_path).refresh().undoable()]
    assert sorted(steps) == ["01 One: title", "01 Two: notes", "01 Two: status blocked", "01 Two: title"]
    assert [desk.undo().text, desk.undo().text] == ["01 Two: status blocked", "01 Two: title"]


def test_it_does_not_grow_without_end_and_keeps_what_can_be_taken_back(tmp_path: Path, path: Path) -> None:
    clock = Clock()
    desk = Desk(tmp_path, clock)
    watching = Desk(tmp_path, clock)
    for number in range(2100):
        clock.now += 10
        desk.set(path, {"notes": number}, by=ENGINE if number < 1800 else PERSON)
    assert len(journal_of(tmp_path).read_bytes().splitlines()) < 600
    assert len(list((journal_of(tmp_path).parent / "copies").iterdir())) <= STEPS * 5 // 4
    newest = EditJournal(tmp_path).refresh().last
    assert watching.undo_text() == desk.undo_text() != ""
    desk.set(path, {"notes": "last"}, by=PERSON)
    assert EditJournal(tmp_path).refresh().last == newest + 1
    for number in range(2099, 1990, -1):
        desk.undo()
        assert json.loads(path.read_bytes())["notes"] == number


def test_a_record_of_a_newer_parex_is_passed_over(tmp_path: Path, path: Path) -> None:
    journal = EditJournal(tmp_path)
    journal.add("edit", {"by": "a committee"}, 1.0)
    journal.add("vote", {"edit": 1, "for": [1, 2]}, 1.0)
    edited(tmp_path, path, 1)
    assert list(EditJournal(tmp_path).refresh().entries) == [3]


def test_a_read_that_fails_is_told_until_the_next_good_one(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited(tmp_path, path, 1)
    journal = EditJournal(tmp_path)

    def fail(*arguments: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "pread", fail)
        journal.refresh()
        assert "cannot be read" in journal.trouble
    assert len(journal.refresh().entries) == 1
    assert journal.trouble == ""


def test_a_record_is_saved_once_it_is_on_the_disk_also_where_the_journal_cannot_be_written_anew(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, Clock())
    desk.set(path, {"title": "A"}, by=PERSON)
    journal = EditJournal(tmp_path)
    monkeypatch.setattr("parex_tui.run.edit_journal._LINES", 0)
    journal.refresh()
    journal._rewrite_at = 0

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(statedir, "write_durably", full)
    numbers = [journal.add("closed", {"edit": 1, "fields": [name]}, 1.0) for name in "xyz"]
    assert numbers == [2, 3, 4]
    assert len(journal_of(tmp_path).read_bytes().splitlines()) == 4
    assert journal.trouble == ""


def test_what_waits_points_at_the_new_numbers_also_when_the_disk_is_full_in_between(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited(tmp_path, path, 1)
    record = json.loads(journal_of(tmp_path).read_bytes().splitlines()[0])
    about = {key: record[key] for key in ("by", "text", "parts", "undoes", "derived", "moved")}
    journal, other = EditJournal(tmp_path), EditJournal(tmp_path)
    whole, room = statedir.append_line, [0]

    def full(*arguments: object) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(*arguments)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(statedir, "append_line", full)
    mine = journal.add("edit", about, 1.0)
    journal.add("closed", {"edit": mine, "fields": ["waits"]}, 1.0)
    room[0] = 1
    other.add("edit", about, 1.0)  # takes the number
    room[0] = 1
    journal.add("closed", {"edit": mine, "fields": []}, 1.0)  # our edit is written, and no more
    room[0] = 9
    journal.add("closed", {"edit": 1, "fields": []}, 1.0)
    ledger = EditJournal(tmp_path).refresh()
    assert list(ledger.entries) == [1, 2, 3]
    assert ledger.closed.get(3) == {"waits"}
    assert "waits" not in ledger.closed.get(2, set())


def test_written_anew_it_still_knows_what_was_answered_and_when_to_be_written_anew_again(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parex_tui.run.edit_journal._LINES", 6)
    edited(tmp_path, path, 4)
    journal = EditJournal(tmp_path)
    journal.refresh()
    found = {"edit": 4, "file": path.relative_to(tmp_path).as_posix(), "field": "title", "why": "w", "new": "T3"}
    number = journal.add("conflict", found, 1000.0)
    journal.add("answered", {"edit": number}, 1000.0)
    journal.add("vote", {}, 1000.0)
    ledger = EditJournal(tmp_path).refresh()
    assert (ledger.conflicts, ledger.closed) == ({}, {4: {"title"}})
    rewritten = journal_of(tmp_path).stat().st_ino
    for _ in range(5):  # a process each: none writes it anew before it is twice as long
        EditJournal(tmp_path).add("closed", {"edit": 4, "fields": []}, 1000.0)
    assert journal_of(tmp_path).stat().st_ino == rewritten


def test_a_journal_that_another_one_took_the_place_of_is_read_from_its_start(tmp_path: Path, path: Path) -> None:
    first = edited(tmp_path, path, 3)
    journal = EditJournal(tmp_path)
    assert len(journal.refresh().entries) == 3
    journal_of(tmp_path).unlink()
    second = edited(tmp_path, path, 5)
    assert first[:40] != second[:40]
    journal_of(tmp_path).write_bytes(first)
    journal = EditJournal(tmp_path)
    journal.refresh()
    journal_of(tmp_path).write_bytes(second)  # longer, and the inode is the same
    assert len(journal.refresh().entries) == 5


def test_looking_for_what_is_live_again_costs_nothing_until_something_changes(tmp_path: Path, path: Path) -> None:
    edited(tmp_path, path, 3)
    journal = EditJournal(tmp_path)
    first = journal.refresh().live(1001.0)
    assert journal.refresh().live(1200.0) is first
    assert journal.ledger.live(1601.0) == {}
    assert journal.ledger.live(1000.0) == first
    journal.add("closed", {"edit": 3, "fields": ["title"]}, 1001.0)
    (entries,) = journal.ledger.live(1001.0).values()
    assert [entry.number for entry in entries] == [1, 2]
