"""What became of a feature's attempts since the last pass: adopted, stalled, ended and judged, never begun."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from parex_tui.tasks.edit import EditError
from parex_tui.tasks.model import Feature, Status, Task

from .attempts import Attempt, Journal
from .judging import Judge
from .notices import AttemptAdopted, AttemptEnds, AttemptStalls, Notice, StartsWait
from .orders import Intent, Mode
from .reasons import last_words
from .shortage import Shortage, is_shortage, ran, tells_of_scarcity
from .states import Exited, NeverRan, Running, Starting


class Settler:
    """Settles one feature's attempts, for the engine that owns it."""

    def __init__(
        self,
        key: str,
        *,
        journal: Journal,
        judge: Judge,
        shortage: Shortage,
        intent: Intent,
        drain: Callable[[Attempt], None],
        tell: Callable[[Notice], None],
        reset: Callable[[Task], bool],
        refuse: Callable[[str, str], None],
    ) -> None:
        self._key = key
        self._journal = journal
        self._judge = judge
        self._shortage = shortage
        self._intent = intent
        self._drain = drain
        self._tell = tell
        self._reset = reset
        self._refuse = refuse
        self._known_alive: set[Path] = set()
        self._told: set[Path] = set()  # attempts whose end was told
        self._stalls: dict[Path, float] = {}  # attempts whose stall was told, and since when it was

    def expect(self, attempt: Attempt) -> None:
        """That attempt was just handed to its keeper by this engine."""
        self._known_alive.add(attempt.dir)
        self._shortage.try_with(attempt)

    def settle(self, feature: Feature, *, was_going: bool) -> bool:
        """Judge and carry into the task files what ended. True where a file changed.

        `was_going`: whoever had the feature before went off with the run going.
        """
        wrote = False
        adopted = 0
        for seq, attempts in self._journal.feature_attempts(self._key).items():
            if self._gave_up(feature, seq, attempts[-1]):
                wrote = True
            if not (those := ran(attempts)):
                continue
            last = those[-1]
            state = last.state()
            if not isinstance(state, Starting):
                self._shortage.saw_up(last)
            task = feature.task(seq)
            title = task.title if task else ""
            if isinstance(state, Running | Starting):
                self._tell_stall(last, title)
                if last.dir not in self._known_alive:
                    self._known_alive.add(last.dir)
                    self._tell(AttemptAdopted(seq=seq, title=title, attempt=last.number))
                    adopted += 1
                continue
            if last.applied():
                continue
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
                self._tell(AttemptEnds(seq=seq, title=title, attempt=last.number, outcome=outcome))
        if adopted and self._intent.mode is Mode.IDLE:
            why = "the run was going, and nobody drives it now: " if was_going else ""
            self._intent.message = (
                f"{adopted} still running from before; {why}nothing new starts until you run the batch"
            )
        if wrote and (problem := self._judge.sync_quietly(feature.path)):
            self._refuse("", problem)
        return wrote

    def is_short(self, seq: str, reason: str) -> None:
        """Nothing more starts for a while, and then this task first of all is tried again."""
        seconds = self._shortage.hit(seq, reason)
        if self._intent.mode is not Mode.GOING:
            self._intent.wanted.add(seq)  # it was asked for by itself, and still is
        self._tell(StartsWait(seq, reason, seconds))

    def _gave_up(self, feature: Feature, seq: str, last: Attempt) -> bool:
        """A keeper that ended before its agent began: nothing ran. Short of something, it is tried again later.

        True where the task file was set back to pending.
        """
        state = last.state()
        if isinstance(state, Exited) and is_shortage(state):
            if last.dir in self._told or last.applied():
                return False
            self._told.add(last.dir)
            with contextlib.suppress(OSError):  # there is nothing to carry into the task file; the disk may be full
                last.mark_applied()
            if last.dir in self._known_alive:
                self.is_short(seq, state.exit.detail)
        elif isinstance(state, NeverRan) and last.dir in self._known_alive:
            words = last_words(last.keeper_log)
            reason = f"the keeper could not start its agent: {words}"
            if tells_of_scarcity(words):
                self.is_short(seq, reason)
            else:
                self._shortage.over()
                self._intent.pause()
                self._refuse(seq, reason)
        else:
            return False
        self._known_alive.discard(last.dir)
        task = feature.task(seq)
        return task is not None and task.status is Status.IN_PROGRESS and self._reset(task)

    def _tell_stall(self, attempt: Attempt, title: str) -> None:
        since = attempt.stalled()
        if since is not None and self._stalls.get(attempt.dir) != since:
            self._stalls[attempt.dir] = since
            self._tell(AttemptStalls(attempt.launch.seq, title, attempt.number, since))
