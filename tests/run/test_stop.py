"""Stopping reaches everything; what belongs to nobody of ours is never touched."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parex_tui.run import process, stop
from parex_tui.run.attempts import Attempt, Journal
from parex_tui.run.process import Identity
from parex_tui.run.states import Lost, Running
from parex_tui.run.stop import request_stop, sweep

from .house import House, ended, running, wait_for, wait_until
from .test_keeper import WAYS


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any attempt."""
    command = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        yield child
        child.kill()


# --- stop ------------------------------------------------------------------------------------------------------


def test_stop(house: House) -> None:
    attempt = house.start("say:up", "hang")
    running(attempt)
    assert request_stop(attempt, "a test")
    state = ended(attempt)
    assert (state.exit.signal, state.exit.reason) == (signal.SIGTERM, "stopped")
    assert state.exit.detail == "stopped by a test"
    assert not request_stop(attempt, "a test")


def test_stop_a_tree_that_does_not_want_to(house: House) -> None:
    up = house.root / "up"
    steps = [f"stubborn:{how}" for how in WAYS]
    attempt = house.start("ignore-term", *steps, f"touch:{up}", "hang", grace=0.3)
    wait_until(up.exists, "the tree")
    assert len(house.left()) == 1 + len(WAYS)
    assert request_stop(attempt, "a test")
    state = ended(attempt)
    assert (state.exit.signal, state.exit.reason) == (signal.SIGKILL, "stopped")
    assert house.left() == []


def test_stop_from_another_process(house: House) -> None:
    attempt = house.start("hang")
    running(attempt)
    other = Journal(house.root).attempts("feature", "01")[0]
    assert request_stop(other, "another screen")
    assert ended(attempt).exit == ended(other).exit
    assert ended(other).exit.reason == "stopped"


def test_stop_while_starting(house: House) -> None:
    """Whenever it comes: the agent is stopped, or never let go."""
    for number in range(8):
        attempt = house.start("hang", seq=f"{number:02d}")
        time.sleep(number * 0.004)
        wait_until(lambda a=attempt: request_stop(a, "a test"), "the request to be taken")  # type: ignore[misc]
        assert ended(attempt).exit.reason == "stopped"


def test_stop_a_suspended_agent(house: House) -> None:
    attempt = house.start("stop-self", "hang", grace=30)
    state = running(attempt)
    wait_until(lambda: _letter(state.agent_pid) == "T", "the agent to suspend itself")
    assert request_stop(attempt, "a test")
    assert (ended(attempt).exit.signal, ended(attempt).exit.reason) == (signal.SIGTERM, "stopped")


def _letter(pid: int) -> str:
    return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]


def test_an_agent_that_ended_before_was_not_stopped(house: House) -> None:
    attempt = house.start("stubborn:double", "exit:0", grace=1.5)
    state = running(attempt)
    wait_until(lambda: process.look(state.agent_pid) is None, "the agent to end")
    request_stop(attempt, "too late")
    assert (ended(attempt).exit.code, ended(attempt).exit.reason) == (0, "exited")


