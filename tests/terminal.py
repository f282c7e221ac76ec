"""A real pseudo terminal with the real program in it, for the few tests that only that can settle."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from .conftest import REPOSITORY

_CONTROL = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_].*?\x1b\\|[@-Z\\-_])", re.DOTALL)

# Makes the pseudo terminal the controlling one, as a terminal emulator does, then becomes the program.
_LAUNCHER = """
import fcntl, os, signal, sys, termios
if os.environ.pop("TEST_NOHUP", ""):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """`parex`, or another Python `program`, in a pseudo terminal of `columns` × `rows`."""

    def __init__(
        self,
        *words: str,
        columns: int = 120,
        rows: int = 36,
        program: Sequence[str] = ("-m", "parex_tui"),
        **env: str,
    ) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._slave = slave
        self.modes_before: list[Any] = termios.tcgetattr(slave)
        self.raw = b""
        self._seen = 0
        # A size in the environment would count for more than the terminal's own.
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER, sys.executable, *program, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=REPOSITORY,
            env={**inherited, "TERM": "xterm-256color", "PYTHONPATH": str(REPOSITORY), **env},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for descriptor in (self.master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def hang_up(self) -> None:
        """Close the terminal, as its window does."""
        os.close(self._slave)
        os.close(self.master)

    def resize(self, columns: int, rows: int) -> None:
        """Another size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def drawing(self) -> psutil.Process:
        """The process that draws: the guard's child."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    @property
    def modes(self) -> list[Any]:
        """The terminal's line settings now."""
        return termios.tcgetattr(self._slave)

    def read(self, seconds: float = 0.05) -> None:
        """Take what was written within that time."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            with contextlib.suppress(OSError):
                self.raw += os.read(self.master, 1 << 16)

    def press(self, keys: str) -> None:
        """Type. From here on `wait_for` looks only at what comes after."""
        self.read(0)
        self._seen = len(self.raw)
        os.write(self.master, keys.encode())

    @property
    def new_text(self) -> str:
        """What was written since the last key, without control sequences."""
        return _CONTROL.sub("", self.raw[self._seen :].decode("utf-8", "replace"))

    def wait_for(self, *texts: str, seconds: float = 40) -> None:
        """Until all of them were written since the last key."""
        deadline = time.monotonic() + seconds
        while not all(text in self.new_text for text in texts):
            missing = [text for text in texts if text not in self.new_text]
            assert time.monotonic() < deadline, f"never written: {missing}; last: {self.new_text[-3000:]}"
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.new_text[-3000:]}"
            self.read()

    def wait_for_after(self, mark: str, text: str, seconds: float = 40) -> None:
        """Until `text` was written after `mark`, both since the last key."""
        self.wait_for(mark)
        deadline = time.monotonic() + seconds
        while text not in self.new_text.partition(mark)[2]:
            assert time.monotonic() < deadline, f"never written after {mark}: {text}; last: {self.new_text[-3000:]}"
            self.read()

    def wait_for_end(self, seconds: float = 40) -> int:
        """Until the program has ended; its exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still running; last: {self.new_text[-3000:]}"
            self.read()
        self.read(0)
        return self.process.returncode

    def kill(self, number: signal.Signals) -> None:
        """Send the program a signal and wait until it is gone."""
        self.process.send_signal(number)
        self.process.wait(20)


def make_project(root: Path, agent: str, tasks: int) -> Path:
    """A project whose tasks are all independent, with a driver that runs `agent` (Python source)."""
    import json

    folder = root / ".tmp" / "tasks" / "four"
    folder.mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "agent.py").write_text(agent)
    for number in range(1, tasks + 1):
        seq = f"{number:02}"
        record: dict[str, object] = {"id": f"four-{seq}", "seq": seq, "title": f"Task {seq}", "status": "pending"}
        record |= {"depends_on": [], "parallel": True, "deliverables": [f"{seq}.txt"]}
        (folder / f"subtask_{seq}.json").write_text(json.dumps(record, indent=2))
    config = root.parent / "config" / "parex"
    config.mkdir(parents=True)
    argv = json.dumps([sys.executable, "-I", "-S", str(root / "agent.py"), "{task_file}", "{root}"])
    (config / "config.toml").write_text(f'driver = "mine"\n[drivers.mine]\nargv = {argv}\n')
    return root
