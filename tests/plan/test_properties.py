"""What holds for every plan, whatever the files say."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from parex_tui.plan.apart import apart
from parex_tui.plan.batches import make_plan
from parex_tui.plan.forecast import critical_path, expected_seconds, makespan, one_after_another
from parex_tui.plan.model import Why
from parex_tui.plan.writes import overlap, write_set
from parex_tui.tasks.model import Feature, Status

from .making import ROOT, features


@given(features(), st.booleans())
def test_every_task_is_planned_once_or_barred_once(one: Feature, unknown_alone: bool) -> None:
    plan = make_plan(one, ROOT, unknown_alone=unknown_alone)
    planned = [seq for batch in plan.batches for seq in batch.seqs]
    barred = [(item.seq, item.path) for item in plan.barred]
    assert len(planned) + len(barred) == len(one.tasks)
    assert len(set(planned)) == len(planned)
    assert len(set(barred)) == len(barred)
    assert not set(planned) & {seq for seq, _ in barred}
    assert {*planned, *(seq for seq, _ in barred)} == {task.seq for task in one.tasks}
    for batch in plan.batches:
        assert sorted(seq for lane in batch.lanes for seq in lane.seqs) == sorted(batch.seqs)
        assert batch.seqs


@given(features())
def test_no_task_stands_before_or_beside_a_dependency(one: Feature) -> None:
    plan = make_plan(one, ROOT)
    level = {seq: batch.number for batch in plan.batches for seq in batch.seqs}
    for task in one.tasks:
        if task.seq not in level or task.status is Status.COMPLETED:
            continue
        for need in task.depends_on:
            assert level[need] < level[task.seq]


@given(features())
def test_a_batch_is_as_early_as_its_dependencies_allow(one: Feature) -> None:
    plan = make_plan(one, ROOT)
    level = {seq: batch.number for batch in plan.batches for seq in batch.seqs}
    for task in one.tasks:
        if task.seq in level and task.status is not Status.COMPLETED:
            assert level[task.seq] == 1 + max((level[need] for need in task.depends_on), default=0)


@given(features(), st.booleans())
def test_no_two_tasks_that_may_run_at_the_same_time_write_one_file(one: Feature, unknown_alone: bool) -> None:
    plan = make_plan(one, ROOT, unknown_alone=unknown_alone)
    writes = {task.seq: write_set(task, ROOT) for task in one.tasks}
    for batch in plan.batches:
        for first, second in combinations([lane for lane in batch.lanes if not lane.alone], 2):
            for seq in first.seqs:
                for other in second.seqs:
                    assert overlap(writes[seq], writes[other]) == ()


@given(features(), st.booleans())
def test_two_tasks_are_kept_apart_exactly_when_they_write_one_file_or_one_runs_alone(
    one: Feature, unknown_alone: bool
) -> None:
    writes = {task.seq: write_set(task, ROOT) for task in one.tasks}
    for batch in make_plan(one, ROOT, unknown_alone=unknown_alone).batches:
        alone = {seq for lane in batch.lanes if lane.alone for seq in lane.seqs}
        for seq, other in combinations(batch.seqs, 2):
            meet = bool(overlap(writes[seq], writes[other])) or bool(alone & {seq, other})
            assert apart(batch).clashes(seq, (other,)) == apart(batch).clashes(other, (seq,)) == meet
            assert not meet or apart(batch).why(other, seq).startswith(f"after {seq}: ")


@given(features())
def test_a_lane_holds_together_by_named_reasons(one: Feature) -> None:
    plan = make_plan(one, ROOT)
    for batch in plan.batches:
        pairs = {frozenset((sep.seq, sep.other)) for sep in batch.separations if sep.why is Why.OVERLAP}
        for lane in batch.lanes:
            reached = {lane.seqs[0]}
            for _ in lane.seqs:
                reached |= {seq for seq in lane.seqs for at in reached if frozenset((seq, at)) in pairs}
            assert reached == set(lane.seqs)


@given(features(), st.booleans())
def test_tasks_run_alone_exactly_where_the_flag_or_prose_says_so(one: Feature, unknown_alone: bool) -> None:
    plan = make_plan(one, ROOT, unknown_alone=unknown_alone)
    tasks = {task.seq: task for task in one.tasks}
    for batch in plan.batches:
        if len(batch.seqs) == 1:
            continue
        said = {sep.seq for sep in batch.separations if sep.why is not Why.OVERLAP}
        for lane in batch.lanes:
            for seq in lane.seqs:
                vague = unknown_alone and not write_set(tasks[seq], ROOT).is_known
                assert lane.alone == (vague or not tasks[seq].parallel) == (seq in said)
            assert not lane.alone or len(lane.seqs) == 1


@given(features())
def test_every_separation_is_about_tasks_of_its_batch_and_true(one: Feature) -> None:
    plan = make_plan(one, ROOT)
    writes = {task.seq: write_set(task, ROOT) for task in one.tasks}
    for batch in plan.batches:
        if len(batch.seqs) == 1:
            assert batch.separations == ()
        for sep in batch.separations:
            assert sep.seq in batch.seqs
            assert sep.reason.startswith(sep.seq)
            assert "\n" not in sep.reason
            if sep.why is Why.OVERLAP:
                assert sep.other in batch.seqs
                assert sep.other != sep.seq
                assert sep.paths
                assert overlap(writes[sep.seq], writes[sep.other])
            else:
                assert sep.other == ""


@given(st.data(), features(), st.booleans())
def test_the_order_of_the_files_makes_no_difference(data: st.DataObject, one: Feature, unknown_alone: bool) -> None:
    mixed = data.draw(st.permutations(one.tasks))
    plan = make_plan(one, ROOT, unknown_alone=unknown_alone)
    assert make_plan(replace(one, tasks=tuple(mixed)), ROOT, unknown_alone=unknown_alone) == plan


@given(features(), st.integers(1, 6))
def test_the_forecast_lies_between_its_bounds(one: Feature, slots: int) -> None:
    plan = make_plan(one, ROOT)
    expected = {task.seq: expected_seconds(task, {}) for task in one.tasks}
    whole = one_after_another(plan, expected)
    span = makespan(plan, expected, slots)
    path = critical_path(plan, one, expected)
    assert path.seconds <= span + 1e-6
    assert whole / slots - 1e-6 <= span <= whole + 1e-6
    assert abs(sum(expected[seq] for seq in path.seqs) - path.seconds) < 1e-6
    assert makespan(plan, expected, 1) == whole
