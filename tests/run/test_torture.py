"""Killed anywhere: no task lost, none run twice, no verdict that is not true, nothing left behind.

`PAREX_TORTURE_KILLS` sets how many random kills (without a limit of time), `PAREX_TORTURE_SEED` repeats a run, and
`PAREX_TORTURE_STEP=1` kills the keeper, and fails its calls, at every single system call instead of at a sample.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from parex_tui.run import process
from parex_tui.run.attempts import Attempt, Journal
from parex_tui.run.launch import KEEPER
from parex_tui.run.states import Exited, Lost, NeverRan, Running
from parex_tui.run.stop import sweep

from .foreman import TASKS
from .house import PATIENCE, House, wait_until

KILLS = int(os.environ.get("PAREX_TORTURE_KILLS", "0"))
DEFAULT_KILLS, DEFAULT_SECONDS = 80, 40.0
STEP = int(os.environ.get("PAREX_TORTURE_STEP", "24"))
FOREMAN = Path(__file__).with_name("foreman.py")
REPOSITORY = FOREMAN.parent.parent.parent


def _foreman(root: Path, seed: str, rounds: int) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-W", "ignore", str(FOREMAN), str(root), seed, str(rounds)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _all(journal: Journal) -> Iterator[Attempt]:
    features = journal.dir / "features"
    for number in range(len(list(features.iterdir())) if features.is_dir() else 0):
        for attempts in journal.feature_attempts(f"round-{number}").values():
            yield from attempts


@pytest.mark.timeout(180 + KILLS * 3)
def test_random_kills(house: House) -> None:
    seed = os.environ.get("PAREX_TORTURE_SEED") or secrets.token_hex(4)
    sys.stdout.write(f"PAREX_TORTURE_SEED={seed}\n")  # shown when it fails
    chance = random.Random(seed)
    until = time.monotonic() + (float("inf") if KILLS else DEFAULT_SECONDS)
    kills = keepers = 0
    rounds = 1
    while kills < (KILLS or DEFAULT_KILLS) and time.monotonic() < until:
        with _foreman(house.root, f"{seed}{kills}", rounds) as foreman:
            time.sleep(0.1 + chance.random() * 0.35)
            if chance.random() < 0.3:
                keepers += _kill_a_keeper(house.journal, chance)
            foreman.kill()
            foreman.wait()
        kills += 1
        _check(house, list(_all(house.journal)))
        rounds = max(rounds, sum(_is_over(house.journal, number) for number in range(rounds)) + 1)

    with _foreman(house.root, seed, rounds) as foreman:
        output, errors = foreman.communicate(timeout=PATIENCE)
    assert output == b"done\n", errors.decode()
    attempts = list(_all(Journal(house.root)))
    _check(house, attempts)
    for number in range(rounds):
        for seq in TASKS:
            found = house.journal.attempts(f"round-{number}", seq)
            ended = [attempt for attempt in found if isinstance(attempt.state(), Exited)]
            assert ended == [found[-1]], (number, seq, [attempt.state() for attempt in found])
    wait_until(lambda: not house.left(), "the last daemons to end")
    lost = sum(isinstance(attempt.state(), Lost) for attempt in attempts)
    sys.stdout.write(f"{kills} + {keepers} kills, {rounds} rounds, {len(attempts)} attempts, {lost} lost\n")


def _is_over(journal: Journal, number: int) -> bool:
    found = journal.feature_attempts(f"round-{number}")
    return len(found) == len(TASKS) and all(isinstance(attempts[-1].state(), Exited) for attempts in found.values())


def _kill_a_keeper(journal: Journal, chance: random.Random) -> int:
    running = [attempt for attempt in _all(journal) if isinstance(attempt.state(), Running)]
    if not running:
        return 0
    started = chance.choice(running).started()
    return int(started is not None and process.send(started.keeper, signal.SIGKILL))


def _check(house: House, attempts: list[Attempt]) -> None:
    states = [attempt.state() for attempt in attempts]
    ledger = house.root / "ledger"  # read after the states: what ended before must be in it by now
    lines = [line.split() for line in ledger.read_text().splitlines()] if ledger.exists() else []
    begun = Counter(run for word, run, _ in lines if word == "S")
    finished = Counter(run for word, run, _ in lines if word == "E")
    assert not begun or max(begun.values()) == 1, "an attempt ran twice"
    doubled = [path.read_text() for path in house.root.glob("*.ledger")]
    assert doubled == [], "two attempts of one task were alive at once"
    for attempt, state in zip(attempts, states, strict=True):
        run = attempt.launch.run
        if isinstance(state, NeverRan):
            assert run not in begun, f"{attempt} ran"
        elif isinstance(state, Exited):
            assert (state.exit.code, state.exit.reason) == (0, "exited"), state
            assert (begun[run], finished[run], state.swept) == (1, 1, 1), attempt
            assert attempt.output.read_text() == "begin\nend\n"
            assert not any(process.has_variable(seen.pid, "PAREX_RUN", run) for seen in process.everyone()), attempt


# --- at every system call --------------------------------------------------------------------------------------

STRACE = shutil.which("strace")
ERRORS = {
    "write": "ENOSPC",
    "pwrite64": "EIO",
    "fsync": "EIO",
    "fallocate": "ENOSPC",
    "ftruncate": "EIO",
    "rename": "EACCES",
    "renameat": "EACCES",
    "openat": "EMFILE",
    "clone": "EAGAIN",
    "fork": "EAGAIN",
    "pipe2": "EMFILE",
}


def _keep_traced(house: House, *options: str) -> Attempt:
    """One attempt with a daemon, its keeper under strace."""
    assert STRACE is not None
    attempt = house.create(f"ledger:{house.root / 'ledger'}", "daemonise:double", "say:end", grace=0.1)
    lock = os.open(attempt.lock, os.O_RDWR | os.O_CREAT, 0o600)
    os.write(lock, b"1\n")
    fcntl.flock(lock, fcntl.LOCK_EX)
    keeper = [sys.executable, "-I", "-S", str(KEEPER), str(attempt.dir), str(lock)]
    with (attempt.dir / "keeper.log").open("wb") as log:
        traced = subprocess.Popen([STRACE, *options, *keeper], pass_fds=(lock,), stderr=log, start_new_session=True)
    os.close(lock)
    traced.wait(timeout=PATIENCE)
    return attempt


@pytest.fixture
def calls(house: House, tmp_path: Path) -> list[tuple[str, int]]:
    """Every system call of a keeper in order: its name, and how many of that name there have been."""
    if STRACE is None:
        pytest.skip("no strace here")
    trace = tmp_path / "trace"
    attempt = _keep_traced(house, "-o", str(trace))
    state = attempt.state()
    assert isinstance(state, Exited), attempt.keeper_log.read_text()
    counts: Counter[str] = Counter()
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        if match := re.match(r"(\w+)\(", line):
            counts[match[1]] += 1
            found.append((match[1], counts[match[1]]))
    assert len(found) > 100
    return found


def _settled(house: House, attempt: Attempt, what: object) -> str:
    """The name of its end, which must be a true one."""
    wait_until(lambda: isinstance(attempt.state(), Exited | Lost | NeverRan), f"an end after {what}")
    state = attempt.state()
    ledger = house.root / "ledger"
    ran = ledger.exists() and attempt.launch.run in ledger.read_text()
    if isinstance(state, NeverRan):
        assert not ran, what
    elif isinstance(state, Exited):
        good = (state.exit.code, state.exit.reason, state.swept) == (0, "exited", 1)
        assert good if ran else state.exit.reason == "spawn", (what, state)
    assert isinstance(state, Exited) or sweep(attempt), what
    assert house.left() == [], what
    return type(state).__name__


@pytest.mark.timeout(600)
def test_killed_at_its_system_calls(house: House, calls: list[tuple[str, int]]) -> None:
    ends: Counter[str] = Counter()
    for name, count in calls[secrets.randbelow(STEP) :: STEP]:
        if name != "execve":  # that one is strace's
            attempt = _keep_traced(house, "-o", "/dev/null", "-e", f"inject={name}:signal=SIGKILL:when={count}")
            ends[_settled(house, attempt, (name, count))] += 1
    sys.stdout.write(f"{dict(ends)}\n")
    assert {"NeverRan", "Lost"} <= set(ends)


@pytest.mark.timeout(600)
def test_failing_system_calls(house: House, calls: list[tuple[str, int]]) -> None:
    ends: Counter[str] = Counter()
    for name, count in [call for call in calls if call[0] in ERRORS][:: max(1, STEP // 2)]:
        attempt = _keep_traced(house, "-o", "/dev/null", "-e", f"inject={name}:error={ERRORS[name]}:when={count}")
        ends[_settled(house, attempt, (name, count))] += 1
    sys.stdout.write(f"{dict(ends)}\n")
    assert "Exited" in ends
