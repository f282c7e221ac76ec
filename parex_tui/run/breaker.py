"""Three failures of one kind within a minute: whatever is wrong is wrong for all, and more attempts only cost money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parex_tui.agents.driver import Failure

from .snapshot import AttemptView
from .states import Exited

COUNT: Final = 3
WITHIN: Final = 60.0
"""So many failures of one kind within so many seconds pause a batch."""

_REMEDIES: Final[Mapping[Failure, str]] = {
    Failure.AUTH: "log the agent in",
    Failure.RATE_LIMIT: "wait until the limit is lifted, or take fewer slots",
    Failure.SPAWN: "put the driver's command line right",
    Failure.TIMEOUT: "see what keeps the agents, or raise wall_limit",
    Failure.LOST: "see what ends the keepers (memory, say)",
    Failure.PERMISSION: "allow the agent what it asks for",
    Failure.WRONG_AGENT: "put the agent's name right",
}


@dataclass(frozen=True, slots=True)
class Trip:
    """What it opened for: `count` attempts that ended within `seconds` of each other failed in the same way."""

    failure: Failure
    count: int
    seconds: float

    @property
    def text(self) -> str:
        """It in one line, with what to do."""
        remedy = _REMEDIES.get(self.failure, "look at their output")
        head = f"paused: {self.count} attempts within {max(1, round(self.seconds))} s failed with “{self.failure}”"
        return f"{head}; {remedy}, then run the batch again (what runs goes on)"


class Breaker:
    """Watches the failures of one feature, by the times at which their attempts ended."""

    def __init__(self) -> None:
        self._forgotten: frozenset[Path] = frozenset()

    def forget(self, attempts: Mapping[str, Sequence[AttemptView]]) -> None:
        """Everything that has failed so far counts no more."""
        self._forgotten = frozenset(view.directory for views in attempts.values() for view in views if view.outcome)

    def trip(self, attempts: Mapping[str, Sequence[AttemptView]]) -> Trip | None:
        """Whether it opens now, and for what. What a person stopped is no sign."""
        ends: dict[Failure, list[float]] = {}
        for views in attempts.values():
            for view in views:
                outcome = view.outcome
                if outcome is None or outcome.failure is None or view.directory in self._forgotten:
                    continue
                if outcome.failure is Failure.STOPPED:
                    continue
                ended = view.state.ended if isinstance(view.state, Exited) else outcome.judged_at
                ends.setdefault(outcome.failure, []).append(ended)
        for failure, times in ends.items():
            times.sort()
            for last in range(COUNT - 1, len(times)):
                first = last - COUNT + 1
                if times[last] - times[first] <= WITHIN:
                    near = [time for time in times if 0 <= time - times[first] <= WITHIN]
                    return Trip(failure, len(near), near[-1] - near[0])
        return None
