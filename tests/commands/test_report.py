"""`parex report`: what happened, nothing untrue, and nothing that acts where it is pasted."""

from __future__ import annotations

import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.driver import Failure
from parex_tui.report.markdown import code
from parex_tui.run.attempts import Decision
from parex_tui.run.board import ACCEPT, GO_ON, SKIP
from parex_tui.run.states import Verdict

from .conftest import Yard

HOSTILE = "[x](http://evil.example) <img src=x> @somebody #12 `a``b` |z| www.evil.example"


def test_only_what_was_verified_is_called_so(yard: Yard) -> None:
    yard.write("01", status="completed")
    yard.judged(Verdict.FAILED, Failure.CHECK)
    yard.write("02", status="blocked")
    yard.judged(Verdict.FAILED, Failure.RATE_LIMIT, seq="02", reason="quota is used up")
    found = yard.record("parex.report", "report")
    assert (found["verified"], found["unverified"]) == ([], ["01", "02", "03"])
    said = {one["seq"]: one["said"] for one in found["tasks"]}
    assert said == {"01": "completed by another program's word, not checked", "02": "failed", "03": "waiting"}
    assert (found["attempts"], found["tokens"], found["cost"]) == (2, 2400, 1.0)
    for words in (("report",), ("report", "--markdown")):
        _, out, _ = yard.parex(*words)
        assert "quota is used up" in out
        assert "Not verified" in out
        assert "1 completed by another program's word, not checked" in out


def test_what_persons_decided_is_told_with_their_notes(yard: Yard) -> None:
    journal = yard.house.journal
    for at, (kind, seq) in enumerate(((ACCEPT, "01"), (SKIP, "02"), (GO_ON, "03")), 1):
        journal.record_decision("auth", Decision(float(at), kind, seq, batch=1, attempt=2, note=f"note of {seq}"))
    _, out, _ = yard.parex("report", "auth")
    assert "01 accepted by hand, after attempt 2: note of 01" in out
    assert "02 skipped, after attempt 2; what depends on it stays blocked: note of 02" in out
    assert "batch 1 went on in spite of 03, after attempt 2: note of 03" in out
    assert [one["kind"] for one in yard.record("parex.report", "report")["decisions"]] == ["accept", "skip", "go on"]


def test_an_accepted_task_is_not_called_verified(yard: Yard) -> None:
    yard.judged(Verdict.NEEDS_REVIEW)
    yard.house.journal.record_decision("auth", Decision(1.0, ACCEPT, "01", batch=1, attempt=1))
    yard.write("01", status="completed")
    found = yard.record("parex.report", "report")
    assert found["tasks"][0]["said"] == "accepted by a person, not verified"
    assert found["verified"] == []


def test_a_title_is_inert_in_markdown(yard: Yard) -> None:
    yard.write("01", status="blocked", title=HOSTILE)
    yard.judged(Verdict.FAILED, Failure.CHECK, reason=HOSTILE)
    _, out, _ = yard.parex("report", "--markdown")
    outside = spans_removed(out)
    assert not [part for part in ("evil", "somebody", "<img", "#12", "](") if part in outside]
    assert "evil" in out
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    assert {line.count("|") - line.count("\\|") for line in rows} == {8}


def spans_removed(text: str) -> str:
    """Markdown without its code spans: a run of ticks up to the next run of the same length."""
    return re.sub(r"(?<!`)(`+)(?!`)(?:.*?)(?<!`)\1(?!`)", "", text)


@given(st.text(max_size=60))
def test_no_text_leaves_its_code_span(text: str) -> None:
    span = code(text)
    assert spans_removed(f"a {span} b") == "a  b"
    assert "\n" not in span


@pytest.mark.parametrize("form", ["--json", "--markdown"])
def test_secrets_and_hostile_bytes_are_in_no_form(yard: Yard, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hush-hush")
    yard.write("01", status="blocked", title="about hush-hush\x1b[31m")
    yard.judged(Verdict.FAILED, Failure.CHECK, reason="it said hush-hush \x1b]0;x\x07")
    _, out, _ = yard.parex("report", form)
    assert "hush" not in out
    assert "\x1b" not in out


def test_a_feature_that_is_gone_has_its_report_from_the_records(yard: Yard) -> None:
    yard.judged(Verdict.VERIFIED)
    shutil.move(yard.folder, yard.root.parent / "away")
    found = yard.record("parex.report", "report", "auth")
    assert [(one["seq"], one["said"]) for one in found["tasks"]] == [("01", "verified at the time; its task is gone")]
    assert found["verified"] == []
