"""`parex retry`: these tasks get a fresh attempt, and no other does."""

from __future__ import annotations

import json
import os

import pytest

from parex_tui.agents.driver import Failure
from parex_tui.run import orders_sent
from parex_tui.run.attempts import Journal
from parex_tui.run.mailbox import Order
from parex_tui.run.snapshot import Do
from parex_tui.run.states import Verdict
from tests.report.strictly import validator

from .conftest import Yard
from .test_stop import held


def failed(yard: Yard, *seqs: str) -> None:
    """Tasks whose only attempt has failed."""
    for seq in seqs:
        yard.write(seq, status="blocked")
        yard.judged(Verdict.FAILED, Failure.CHECK, seq=seq)


def test_the_named_task_runs_and_no_other(yard: Yard) -> None:
    failed(yard, "01")
    yard.set_driver(f"touch:{yard.root}/out/{{seq}}.txt", "say:done")
    code, out, err = yard.parex("retry", "auth", "1")
    assert code == 3, err  # what it wrote is empty
    assert "▶ 01 Task 01: attempt 2" in out
    assert "? 01 Task 01: needs review" in out
    assert (yard.status("02"), yard.status("03")) == ("pending", "pending")
    numbers = {seq: len(found) for seq, found in Journal(yard.root).feature_attempts("auth").items()}
    assert numbers == {"01": 2}


def test_every_failed_one_and_none_else(yard: Yard) -> None:
    failed(yard, "01", "02")
    yard.set_driver("exit:5")
    code, out, _ = yard.parex("retry", "auth", "--failed", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert {one["seq"] for one in lines if one["type"] == "attempt_ends"} == {"01", "02"}
    assert (lines[-1]["type"], lines[-1]["exit"]) == ("end", 1)
    check = validator("parex.run/1")
    assert [error.message[:200] for line in lines for error in check.iter_errors(line)] == []
    assert yard.status("03") == "pending"


def test_refusals_are_the_engines_and_nothing_begins(yard: Yard) -> None:
    failed(yard, "01")
    yard.set_driver()
    for words, told in (
        (("3",), "03 Task 03 waits: after 01"),
        (("1", "3"), "nothing was retried"),
        ((), "which task? failed: 01; name it, or use --failed"),
        (("1", "--no-wait"), "--no-wait is for a feature that another parex runs"),
        (("1", "--driver", "nope"), "no driver is called nope"),
    ):
        code, out, err = yard.parex("retry", "auth", *words)
        assert (code, out) == (2, "")
        assert told in err
    assert len(Journal(yard.root).attempts("auth", "01")) == 1
    assert yard.status("01") == "blocked"


def test_without_a_failed_one_there_is_nothing_to_do(yard: Yard) -> None:
    yard.set_driver()
    assert yard.parex("retry", "auth", "--failed") == (0, "no task has failed\n", "")


def test_another_parex_is_asked_to_do_it(yard: Yard) -> None:
    failed(yard, "01")
    orders: list[Order] = []
    with held(yard, orders):
        code, out, _ = yard.parex("retry", "auth", "1", "--no-wait")
        assert yard.parex("retry", "auth", "1", "--driver", "fake")[0] == 2
    assert code == 0
    assert f"asked parex {os.getpid()} " in out
    assert [(one.do, one.seq, one.by) for one in orders] == [(Do.RETRY, "01", "parex retry")]
    assert len(Journal(yard.root).attempts("auth", "01")) == 1


def test_what_the_other_one_does_is_followed_to_its_verdict(yard: Yard) -> None:
    failed(yard, "01")
    yard.set_driver()

    def obey(order: Order) -> None:
        yard.judged(Verdict.VERIFIED, seq=order.seq)

    with held(yard, [], obey):
        code, out, _ = yard.parex("retry", "auth", "1")
    assert code == 0
    assert out.splitlines()[1].startswith("▶ 01 Task 01: attempt 2")
    assert out.splitlines()[2].startswith("✓ 01 Task 01: verified")


def test_one_that_does_not_answer_is_named_and_the_order_withdrawn(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_sent, "ANSWER_SECONDS", 0.2)
    failed(yard, "01")
    journal = Journal(yard.root)
    lock = journal.feature_lock("auth")
    assert lock is not None
    journal.sign("auth", screen=True, going=True)
    with lock:
        code, _, err = yard.parex("retry", "auth", "1")
    assert code == 2
    assert f"parex {os.getpid()} " in err
    assert "does not answer" in err
    assert journal.mailbox("auth").collect() == ()
