"""The engine of one feature: starts attempts within the batch whose turn it is, judges them, holds the gate.

It is a pass, not a loop: whoever owns it calls `pass_once` often. All its memory is on disk (task files, attempts,
decisions), but for what it was asked to do since it began; so a second engine goes on where the first one was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from parex_tui.agents.driver import Driver, DriverError
from parex_tui.plan.apart import apart
from parex_tui.tasks.edit import ChangedError, EditError
from parex_tui.tasks.model import Feature, Task

from .attempts import Attempt, Journal
from .breaker import Breaker
from .claim import Presence, named
from .handing_over import Hands
from .judging import Judge
from .launch import LaunchError
from .limits import Limits
from .notices import AttemptStarts, BatchPaused, GivenAway, Notice, Refused, RetryWaits
from .orders import Intent, Mode, Orders
from .retrying import Retrier
from .settling import Settler
from .shortage import Shortage, is_scarce
from .snapshot import Command, Do, EngineState
from .starting import Starter
from .statedir import StateError
from .states import Running, Starting, TaskEnded, TaskReady, TaskRunning
from .survey import Standing, Surveyor
from .telling import Teller


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
        timer: Callable[[], float],
        drain: Callable[[Attempt], None],
        tell: Callable[[Notice], None],
        presence: Presence,
    ) -> None:
        self._key = key
        self._root = root
        self._journal = journal
        self._driver = driver
        self._limits = limits
        self._starter = starter
        self._surveyor = surveyor
        self._read = read
        self._clock = clock
        self._tell = tell
        self._intent = Intent()
        self._orders = Orders(
            key, root=root, journal=journal, driver=driver, judge=judge, clock=clock, intent=self._intent
        )
        self._teller = Teller(limits.slots, self._intent, tell)
        self._breaker = Breaker()
        self._retrier = Retrier(limits, timer, clock)
        self._shortage = Shortage(timer, clock)
        self.hands = Hands(
            key,
            journal=journal,
            presence=presence,
            driver=driver,
            timer=timer,
            intent=self._intent,
            cannot_run=self._orders.cannot_run,
            retried=self._retrier.retried,
        )
        self._settler = Settler(
            key,
            journal=journal,
            judge=judge,
            shortage=self._shortage,
            intent=self._intent,
            drain=drain,
            tell=tell,
            reset=self._reset,
            refuse=self._refuse,
        )

    @property
    def message(self) -> str:
        """What was announced or refused last, else what is waited for; one line."""
        if self._shortage.is_on and self._is_waiting():
            return f"{self._shortage.seq}: {self._shortage.reason}; again in {self._shortage.left()} s"
        if self._intent.message:
            return self._intent.message
        waits = sorted(self._retrier.waits.values(), key=lambda wait: wait.due)
        return ", ".join(f"{wait.seq}: {wait.failure}, again in {self._retrier.left(wait)} s" for wait in waits[:3])

    @property
    def going(self) -> bool:
        """Whether it starts by itself what is ready."""
        return self._intent.mode is Mode.GOING

    def waiting(self) -> dict[str, tuple[str, float]]:
        """The tasks that are tried again by themselves: why not now, and when, in seconds since the epoch."""
        found = {seq: ("", wait.at) for seq, wait in self._retrier.waits.items()}
        if self._shortage.is_on:
            found[self._shortage.seq] = (self._shortage.reason, self._shortage.at)
        return found

    # --- ownership -------------------------------------------------------------------------------------------

    @property
    def owns(self) -> bool:
        """Whether this engine holds the feature's lock: only then does it change anything."""
        return self.hands.owns

    def inherit(self) -> bool:
        """Own the feature in the mode in which it was left, once that is possible. False while it is not."""
        if not self.hands.inherit():
            return False
        if (feature := self._read()) is not None:
            self._breaker.forget(self._survey(feature).attempts)
        return True

    def hear(self) -> None:
        """Look whether the feature that another parex was asked for can be had."""
        if self.hands.is_asking and not self.inherit() and (refusal := self.hands.refusal()):
            self._refuse("", refusal)

    def give_to(self, heir: str, name: str = "") -> None:
        """Let another process own the feature, in the mode in which it is. What runs goes on under its keeper."""
        self.hands.give_to(heir, name)
        self._retrier.clear()
        self._shortage.over()
        self._tell(GivenAway(name or heir))

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
            self.hands.release()

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
        if alive or self._is_waiting():
            return EngineState.RUNNING
        if current is None and standing.plan.batches:
            return EngineState.FINISHED if self._intent.mode is Mode.FINISHED else EngineState.IDLE
        if self._intent.mode is Mode.PAUSED:
            return EngineState.PAUSED
        if current is not None and current[1].held_by and not self._startable(standing):
            return EngineState.HELD
        return EngineState.RUNNING if self._intent.mode is Mode.GOING else EngineState.IDLE

    def _is_waiting(self) -> bool:
        """Whether it will start something by itself later."""
        if self.going and self._retrier.waits:
            return True
        return self._shortage.is_on and (self.going or bool(self._intent.wanted))

    # --- one pass --------------------------------------------------------------------------------------------

    def pass_once(self) -> Standing | None:
        """Judge what ended, start what may start, tell what changed. None where the feature is gone from disk."""
        feature = self._read()
        if feature is None:
            return None
        if self.owns and self._settler.settle(feature, was_going=self.hands.left_behind):
            feature = self._read() or feature
        standing = self._survey(feature)
        if not self.owns:
            return standing
        if not self._is_stopped_by_failures(standing) and self._retry_by_itself(standing):
            standing = self._survey(self._read() or feature)
        self._teller.over(standing)
        started = False
        while seq := next(iter(self._startable(standing)), None):
            if not self._start(standing, seq):
                break
            started = True
            standing = self._survey(self._read() or feature)
        if started:
            standing = self._survey(self._read() or feature)
        self._teller.over(standing)
        if self.going and standing.current is None:
            # What comes back later (a reset, a new task) is new work: it waits for a key.
            self._intent.mode = Mode.FINISHED
        elif not self._is_waiting() and not self._startable(standing):
            self._teller.held(standing)
        self.hands.sign()
        return standing

    def _survey(self, feature: Feature) -> Standing:
        return self._surveyor.survey(feature)

    def _is_stopped_by_failures(self, standing: Standing) -> bool:
        """Too many failures of one kind in a short time pause the batch. Whether they do, now."""
        trip = self._breaker.trip(standing.attempts) if self.going else None
        if trip is None:
            return False
        self._intent.pause()
        self._retrier.clear()
        self._intent.message = trip.text
        current = standing.current
        self._tell(BatchPaused(current[0].number if current else 0, trip.failure, trip.count, trip.text))
        return True

    def _retry_by_itself(self, standing: Standing) -> bool:
        """Give failed tasks another attempt where the run allows it. True where a file changed."""
        if not self.going:
            self._retrier.clear()
            return False
        for wait in self._retrier.look(standing.board.states):
            if wait.seconds:
                self._intent.message = ""
                title = standing.feature.name_of(wait.seq)
                self._tell(RetryWaits(wait.seq, title, wait.attempt, wait.failure, wait.seconds))
        wrote = False
        for seq in self._retrier.due():
            task = standing.feature.task(seq)
            if task is not None and self._reset(task):
                self._retrier.went(seq)
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
        free = self._shortage.slots(self._limits.slots - len(running))
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
        self._teller.announce(standing, batch)
        self._intent.wanted.discard(seq)
        try:
            attempt = self._starter.start(self._driver, standing.feature, task, batch, standing.attempts.get(seq, ()))
        except ChangedError:
            return False  # somebody wrote the file this moment: the next pass reads it again
        except (EditError, LaunchError, DriverError, StateError, OSError) as error:
            if is_scarce(error):
                self._settler.is_short(seq, str(error))
            else:
                self._intent.pause()
                self._refuse(seq, str(error))
            return False
        self._settler.expect(attempt)
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
        if command.do is Do.TAKE:
            if refusal := self.hands.ask():
                self._intent.message = refusal
            return refusal
        stops = command.do in (Do.STOP, Do.STOP_ALL)  # of whoever started it: a person may always stop
        if not self.hands.take() and not (stops and self.alive()):
            self._intent.message = (
                f"another parex runs this feature ({named(self.hands.last_holder)}); take it over, or only watch it"
            )
            return self._intent.message
        standing = self._survey(feature)
        refusal = self._orders.carry_out(standing, command)
        if not refusal and command.do in (Do.RUN, Do.NEXT):
            self._breaker.forget(standing.attempts)
            self._shortage.over()
        self.hands.sign()
        return refusal
