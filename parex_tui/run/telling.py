"""Telling what an engine comes to: batches that begin, are over, are held. Each is told once."""

from __future__ import annotations

from collections.abc import Callable

from parex_tui.plan.apart import apart
from parex_tui.plan.model import Batch

from .notices import BatchHeld, BatchOver, BatchStarts, Notice
from .orders import Intent, Mode
from .reasons import reason_of
from .snapshot import BatchState
from .states import TaskReady
from .survey import Standing


class Teller:
    """What was told of the batches of one feature."""

    def __init__(self, slots: int, intent: Intent, tell: Callable[[Notice], None]) -> None:
        self._slots = slots
        self._intent = intent
        self._tell = tell
        self._announced: tuple[int, tuple[str, ...]] | None = None
        self._held: tuple[str, ...] = ()
        self._over: set[int] = set()

    def announce(self, standing: Standing, batch: Batch) -> None:
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
        names = ", ".join(standing.feature.name_of(seq) for seq in together)
        count = len(together)
        head = f"{count} independent tasks at the same time" if count > 1 else "1 task"
        if count > self._slots:
            head = f"{count} independent tasks, {self._slots} at the same time"
        text = f"Batch {batch.number} of {len(standing.plan.batches)}: {head}: {names}"
        if later:
            text += "; then " + ", ".join(f"{standing.feature.name_of(seq)} ({reason})" for seq, reason in later)
        self._intent.message = text
        self._held = ()
        self._tell(
            BatchStarts(batch.number, len(standing.plan.batches), tuple(together), tuple(later), self._slots, text)
        )

    def over(self, standing: Standing) -> None:
        """Say which batches are over since."""
        if self._intent.mode is not Mode.GOING:
            return
        for view in standing.board.batches:
            if view.state is BatchState.DONE and view.number not in self._over:
                self._over.add(view.number)
                self._tell(BatchOver(view.number, view.seconds))
            elif view.state is not BatchState.DONE:
                self._over.discard(view.number)

    def held(self, standing: Standing) -> None:
        """Say that the gate holds, and for whom."""
        current = standing.current
        if current is None or self._intent.mode is not Mode.GOING:
            return
        view = current[1]
        if view.state is BatchState.RUNNING or not view.held_by or view.held_by == self._held:
            return
        self._held = view.held_by
        self._tell(BatchHeld(view.number, tuple((seq, reason_of(standing.board.states[seq])) for seq in view.held_by)))
