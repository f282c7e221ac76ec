"""`parex [PATH]`: the screen."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from parex_tui.agents.driver import DriverError
from parex_tui.cli import UsageError
from parex_tui.run.conductor import Conductor
from parex_tui.run.limits import Choice
from parex_tui.run.setup import make_setup
from parex_tui.run.states import TaskRunning
from parex_tui.settings import Settings
from parex_tui.tasks.layout import Location
from parex_tui.tasks.reader import read_project

from .common import demo_consent, find, settings_for, warn


def dashboard(options: Namespace) -> int:
    """Find the project and show it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "") in ("", "dumb"):
        raise UsageError(
            "the dashboard needs a terminal; without one use `parex status`, `parex plan FEATURE` "
            "or `parex run FEATURE`"
        )
    location = find(options, options.path)
    settings = settings_for(location.root)
    if options.driver == "demo":
        demo_consent(location.root, yes=options.yes)
    return show(location, settings, Choice(options.driver or "", options.slots), focus=_named(location, options))


def _named(location: Location, options: Namespace) -> str:
    """The key of the feature whose folder was given as the path, "" where another kind of folder was."""
    given = options.path if options.path is not None else getattr(options, "directory", None)
    if given is None:
        return ""
    here = given.resolve()
    return next((one.key for one in read_project(location).features if one.path.resolve() == here), "")


def show(location: Location, settings: Settings, choice: Choice, *, focus: str = "", note: str = "") -> int:
    """Run the dashboard until it is left; workers that still run are named. Raises UsageError.

    `focus` is the key of the feature to begin with.
    """
    from parex_tui.ui.app import run_dashboard

    try:
        setup = make_setup(location, settings, choice)
    except DriverError as error:
        raise UsageError(str(error)) from error
    title = "" if note else location.root.name
    conductor = Conductor(setup, focus=focus)
    conductor.start()
    try:
        request = run_dashboard(conductor, title=title, quiet_after=settings.quiet_after, demo_note=note)
    finally:
        conductor.close()
    alive = [
        task.task.name
        for view in conductor.snapshot().features.values()
        for task in view.tasks.values()
        if isinstance(task.state, TaskRunning)
    ]
    if alive:
        warn(f"{len(alive)} still running: {', '.join(alive)}; open parex here again to follow them")
    return request.return_code
