"""Whose run it is: looking on, asking for it, giving it away, orders from elsewhere; no double start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parex_tui.run import judging, stop
from parex_tui.run.claim import ANSWER_SECONDS, HEIR_SECONDS, Presence
from parex_tui.run.conductor import Conductor
from parex_tui.run.feature_lock import LOCK, is_locked, take_lock
from parex_tui.run.mailbox import Order
from parex_tui.run.notices import GivenAway, Refused
from parex_tui.run.snapshot import Command, Do, EngineState, FeatureView
from parex_tui.run.states import Running, TaskEnded, TaskFailed

from .test_engine import Bench, bench

__all__ = ["bench"]


def view_of(conductor: Conductor) -> FeatureView:
    return next(iter(conductor.snapshot().features.values()))


class Two:
    """Two parex on one project: the first runs it, the second looks on."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.first = bench.open()
        bench.do(Do.RUN)
        bench.until(lambda: bool(bench.running()))
        self.second = bench.open()
        self.key = bench.view.key

    def both_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, (view_of(self.first).message, view_of(self.second).message)
            self.second.tick()
            self.first.tick()

    def take_over(self) -> None:
        assert self.second.obey(Command(Do.TAKE, self.key)) == ""
        self.both_until(lambda: view_of(self.second).engine is not EngineState.ELSEWHERE)


@pytest.fixture
def two(bench: Bench) -> Iterator[Two]:
    bench.slots = 1
    for seq in ("01", "02", "03"):
        bench.task(seq)
    made = Two(bench)
    yield made
    made.first.close()


def test_who_looks_on_is_told_who_runs_it(two: Two) -> None:
    view = view_of(two.second)
    assert view.engine is EngineState.ELSEWHERE
    assert view.holder is not None
    assert (view.holder.pid, view.holder.screen, view.holder.going) == (os.getpid(), True, True)
    assert view_of(two.first).holder is None


def test_elsewhere_is_told_also_while_its_gate_is_held_and_nothing_is_alive(bench: Bench) -> None:
    bench.task("01")
    first = bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "fail")
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    second = bench.open()
    assert view_of(second).engine is EngineState.ELSEWHERE
    first.close()
    second.tick()
    view = view_of(second)
    assert view.engine is EngineState.IDLE
    assert view.holder is None
    assert view.message == "", "it came to the gate; nobody went off"


def test_a_run_that_is_taken_over_goes_on_here_and_the_other_looks_on(two: Two) -> None:
    (running,) = two.bench.running()
    two.take_over()
    assert view_of(two.second).going
    assert "taken over" in view_of(two.second).message
    assert view_of(two.first).engine is EngineState.ELSEWHERE
    assert not view_of(two.first).going
    assert any(isinstance(notice, GivenAway) for notice in two.bench.notices)
    two.bench.finish(running, "write")
    two.both_until(lambda: len(two.bench.ledger()) == 3)
    assert two.bench.ledger()[:2] == [f"start {running}", f"end {running}"], "its worker was not harmed, nor doubled"


def test_a_paused_run_stays_paused_and_can_be_taken_back(two: Two) -> None:
    two.first.obey(Command(Do.PAUSE, two.key))
    two.take_over()
    assert not view_of(two.second).going
    (running,) = two.bench.running()
    two.bench.finish(running, "write")
    for _ in range(5):
        two.second.tick()
        two.first.tick()
    assert view_of(two.second).engine is EngineState.PAUSED
    assert len(two.bench.ledger()) == 2
    assert two.first.obey(Command(Do.TAKE, two.key)) == ""
    two.both_until(lambda: view_of(two.second).engine is EngineState.ELSEWHERE)
    assert view_of(two.first).engine is EngineState.PAUSED
    two.bench.conductor = two.first


def test_with_another_driver_here_a_run_that_was_taken_over_waits_for_a_key(bench: Bench) -> None:
    bench.task("01")
    bench.task("02", "01")
    two = Two(bench)
    two.second = other = bench.open(agent="other")
    two.take_over()
    assert not view_of(other).going
    assert "ran with the driver mine; here it is other" in view_of(other).message
    bench.conductor = other


