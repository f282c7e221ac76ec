"""Batches, lanes and what cannot run, by example."""

from __future__ import annotations

import pytest

from parex_tui.plan.batches import make_plan
from parex_tui.plan.model import Bar, Separation, Why
from parex_tui.tasks.model import Status

from .making import ROOT, alone, feature, lanes, reasons, seqs, task


def test_batches_are_levels_over_the_dependencies() -> None:
    plan = make_plan(
        feature(
            task("01"),
            task("02"),
            task("03", after=["01", "02"]),
            task("04", after=["01"]),
            task("05", after=["04", "02"]),
        ),
        ROOT,
    )
    assert seqs(plan) == [("01", "02"), ("03", "04"), ("05",)]
    assert [batch.number for batch in plan.batches] == [1, 2, 3]
    assert plan.barred == ()
    found = plan.batch_of("04")
    assert found is not None
    assert found.number == 2


def test_a_feature_without_tasks_has_an_empty_plan() -> None:
    assert make_plan(feature(), ROOT).batches == ()


def test_seqs_stand_in_the_order_of_their_numbers() -> None:
    plan = make_plan(feature(task("100"), task("9"), task("10"), task("02"), task("b"), task("02a")), ROOT)
    assert seqs(plan) == [("02", "02a", "9", "10", "100", "b")]


def test_completed_tasks_stay_in_their_batch() -> None:
    plan = make_plan(
        feature(task("01", status=Status.COMPLETED), task("02", after=["01"], status=Status.BLOCKED)), ROOT
    )
    assert seqs(plan) == [("01",), ("02",)]


def test_a_dependency_named_twice_counts_once() -> None:
    assert seqs(make_plan(feature(task("01"), task("02", after=["01", "01"])), ROOT)) == [("01",), ("02",)]


# --- lanes -----------------------------------------------------------------------------------------------------


def test_tasks_that_write_one_file_share_a_lane_and_the_reason_names_it() -> None:
    (batch,) = make_plan(
        feature(
            task("05", writes=["src/auth/login.ts"]),
            task("06", writes=["src/auth/jwt.ts", "src/a.ts"]),
            task("07", writes=["src/auth/jwt.ts (rotation)", "src/b.ts"]),
        ),
        ROOT,
    ).batches
    assert lanes(batch) == {("05",), ("06", "07")}
    assert batch.separations == (
        Separation(Why.OVERLAP, "07", "06", "07 after 06: both write src/auth/jwt.ts", ("src/auth/jwt.ts",)),
    )


def test_lanes_join_over_a_third_task() -> None:
    (batch,) = make_plan(
        feature(task("01", writes=["a.ts"]), task("02", writes=["b.ts"]), task("03", writes=["a.ts", "b.ts"])), ROOT
    ).batches
    assert lanes(batch) == {("01", "02", "03")}
    assert reasons(batch) == ["03 after 01: both write a.ts", "03 after 02: both write b.ts"]


def test_a_folder_and_what_lies_in_it_are_named_as_they_are_written() -> None:
    (batch,) = make_plan(
        feature(task("01", writes=["src/auth/"]), task("02", writes=["src/auth/jwt.ts"])), ROOT
    ).batches
    assert lanes(batch) == {("01", "02")}
    assert reasons(batch) == ["02 after 01: 01 writes src/auth/, 02 writes src/auth/jwt.ts"]
    assert batch.separations[0].paths == ("src/auth/jwt.ts",)


def test_several_shared_files_are_counted() -> None:
    (batch,) = make_plan(
        feature(task("01", writes=["a.ts", "b.ts", "c.ts"]), task("02", writes=["c.ts", "b.ts", "a.ts"])), ROOT
    ).batches
    assert reasons(batch) == ["02 after 01: both write a.ts and 2 more"]
    assert batch.separations[0].paths == ("a.ts", "b.ts", "c.ts")


def test_a_task_that_is_not_parallel_runs_alone_and_keeps_both_reasons() -> None:
    (batch,) = make_plan(
        feature(
            task("01", writes=["a.ts"]),
            task("02", writes=["a.ts", "b.ts"], parallel=False),
            task("03", writes=["b.ts"]),
        ),
        ROOT,
    ).batches
    assert lanes(batch) == {("01",), ("03",)}
    assert alone(batch) == {"02"}
    assert reasons(batch) == [
        "02 runs alone: it is not marked parallel",
        "02 after 01: both write a.ts",
        "03 after 02: both write b.ts",
    ]


