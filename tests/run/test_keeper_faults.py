"""A keeper short of something, with a clock that jumps, with a starter that was killed: every verdict is a true one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parex_tui.run import process
from parex_tui.run.attempts import Attempt, Journal
from parex_tui.run.launch import KEEPER, LaunchError, start
from parex_tui.run.shortage import is_scarce, is_shortage, ran, tells_of_scarcity
from parex_tui.run.states import Exited, Lost, NeverRan
from parex_tui.run.stop import request_stop, sweep

from .house import PATIENCE, House, argv_of, ended, running, wait_for, wait_until

REPOSITORY = KEEPER.parents[2]


def _claimed(attempt: Attempt) -> int:
    """Its lock, taken as whoever starts it does."""
    lock = os.open(attempt.lock, os.O_RDWR | os.O_CREAT, 0o600)
    os.write(lock, b"1\n")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


# --- short of something ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("fork,clone,clone3,vfork", "EAGAIN"),
        ("fork,clone,clone3,vfork", "ENOMEM"),
        ("pipe2", "EMFILE"),
        ("pipe2", "ENFILE"),
        ("dup2,dup3", "EMFILE"),
    ],
)
def test_short_of_it_nothing_ran_and_the_task_is_not_at_fault(house: House, call: str, error: str) -> None:
    """The agent never began; whoever reads the verdict finds a shortage, and no failure of the task."""
    if shutil.which("strace") is None:
        pytest.skip("no strace here")
    ledger = house.root / "ledger"
    attempt = house.create(f"ledger:{ledger}")
    lock = _claimed(attempt)
    keeper = [sys.executable, "-I", "-S", str(KEEPER), str(attempt.dir), str(lock)]
    tracer = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:error={error}"]
    subprocess.run([*tracer, *keeper], pass_fds=(lock,), check=True, timeout=PATIENCE)
    os.close(lock)
    state = attempt.state()
    assert is_shortage(state), state
    assert isinstance(state, Exited)
    assert os.strerror(getattr(errno, error)) in state.exit.detail
    assert ran([attempt]) == []
    assert not ledger.exists()


def test_a_launch_that_cannot_be_read_for_want_of_handles_is_no_damage(house: House) -> None:
    """Taken for an empty one, it would be said that there is no program, and never be tried again."""
    if shutil.which("strace") is None:
        pytest.skip("no strace here")
    attempt = house.create("exit:0")
    lock = _claimed(attempt)
    keeper = [sys.executable, "-I", "-S", str(KEEPER), str(attempt.dir), str(lock)]
    trace = house.root / "trace"
    tracer = ["strace", "-o", str(trace), "-e", "trace=openat"]
    subprocess.run([*tracer, *keeper], pass_fds=(lock,), check=True, timeout=PATIENCE)
    os.close(lock)
    calls = [line for line in trace.read_text().splitlines() if line.startswith("openat(")]
    (which,) = [number for number, line in enumerate(calls, 1) if "launch.json" in line]

    attempt = house.create("exit:0")
    lock = _claimed(attempt)
    keeper = [sys.executable, "-I", "-S", str(KEEPER), str(attempt.dir), str(lock)]
    tracer = ["strace", "-o", "/dev/null", "-e", f"inject=openat:error=EMFILE:when={which}"]
    subprocess.run([*tracer, *keeper], pass_fds=(lock,), check=True, timeout=PATIENCE)
    os.close(lock)
    assert is_shortage(attempt.state())


@pytest.fixture
def small_disk(house: House) -> Iterator[Path]:
    """A disk of half a megabyte on which the attempts of task 07 lie."""
    place = house.create(seq="07").dir.parent
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=512k,mode=0700", "none", str(place)]
    if mount is None or subprocess.run([mount, *options], check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield place
    wait_until(lambda: not Journal(house.root).all_live(), "the keepers to end")
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(place: Path, leave: int) -> None:
    """Use up the disk but for so many pages."""
    free = os.statvfs(place)
    with (place / "ballast").open("wb") as file:
        file.write(b"x" * max(0, (free.f_bavail - leave) * free.f_frsize))


@pytest.mark.parametrize("leave", range(6))
def test_whatever_room_is_left_the_end_is_a_true_one(house: House, small_disk: Path, leave: int) -> None:
    ledger = house.root / "ledger"
    attempt = Journal(house.root).create(house.launch(f"ledger:{ledger}", "say:done", seq="07"), b"")
    _fill(small_disk, leave)
    try:
        start(attempt)
    except LaunchError as error:
        assert is_scarce(error)
        assert attempt.state() == NeverRan()
        assert not ledger.exists()
        return
    wait_until(lambda: isinstance(attempt.state(), Exited | Lost | NeverRan), "an end")
    state = attempt.state()
    assert isinstance(state, Exited), (state, attempt.keeper_log.read_text())
    assert is_shortage(state) != ledger.exists(), state
    if ledger.exists():
        assert state.exit.reason == "exited"


def test_a_disk_that_the_agent_fills_does_not_take_the_verdict(house: House, small_disk: Path) -> None:
    fill = f"dd if=/dev/zero of={small_disk}/big bs=4k 2>/dev/null; echo never seen; exit 28"
    launch = replace(house.launch(seq="07"), argv=("/bin/sh", "-c", fill), stall_after=0.1)
    attempt = Journal(house.root).create(launch, b"")
    start(attempt)
    state = ended(attempt)
    assert (state.exit.code, state.exit.reason) == (28, "exited")


def test_tells_of_scarcity_knows_the_words_of_a_keeper() -> None:
    assert tells_of_scarcity(f"OSError: [Errno 24] {os.strerror(errno.EMFILE)}")


# --- clocks ----------------------------------------------------------------------------------------------------

JUMPING = """
import itertools, sys, time
real, turns = time.time, itertools.count()
time.time = lambda: real() + (-86400, 86400, 0)[next(turns) % 3]
sys.path.append(sys.argv[1])
from parex_tui.run.keeping import own
own(sys.argv[2], int(sys.argv[3]))
"""


@pytest.mark.parametrize(
    ("steps", "limits", "reason"),
    [
        (("say:x", "sleep:0.6", "exit:3"), {"wall_limit": 3600, "stall_after": 3600.0, "stall_stop": True}, "exited"),
        (("hang",), {"wall_limit": 0.3}, "timeout"),
        (("hang",), {"stall_after": 0.2, "stall_stop": True}, "timeout"),
    ],
)
def test_a_calendar_that_jumps_by_a_day(
    house: House, steps: tuple[str, ...], limits: dict[str, Any], reason: str
) -> None:
    """Neither too early nor never; no duration is negative, no end before its beginning."""
    attempt = house.create(*steps, **limits)
    lock = _claimed(attempt)
    command = [sys.executable, "-I", "-S", "-c", JUMPING, str(REPOSITORY), str(attempt.dir), str(lock)]
    subprocess.run(command, pass_fds=(lock,), check=True, timeout=PATIENCE, start_new_session=True)
    os.close(lock)
    state = ended(attempt)
    assert state.exit.reason == reason
    assert 0.2 <= state.exit.seconds < PATIENCE
    assert state.ended >= state.since


LATE = """
import sys, time
sys.path.append(sys.argv[1])
from parex_tui.run import keeping
real, jumped = time.monotonic, []
class Clock:  # as after a sleep of the machine that the steady clock counted, too: an hour passes in one wait
    time, sleep = time.time, time.sleep
    @staticmethod
    def monotonic():
        return real() + 3600 * bool(jumped)
