"""The arguments of the commands that only read. Imports only argparse: every start pays for it."""

from __future__ import annotations

import argparse
from typing import Any, Final

from .arguments import Commands

RUNS: Final[dict[str, str]] = {
    "status": "status:status",
    "plan": "plan:plan",
    "next": "next:next_tasks",
    "parallel": "parallel:parallel",
    "deps": "deps:deps",
    "blocked": "blocked:blocked",
    "validate": "validate:validate",
    "schema": "schema:schema",
}
"""Command name → `module:function` below parex_tui.commands; it takes the options and returns the exit code."""

NAMES: Final[tuple[str, ...]] = tuple(RUNS)
"""The commands that this file adds."""


def add(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    """Add the commands' parsers; `where` is the parent that brings -C."""
    status = commands.add_parser("status", parents=[where], help="where every feature stands")
    status.add_argument("feature", nargs="?", help="only this feature")
    status.add_argument("--json", action="store_true", help="as JSON (schema parex.status/1)")

    plan = commands.add_parser("plan", parents=[where], help="batches and lanes of a feature; starts nothing")
    plan.add_argument("feature", nargs="?", help="the feature's folder name (may be left out where there is one)")
    plan.add_argument("--json", action="store_true", help="everything, as JSON (schema parex.plan/1)")

    _listing(commands, where, "next", "which tasks could start now")
    parallel = _listing(commands, where, "parallel", "which of these are marked parallel")
    parallel.add_argument("--batches", action="store_true", help="every batch of the plan, and what is kept apart")
    _listing(commands, where, "blocked", "which tasks cannot start, and why")

    deps = commands.add_parser("deps", parents=[where], help="what a task depends on, as a tree")
    deps.add_argument("feature", help="the feature's folder name")
    deps.add_argument("task", help="the task's number (5 or 05), or its file's name")
    deps.add_argument("--json", action="store_true", help="as JSON (schema parex.deps/1)")

    validate = _listing(commands, where, "validate", "what is wrong in the files; exit code 1 on errors")
    validate.add_argument(
        "--strict", action="store_true", help="exit code 1 also where only the framework's own validator complains"
    )
    validate.add_argument(
        "--framework", action="store_true", help="print what that validator prints, and exit as it does"
    )

    schema = commands.add_parser("schema", help="the JSON Schema of every --json output")
    schema.add_argument("name", nargs="?", help="print this one: status, or parex.status/1 (default: list them)")


def _listing(commands: Commands[Any], where: argparse.ArgumentParser, name: str, about: str) -> argparse.ArgumentParser:
    """A command over all open features, or over the one that is named."""
    parser: argparse.ArgumentParser = commands.add_parser(name, parents=[where], help=about)
    parser.add_argument("feature", nargs="?", help="only this feature (it may be archived)")
    parser.add_argument("--archived", action="store_true", help="the archived features, too")
    parser.add_argument("--json", action="store_true", help=f"as JSON (schema parex.{name}/1)")
    return parser