def test_two_parallel_tasks_share_a_lane_even_where_one_that_runs_alone_stands_between_them() -> None:
    (batch,) = make_plan(
        feature(task("01", writes=["a.ts"]), task("02", writes=["a.ts"], parallel=False), task("03", writes=["a.ts"])),
        ROOT,
    ).batches
    assert lanes(batch) == {("01", "03")}
    assert alone(batch) == {"02"}
    assert "03 after 01: both write a.ts" in reasons(batch)


@pytest.mark.parametrize(
    ("writes", "reason"),
    [
        (
            ["Updated docs"],
            "02 runs alone: its deliverable “Updated docs” names no file, so nobody can say what it writes",
        ),
        ([], "02 runs alone: it names no deliverables, so nobody can say what it writes"),
        (
            ["Updated train.py with vision support"],
            "02 runs alone: its deliverable “Updated train.py with vision support” is a sentence,"
            " so nobody can say what else it writes",
        ),
        (
            ["docs/x.md", "Updated docs", "All tests green"],
            "02 runs alone: its deliverable “Updated docs” and 1 more are sentences, so nobody can say what it writes",
        ),
    ],
)
def test_a_task_with_an_unknown_write_set_runs_alone_and_says_why(writes: list[str], reason: str) -> None:
    (batch,) = make_plan(feature(task("01"), task("02", writes=writes)), ROOT).batches
    assert alone(batch) == {"02"}
    assert reasons(batch) == [reason]
    assert batch.separations[0].why is Why.UNKNOWN


def test_where_the_flag_is_trusted_only_named_files_keep_tasks_apart() -> None:
    (batch,) = make_plan(
        feature(
            task("01"),
            task("02", writes=["Updated docs"]),
            task("03", writes=["Updated train.py with vision"]),
            task("04", writes=["model/train.py"]),
        ),
        ROOT,
        unknown_alone=False,
    ).batches
    assert lanes(batch) == {("01",), ("02",), ("03", "04")}
    assert alone(batch) == set()


def test_a_batch_of_one_needs_no_reasons() -> None:
    first, second = make_plan(
        feature(task("01", writes=[], parallel=False), task("02", after=["01"], writes=["Prose"])), ROOT
    ).batches
    assert first.separations == second.separations == ()
    assert [lane.seqs for lane in (*first.lanes, *second.lanes)] == [("01",), ("02",)]


def test_the_longest_expected_lane_comes_first_and_those_that_run_alone_last() -> None:
    (batch,) = make_plan(
        feature(
            task("01"),
            task("02", parallel=False),
            task("03", writes=["a.ts"]),
            task("04", writes=["a.ts"]),
            task("05"),
        ),
        ROOT,
        expected={"01": 50.0, "02": 500.0, "03": 40.0, "04": 40.0, "05": 70.0},
    ).batches
    assert [lane.seqs for lane in batch.lanes] == [("03", "04"), ("05",), ("01",), ("02",)]
    assert batch.seqs == ("01", "02", "03", "04", "05")


# --- what cannot run -------------------------------------------------------------------------------------------


def test_a_cycle_is_named_and_the_rest_is_planned() -> None:
    plan = make_plan(
        feature(task("01", after=["03"]), task("02"), task("03", after=["01"]), task("04", after=["03", "02"])), ROOT
    )
    assert seqs(plan) == [("02",)]
    assert [(one.seq, one.bar, one.reason) for one in plan.barred] == [
        ("01", Bar.CYCLE, "cycle: 01 → 03 → 01"),
        ("03", Bar.CYCLE, "cycle: 01 → 03 → 01"),
        ("04", Bar.AFTER_BARRED, "depends on 03, which cannot run"),
    ]


def test_a_task_that_depends_on_itself() -> None:
    (barred,) = make_plan(feature(task("01", after=["01"])), ROOT).barred
    assert (barred.bar, barred.reason) == (Bar.CYCLE, "depends on itself: 01 → 01")


def test_tasks_in_a_knot_but_not_on_the_named_ring_say_so() -> None:
    plan = make_plan(feature(task("01", after=["02"]), task("02", after=["01", "03"]), task("03", after=["02"])), ROOT)
    assert [one.reason for one in plan.barred] == [
        "cycle: 01 → 02 → 01",
        "cycle: 01 → 02 → 01",
        "in a cycle together with 01 → 02 → 01",
    ]


def test_two_separate_cycles_are_each_named() -> None:
    plan = make_plan(
        feature(task("01", after=["02"]), task("02", after=["01"]), task("03", after=["04"]), task("04", after=["03"])),
        ROOT,
    )
    assert {one.reason for one in plan.barred} == {"cycle: 01 → 02 → 01", "cycle: 03 → 04 → 03"}


