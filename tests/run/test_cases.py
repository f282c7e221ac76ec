"""Cases of death, time and limits that concern several rooms at once, each under its number.

P11 a deadline while nobody looks        P13 another boot, P14 another process under an old number: test_stop
P15 a zombie is dead                     P24 a machine that slept        P27 nobody looks for a while
P30 records of an older parex            F03 every I/O call fails once   R01 few file handles
R05 a hundred workers                    R08 a prompt of 5 MB
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parex_tui.run import process
from parex_tui.run.attempts import Journal
from parex_tui.run.snapshot import Do, EngineState
from parex_tui.run.states import Lost, Running, TaskClaimed, TaskFailed, TaskVerified
from parex_tui.run.stop import sweep

from .house import House, ended, running, wait_until
from .test_engine import Bench, bench
from .test_leaving import Away, away

__all__ = ["away", "bench"]


# --- nobody looks ----------------------------------------------------------------------------------------------


def test_p11_a_deadline_is_held_while_no_parex_is_open_and_seen_by_the_next(bench: Bench) -> None:
    bench.task("01")
    bench.wall_limit = 1 / 60
    first = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: bool(bench.running()))
    first.close()
    (attempt,) = Journal(bench.root).attempts(bench.view.key, "01")
    assert ended(attempt).exit.reason == "timeout"
    bench.open()
    state = bench.state("01")
    assert isinstance(state, TaskFailed)
    assert state.failure == "timeout"
    assert bench.ledger() == ["start 01"], "and nothing was started again"


def test_p27_verdicts_are_true_after_a_while_in_which_nobody_looked(bench: Bench) -> None:
    for seq in ("01", "02"):
        bench.task(seq)
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 2)
    bench.steer("01", "write")
    bench.steer("02", "fail")
    wait_until(lambda: len(bench.ledger()) == 4, "both to end, with no pass of the engine in between")
    bench.until(lambda: not bench.running() and not isinstance(bench.state("01"), TaskClaimed))
    bench.until(lambda: isinstance(bench.state("01"), TaskVerified) and isinstance(bench.state("02"), TaskFailed))


# --- what is dead, and what only slept -------------------------------------------------------------------------


def test_p15_a_zombie_is_dead_though_its_parent_never_reaps_it(house: House) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        seen = process.identify(sleeper.pid)
        assert seen is not None
        assert process.is_alive(seen)
        sleeper.kill()
        os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # dead, and not reaped
        os.kill(sleeper.pid, 0)  # what a mere look at the number says: it is there
        assert not process.is_alive(seen)
        attempt = house.create()
        attempt.lock.write_bytes(b"1\n")
        who = {"pid": seen.pid, "start": seen.start}
        record = {"run": attempt.launch.run, "boot": process.boot_id(), "keeper": who, "agent": who, "since": 1.0}
        (attempt.dir / "started").write_text(json.dumps(record))
        assert isinstance(attempt.state(), Lost)
        assert sweep(attempt)
    finally:
        sleeper.communicate()


def test_p10_a_suspended_agent_is_shown_as_suspended_and_goes_on(bench: Bench) -> None:
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: bool(bench.running()) and len(bench.ledger()) == 1)
    (attempt,) = Journal(bench.root).attempts(bench.view.key, "01")
    agent = running(attempt).agent_pid
    os.kill(agent, signal.SIGSTOP)
    bench.until(lambda: bench.view.tasks["01"].suspended is not None)
    assert bench.running(), "it is neither failed nor lost"
    os.kill(agent, signal.SIGCONT)
    bench.until(lambda: bench.view.tasks["01"].suspended is None)
    bench.steer("01", "write")
    bench.until(lambda: isinstance(bench.state("01"), TaskVerified))


def test_p24_who_slept_with_the_machine_is_neither_lost_nor_late(house: House, tmp_path: Path) -> None:
    go = tmp_path / "go"
    attempt = house.start(f"wait:{go}", "say:done", wall_limit=3600.0)
    seen = running(attempt)
    started = attempt.started()
    assert started is not None
    for number in (seen.agent_pid, started.keeper.pid):
        os.kill(number, signal.SIGSTOP)
    assert isinstance(attempt.state(), Running), "asleep is not lost"
    assert isinstance(Journal(house.root).attempts("feature", "01")[0].state(), Running), "for a newcomer neither"
    go.touch()
    for number in (started.keeper.pid, seen.agent_pid):
        os.kill(number, signal.SIGCONT)
    assert (ended(attempt).exit.code, ended(attempt).exit.reason) == (0, "exited")


# --- records of an older parex ---------------------------------------------------------------------------------

FIRST_LAUNCH = {"protocol", "feature", "seq", "driver", "argv", "cwd", "created", "run", "grace"}
FIRST_STARTED = {"run", "boot", "keeper", "agent", "since"}


def _only(path: Path, fields: set[str]) -> None:
    record = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in record.items() if name in fields}))


def test_p30_an_attempt_with_the_records_of_an_older_parex_is_adopted_and_judged(house: House, tmp_path: Path) -> None:
    """What later versions added to the records is absent; everything that they do without is still done."""
    go = tmp_path / "go"
    attempt = house.start(f"wait:{go}", "say:done")
    running(attempt)
    _only(attempt.dir / "launch.json", FIRST_LAUNCH)
    _only(attempt.dir / "started", FIRST_STARTED)
    (found,) = Journal(house.root).attempts("feature", "01")
    assert isinstance(found.state(), Running)
    assert found.launch.run == attempt.launch.run
    go.touch()
    assert ended(found).exit.code == 0
    assert found.output.read_text() == "done\n"


# --- each I/O call fails once ----------------------------------------------------------------------------------

CALLS: dict[str, int] = {
    "write": errno.ENOSPC,
    "pwrite": errno.EIO,
    "fsync": errno.EIO,
    "posix_fallocate": errno.ENOSPC,
    "ftruncate": errno.EIO,
    "rename": errno.EACCES,
    "replace": errno.EROFS,
    "open": errno.EMFILE,
    "mkdir": errno.EACCES,
    "link": errno.EIO,
    "unlink": errno.EACCES,
}
SAMPLE = int(os.environ.get("PAREX_TORTURE_STEP", "10"))


class Breaking:
    """Counts the calls of `os` that this process makes below a folder, and fails one of them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.fails = -1
        for name, number in CALLS.items():
            patch.setattr(os, name, self._around(name, number, getattr(os, name)))

    def _around(self, name: str, number: int, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.made.append(name)
            if len(self.made) - 1 == self.fails:
                raise OSError(number, os.strerror(number))
            return call(*arguments, **options)

        return counted


def _one_task(root: Path, fails: int) -> tuple[Breaking, str]:
    """A run of one task in which the call of that number fails; what became of it."""
    bench = Bench(root)
    bench.task("01")
    bench.feature_file()
    bench.steer("01", "write")
    try:
        with pytest.MonkeyPatch.context() as patch:
            bench.open()
            before = {path: path.read_bytes() for path in bench.folder.iterdir()}
            breaking = Breaking(patch)
            breaking.fails = fails
            refused = bench.do(Do.RUN)
            if not refused:
                bench.until(lambda: len(breaking.made) > fails or isinstance(bench.state("01"), TaskVerified))
        for path in before:
            json.loads(path.read_bytes())  # valid, whatever happened
        bench.ahead += 3600.0  # whatever waited, waits no more
        if bench.view.engine is not EngineState.RUNNING:
            bench.do(Do.RUN)
        bench.until(lambda: isinstance(bench.state("01"), TaskVerified | TaskFailed))
        if isinstance(bench.state("01"), TaskFailed):
            assert bench.ledger() in ([], ["start 01", "end 01"])
            bench.steer("01", "write")
            assert bench.do(Do.RETRY, "01") == ""
            bench.until(lambda: isinstance(bench.state("01"), TaskVerified))
            return breaking, "failed, then verified"
        assert bench.ledger() == ["start 01", "end 01"], "once, and not twice"
        return breaking, "verified"
    finally:
        bench.close()


@pytest.mark.timeout(900)
def test_f03_whichever_call_of_the_engine_fails_the_task_is_done_once_and_no_file_is_hurt(
    tmp_path: Path, state_home: Path
) -> None:
    whole, end = _one_task(tmp_path / "whole", fails=1_000_000)
    assert end == "verified"
    assert len(whole.made) > 20
    ends: Counter[str] = Counter()
    for number in range(secrets.randbelow(SAMPLE), len(whole.made), SAMPLE):
        _, end = _one_task(tmp_path / f"p{number}", fails=number)
        ends[end] += 1
    sys.stdout.write(f"{len(whole.made)} calls, of which failed {ends.total()}: {dict(ends)}\n")


# --- limits ----------------------------------------------------------------------------------------------------


def test_r01_eight_workers_with_few_file_handles_and_none_kept(away: Away) -> None:
    for path in away.folder.glob("subtask_*.json"):
        path.unlink()
    names = [f"{number:02}" for number in range(1, 25)]
    for seq in names:
        away.task(seq)
        away.steer(seq, "write")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
        "from parex_tui.start import main; sys.exit(main())"
    )
    words = ("run", "f", "--json", "--slots", "8")
    run = away.command(*words, program=(sys.executable, "-c", code))
    used: list[int] = []

    def look() -> bool:
        with contextlib.suppress(OSError):
            used.append(len(os.listdir(f"/proc/{run.pid}/fd")))  # noqa: PTH208 - only how many
        return run.poll() is not None

    wait_until(look, "the run to end")
    out, errors = run.communicate()
    assert run.returncode == 0, errors
    events = [json.loads(line) for line in out.splitlines()]
    verdicts = Counter(event["outcome"]["verdict"] for event in events if event["type"] == "attempt_ends")
    assert verdicts == {"verified": len(names)}
    assert max(used) < 64


