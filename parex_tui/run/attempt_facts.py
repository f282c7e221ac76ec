"""Everything that is on disk about one attempt, read once: enough to explain it long after it ended."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from parex_tui.agents.driver import Failure, Parser
from parex_tui.agents.stream import read_all
from parex_tui.tasks.text import clean

from . import statedir
from .attempt import Attempt
from .outcome import spent
from .records import Launch, Started
from .states import AttemptState, Exited, Lost, NeverRan, Outcome, Running, Starting, Verdict

COUNTED_BYTES: Final = 4 * 1024 * 1024
"""Of an attempt that is not judged yet: so much output is read to count its tokens. Of more they are not known."""


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """One attempt as it is now. Times are seconds since the epoch, durations seconds; None where it is not known.

    `last_sign` is when its output last grew, `stalled` since when it neither wrote nor computed, `suspended` since when
    it is stopped by a signal. `tokens` and `cost`
    (US dollars) are those of its outcome, or what was counted so far. `applied`: its outcome was carried into the task
    file.
    """

    number: int
    seq: str
    launch: Launch
    directory: Path
    state: AttemptState
    outcome: Outcome | None
    began: float | None
    seconds: float | None
    last_sign: float | None
    stalled: float | None
    tokens: int | None
    cost: float | None
    applied: bool
    suspended: float | None = None

    @property
    def word(self) -> str:
        """What it is, in a word or two: of an ended one what it came to."""
        match self.state:
            case NeverRan():
                return "never ran"
            case Starting():
                return "starting"
            case Running():
                return "running"
        if self.outcome is None:
            return "lost" if isinstance(self.state, Lost) else "ended"
        if self.outcome.verdict is Verdict.FAILED:
            if self.outcome.failure is Failure.STOPPED:
                return "stopped"
            return "lost" if self.outcome.failure is Failure.LOST else "failed"
        return str(self.outcome.verdict)

    @property
    def reason(self) -> str:
        """Why it is that, in one line; "" where the word says it all."""
        if self.outcome is not None:
            return self.outcome.reason
        match self.state:
            case NeverRan():
                return "it was recorded, and no agent was started"
            case Lost():
                return "its keeper died without a verdict; whether anything of it is left is not known yet"
            case Exited():
                return "it has ended, and no parex has judged it yet"
            case _:
                return ""

    @property
    def present(self) -> int:
        """How many of its checkable deliverables were found new or changed."""
        found = self.outcome.evidence if self.outcome is not None else ()
        return sum(one.state in ("created", "changed") for one in found)


def facts_of(attempt: Attempt, now: float, parser_for: Callable[[str], Parser]) -> AttemptFacts:
    """Read it. Never raises for what the files hold."""
    state, outcome = attempt.state(), attempt.outcome()
    tokens, cost = (outcome.tokens, outcome.cost) if outcome is not None else _counted(attempt, state, parser_for)
    began = state.since if isinstance(state, Running | Exited | Lost) else None
    return AttemptFacts(
        number=attempt.number,
        seq=attempt.launch.seq,
        launch=attempt.launch,
        directory=attempt.dir,
        state=state,
        outcome=outcome,
        began=began,
        seconds=_seconds(state, now),
        last_sign=None if isinstance(state, NeverRan) else _last_sign(attempt, began),
        stalled=attempt.stalled() if isinstance(state, Running) else None,
        tokens=tokens,
        cost=cost,
        applied=attempt.applied(),
        suspended=attempt.suspended() if isinstance(state, Running) else None,
    )


def _seconds(state: AttemptState, now: float) -> float | None:
    match state:
        case Running(since=since):
            return max(0.0, now - since)
        case Exited(exit=exit_):
            return exit_.seconds
        case _:
            return None


def _counted(
    attempt: Attempt, state: AttemptState, parser_for: Callable[[str], Parser]
) -> tuple[int | None, float | None]:
    if isinstance(state, NeverRan | Starting):
        return None, None
    with contextlib.suppress(OSError):
        if attempt.output.stat().st_size <= COUNTED_BYTES:
            return spent(read_all(attempt.output, parser_for(attempt.launch.driver)))
    return None, None


def _last_sign(attempt: Attempt, began: float | None) -> float | None:
    """When output was written last; that an empty file was made is no sign of life of the agent."""
    times = [] if began is None else [began]
    for path in (attempt.output, attempt.stderr):
        with contextlib.suppress(OSError):
            found = path.stat()
            if found.st_size:
                times.append(found.st_mtime)
    return max(times, default=None)


# --- one attempt whole ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileThere:
    """A file of the attempt's folder; `size` in bytes."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class AttemptDetail:
    """The rest of what its folder says. `stop_by` and `stop_at`: who asked for its end, and when.

    `prompt_size` is None where the file is gone; `prompt_intact`: whether it still is what the agent was given.
    `contained`: whether its keeper could prove that nothing of it was left; None where it did not say.
    """

    started: Started | None
    contained: bool | None
    prompt_size: int | None
    prompt_intact: bool
    stop_by: str
    stop_at: float | None
    notes: tuple[dict[str, Any], ...]
    keeper_log: str
    files: tuple[FileThere, ...]


def detail_of(attempt: Attempt) -> AttemptDetail:
    """Read it. Never raises for what the files hold."""
    stop: Mapping[str, Any] = statedir.read_record(attempt.dir / "stop") or {}
    contained = (statedir.read_record(attempt.dir / "started") or {}).get("contained")
    by, at = stop.get("by"), stop.get("at")
    size, digest = _prompt(attempt.prompt)
    log = ""
    with contextlib.suppress(OSError):
        log = clean(attempt.keeper_log.read_bytes()[-2000:].decode("utf-8", "replace").strip(), 2000)
    return AttemptDetail(
        started=attempt.started(),
        contained=contained if isinstance(contained, bool) else None,
        prompt_size=size,
        prompt_intact=size is not None and digest == attempt.launch.prompt_digest,
        stop_by=clean(by, 200) if isinstance(by, str) else "",
        stop_at=float(at) if isinstance(at, int | float) else None,
        notes=attempt.notes(),
        keeper_log=log,
        files=_files(attempt.dir),
    )


def _prompt(path: Path) -> tuple[int | None, str]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return os.fstat(file.fileno()).st_size, digest
    except OSError:
        return None, ""


def _files(folder: Path) -> tuple[FileThere, ...]:
    found: list[FileThere] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    found.append(FileThere(folder / entry.name, facts.st_size))
    return tuple(sorted(found, key=lambda one: one.path.name))
