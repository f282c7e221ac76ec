"""Starting: one start per attempt, whoever races; what is started outlives whoever started it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parex_tui.run import process
from parex_tui.run.attempts import Journal
from parex_tui.run.launch import LaunchError, start
from parex_tui.run.statedir import StateError
from parex_tui.run.states import Exited, NeverRan, Running, Starting

from .house import PATIENCE, House, argv_of, ended, running, wait_for, wait_until

LAUNCHER = """
import json, signal, sys
from pathlib import Path
from parex_tui.run.attempts import Journal, Launch
from parex_tui.run.launch import start
root, plan = Path(sys.argv[1]), json.loads(sys.argv[2])
journal = Journal(root)
for seq, argv in plan.items():
    start(journal.create(Launch(feature="feature", seq=seq, driver="fake", argv=tuple(argv), cwd=root, grace=0.3), b""))
print("started", flush=True)
signal.pause()
"""


def test_kill_the_launcher_with_four_running(house: House) -> None:
    """Its session and its terminal are gone too; a new journal sees all four, and each ends with its own verdict."""
    go = house.root / "go"
    ends = {"01": "exit:0", "02": "exit:3", "03": f"crash:{int(signal.SIGSEGV)}", "04": "daemonise:double"}
    plan = {
        seq: argv_of(house.root, f"say:{seq} begins", f"wait:{go}", "flood:100000", f"say:{seq} ends", end)
        for seq, end in ends.items()
    }
    command = [sys.executable, "-c", LAUNCHER, str(house.root), json.dumps(plan)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    journal = Journal(house.root)
    attempts = {seq: found[-1] for seq, found in journal.feature_attempts("feature").items()}
    assert sorted(attempts) == sorted(plan)
    for attempt in attempts.values():
        running(attempt)
    assert {attempt.launch.seq for attempt in journal.all_live()} == set(plan)
    for seq, attempt in attempts.items():
        wait_until(lambda a=attempt, s=seq: a.output.read_text() == f"{s} begins\n", "the first line")  # type: ignore[misc]

    go.touch()
    verdicts = {seq: ended(attempt) for seq, attempt in attempts.items()}
    assert [(verdicts[seq].exit.code, verdicts[seq].exit.signal) for seq in sorted(verdicts)] == [
        (0, None),
        (3, None),
        (None, signal.SIGSEGV),
        (0, None),
    ]
    assert verdicts["04"].swept == 1
    for seq, attempt in attempts.items():
        lines = attempt.output.read_text().splitlines()
        assert (lines[0], len(lines), lines[-1]) == (f"{seq} begins", 1002, f"{seq} ends")
    assert house.left() == []


def test_it_outlives_a_hang_up_and_an_interrupt(house: House) -> None:
    attempt = house.start("hang")
    state = running(attempt)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        os.kill(state.keeper_pid, number)
    os.kill(state.agent_pid, signal.SIGKILL)
    assert ended(attempt).exit.signal == signal.SIGKILL


def test_once_only(house: House) -> None:
    attempt = house.start("exit:0")
    with pytest.raises(LaunchError, match="started before") as error:
        start(attempt)
    assert error.value.permanent
    ended(attempt)
    with pytest.raises(LaunchError, match="started before"):
        start(attempt)
    attempt.lock.unlink()  # whatever became of the lock file
    with pytest.raises(LaunchError, match="started before"):
        start(attempt)


def test_two_processes_race(house: House) -> None:
    """Each attempt runs once, whoever wins."""
    ledger = house.root / "ledger"
    for number in range(1, 11):
        house.create(f"ledger:{ledger}", seq=f"{number:02d}")
    code = (
        "import sys; from pathlib import Path; from parex_tui.run.attempts import Journal\n"
        "from parex_tui.run.launch import LaunchError, start\n"
        "journal = Journal(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.readline(); won = 0\n"
        "for found in journal.feature_attempts('feature').values():\n"
        "    try:\n        start(found[0]); won += 1\n"
        "    except LaunchError: pass\n"
        "print(won, flush=True)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(house.root)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    won = [int(racer.communicate(timeout=PATIENCE)[0]) for racer in racers]
    attempts = [found[0] for found in house.journal.feature_attempts("feature").values()]
    assert all(ended(attempt).exit.code == 0 for attempt in attempts)
    assert sum(won) == 10
    assert sorted(line.split()[1] for line in ledger.read_text().splitlines()) == sorted(
        attempt.launch.run for attempt in attempts
    )


def test_looking_does_not_hinder_a_start(house: House) -> None:
    stop = threading.Event()
    attempts = [house.create("exit:0", seq=f"{number:02d}") for number in range(10)]

    def look() -> None:
        while not stop.is_set():
            for attempt in attempts:
                attempt.state()

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for attempt in attempts:
            start(attempt)
        assert [ended(attempt).exit.code for attempt in attempts] == [0] * 10
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()


def test_from_a_thread_that_ends(house: House) -> None:
    attempt = house.create("hang")
    thread = threading.Thread(target=start, args=(attempt,))
    thread.start()
    thread.join()
    assert running(attempt).agent_pid > 0


def test_no_zombie_stays(house: House) -> None:
    for number in range(3):
        ended(house.start("exit:0", seq=f"{number:02d}"))
    wait_until(lambda: process.reap() or not process.has_children(), "the keepers to be reaped")  # type: ignore[func-returns-value]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_descriptor_stays(house: House) -> None:
    attempts = [house.create("exit:0", seq=f"{number:02d}") for number in range(5)]
    before = len(list(Path("/proc/self/fd").iterdir()))
    for attempt in attempts:
        start(attempt)
        ended(attempt)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@contextlib.contextmanager
def _no_descriptors() -> Iterator[None]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, limit[1]))
        with contextlib.suppress(OSError):
            while True:
                used.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for fd in used:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_out_of_descriptors(house: House) -> None:
    """The attempt is over without having run, the reason says why, and the next one works."""
    attempt = house.create("exit:0")
    with _no_descriptors(), pytest.raises(LaunchError, match="Too many open files") as error:
        start(attempt)
    assert not error.value.permanent
    assert attempt.state() == NeverRan()
    assert house.run("exit:0").exit.code == 0


def test_out_of_descriptors_nothing_is_given_up(house: House) -> None:
    """What cannot be asked counts as alive: taken for lost, it would be run a second time."""
    alive, over = house.start("hang"), house.start("exit:3", seq="02")
    running(alive)
    wait_until((over.dir / "exit").exists, "the end")
    again = Journal(house.root).attempts("feature", "02")[0]
    fresh = Journal(house.root)
    assert len(house.journal.feature_attempts("feature")) == 2
    with _no_descriptors():
        assert house.journal.feature_attempts("feature") == {"01": (alive,), "02": (over,)}
        with pytest.raises(StateError, match="Too many open files"):
            fresh.feature_attempts("feature")
        assert isinstance(alive.state(), Running)
        assert isinstance(again.state(), Starting)
    assert isinstance(alive.state(), Running)
    assert ended(again).exit.code == 3
    assert sorted(fresh.feature_attempts("feature")) == ["01", "02"]


def test_a_full_disk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = house.create("exit:0")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(LaunchError, match="No space left") as error:
            start(attempt)
    assert not error.value.permanent
    assert attempt.state() == NeverRan()


def test_a_missing_interpreter_is_permanent(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = house.create("exit:0")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(LaunchError) as error:
        start(attempt)
    assert error.value.permanent
    assert attempt.state() == NeverRan()
    with pytest.raises(LaunchError, match="started before"):
        start(attempt)


def test_without_room_for_its_verdict_nothing_is_started(house: House) -> None:
    """Better no attempt than one whose end could not be told."""
    ledger = house.root / "ledger"
    attempt = house.create(f"ledger:{ledger}")
    os.mkdir(attempt.dir / "exit.tmp")  # noqa: PTH102 - in its way
    with pytest.raises(LaunchError, match="directory"):
        start(attempt)
    assert attempt.was_used()
    assert attempt.state() == NeverRan()
    assert not ledger.exists()


def test_the_folder_deleted_while_it_runs(house: House) -> None:
    attempt = house.start("hang")
    state = running(attempt)
    for path in attempt.dir.iterdir():
        path.unlink()
    attempt.dir.rmdir()
    os.kill(state.agent_pid, signal.SIGKILL)
    wait_until(lambda: process.look(state.keeper_pid) is None, "the keeper to end")
    assert house.left() == []


def test_output_replaced_while_it_runs(house: House) -> None:
    go = house.root / "go"
    attempt = house.start("say:one", f"wait:{go}", "say:two")
    wait_for(attempt, Running)
    wait_until(lambda: attempt.output.read_text() == "one\n", "the first line")
    attempt.output.unlink()
    go.touch()
    assert isinstance(ended(attempt), Exited)
