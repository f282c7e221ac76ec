"""The engine of one feature: starts attempts within the batch whose turn it is, judges them, holds the gate.

It is a pass, not a loop: whoever owns it calls `pass_once` often. All its memory is on disk (task files, attempts,
decisions), but for what it was asked to do since it began; so a second engine goes on where the first one was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from parex_tui.agents.driver import Driver, DriverError, Failure
from parex_tui.plan.apart import apart
from parex_tui.plan.model import Batch
from parex_tui.tasks.edit import ChangedError, EditError
from parex_tui.tasks.model import Feature, Status, Task

from .attempts import Attempt, FeatureLock, Journal
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
from .orders import Intent, Mode, Orders
from .reasons import last_words, reason_of
from .snapshot import BatchState, Command, Do, EngineState
from .starting import Starter
from .statedir import StateError
from .states import (
    NeverRan,
    Running,
    Starting,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskRunning,
)
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
        self._intent = Intent()
        self._orders = Orders(
            key, root=root, journal=journal, driver=driver, judge=judge, clock=clock, intent=self._intent
        )
        self._retried: dict[str, int] = {}
        self._announced: tuple[int, tuple[str, ...]] | None = None
        self._held: tuple[str, ...] = ()
        self._over: set[int] = set()
        self._known_alive: set[Path] = set()
        self._told: set[Path] = set()  # attempts whose end was told

    @property
    def message(self) -> str:
        """What was announced or refused last, one line."""
        return self._intent.message

    @property
    def going(self) -> bool:
        """Whether it starts by itself what is ready."""
        return self._intent.mode is Mode.GOING

    # --- ownership -------------------------------------------------------------------------------------------

    @property
    def owns(self) -> bool:
        """Whether this engine holds the feature's lock: only then does it change anything."""
        return self._lock is not None

    def take(self) -> bool:
        """Try to own the feature; False while another parex does."""
        if self._lock is None:
            self._lock = self._journal.feature_lock(self._key)
            if self._lock is not None:
                self._journal.sign(self._key, screen=True, going=self.going)
        return self._lock is not None

    def release(self) -> None:
        """Let another parex own the feature. What runs goes on under its keeper."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def alive(self) -> list[str]:
        """The seqs whose newest attempt is alive, whatever became of their files."""
        return [
            seq
            for seq, attempts in self._journal.feature_attempts(self._key).items()
            if any(isinstance(attempt.state(), Running | Starting) for attempt in attempts[-2:])
        ]

    def rest(self) -> None:
        """Let go of the feature where nothing is asked of this engine and nothing of it is left to be judged."""
        idle = self._intent.mode in (Mode.IDLE, Mode.FINISHED) and not self._intent.wanted
        if self.owns and idle and not self.alive():
            self.release()

    def state(self, standing: Standing) -> EngineState:
        """What this engine is doing, given where the feature stands."""
        if not self.owns:
            over = self._intent.mode is Mode.FINISHED and standing.current is None
            return EngineState.FINISHED if over else EngineState.IDLE
        # What ended and is not judged yet still is this engine's work.
        alive = any(isinstance(state, TaskRunning | TaskEnded) for state in standing.board.states.values()) or bool(
            self.alive()
        )
        current = standing.current
        if alive:
            return EngineState.RUNNING
        if current is None and standing.plan.batches:
            return EngineState.FINISHED if self._intent.mode is Mode.FINISHED else EngineState.IDLE
        if self._intent.mode is Mode.PAUSED:
            return EngineState.PAUSED
        if current is not None and current[1].held_by and not self._startable(standing):
            return EngineState.HELD
        return EngineState.RUNNING if self._intent.mode is Mode.GOING else EngineState.IDLE

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
        adopted = 0
        for seq, attempts in self._journal.feature_attempts(self._key).items():
            if self._gave_up(feature, seq, attempts[-1]):
                wrote = True
            ran = [attempt for attempt in attempts if not isinstance(attempt.state(), NeverRan)]
            if not ran:
                continue
            last = ran[-1]
            if isinstance(last.state(), Running | Starting):
                if last.dir not in self._known_alive:
                    self._known_alive.add(last.dir)
                    task = feature.task(seq)
                    self._tell(AttemptAdopted(seq=seq, title=task.title if task else "", attempt=last.number))
                    adopted += 1
                continue
            if last.applied():
                continue
            task = feature.task(seq)
            try:
                outcome = self._judge.settle(last, task)
            except EditError as error:
                outcome = last.outcome()
                self._refuse(seq, str(error))
            if outcome is None:  # lost, and not yet proven dead
                continue
            wrote = wrote or last.applied()
            if last.dir not in self._told:
                self._told.add(last.dir)
                self._drain(last)
                self._tell(AttemptEnds(seq=seq, title=task.title if task else "", attempt=last.number, outcome=outcome))
        if adopted and not self.going:
            self._intent.message = f"{adopted} still running from before; nothing new starts until you run the batch"
        if wrote and (problem := self._judge.sync_quietly(feature.path)):
            self._refuse("", problem)
        return wrote

    def _gave_up(self, feature: Feature, seq: str, last: Attempt) -> bool:
        """A keeper that this engine started and that ended before its agent: nothing ran, and nothing more starts.

        True where the task file was set back to pending.
        """
        if last.dir not in self._known_alive or not isinstance(last.state(), NeverRan):
            return False
        self._known_alive.discard(last.dir)
        self._intent.pause()
        self._refuse(seq, f"the keeper could not start its agent: {last_words(last.keeper_log)}")
        task = feature.task(seq)
        return task is not None and task.status is Status.IN_PROGRESS and self._reset(task)

    def _retry_by_itself(self, standing: Standing) -> bool:
        """Give failed tasks another attempt where the run allows it. True where a file changed."""
        if self._intent.mode is not Mode.GOING or not self._limits.retries:
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

    def _startable(self, standing: Standing) -> tuple[str, ...]:
        """What may start now, the longest expected first; only as many as there are free slots."""
        if self._driver is None or not self.owns:
            return ()
        current = standing.current
        if current is None:
            return ()
        batch = current[0]
        states = standing.board.states
        running = self.alive()
        if any(seq not in batch.seqs for seq in running):
            return ()  # the barrier: something of another batch, or of a task whose file is gone, is still alive
        free = self._limits.slots - len(running)
        pairs = apart(batch)
        chosen: list[str] = []
        for seq in pairs.in_order(standing.expected):
            if len(chosen) >= free:
                break
            if not isinstance(states[seq], TaskReady) or not self._intent.wants(seq):
                continue
            if not pairs.clashes(seq, [*running, *chosen]):
                chosen.append(seq)
        return tuple(chosen)

    def _start(self, standing: Standing, seq: str) -> bool:
        """Hand one task to a keeper. False where it could not be: then nothing more is started."""
        task = standing.feature.task(seq)
        batch = standing.plan.batch_of(seq)
        if task is None or batch is None or self._driver is None:
            return False
        self._announce(standing, batch)
        self._intent.wanted.discard(seq)
        try:
            attempt = self._starter.start(self._driver, standing.feature, task, batch, standing.attempts.get(seq, ()))
        except ChangedError:
            return False  # somebody wrote the file this moment: the next pass reads it again
        except (EditError, LaunchError, DriverError, StateError, OSError) as error:
            self._intent.pause()
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
        ready = tuple(seq for seq in batch.seqs if isinstance(states[seq], TaskReady) and self._intent.wants(seq))
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
        names = ", ".join(standing.feature.name_of(seq) for seq in together)
        count = len(together)
        head = f"{count} independent tasks at the same time" if count > 1 else "1 task"
        if count > slots:
            head = f"{count} independent tasks, {slots} at the same time"
        text = f"Batch {batch.number} of {len(standing.plan.batches)}: {head}: {names}"
        if later:
            text += "; then " + ", ".join(f"{standing.feature.name_of(seq)} ({reason})" for seq, reason in later)
        self._intent.message = text
        self._held = ()
        self._tell(BatchStarts(batch.number, len(standing.plan.batches), tuple(together), tuple(later), slots, text))

    def _tell_over(self, standing: Standing) -> None:
        if self._intent.mode is not Mode.GOING:
            return
        for view in standing.board.batches:
            if view.state is BatchState.DONE and view.number not in self._over:
                self._over.add(view.number)
                self._tell(BatchOver(view.number, view.seconds))
            elif view.state is not BatchState.DONE:
                self._over.discard(view.number)

    def _tell_held(self, standing: Standing) -> None:
        if self._intent.mode is not Mode.GOING:
            return
        current = standing.current
        if current is None:
            # What comes back later (a reset, a new task) is new work: it waits for a key.
            self._intent.mode = Mode.FINISHED
            return
        if self._startable(standing):
            return
        view = current[1]
        if view.state is BatchState.RUNNING or not view.held_by or view.held_by == self._held:
            return
        self._held = view.held_by
        self._tell(BatchHeld(view.number, tuple((seq, reason_of(standing.board.states[seq])) for seq in view.held_by)))

    def _refuse(self, seq: str, reason: str) -> None:
        if self._intent.message != reason:
            self._intent.message = reason
            self._tell(Refused(seq=seq, reason=reason))

    def _reset(self, task: Task) -> bool:
        try:
            self._orders.write_reset(task)
        except EditError as error:
            self._refuse(task.seq, str(error))
            return False
        return True

    # --- commands --------------------------------------------------------------------------------------------

    def obey(self, command: Command) -> str:
        """Carry out a command. Returns "" or, where it is refused, why and what to do instead, in one line."""
        feature = self._read()
        if feature is None:
            return f"{command.feature} is not there any more"
        stops = command.do in (Do.STOP, Do.STOP_ALL)  # of whoever started it: a person may always stop
        if not self.take() and not (stops and self.alive()):
            self._intent.message = "another parex runs this feature; here it can only be watched"
            return self._intent.message
        return self._orders.carry_out(self._survey(feature), command)
