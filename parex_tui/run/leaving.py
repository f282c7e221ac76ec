"""Leaving a run to an engine of its own: a detached `parex run` that goes on with the next batches.

It is started first and given the feature then, so that between the two somebody always has it. It leads a session of
its own, without a terminal, so that no hang-up reaches it; what it says goes to a file in the user's state folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import parex_tui
from parex_tui.tasks.text import clean

from . import process
from .attempts import Journal
from .engine import Engine
from .feature_lock import me
from .parts import Setup
from .reasons import last_words

UP_SECONDS: Final = 20.0
"""So long a new engine may take until it has the feature; importing everything takes it half a second."""

_POLL: Final = 0.01
_START: Final = "import sys; sys.path.append(sys.argv.pop(1)); from parex_tui.start import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class LeftRunning:
    """What became of leaving runs behind: the features that go on without a screen, and why others do not."""

    features: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Successor:
    """A new engine on its way."""

    key: str
    child: subprocess.Popen[bytes]
    log: Path

    @property
    def name(self) -> str:
        """What names it as an heir."""
        return f"{self.child.pid}@{me().partition('@')[2]}"

    def is_up(self, journal: Journal, until: float) -> bool:
        """Wait until it has the feature. False where it ended before, or is not there by `until` (monotonic)."""
        while True:
            over = self.child.poll() is not None
            holder = journal.engine_holder(self.key)
            if holder is not None and (holder.pid, holder.left) == (self.child.pid, True):
                return True
            if over or time.monotonic() > until:
                return False
            time.sleep(_POLL)

    def give_up(self) -> str:
        """It did not come up: make sure that it does not later. Returns its last words."""
        self.child.kill()
        self.child.wait()
        return last_words(self.log)


def start_successor(root: Path, key: str, options: Sequence[str], log: Path) -> Successor:
    """Start an engine that waits for the feature to be given to it. `options` are those of `parex run`.

    Raises OSError.
    """
    package = Path(parex_tui.__file__).parent.parent
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(log, flags, 0o600)
    try:
        os.fchmod(fd, 0o600)
        words = ["run", "--left", "--quiet", "--yes", f"--directory={root}", *options, "--", key]
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(package), *words],
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
            start_new_session=True,
            cwd="/",  # it shall keep no file system busy
        )
    finally:
        os.close(fd)
    process.adopt(child)
    return Successor(key, child, log)


def leave(engines: Mapping[str, Engine], setup: Setup) -> LeftRunning:
    """Give every one of these features, which their engines own, to a new engine; return when each of them has it."""
    refused: list[str] = []
    on_the_way: list[Successor] = []
    for key, engine in engines.items():
        log = setup.journal.engine_log(key)
        try:
            successor = start_successor(setup.location.root, key, setup.options, log)
        except OSError as error:
            refused.append(f"{key} cannot go on by itself: {clean(str(error), 300)}")
            continue
        engine.give_to(successor.name, f"parex {successor.child.pid} (without a screen)")
        on_the_way.append(successor)
    until = time.monotonic() + UP_SECONDS
    left: list[str] = []
    for successor in on_the_way:
        if successor.is_up(setup.journal, until):
            left.append(successor.key)
        else:
            refused.append(f"{successor.key} cannot go on by itself: {successor.give_up()}")
    return LeftRunning(tuple(left), tuple(refused))
