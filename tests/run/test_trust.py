"""Trust: given to exactly these bytes at this place, kept where no repository can write, and to nothing else."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.run.checks import Report, Untrusted, gate
from parex_tui.run.statedir import project_path, state_root
from parex_tui.run.trust import Executable, Trust, UnsafeError, digest_of
from parex_tui.tasks.model import JsonValue, Task
from parex_tui.tasks.verification import Block, CommandCheck

from .checking import NOW, Place, clock, command
from .house import House

RACES = int(os.environ.get("PAREX_RACES", "60"))
"""How often a trusted file is replaced while it is used; 10,000 for the long run."""


@pytest.fixture
def place(house: House) -> Place:
    """A project with one trusted command."""
    made = Place(house.root)
    made.write(command("touch marker", timeout_ms=60_000))
    made.give()
    return made


def is_trusted(place: Place, seq: str = "01") -> bool:
    return place.trust.is_trusted(place.executable(seq))


def test_nothing_is_trusted_before_a_person_said_so(house: House, state_home: Path) -> None:
    place = Place(house.root)
    place.write(command("true"))
    assert not is_trusted(place)
    assert [one.trusted for one in place.trust.what(place.feature())] == [False]
    assert not state_home.exists(), "a question left something behind"


def test_what_was_trusted_is_remembered_by_the_next_process(place: Place) -> None:
    assert is_trusted(place)
    assert [one.trusted for one in place.trust.what(place.feature())] == [True]


@pytest.mark.parametrize(
    "change",
    [
        command("touch marker ", timeout_ms=60_000),
        command("touch Marker", timeout_ms=60_000),
        command("touch marker", timeout_ms=60_001),
        command("touch marker"),
    ],
)
def test_one_changed_byte_asks_again(place: Place, change: JsonValue) -> None:
    place.write(change)
    assert not is_trusted(place)
    place.write(command("touch marker", timeout_ms=60_000))
    assert is_trusted(place)


def test_another_position_or_one_more_command_asks_again(place: Place) -> None:
    place.write({"type": "file_exists", "path": "x"}, command("touch marker", timeout_ms=60_000))
    assert not is_trusted(place)
    place.write(command("touch marker", timeout_ms=60_000), command("true"))
    assert not is_trusted(place)


def test_what_executes_nothing_may_change(place: Place) -> None:
    place.write(command("touch marker", timeout_ms=60_000, expect_exit=3, expect_contains="x"))
    assert is_trusted(place)
    text = place.file().read_text()
    place.file().write_text(text.replace("pending", "in_progress").replace("Title", "Another title"))
    assert is_trusted(place)


def test_another_task_is_asked_about_and_leaves_this_one_alone(place: Place) -> None:
    place.write(command("touch marker", timeout_ms=60_000), seq="02")
    assert not is_trusted(place, "02")
    assert is_trusted(place)


def test_a_copy_of_the_project_is_asked_about(place: Place, tmp_path: Path) -> None:
    copy = Place(shutil.copytree(place.root, tmp_path / "copy"))
    assert not is_trusted(copy)


def test_a_moved_project_and_one_that_took_its_place_are_asked_about(place: Place, tmp_path: Path) -> None:
    moved = Place(place.root.rename(tmp_path / "elsewhere"))
    assert not is_trusted(moved)
    shutil.copytree(moved.root, place.root)  # the same path, the same bytes, another folder
    assert not is_trusted(place)


def test_through_a_link_it_is_the_same_project(place: Place, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(place.root)
    assert is_trusted(Place(link))


_LINES = st.lists(st.tuples(st.text(min_size=1, max_size=6), st.integers(1, 99)), min_size=1, max_size=3)


@given(_LINES, _LINES)
def test_two_lists_of_commands_have_one_digest_only_if_they_are_one(
    ones: list[tuple[str, int]], others: list[tuple[str, int]]
) -> None:
    def digest(lines: list[tuple[str, int]]) -> str:
        block = Block(tuple(CommandCheck(line, timeout_ms=limit) for line, limit in lines))
        made = Trust(Path("/tmp")).executable(Task(feature="f", seq="01", path=Path("/tmp/f/subtask_01.json")), block)
        assert made is not None
        return made.digest

    assert (digest(ones) == digest(others)) == (ones == others)


def test_the_digest_of_several_says_which_and_in_which_order(place: Place) -> None:
    place.write(command("true"), seq="02")
    one, two = place.executable("01"), place.executable("02")
    assert len({digest_of(some) for some in ([], [one], [two], [one, two], [two, one])}) == 5


def test_only_the_user_can_read_or_write_the_store(place: Place) -> None:
    store = project_path(place.root) / "trust"
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    (file,) = store.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.name == place.executable().digest


def test_what_is_given_can_be_listed_and_withdrawn_also_when_the_file_is_gone(place: Place) -> None:
    digest = place.executable().digest
    place.file().unlink()
    (given_once,) = place.trust.given()
    assert (given_once.digest, given_once.feature, given_once.seq, given_once.at) == (digest, "auth", "01", NOW)
    assert given_once.commands == ("touch marker",)
    assert place.trust.withdraw([digest, digest, "../../escape", "f" * 64]) == 1
    assert place.trust.given() == ()


def test_withdrawn_is_not_trusted(place: Place) -> None:
    place.trust.withdraw([place.executable().digest])
    assert not is_trusted(place)
    assert isinstance(place.gate(), Untrusted)


@pytest.mark.parametrize("folder", [state_root, lambda: _store().parent, lambda: _store()])
def test_a_store_that_others_can_write_to_is_no_store(place: Place, folder: Callable[[], Path]) -> None:
    folder().chmod(0o777)
    with pytest.raises(UnsafeError, match="writable by other users"):
        place.trust.is_trusted(place.executable())
    with pytest.raises(UnsafeError, match="writable by other users"):
        place.give()
    with pytest.raises(UnsafeError, match="writable by other users"):
        place.trust.withdraw([place.executable().digest])


def _store() -> Path:
    (project,) = (state_root() / "projects").iterdir()
    return project / "trust"


def test_a_damaged_record_is_no_trust(place: Place) -> None:
    (file,) = _store().iterdir()
    file.write_bytes(b"")
    assert not is_trusted(place)


# --- S08: who else could write here ------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["", ".tmp", ".tmp/tasks", ".tmp/tasks/auth", ".tmp/tasks/auth/subtask_01.json"])
def test_what_every_user_can_write_is_refused_although_it_is_trusted(place: Place, part: str) -> None:
    where = place.root / part
    before = where.stat().st_mode
    where.chmod(before | stat.S_IWOTH)
    found = place.gate()
    assert isinstance(found, Untrusted)
    assert "can be written by every user" in found.refusal
    assert not (place.root / "marker").exists()
    if where.is_dir():
        where.chmod(before | stat.S_IWOTH | stat.S_ISVTX)  # as /tmp: nobody can replace what is another's
        assert isinstance(place.gate(), Report)


def test_what_belongs_to_another_user_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    here = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: here + 1)
    with pytest.raises(UnsafeError, match="belongs to another user"):
        place.trust.check_place(place.task())


# --- S09: forged state inside the repository ---------------------------------------------------------------------


def test_a_store_inside_the_repository_is_nobodys(house: House, state_home: Path) -> None:
    """Not where the user's own would lie below a home folder, nor under parex's own names."""
    place = Place(house.root)
    place.write(command("touch marker"))
    place.give()
    real = project_path(place.root)
    for forged in (".parex", ".local/state/parex", ".tmp/parex", ".tmp/tasks/auth"):
        shutil.copytree(real, place.root / forged, dirs_exist_ok=True)
        shutil.copytree(real, place.root / forged / "projects" / real.name, dirs_exist_ok=True)
    shutil.rmtree(state_home)
    assert isinstance(place.gate(), Untrusted)
    assert not (place.root / "marker").exists()


# --- S07: what is hashed is what is run --------------------------------------------------------------------------


def test_a_file_that_is_replaced_all_the_time_runs_trusted_bytes_only(place: Place) -> None:
    trusted = place.file().read_bytes()
    evil = trusted.replace(b"touch marker", b"touch stolen")
    assert evil != trusted
    spare = place.root / "spare"
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for data in (evil, trusted):
                spare.write_bytes(data)
                spare.replace(place.file())

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        found = [place.gate() for _ in range(RACES)]
    finally:
        over.set()
        swapping.join()
    assert all(isinstance(one, Report | Untrusted) for one in found)
    ran = [one for one in found if isinstance(one, Report)]
    assert all(one.passed for one in ran)
    assert not (place.root / "stolen").exists()
    assert (place.root / "marker").exists() == bool(ran)


def test_what_is_run_is_what_was_read_although_the_file_says_something_else_by_then(place: Place) -> None:
    """The same, without chance: the file changes after the look and before the run."""
    feature, task, trust = place.feature(), place.task(), place.trust
    place.write(command("touch stolen", timeout_ms=60_000))
    report = gate(place.root, feature, task, trust, clock)
    assert isinstance(report, Report)
    assert report.passed
    assert (place.root / "marker").exists()
    assert not (place.root / "stolen").exists()


def test_an_executable_names_what_a_person_must_see(place: Place) -> None:
    made = place.executable()
    assert isinstance(made, Executable)
    assert (made.feature, made.seq, made.file) == ("auth", "01", ".tmp/tasks/auth/subtask_01.json")
    assert [(at, check.command, check.limit_ms) for at, check in made.commands] == [(0, "touch marker", 60_000)]