def test_who_does_not_answer_is_named_and_keeps_what_it_has(two: Two) -> None:
    assert two.second.obey(Command(Do.TAKE, two.key)) == ""
    two.second.tick()
    assert "asked" in view_of(two.second).message
    two.bench.ahead = ANSWER_SECONDS  # the first does not pass meanwhile, as if it were suspended
    two.second.tick()
    message = view_of(two.second).message
    assert f"parex {os.getpid()} on " in message
    assert "does not answer" in message
    two.first.tick()
    assert view_of(two.first).engine is EngineState.RUNNING, "what was asked in vain means nothing when it wakes up"
    assert view_of(two.second).engine is EngineState.ELSEWHERE


def test_a_feature_that_was_given_to_somebody_who_died_is_adopted_after_a_while(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.first._setup.journal.mailbox(two.key).post(Order(Do.TAKE, note="1@nowhere", by="a screen"))
    two.both_until(lambda: two.first.given_to(two.key) != "")
    for _ in range(3):
        two.second.tick()
        two.first.tick()
    assert not two.first._engine(two.key).owns
    assert not two.second._engine(two.key).owns, "nobody takes what is meant for another"
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + HEIR_SECONDS)
    two.second.tick()
    assert view_of(two.second).engine is EngineState.RUNNING
    assert "was going, and nobody drives it now" in view_of(two.second).message
    assert not view_of(two.second).going, "what a person did not ask for does not start"


def test_orders_from_elsewhere_are_carried_out_as_if_given_here(two: Two) -> None:
    (running,) = two.bench.running()
    box = two.second._setup.journal.mailbox(two.key)
    places = [box.post(Order(Do.PAUSE, by="a test")), box.post(Order(Do.STOP, running, by="a test"))]
    places += [box.post(Order(Do.ACCEPT, "99", by="a test")), box.post(Order(Do.ARCHIVE, by="a test"))]
    two.bench.conductor = two.first
    two.bench.until(lambda: isinstance(two.bench.state(running), TaskFailed))
    assert not any(place.exists() for place in places)
    assert view_of(two.first).engine is EngineState.PAUSED
    refused = [notice.reason for notice in two.bench.notices if isinstance(notice, Refused)]
    assert any("a test asked to accept: there is no task 99" in reason for reason in refused)
    assert any("not the run's: archive" in reason for reason in refused)


def test_who_is_asked_for_it_and_runs_nothing_says_so(bench: Bench) -> None:
    bench.task("01")
    bench.open()
    assert "no other parex" in bench.do(Do.TAKE)
    bench.do(Do.RUN)
    bench.until(lambda: bench.running() == {"01"})
    assert "here already" in bench.do(Do.TAKE)


