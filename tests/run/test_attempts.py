"""The journal of attempts: numbered, never overwritten, readable whatever happened to the files, cheap to ask again."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.driver import Exit, Failure
from parex_tui.run import statedir
from parex_tui.run.attempts import Attempt, Decision, FileFact, Journal, Launch
from parex_tui.run.records import exited_from, launch_from, launch_record, outcome_from, started_from
from parex_tui.run.states import Evidence, Exited, Lost, NeverRan, Outcome, Running, Starting, Verdict

from .house import House, ended, running

VERDICT = {"version": 1, "code": 0, "signal": None, "reason": "exited", "seconds": 1.5, "since": 1.0, "ended": 3.0}


def launch(**changes: object) -> Launch:
    """Something to write down."""
    plain = Launch(feature="auth", seq="01", driver="fake", argv=("true",), cwd=Path("/somewhere"))
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are checked where they are used


# --- creating --------------------------------------------------------------------------------------------------


def test_numbers_count_up_within_a_task(house: House) -> None:
    found = [house.create(seq=seq).number for seq in ("01", "01", "02", "01")]
    assert found == [1, 2, 1, 3]
    assert [attempt.number for attempt in house.journal.attempts("feature", "01")] == [1, 2, 3]
    latest = house.journal.latest("feature", "01")
    assert latest is not None
    assert latest.number == 3
    assert house.journal.latest("feature", "03") is None


def test_everything_launched_can_be_read_again(house: House) -> None:
    made = house.journal.create(
        launch(
            is_demo=True,
            agent="CoderAgent",
            model="m",
            env={"A": "1"},
            stdin="prompt",
            merge_stderr=True,
            wall_limit=12.5,
            grace=3.0,
            created=1e9,
            task_file=Path("/p/subtask_01.json"),
            task_digest="ab",
            deliverables=("a.py", "b (new)"),
            baseline=(FileFact("a.py", True, "file", 3, 1_700_000_000_123_456_789, "cd"), FileFact("b", False)),
            argv=("x", "odd \udce9 name", "\ud800"),
        ),
        b"prompt",
    )
    (read,) = Journal(house.root).attempts("auth", "01")
    assert read.launch == made.launch
    assert read.dir == made.dir
    assert read.prompt.read_bytes() == b"prompt"
    assert read.launch.prompt_digest == hashlib.sha256(b"prompt").hexdigest()


def test_every_run_has_its_own_mark(house: House) -> None:
    marks = {house.create().launch.run for _ in range(3)}
    assert len(marks) == 3
    assert all(mark.isascii() and "\0" not in mark for mark in marks)


def test_two_processes_never_get_one_number(house: House) -> None:
    found: list[int] = []

    def reserve() -> None:
        journal = Journal(house.root)
        found.extend(journal.reserve("f", "01").number for _ in range(20))

    threads = [threading.Thread(target=reserve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 81))


def test_a_reservation_is_no_attempt_until_it_is_committed(house: House) -> None:
    reservation = house.journal.reserve("feature", "01")
    assert house.journal.attempts("feature", "01") == ()
    assert house.journal.feature_attempts("feature") == {}
    reservation.write_prompt(b"x")
    attempt = house.journal.commit(reservation, house.launch())
    assert house.journal.attempts("feature", "01") == (attempt,)
    assert attempt.prompt == reservation.prompt
    assert house.journal.reserve("feature", "01").number == 2
    assert house.create().number == 3


def test_reading_creates_nothing(house: House, state_home: Path) -> None:
    journal = Journal(house.root)
    assert journal.attempts("feature", "01") == ()
    assert journal.feature_attempts("feature") == {}
    assert journal.all_live() == ()
    assert journal.decisions("feature") == ()
    assert not state_home.exists()


@pytest.mark.parametrize("seq", ["01", "A", "a", "../../x", " ", ".", "1\n", "ä", "x" * 300, "engine.lock", "\ud800"])
def test_any_seq_has_a_folder_of_its_own_below_the_project(house: House, seq: str) -> None:
    attempt = house.create(seq=seq)
    assert attempt.dir.parent.parent == house.journal.dir / "features" / "feature"
    assert Journal(house.root).feature_attempts("feature")[seq][0].dir == attempt.dir
    assert house.create(seq=seq + "x").dir.parent != attempt.dir.parent


@given(st.lists(st.text(max_size=80), min_size=2, max_size=2, unique=True))
def test_names_are_safe_and_distinct(texts: list[str]) -> None:
    first, second = (statedir.safe_name(text) for text in texts)
    assert first.casefold() != second.casefold()
    for name in (first, second):
        assert name == Path(name).name
        assert 0 < len(os.fsencode(name)) <= 255
        assert name not in (".", "..")


# --- states ----------------------------------------------------------------------------------------------------


def test_never_started(house: House) -> None:
    assert house.create().state() == NeverRan()


def test_never_ran_after_a_start_that_came_to_nothing(house: House) -> None:
    attempt = house.create()
    attempt.lock.write_bytes(b"123\n")
    assert attempt.state() == NeverRan()


def test_lost(house: House) -> None:
    attempt = house.create()
    attempt.lock.write_bytes(b"123\n")
    record = {"boot": "x", "keeper": {"pid": 9, "start": 1}, "agent": {"pid": 10, "start": 2}, "since": 5.0}
    (attempt.dir / "started").write_text(json.dumps(record))
    assert attempt.state() == Lost(5.0)


def test_lost_with_a_damaged_record(house: House) -> None:
    attempt = house.create()
    (attempt.dir / "started").write_bytes(b"\0\0\0")
    assert attempt.state() == Lost(None)


def test_starting_then_running(house: House) -> None:
    attempt = house.create()
    with attempt.lock.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(b"1\n")
        lock.flush()
        assert attempt.state() == Starting()
        record = {"boot": "x", "keeper": {"pid": 9, "start": 1}, "agent": {"pid": 10, "start": 2}, "since": 5.0}
        (attempt.dir / "started").write_text(json.dumps(record))
        assert attempt.state() == Running(5.0, 9, 10)
        assert house.journal.all_live() == (attempt,)
        (attempt.dir / "exit").write_text(json.dumps(VERDICT))
        assert attempt.state() == Exited(Exit(0, None, "exited", 1.5), 1.0, 3.0, 0)
    assert house.journal.all_live() == ()


def test_an_end_stays_what_it_was(house: House) -> None:
    attempt = house.create()
    (attempt.dir / "exit").write_text(json.dumps(VERDICT))
    before = attempt.state()
    shutil.rmtree(attempt.dir)
    assert attempt.state() is before


def test_a_damaged_verdict(house: House) -> None:
    """Cut at every length it is none. With any one bit flipped, what can still be read is a whole verdict."""
    made = house.create()
    (made.dir / "started").write_bytes(b"{}")
    data = json.dumps(VERDICT).encode()
    for length in range(len(data)):
        (made.dir / "exit").write_bytes(data[:length])
        assert Attempt(made.dir, made.launch).state() == Lost(None), data[:length]
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << (place % 8)
        (made.dir / "exit").write_bytes(flipped)
        assert isinstance(Attempt(made.dir, made.launch).state(), Exited | Lost), flipped


@pytest.mark.parametrize(
    "change",
    [
        {"code": None},
        {"signal": 9},
        {"code": True},
        {"code": "0"},
        {"reason": "fine"},
        {"reason": None},
        {"code": None, "signal": "9"},
    ],
)
def test_half_a_verdict_is_none(change: dict[str, object]) -> None:
    assert exited_from(VERDICT | change) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
FIELDS = [*launch_record(launch()), *VERDICT, "run", "boot", "keeper", "agent", "verdict", "evidence", "failure", "pid"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=12))
def test_odd_records_never_raise(record: dict[str, object]) -> None:
    assert isinstance(launch_from(record), Launch)
    exited_from(record)
    started_from(record)
    outcome_from(record)


def test_a_damaged_launch_is_still_listed(house: House) -> None:
    attempt = house.start("hang", seq="07")
    running(attempt)
    (attempt.dir / "launch.json").write_bytes(b'{"argv": [')
    (found,) = Journal(house.root).feature_attempts("feature")["07"]
    assert isinstance(found.state(), Running)
    assert (found.number, found.launch.run) == (1, attempt.launch.run)


# --- reading again and again -----------------------------------------------------------------------------------


def test_attempts_of_another_process_appear(house: House) -> None:
    other = Journal(house.root)
    assert other.feature_attempts("feature") == {}
    for number in range(1, 30):
        made = house.create()
        assert [attempt.number for attempt in other.attempts("feature", "01")] == list(range(1, number + 1))
        assert other.feature_attempts("feature")["01"][-1].dir == made.dir


def test_one_object_per_attempt(house: House) -> None:
    made = house.create()
    assert house.journal.latest("feature", "01") is made
    assert house.journal.feature_attempts("feature")["01"][0] is made


def test_polling_old_attempts_opens_nothing(house: House) -> None:
    for seq in range(20):
        for _ in range(3):
            attempt = house.create(seq=f"{seq:02d}")
            (attempt.dir / "exit").write_text(json.dumps(VERDICT))
        old = time.time() - 60
        os.utime(attempt.dir.parent, (old, old))
    os.utime(attempt.dir.parent.parent, (old, old))
    journal = Journal(house.root)

    def poll() -> int:
        return sum(
            isinstance(attempt.state(), Exited)
            for attempts in journal.feature_attempts("feature").values()
            for attempt in attempts
        )

    assert poll() == 60
    opened: list[str] = []
    watching = True

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("open", "os.listdir", "os.scandir"):
            opened.append(f"{event} {arguments[0]}")

    sys.addaudithook(audit)
    assert poll() == 60
    watching = False
    assert opened == []


def test_deleted_state_is_not_remembered(house: House) -> None:
    first = house.create()
    (first.dir / "exit").write_text(json.dumps(VERDICT))
    assert isinstance(first.state(), Exited)
    shutil.rmtree(house.journal.dir)
    assert house.journal.feature_attempts("feature") == {}
    second = house.create()
    assert second.number == 1
    assert house.journal.attempts("feature", "01")[0].state() == NeverRan()


# --- what parex made of it -------------------------------------------------------------------------------------

OUTCOME = Outcome(
    verdict=Verdict.FAILED,
    reason="src/a.py is missing",
    summary="did \u00e4 lot",
    failure=Failure.NO_EVIDENCE,
    evidence=(Evidence("src/a.py (new)", "missing", "src/a.py", "not there"),),
    seconds=12.5,
    tokens=1000,
    cost=0.25,
    judged_at=1e9,
)


def test_outcome(house: House) -> None:
    attempt = house.create()
    assert attempt.outcome() is None
    attempt.record_outcome(OUTCOME)
    assert attempt.outcome() == OUTCOME
    again = Journal(house.root).attempts("feature", "01")[0]
    assert again.outcome() == OUTCOME
    other = replace(OUTCOME, verdict=Verdict.VERIFIED, failure=None, cost=None)
    again.record_outcome(other)
    assert attempt.outcome() == other


def test_applied(house: House) -> None:
    attempt = house.create()
    assert not attempt.applied()
    attempt.mark_applied()
    attempt.mark_applied()
    assert Journal(house.root).attempts("feature", "01")[0].applied()


def test_notes(house: House) -> None:
    attempt = house.create()
    attempt.note("follow-up", {"session": "s1"})
    attempt.note("seen", {})
    assert [(note["kind"], note.get("session")) for note in attempt.notes()] == [("follow-up", "s1"), ("seen", None)]


# --- decisions -------------------------------------------------------------------------------------------------


def test_decisions(house: House) -> None:
    decided = [Decision(at=float(n), kind="skip", seq=f"0{n}", batch=1, attempt=n, note="x\ny") for n in range(3)]
    other = Journal(house.root)
    for number, decision in enumerate(decided, 1):
        house.journal.record_decision("feature", decision)
        assert other.decisions("feature") == tuple(decided[:number])
    assert house.journal.decisions("other") == ()


# --- one engine ------------------------------------------------------------------------------------------------


def test_one_engine_per_feature(house: House) -> None:
    lock = house.journal.feature_lock("feature")
    assert lock is not None
    assert Journal(house.root).feature_lock("feature") is None
    assert house.journal.engine_holder("feature") is None
    house.journal.sign("feature", screen=False, going=True)
    holder = house.journal.engine_holder("feature")
    assert holder is not None
    assert (holder.pid, holder.screen, holder.going) == (os.getpid(), False, True)
    with house.journal.feature_lock("other") or pytest.fail("another feature is free"):
        pass
    lock.release()
    lock.release()
    again = house.journal.feature_lock("feature")
    assert again is not None
    again.release()


def test_an_engine_that_dies_gives_the_feature_back(house: House) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from parex_tui.run.attempts import Journal\n"
        "lock = Journal(Path(sys.argv[1])).feature_lock('feature'); assert lock\n"
        "print('held', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(house.root)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert house.journal.feature_lock("feature") is None
        child.kill()
        child.wait()
    lock = house.journal.feature_lock("feature")
    assert lock is not None
    lock.release()


def test_a_keeper_does_not_keep_the_engine_lock(house: House) -> None:
    lock = house.journal.feature_lock("feature")
    assert lock is not None
    attempt = house.start("hang")
    running(attempt)
    lock.release()
    again = house.journal.feature_lock("feature")
    assert again is not None
    again.release()


def test_finished_attempts_read_alike_in_a_new_journal(house: House) -> None:
    attempt = house.start("exit:4")
    state = ended(attempt)
    assert Journal(house.root).attempts("feature", "01")[0].state() == state
