"""The arguments of the commands that change task files. Imports only argparse: every start pays for it."""

from __future__ import annotations

import argparse
from typing import Any, Final

from .arguments import Commands, folder, whole

RUNS: Final[dict[str, str]] = {
    "complete": "marking:complete",
    "start": "marking:start",
    "block": "marking:block",
    "unblock": "marking:unblock",
    "reset": "marking:reset",
    "edit": "editing:edit",
    "new": "making:new",
    "init": "making:init",
    "archive": "shelving:archive",
    "unarchive": "shelving:unarchive",
    "repair": "repairing:repair",
    "undo": "history:undo",
    "conflicts": "history:conflicts",
}
"""Command name → `module:function` below parex_tui.commands; it takes the options and returns the exit code."""

NAMES: Final[tuple[str, ...]] = tuple(RUNS)
"""The commands that this file adds."""

_TASK: Final = "the task: 5, 05, subtask_05, its full id or its file's name"


def add(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    """Add the commands' parsers; `where` is the parent that brings -C."""
    _add_marking(commands, where)
    _add_editing(commands, where)
    _add_making(commands, where)
    _add_mending(commands, where)


def _command(
    commands: Commands[Any],
    where: argparse.ArgumentParser,
    name: str,
    about: str,
    examples: str,
    schema: str = "parex.changed/1",
) -> argparse.ArgumentParser:
    """A command with -C and --json."""
    rows = "".join(f"  {example}\n" for example in examples.splitlines())
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        parents=[where],
        help=about,
        description=f"{about[:1].upper()}{about[1:]}.",
        epilog=f"example{'s' if rows.count(chr(10)) > 1 else ''}:\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help=f"what was done as JSON (schema {schema})")
    return parser


def _feature_and_task(parser: argparse.ArgumentParser, *, optional: bool = False, about: str = _TASK) -> None:
    parser.add_argument("feature", metavar="FEATURE", help="the feature's name, or its folder")
    parser.add_argument("task", metavar="NN", nargs="?" if optional else None, help=about)


def _add_marking(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    complete = _command(
        commands,
        where,
        "complete",
        "mark a task as completed, with a short summary",
        'parex complete auth-system 05 "Login route with tests"',
    )
    _feature_and_task(complete)
    complete.add_argument("summary", metavar="SUMMARY", nargs="+", help="what was done, in at most 200 characters")
    complete.add_argument(
        "--force",
        action="store_true",
        help="in spite of open dependencies, of checks that fail or are not trusted, or of its being blocked",
    )

    start = _command(
        commands,
        where,
        "start",
        "mark a task as in progress, outside of parex",
        "parex start auth-system 05 --agent CoderAgent",
    )
    _feature_and_task(start)
    start.add_argument("--agent", metavar="NAME", help="who works on it (default: the agent that the task suggests)")
    start.add_argument("--force", action="store_true", help="in spite of open dependencies")

    block = _command(
        commands,
        where,
        "block",
        "mark a task as blocked: something is in its way",
        "parex block auth-system 05",
    )
    _feature_and_task(block)
    block.add_argument("--force", action="store_true", help="a task that is completed, too")

    unblock = _command(
        commands,
        where,
        "unblock",
        "mark a blocked task as pending again",
        "parex unblock auth-system 05",
    )
    _feature_and_task(unblock)

    reset = _command(
        commands,
        where,
        "reset",
        "mark a task that nobody works on as pending again",
        "parex reset auth-system 05\nparex reset auth-system          all that are in progress and stale; asks first",
    )
    _feature_and_task(reset, optional=True, about=f"{_TASK} (default: every stale one)")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.add_argument("--force", action="store_true", help="a task that is completed, too")


def _add_editing(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    edit = _command(
        commands,
        where,
        "edit",
        "change fields of a task, or its file in your editor",
        "parex edit auth-system 05                        the whole file in your editor\n"
        "parex edit auth-system 05 deliverables           one field in your editor\n"
        "parex edit auth-system 05 title='Login route' parallel=true depends_on=01,03\n"
        "parex edit auth-system 05 'deliverables:=[\"src/login.ts\"]'\n"
        "parex edit auth-system task.json objective='People can log in'",
    )
    _feature_and_task(edit, about=f"{_TASK}; or task.json")
    edit.add_argument(
        "assignments",
        metavar="FIELD=VALUE",
        nargs="*",
        default=[],
        help="a text, FIELD:=JSON for any value, or FIELD alone for your editor; "
        "agent is short for suggested_agent, depends_on takes a list with commas",
    )


def _add_making(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    init = _command(
        commands,
        where,
        "init",
        "create .tmp/tasks/, where features lie",
        "parex init\nparex init path/to/project",
    )
    init.add_argument("path", metavar="DIR", nargs="?", type=folder, help="the project (default: found from here)")

    new = commands.add_parser(
        "new",
        help="create a feature, or a task of one",
        description="Create a feature, or a task of one.",
        epilog="examples:\n"
        '  parex new feature auth-system --title "Auth system" --objective "People can log in"\n'
        '  parex new task auth-system "Login route" --after 01,02 --deliverable src/login.ts\n',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = new.add_subparsers(dest="kind", metavar="KIND", required=True)

    feature = _command(
        kinds,
        where,
        "feature",
        "create a feature: its folder and task.json",
        'parex new feature auth-system --title "Auth system" --objective "People can log in"',
    )
    feature.add_argument("feature", metavar="NAME", help="its folder's name: words in lower case, joined by hyphens")
    feature.add_argument("--title", metavar="TEXT", help="its name for people (default: NAME)")
    feature.add_argument("--objective", metavar="TEXT", default="", help="what it is for, in one sentence")
    feature.add_argument("--criterion", metavar="TEXT", action="append", default=[], help="what must hold at its end")
    feature.add_argument("--context", metavar="PATH", action="append", default=[], help="a file to be read for it")

    task = _command(
        kinds,
        where,
        "task",
        "create a task of a feature, with the next number",
        'parex new task auth-system "Login route" --after 01,02 --parallel --deliverable src/login.ts',
    )
    task.add_argument("feature", metavar="FEATURE", help="the feature's name, or its folder")
    task.add_argument("title", metavar="TITLE", help="what is to be done, in at most 100 characters")
    task.add_argument("--after", metavar="NN,NN", action="append", default=[], help="the tasks that it depends on")
    task.add_argument("--parallel", action="store_true", help="it may run beside other tasks of its batch")
    task.add_argument("--deliverable", metavar="PATH", action="append", default=[], help="a file that it writes")
    task.add_argument("--criterion", metavar="TEXT", action="append", default=[], help="what must hold at its end")
    task.add_argument("--context", metavar="PATH", action="append", default=[], help="a file to be read for it")
    task.add_argument("--agent", metavar="NAME", default="", help="the agent that it suggests")


def _add_mending(commands: Commands[Any], where: argparse.ArgumentParser) -> None:
    for name, about in (
        ("archive", "move a finished feature to completed/"),
        ("unarchive", "move an archived feature back"),
    ):
        parser = _command(commands, where, name, about, f"parex {name} auth-system")
        parser.add_argument("feature", metavar="FEATURE", help="the feature's name, or its folder")

    repair = _command(
        commands,
        where,
        "repair",
        "show how broken files can be mended, and mend them",
        "parex repair auth-system              shows every repair as a diff, and asks\n"
        "parex repair auth-system 05 --yes     of one file, without asking\n"
        "parex repair auth-system --dry-run    only shows",
        "parex.repair/1",
    )
    _feature_and_task(repair, optional=True, about=f"{_TASK}; or task.json (default: all of them)")
    repair.add_argument("--yes", action="store_true", help="do not ask")
    repair.add_argument("--dry-run", action="store_true", help="change nothing")

    undo = _command(
        commands,
        where,
        "undo",
        "take back the last change made with parex",
        "parex undo\nparex undo --list    what could be taken back, newest first",
    )
    undo.add_argument("--list", action="store_true", help="only tell what could be taken back, newest first")

    conflicts = _command(
        commands,
        where,
        "conflicts",
        "fields that another program wrote over ours",
        "parex conflicts\nparex conflicts --insist 3    write ours again\nparex conflicts --yield 3     theirs stays",
        "parex.conflicts/1",
    )
    choice = conflicts.add_mutually_exclusive_group()
    choice.add_argument("--insist", metavar="N", type=whole(1, 999_999), help="write our value of conflict N again")
    choice.add_argument("--yield", metavar="N", type=whole(1, 999_999), dest="yield_", help="leave theirs as it is")
