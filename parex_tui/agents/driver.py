"""The boundary to a coding agent: how it is started, how its output reads, what its end means.

One file per program implements `Driver`. Nothing here starts a process: `run/` does, from an `Invocation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from parex_tui.tasks.model import Feature, Task

from .events import Event


class DriverError(Exception):
    """A driver cannot be used as it is set up; the message is one line and says what to do."""


class Failure(StrEnum):
    """What kind of failure ended an attempt. The words are shown."""

    STOPPED = "stopped"
    TIMEOUT = "timeout"
    LOST = "lost"
    SPAWN = "cannot start"
    EXIT = "exit code"
    SIGNAL = "signal"
    AGENT_ERROR = "agent error"
    GAVE_UP = "gave up"
    AUTH = "not logged in"
    RATE_LIMIT = "rate limit"
    PERMISSION = "permission rejected"
    WRONG_AGENT = "agent fell back"
    NO_END = "ended without a result"
    NO_EVIDENCE = "deliverable missing"
    CHECK = "check failed"


@dataclass(frozen=True, slots=True)
class Job:
    """What a driver needs to know to start one attempt. All paths are absolute, but those in `writes`.

    `writes`: what of the task's deliverables can be checked afterwards, below the root: files, folders (`x/`),
    patterns (`x/*.js`) and files that may lie anywhere (`**/name`).
    """

    root: Path
    feature: Feature
    task: Task
    attempt: int
    prompt_file: Path
    agent: str = ""
    model: str = ""
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Invocation:
    """One process to start: an argv list (never a shell), what to add to the environment, what stdin is."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: Literal["prompt", "null"] = "null"
    merge_stderr: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """How the process ended. Exactly one of `code` and `signal` is set.

    `reason` is the keeper's: "exited", "stopped" (a person), "timeout" (the deadline), "spawn" (never started).
    """

    code: int | None
    signal: int | None
    reason: str
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """What the end of an attempt means, before any evidence is looked at.

    `clean` with `failure` None: it claims success by the driver's contract. `proven` is False where the stream has no
    last word of its own (a plain command that exits 0).
    """

    clean: bool
    summary: str = ""
    failure: Failure | None = None
    reason: str = ""
    proven: bool = True


class Parser(Protocol):
    """Turns output lines into events. One instance per attempt; it may keep state between lines."""

    def feed(self, line: str) -> Sequence[Event]:
        """Events of one line of standard output (without its line break). Never raises."""
        ...

    def feed_stderr(self, line: str) -> Sequence[Event]:
        """The same for a line of standard error."""
        ...


class Driver(Protocol):
    """How one coding agent program is run."""

    @property
    def name(self) -> str:
        """The word used in settings and after `--driver`."""
        ...

    @property
    def is_demo(self) -> bool:
        """Whether what it does is a demonstration and not real work; shown wherever its attempts are."""
        ...

    def check(self) -> None:
        """Raise DriverError where it cannot run at all (program missing, setting wrong)."""
        ...

    def invocation(self, job: Job) -> Invocation:
        """How to start this attempt. Raises DriverError where a value cannot be passed safely."""
        ...

    def parser(self) -> Parser:
        """A fresh parser for one attempt's output."""
        ...

    def ending(self, exit_: Exit, events: Sequence[Event]) -> Ending:
        """What an ended process and its whole stream amount to."""
        ...
