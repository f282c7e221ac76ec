"""Putting a conductor together from settings: the one place that knows which parts there are."""

from __future__ import annotations

import time

from parex_tui.agents.driver import Driver, DriverError, Parser
from parex_tui.agents.jsonl import PlainParser
from parex_tui.agents.registry import driver_named
from parex_tui.settings import Settings
from parex_tui.tasks.layout import Location

from .attempts import Journal
from .conductor import Setup
from .desk import Desk
from .judging import Judge
from .limits import Choice, limits_of
from .starting import Starter


def make_setup(location: Location, settings: Settings, choice: Choice) -> Setup:
    """Everything a conductor needs. Raises DriverError where a driver was named that does not exist.

    Without any driver the setup still watches, plans, adopts and stops: it starts nothing.
    """
    name = choice.driver or settings.driver
    driver: Driver | None = driver_named(name, settings) if name else None
    journal = Journal(location.root)
    clock = time.time

    def parser_for(name: str) -> Parser:
        try:
            return driver_named(name, settings).parser()
        except DriverError:
            return PlainParser()  # its settings are gone: the output can still be read as lines

    limits = limits_of(settings, choice)
    desk = Desk(location.root, clock)
    return Setup(
        location=location,
        journal=journal,
        limits=limits,
        driver=driver,
        starter=Starter(location.root, journal, settings, clock, desk),
        judge=Judge(location.root, lambda name: driver_named(name, settings), clock, desk),
        parser_for=parser_for,
        clock=clock,
        desk=desk,
    )
