"""A stall: neither output nor work, for as long as was said."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from parex_tui.agents.jsonl import PlainParser
from parex_tui.report.attempts_text import state_words
from parex_tui.run.attempt_facts import facts_of
from parex_tui.run.attempts import Attempt, Journal
from parex_tui.run.snapshot import Do
from parex_tui.run.stall import Stall
from parex_tui.run.states import Running
from parex_tui.run.stop import request_stop
from parex_tui.settings import Settings

from .house import House, argv_of, ended, running, wait_until
from .test_engine import Bench, bench

__all__ = ["bench"]


class Worker:
    """A tree whose processor time one sets."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return self.seconds


def test_silent_and_idle_for_long_enough() -> None:
    stall = Stall(600, Worker(), 1000.0)
    found = [second for second in range(900) if stall.look(1000.0 + second, 0)]
    assert found[0] == 600
    assert stall.sign == 1000.0


def test_output_is_a_sign_of_life_at_once() -> None:
    stall = Stall(600, Worker(), 0.0)
    assert stall.look(700.0, 0)
    assert not stall.look(701.0, 1)
    assert not stall.look(1300.0, 1)
    assert stall.look(1301.0, 1)
    assert not stall.look(1302.0, 0), "cut short by the agent: that is one, too"


def test_work_without_output_is_a_sign_of_life() -> None:
    worker = Worker()
    stall = Stall(600, worker, 0.0)
    for second in range(3000):
        worker.seconds += 0.05
        assert not stall.look(float(second), 0)
    said = [second for second in range(3000, 4000) if stall.look(float(second), 0)]
    assert 3540 <= said[0] <= 3660


def test_a_runtime_that_only_wakes_up_does_not_work() -> None:
    worker = Worker()
    stall = Stall(600, worker, 0.0)
    found = False
    for second in range(700):
        worker.seconds += 0.002
        found = stall.look(float(second), 0)
    assert found


def test_the_tree_is_counted_seldom_and_not_while_there_is_output() -> None:
    worker = Worker()
    stall = Stall(600, worker, 0.0)
    for second in range(600):
        stall.look(float(second), second)
    assert worker.asked == 0
    for second in range(600, 1200):
        stall.look(float(second), 600)
    assert worker.asked <= 11


def test_never() -> None:
    worker = Worker()
    stall = Stall(0, worker, 0.0)
    assert not stall.look(1e9, 0)
    assert worker.asked == 0


# --- with real agents ------------------------------------------------------------------------------------------


def test_a_stall_is_said_and_taken_back_with_the_next_line(house: House) -> None:
    go = house.root / "go"
    attempt = house.start("say:one", f"wait:{go}", "say:two", "hang", stall_after=0.4)
    wait_until(lambda: attempt.stalled() is not None, "the stall")
    since, state = attempt.stalled(), attempt.state()
    assert since is not None
    assert isinstance(state, Running)
    assert since >= state.since - 1
    assert json.loads((attempt.dir / "stalled").read_text())["version"] == 1
    go.touch()
    wait_until(lambda: (found := attempt.stalled()) is None or found > since, "the sign of life")
    request_stop(attempt, "a test")
    assert ended(attempt).exit.reason == "stopped"
    assert attempt.stalled() is None


def test_work_of_a_grandchild_is_no_stall(house: House) -> None:
    """It writes nothing, the agent itself sleeps, and yet something is done."""
    busy = house.root / "busy.py"
    busy.write_text("import os, time\nif os.fork() == 0:\n    os.setsid()\n    while True: pass\nos.wait()\n")
    attempt = house.start(argv=(*argv_of(house.root)[:3], str(busy), str(house.root)), stall_after=0.5, wall_limit=2.0)
    seen: list[float | None] = []
    while isinstance(attempt.state(), Running) or not seen:
        seen.append(attempt.stalled())
    assert ended(attempt).exit.reason == "timeout"
    assert set(seen) == {None}


def test_a_stall_can_end_it(house: House) -> None:
    state = house.run("say:one", "ignore-term", "daemonise:double", "hang", stall_after=0.3, stall_stop=True, grace=0.1)
    assert (state.exit.signal, state.exit.reason) == (signal.SIGKILL, "timeout")
    assert state.exit.detail.startswith("neither wrote nor computed for")
    assert house.left() == []


def test_suspended_is_not_stalled(house: House) -> None:
    attempt = house.start("stop-self", "say:on", "hang", stall_after=0.2, stall_stop=True)
    state = running(attempt)
    wait_until(lambda: attempt.suspended() is not None, "the suspension")
    assert _quiet(attempt)
    assert "suspended for" in state_words(facts_of(attempt, time.time(), lambda _: PlainParser()), time.time())
    os.kill(state.agent_pid, signal.SIGCONT)
    wait_until(lambda: attempt.suspended() is None, "its end")
    assert ended(attempt).exit.reason == "timeout", "then it really stalls"
    assert attempt.suspended() is None


def test_the_settings_reach_every_keeper(bench: Bench) -> None:
    bench.task("01")
    bench.open()
    assert bench.do(Do.RUN) == ""
    launch = Journal(bench.root).attempts("f", "01")[0].launch
    usual = Settings()
    assert launch.log_cap == usual.log_cap_mib * 1024 * 1024 > 0
    assert (launch.stall_after, launch.stall_stop) == (usual.stall_after, usual.stall_stop)


def _quiet(attempt: Attempt) -> bool:
    """Whether it is not called stalled for far longer than a stall takes."""
    seen = [attempt.stalled() for _ in range(20_000)]
    return set(seen) == {None} and not Path(attempt.dir, "exit").exists()
