"""Drivers by name."""

from __future__ import annotations

import difflib

from parex_tui.settings import Settings
from parex_tui.tasks.text import clean

from . import demo
from .command import CommandDriver
from .demo import DemoDriver
from .driver import Driver, DriverError


def driver_names(settings: Settings) -> tuple[str, ...]:
    """Every name that `driver_named` knows: the user's own in alphabetical order, then the demonstration."""
    return (*sorted(settings.drivers), demo.NAME)


def driver_named(name: str, settings: Settings) -> Driver:
    """The driver of that name. Raises DriverError where there is none, or its settings cannot be used.

    With an empty name it says how to set one; the demonstration never stands in for it.
    """
    if name == demo.NAME:
        return DemoDriver(settings.demo)
    found = settings.drivers.get(name)
    if found is not None:
        return CommandDriver(found)
    where = clean(str(settings.user_file))
    if not name:
        own = ", ".join(sorted(settings.drivers))
        choose = f'set driver = "NAME" in {where} or use --driver NAME'
        if own:
            raise DriverError(f"no driver is set: {choose}; defined: {own}")
        raise DriverError(
            f'no driver is set: write [drivers.NAME] with argv = ["program", "…"] in {where}, then {choose}'
            " (`parex demo` shows how a run looks without one)"
        )
    near = difflib.get_close_matches(name, driver_names(settings), n=1)
    hint = f'did you mean "{near[0]}"?' if near else "there are " + ", ".join(driver_names(settings))
    raise DriverError(f"no driver is called {clean(name, 60)}: {hint} (drivers are defined in {where})")
