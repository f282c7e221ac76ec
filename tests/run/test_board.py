"""The board: the one derivation of what every task and batch is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.driver import Failure
from parex_tui.plan.apart import apart
from parex_tui.run import board as boards
from parex_tui.run.snapshot import AttemptView, BatchState
from parex_tui.run.states import (
    DONE,
    TaskAccepted,
    TaskBarred,
    TaskBlocked,
    TaskClaimed,
    TaskElsewhere,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskSkipped,
    TaskState,
    TaskVerified,
    TaskWaiting,
    Verdict,
)
from parex_tui.tasks.model import Status

from .builders import NOW, board_of, decision, ended, feature, never_ran, plan_of, running, task

IN_PROGRESS, COMPLETED, BLOCKED = Status.IN_PROGRESS, Status.COMPLETED, Status.BLOCKED
FAILED, REVIEW = Verdict.FAILED, Verdict.NEEDS_REVIEW


def state_of(status: Status, *attempts: AttemptView, decided: str = "", number: int = 0) -> TaskState:
    decisions = [decision(decided, "01", number)] if decided else []
    return board_of(feature(task("01", status=status)), {"01": attempts}, decisions).states["01"]


def test_a_pending_task_of_the_first_batch_is_ready() -> None:
    assert state_of(Status.PENDING) == TaskReady()


def test_an_attempt_that_is_alive_counts_whatever_the_file_says() -> None:
    for status in Status:
        assert state_of(status, running()) == TaskRunning(1, NOW - 5)


def test_an_ended_attempt_without_outcome_is_neither_running_nor_done() -> None:
    assert state_of(COMPLETED, ended(verdict=None)) == TaskEnded(1)


def test_completed_on_disk_is_verified_only_with_parex_own_verdict() -> None:
    assert state_of(COMPLETED, ended()) == TaskVerified(1, 30.0)
    assert state_of(COMPLETED) == TaskClaimed()
    assert state_of(COMPLETED, ended(verdict=FAILED, failure=Failure.EXIT)) == TaskClaimed()


def test_accepted_by_a_person_holds_until_a_newer_attempt() -> None:
    review = ended(verdict=REVIEW)
    assert isinstance(state_of(COMPLETED, review, decided=boards.ACCEPT, number=1), TaskAccepted)
    assert state_of(COMPLETED, review, ended(2), decided=boards.ACCEPT, number=1) == TaskVerified(2, 30.0)


def test_a_failed_attempt_shows_its_class_while_the_file_says_blocked() -> None:
    failed = ended(verdict=FAILED, failure=Failure.TIMEOUT)
    assert state_of(BLOCKED, failed) == TaskFailed(1, Failure.TIMEOUT, "because", 30.0)
    assert state_of(Status.PENDING, failed) == TaskReady(), "reset by somebody: it may run again"


def test_blocked_without_an_attempt_is_another_ones_word() -> None:
    assert state_of(BLOCKED) == TaskBlocked()


def test_a_clean_end_that_needs_review_stays_so_while_the_file_says_in_progress() -> None:
    assert state_of(IN_PROGRESS, ended(verdict=REVIEW)) == TaskReview(1, "because", 30.0)


def test_in_progress_without_an_attempt_is_elsewhere_and_grows_stale() -> None:
    assert state_of(IN_PROGRESS) == TaskElsewhere(NOW - 10, stale=False)
    old = replace(task("01", status=IN_PROGRESS), modified=NOW - 901)
    assert board_of(feature(old)).states["01"] == TaskElsewhere(NOW - 901, stale=True)


def test_an_attempt_that_never_ran_leaves_the_task_ready() -> None:
    mine = task("01", status=IN_PROGRESS, agent_id="command")
    assert board_of(feature(mine), {"01": [never_ran()]}).states["01"] == TaskReady()
    again = board_of(feature(mine), {"01": [ended(verdict=REVIEW), never_ran(2)]}).states["01"]
    assert again == TaskReady(), "not the review of the attempt before"


def test_another_program_that_starts_after_our_attempt_never_ran_is_not_taken_for_it() -> None:
    theirs = replace(task("01", status=IN_PROGRESS, agent_id="command"), started_at="2026-01-31T12:00:00Z")
    assert isinstance(board_of(feature(theirs), {"01": [never_ran()]}).states["01"], TaskElsewhere)


def test_an_attempt_that_never_ran_does_not_hide_the_one_before_it() -> None:
    failed = ended(verdict=FAILED, failure=Failure.EXIT)
    assert isinstance(state_of(BLOCKED, failed, never_ran(2)), TaskFailed)


def test_a_verdict_that_is_not_in_the_file_yet_counts_for_more_than_the_file() -> None:
    failed = ended(verdict=FAILED, failure=Failure.EXIT, applied=False)
    review = ended(verdict=REVIEW, applied=False)
    for status in Status:
        assert isinstance(state_of(status, failed), TaskFailed), "the agent's own claim counts for nothing"
        assert isinstance(state_of(status, review), TaskReview)
    assert state_of(IN_PROGRESS, ended(judged=NOW - 1, applied=False)) == TaskEnded(1), "on its way"
    stuck = state_of(IN_PROGRESS, ended(judged=NOW - 60, applied=False))
    assert isinstance(stuck, TaskReview)
    assert "could not be written" in stuck.reason


def test_completed_again_by_another_program_is_no_longer_parex_verdict() -> None:
    redone = replace(task("01", status=COMPLETED), completed_at="2026-01-31T12:00:00Z")
    assert board_of(feature(redone), {"01": [ended()]}).states["01"] == TaskClaimed()


def test_a_later_batch_waits_even_where_its_own_dependencies_are_done() -> None:
    what = feature(task("01", status=COMPLETED), task("02"), task("03", "01"))
    states = board_of(what).states
    assert states["02"] == TaskReady()
    assert states["03"] == TaskWaiting("waits for batch 1")


def test_a_lane_waits_for_its_running_task_and_says_why() -> None:
    what = feature(task("06", writes=["a.ts"]), task("07", writes=["a.ts"]))
    states = board_of(what, {"06": [running()]}).states
    assert states["07"] == TaskWaiting("after 06: both write a.ts")


def test_a_task_that_is_not_parallel_waits_for_everything_that_runs() -> None:
    what = feature(task("01"), task("02", parallel=False))
    states = board_of(what, {"01": [running()]}).states
    assert states["02"] == TaskWaiting("after 01: 02 is not parallel")


def test_a_held_batch_names_who_has_to_be_decided() -> None:
    what = feature(task("01", status=BLOCKED), task("02", status=COMPLETED), task("03", "01"))
    failed = ended(verdict=FAILED, failure=Failure.EXIT)
    board = board_of(what, {"01": [failed], "02": [ended()]})
    assert [batch.state for batch in board.batches] == [BatchState.HELD, BatchState.WAITING]
    assert board.batches[0].held_by == ("01",)
    assert board.current == 1


def test_a_failure_does_not_hold_what_still_can_run_in_its_batch() -> None:
    what = feature(task("01", status=BLOCKED), task("02"))
    board = board_of(what, {"01": [ended(verdict=FAILED, failure=Failure.EXIT)]})
    assert board.batches[0].state is BatchState.READY
    assert board.states["02"] == TaskReady()


def test_skipping_opens_the_gate_and_cuts_off_what_depends_on_it() -> None:
    what = feature(task("01", status=BLOCKED), task("02", status=COMPLETED), task("03", "01"), task("04", "02"))
    failed = {"01": [ended(verdict=FAILED, failure=Failure.EXIT)], "02": [ended()]}
    board = board_of(what, failed, [decision(boards.SKIP, "01", 1)])
    assert isinstance(board.states["01"], TaskSkipped)
    assert board.states["03"] == TaskWaiting("after 01, skipped")
    assert board.states["04"] == TaskReady()
    assert board.current == 2
    done = feature(*what.tasks[:3], replace(what.tasks[3], status=COMPLETED))
    assert board_of(done, failed, [decision(boards.SKIP, "01", 1)]).current is None, "03 can never start"


def test_going_on_in_spite_lets_a_failure_stand_and_pass() -> None:
    what = feature(task("01", status=BLOCKED), task("02", status=COMPLETED), task("03", "02"))
    board = board_of(
        what,
        {"01": [ended(verdict=FAILED, failure=Failure.EXIT)]},
        [decision(boards.GO_ON, "01", 1)],
    )
    assert isinstance(board.states["01"], TaskFailed)
    assert board.current == 2


def test_a_newer_attempt_or_an_undo_ends_a_decision() -> None:
    what = feature(task("01", status=BLOCKED))
    two = {"01": [ended(verdict=FAILED, failure=Failure.EXIT), ended(2, FAILED, Failure.EXIT)]}
    assert isinstance(board_of(what, two, [decision(boards.SKIP, "01", 1)]).states["01"], TaskFailed)
    undone = [decision(boards.SKIP, "01", 2), decision(boards.UNDO, "01", 2)]
    assert isinstance(board_of(what, two, undone).states["01"], TaskFailed)


def test_a_task_that_cannot_run_says_why_and_holds_nothing() -> None:
    what = feature(task("01", "01"), task("02", status=COMPLETED))
    board = board_of(what, {"02": [ended()]})
    assert isinstance(board.states["01"], TaskBarred)
    assert "01" in board.states["01"].reason
    assert board.current is None


def test_a_running_task_stays_visible_when_its_file_breaks() -> None:
    what = feature(replace(task("01"), readable=False))
    assert board_of(what, {"01": [running()]}).states["01"] == TaskRunning(1, NOW - 5)


def test_saved_time_compares_the_sum_with_the_time_that_something_ran() -> None:
    side_by_side = [ended(span=(0, 100)), ended(span=(50, 150)), ended(span=(200, 250))]
    assert boards.saved(side_by_side) == pytest.approx((50.0, 0.2))
    assert boards.saved([running()]) is None


STATUSES = st.sampled_from(list(Status))
ATTEMPTS = st.sampled_from(
    [
        (),
        (running(),),
        (never_ran(),),
        (ended(),),
        (ended(verdict=REVIEW),),
        (ended(verdict=None),),
        (ended(verdict=FAILED, failure=Failure.EXIT),),
    ]
)
TASKS = st.lists(
    st.tuples(STATUSES, ATTEMPTS, st.booleans(), st.sets(st.integers(1, 8)), st.integers(1, 4)),
    min_size=1,
    max_size=8,
)


def _seqs(numbers: set[int], most: int) -> list[str]:
    return [f"{number:02}" for number in numbers if number <= most]


@given(TASKS, st.lists(st.tuples(st.sampled_from([boards.SKIP, boards.GO_ON, boards.UNDO]), st.integers(1, 8))))
def test_every_task_has_one_state_and_no_ready_task_has_an_open_dependency(
    rows: list[tuple[Status, tuple[AttemptView, ...], bool, set[int], int]], decided: list[tuple[str, int]]
) -> None:
    tasks = [
        task(
            f"{n:02}",
            *(f"{dep:02}" for dep in deps if dep <= len(rows)),
            status=status,
            parallel=flag,
            writes=[f"f{file}"],
        )
        for n, (status, _, flag, deps, file) in enumerate(rows, 1)
    ]
    what = feature(*tasks)
    attempts = {f"{n:02}": row[1] for n, row in enumerate(rows, 1)}
    board = board_of(what, attempts, [decision(kind, f"{n:02}", 9) for kind, n in decided])
    assert set(board.states) == {one.seq for one in tasks}
    plan = plan_of(what)
    for one in tasks:
        if not isinstance(board.states[one.seq], TaskReady):
            continue
        assert all(isinstance(board.states[dep], DONE) for dep in one.depends_on)
        batch = plan.batch_of(one.seq)
        assert batch is not None
        assert board.current is None or batch.number <= board.current
        together = apart(batch).of(one.seq)
        assert not any(isinstance(board.states[other], TaskRunning) for other in together)
    for view in board.batches:
        if view.state is BatchState.HELD:
            assert view.held_by
        if view.state is BatchState.DONE:
            assert not any(isinstance(board.states[seq], TaskRunning | TaskEnded) for seq in view.seqs)
