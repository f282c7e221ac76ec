"""The arguments of the commands about attempts. Imports only argparse: every start pays for it."""

from __future__ import annotations

import argparse
from typing import Any, Final

from .arguments import Commands, lines, speed, whole

RUNS: Final[dict[str, str]] = {
    "attempts": "attempts:attempts",
    "logs": "logs:logs",
    "stop": "stop:stop",
    "retry": "retry:retry",
    "report": "report:report",
}
"""Command name → `module:function` below parex_tui.commands; it takes the options and returns the exit code."""

NAMES: Final[tuple[str, ...]] = tuple(RUNS)
"""The commands that this file adds."""

_NAMED = (
    "FEATURE is a feature's folder name, also of one that is gone or was renamed; an earlier feature of the same name "
    "is FEATURE~1. A task is 05 or 5, one attempt of it 05#2."
)


def add(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    """Add the commands' parsers; `where` is the parent that brings -C."""
    attempts = commands.add_parser(
        "attempts",
        parents=[where],
        help="every run of every task, and what came of it",
        description=f"Lists attempts; a single one is shown whole: what was started, with which inputs, how it ended, "
        f"which evidence there is. {_NAMED}",
    )
    attempts.add_argument("feature", nargs="?", metavar="FEATURE", help="only this feature")
    attempts.add_argument("task", nargs="?", metavar="NN[#ATTEMPT]", help="only this task, or this attempt of it")
    attempts.add_argument("attempt", nargs="?", metavar="ATTEMPT", help="this attempt of it, whole")
    attempts.add_argument("--json", action="store_true", help="as JSON (parex.attempts/1, of one parex.attempt/1)")

    logs = commands.add_parser(
        "logs",
        parents=[where],
        help="what an agent did, from its own output",
        description=f"Shows the newest attempt of a task, or the one that is named. Of a long output the beginning and "
        f"the end are shown, and it is said what is left out. Secrets are masked in all but --raw. {_NAMED}",
        epilog="exit codes: 0; with -f those of the attempt: 0 verified, 1 failed, 3 needs review. 130 after ctrl-c, "
        "which never touches the agent",
    )
    logs.add_argument("feature", metavar="FEATURE", help="the feature's folder name")
    logs.add_argument("task", metavar="NN[#ATTEMPT]", help="the task, or one attempt of it")
    logs.add_argument("attempt", nargs="?", metavar="ATTEMPT", help="the attempt (default: the newest)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the attempt has ended")
    logs.add_argument("-n", "--lines", type=lines, metavar="LINES", help="only the last LINES, or `all` however long")
    logs.add_argument("--stderr", action="store_true", help="its standard error instead")
    view = logs.add_mutually_exclusive_group()
    for name, about in (
        ("events", "what it did, one line each, read by its driver (the default)"),
        ("text", "the lines as it printed them, cleaned"),
        ("json", "its events as JSON, one a line (`agent` of schema parex.run/1)"),
        ("raw", "its bytes, exactly; not on a terminal"),
    ):
        view.add_argument(f"--{name}", dest="view", action="store_const", const=name, help=about)
    logs.set_defaults(view="events")
    logs.add_argument("--force", action="store_true", help="with --raw: on a terminal too, which they may act on")

    stop = commands.add_parser(
        "stop",
        parents=[where],
        help="end attempts, and prove that nothing of them is left",
        description="Ends the named tasks' attempts with everything that they started: asked first, killed after their "
        "grace. A whole feature, or --all, also pauses the run, so that nothing new starts. "
        "One that is asked again is not asked twice.",
        epilog="exit codes: 0 nothing of it is left (or nothing ran), 1 something could not be proven dead, 2 not "
        "confirmed, 130 interrupted (what was asked to stop still stops)",
    )
    stop.add_argument("feature", nargs="?", metavar="FEATURE", help="the feature's folder name")
    stop.add_argument("tasks", nargs="*", metavar="NN", help="only these tasks (default: all of the feature)")
    stop.add_argument("--all", action="store_true", help="everything that runs in this project")
    stop.add_argument("--no-wait", action="store_true", help="ask for the end, and do not wait for it")
    stop.add_argument("--yes", action="store_true", help="do not ask before more than one is stopped")
    stop.add_argument("--json", action="store_true", help="as JSON (schema parex.stop/1)")

    retry = commands.add_parser(
        "retry",
        parents=[where],
        help="a fresh attempt of tasks, and of no other",
        description="Gives tasks another attempt and waits until it has ended. Where another parex runs the feature, "
        "that one is asked to.",
        epilog="exit codes: 0 all of them verified, 1 something failed, 2 refused, 3 needs review, 130 interrupted",
    )
    retry.add_argument("feature", metavar="FEATURE", help="the feature's folder name")
    retry.add_argument("tasks", nargs="*", metavar="NN", help="the tasks")
    retry.add_argument("--failed", action="store_true", help="every task that has failed")
    retry.add_argument("--driver", metavar="NAME", help="which driver runs them (default: from the settings)")
    retry.add_argument("--slots", metavar="N", type=whole(1, 100), help="attempts at the same time (default: 4)")
    retry.add_argument("--no-wait", action="store_true", help="where another parex runs them: do not wait for the end")
    retry.add_argument("--yes", action="store_true", help="do not ask")
    retry.add_argument("--speed", type=speed, default=1.0, metavar="X", help="with --driver demo: how fast it plays")
    retry.add_argument("--quiet", "-q", action="store_true", help="only starts and ends")
    retry.add_argument("--json", action="store_true", help="one JSON event a line (schema parex.run/1)")

    report = commands.add_parser(
        "report",
        parents=[where],
        help="what happened in a run, to paste into a pull request",
        description=f"Tells what came of every task, with its evidence, what persons decided, what it took and cost. "
        f"Nothing that was not verified is called done. {_NAMED}",
    )
    report.add_argument("feature", nargs="?", metavar="FEATURE", help="(may be left out where there is one)")
    form = report.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as Markdown")
    form.add_argument("--json", action="store_true", help="as JSON (schema parex.report/1)")
