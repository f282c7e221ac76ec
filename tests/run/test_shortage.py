"""Short of something: the task stays pending with the reason, nothing new starts, and it recovers by itself."""

from __future__ import annotations

import errno
import json
import os
import resource
import stat
import sys
from pathlib import Path

import pytest

from parex_tui.run import launch
from parex_tui.run.launch import LaunchError
from parex_tui.run.notices import AttemptEnds, AttemptStalls, BatchHeld, StartsWait
from parex_tui.run.shortage import FIRST, LONGEST, is_scarce
from parex_tui.run.snapshot import Do, EngineState
from parex_tui.run.statedir import StateError
from parex_tui.run.states import NeverRan, TaskVerified, TaskWaiting
from parex_tui.tasks.edit import NoSpaceError

from .house import wait_until
from .test_engine import Bench, bench
from .test_leaving import Away, away

__all__ = ["away", "bench"]


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.ENOSPC])
def test_p19_a_start_that_fails_for_want_of_something_is_tried_again_and_counts_as_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    whole = launch._start_keeper
    short = True
    tries: list[str] = []

    def start(lock: int, folder: Path, environment: object, leash: object) -> object:
        tries.append(folder.parent.name)
        if short:
            raise OSError(number, os.strerror(number))
        return whole(lock, folder, None, None)

    monkeypatch.setattr(launch, "_start_keeper", start)
    bench.retries = 0
    bench.task("01")
    bench.task("02")
    bench.open()
    assert bench.do(Do.RUN) == ""
    assert len(tries) == 1, "nothing else is tried beside it"
    for count, seconds in ((1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60)):
        told = bench.told(StartsWait)
        assert [notice.seconds for notice in told if isinstance(notice, StartsWait)][-1] == seconds
        assert len(told) == len(tries) == count
        first = bench.view.tasks[tries[0]]
        assert isinstance(first.state, TaskWaiting)
        assert os.strerror(number) in first.state.reason
        assert first.again is not None
        assert bench.on_disk(tries[0])["status"] == "pending"
        assert bench.view.engine is EngineState.RUNNING
        assert os.strerror(number) in bench.view.message
        bench.ahead += seconds - 0.5
        bench.tick()
        assert len(tries) == count, "not before its time"
        if count < 6:
            bench.ahead += 0.5
            bench.tick()
    short = False
    bench.ahead += LONGEST
    bench.until(lambda: len(bench.running()) == 2)
    for seq in ("01", "02"):
        bench.finish(seq, "write")
    bench.until(lambda: bench.view.engine is EngineState.FINISHED)
    assert not bench.told(BatchHeld)
    assert len(bench.told(AttemptEnds)) == 2, "what never ran is no failure"


def test_p19_a_keeper_that_cannot_start_its_agent_for_want_of_something_is_no_failure(bench: Bench) -> None:
    program = bench.root / "busy"
    program.write_text(f"#!{sys.executable} -IS\n" + bench.agent.read_text())
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    bench.argv = (str(program), "{task_file}", "{root}")
    bench.task("01")
    bench.task("02", "01")
    bench.open()
    with program.open("a"):  # whoever writes to it, keeps it from being executed
        bench.do(Do.RUN)
        bench.until(lambda: bool(bench.told(StartsWait)))
        assert bench.on_disk("01")["status"] == "pending"
        state = bench.state("01")
        assert isinstance(state, TaskWaiting)
        assert "busy" in state.reason
        (view,) = bench.view.tasks["01"].attempts
        assert isinstance(view.state, NeverRan)
        assert view.applied
    bench.ahead += FIRST
    bench.until(lambda: bench.running() == {"01"})
    bench.finish("01", "write")
    bench.until(lambda: bench.running() == {"02"})
    assert not bench.told(BatchHeld)
    assert [notice.attempt for notice in bench.told(AttemptEnds) if isinstance(notice, AttemptEnds)] == [2]


def test_p19_no_file_handles_for_a_whole_run_and_then_some_again(away: Away) -> None:
    for seq in ("01", "02"):
        (away.folder / f"subtask_{seq}.json").unlink()
    for seq in ("01", "02", "03"):
        away.task(seq)
    run = away.command("run", "f", "--json", "--slots", "1")
    wait_until(lambda: len(away.ledger()) == 1, "the first one")
    first = away.ledger()[0].split()[1]
    before = resource.prlimit(run.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(run.pid, resource.RLIMIT_NOFILE, (3, before[1]))  # not one more than it has
    away.steer(first, "write")
    away.wait_for(f"end {first}")
    resource.prlimit(run.pid, resource.RLIMIT_NOFILE, before)
    for _ in range(2):
        wait_until(lambda: len(away.ledger()) % 2 == 1, "the next one")
        away.steer(away.ledger()[-1].split()[1], "write")
        wait_until(lambda: len(away.ledger()) % 2 == 0, "its end")
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 0, out
    events = [json.loads(line) for line in out.splitlines()]
    verdicts = [event["outcome"]["verdict"] for event in events if event["type"] == "attempt_ends"]
    assert verdicts == ["verified"] * 3


@pytest.mark.parametrize(
    ("error", "scarce"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.ENOENT, "gone"), False),
        (LaunchError("x", permanent=False), True),
        (LaunchError("x", permanent=True), False),
        (NoSpaceError("full", None), True),
        (ValueError("x"), False),
    ],
)
def test_what_may_pass_is_told_from_what_stays(error: Exception, scarce: bool) -> None:
    assert is_scarce(error) is scarce
    wrapped = StateError("cannot use the state folder")
    wrapped.__cause__ = error
    assert is_scarce(wrapped) is scarce


def test_a_stall_is_told_once_and_shown_while_it_lasts(bench: Bench) -> None:
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: bench.running() == {"01"} and len(bench.ledger()) == 1)
    (attempt,) = bench.view.tasks["01"].attempts
    sign = attempt.directory / "stalled"
    sign.write_text('{"since": 1234.5}')
    bench.until(lambda: bench.view.tasks["01"].stalled == 1234.5)
    for _ in range(3):
        bench.tick()
    assert bench.told(AttemptStalls) == [AttemptStalls("01", "Task 01", 1, 1234.5)]
    sign.unlink()
    bench.until(lambda: bench.view.tasks["01"].stalled is None)
    bench.finish("01", "write")
    assert isinstance(bench.state("01"), TaskVerified)
    assert bench.view.tasks["01"].stalled is None
