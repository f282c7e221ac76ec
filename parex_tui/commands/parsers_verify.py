"""The arguments of the commands that check task files. Imports only argparse: every start pays for it."""

from __future__ import annotations

import argparse
from typing import Any, Final

from .arguments import Commands

RUNS: Final[dict[str, str]] = {"verify": "verify:verify", "trust": "trust:trust"}
"""Command name → `module:function` below parex_tui.commands; it takes the options and returns the exit code."""

NAMES: Final[tuple[str, ...]] = tuple(RUNS)
"""The commands that this file adds."""


def add(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    """Add the commands' parsers; `where` is the parent that brings -C."""
    verify = commands.add_parser(
        "verify",
        parents=[where],
        help="run the checks that a task file carries",
        description="Runs a task's verification checks and writes verification_NN.json beside the task file. "
        "Commands run only where exactly these bytes are trusted (see `parex trust`).",
        epilog="exit codes: 0 all passed, 1 one failed or the task has no sound checks, 4 not trusted: nothing was run",
    )
    verify.add_argument("feature", help="the feature's folder name")
    verify.add_argument("task", nargs="?", metavar="NN", help="the task's number")
    verify.add_argument("--all", action="store_true", help="every task of the feature that has checks")
    verify.add_argument("--json", action="store_true", help="as JSON (schema parex.verify/1)")

    trust = commands.add_parser(
        "trust",
        parents=[where],
        help="what checks would execute, and whether they may",
        description="Lists every command that the verification checks of this project would execute, and asks whether "
        "they may. Trust is bound to exactly these lines in this folder; a changed one is asked about again. It does "
        "not cover the files that a line runs: of `bash check.sh` the line is trusted, whatever check.sh says. The "
        "project's files that a line names are listed with it.",
        epilog="exit codes: 0 all that is listed is trusted, 4 it is not",
    )
    trust.add_argument("feature", nargs="?", help="only this feature")
    trust.add_argument("task", nargs="?", metavar="NN", help="only this task of it")
    trust.add_argument("--digest", metavar="HEX", help="trust without asking, if this is the digest of what is listed")
    doing = trust.add_mutually_exclusive_group()
    doing.add_argument("--withdraw", action="store_true", help="trust it no longer")
    doing.add_argument("--list", action="store_true", help="the trust that was given; asks nothing")
    trust.add_argument("--json", action="store_true", help="as JSON (schema parex.trust/1); asks nothing")
