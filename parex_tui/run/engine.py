"""The engine of one feature: starts attempts within the batch whose turn it is, judges them, holds the gate.

It is a pass, not a loop: whoever owns it calls `pass_once` often. All its memory is on disk (task files, attempts,
decisions), but for what it was asked to do since it began; so a second engine goes on where the first one was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from parex_tui.agents.driver import Driver, DriverError, Failure
from parex_tui.plan.apart import apart
from parex_tui.plan.model import Batch
from parex_tui.tasks.edit import EditError, reset_task
from parex_tui.tasks.model import Feature, Status, Task

from . import board as boards
from .attempts import Attempt, Decision, FeatureLock, Journal
from .judging import Judge
from .launch import LaunchError
from .limits import Limits
from .notices import (
    AttemptAdopted,
    AttemptEnds,
    AttemptStarts,
    BatchHeld,
    BatchOver,
    BatchStarts,
    Notice,
    Refused,
)
from .snapshot import BatchState, BatchView, Command, Do, EngineState
from .starting import Starter
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
from .survey import Standing, Surveyor


class Engine:
    """Works through one feature. Call everything from one thread."""

    def __init__(
        self,
        key: str,
        *,
        root: Path,
        journal: Journal,
        driver: Driver | None,
        limits: Limits,
        starter: Starter,
        judge: Judge,
        surveyor: Surveyor,
        read: Callable[[], Feature | None],
        clock: Callable[[], float],
        drain: Callable[[Attempt], None],
        tell: Callable[[Notice], None],
    ) -> None:
        self._key = key
        self._root = root
        self._journal = journal
        self._driver = driver
        self._limits = limits
        self._starter = starter
        self._judge = judge
        self._surveyor = surveyor
        self._read = read
        self._clock = clock
        self._drain = drain
        self._tell = tell
        self._lock: FeatureLock | None = None
        self._going = False
        self._paused = False
        self._finished = False
        self._wanted: set[str] = set()  # retries asked for one by one
        self._retried: dict[str, int] = {}
        self._announced: tuple[int, tuple[str, ...]] | None = None
        self._held: tuple[str, ...] = ()
        self._over: set[int] = set()
        self._known_alive: set[Path] = set()
        self.message = ""

    # --- ownership -------------------------------------------------------------------------------------------

    @property
    def owns(self) -> bool:
        """Whether this engine holds the feature's lock: only then does it change anything."""
        return self._lock is not None

    def take(self) -> bool:
        """Try to own the feature; False while another parex does."""
        if self._lock is None:
            self._lock = self._journal.feature_lock(self._key)
        return self._lock is not None

    def release(self) -> None:
        """Let another parex own the feature. What runs goes on under its keeper."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def state(self, standing: Standing) -> EngineState:
        """What this engine is doing, given where the feature stands."""
        if not self.owns:
            return EngineState.IDLE
        alive = any(isinstance(state, TaskRunning) for state in standing.board.states.values())
        current = self._current(standing)
        if alive:
            return EngineState.RUNNING
        if current is None and standing.plan.batches:
            return EngineState.FINISHED if self._finished else EngineState.IDLE
        if self._paused:
            return EngineState.PAUSED
        if current is not None and current[1].held_by and not self._startable(standing):
            return EngineState.HELD
        return EngineState.RUNNING if self._going else EngineState.IDLE

    # --- one pass --------------------------------------------------------------------------------------------

    def pass_once(self) -> Standing | None:
        """Judge what ended, start what may start, tell what changed. None where the feature is gone from disk."""
        feature = self._read()
        if feature is None:
            return None
        if self.owns and self._settle(feature):
            feature = self._read() or feature
        standing = self._survey(feature)
        if not self.owns:
            return standing
        if self._retry_by_itself(standing):
            standing = self._survey(self._read() or feature)
        self._tell_over(standing)
        started = False
        while seq := next(iter(self._startable(standing)), None):
            if not self._start(standing, seq):
                break
            started = True
            standing = self._survey(self._read() or feature)
        if started:
            standing = self._survey(self._read() or feature)
        self._tell_over(standing)
        self._tell_held(standing)
        return standing

    def _survey(self, feature: Feature) -> Standing:
        return self._surveyor.survey(feature)

    def _settle(self, feature: Feature) -> bool:
        """Judge and carry into the task files what ended. True where a file changed."""
        wrote = False
        for seq, attempts in self._journal.feature_attempts(self._key).items():
            ran = [attempt for attempt in attempts if not isinstance(attempt.state(), NeverRan)]
            if not ran:
                continue
            last = ran[-1]
            if isinstance(last.state(), Running | Starting):
                if last.dir not in self._known_alive:
                    self._known_alive.add(last.dir)
                    task = feature.task(seq)
                    self._tell(AttemptAdopted(seq=seq, title=task.title if task else "", attempt=last.number))
                continue
            if last.applied():
                continue
            task = feature.task(seq)
            try:
                outcome = self._judge.settle(last, task, feature)
            except EditError as error:
                self._refuse(seq, str(error))
                continue
            if outcome is None:  # lost, and not yet proven dead
                continue
            wrote = True
            self._drain(last)
            self._tell(AttemptEnds(seq=seq, title=task.title if task else "", attempt=last.number, outcome=outcome))
        return wrote

    def _retry_by_itself(self, standing: Standing) -> bool:
        """Give failed tasks another attempt where the run allows it. True where a file changed."""
        if not self._going or self._paused or not self._limits.retries:
            return False
        wrote = False
        for seq, state in standing.board.states.items():
            if not isinstance(state, TaskFailed) or state.failure in (Failure.STOPPED, Failure.SPAWN):
                continue
            if self._retried.get(seq, 0) >= self._limits.retries:
                continue
            task = standing.feature.task(seq)
            if task is not None and self._reset(task):
                self._retried[seq] = self._retried.get(seq, 0) + 1
                wrote = True
        return wrote

    def _current(self, standing: Standing) -> tuple[Batch, BatchView] | None:
        number = standing.board.current
        if number is None:
            return None
        return standing.plan.batches[number - 1], standing.board.batches[number - 1]

    def _startable(self, standing: Standing) -> tuple[str, ...]:
        """What may start now, the longest expected first; only as many as there are free slots."""
        if self._driver is None or not self.owns:
            return ()
        current = self._current(standing)
        if current is None:
            return ()
        batch = current[0]
        states = standing.board.states
        running = [seq for seq, state in states.items() if isinstance(state, TaskRunning)]
        if any(seq not in batch.seqs for seq in running):
            return ()  # the barrier: something of another batch is still alive
        free = self._limits.slots - len(running)
        pairs = apart(batch)
        chosen: list[str] = []
        for seq in pairs.in_order(standing.expected):
            if len(chosen) >= free:
                break
            if not isinstance(states[seq], TaskReady) or not self._asked_for(seq):
                continue
            if not pairs.clashes(seq, [*running, *chosen]):
                chosen.append(seq)
        return tuple(chosen)

    def _asked_for(self, seq: str) -> bool:
        return seq in self._wanted or (self._going and not self._paused)

    def _start(self, standing: Standing, seq: str) -> bool:
        """Hand one task to a keeper. False where it could not be: then nothing more is started."""
        task = standing.feature.task(seq)
        batch = standing.plan.batch_of(seq)
        if task is None or batch is None or self._driver is None:
            return False
        self._announce(standing, batch)
        self._wanted.discard(seq)
        try:
            attempt = self._starter.start(self._driver, standing.feature, task, batch, standing.attempts.get(seq, ()))
        except (EditError, LaunchError, DriverError, OSError) as error:
            self._going = False
            self._paused = True
            self._refuse(seq, str(error))
            return False
        self._known_alive.add(attempt.dir)
        self._tell(
            AttemptStarts(
                seq=seq,
                title=task.title,
                attempt=attempt.number,
                driver=self._driver.name,
                is_demo=self._driver.is_demo,
                agent=attempt.launch.agent,
            )
        )
        return True

    # --- telling ---------------------------------------------------------------------------------------------

    def _announce(self, standing: Standing, batch: Batch) -> None:
        """Say what will run together and what after it, once for a batch (and again when tasks come back)."""
        states = standing.board.states
        ready = tuple(seq for seq in batch.seqs if isinstance(states[seq], TaskReady) and self._asked_for(seq))
        known = self._announced
        if known is not None and known[0] == batch.number and set(ready) <= set(known[1]):
            return
        self._announced = (batch.number, ready)
        together: list[str] = []
        later: list[tuple[str, str]] = []
        pairs = apart(batch)
        for seq in pairs.in_order(standing.expected):
            if seq not in ready:
                continue
            clash = next((other for other in together if pairs.clashes(seq, (other,))), None)
            if clash is None:
                together.append(seq)
            else:
                later.append((seq, pairs.why(seq, clash)))
        slots = self._limits.slots
        names = ", ".join(_name(standing.feature, seq) for seq in together)
        count = len(together)
        head = f"{count} independent tasks at the same time" if count > 1 else "1 task"
        if count > slots:
            head += f", {slots} at once"
        text = f"Batch {batch.number} of {len(standing.plan.batches)}: {head}: {names}"
        if later:
            text += "; then " + ", ".join(f"{_name(standing.feature, seq)} ({reason})" for seq, reason in later)
        self.message = text
        self._held = ()
        self._tell(BatchStarts(batch.number, len(standing.plan.batches), tuple(together), tuple(later), slots, text))

    def _tell_over(self, standing: Standing) -> None:
        if not self._going:
            return
        for view in standing.board.batches:
            if view.state is BatchState.DONE and view.number not in self._over:
                self._over.add(view.number)
                self._tell(BatchOver(view.number, view.seconds))
            elif view.state is not BatchState.DONE:
                self._over.discard(view.number)

    def _tell_held(self, standing: Standing) -> None:
        if not self._going:
            return
        current = self._current(standing)
        if current is None:
            # What comes back later (a reset, a new task) is new work: it waits for a key.
            self._going, self._finished = False, True
            return
        if self._startable(standing):
            return
        view = current[1]
        if view.state is BatchState.RUNNING or not view.held_by or view.held_by == self._held:
            return
        self._held = view.held_by
        self._tell(BatchHeld(view.number, tuple((seq, reason_of(standing.board.states[seq])) for seq in view.held_by)))

    def _refuse(self, seq: str, reason: str) -> None:
        if self.message != reason:
            self.message = reason
            self._tell(Refused(seq=seq, reason=reason))

    # --- commands --------------------------------------------------------------------------------------------

    def obey(self, command: Command) -> str:
        """Carry out a command. Returns "" or, where it is refused, why and what to do instead, in one line."""
        feature = self._read()
        if feature is None:
            return f"{command.feature} is not there any more"
        if not self.take():
            return "another parex runs this feature; here it can only be watched"
        standing = self._survey(feature)
        handlers: dict[Do, Callable[[Standing, Command], str]] = {
            Do.RUN: self._run,
            Do.RETRY: self._retry,
            Do.RETRY_FAILED: self._retry_failed,
            Do.NEXT: self._next,
            Do.STOP: self._stop,
            Do.STOP_ALL: self._stop_all,
            Do.ACCEPT: self._accept,
            Do.SKIP: self._skip,
            Do.RESET: self._reset_command,
            Do.PAUSE: self._pause,
        }
        try:
            refusal = handlers[command.do](standing, command)
        except (EditError, OSError) as error:
            refusal = str(error)
        if refusal:
            self.message = refusal
        return refusal

    def _run(self, standing: Standing, command: Command) -> str:
        if refusal := self._cannot_run():
            return refusal
        current = self._current(standing)
        if current is None:
            return "nothing is left to run in this feature" if standing.plan.batches else "no task of it can run"
        self._going, self._paused, self._finished = True, False, False
        return ""

    def _cannot_run(self) -> str:
        if self._driver is None:
            return "no agent is set up: start with --driver demo to try it, or set `driver` in the settings"
        try:
            self._driver.check()
        except DriverError as error:
            return str(error)
        return ""

    def _retry(self, standing: Standing, command: Command) -> str:
        if refusal := self._cannot_run():
            return refusal
        task, state = standing.feature.task(command.seq), standing.board.states.get(command.seq)
        if task is None or state is None:
            return f"there is no task {command.seq} in {standing.feature.id}"
        if isinstance(state, TaskRunning):
            return f"{task.name} is running"
        if isinstance(state, DONE):
            return f"{task.name} is completed; reset it first"
        if isinstance(state, TaskElsewhere) and not state.stale:
            return f"{task.name} is in progress in another program; reset it first if nobody works on it"
        if not isinstance(
            state, TaskFailed | TaskReview | TaskBlocked | TaskSkipped | TaskElsewhere | TaskReady | TaskWaiting
        ):
            return f"{task.name} cannot be retried now: {reason_of(state)}"
        if isinstance(state, TaskWaiting):
            return f"{task.name} waits: {state.reason}"
        self._undo(task.seq, standing)
        if task.status is not Status.PENDING:
            self._write_reset(task)
        self._wanted.add(task.seq)
        if not self._paused and standing.board.current is not None and isinstance(state, TaskFailed | TaskReview):
            self._going = self._going or bool(self._held)
        self.message = f"retrying {task.name}"
        return ""

    def _retry_failed(self, standing: Standing, command: Command) -> str:
        failed = [seq for seq, state in standing.board.states.items() if isinstance(state, TaskFailed)]
        if not failed:
            return "no task has failed"
        refusals = [self._retry(standing, replace(command, do=Do.RETRY, seq=seq)) for seq in failed]
        return next((refusal for refusal in refusals if refusal), "")

    def _next(self, standing: Standing, command: Command) -> str:
        current = self._current(standing)
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
        self._going, self._paused = True, False
        self.message = f"goes on without {', '.join(view.held_by)}" if view.held_by else ""
        return ""

    def _stop(self, standing: Standing, command: Command) -> str:
        attempt = self._alive(command.seq)
        if attempt is None:
            return f"{command.seq} is not running"
        request_stop(attempt, by="person")
        self.message = f"stopping {_name(standing.feature, command.seq)}"
        return ""

    def _stop_all(self, standing: Standing, command: Command) -> str:
        self._going, self._paused = False, True
        self._wanted.clear()
        alive = [attempt for seq in standing.attempts if (attempt := self._alive(seq)) is not None]
        for attempt in alive:
            request_stop(attempt, by="person")
        self.message = f"stopping {len(alive)} running" if alive else "nothing runs; nothing new will start"
        return ""

    def _alive(self, seq: str) -> Attempt | None:
        found = self._journal.feature_attempts(self._key).get(seq, ())
        return next((one for one in reversed(found) if isinstance(one.state(), Running | Starting)), None)

    def _pause(self, standing: Standing, command: Command) -> str:
        if self._paused or not self._going:
            return "nothing is being started"
        self._paused = True
        self.message = "paused: what runs goes on, nothing new starts"
        return ""

    def _accept(self, standing: Standing, command: Command) -> str:
        task, state = standing.feature.task(command.seq), standing.board.states.get(command.seq)
        if task is None or state is None:
            return f"there is no task {command.seq} in {standing.feature.id}"
        if not isinstance(state, TaskReview | TaskFailed | TaskBlocked | TaskElsewhere):
            return f"{task.name} has nothing to accept"
        self._judge.accept(task, standing.feature, command.note)
        self._decide(boards.ACCEPT, task.seq, standing, command.note)
        self.message = f"{task.name} accepted by hand"
        return ""

    def _skip(self, standing: Standing, command: Command) -> str:
        task, state = standing.feature.task(command.seq), standing.board.states.get(command.seq)
        if task is None or state is None:
            return f"there is no task {command.seq} in {standing.feature.id}"
        if isinstance(state, (*DONE, TaskRunning)):
            return f"{task.name} is {'running' if isinstance(state, TaskRunning) else 'completed'}"
        self._wanted.discard(task.seq)
        self._decide(boards.SKIP, task.seq, standing, command.note)
        self.message = f"{task.name} skipped; what depends on it stays blocked"
        return ""

    def _reset_command(self, standing: Standing, command: Command) -> str:
        task, state = standing.feature.task(command.seq), standing.board.states.get(command.seq)
        if task is None or state is None:
            return f"there is no task {command.seq} in {standing.feature.id}"
        if isinstance(state, TaskRunning):
            return f"{task.name} is running; stop it first"
        self._undo(task.seq, standing)
        if task.status is Status.PENDING:
            return "" if isinstance(state, TaskSkipped) else f"{task.name} is pending already"
        self._write_reset(task)
        self.message = f"{task.name} is pending again"
        return ""

    def _reset(self, task: Task) -> bool:
        try:
            self._write_reset(task)
        except EditError as error:
            self._refuse(task.seq, str(error))
            return False
        return True

    def _write_reset(self, task: Task) -> None:
        reset_task(task, root=self._root)
        self._judge.sync(task.path.parent)

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


def _name(feature: Feature, seq: str) -> str:
    task = feature.task(seq)
    return task.name if task is not None else seq


def reason_of(state: object) -> str:
    """Why a task holds its batch, in one line."""
    match state:
        case TaskFailed(failure=failure, reason=reason):
            return f"{failure}: {reason}"
        case TaskReview(reason=reason):
            return f"needs review: {reason}"
        case TaskBlocked():
            return "the file says blocked"
        case TaskElsewhere(stale=True):
            return "in progress on disk, and nobody has changed it for a while"
        case TaskElsewhere():
            return "in progress in another program"
        case TaskWaiting(reason=reason):
            return reason
        case _:
            return type(state).__name__.removeprefix("Task").lower()
