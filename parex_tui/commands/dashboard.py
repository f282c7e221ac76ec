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
    return show(location, settings, Choice(options.driver or "", options.slots))


def show(location: Location, settings: Settings, choice: Choice, *, note: str = "") -> int:
    """Run the dashboard until it is left; workers that still run are named. Raises UsageError."""
    from parex_tui.ui.app import run_dashboard

    try:
        setup = make_setup(location, settings, choice)
    except DriverError as error:
        raise UsageError(str(error)) from error
    conductor = Conductor(setup)
    conductor.start()
    try:
        request = run_dashboard(conductor, title=location.root.name, quiet_after=settings.quiet_after, demo_note=note)
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