def test_the_request_is_found_without_a_signal(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = house.start("hang")
    running(attempt)
    monkeypatch.setattr(process, "send", lambda *_: False)
    assert request_stop(attempt, "a test")
    assert ended(attempt).exit.reason == "stopped"


def test_a_plain_term_to_the_keeper_stops_too(house: House) -> None:
    attempt = house.start("hang")
    os.kill(running(attempt).keeper_pid, signal.SIGTERM)
    state = ended(attempt)
    assert state.exit.reason == "stopped"
    assert str(os.getpid()) in state.exit.detail


def test_hostile_words_stay_one_line(house: House) -> None:
    attempt = house.start("hang")
    running(attempt)
    assert request_stop(attempt, "x\n\x1b]52;c;eA==\x07" + "y" * 10_000 + "\udcff")
    detail = ended(attempt).exit.detail
    assert "\n" not in detail
    assert "\x1b" not in detail


# --- a keeper that was killed ----------------------------------------------------------------------------------


def test_a_killed_keeper_is_lost_and_swept(house: House) -> None:
    up = house.root / "up"
    ways = [how for how in WAYS if how != "scrub"]
    attempt = house.start("ignore-term", *[f"stubborn:{how}" for how in ways], f"touch:{up}", "hang")
    other = house.start("hang", seq="02")
    wait_until(up.exists, "the tree")
    running(other)
    os.kill(running(attempt).keeper_pid, signal.SIGKILL)
    wait_for(attempt, Lost)
    assert sweep(attempt)
    assert [line for _, line in house.left() if f"touch:{up}" in line or "ignore-term" in line] == []
    assert isinstance(attempt.state(), Lost)
    assert isinstance(other.state(), Running)
    assert sweep(attempt)


def test_scrubbed_but_still_writing(house: House) -> None:
    """Without its environment it is known by the output that it holds open."""
    up = house.root / "up"
    sleeper = [sys.executable, "-c", "import time; time.sleep(3600)", str(house.root)]
    script = house.root / "leave.py"
    script.write_text(
        "import os, pathlib, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        f"    os.execve({sys.executable!r}, {sleeper!r}, {{}})\n"
        f"os.wait(); pathlib.Path({str(up)!r}).touch(); time.sleep(3600)\n"
    )
    attempt = house.start(argv=(sys.executable, "-I", "-S", str(script)))
    wait_until(up.exists, "the child")
    os.kill(running(attempt).keeper_pid, signal.SIGKILL)
    wait_for(attempt, Lost)
    assert sweep(attempt)
    assert house.left() == []


def test_an_agent_that_finished_behind_a_dead_keeper_is_no_success(house: House) -> None:
    go = house.root / "go"
    attempt = house.start(f"wait:{go}", "exit:0")
    os.kill(running(attempt).keeper_pid, signal.SIGKILL)
    go.touch()
    wait_for(attempt, Lost)
    assert sweep(attempt)
    assert isinstance(Journal(house.root).attempts("feature", "01")[0].state(), Lost)


def test_what_runs_is_not_swept(house: House) -> None:
    attempt = house.start("hang")
    state = running(attempt)
    assert not sweep(attempt)
    assert process.look(state.agent_pid) is not None


def test_what_never_ran_needs_no_sweep(house: House) -> None:
    assert sweep(house.create())


# --- strangers -------------------------------------------------------------------------------------------------


def _forge(house: House, **changes: Any) -> Attempt:
    """A lost attempt whose record names whatever one likes."""
    attempt = house.create()
    attempt.lock.write_bytes(b"1\n")
    nobody = {"pid": 2**22 - 1, "start": 1}
    record = {"run": attempt.launch.run, "boot": process.boot_id(), "keeper": nobody, "agent": nobody, "since": 1.0}
    (attempt.dir / "started").write_text(json.dumps(record | changes))
    return attempt


def _who(pid: int, **changes: Any) -> dict[str, Any]:
    seen = process.look(pid)
    assert seen is not None
    return {"pid": pid, "start": seen.start} | changes


@pytest.fixture
def signalled() -> Iterator[list[int]]:
    """The signals that would have been sent: these tests name processes that must not come to harm if they fail."""
    sent: list[int] = []

    def note(target: int, *_: object) -> None:
        sent.append(target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "pidfd_send_signal", note)
        patch.setattr(os, "kill", note)
        patch.setattr(os, "killpg", note)
        yield sent


@pytest.mark.parametrize("case", ["reused", "other boot", "no start", "not a leader", "init", "above", "self"])
def test_a_record_that_does_not_fit_harms_nobody(
    house: House, stranger: subprocess.Popen[bytes], signalled: list[int], case: str
) -> None:
    changes: dict[str, dict[str, Any]] = {
        "reused": {"agent": _who(stranger.pid, start=12345)},
        "other boot": {"agent": _who(stranger.pid), "boot": "11111111-2222-3333-4444-555555555555 pid:[4026531836]"},
        "no start": {"agent": _who(stranger.pid, start=None)},
        "not a leader": {"agent": _who(stranger.pid)},
        "init": {"agent": _who(1)},
        "above": {"agent": _who(os.getppid())},
        "self": {"agent": _who(os.getpid())},
    }
    attempt = _forge(house, **changes[case])
    assert isinstance(attempt.state(), Lost)
    assert sweep(attempt)
    assert signalled == []


def test_a_session_led_from_outside_this_namespace_makes_nobody_ours(
    house: House, stranger: subprocess.Popen[bytes], signalled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container the leader of the tests' own session may stand outside: the kernel then says session 0."""
    look = process.look

    def seen_from_inside(pid: int) -> process.Seen | None:
        seen = look(pid)
        return seen if seen is None or pid != stranger.pid else dataclasses.replace(seen, session=0)

    monkeypatch.setattr(process, "look", seen_from_inside)
    attempt = _forge(house, agent=_who(stranger.pid))
    assert sweep(attempt)
    assert signalled == []


def test_what_writes_to_the_same_device_is_no_leftover(
    house: House, stranger: subprocess.Popen[bytes], signalled: list[int]
) -> None:
    assert Path("/proc", str(stranger.pid), "fd", "1").readlink() == Path("/dev/null")
    attempt = _forge(house)
    attempt.output.symlink_to("/dev/null")
    assert sweep(attempt)
    assert signalled == []


def test_a_forged_keeper_under_a_held_lock_gets_no_signal(
    house: House, stranger: subprocess.Popen[bytes], signalled: list[int]
) -> None:
    attempt = _forge(house, keeper=_who(stranger.pid, start=12345))
    with attempt.lock.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert isinstance(attempt.state(), Running)
        assert request_stop(attempt, "a test")
    assert signalled == []
    assert isinstance(attempt.state(), Lost)


def test_without_the_lock_nobody_is_asked(
    house: House, stranger: subprocess.Popen[bytes], signalled: list[int]
) -> None:
    attempt = _forge(house, keeper=_who(stranger.pid))
    assert not request_stop(attempt, "a test")
    assert signalled == []
    assert not (attempt.dir / "stop").exists()


def test_identity(stranger: subprocess.Popen[bytes]) -> None:
    identity = process.identify(stranger.pid)
    assert identity is not None
    assert process.is_alive(identity)
    for other in (
        Identity(identity.pid, identity.start + 1, identity.boot),
        Identity(identity.pid, identity.start, "another boot"),
        Identity(0, identity.start, identity.boot),
        Identity(-1, identity.start, identity.boot),
    ):
        assert not process.is_alive(other)
        assert not process.send(other, signal.SIGKILL)
    assert stranger.poll() is None
    assert process.send(identity, signal.SIGKILL)
    wait_until(lambda: process.look(stranger.pid) is None, "its end, though nobody has waited for it")
    assert not process.is_alive(identity)
    assert _letter(stranger.pid) == "Z"


def test_a_sweep_that_cannot_finish_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = house.start("daemonise:double", "hang")
    wait_until(lambda: len(house.left()) == 2, "the tree")
    os.kill(running(attempt).keeper_pid, signal.SIGKILL)
    wait_for(attempt, Lost)
    with monkeypatch.context() as patch:
        patch.setattr(process, "send", lambda *_: False)
        patch.setattr(stop, "_SWEEP_SECONDS", 0.05)
        assert not sweep(attempt)
    assert sweep(attempt)
    assert house.left() == []
