"""What a run may do: by the settings, and by what a person chose over them for this one."""

from __future__ import annotations

from dataclasses import dataclass

from parex_tui.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may do. `slots`: attempts at once; `retries`: of a failed task, by itself; times in seconds."""

    slots: int = 4
    retries: int = 0
    stale_after: float = 900.0
    unknown_alone: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose on the command line, over the settings. `driver` "" is the settings' own, if any."""

    driver: str = ""
    slots: int | None = None
    retries: int | None = None


def limits_of(settings: Settings, choice: Choice = Choice()) -> Limits:
    """What a run may do, by the settings and what was chosen over them."""
    return Limits(
        slots=choice.slots if choice.slots is not None else settings.slots,
        retries=choice.retries if choice.retries is not None else settings.retries,
        stale_after=settings.stale_after,
        unknown_alone=settings.unknown_writes == "alone",
    )
