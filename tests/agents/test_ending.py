"""What an end amounts to: nothing more than was said and seen."""

from __future__ import annotations

import pytest

from parex_tui.agents.driver import Ending, Exit, Failure
from parex_tui.agents.ending import ending_of
from parex_tui.agents.events import Ended, Event, Line, Said, Trouble


def end(
    *events: Event, code: int | None = 0, signal: int | None = None, reason: str = "exited", structured: bool = True
) -> Ending:
    """Judge an end."""
    return ending_of(Exit(code, signal, reason, 75.0), events, structured=structured)


def test_success_needs_exit_0_and_a_last_word() -> None:
    assert end(Ended(ok=True, summary="done")) == Ending(clean=True, summary="done")
    assert end(Said(text="All\nis well."), Ended(ok=True)).summary == "is well."


def test_exit_0_without_a_last_word_is_no_success() -> None:
    found = end(Said(text="1.2.3"))
    assert (found.clean, found.failure) == (False, Failure.NO_END)


def test_it_says_itself_that_it_failed() -> None:
    found = end(Ended(ok=False, reason="no tests"))
    assert (found.failure, found.reason) == (Failure.GAVE_UP, "no tests")


def test_the_newest_last_word_counts() -> None:
    assert end(Ended(ok=False), Ended(ok=True)).clean
    assert not end(Ended(ok=True), Ended(ok=False)).clean


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("", Failure.AGENT_ERROR),
        ("other", Failure.AGENT_ERROR),
        ("auth", Failure.AUTH),
        ("rate_limit", Failure.RATE_LIMIT),
        ("permission", Failure.PERMISSION),
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_a_fatal_error_beats_every_claim(kind: str, failure: Failure, code: int) -> None:
    found = end(Trouble(message="why", kind=kind, fatal=True), Ended(ok=True), code=code)
    assert (found.clean, found.failure, found.reason) == (False, failure, "why")
    assert end(Trouble(message="why", kind=kind), Ended(ok=True)).clean


def test_another_exit_code_is_a_failure_with_the_last_line_that_says_something() -> None:
    events = (
        Line(text="building"),
        Line(text="TypeError: x", stderr=True),
        Line(text="---", stderr=True),
        Line(text="bye"),
    )
    assert end(*events, code=2) == Ending(clean=False, failure=Failure.EXIT, reason="exit 2: TypeError: x")
    assert end(Line(text="… 3 MB of output not shown here"), Line(text="  bad  "), code=2).reason == "exit 2: bad"
    assert end(code=3).reason == "exit 3"
    assert end(Line(text="x"), Ended(ok=False, reason="why"), code=1).reason == "exit 1: why"
    assert end(Ended(ok=True), code=1).reason == "exit 1, although it claimed success"
    assert "not found" in end(code=127).reason


def test_signals_are_named_and_memory_is_hinted_at() -> None:
    assert end(code=None, signal=15).reason == "ended by SIGTERM"
    assert end(code=None, signal=15).failure is Failure.SIGNAL
    assert "out of memory" in end(code=None, signal=9).reason
    assert "out of memory" in end(code=137).reason
    assert end(code=137).failure is Failure.EXIT
    assert end(code=None, signal=200).reason == "ended by signal 200"
    assert end(code=200).reason == "exit 200"


@pytest.mark.parametrize(
    ("reason", "failure"), [("stopped", Failure.STOPPED), ("timeout", Failure.TIMEOUT), ("spawn", Failure.SPAWN)]
)
def test_what_the_keeper_did_beats_what_the_agent_said(reason: str, failure: Failure) -> None:
    found = end(Ended(ok=True, summary="s"), code=None, signal=15, reason=reason)
    assert (found.clean, found.failure, found.summary) == (False, failure, "s")
    assert found.reason


def test_the_keepers_detail_is_kept() -> None:
    found = ending_of(Exit(127, None, "spawn", 0.0, "no such file: x"), (), structured=False)
    assert found.reason == "no such file: x"
    assert "1 min 15 s" in end(reason="timeout").reason


def test_a_plain_program_that_exits_0_is_clean_and_not_proven() -> None:
    assert end(Line(text="ok"), structured=False) == Ending(clean=True, summary="ok", proven=False)
    assert end(structured=False) == Ending(clean=True, proven=False)
    assert end(Line(text="no"), code=1, structured=False).failure is Failure.EXIT
