"""The command line: what was asked for, and which command carries it out. Imports a command only when it runs.

Exit codes, the same for every command: 0 fine (of a run: all verified), 1 something failed, 2 wrong use or settings,
3 a run ended with tasks that need review, 4 something would be executed that nobody has trusted, 130 interrupted (of
a run: also taken over by another parex), 143 or 129 ended by a signal (what runs goes on under its keepers).
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, NoReturn

from . import __version__
from .commands import parsers_attempts, parsers_changing, parsers_reading, parsers_running, parsers_verify
from .commands.arguments import folder
from .errors import ParexError

FINE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NEEDS_REVIEW: Final = 3
NOT_TRUSTED: Final = 4
INTERRUPTED: Final = 130

_PARSERS: Final = (parsers_running, parsers_attempts, parsers_reading, parsers_changing, parsers_verify)
RUNS: Final[dict[str, str]] = {name: run for parsers in _PARSERS for name, run in parsers.RUNS.items()}
"""Command name → `module:function` below parex_tui.commands."""

COMMANDS: Final = tuple(name for parsers in _PARSERS for name in parsers.NAMES)
"""All of their names. A folder that is called like one opens with `parex ./NAME` or `parex -C NAME`."""

_WITH_VALUE: Final = ("-C", "--directory", "--driver", "--slots")

GROUPS: Final = {
    "run": ("dashboard", "demo", "run", "retry", "stop", "doctor"),
    "look": ("status", "plan", "next", "parallel", "blocked", "deps", "attempts", "logs", "report", "validate"),
    "mark tasks": ("complete", "start", "block", "unblock", "reset"),
    "change task files": ("edit", "new", "init", "archive", "unarchive", "repair", "undo", "conflicts"),
    "checks and scripts": ("verify", "trust", "schema"),
}
"""The commands as `--help` shows them."""

_INTRO: Final = """\
usage: parex [PATH]                  the dashboard of a project
       parex COMMAND [OPTIONS] …     `parex COMMAND --help` says more about it

Runs a feature's task batches with coding agents, and checks what they claim. A
feature is a folder of task files below .tmp/tasks/, a task is named by its
number.
"""

_REST: Final = """\
options:
    -C DIR       the project root, a tasks folder or one feature's folder
                 (default: found from here)
    --json       of almost every command: the same for scripts
    --version, -h, --help

examples:
    parex demo                     a run to look at: no key, no account
    parex                          watch, run, retry, read and edit on screen
    parex run auth-system          the same run without a screen
    parex logs auth-system 05 -f   what an agent does just now
    parex attempts auth-system     what came of every task; then retry or report
    parex stop --all               end everything that runs here
    parex ./next                   a folder that is called like a command

exit codes: 0 fine, 1 failed, 2 wrong use, 3 needs review, 4 not trusted,
130 interrupted, 143/129 ended by SIGTERM/SIGHUP (agents run on; start again to
go on with them)
"""


class UsageError(ParexError):
    """Wrong use or bad input: one line that says what to do. Ends with exit code 2, nothing written."""


class _Parser(argparse.ArgumentParser):
    _mixing = False

    def parse_known_args(  # type: ignore[override]  # one signature for its four overloads
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Options may stand between the words too (`reset auth --yes 05`), which argparse does only when asked."""
        if self._mixing or any(action.nargs == argparse.PARSER for action in self._actions):
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"parex: {message} (see {self.prog} --help)\n")


class _Page(_Parser):
    """The whole command line; its help is one page, by what people want to do."""

    about: dict[str, str]

    def format_help(self) -> str:
        parts = [_INTRO]
        for group, names in GROUPS.items():
            parts.append("\n".join([f"{group}:", *(f"    {name:<11}  {self.about[name]}" for name in names), ""]))
        return "\n".join([*parts, _REST])


def make_parser() -> argparse.ArgumentParser:
    """The whole command line. Imports nothing that draws."""
    where = _Parser(add_help=False)
    where.add_argument(
        "-C",
        "--directory",
        metavar="DIR",
        type=folder,
        default=argparse.SUPPRESS,
        help="the project root, a tasks folder or one feature's folder (default: found from here)",
    )
    parser = _Page(prog="parex", parents=[where])
    parser.add_argument("--version", action="version", version=f"parex {__version__}")
    commands = parser.add_subparsers(prog="parex", dest="command", metavar="COMMAND", parser_class=_Parser)
    for parsers in _PARSERS:
        parsers.add(commands, where)
    parser.about = {action.dest: action.help or "" for action in commands._choices_actions}
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
    if position < len(words) and not {"-C", "--directory"} & set(words):
        _check_path(words[position])
    return ["dashboard", *words]


def _check_path(word: str) -> None:
    """Raises UsageError where a word is neither a command nor could be a path: it is a command written wrongly."""
    if os.sep in word or os.path.lexists(word):
        return
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else "`parex --help` lists the commands"
    shown = "".join(letter if letter.isprintable() else "�" for letter in word[:60])
    raise UsageError(f"{shown} is no command, and no folder here; {hint}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code. Never raises for bad input."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a letter that the terminal cannot show is no reason to stop
    try:
        words = _with_command(sys.argv[1:] if argv is None else argv)
        return _dispatch(make_parser().parse_args(words))
    except ParexError as error:
        print(f"parex: {error}", file=sys.stderr)  # noqa: T201 - the one place that reports wrong use
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        return trouble(error)


def trouble(error: OSError) -> int:
    """The exit code for what the system refused; says what it was."""
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has gone (`parex status | head`): nothing is left to tell, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    place = f"{error.filename}: " if error.filename else ""
    print(f"parex: {place}{error.strerror or error}", file=sys.stderr)  # noqa: T201 - the one place for it
    return FAILED if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) else USAGE


def _dispatch(options: argparse.Namespace) -> int:
    module, function = RUNS[options.command].split(":")
    run: Callable[[argparse.Namespace], int] = getattr(import_module(f"parex_tui.commands.{module}"), function)
    return run(options)
