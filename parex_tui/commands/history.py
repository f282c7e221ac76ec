"""`parex undo` and `parex conflicts`: what persons changed with parex, and what others made of it."""

from __future__ import annotations

import json
import time
from argparse import Namespace

from parex_tui.cli import FINE
from parex_tui.report.changed_text import Changed, conflict_lines, conflicts_json, field_lines
from parex_tui.report.wording import duration
from parex_tui.run.edit_journal import EditJournal
from parex_tui.run.edits import Entry
from parex_tui.tasks.edit import ChangedError, Edit

from .changing import Bench, Refused, carry_out
from .common import say, warn


def undo(options: Namespace) -> int:
    """Take the last change back, or list what could be."""
    return carry_out(options, _list if options.list else _undo)


def _undo(bench: Bench) -> Changed:
    found = EditJournal(bench.root).refresh().undoable()
    try:
        text = bench.desk.undo()
    except ChangedError as error:  # to begin anew would take back the change before it
        raise Refused(str(error)) from error
    edits, warnings = _in_line(bench, found[-1]) if found else ((), ())
    trouble = (bench.desk.trouble,) if bench.desk.trouble else ()
    return Changed("undo", lines=(f"✓ Taken back: {text}",), warnings=(*warnings, *trouble), edits=edits)


def _in_line(bench: Bench, entry: Entry) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """task.json follows from the tasks: bring it in line with those whose status was taken back."""
    folders = {(bench.root / part.file).parent for part in entry.parts if part.before and "status" in part.fields}
    features = [one for one in bench.project.features if one.path in folders and entry.moved is None]
    done = [bench.sync(feature) for feature in features]
    return tuple(edit for edits, _ in done for edit in edits), tuple(line for _, lines in done for line in lines)


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
    edit = bench.desk.insist(number)
    lines = (f"✓ Wrote ours again in {bench.relative(edit.path)}", *field_lines(edit))
    return Changed("conflicts", lines=lines, edits=(edit,))


def _yield(bench: Bench, number: int) -> Changed:
    bench.desk.yield_to(number)
    return Changed("conflicts", lines=(f"✓ Conflict {number} is settled: theirs stays",))