waiting = keeping.wait
def wait(seconds):
    found = waiting(seconds)
    jumped.append(1)
    return found
keeping.time, keeping.wait = Clock, wait
keeping.own(sys.argv[2], int(sys.argv[3]))
"""


def test_a_machine_that_slept_has_used_up_no_time_limit(house: House) -> None:
    attempt = house.create("sleep:0.3", "exit:3", wall_limit=600, stall_after=600.0, stall_stop=True)
    lock = _claimed(attempt)
    command = [sys.executable, "-I", "-S", "-c", LATE, str(REPOSITORY), str(attempt.dir), str(lock)]
    subprocess.run(command, pass_fds=(lock,), check=True, timeout=PATIENCE, start_new_session=True)
    os.close(lock)
    state = ended(attempt)
    assert (state.exit.code, state.exit.reason) == (3, "exited")
    assert state.exit.seconds < 600


# --- on a leash ------------------------------------------------------------------------------------------------

VERIFY = """
import sys, time
from pathlib import Path
from parex_tui.run import check_command
from parex_tui.run.attempts import Journal
from parex_tui.run.records import Launch
argv = tuple(sys.argv[2:])
launch = Launch(feature="feature", seq="01", driver="check", argv=argv, cwd=Path(sys.argv[1]), grace=0.2)
check_command._to_the_end(Journal(Path(sys.argv[1])).create(launch, b""))
"""


def test_a_killed_verification_takes_its_command_along(house: House) -> None:
    """Also what left the command's session and its process group, and does not care about TERM."""
    up = house.root / "up"
    line = argv_of(house.root, "ignore-term", "stubborn:scrub", "stubborn:setsid", f"touch:{up}", "hang")
    command = [sys.executable, "-W", "ignore", "-c", VERIFY, str(house.root), *line]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}) as child:
        wait_until(up.exists, "the command")
        attempt = Journal(house.root).attempts("feature", "01")[0]
        running(attempt)
        child.send_signal(signal.SIGKILL)
    assert ended(attempt).exit.reason == "stopped"
    assert house.left() == []


def test_without_a_leash_nobody_is_missed(house: House) -> None:
    reading, writing = os.pipe()
    free, held = house.create("sleep:0.2", "exit:3"), house.create("hang", seq="02")
    start(free)
    start(held, leash=reading)
    os.close(reading)
    running(held)
    assert ended(free).exit.code == 3
    os.close(writing)
    assert ended(held).exit.reason == "stopped"


# --- pids that are used again ----------------------------------------------------------------------------------


def _at(pid: int, command: list[str]) -> subprocess.Popen[bytes] | None:
    """A stranger with exactly that pid, where the kernel can be asked for it."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    for _ in range(200):
        with contextlib.suppress(OSError):
            last.write_text(str(pid - 1))
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if child.pid == pid:
            return child
        child.kill()
        child.wait()
        if child.pid < pid - 1000 or child.pid > pid + 1000:
            return None
    return None


def test_a_stranger_that_got_the_pid_of_a_dead_agent_is_not_touched(house: House) -> None:
    attempt = house.start("hang")
    state = running(attempt)
    os.kill(state.keeper_pid, signal.SIGKILL)
    wait_for(attempt, Lost)
    wait_until(lambda: not Path("/proc", str(state.agent_pid)).exists(), "the agent's pid to be free")
    stranger = _at(state.agent_pid, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)"])
    if stranger is None:
        pytest.skip("no pid can be asked for here")
    with stranger:
        try:
            assert not request_stop(attempt, "a test")
            assert sweep(attempt)
            assert stranger.poll() is None
            assert process.look(stranger.pid) is not None
        finally:
            stranger.kill()
