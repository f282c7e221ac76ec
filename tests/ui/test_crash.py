"""Crash reports: where in the code it was, and nothing of what was at hand."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.secrets import masked
from parex_tui.run.statedir import StateError
from parex_tui.ui.crash import KEPT, faults_in, faults_of, leave_report, message, report_text

HIDDEN = "do-not-show-this"
NO_ENV: dict[str, str] = {}


def raised(error: BaseException) -> BaseException:
    """The error, with a traceback through a frame that has a value in it."""
    hidden = HIDDEN
    try:
        assert hidden
        raise error
    except BaseException as caught:  # noqa: BLE001 - handed back
        return caught


def test_a_report_names_kinds_and_places_of_the_whole_chain_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", HIDDEN)
    try:
        try:
            {"a": 1}[HIDDEN]
        except KeyError as error:
            raise ValueError(HIDDEN) from error
    except ValueError as error:
        text = report_text(faults_of(error), 0.0)
    assert HIDDEN not in text
    assert "\nValueError\n" in text
    assert "\nafter KeyError\n" in text
    assert "tests/ui/test_crash.py:" in text
    assert str(Path.home()) + "/" not in text
    assert "1970-01-01T00:00:00Z" in text


def test_a_message_is_told_only_of_errors_that_carry_no_values() -> None:
    ours = faults_of(raised(StateError("cannot use sk-abcdefghijkl at /home/me/x")), {"HOME": "/home/me"})
    assert ours[0].message == "cannot use *** at ~/x"
    assert faults_of(raised(RuntimeError(HIDDEN)))[0].message == ""
    assert faults_of(raised(OSError(28, HIDDEN, HIDDEN)))[0].message == "ENOSPC"

    class StrangeError(StateError):
        """Only the very classes are known to be harmless."""

    assert faults_of(raised(StrangeError(HIDDEN)))[0].message == ""


@given(st.text(min_size=4).filter(str.strip), st.sampled_from(["MY_KEY", "GH_TOKEN", "db_password", "Secret"]))
def test_values_of_secret_variables_are_masked(value: str, name: str) -> None:
    shown = masked(f"before {value} after", {name: value})
    assert value not in shown or value in "before *** after"


@pytest.mark.parametrize(
    "key",
    [
        "sk-ant-api03-abcdefgh", "ghp_abcdefghij", "github_pat_abcdefghij", "xoxb-12345678-a", "AKIAABCDEFGHIJKLMNOP",
        "eyJhbGciOi.eyJzdWIi.sig", "hf_abcdefghij",
    ],
)  # fmt: skip
def test_what_looks_like_a_key_is_masked(key: str) -> None:
    assert key not in masked(f"x {key} y", NO_ENV)
    assert masked("http://me:pass@host/", NO_ENV) == "http://***@host/"


def test_deep_and_circular_errors_give_a_short_report() -> None:
    def deep() -> None:
        deep()

    try:
        deep()
    except RecursionError as error:
        error.__cause__ = error
        faults = faults_of(error)
    assert len(faults) == 1
    assert len(faults[0].places) == 80
    assert f"… {faults[0].left_out} more …" in report_text(faults, 0.0)
    group = ExceptionGroup("x", [ValueError(HIDDEN), KeyError(HIDDEN)])
    assert [fault.kind for fault in faults_of(raised(group))] == ["ExceptionGroup", "ValueError", "KeyError"]


def test_reports_are_private_and_the_oldest_go(state_home: Path) -> None:
    faults = faults_of(raised(ValueError()))
    last = None
    for number in range(KEPT + 3):
        last = leave_report(faults, 1000.0 + number)
    folder = state_home / "parex" / "crashes"
    assert last is not None
    assert sorted(folder.iterdir())[-1] == last
    assert len(list(folder.iterdir())) == KEPT
    assert stat.S_IMODE(last.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert str(last) in message(faults, last)


def test_without_a_state_folder_the_message_stands_alone(state_home: Path) -> None:
    (state_home / "parex").mkdir(parents=True)
    (state_home / "parex" / "crashes").touch()
    faults = faults_of(raised(ValueError()))
    assert leave_report(faults, 0.0) is None
    assert message(faults, None).count("\n") == 1


def test_a_printed_traceback_is_read_for_places_only() -> None:
    printed = (
        f"/home/me/lib/python3.11/site-packages/textual/app.py:12 in run\n  value = '{HIDDEN}'\nKeyError: '{HIDDEN}'"
    )
    text = report_text(faults_in(printed), 0.0)
    assert "textual/app.py:12 in run" in text
    assert "KeyError" in text
    assert HIDDEN not in text
    assert os.sep + "home" not in text