def test_looking_whether_a_feature_is_run_never_keeps_anybody_from_running_it(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    code = (
        "import sys; from pathlib import Path; from parex_tui.run.feature_lock import is_locked\n"
        "print('up', flush=True)\nwhile True: is_locked(Path(sys.argv[1]))"
    )
    lookers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    try:
        for looker in lookers:
            assert looker.stdout is not None
            assert looker.stdout.readline() == "up\n"
        for _ in range(300):
            lock = take_lock(tmp_path)
            assert lock is not None, "only those who look had it"
            assert is_locked(tmp_path)
            assert take_lock(tmp_path) is None
            lock.release()
    finally:
        for looker in lookers:
            looker.kill()
            looker.communicate()


def test_p17_what_a_second_parex_stops_is_stopped_for_both(two: Two) -> None:
    (running,) = two.bench.running()
    assert two.second.obey(Command(Do.STOP, two.key, running)) == ""
    two.both_until(
        lambda: all(isinstance(view_of(one).tasks[running].state, TaskFailed) for one in (two.first, two.second))
    )
    states = [view_of(one).tasks[running].state for one in (two.first, two.second)]
    assert [state.failure for state in states if isinstance(state, TaskFailed)] == ["stopped", "stopped"]
    assert two.first._engine(two.key).owns


def test_p21_no_retry_before_the_previous_tree_is_proven_dead(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: bench.ledger() == ["start 01"] and bench.running() == {"01"})
    state = bench.view.tasks["01"].attempts[0].state
    assert isinstance(state, Running)
    proven = False
    whole = stop.sweep
    monkeypatch.setattr(judging, "sweep", lambda attempt: proven and whole(attempt))
    os.kill(state.keeper_pid, signal.SIGKILL)
    bench.until(lambda: isinstance(bench.state("01"), TaskEnded))
    assert "cannot be retried now" in bench.do(Do.RETRY, "01")
    for _ in range(5):
        bench.tick()
    assert bench.ledger() == ["start 01"]
    proven = True
    bench.until(lambda: isinstance(bench.state("01"), TaskFailed))
    failed = bench.state("01")
    assert isinstance(failed, TaskFailed)
    assert failed.failure == "lost"
    assert bench.do(Do.RETRY, "01") == ""
    bench.finish("01", "write")
    assert [view.number for view in bench.view.tasks["01"].attempts] == [1, 2]


# --- P16: many at once, real processes -------------------------------------------------------------------------

RACER = """
import sys, time
from pathlib import Path
from parex_tui.run.conductor import Conductor
from parex_tui.run.limits import Choice
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Command, Do
from parex_tui.settings import load_settings
from parex_tui.tasks.layout import locate
root = Path(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    feature = line.strip()
    conductor = Conductor(make_setup(locate(root, explicit=True), load_settings(root), Choice()))
    conductor.tick()
    conductor.obey(Command(Do.RUN, feature))
    conductor.tick()
    print("pressed", flush=True)
    sys.stdin.readline()
    conductor.close()
    print("closed", flush=True)
"""


def test_p16_two_that_press_run_at_the_same_time_never_start_a_task_twice(tmp_path: Path, state_home: Path) -> None:
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    tries, tasks = 25, 4
    for number in range(tries):
        folder = root / ".tmp" / "tasks" / f"f{number}"
        folder.mkdir(parents=True)
        for seq in range(1, tasks + 1):
            record = {"seq": f"0{seq}", "title": "T", "status": "pending", "parallel": True}
            (folder / f"subtask_0{seq}.json").write_text(json.dumps(record | {"deliverables": [f"out/{seq}.txt"]}))
    config = tmp_path / "config" / "parex"
    config.mkdir(parents=True)
    agent = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\\\n')"
    argv = f'["{sys.executable}", "-I", "-S", "-c", "{agent}", "{root}/ledger", "{{feature}}/{{seq}}"]'
    (config / "config.toml").write_text(f'driver = "mine"\n[drivers.mine]\nargv = {argv}\n')
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]

    def hear(racer: subprocess.Popen[str], word: str) -> None:
        assert racer.stdout is not None
        assert racer.stdout.readline() == f"{word}\n"

    def say(racer: subprocess.Popen[str], word: str) -> None:
        assert racer.stdin is not None
        racer.stdin.write(f"{word}\n")
        racer.stdin.flush()

    try:
        for racer in racers:
            hear(racer, "ready")
        for number in range(tries):
            for word, answer in ((f"f{number}", "pressed"), ("close", "closed")):
                for racer in racers:
                    say(racer, word)
                for racer in racers:
                    hear(racer, answer)
    finally:
        for racer in racers:
            with contextlib.suppress(ProcessLookupError):
                racer.send_signal(signal.SIGKILL)
            racer.communicate()
    wanted = sorted(f"f{number}/0{seq}" for number in range(tries) for seq in range(1, tasks + 1))
    deadline = time.monotonic() + 30
    while len(found := (root / "ledger").read_text().split()) < len(wanted):
        assert time.monotonic() < deadline, f"{len(found)} of {len(wanted)} ran"
        time.sleep(0.02)
    assert sorted(found) == wanted, "each once"


def test_presence_says_how_a_parex_is_there(bench: Bench) -> None:
    bench.presence = Presence(screen=False)
    bench.task("01")
    first = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: bench.running() == {"01"})
    bench.presence = None
    second = bench.open()
    for _ in range(3):
        second.tick()
        first.tick()
    holder = view_of(second).holder
    assert holder is not None
    assert not holder.screen
    assert view_of(first).engine is EngineState.RUNNING, "a run in somebody's terminal is not taken unasked"
    bench.conductor = first
