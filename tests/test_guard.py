"""The guard in a real terminal: whatever way its child ends, the terminal is as before and the exit code is true."""

from __future__ import annotations

import inspect
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from textual.drivers import linux_driver

from parex_tui.guard import RESETS

from .conftest import REPOSITORY
from .terminal import Terminal

pytestmark = pytest.mark.pty

# A screen in small: it takes the terminal, says so, and ends in its own way.
SCREEN = """
import os, signal, sys, time, tty, termios
from parex_tui import guard
guard.OBEDIENCE = 0.2

def take():
    tty.setraw(0, termios.TCSANOW)
    os.write(2, b"\\x1b[?1049h\\x1b[?25l\\x1b[?1003h up\\r\\n")

def run():
    before = termios.tcgetattr(0)
    take()
    try:
        {body}
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)
        os.write(2, b"\\x1b[?1049l tidy\\r\\n")

sys.exit(guard.guarded(run))
"""

RESET = RESETS.encode()


def screen(body: str, *, nohup: str = "") -> Terminal:
    """The program above, with `body` for what the screen does."""
    return Terminal(program=("-c", SCREEN.format(body=body)), TEST_NOHUP=nohup)


def is_gone(pid: int, seconds: float = 10) -> bool:
    """Whether it is, in that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("number", ["KILL", "SEGV", "ABRT", "QUIT", "TERM", "HUP"])
def test_a_screen_that_a_signal_ended_leaves_the_terminal_as_it_was(number: str) -> None:
    with screen(f"os.kill(os.getpid(), signal.SIG{number}); time.sleep(60)") as terminal:
        assert terminal.wait_for_end() == 128 + getattr(signal, f"SIG{number}")
        assert terminal.modes == terminal.modes_before
        assert RESET in terminal.raw
        assert f"the screen was ended by SIG{number}. Running attempts go on" in terminal.new_text


@pytest.mark.parametrize(("code", "told"), [(3, 3), (0, 1)])
def test_an_end_without_tidying_up_is_no_success(code: int, told: int) -> None:
    with screen(f"os._exit({code})") as terminal:
        assert terminal.wait_for_end() == told
        assert terminal.modes == terminal.modes_before
        assert RESET in terminal.raw
        assert f"in the middle of things (exit code {code})" in terminal.new_text


@pytest.mark.parametrize(
    ("body", "code"),
    [("return 0", 0), ("return 5", 5), ("sys.exit(4)", 4), ("raise ValueError", 1)],
)
def test_after_an_end_in_order_the_guard_is_silent(body: str, code: int) -> None:
    with screen(body) as terminal:
        assert terminal.wait_for_end() == code
        assert terminal.modes == terminal.modes_before
        assert RESET not in terminal.raw
        assert "parex:" not in terminal.new_text


@pytest.mark.parametrize("number", ["TERM", "HUP", "INT", "QUIT"])
def test_a_signal_to_the_guard_reaches_the_screen(number: str) -> None:
    told = f"signal.signal(signal.SIG{number}, lambda *_: sys.exit(128 + signal.SIG{number}))"
    with screen(f"{told}; os.write(2, b'hears'); time.sleep(60)") as terminal:
        terminal.wait_for("hears")
        terminal.process.send_signal(getattr(signal, f"SIG{number}"))
        assert terminal.wait_for_end() == 128 + getattr(signal, f"SIG{number}")
        assert "tidy" in terminal.new_text
        assert RESET not in terminal.raw


def test_a_screen_that_does_not_obey_is_killed() -> None:
    with screen("signal.signal(signal.SIGTERM, signal.SIG_IGN); os.write(2, b'deaf'); time.sleep(60)") as terminal:
        terminal.wait_for("deaf")
        terminal.process.terminate()
        assert terminal.wait_for_end() == 128 + signal.SIGTERM
        assert terminal.modes == terminal.modes_before
        assert RESET in terminal.raw


def test_control_c_before_the_screen_is_up_reaches_it_once() -> None:
    body = (
        "termios.tcsetattr(0, termios.TCSANOW, before); heard = []; "
        "signal.signal(signal.SIGINT, lambda *_: heard.append(1)); os.write(2, b'listens'); "
        "time.sleep(0.5); return len(heard)"
    )
    with screen(body) as terminal:
        terminal.wait_for("listens")
        terminal.press("\x03")
        assert terminal.wait_for_end() == 1


@pytest.mark.parametrize("nohup", ["", "1"])
def test_without_a_terminal_the_screen_is_ended_even_one_that_is_deaf(nohup: str) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    with screen(f"{deaf}; os.write(2, b'deaf'); time.sleep(60)", nohup=nohup) as terminal:
        terminal.wait_for("deaf")
        child = terminal.drawing.pid
        terminal.hang_up()
        assert terminal.process.wait(20) == 128 + signal.SIGHUP
        assert is_gone(child)


@pytest.mark.parametrize("deaf", ["pass", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_a_screen_whose_guard_was_killed_ends(deaf: str) -> None:
    with screen(
        f"{deaf}; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.write(2, b'on'); time.sleep(60)"
    ) as terminal:
        terminal.wait_for("on")
        child = terminal.drawing.pid
        terminal.kill(signal.SIGKILL)
        assert is_gone(child)


def test_a_screen_that_was_stopped_by_force_and_without_a_shell_comes_back() -> None:
    """Nobody could continue a job that is alone in its terminal's session."""
    body = "os.kill(os.getpid(), signal.SIGSTOP); take(); os.write(2, b'back'); return 0"
    with screen(body) as terminal:
        terminal.wait_for("back")
        assert terminal.wait_for_end() == 0
        assert RESET in terminal.raw
        assert terminal.modes == terminal.modes_before


def test_where_there_is_no_terminal_it_just_runs() -> None:
    code = "import os; from parex_tui.guard import guarded; print(os.getpid() == guarded(os.getpid))"
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert done.stdout == b"True\n"


def test_what_the_driver_switches_on_is_all_in_the_resets() -> None:
    """Held against the installed Textual, so that a new mode of a later release is noticed."""
    lines = inspect.getsource(linux_driver).splitlines()
    source = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    on = set(re.findall(r"\\x1b\[\?(\d+)h", source)) - {"7", "25"}
    assert {"1049", "1000", "1003", "1004", "2004"} <= on
    assert [mode for mode in on if f"\x1b[?{mode}l" not in RESETS] == []
    off = set(re.findall(r"\\x1b\[\?(\d+)l", source)) - on
    assert [mode for mode in off if f"\x1b[?{mode}h" not in RESETS] == []
    assert "\\x1b[>" in source
    assert "\x1b[<u" in RESETS


def test_the_guard_loads_nothing_heavy() -> None:
    code = "import sys, parex_tui.guard; print([m for m in ('asyncio', 'threading', 'json') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=REPOSITORY, capture_output=True, check=True)
    assert done.stdout == b"[]\n"
