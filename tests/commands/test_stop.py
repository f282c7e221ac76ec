"""`parex stop`: nothing of an attempt is left when it returns, and it says how that came."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from parex_tui.run import orders_sent
from parex_tui.run.attempts import Journal
from parex_tui.run.mailbox import Order
from parex_tui.run.snapshot import Do
from parex_tui.run.states import Exited, Lost, Running
from tests.run.house import ended, running, wait_for, wait_until

from .conftest import Yard


@contextmanager
def held(yard: Yard, orders: list[Order], obey: Callable[[Order], object] = lambda order: None) -> Iterator[None]:
    """Another parex runs `auth`, collects its orders, and does what `obey` does with them."""
    journal = Journal(yard.root)
    lock = journal.feature_lock("auth")
    assert lock is not None
    journal.sign("auth", screen=True, going=True)
    over = threading.Event()

    def collect() -> None:
        while not over.wait(0.01):
            for order in journal.mailbox("auth").collect():
                orders.append(order)
                obey(order)

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        lock.release()


def test_where_nothing_runs_that_is_said(yard: Yard) -> None:
    ended(yard.start("say:x"))
    assert yard.parex("stop") == (0, "nothing runs in this project\n", "")
    assert yard.parex("stop", "auth") == (0, "nothing runs in auth\n", "")
    assert yard.parex("stop", "auth", "1") == (0, "nothing of 1 runs in auth\n", "")
    assert yard.record("parex.stop", "stop", "--all")["proven"] is True


def test_one_is_stopped_with_all_it_started_and_its_file_says_so(yard: Yard) -> None:
    yard.set_driver()
    yard.write("01", status="in_progress")
    attempt = yard.start("daemonise:double", "say:up", "hang")
    running(attempt)
    wait_until(lambda: attempt.output.stat().st_size > 0, "the agent to be up")
    code, out, _ = yard.parex("stop", "auth", "1")
    assert code == 0
    assert out.startswith("■ auth 01#1 stopped, after 0:0")
    assert yard.house.left() == []
    assert yard.status("01") == "blocked"
    assert yard.parex("stop", "auth", "1")[0] == 0


def test_what_does_not_go_is_killed_and_that_is_said(yard: Yard) -> None:
    attempt = yard.start("ignore-term", "say:up", "hang")
    wait_until(lambda: attempt.output.exists() and attempt.output.stat().st_size > 0, "the agent to be up")
    record = yard.record("parex.stop", "stop", "auth")
    assert [one["how"] for one in record["attempts"]] == ["killed after grace"]
    assert record["proven"] is True
    assert yard.house.left() == []


def test_more_than_one_is_asked_about(yard: Yard) -> None:
    attempts = [yard.start("hang", seq=seq) for seq in ("01", "02")]
    for one in attempts:
        running(one)
    code, out, err = yard.parex("stop", "auth")
    assert (code, out) == (2, "")
    assert "nothing was stopped; 2 run (auth 01#1, auth 02#1): add --yes" in err
    code, _, err = yard.parex("stop")
    assert code == 2
    assert "name a feature, or use --all" in err
    assert all(isinstance(one.state(), Running) for one in attempts)
    assert yard.parex("stop", "--all", "--yes")[0] == 0
    assert all(isinstance(one.state(), Exited) for one in attempts)


def test_without_waiting_it_is_only_asked(yard: Yard) -> None:
    attempt = yard.start("hang")
    running(attempt)
    assert yard.parex("stop", "auth", "01", "--no-wait") == (0, "■ auth 01#1 asked to stop\n", "")
    assert ended(attempt).exit.reason == "stopped"


def test_whoever_runs_the_feature_is_told_to_start_nothing_new(yard: Yard) -> None:
    attempt = yard.start("hang")
    running(attempt)
    orders: list[Order] = []
    with held(yard, orders):
        code, out, _ = yard.parex("stop", "auth")
    assert code == 0
    assert [(one.do, one.by) for one in orders] == [(Do.STOP_ALL, "parex stop")]
    assert f"parex {os.getpid()} " in out
    assert isinstance(attempt.state(), Exited)


def test_one_task_of_it_is_no_reason_to_pause_the_rest(yard: Yard) -> None:
    running(yard.start("hang"))
    orders: list[Order] = []
    with held(yard, orders):
        assert yard.parex("stop", "auth", "01")[0] == 0
    assert orders == []


def test_one_that_does_not_answer_is_named_and_gets_no_order_later(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_sent, "ANSWER_SECONDS", 0.2)
    attempt = yard.start("hang")
    running(attempt)
    journal = Journal(yard.root)
    lock = journal.feature_lock("auth")
    assert lock is not None
    journal.sign("auth", screen=True, going=True)
    with lock:
        code, _, err = yard.parex("stop", "auth")
    assert code == 0
    assert f"parex {os.getpid()} " in err
    assert "does not answer" in err
    assert journal.mailbox("auth").collect() == ()
    assert isinstance(attempt.state(), Exited)


def test_what_a_dead_keeper_left_is_ended(yard: Yard) -> None:
    yard.set_driver()
    attempt = yard.start("ignore-term", "hang")
    os.kill(running(attempt).keeper_pid, signal.SIGSTOP)  # so that it does not take its agent with it in order
    os.kill(running(attempt).keeper_pid, signal.SIGKILL)
    wait_for(attempt, Lost)
    record = yard.record("parex.stop", "stop", "auth")
    assert [one["how"] for one in record["attempts"]] == ["lost, and ended"]
    assert yard.house.left() == []


def test_attempts_of_a_feature_that_is_gone_can_be_stopped(yard: Yard) -> None:
    attempts = [yard.start("hang", seq=seq) for seq in ("01", "02")]
    for one in attempts:
        running(one)
    shutil.move(yard.folder, yard.root.parent / "away")
    assert yard.parex("stop", "auth", "01")[0] == 0
    assert isinstance(attempts[0].state(), Exited)
    assert yard.parex("stop", "--all")[0] == 0
    assert isinstance(attempts[1].state(), Exited)
