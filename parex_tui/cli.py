"""The command line: what was asked for, and which command carries it out. Imports a command only when it runs.

Exit codes, the same for every command: 0 fine (of a run: all verified), 1 something failed, 2 wrong use or settings,
3 a run ended with tasks that need review, 130 interrupted,
143 or 129 ended by a signal (what runs goes on under its keepers).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from . import __version__
from .errors import ParexError

FINE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NEEDS_REVIEW: Final = 3
INTERRUPTED: Final = 130

COMMANDS: Final = ("dashboard", "demo", "plan", "run", "status")

_WITH_VALUE: Final = ("-C", "--directory", "--driver", "--slots")

_EPILOG: Final = """\
examples:
  parex                       the dashboard for the project you are in
  parex path/to/project       … for another one, or for a tasks folder
  parex demo                  a run to look at: no key, no account, no network
  parex plan auth-system      what would run when, and why
  parex run auth-system       the same run without a screen
  parex status --json         where every feature stands, for scripts

exit codes: 0 fine, 1 failed, 2 wrong use, 3 needs review, 130 interrupted,
143/129 ended by SIGTERM/SIGHUP (agents run on; start again to go on with them)
"""


class UsageError(ParexError):
    """Wrong use or bad input: one line that says what to do. Ends with exit code 2, nothing written."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"parex: {message} (see {self.prog} --help)\n")


def _folder(text: str) -> Path:
    return Path(text)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else -1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return value

    return number


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1000; 0 does not wait at all")
    return value


def make_parser() -> argparse.ArgumentParser:
    """The whole command line. Imports nothing that draws."""
    where = _Parser(add_help=False)
    where.add_argument(
        "-C",
        "--directory",
        metavar="DIR",
        type=_folder,
        default=argparse.SUPPRESS,
        help="the project root, a tasks folder or one feature's folder (default: found from here)",
    )
    parser = _Parser(
        prog="parex",
        description="Runs a feature's task batches with coding agents, and checks what they claim.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[where],
    )
    parser.add_argument("--version", action="version", version=f"parex {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    running = _Parser(add_help=False)
    running.add_argument("--driver", metavar="NAME", help="which driver runs the tasks (default: from the settings)")
    running.add_argument("--slots", metavar="N", type=_whole(1, 100), help="attempts at the same time (default: 4)")
    running.add_argument("--yes", action="store_true", help="do not ask")

    dashboard = commands.add_parser(
        "dashboard", parents=[where, running], help="the screen (what plain `parex [PATH]` starts)"
    )
    dashboard.add_argument("path", nargs="?", type=_folder, help="project root, tasks folder or feature folder")

    demo = commands.add_parser("demo", help="play a sample project with the bundled demo agent")
    demo.add_argument(
        "-C",
        "--directory",
        metavar="DIR",
        type=_folder,
        default=argparse.SUPPRESS,
        help="a new or empty folder for the copy that it works on (default: a temporary one, which is kept)",
    )
    demo.add_argument("--headless", action="store_true", help="without a screen: plain lines, exit code")
    demo.add_argument("--json", action="store_true", help="with --headless: one JSON event a line")
    demo.add_argument("--speed", type=_speed, default=1.0, metavar="X", help="2 is twice as fast, 0 does not wait")
    demo.add_argument("--slots", metavar="N", type=_whole(1, 100), help="attempts at the same time (default: 4)")
    demo.add_argument("--yes", action="store_true", help="accepted for symmetry; the demo works on a copy, never asks")

    plan = commands.add_parser("plan", parents=[where], help="batches and lanes of a feature; starts nothing")
    plan.add_argument("feature", nargs="?", help="the feature's folder name (may be left out where there is one)")
    plan.add_argument("--json", action="store_true", help="everything, as JSON (schema parex.plan/1)")

    run = commands.add_parser("run", parents=[where, running], help="run a feature without a screen")
    run.add_argument("feature", nargs="?", help="the feature's folder name (may be left out where there is one)")
    run.add_argument("--json", action="store_true", help="one JSON event a line (schema parex.run/1)")
    run.add_argument("--retries", metavar="N", type=_whole(0, 10), help="new attempts after a failure (default: 0)")
    run.add_argument(
        "--reset", action="store_true", help="run again what is in progress on disk though no agent of parex runs it"
    )
    run.add_argument("--quiet", "-q", action="store_true", help="only starts, ends and the gate")
    run.add_argument("--speed", type=_speed, default=1.0, metavar="X", help="with --driver demo: how fast it plays")

    status = commands.add_parser("status", parents=[where], help="where every feature stands")
    status.add_argument("feature", nargs="?", help="only this feature")
    status.add_argument("--json", action="store_true", help="as JSON (schema parex.status/1)")
    return parser


def _with_command(argv: Sequence[str]) -> list[str]:
    """`argv` with `dashboard` put in where no command is named: `parex PATH` and `parex` alone start the screen."""
    words = list(argv)
    position = 0
    while position < len(words):
        word = words[position]
        if word in ("-h", "--help", "--version"):
            return words
        if not word.startswith("-") or word == "-":
            break
        position += 2 if word in _WITH_VALUE else 1
    if position < len(words) and words[position] in COMMANDS:
        # An option may stand before the command, as with git and make: argparse wants it behind.
        return [words[position], *words[:position], *words[position + 1 :]]
    return ["dashboard", *words]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code. Never raises for bad input."""
    words = _with_command(sys.argv[1:] if argv is None else argv)
    options = make_parser().parse_args(words)
    try:
        return _dispatch(options)
    except ParexError as error:
        print(f"parex: {error}", file=sys.stderr)  # noqa: T201 - the one place that reports wrong use
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`parex status | head`): nothing is left to tell, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"parex: {place}{error.strerror or error}", file=sys.stderr)  # noqa: T201 - as above
        return USAGE


def _dispatch(options: argparse.Namespace) -> int:
    match options.command:
        case "status":
            from .commands.status import status

            return status(options)
        case "plan":
            from .commands.plan import plan

            return plan(options)
        case "run":
            from .commands.run import run

            return run(options)
        case "demo":
            from .commands.demo import demo

            return demo(options)
        case _:
            from .commands.dashboard import dashboard

            return dashboard(options)
