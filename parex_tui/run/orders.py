"""What a person can ask of a feature: each verb refuses with a reason, or changes intent, decisions and task files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from parex_tui.agents.driver import Driver, DriverError, Failure
from parex_tui.tasks.edit import EditError
from parex_tui.tasks.model import Status, Task

from . import board as boards
from .attempts import Attempt, Decision, Journal
from .desk import ENGINE, PERSON
from .judging import Judge
from .reasons import reason_of
from .snapshot import BatchState, Command, Do
from .statedir import StateError
from .states import (
    DONE,
    NeverRan,
    Running,
    Starting,
    TaskBlocked,
    TaskElsewhere,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskSkipped,
    TaskWaiting,
)
from .stop import request_stop
from .survey import Standing


class Mode(Enum):
    """What the engine was asked to do with the feature as a whole."""

    IDLE = "idle"  # nothing
    GOING = "going"  # work through the batches
    PAUSED = "paused"  # start nothing new
    FINISHED = "finished"  # it has worked through them


@dataclass(slots=True)
class Intent:
    """What an engine was asked to do. `wanted`: tasks that were asked for one by one; `message`: told last."""

    mode: Mode = Mode.IDLE
    wanted: set[str] = field(default_factory=set)
    message: str = ""

    def pause(self) -> None:
        """Nothing new starts, also nothing that was asked for by itself."""
        self.mode = Mode.PAUSED
        self.wanted.clear()

    def wants(self, seq: str) -> bool:
        """Whether a task that is ready should start."""
        return seq in self.wanted or self.mode is Mode.GOING


class Orders:
    """Carries out commands on one feature, which the caller owns."""

    def __init__(
        self,
        key: str,
        *,
        root: Path,
        journal: Journal,
        driver: Driver | None,
        judge: Judge,
        clock: Callable[[], float],
        intent: Intent,
    ) -> None:
        self._key = key
        self._root = root
        self._journal = journal
        self._driver = driver
        self._judge = judge
        self._clock = clock
        self._intent = intent
        self._verbs: Mapping[Do, Callable[[Standing, Command], str]] = {
            Do.RUN: self._run,
            Do.RETRY: self._retry,
            Do.RETRY_FAILED: self._retry_failed,
            Do.NEXT: self._next,
            Do.STOP: self._stop,
            Do.STOP_ALL: self._stop_all,
            Do.ACCEPT: self._accept,
            Do.SKIP: self._skip,
            Do.RESET: self._reset,
            Do.PAUSE: self._pause,
        }

    def carry_out(self, standing: Standing, command: Command) -> str:
        """Do it. Returns "" or, where it is refused, why and what to do instead, in one line."""
        verb = self._verbs.get(command.do)
        try:
            refusal = verb(standing, command) if verb is not None else f"a run cannot be told to {command.do}"
        except (EditError, StateError, OSError) as error:
            refusal = str(error)
        if refusal:
            self._intent.message = refusal
        return refusal

    def _run(self, standing: Standing, command: Command) -> str:
        if refusal := self.cannot_run():
            return refusal
        current = standing.current
        if current is None:
            return "nothing is left to run in this feature" if standing.plan.batches else "no task of it can run"
        for seq in current[0].seqs:  # to run is to go on: what a person stopped runs again
            task, state = standing.feature.task(seq), standing.board.states[seq]
            if task is not None and isinstance(state, TaskFailed) and state.failure is Failure.STOPPED:
                self.write_reset(task)
        self._intent.mode = Mode.GOING
        return ""

    def cannot_run(self) -> str:
        """Why nothing can be started here, in one line; "" where it can."""
        if self._driver is None:
            return "no agent is set up: start with --driver demo to try it, or set `driver` in the settings"
        try:
            self._driver.check()
        except DriverError as error:
            return str(error)
        return ""

    def _retry(self, standing: Standing, command: Command) -> str:
        if refusal := self.cannot_run():
            return refusal
        task = standing.feature.task(command.seq)
        refusal = cannot_retry(standing, command.seq)
        if task is None or refusal:
            return refusal
        self._undo(task.seq, standing)
        if task.status is not Status.PENDING:
            self.write_reset(task)
        self._intent.wanted.add(task.seq)
        self._intent.message = f"retrying {task.name}"
        return ""

    def _retry_failed(self, standing: Standing, command: Command) -> str:
        failed = [seq for seq, state in standing.board.states.items() if isinstance(state, TaskFailed)]
        if not failed:
            return "no task has failed"
        refusals = [self._retry(standing, replace(command, do=Do.RETRY, seq=seq)) for seq in failed]
        return next((refusal for refusal in refusals if refusal), "")

    def _next(self, standing: Standing, command: Command) -> str:
        current = standing.current
        if current is None:
            return "there is no further batch"
        batch, view = current
        if view.state is BatchState.RUNNING:
            return "tasks of this batch still run; stop them first or wait"
        if any(isinstance(standing.board.states[seq], TaskReady) for seq in batch.seqs):
            if not view.held_by:
                return self._run(standing, command)
            return "tasks of this batch have not run yet: run them, or skip each"
        if batch.number == len(standing.plan.batches):
            return "this is the last batch"
        for seq in view.held_by:
            self._decide(boards.GO_ON, seq, standing, command.note)
        self._intent.mode = Mode.GOING
        self._intent.message = f"goes on without {', '.join(view.held_by)}" if view.held_by else ""
        return ""

    def _stop(self, standing: Standing, command: Command) -> str:
        attempt = self._alive(command.seq)
        if attempt is None:
            return f"{command.seq} is not running"
        request_stop(attempt, by="person")
        self._intent.message = f"stopping {standing.feature.name_of(command.seq)}"
        return ""

    def _stop_all(self, standing: Standing, command: Command) -> str:
        self._intent.pause()
        alive = [attempt for seq in standing.attempts if (attempt := self._alive(seq)) is not None]
        refused: list[str] = []
        for attempt in alive:
            try:
                request_stop(attempt, by="person")
            except OSError as error:
                refused.append(f"{attempt.launch.seq}: {error.strerror}")
        self._intent.message = (
            f"{len(alive)} told to stop; nothing new starts" if alive else "nothing runs; nothing new starts"
        )
        return f"cannot be stopped: {', '.join(refused)}" if refused else ""

    def _alive(self, seq: str) -> Attempt | None:
        found = self._journal.feature_attempts(self._key).get(seq, ())
        return next((one for one in reversed(found) if isinstance(one.state(), Running | Starting)), None)

    def _pause(self, standing: Standing, command: Command) -> str:
        if self._intent.mode is not Mode.GOING and not self._intent.wanted:
            return "nothing is being started"
        self._intent.pause()
        self._intent.message = "paused: what runs goes on, nothing new starts"
        return ""

    def _accept(self, standing: Standing, command: Command) -> str:
        task, state = standing.feature.task(command.seq), standing.board.states.get(command.seq)
        if task is None or state is None:
            return f"there is no task {command.seq} in {standing.feature.id}"
        if not isinstance(state, TaskReview | TaskFailed | TaskBlocked | TaskElsewhere):
            return f"{task.name} has nothing to accept"
        # The decision first: cut between the two, the file still asks, and accepting again is harmless.
        self._decide(boards.ACCEPT, task.seq, standing, command.note)
        self._judge.accept(task, command.note)
        self._judge.sync_quietly(standing.feature.path)
        self._intent.message = f"{task.name} accepted by hand"
        return ""

    def _skip(self, standing: Standing, command: Command) -> str:
        task, state = standing.feature.task(command.seq), standing.board.states.get(command.seq)
        if task is None or state is None:
            return f"there is no task {command.seq} in {standing.feature.id}"
        if isinstance(state, (*DONE, TaskRunning)):
            return f"{task.name} is {'running' if isinstance(state, TaskRunning) else 'completed'}"
        self._intent.wanted.discard(task.seq)
        self._decide(boards.SKIP, task.seq, standing, command.note)
        self._intent.message = f"{task.name} skipped; what depends on it stays blocked"
        return ""

    def _reset(self, standing: Standing, command: Command) -> str:
        task, state = standing.feature.task(command.seq), standing.board.states.get(command.seq)
        if task is None or state is None:
            return f"there is no task {command.seq} in {standing.feature.id}"
        if isinstance(state, TaskRunning):
            return f"{task.name} is running; stop it first"
        self._undo(task.seq, standing)
        if task.status is Status.PENDING:
            return "" if isinstance(state, TaskSkipped) else f"{task.name} is pending already"
        self._judge.reset(task, by=PERSON)
        self._intent.message = f"{task.name} is pending again"
        return ""

    def write_reset(self, task: Task) -> None:
        """Set a task back to pending so that it can run again, and its feature's count. Raises EditError."""
        self._judge.reset(task, by=ENGINE)

    def _last_number(self, standing: Standing, seq: str) -> int:
        ran = [view for view in standing.attempts.get(seq, ()) if not isinstance(view.state, NeverRan)]
        return ran[-1].number if ran else 0

    def _decide(self, kind: str, seq: str, standing: Standing, note: str) -> None:
        batch = standing.plan.batch_of(seq)
        decision = Decision(
            at=self._clock(),
            kind=kind,
            seq=seq,
            batch=batch.number if batch else 0,
            attempt=self._last_number(standing, seq),
            note=note,
        )
        self._journal.record_decision(self._key, decision)

    def _undo(self, seq: str, standing: Standing) -> None:
        if any(decision.seq == seq for decision in self._journal.decisions(self._key)):
            self._decide(boards.UNDO, seq, standing, "")


def cannot_retry(standing: Standing, seq: str) -> str:
    """Why a task cannot have another attempt now, and what to do instead, in one line; "" where it can."""
    task, state = standing.feature.task(seq), standing.board.states.get(seq)
    if task is None or state is None:
        return f"there is no task {seq} in {standing.feature.id}"
    if isinstance(state, TaskRunning):
        return f"{task.name} is running"
    if isinstance(state, DONE):
        return f"{task.name} is completed; reset it first"
    if isinstance(state, TaskElsewhere) and not state.stale:
        return f"{task.name} is in progress in another program; reset it first if nobody works on it"
    if isinstance(state, TaskWaiting):
        return f"{task.name} waits: {state.reason}"
    if not isinstance(state, TaskFailed | TaskReview | TaskBlocked | TaskSkipped | TaskElsewhere | TaskReady):
        return f"{task.name} cannot be retried now: {reason_of(state)}"
    return ""
