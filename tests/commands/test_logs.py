"""`parex logs`: read at once however long it is, follow to the end, never touch the agent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from parex_tui.agents.driver import Failure
from parex_tui.run.states import Verdict
from tests.conftest import REPOSITORY
from tests.report.strictly import validator
from tests.run.house import ended, running

from .conftest import Yard


def follow(yard: Yard, *words: str) -> subprocess.Popen[bytes]:
    """A real `parex logs`."""
    return subprocess.Popen(
        [sys.executable, "-m", "parex_tui", "logs", "auth", "01", *words, "-C", str(yard.root)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def first_line(child: subprocess.Popen[bytes]) -> bytes:
    assert child.stdout is not None
    return child.stdout.readline()


def test_the_newest_attempt_that_ran_is_shown_cleaned_and_masked(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "hush-hush")
    ended(yard.start("say:old"))
    ended(yard.start("say:key hush-hush\x1b[31m", "say:two", "err:oops"))
    yard.house.create(feature="auth")
    code, out, err = yard.parex("logs", "auth", "1")
    assert code == 0
    assert "hush" not in out
    assert "\x1b" not in out
    assert out.splitlines()[1] == "two"
    assert "standard error" in err
    assert yard.parex("logs", "auth", "1#1")[1] == "old\n"
    assert "oops" in yard.parex("logs", "auth", "1", "--stderr")[1]
    assert yard.parex("logs", "auth", "1", "-n", "1")[1] == "two\n"
    assert yard.parex("logs", "auth", "1", "-n", "0")[1] == ""


def test_events_are_worded_and_as_json_follow_the_schema(yard: Yard) -> None:
    lines = [
        {"type": "began", "model": "m", "agent": "a"},
        {"type": "tool", "id": "1", "tool": "bash", "state": "running", "input": "npm test"},
        {"type": "tool", "id": "1", "tool": "bash", "state": "failed", "input": "npm test", "exit": 1},
        {"type": "said", "text": "one\ntwo"},
        {"type": "tool", "id": "2", "tool": "edit", "state": "running", "path": "a.ts"},
    ]
    yard.set_driver()
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "parex" / "config.toml"
    config.write_text(config.read_text() + 'events = "jsonl"\n')
    ended(yard.start(*(f"say:{json.dumps(line)}" for line in lines)))
    told = [line.split() for line in yard.parex("logs", "auth", "1")[1].splitlines()]
    assert told == [
        ["began", "a", "·", "m"],
        ["bash", "npm", "test", "exit", "1"],
        ["said", "one", "⏎", "two"],
        ["edit", "a.ts", "(running)"],
    ]
    text = yard.parex("logs", "auth", "1", "--text", "-n", "1")[1]
    assert json.loads(text) == lines[-1]
    check = validator("parex.run/1")
    printed = [json.loads(line) for line in yard.parex("logs", "auth", "1", "--json")[1].splitlines()]
    assert [one["event"]["kind"] for one in printed] == ["began", "tool", "tool", "said", "tool"]
    assert [error.message for one in printed for error in check.iter_errors(one)] == []


def test_raw_is_the_very_bytes(yard: Yard) -> None:
    attempt = yard.start("say:x")
    ended(attempt)
    data = bytes(range(256)) * 20 + b"\nlast\nlines"
    attempt.output.write_bytes(data)
    for words, expected in ((("--raw",), data), (("--raw", "-n", "2"), b"last\nlines"), (("--raw", "-n", "0"), b"")):
        child = follow(yard, *words)
        assert child.communicate(timeout=60)[0] == expected
        assert child.returncode == 0


def test_what_a_keeper_cut_out_is_said_and_never_printed_as_zeros(yard: Yard) -> None:
    attempt = yard.start("say:head")
    ended(attempt)
    os.truncate(attempt.output, 40 * 10**9)
    with attempt.output.open("ab") as file:
        file.write(b"tail\n")
    code, out, err = yard.parex("logs", "auth", "1", "--raw")
    assert (code, out.splitlines()[0], out.splitlines()[-1].strip("\0")) == (0, "head", "tail")
    assert len(out) < 100_000
    assert "left out here" in err
    assert yard.parex("logs", "auth", "1", "--raw", "-n", "1")[1].strip("\0") == "tail\n"
    shown = yard.parex("logs", "auth", "1", "-n", "all")[1].splitlines()
    assert (shown[0], shown[-1], len(shown)) == ("head", "tail", 3)
    assert "left out here" in shown[1]


def test_raw_bytes_are_kept_from_a_terminal(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(yard.start("say:x"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    code, out, err = yard.parex("logs", "auth", "1", "--raw")
    assert (code, out) == (2, "")
    assert "--force" in err


def test_fifty_gigabytes_are_shown_from_their_end(yard: Yard) -> None:
    attempt = yard.start("say:first")
    ended(attempt)
    with attempt.output.open("r+b") as file:
        file.truncate(50 * 1024**3)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe last line\n")
    _, out, _ = yard.parex("logs", "auth", "1", "-n", "1")
    assert out == "the last line\n"
    _, out, _ = yard.parex("logs", "auth", "1")
    assert out.splitlines()[0] == "first"
    assert out.count("left out here") == 1
    assert out.splitlines()[-1] == "the last line"
    child = follow(yard, "--raw", "-n", "1")
    assert child.communicate(timeout=60)[0] == b"the last line\n"


@pytest.mark.parametrize(
    ("verdict", "failure", "code"),
    [(Verdict.VERIFIED, None, 0), (Verdict.FAILED, Failure.CHECK, 1), (Verdict.NEEDS_REVIEW, None, 3)],
)
def test_following_ends_with_the_attempts_own_verdict(
    yard: Yard, verdict: Verdict, failure: Failure | None, code: int
) -> None:
    yard.judged(verdict, failure)
    found, out, err = yard.parex("logs", "auth", "1", "-f")
    assert (found, out) == (code, "hello\n")
    assert "01#1: " in err
    assert "because" in err


def test_following_prints_what_comes_until_the_very_last_line(yard: Yard, tmp_path: Path) -> None:
    go = tmp_path / "go"
    attempt = yard.start("say:one", f"wait:{go}", "say:two", "exit:4")
    running(attempt)
    child = follow(yard, "-f")
    assert first_line(child) == b"one\n"
    go.touch()
    out, err = child.communicate(timeout=60)
    assert out == b"two\n"
    assert b"no parex has judged it yet" in err
    assert child.returncode == 1  # nobody judged it, and it did not end well


def test_an_unjudged_good_end_is_no_success(yard: Yard) -> None:
    ended(yard.start("say:fine"))
    assert yard.parex("logs", "auth", "1", "-f")[0] == 3


def test_ctrl_c_ends_it_quietly_and_the_agent_runs_on(yard: Yard) -> None:
    attempt = yard.start("say:one", "hang")
    running(attempt)
    child = follow(yard, "-f")
    assert first_line(child) == b"one\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (130, b"", b"")
    running(attempt)


def test_a_reader_that_goes_ends_it_though_nothing_is_printed(yard: Yard) -> None:
    attempt = yard.start("say:one", "hang")
    running(attempt)
    child = follow(yard, "-f")
    assert first_line(child) == b"one\n"
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert child.wait(timeout=60) == 0
    assert child.stderr.read() == b""
    child.stderr.close()
    running(attempt)


def test_a_file_that_is_cut_short_or_replaced_is_read_again(yard: Yard) -> None:
    attempt = yard.start("say:one", "hang")
    running(attempt)
    child = follow(yard, "-f")
    assert first_line(child) == b"one\n"
    attempt.output.write_bytes(b"b\n")
    assert b"cut short" in first_line(child)
    assert first_line(child) == b"b\n"
    other = attempt.output.with_name("other")
    other.write_bytes(b"another\n")
    other.replace(attempt.output)
    assert b"replaced" in first_line(child)
    assert first_line(child) == b"another\n"
    child.kill()
    child.communicate()


def test_without_an_attempt_it_says_so(yard: Yard) -> None:
    code, _, err = yard.parex("logs", "auth", "2")
    assert (code, err) == (2, "parex: auth 02 has no attempt yet\n")
