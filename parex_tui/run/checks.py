"""The checks of one task: whether they may run, and running them.

Commands run as the format means them: one shell line, these bytes, in the project's root, nothing substituted into it;
and only where a person trusted exactly what is executed. What was looked at is what is run, from memory, however the
file changes meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parex_tui.tasks.model import Feature, Task
from parex_tui.tasks.verification import Block, CommandCheck, FileContains, FileExists, Malformed, checks_of

from .check_command import run_command
from .check_files import contains, exists
from .check_report import CheckResult, EvidenceError, Report, evidence_name, evidence_record, write_evidence
from .trust import Executable, Trust, UnsafeError

__all__ = [
    "BadChecks", "CheckResult", "Cleared", "EvidenceError", "NoChecks", "Report", "Tell", "Untrusted",
    "evidence_record", "gate", "look", "verify",
]  # fmt: skip

Tell = Callable[[CheckResult], None]


@dataclass(frozen=True, slots=True)
class NoChecks:
    """The task file carries none."""


@dataclass(frozen=True, slots=True)
class BadChecks:
    """The block is none of the format's: nothing of it is run. `messages` are a line each."""

    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Untrusted:
    """Something would be executed that nobody has trusted: nothing of the block is run, no file check either.

    `refusal` is set where trust would not help, since somebody else can write here: one line that says where.
    """

    executable: Executable
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Cleared:
    """A block that may run: just what was read and, where it executes anything, trusted."""

    block: Block


def look(task: Task, trust: Trust) -> NoChecks | BadChecks | Untrusted | Cleared:
    """Whether the checks of a task, as they were read, may run. Runs and writes nothing. Raises as `Trust` does."""
    block = checks_of(task)
    if block is None:
        return NoChecks()
    if isinstance(block, Malformed):
        return BadChecks(block.messages)
    executable = trust.executable(task, block)
    if executable is None:
        return Cleared(block)
    try:
        trust.check_place(task)
    except UnsafeError as error:
        return Untrusted(executable, str(error))
    return Cleared(block) if trust.is_trusted(executable) else Untrusted(executable)


def gate(
    root: Path, feature: Feature, task: Task, trust: Trust, clock: Callable[[], float], tell: Tell | None = None
) -> NoChecks | BadChecks | Untrusted | Report:
    """The checks of a task, run where they may be. Raises as `look` and `verify` do."""
    found = look(task, trust)
    return verify(root, feature, task, found, clock, tell) if isinstance(found, Cleared) else found


def verify(
    root: Path, feature: Feature, task: Task, cleared: Cleared, clock: Callable[[], float], tell: Tell | None = None
) -> Report:
    """Run the checks of a block in their order and write the evidence file; `tell` hears of each as it ends.

    `clock` is in seconds since the epoch. An interruption (KeyboardInterrupt, SystemExit) ends the running command
    with everything it started, and nothing is written.

    Raises EvidenceError, StateError, and OSError where the root or the state folder cannot be used.
    """
    results: list[CheckResult] = []
    anchor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for check in cleared.block.checks:
            match check:
                case CommandCheck():
                    result = run_command(check, feature, task, root, clock)
                case FileExists():
                    result = exists(check, anchor)
                case FileContains():
                    result = contains(check, anchor)
            results.append(result)
            if tell is not None:
                tell(result)
        report = Report(feature.id, task.seq, clock(), tuple(results), evidence_name(task))
        write_evidence(anchor, root, feature, report)
    finally:
        os.close(anchor)
    return report
