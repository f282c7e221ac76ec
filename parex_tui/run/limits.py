"""What a run may do: by the settings, and by what a person chose over them for this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parex_tui.agents.driver import Failure
from parex_tui.settings import ANY_FAILURE, Settings

TRANSIENT: Final = (Failure.RATE_LIMIT, Failure.LOST)
"""What may pass by itself: a limit of the account, and a keeper that somebody killed under a healthy agent.

Not a time limit: an attempt that used it up most likely does so again, and it costs hours. Not an exit code, an error
of the agent or a missing file: nothing tells whether the same happens again, and each try costs money.
"""

NEVER: Final = (Failure.STOPPED, Failure.SPAWN)
"""What is never tried again by itself: a person wanted it, or it cannot work."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may do. `slots`: attempts at once. Times in seconds.

    `retries`: how often a failed task is tried again by itself, `retry_on` after which failures, `retry_wait` how long
    before the first time; it doubles with every further one.
    """

    slots: int = 4
    retries: int = 0
    retry_on: frozenset[Failure] = frozenset(TRANSIENT)
    retry_wait: float = 20.0
    stale_after: float = 900.0
    unknown_alone: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose on the command line, over the settings. `driver` "" is the settings' own, if any."""

    driver: str = ""
    slots: int | None = None
    retries: int | None = None
    retry_on: tuple[str, ...] | None = None


def limits_of(settings: Settings, choice: Choice = Choice()) -> Limits:
    """What a run may do, by the settings and what was chosen over them."""
    return Limits(
        slots=choice.slots if choice.slots is not None else settings.slots,
        retries=choice.retries if choice.retries is not None else settings.retries,
        retry_on=failures_named(choice.retry_on if choice.retry_on is not None else settings.retry_on),
        retry_wait=settings.retry_wait,
        stale_after=settings.stale_after,
        unknown_alone=settings.unknown_writes == "alone",
    )


def failures_named(words: Sequence[str]) -> frozenset[Failure]:
    """The failures that these words of the settings mean."""
    if ANY_FAILURE in words:
        return frozenset(Failure) - frozenset(NEVER)
    return frozenset(failure for failure in Failure if failure.value in words) - frozenset(NEVER)
