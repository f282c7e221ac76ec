"""The arguments of the commands that show and run. Imports only argparse: every start pays for it."""

from __future__ import annotations

import argparse
from typing import Any, Final

from .arguments import Commands, folder, speed, whole

RUNS: Final[dict[str, str]] = {
    "dashboard": "dashboard:dashboard",
    "demo": "demo:demo",
    "run": "run:run",
    "doctor": "doctor:doctor",
}
"""Command name → `module:function` below parex_tui.commands; it takes the options and returns the exit code."""

NAMES: Final[tuple[str, ...]] = tuple(RUNS)
"""The commands that this file adds."""


def _failures(text: str) -> tuple[str, ...]:
    """The type of an argument that names failures."""
    from parex_tui.settings import no_retry_on

    words = tuple(word.strip() for word in text.split(","))
    if problem := next((problem for word in words if (problem := no_retry_on(word))), ""):
        raise argparse.ArgumentTypeError(problem)
    return words


def add(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    """Add the commands' parsers; `where` is the parent that brings -C."""
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--driver", metavar="NAME", help="which driver runs the tasks (default: from the settings)")
    running.add_argument("--slots", metavar="N", type=whole(1, 100), help="attempts at the same time (default: 4)")
    running.add_argument("--yes", action="store_true", help="do not ask")

    dashboard = commands.add_parser(
        "dashboard", parents=[where, running], help="the screen (what plain `parex [PATH]` starts)"
    )
    dashboard.add_argument("path", nargs="?", type=folder, help="project root, tasks folder or feature folder")

    demo = commands.add_parser("demo", help="play a sample project with the bundled demo agent")
    demo.add_argument(
        "-C",
        "--directory",
        metavar="DIR",
        type=folder,
        default=argparse.SUPPRESS,
        help="a new or empty folder for the copy that it works on (default: a temporary one, which is kept)",
    )
    demo.add_argument("--headless", action="store_true", help="without a screen: plain lines, exit code")
    demo.add_argument("--json", action="store_true", help="with --headless: one JSON event a line")
    demo.add_argument("--speed", type=speed, default=1.0, metavar="X", help="2 is twice as fast, 0 does not wait")
    demo.add_argument("--slots", metavar="N", type=whole(1, 100), help="attempts at the same time (default: 4)")
    demo.add_argument("--yes", action="store_true", help="accepted for symmetry; the demo works on a copy, never asks")

    run = commands.add_parser("run", parents=[where, running], help="run a feature without a screen")
    run.add_argument("feature", nargs="?", help="the feature's folder name (may be left out where there is one)")
    run.add_argument("--json", action="store_true", help="one JSON event a line (schema parex.run/1)")
    run.add_argument(
        "--retries",
        metavar="N",
        type=whole(0, 10),
        help="new attempts by itself after a failure that may pass by itself (default: 0)",
    )
    run.add_argument(
        "--retry-on",
        metavar="FAILURES",
        type=_failures,
        help='after which failures, in the words shown, with commas between (default: "rate limit,lost"), or any',
    )
    run.add_argument(
        "--reset", action="store_true", help="run again what is in progress on disk though no agent of parex runs it"
    )
    run.add_argument("--quiet", "-q", action="store_true", help="only starts, ends and the gate")
    run.add_argument("--speed", type=speed, default=1.0, metavar="X", help="with --driver demo: how fast it plays")
    run.add_argument(
        "--detach",
        action="store_true",
        help="check everything, then go on without this terminal; the next screen that opens takes the run back",
    )
    # Only for an engine that a run was left to.
    run.add_argument("--left", action="store_true", help=argparse.SUPPRESS)
    run.add_argument("--fail", default="", help=argparse.SUPPRESS)

    doctor = commands.add_parser("doctor", parents=[where], help="every promise of parex, and whether it holds here")
    doctor.add_argument("--json", action="store_true", help="as JSON (schema parex.doctor/1)")
