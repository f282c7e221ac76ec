"""Putting a conductor together from settings: the one place that knows which parts there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from parex_tui.agents.driver import Driver, DriverError, Parser
from parex_tui.agents.jsonl import PlainParser
from parex_tui.agents.registry import driver_named
from parex_tui.settings import ANY_FAILURE, Settings
from parex_tui.tasks.layout import Location

from .attempts import Journal
from .desk import Desk
from .judging import Judge
from .limits import Choice, Limits, failures_named, limits_of
from .parts import Setup
from .starting import Starter


def parsers(settings: Settings) -> Callable[[str], Parser]:
    """A fresh parser for the output of an attempt, by the name of its driver."""

    def parser_for(name: str) -> Parser:
        try:
            return driver_named(name, settings).parser()
        except DriverError:
            return PlainParser()  # its settings are gone: the output can still be read as lines

    return parser_for


def make_setup(location: Location, settings: Settings, choice: Choice) -> Setup:
    """Everything a conductor needs. Raises DriverError where a driver was named that does not exist.

    Without any driver the setup still watches, plans, adopts and stops: it starts nothing.
    """
    name = choice.driver or settings.driver
    driver: Driver | None = driver_named(name, settings) if name else None
    journal = Journal(location.root)
    clock = time.time

    limits = limits_of(settings, choice)
    if driver is not None and driver.is_demo:  # it fails on purpose and costs nothing: the retry is what is shown
        limits = replace(limits, retry_on=failures_named((ANY_FAILURE,)), retry_wait=0.0)
    desk = Desk(location.root, clock)
    return Setup(
        location=location,
        journal=journal,
        limits=limits,
        driver=driver,
        starter=Starter(location.root, journal, settings, clock, desk),
        judge=Judge(location.root, lambda name: driver_named(name, settings), clock, desk),
        parser_for=parsers(settings),
        clock=clock,
        desk=desk,
        options=_options(settings, choice, limits),
    )


def _options(settings: Settings, choice: Choice, limits: Limits) -> tuple[str, ...]:
    """What `parex run` has to be told to run as this one does. The settings' files say the rest."""
    options = [f"--slots={limits.slots}", f"--retries={limits.retries}"]
    if choice.retry_on is not None:
        options += [f"--retry-on={','.join(choice.retry_on)}"]
    name = choice.driver or settings.driver
    if name:
        options.append(f"--driver={name}")
    if name == "demo":
        options += [f"--speed={settings.demo.speed:g}", f"--fail={settings.demo.fail_seqs or settings.demo.fail}"]
    return tuple(options)
