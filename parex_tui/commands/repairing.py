"""`parex repair`: what is broken beyond doubt, shown as a diff, and mended when a person says so."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence

from parex_tui.cli import FAILED, FINE
from parex_tui.report.changed_text import repair_lines, repairs_json
from parex_tui.run.rules import command
from parex_tui.tasks.edit import EditError
from parex_tui.tasks.layout import TASK_JSON
from parex_tui.tasks.model import Feature
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.repair import Repair, repairs_of

from .changing import Bench, Refused, tell_refusal
from .common import ask, say, warn


def repair(options: Namespace) -> int:
    """Show each repair, ask, and write what was agreed to."""
    bench = Bench(options)
    try:
        feature = bench.feature(options.feature, archived=True)
        offered = _offered(bench, feature, options.task)
    except Refused as refusal:
        return tell_refusal(options, bench, refusal)
    written: list[Repair] = []
    failed: list[str] = []
    for one in offered:
        if not options.json:
            for line in repair_lines(one, bench.root):
                say(line)
        if options.dry_run or not (options.yes or ask(f"Write this repair of {bench.relative(one.path)}?")):
            continue
        try:
            bench.desk.repair(one)
        except EditError as error:
            failed.append(bench.short(str(error)))
            continue
        written.append(one)
        if not options.json:
            say(f"✓ Repaired {bench.relative(one.path)}")
    return _told(bench, options, feature, offered, written, failed)


def _offered(bench: Bench, feature: Feature, word: str | None) -> tuple[Repair, ...]:
    """The repairs of the file that is meant, or of all. Raises Refused."""
    found = repairs_of(feature)
    if word is None:
        return found
    path = feature.path / TASK_JSON if word == TASK_JSON else bench.task(feature, word).path
    return tuple(one for one in found if one.path == path)


def _told(
    bench: Bench,
    options: Namespace,
    feature: Feature,
    offered: Sequence[Repair],
    written: Sequence[Repair],
    failed: list[str],
) -> int:
    left = len(offered) - len(written) - len(failed)
    reasons = list(failed)
    if left and not options.dry_run:
        again = command("repair", feature.id, *((options.task,) if options.task else ()), "--yes")
        reasons.append(f"{left} not written; {again} writes every repair that is shown")
    if options.json:
        say(json.dumps(repairs_json(feature, offered, written, reasons, bench.root), indent=2))
    elif not offered:
        say(f"Nothing to repair in {feature.id}.")
        if errors := sum(problem.severity is Severity.ERROR for problem in feature.all_problems):
            say(f"  {errors} error(s) that only a person can mend: {command('validate', feature.id)}")
    for reason in (*reasons, *bench.trouble):
        warn(reason)
    return FAILED if reasons else FINE
