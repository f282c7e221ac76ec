"""`parex [PATH]`: the screen. What it needs is imported below the guard, in the child that draws."""

from __future__ import annotations

import codecs
import os
import shlex
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from parex_tui.cli import UsageError
from parex_tui.guard import guarded

from .common import demo_consent, find, settings_for, warn

if TYPE_CHECKING:
    from parex_tui.run.limits import Choice
    from parex_tui.settings import Settings
    from parex_tui.tasks.layout import Location


def dashboard(options: Namespace) -> int:
    """Find the project and show it."""
    check_terminal(
        "the dashboard needs a terminal; without one use `parex status`, `parex plan FEATURE` or `parex run FEATURE`"
    )
    return guarded(lambda: _dashboard(options))


def check_terminal(refusal: str) -> None:
    """Raise UsageError where the screen cannot be drawn: with `refusal` where there is no terminal to draw on."""
    # The screen reads standard input and writes standard error; output elsewhere means that a program reads it.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(refusal)
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise UsageError(f"{refusal} (TERM says that this one can only write lines)")
    encoding = codecs.lookup(sys.stderr.encoding).name
    if encoding != "utf-8":
        raise UsageError(f"the screen needs UTF-8, and the environment asks for {encoding}; try LC_ALL=C.UTF-8 parex")


def _dashboard(options: Namespace) -> int:
    from parex_tui.run.limits import Choice

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
    from parex_tui.tasks.reader import read_project

    here = given.resolve()
    return next((one.key for one in read_project(location).features if one.path.resolve() == here), "")


def show(location: Location, settings: Settings, choice: Choice, *, focus: str = "", note: str = "") -> int:
    """Run the dashboard until it is left; workers that still run are named. Raises UsageError.

    `focus` is the key of the feature to begin with. Call it below `guarded`.
    """
    from parex_tui.agents.driver import DriverError
    from parex_tui.run.conductor import Conductor
    from parex_tui.run.setup import make_setup
    from parex_tui.run.states import TaskRunning
    from parex_tui.ui.app import run_dashboard
    from parex_tui.ui.crash import report_uncaught

    report_uncaught()
    try:
        setup = make_setup(location, settings, choice)
    except DriverError as error:
        raise UsageError(str(error)) from error
    title = "" if note else location.root.name
    conductor = Conductor(setup, focus=focus)
    conductor.start()
    try:
        request = run_dashboard(conductor, title=title, quiet_after=settings.quiet_after, demo_note=note)
        left = conductor.leave_running() if request.how == "go_on" else None
    finally:
        conductor.close()
    for name in left.features if left is not None else ():
        warn(f"{name} goes on without a screen; parex here takes it back, `parex stop {shlex.quote(name)}` ends it")
    for reason in left.refused if left is not None else ():
        warn(reason)
    alive = [
        task.task.name
        for view in conductor.snapshot().features.values()
        for task in view.tasks.values()
        if isinstance(task.state, TaskRunning) and (left is None or view.feature.id not in left.features)
    ]
    if alive:
        warn(f"{len(alive)} still running: {', '.join(alive)}; open parex here again to follow them")
    return request.return_code
