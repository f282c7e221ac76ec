"""Settling an attempt that ended: judge it once, write the outcome, then carry it into the task file.

The order makes it safe to be killed anywhere: an outcome that was written and not carried over is carried over by
whoever owns the feature next; carrying it over twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from parex_tui.agents.driver import Driver, DriverError, Exit, Failure
from parex_tui.agents.stream import read_all
from parex_tui.tasks.edit import EditError
from parex_tui.tasks.model import Status, Task

from .attempts import Attempt
from .desk import ENGINE, PERSON, Desk
from .evidence import collect
from .outcome import judge, shorten
from .states import Exited, Lost, Outcome, Verdict
from .stop import sweep

ACCEPTED: Final = "Accepted by hand"


class Judge:
    """Settles the attempts of one project. `driver_for` finds the driver that an attempt was run with."""

    def __init__(self, root: Path, driver_for: Callable[[str], Driver], clock: Callable[[], float], desk: Desk) -> None:
        self._root = root
        self._desk = desk
        self._driver_for = driver_for
        self._clock = clock

    def settle(self, attempt: Attempt, task: Task | None) -> Outcome | None:
        """Judge an attempt that ended, and write it down. None while a lost one is not proven dead.

        `task` is None where its file is gone: the outcome waits with the attempt in case the file comes back.
        Raises EditError where the task file cannot be written; calling again later goes on from there.
        """
        outcome = attempt.outcome()
        if outcome is None:
            outcome = self._judge(attempt)
            if outcome is None:
                return None
            attempt.record_outcome(outcome)
        if task is None:
            return outcome
        self._carry_over(outcome, attempt, task)
        attempt.mark_applied()
        return outcome

    def sync_quietly(self, feature_path: Path) -> str:
        """As `sync`, for where the tasks' own files are written already: returns what is wrong instead, or ""."""
        try:
            self.sync(feature_path)
        except EditError as error:
            return str(error)
        return ""

    def _judge(self, attempt: Attempt) -> Outcome | None:
        state = attempt.state()
        now = self._clock()
        if isinstance(state, Lost):
            if not sweep(attempt):
                return None
            reason = "its keeper died without a verdict; what was left of it has been ended"
            return Outcome(Verdict.FAILED, reason, failure=Failure.LOST, judged_at=now)
        if not isinstance(state, Exited):
            return None
        try:
            driver = self._driver_for(attempt.launch.driver)
        except DriverError as error:
            reason = f"ended ({_how(state.exit)}), and cannot be judged: {error}"
            return Outcome(Verdict.NEEDS_REVIEW, reason, seconds=state.exit.seconds, judged_at=now)
        parser = driver.parser()
        events = read_all(attempt.output, parser)
        if not attempt.launch.merge_stderr:
            events = [*events, *read_all(attempt.stderr, parser, stderr=True)]
        ending = driver.ending(state.exit, events)
        evidence = collect(attempt.launch.deliverables, self._root, attempt.launch.baseline, ended=state.ended)
        return judge(ending, evidence, events, seconds=state.exit.seconds, now=now)

    def _carry_over(self, outcome: Outcome, attempt: Attempt, task: Task) -> None:
        if not task.readable:
            raise EditError(f"{task.path}: the file is broken; repair it, then the outcome of {task.seq} is written")
        if task.status is Status.PENDING:
            return  # somebody has set it back since: their word counts, the outcome stays with the attempt
        match outcome.verdict:
            case Verdict.VERIFIED:
                summary = outcome.summary or shorten(outcome.reason)
                self._desk.complete(task, summary, by=ENGINE, at=outcome.judged_at)
            case Verdict.FAILED:
                if task.status is not Status.BLOCKED:
                    self._desk.block(task, by=ENGINE)
            case Verdict.NEEDS_REVIEW:
                # The agent may have marked its task completed itself: claimed is not done.
                if task.status is not Status.IN_PROGRESS:
                    self._desk.start(task, task.agent_id or attempt.launch.agent, by=ENGINE)

    def accept(self, task: Task, note: str) -> None:
        """Take a task as done by a person's word. Raises EditError."""
        self._desk.complete(task, shorten(f"{ACCEPTED}: {note}" if note else ACCEPTED), by=PERSON)

    def reset(self, task: Task, *, by: str) -> None:
        """Set a task's file back to pending, and its feature's count. Raises EditError."""
        self._desk.reset(task, by=by)
        self.sync_quietly(task.path.parent)

    def sync(self, feature_path: Path) -> None:
        """Bring task.json's count and status in line with the task files. Raises EditError."""
        self._desk.sync(feature_path)


def _how(exit_: Exit) -> str:
    return f"exit {exit_.code}" if exit_.signal is None else f"signal {exit_.signal}"
