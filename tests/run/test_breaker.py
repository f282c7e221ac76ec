"""Three failures of one kind within a minute open the circuit: by the attempts' own ends, and by real runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.driver import Failure
from parex_tui.run.breaker import COUNT, WITHIN, Breaker
from parex_tui.run.notices import BatchPaused
from parex_tui.run.snapshot import AttemptView, Do, EngineState
from parex_tui.run.states import Lost, Verdict

from .builders import NOW, ended
from .test_engine import Bench, bench

__all__ = ["bench"]


def failed(number: int, failure: Failure, end: float) -> AttemptView:
    view = ended(number, Verdict.FAILED, failure, span=(end - 5, end))
    return replace(view, directory=Path("/state") / f"{failure}-{number}")


def attempts(failure: Failure, ends: Sequence[float]) -> dict[str, list[AttemptView]]:
    return {f"{number:02d}": [failed(number, failure, end)] for number, end in enumerate(ends, 1)}


@given(st.lists(st.floats(0, 400), max_size=8))
def test_it_opens_exactly_when_three_ended_within_a_minute(ends: list[float]) -> None:
    times = sorted(ends)
    near = any(times[i + COUNT - 1] - times[i] <= WITHIN for i in range(len(times) - COUNT + 1))
    trip = Breaker().trip(attempts(Failure.RATE_LIMIT, ends))
    assert (trip is not None) == near
    if trip is not None:
        assert COUNT <= trip.count <= len(ends)
        assert 0 <= trip.seconds <= WITHIN


def test_kinds_are_counted_apart_and_what_a_person_stopped_is_no_sign() -> None:
    two = {**attempts(Failure.AUTH, [1, 2]), "09": [failed(9, Failure.EXIT, 3)]}
    assert Breaker().trip(two) is None
    assert Breaker().trip(attempts(Failure.STOPPED, [1, 2, 3])) is None
    found = Breaker().trip(attempts(Failure.SPAWN, [1, 2, 3]))
    assert found is not None
    assert "command line" in found.text


def test_a_lost_attempt_ends_when_it_was_judged() -> None:
    lost = {
        seq: [replace(failed(int(seq), Failure.LOST, 0), state=Lost(since=NOW - 1000 * int(seq)))]
        for seq in ("01", "02", "03")
    }
    assert Breaker().trip(lost) is not None


def test_what_was_forgotten_counts_no_more_and_what_comes_then_does() -> None:
    breaker = Breaker()
    old = attempts(Failure.AUTH, [1, 2, 3])
    breaker.forget(old)
    assert breaker.trip(old) is None
    new = {f"1{seq}": views for seq, views in attempts(Failure.AUTH, [4, 5, 6]).items()}
    for views in new.values():
        views[0] = replace(views[0], directory=views[0].directory / "new")
    found = breaker.trip(old | new)
    assert found is not None
    assert found.count == 3


@pytest.mark.parametrize("day", [-86400.0, 86400.0])
def test_p23_a_clock_that_jumps_between_ends_only_keeps_it_closed(day: float) -> None:
    assert Breaker().trip(attempts(Failure.AUTH, [NOW, NOW + 1, NOW + day])) is None


# --- p20: real runs ---------------------------------------------------------------------------------------------


def test_p20_nothing_new_starts_what_runs_goes_on_and_run_resumes(bench: Bench) -> None:
    bench.slots = 4
    for number in range(1, 7):
        bench.task(f"0{number}")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 4)
    first = sorted(bench.running())
    for seq in first[:3]:
        bench.steer(seq, "fail")
    bench.until(lambda: bool(bench.told(BatchPaused)))
    (told,) = bench.told(BatchPaused)
    assert isinstance(told, BatchPaused)
    assert (told.batch, told.failure, told.count) == (1, "exit code", 3)
    assert "exit code" in bench.view.message
    assert "run the batch again" in bench.view.message
    before = {seq for seq, task in bench.view.tasks.items() if task.attempts}  # the agents' own ledger may lag behind
    assert first[3] in bench.running(), "what runs goes on"
    for seq in bench.running():
        bench.finish(seq, "write")
    bench.until(lambda: bench.view.engine is EngineState.PAUSED)
    assert {seq for seq, task in bench.view.tasks.items() if task.attempts} == before
    left = set(bench.view.tasks) - before
    if left:
        assert bench.do(Do.RUN) == ""
        bench.until(lambda: left <= bench.running())
        assert len(bench.told(BatchPaused)) == 1, "the old failures are forgotten"


def test_p20_retries_stop_while_it_is_open(bench: Bench) -> None:
    bench.retries, bench.retry_on = 5, ("any",)
    for seq in ("01", "02", "03"):
        bench.task(seq)
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 3)
    for seq in ("01", "02", "03"):
        bench.steer(seq, "fail")
    bench.until(lambda: bool(bench.told(BatchPaused)))
    bench.ahead = 10_000.0
    for _ in range(5):
        bench.tick()
    assert bench.view.engine is EngineState.PAUSED
    assert len(bench.ledger()) == 6
    assert bench.do(Do.RUN) == ""
    bench.until(lambda: bench.view.message.endswith(" s"))
    bench.ahead = 20_000.0
    bench.until(lambda: len(bench.ledger()) == 9)
