"""`parex archive` and `parex unarchive`: a finished feature on its shelf, and back."""

from __future__ import annotations

from argparse import Namespace

from parex_tui.report.changed_text import Changed
from parex_tui.run.rules import check_idle
from parex_tui.tasks.layout import ARCHIVES

from .changing import Bench, Refused, carry_out


def archive(options: Namespace) -> int:
    """Move a feature to `completed/`, when all its tasks are completed."""
    return carry_out(options, lambda bench: _archive(bench, options))


def _archive(bench: Bench, options: Namespace) -> Changed:
    feature = bench.feature(options.feature, archived=True)
    if feature.path.parent.name in ARCHIVES:
        raise Refused(f"{feature.id} is archived already, in {bench.relative(feature.path)}")
    counts = feature.counts
    if counts.completed < counts.total or not counts.total:
        raise Refused(f"Cannot archive: {counts.completed}/{counts.total} tasks completed", as_is=True)
    check_idle(bench.journal, feature)
    moved = bench.desk.archive(feature)
    lines = ("", f"✓ Archived {feature.id}", f"  {bench.relative(moved)}")
    return Changed("archive", feature.id, lines=lines, files=(moved,), progress=(counts.completed, counts.total))


def unarchive(options: Namespace) -> int:
    """Move an archived feature back to where the open ones lie."""
    return carry_out(options, lambda bench: _unarchive(bench, options))


def _unarchive(bench: Bench, options: Namespace) -> Changed:
    found = [one for one in bench.project.features if one.archived and options.feature in (one.id, one.key)]
    feature = found[0] if len(found) == 1 else bench.feature(options.feature, archived=True)
    if not feature.archived:
        raise Refused(f"{feature.id} is not archived; it is in {bench.relative(feature.path)}")
    moved = bench.desk.unarchive(feature)
    lines = ("", f"✓ Unarchived {feature.id}", f"  {bench.relative(moved)}")
    counts = feature.counts
    return Changed("unarchive", feature.id, lines=lines, files=(moved,), progress=(counts.completed, counts.total))
