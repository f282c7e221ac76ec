"""Expected durations, order, makespan, critical path."""

from __future__ import annotations

import pytest

from parex_tui.plan.apart import apart
from parex_tui.plan.batches import make_plan
from parex_tui.plan.forecast import (
    CriticalPath,
    critical_path,
    expected_seconds,
    forecast,
    makespan,
    one_after_another,
)
from parex_tui.tasks.model import Status

from .making import ROOT, feature, task


def test_a_tasks_own_history_counts_before_its_agents() -> None:
    one = task("01", agent="CoderAgent")
    history = {"01": [100.0, 300.0, 200.0], "CoderAgent": [10.0]}
    assert expected_seconds(one, history) == 200.0
    assert expected_seconds(task("02", agent="CoderAgent"), history) == 10.0


def test_without_history_a_bigger_task_is_expected_to_take_longer() -> None:
    small = task("01", writes=["a.ts"], criteria=["one"])
    large = task("02", writes=["a.ts", "b.ts", "c.ts"], criteria=["one", "two", "three"])
    assert 60 < expected_seconds(small, {}) < expected_seconds(large, {}) < 3_600


def test_a_list_of_hundreds_is_not_taken_for_hours_and_bad_history_is_left_out() -> None:
    huge = task("01", writes=[f"{number}.ts" for number in range(900)])
    assert expected_seconds(huge, {}) < 3_600
    assert expected_seconds(task("02"), {"02": [float("nan"), float("inf"), -1.0, 0.0, 42.0]}) == 42.0
    assert expected_seconds(task("02"), {"02": []}) == expected_seconds(task("02"), {})


def test_slots_are_refilled_at_once_with_the_longest_task() -> None:
    (batch,) = make_plan(feature(*(task(f"0{number}") for number in range(1, 6))), ROOT).batches
    expected = {"01": 10.0, "02": 10.0, "03": 10.0, "04": 30.0, "05": 20.0}
    assert list(apart(batch).in_order(expected)) == ["04", "05", "01", "02", "03"]
    assert makespan(batch, expected, 2) == 40.0
    assert makespan(batch, expected, 1) == one_after_another(batch, expected) == 80.0
    assert makespan(batch, expected, 99) == 30.0


def test_a_lane_runs_one_after_another_and_alone_tasks_by_themselves() -> None:
    (batch,) = make_plan(
        feature(
            task("01", writes=["a.ts"]), task("02", writes=["a.ts"]), task("03"), task("04", parallel=False), task("05")
        ),
        ROOT,
    ).batches
    expected = {"01": 10.0, "02": 15.0, "03": 20.0, "04": 7.0, "05": 1.0}
    assert makespan(batch, expected, 4) == 25.0 + 7.0
    assert apart(batch).in_order(expected)[-1] == "04"


def test_of_a_lane_those_that_share_no_file_run_together() -> None:
    one = feature(task("01", writes=["a.ts"]), task("02", writes=["a.ts", "b.ts"]), task("03", writes=["b.ts"]))
    (batch,) = make_plan(one, ROOT).batches
    assert [lane.seqs for lane in batch.lanes] == [("01", "02", "03")]
    assert apart(batch).of("02") == ("01", "03")
    assert apart(batch).of("01") == ("02",)
    assert makespan(batch, {"01": 10.0, "02": 5.0, "03": 10.0}, 2) == 15.0


def test_three_that_share_one_file_are_kept_apart_pair_by_pair() -> None:
    (batch,) = make_plan(feature(*(task(seq, writes=["a.ts"]) for seq in ("01", "02", "03"))), ROOT).batches
    assert apart(batch).of("01") == ("02", "03")
    assert apart(batch).why("03", "01") == "after 01: both write a.ts"


def test_a_plan_takes_its_batches_one_after_another() -> None:
    plan = make_plan(feature(task("01"), task("02"), task("03", after=["01"])), ROOT)
    expected = {"01": 10.0, "02": 50.0, "03": 5.0}
    assert makespan(plan, expected, 2) == 55.0
    assert one_after_another(plan, expected) == 65.0


def test_slots_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        makespan(make_plan(feature(task("01")), ROOT), {}, 0)


def test_the_critical_path_is_the_longest_chain_not_the_deepest() -> None:
    one = feature(task("01"), task("02", after=["01"]), task("03", after=["02"]), task("04"), task("05", after=["04"]))
    plan = make_plan(one, ROOT)
    expected = {"01": 1.0, "02": 1.0, "03": 1.0, "04": 5.0, "05": 5.0}
    assert critical_path(plan, one, expected) == CriticalPath(("04", "05"), 10.0)
    empty = feature()
    assert critical_path(make_plan(empty, ROOT), empty, {}) == CriticalPath((), 0.0)


def test_the_forecast_leaves_completed_tasks_out() -> None:
    one = feature(task("01", status=Status.COMPLETED), task("02", after=["01"]), task("03", after=["01"]))
    expected = {"01": 100.0, "02": 10.0, "03": 20.0}
    ahead = forecast(make_plan(one, ROOT), one, expected, 2)
    assert (ahead.seconds, ahead.one_after_another, ahead.saved) == (20.0, 30.0, 10.0)
    assert ahead.critical_path == CriticalPath(("03",), 20.0)
