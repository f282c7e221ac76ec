"""Real attempts for tests: a journal in a private state folder, fake agents, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parex_tui.run import process
from parex_tui.run.attempts import Attempt, Journal, Launch
from parex_tui.run.launch import start
from parex_tui.run.states import AttemptState, Exited, Lost, NeverRan, Running

FAKE_AGENT = Path(__file__).with_name("fakeagent.py")
PATIENCE = 60.0
"""Seconds after which a condition that must come true is taken for one that never will; never reached when it does."""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Until it holds; a failure with `what` where it never does."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited {PATIENCE:.0f} s for {what}"
        time.sleep(0.01)


def argv_of(tag: Path | str, *steps: str) -> tuple[str, ...]:
    """The command line of a fake agent."""
    return (sys.executable, "-I", "-S", str(FAKE_AGENT), "--tag", str(tag), *steps)


def command_lines(text: str) -> Iterator[tuple[int, str]]:
    """Pid and command line of every living process that has `text` in its command line or environment."""
    wanted = text.encode()
    for seen in process.everyone():
        with contextlib.suppress(OSError):
            folder = Path("/proc", str(seen.pid))
            line = (folder / "cmdline").read_bytes()
            if seen.pid != os.getpid() and (wanted in line or wanted in (folder / "environ").read_bytes()):
                yield seen.pid, line.replace(b"\0", b" ").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class House:
    """A project with its journal. Everything started here has the project's path in its command line."""

    root: Path
    journal: Journal

    def launch(self, *steps: str, seq: str = "01", feature: str = "feature", **changes: Any) -> Launch:
        """What starts a fake agent with these steps."""
        fields: dict[str, Any] = {"argv": argv_of(self.root, *steps), "cwd": self.root, "grace": 0.3} | changes
        return Launch(feature=feature, seq=seq, driver="fake", created=time.time(), **fields)

    def create(self, *steps: str, prompt: bytes = b"Do it.\n", **changes: Any) -> Attempt:
        """An attempt that was not started."""
        return self.journal.create(self.launch(*steps, **changes), prompt)

    def start(self, *steps: str, **changes: Any) -> Attempt:
        """An attempt that was."""
        attempt = self.create(*steps, **changes)
        start(attempt)
        return attempt

    def run(self, *steps: str, **changes: Any) -> Exited:
        """The verdict of an attempt."""
        return ended(self.start(*steps, **changes))

    def left(self) -> list[tuple[int, str]]:
        """Agents and their children that are still alive."""
        return [(pid, line) for pid, line in command_lines(str(self.root)) if "keeper.py" not in line]

    def clear(self) -> None:
        """Kill whatever is left of anything started here, keepers too."""
        until = time.monotonic() + PATIENCE
        while found := list(command_lines(f"{self.root.parent}/")):
            for pid, _ in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < until, f"cannot clear away {found}"
            time.sleep(0.005)
        wait_until(_all_reaped, "the keepers to be reaped")


def _all_reaped() -> bool:
    process.reap()
    return not process.has_children()


def ended(attempt: Attempt) -> Exited:
    """Wait for the verdict."""
    wait_until(lambda: isinstance(attempt.state(), Exited | Lost | NeverRan), f"the end of {attempt}")
    state = attempt.state()
    assert isinstance(state, Exited), f"{state}; {attempt.keeper_log.read_text(errors='replace')}"
    return state


def running(attempt: Attempt) -> Running:
    """Wait for the agent to be up."""
    wait_for(attempt, Running)
    state = attempt.state()
    assert isinstance(state, Running)
    return state


def wait_for(attempt: Attempt, kind: type[AttemptState]) -> None:
    """Until the attempt is in that kind of state."""
    wait_until(lambda: isinstance(attempt.state(), kind), f"{attempt} to be {kind.__name__}")
