"""The demonstration driver: it runs `demo_agent.py`, a real process that plays an agent and says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from parex_tui.settings import DemoSettings
from parex_tui.tasks.text import clean

from . import demo_agent
from .driver import DriverError, Ending, Exit, Invocation, Job, Parser
from .ending import ending_of
from .events import Event
from .jsonl import JsonLinesParser

NAME: Final = "demo"
_PATH_BYTES: Final = 4096  # no system opens a longer one

WARNING: Final = (
    "The demo driver is a demonstration: it writes small placeholder files for the deliverables, not real work."
)
"""What a person is told before it runs outside of `parex demo`."""


class DemoDriver:
    """Plays each attempt with the bundled program. What it prints is what it did; tokens and cost are invented."""

    is_demo: Final = True

    def __init__(self, settings: DemoSettings | None = None) -> None:
        self._settings = settings or DemoSettings()
        self._script = Path(__file__).with_name("demo_agent.py")

    @property
    def name(self) -> str:
        """Always `demo`."""
        return NAME

    def check(self) -> None:
        """Raise DriverError where the script or the interpreter is missing, or a setting is wrong."""
        if not sys.executable:
            raise DriverError("the demo driver cannot find the Python interpreter that runs parex")
        if not self._script.is_file():
            raise DriverError(f"the demo driver's program is missing: {self._script}; install parex again")
        try:
            demo_agent.speed_of(str(self._settings.speed))
            demo_agent.plan_of(self._settings.fail, self._settings.fail_seqs)
        except ValueError as error:
            raise DriverError(f"the demo driver: {clean(str(error))}") from error

    def invocation(self, job: Job) -> Invocation:
        """`python -I -S demo_agent.py …`, with values behind `=` only. Raises DriverError for an impossible path."""
        # One more than the program writes, so that it knows; what is handed over stays far below what argv can hold.
        writes = list(dict.fromkeys(job.writes))[: demo_agent.FILES + 1]
        values = [
            ("task", str(job.task.path)),
            ("root", str(job.root)),
            ("attempt", str(job.attempt)),
            ("speed", str(self._settings.speed)),
            ("fail", self._settings.fail),
            ("fail-seqs", self._settings.fail_seqs),
            *(("write", path) for path in writes),
        ]
        for _, value in values:
            if "\0" in value:
                raise DriverError("the demo driver: a path holds a NUL character")
            if len(os.fsencode(value)) > _PATH_BYTES:
                raise DriverError(f"the demo driver: a path is longer than {_PATH_BYTES} bytes: {clean(value, 60)}")
        options = [f"--{key}={value}" for key, value in values if value]
        return Invocation(argv=(sys.executable, "-I", "-S", str(self._script), *options), cwd=job.root)

    def parser(self) -> Parser:
        """For `parex.events/1`."""
        return JsonLinesParser()

    def ending(self, exit_: Exit, events: Sequence[Event]) -> Ending:
        """Exit 0 and its own last word."""
        return ending_of(exit_, events, structured=True)
