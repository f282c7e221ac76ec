"""`parex attempts`: every run of every task is told, also of features that are gone, and one of them whole."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest

from parex_tui.agents.driver import Failure
from parex_tui.run.attempts import Journal
from parex_tui.run.states import Verdict
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature
from parex_tui.tasks.reader import read_project
from tests.run.house import House, ended, running, wait_until

from .conftest import Yard


def test_without_an_attempt_that_is_said(yard: Yard) -> None:
    assert yard.parex("attempts") == (0, "No attempt yet.\n", "")
    assert yard.record("parex.attempts", "attempts")["features"][0]["attempts"] == []


def test_every_state_has_its_word(yard: Yard) -> None:
    yard.judged(Verdict.VERIFIED)
    yard.judged(Verdict.NEEDS_REVIEW)
    yard.judged(Verdict.FAILED, Failure.RATE_LIMIT)
    yard.judged(Verdict.FAILED, Failure.STOPPED)
    yard.judged(Verdict.FAILED, Failure.LOST)
    ended(yard.start("exit:3"))
    yard.house.create(feature="auth")
    running(yard.start("say:hi", "hang", seq="02"))
    found = yard.record("parex.attempts", "attempts", "auth")["features"][0]["attempts"]
    states = [(one["seq"], one["number"], one["state"]) for one in found]
    assert states == [
        *(("01", 1, "verified"), ("01", 2, "needs review"), ("01", 3, "failed"), ("01", 4, "stopped")),
        *(("01", 5, "lost"), ("01", 6, "ended"), ("01", 7, "never ran"), ("02", 1, "running")),
    ]
    _, out, _ = yard.parex("attempts", "auth")
    assert "01#3  failed: rate limit" in out
    assert "01#6  ended " in out
    assert "no parex has judged it yet" in out
    assert "02#1  running 0:0" in out
    assert "last sign of life" in out
    assert "1.2k tok  $0.50  1/1 files" in out


def test_a_stall_is_said(yard: Yard) -> None:
    attempt = yard.start("say:hi", "hang")
    running(attempt)
    (attempt.dir / "stalled").write_text('{"version": 1, "since": 1000.0}')
    assert "neither wrote nor computed for" in yard.parex("attempts", "auth")[1]
    assert yard.record("parex.attempts", "attempts")["features"][0]["attempts"][0]["stalled"] == 1000.0


def test_a_suspension_is_said(yard: Yard) -> None:
    attempt = yard.start("say:hi", "hang")
    state = running(attempt)
    os.kill(state.agent_pid, signal.SIGSTOP)
    wait_until(lambda: attempt.suspended() is not None, "the suspension")
    assert "suspended for" in yard.parex("attempts", "auth")[1]
    told = yard.record("parex.attempts", "attempts")["features"][0]["attempts"][0]
    assert (told["suspended"], told["stalled"]) == (attempt.suspended(), None)
    os.kill(state.agent_pid, signal.SIGCONT)
    wait_until(lambda: attempt.suspended() is None, "its end")
    assert "suspended for" not in yard.parex("attempts", "auth")[1]


def test_one_attempt_is_told_whole_and_its_secrets_are_not(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "hush-hush-1234")
    attempt = yard.judged(
        Verdict.VERIFIED,
        reason="said hush-hush-1234 and ghp_abcdefghij1234",
        env={"MY_API_KEY": "s3cret-value", "MODE": "fast", "NOTE": "uses s3cret-value"},
        deliverables=("out/01.txt",),
    )
    attempt.note("follow up", {"text": "tried with sk-abcdefghijkl"})
    for words in (("auth", "01", "1"), ("auth", "1#1"), ("auth", "01#1")):
        code, out, _ = yard.parex("attempts", *words)
        assert code == 0
        assert "verified" in out
        assert "MY_API_KEY=***" in out
        assert "MODE=fast" in out
        assert attempt.launch.prompt_digest in out
        assert str(attempt.dir) in out
    whole = yard.record("parex.attempt", "attempts", "auth", "01", "1")
    assert whole["environment"] == {"MY_API_KEY": "***", "MODE": "fast", "NOTE": "uses ***"}
    assert whole["argv"] == list(attempt.launch.argv)
    assert whole["exit"] == {"code": 0, "signal": None, "reason": "exited", "detail": "", "swept": 0}
    assert whole["prompt"]["intact"] is True
    assert whole["prompt"]["bytes"] == len(attempt.prompt.read_bytes())
    for text in (out, json.dumps(whole)):
        assert not [one for one in ("s3cret", "hush", "ghp_abc", "sk-abc") if one in text]


def test_a_prompt_that_was_changed_since_is_said_to_be(yard: Yard) -> None:
    yard.judged(Verdict.VERIFIED).prompt.write_bytes(b"Something else.\n")
    assert "and was changed since" in yard.parex("attempts", "auth", "1", "1")[1]


def test_who_asked_for_the_end_is_told(yard: Yard) -> None:
    yard.set_driver()
    attempt = yard.start("hang")
    running(attempt)
    yard.parex("stop", "auth", "01")
    whole = yard.record("parex.attempt", "attempts", "auth", "01", "1")
    assert whole["stop_asked"]["by"] == "parex stop"
    assert whole["attempt"]["state"] == "stopped"
    assert whole["exit"]["reason"] == "stopped"


def test_hostile_records_stay_on_their_line(yard: Yard) -> None:
    yard.judged(Verdict.FAILED, Failure.CHECK, reason="\x1b]0;x\x07\nsecond\u202eline", agent="a\x1b[31m", model="\r")
    for words in (("auth",), ("auth", "1", "1")):
        _, out, _ = yard.parex("attempts", *words)
        assert not [char for char in out if char != "\n" and not char.isprintable()]
    assert len(yard.parex("attempts", "auth")[1].splitlines()) == 3


def test_a_feature_that_is_gone_is_reached_by_its_name(yard: Yard) -> None:
    yard.judged(Verdict.VERIFIED)
    shutil.move(yard.folder, yard.root.parent / "away")
    code, out, _ = yard.parex("attempts", "auth", "1")
    assert code == 0
    assert out.startswith("auth (its folder is gone, made 2026-01-01")
    (record,) = yard.record("parex.attempts", "attempts")["features"]
    assert (record["name"], record["path"], record["renamed"]) == ("auth", None, None)


def test_a_renamed_feature_says_its_new_name(yard: Yard) -> None:
    yard.judged(Verdict.VERIFIED)
    yard.folder.rename(yard.folder.with_name("login"))
    assert yard.parex("attempts", "auth")[1].startswith("auth (its folder is called login now")
    assert yard.record("parex.attempts", "attempts", "auth")["features"][0]["renamed"] == "login"
    assert yard.parex("attempts", "login") == (0, "No attempt yet.\n", "")


def test_a_feature_made_anew_is_told_apart_from_the_old_one(yard: Yard) -> None:
    yard.judged(Verdict.FAILED, Failure.CHECK, reason="the old one")
    yard.folder.rename(yard.root.parent / "away")
    yard.folder.mkdir()
    (yard.folder / "task.json").write_text('{"id": "auth", "name": "Auth", "created_at": "2026-02-02T00:00:00Z"}')
    yard.write("01")
    assert yard.parex("attempts", "auth") == (0, "No attempt yet.\n", "")
    other = House(yard.root, Journal(yard.root))
    other.journal.know(_only(yard))
    ended(other.start("say:new", feature="auth"))
    names = [one["name"] for one in yard.record("parex.attempts", "attempts")["features"]]
    assert names == ["auth", "auth~1"]
    assert "the old one" in yard.parex("attempts", "auth~1")[1]
    assert "an earlier feature of that name, made 2026-01-01" in yard.parex("attempts", "auth~1")[1]
    assert "the old one" not in yard.parex("attempts", "auth")[1]
    assert "hello" in yard.parex("logs", "auth~1", "1")[1]
    assert "new" in yard.parex("logs", "auth", "1")[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nope",), "no feature is called nope; there are: auth"),
        (("aut",), "did you mean auth?"),
        (("auth", "9"), "there is no task 9 in auth; there are: 01, 02, 03"),
        (("auth", "1", "7"), "auth 01 has no attempt 7; there is none yet"),
        (("auth", "1#x"), "x is no number of an attempt"),
        (("auth", "1", "0"), "0 is no number of an attempt"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(yard: Yard, words: tuple[str, ...], told: str) -> None:
    code, out, err = yard.parex("attempts", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_damaged_records_are_told_and_hurt_nothing(yard: Yard) -> None:
    attempt = yard.judged(Verdict.VERIFIED)
    for name in ("launch.json", "exit", "outcome.json", "started"):
        (attempt.dir / name).write_bytes(b'{"version": 1, "argv": 7, "env": [')
        assert yard.parex("attempts")[0] == 0
        assert yard.parex("attempts", "auth", "1", "1")[0] == 0
        yard.record("parex.attempt", "attempts", "auth", "1", "1")


def test_reading_creates_and_changes_nothing(yard: Yard) -> None:
    attempt = yard.start("say:up", "hang")
    wait_until(lambda: attempt.output.exists() and attempt.output.stat().st_size > 0, "the start")
    folder = yard.house.journal.dir

    def there() -> dict[str, int]:
        return {str(path): os.stat(path).st_mtime_ns for path in folder.rglob("*")}  # noqa: PTH116

    before = there()
    for words in (["attempts"], ["attempts", "auth", "1", "1"], ["report"], ["logs", "auth", "1"]):
        assert yard.parex(*words)[0] == 0
    assert there() == before


def _only(yard: Yard) -> Feature:
    return read_project(locate(yard.root, explicit=True)).features[0]
