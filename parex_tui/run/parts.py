"""The parts that a conductor works with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from parex_tui.agents.driver import Driver, Parser
from parex_tui.tasks.layout import Location

from .attempts import Journal
from .desk import Desk
from .judging import Judge
from .limits import Limits
from .starting import Starter


@dataclass(frozen=True, slots=True)
class Setup:
    """What a conductor works with. `driver` is None where no agent is set up: then everything but running works.

    `clock` is in seconds since the epoch; `timer` counts seconds and never jumps.
    """

    location: Location
    journal: Journal
    limits: Limits
    driver: Driver | None
    starter: Starter
    judge: Judge
    parser_for: Callable[[str], Parser]
    clock: Callable[[], float]
    desk: Desk
    options: tuple[str, ...] = ()  # what `parex run` is told to run as this one does
    timer: Callable[[], float] = time.monotonic