def _pss(pid: int) -> int:
    """KiB of memory that this process alone answers for."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError


@pytest.fixture
def many_handles() -> Iterator[None]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, limit[1]), limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)


@pytest.mark.usefixtures("many_handles")
def test_r05_a_hundred_workers_at_once_are_kept_known_and_ended(house: House, tmp_path: Path) -> None:
    go = tmp_path / "go"
    attempts = [house.start(f"wait:{go}", "exit:7", seq=f"{number:03}") for number in range(100)]
    for attempt in attempts:
        running(attempt)
    keepers = [started.keeper.pid for attempt in attempts if (started := attempt.started())]
    assert len(set(keepers)) == 100
    found = Journal(house.root).feature_attempts("feature")
    assert Counter(type(each[-1].state()) for each in found.values()) == {Running: 100}
    assert sum(_pss(pid) for pid in keepers) < 500 * 1024
    go.touch()
    assert Counter(ended(attempt).exit.code for attempt in attempts) == {7: 100}


def test_r08_a_prompt_of_5_mb_reaches_the_agent_whole(house: House) -> None:
    prompt = b"".join(b"%08d" % number + b"x" * 91 + b"\n" for number in range(52_429))
    assert len(prompt) > 5_000_000
    attempt = house.start("echo-stdin", prompt=prompt, stdin="prompt")
    assert ended(attempt).exit.code == 0
    assert attempt.output.read_bytes() == prompt