def test_a_missing_dependency_bars_the_task_and_what_follows_from_it() -> None:
    plan = make_plan(
        feature(task("01", after=["42"]), task("02", after=["01"]), task("03", after=["02"]), task("04")), ROOT
    )
    assert seqs(plan) == [("04",)]
    assert [(one.seq, one.bar, one.reason) for one in plan.barred] == [
        ("01", Bar.MISSING, "depends on 42, which does not exist"),
        ("02", Bar.AFTER_BARRED, "depends on 01, which cannot run"),
        ("03", Bar.AFTER_BARRED, "depends on 02, which cannot run"),
    ]


def test_several_missing_dependencies_are_all_named() -> None:
    (barred,) = make_plan(feature(task("01", after=["42", "auth-07"])), ROOT).barred
    assert barred.reason == "depends on 42 and auth-07, which do not exist"


def test_an_unreadable_file_and_an_odd_status_bar_their_tasks() -> None:
    plan = make_plan(feature(task("01", readable=False), task("02", status=None, status_text="done"), task("03")), ROOT)
    assert seqs(plan) == [("03",)]
    assert [(one.bar, one.reason) for one in plan.barred] == [
        (Bar.UNREADABLE, "subtask_01.json cannot be used: it cannot be read"),
        (Bar.STATUS, "its status “done” is none of pending, in_progress, completed, blocked"),
    ]


def test_two_files_with_one_seq_are_both_barred_and_so_is_what_depends_on_it() -> None:
    plan = make_plan(
        feature(
            task("01", name="subtask_01.json"),
            task("01", name="subtask_01_fix.json"),
            task("02", after=["01"]),
            task("03"),
        ),
        ROOT,
    )
    assert seqs(plan) == [("03",)]
    assert [(one.seq, one.bar, one.path) for one in plan.barred] == [
        ("01", Bar.DUPLICATE, "subtask_01.json"),
        ("01", Bar.DUPLICATE, "subtask_01_fix.json"),
        ("02", Bar.AFTER_BARRED, "subtask_02.json"),
    ]
    assert plan.barred[0].reason == "subtask_01.json and subtask_01_fix.json both claim seq 01"


def test_everything_that_bars_a_task_is_said_at_once() -> None:
    plan = make_plan(
        feature(task("01", readable=False, after=["09", "02"]), task("02", after=["99"]), task("03")), ROOT
    )
    assert plan.barred[0].bar is Bar.UNREADABLE
    assert plan.barred[0].reason == (
        "subtask_01.json cannot be used: it cannot be read; depends on 09, which does not exist; "
        "depends on 02, which cannot run"
    )


def test_a_completed_task_is_never_barred_by_its_dependencies() -> None:
    plan = make_plan(
        feature(
            task("01", status=Status.COMPLETED, after=["77"]),
            task("02", after=["01"]),
            task("03", status=Status.COMPLETED, after=["04"]),
            task("04", after=["03"]),
            task("05", status=Status.COMPLETED, after=["05"]),
        ),
        ROOT,
    )
    assert seqs(plan) == [("01", "03", "05"), ("02", "04")]
    assert plan.barred == ()


# --- size ------------------------------------------------------------------------------------------------------

MANY = 10_000


def test_a_chain_and_a_ring_of_ten_thousand_are_planned_without_recursion() -> None:
    names = [f"{number:05d}" for number in range(MANY)]
    chain = make_plan(
        feature(*(task(seq, after=names[place - 1 : place] if place else []) for place, seq in enumerate(names))), ROOT
    )
    assert len(chain.batches) == MANY
    ring = make_plan(feature(*(task(seq, after=[names[place - 1]]) for place, seq in enumerate(names))), ROOT)
    assert len(ring.barred) == MANY
    assert len(ring.barred[0].reason) < 120


@pytest.mark.parametrize(
    ("writes", "lane_count"),
    [
        (["src/m{0}/a.ts", "tests/m{0}.test.ts"], MANY),
        (["src/index.ts"], 1),
        (["src/m{0}/a.ts", "docs/"], 1),
        (["src/m{0}/*.ts"], MANY),
        (["Updated Part{0}.tsx with a note"], MANY),
    ],
)
def test_a_level_of_ten_thousand_is_planned(writes: list[str], lane_count: int) -> None:
    tasks = [task(f"{place:05d}", writes=[one.format(place) for one in writes]) for place in range(MANY)]
    (batch,) = make_plan(feature(*tasks), ROOT).batches
    assert len(batch.lanes) == lane_count
    assert len(batch.separations) <= 2 * MANY
