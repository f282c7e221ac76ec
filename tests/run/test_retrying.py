"""What is tried again by itself: after which failures, how often, after which wait, on a timer that a test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.driver import Failure
from parex_tui.run.limits import NEVER, TRANSIENT, Choice, Limits, failures_named, limits_of
from parex_tui.run.notices import BatchHeld, RetryWaits
from parex_tui.run.retrying import LONGEST, Retrier
from parex_tui.run.snapshot import Do, EngineState
from parex_tui.run.states import TaskFailed, TaskReady, TaskVerified
from parex_tui.settings import ANY_FAILURE, RETRIED, Settings, no_retry_on

from .test_engine import Bench, bench

__all__ = ["bench"]


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def retrier(timer: Time, retries: int = 3, on: tuple[str, ...] = ("rate limit",)) -> Retrier:
    return Retrier(Limits(retries=retries, retry_on=failures_named(on)), timer, lambda: 1000.0 + timer.now)


def test_the_wait_doubles_and_ends_after_as_many_tries_as_allowed() -> None:
    timer = Time()
    made = retrier(timer)
    for number, seconds in ((1, 20), (2, 40), (3, 80)):
        state = {"01": TaskFailed(number, Failure.RATE_LIMIT, "429")}
        (wait,) = made.look(state)
        assert (wait.seconds, wait.at) == (seconds, 1000.0 + timer.now + seconds)
        assert made.look(state) == []
        timer.now += seconds - 0.1
        assert made.due() == []
        timer.now += 0.1
        assert made.due() == ["01"]
        made.went("01")
        made.look({"01": TaskReady()})
    assert made.look({"01": TaskFailed(4, Failure.RATE_LIMIT, "429")}) == []
    assert not made.waits


@given(st.integers(0, 10))
def test_no_wait_is_longer_than_the_longest(tried: int) -> None:
    made = retrier(Time(), retries=11)
    made.retried["01"] = tried
    (wait,) = made.look({"01": TaskFailed(tried + 1, Failure.RATE_LIMIT, "")})
    assert 20 <= wait.seconds <= LONGEST


def test_a_task_that_somebody_retried_or_decided_meanwhile_is_waited_for_no_more() -> None:
    timer = Time()
    made = retrier(timer)
    made.look({"01": TaskFailed(1, Failure.RATE_LIMIT, "")})
    made.look({"01": TaskReady()})
    timer.now = 1000
    assert made.due() == []


@pytest.mark.parametrize("failure", Failure)
def test_by_default_only_what_may_pass_by_itself_is_tried_again(failure: Failure) -> None:
    made = Retrier(limits_of(Settings(), Choice(retries=1)), Time(), lambda: 0.0)
    found = made.look({"01": TaskFailed(1, failure, "")})
    assert bool(found) == (failure in (Failure.RATE_LIMIT, Failure.LOST)) == (failure in TRANSIENT)


def test_any_is_all_but_what_a_person_wanted_and_what_cannot_work() -> None:
    assert failures_named((ANY_FAILURE,)) == set(Failure) - set(NEVER)
    assert {*RETRIED} == {str(failure) for failure in failures_named((ANY_FAILURE,))} | {ANY_FAILURE}
    assert failures_named(("timeout", "lost")) == {Failure.TIMEOUT, Failure.LOST}
    assert Settings().retry_on == tuple(str(failure) for failure in TRANSIENT)
    assert no_retry_on("rate limit") == ""
    assert "never tried again" in no_retry_on("stopped")
    assert "there is no failure" in no_retry_on("weather")


def fail(bench: Bench, times: int) -> None:
    """Let its one task fail once more, for the so manyth time."""
    bench.until(lambda: bench.ledger().count("start 01") == times)
    bench.steer("01", "fail")
    bench.until(lambda: bench.ledger().count("end 01") == times)


@pytest.mark.parametrize("retries", [0, 1])
def test_p22_a_task_that_always_fails_starts_exactly_as_often_as_allowed(bench: Bench, retries: int) -> None:
    bench.retries, bench.retry_on = retries, ("exit code",)
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    fail(bench, 1)
    if retries:
        bench.until(lambda: bool(bench.told(RetryWaits)))
        assert bench.view.engine is EngineState.RUNNING, "it is not held: it goes on by itself"
        assert bench.view.tasks["01"].again is not None
        assert "again in" in bench.view.message
        assert not bench.told(BatchHeld)
        bench.ahead += LONGEST
        fail(bench, 2)
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    bench.ahead += LONGEST
    for _ in range(5):
        bench.tick()
    assert bench.ledger().count("start 01") == retries + 1
    assert len(bench.told(BatchHeld)) == 1


def test_an_exit_code_is_not_tried_again_where_nobody_asked_for_it(bench: Bench) -> None:
    bench.retries, bench.retry_on = 3, ("rate limit", "lost")
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "fail")
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    bench.ahead += LONGEST
    for _ in range(5):
        bench.tick()
    assert bench.ledger() == ["start 01", "end 01"]


def test_a_retry_by_hand_needs_no_wait(bench: Bench) -> None:
    bench.retries, bench.retry_on = 1, ("exit code",)
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "fail")
    bench.until(lambda: bool(bench.told(RetryWaits)))
    assert bench.do(Do.RETRY, "01") == ""
    bench.finish("01", "write")
    assert isinstance(bench.state("01"), TaskVerified)
