"""`parex undo` and `parex conflicts`: what persons changed with parex, and what others made of it."""

from __future__ import annotations

import json
import time
from argparse import Namespace

from parex_tui.cli import FINE
from parex_tui.report.changed_text import Changed, conflict_lines, conflicts_json, field_lines
from parex_tui.report.wording import duration
from parex_tui.run.edit_journal import EditJournal
from parex_tui.run.rules import check_insist
from parex_tui.tasks.edit import ChangedError

from .changing import Bench, Refused, carry_out
from .common import say, warn


def undo(options: Namespace) -> int:
    """Take the last change back, or list what could be."""
    return carry_out(options, _list if options.list else _undo)


def _undo(bench: Bench) -> Changed:
    try:
        found = bench.desk.undo()
    except ChangedError as error:  # to begin anew would take back the change before it
        raise Refused(str(error)) from error
    return Changed("undo", lines=(f"✓ Taken back: {found.text}",), warnings=found.warnings, edits=found.edits)


def _list(bench: Bench) -> Changed:
    entries = reversed(EditJournal(bench.root).refresh().undoable())
    now = time.time()
    lines = tuple(f"{duration(max(0.0, now - entry.at))} ago  {entry.text}" for entry in entries)
    return Changed("undo", lines=lines or ("There is nothing to undo.",))


def conflicts(options: Namespace) -> int:
    """List the conflicts, or settle one."""
    if options.insist is not None:
        return carry_out(options, lambda bench: _insist(bench, options.insist))
    if options.yield_ is not None:
        return carry_out(options, lambda bench: _yield(bench, options.yield_))
    bench = Bench(options)
    bench.desk.hold()  # what happened since the last parex was here is found, and told now
    found = bench.desk.conflicts()
    if options.json:
        say(json.dumps(conflicts_json(found, bench.root), indent=2))
    else:
        for line in conflict_lines(found, bench.root):
            say(line)
    if bench.desk.trouble:
        warn(bench.desk.trouble)
    return FINE


def _insist(bench: Bench, number: int) -> Changed:
    found = next((one for one in bench.desk.conflicts() if one.number == number), None)
    check_insist(bench.journal, bench.project, found)
    try:
        edit = bench.desk.insist(number)
    except ChangedError as error:  # the conflict has another number now
        raise Refused(str(error)) from error
    synced = bench.desk.follow(edit.path, edit.old.get("status"), edit.new.get("status"))
    lines = (f"✓ Wrote ours again in {bench.relative(edit.path)}", *field_lines(edit))
    return Changed("conflicts", lines=lines, warnings=synced.warnings, edits=(edit, *synced.edits))


def _yield(bench: Bench, number: int) -> Changed:
    bench.desk.yield_to(number)
    return Changed("conflicts", lines=(f"✓ Conflict {number} is settled: theirs stays",))
