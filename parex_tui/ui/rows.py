"""The tree as plain rows: which rows there are, and how one row reads at a given width. No Textual here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from parex_tui.run.snapshot import BatchState, BatchView, EngineState, FeatureView, Snapshot, TaskView
from parex_tui.run.states import TaskElsewhere

from . import words
from .lines import BLANK, Line, Role, Span, spread, width_of
from .looks import Draw, barred_count, current_batch, done_count, look, name_of, unreadable_count
from .search import Index, Query


class RowKind(StrEnum):
    """What a row shows. A gap is the blank line after an unfolded feature; it is never selected."""

    FEATURE = "feature"
    BATCH = "batch"
    TASK = "task"
    GAP = "gap"


class RowId(NamedTuple):
    """What a row stands for; stays the same from snapshot to snapshot. A task keeps its identity across batches."""

    kind: RowKind
    feature: str
    batch: int = 0
    seq: str = ""


class Row(NamedTuple):
    """One row. `open` is None where there is nothing to fold; `batch` is the batch that a task stands in."""

    id: RowId
    open: bool | None = None
    batch: int = 0


UNPLANNED = 0
"""The number of the group that holds the tasks without a batch."""


def unplanned(view: FeatureView) -> list[str]:
    """Seqs of the tasks that stand in no batch, in file order."""
    placed = {seq for batch in view.batches for seq in batch.seqs}
    return [seq for seq in view.tasks if seq not in placed]


def next_feature(snapshot: Snapshot) -> str:
    """The key of the feature that a person comes for: the one named, else the first with something ready to run."""
    if snapshot.focus in snapshot.features:
        return snapshot.focus
    current = [view for view in snapshot.features.values() if not view.feature.archived]
    for states in ((BatchState.READY,), (BatchState.READY, BatchState.HELD, BatchState.WAITING)):
        for view in current:
            if any(batch.state in states for batch in view.batches):
                return view.key
    return next(iter(snapshot.features), "")


def open_by_themselves(snapshot: Snapshot) -> set[str]:
    """Keys of the features that are open where nobody folded them: those that run; where none does, the next one."""
    idle = (EngineState.IDLE, EngineState.FINISHED)
    active = {
        view.key
        for view in snapshot.features.values()
        if view.engine not in idle or any(batch.state is BatchState.RUNNING for batch in view.batches)
    }
    return active or {next_feature(snapshot)}


def batch_opens_by_itself(batch: BatchView, batches: tuple[BatchView, ...]) -> bool:
    """A batch is open while its turn lasts; a done one folds as soon as the turn goes to another."""
    if batch.state is BatchState.WAITING:
        return False
    if batch.state is BatchState.DONE:
        return all(other.state is BatchState.DONE for other in batches) and batch.number == batches[-1].number
    return True


def build_rows(
    snapshot: Snapshot,
    folds: Mapping[RowId, bool],
    selected: RowId | None,
    query: Query | None,
    draw: Draw,
    index: Index | None = None,
) -> list[Row]:
    """The rows of the tree, top to bottom. `folds` says which rows a person opened (True) or folded (False).

    The selected task's own batch and feature never fold by themselves, so a snapshot cannot hide the cursor. With a
    query only what matches is there, archived or not, and all of it is open; `index` saves reading the texts again.
    """
    rows: list[Row] = []
    index = index or Index()
    by_themselves = open_by_themselves(snapshot)
    for view in snapshot.features.values():
        feature_id = RowId(RowKind.FEATURE, view.key)
        holds = selected is not None and selected.feature == view.key
        if query is None:
            is_open = folds.get(feature_id)
            if is_open is None:
                inside = holds and selected is not None and selected.kind is not RowKind.FEATURE
                is_open = inside or view.key in by_themselves
        else:
            is_open = True
        children: list[Row] = []
        if query is not None:
            children = _found_rows(view, query, draw, index)
            if not children and not query.matches_feature(view, index):
                continue
        elif is_open:
            children = _feature_rows(view, folds, selected if holds else None)
        if rows and rows[-1].id.kind is not RowKind.FEATURE:
            rows.append(Row(RowId(RowKind.GAP, view.key)))
        rows.append(Row(feature_id, is_open if view.tasks else None))
        rows += children
    return rows


def _groups(view: FeatureView) -> list[tuple[int, list[str], bool]]:
    """Batches and what stands in none: number, seqs, whether it is open by itself."""
    groups: list[tuple[int, list[str], bool]] = [
        (batch.number, [seq for seq in batch.seqs if seq in view.tasks], batch_opens_by_itself(batch, view.batches))
        for batch in view.batches
    ]
    loose = unplanned(view)
    if loose:
        groups.append((UNPLANNED, loose, True))
    return groups


def _feature_rows(view: FeatureView, folds: Mapping[RowId, bool], selected: RowId | None) -> list[Row]:
    rows: list[Row] = []
    for number, seqs, opens in _groups(view):
        batch_id = RowId(RowKind.BATCH, view.key, number)
        folded = folds.get(batch_id)
        inside = selected is not None and selected.kind is RowKind.TASK and selected.seq in seqs
        is_open = (opens or inside) if folded is None else folded
        rows.append(Row(batch_id, is_open))
        if is_open:
            rows += _task_rows(view, number, seqs)
    return rows


def _found_rows(view: FeatureView, query: Query, draw: Draw, index: Index) -> list[Row]:
    rows: list[Row] = []
    for number, seqs, _ in _groups(view):
        found = [seq for seq in seqs if query.matches(view, view.tasks[seq], draw, index)]
        if found:
            rows += [Row(RowId(RowKind.BATCH, view.key, number), True), *_task_rows(view, number, found)]
    return rows


def _task_rows(view: FeatureView, number: int, seqs: list[str]) -> list[Row]:
    return [Row(RowId(RowKind.TASK, view.key, 0, seq), None, number) for seq in seqs]


# --- one row as a line ------------------------------------------------------------------------------------------


def row_line(row: Row, snapshot: Snapshot, width: int, draw: Draw) -> Line:
    """How a row reads in `width` cells."""
    view = snapshot.features.get(row.id.feature)
    if view is None or row.id.kind is RowKind.GAP:
        return BLANK
    if row.id.kind is RowKind.FEATURE:
        return _feature_line(row, view, width, draw)
    if row.id.kind is RowKind.BATCH:
        return _batch_line(row, view, width, draw)
    task = view.tasks.get(row.id.seq)
    return BLANK if task is None else _task_line(task, width, draw)


def _fold(row: Row, draw: Draw) -> Span:
    sign = " " if row.open is None else draw.glyphs.unfolded if row.open else draw.glyphs.folded
    return Span(f"{sign} ", Role.DIM)


def _feature_line(row: Row, view: FeatureView, width: int, draw: Draw) -> Line:
    right: list[Span] = []
    bad = unreadable_count(view)
    barred = barred_count(view)
    if bad:
        right.append(Span(f"{draw.glyphs.unreadable} {bad} unreadable  ", Role.WARN))
    elif barred:
        right.append(Span(f"{draw.glyphs.unreadable} {barred} cannot run  ", Role.WARN))
    if view.engine is EngineState.ELSEWHERE:
        right.append(Span("elsewhere  ", Role.WARN))
    if view.feature.archived:
        right.append(Span("archived  ", Role.DIM))
    total = len(view.tasks)
    done = done_count(view)
    if total:
        right.append(Span(f"{done}/{total}", Role.OK if done == total else Role.SOFT))
    else:
        right.append(Span("no tasks", Role.DIM))
    name = Span(view.feature.id, Role.TITLE if row.open else Role.SOFT)
    return spread([_fold(row, draw), name], right, width, draw.glyphs.ellipsis)


def _batch_line(row: Row, view: FeatureView, width: int, draw: Draw) -> Line:
    if row.id.batch == UNPLANNED:
        count = len(unplanned(view))
        left = [Span("  "), _fold(row, draw), Span("Not planned", Role.SOFT)]
        return spread(left, [Span(words.plural(count, "task"), Role.WARN)], width, draw.glyphs.ellipsis)
    batch = next((batch for batch in view.batches if batch.number == row.id.batch), None)
    if batch is None:
        return BLANK
    active = batch.state in (BatchState.RUNNING, BatchState.HELD, BatchState.READY)
    left = [Span("  "), _fold(row, draw), Span(f"Batch {batch.number}", _batch_role(batch, active))]
    return spread(left, batch_tail(batch, view, draw), width, draw.glyphs.ellipsis)


def _batch_role(batch: BatchView, active: bool) -> Role:
    return Role.TITLE if active else Role.SOFT if batch.state is BatchState.DONE else Role.DIM


def batch_tail(batch: BatchView, view: FeatureView, draw: Draw) -> list[Span]:
    """What stands at the right end of a batch's row."""
    total = len(batch.seqs)
    done = sum(look(view.tasks[seq], draw).sign == "done" for seq in batch.seqs if seq in view.tasks)
    share = f"  {done} of {total}"
    if batch.state is BatchState.DONE:
        if done < total:
            return [Span(f"{done} of {total} done", Role.WARN)]
        tail = [Span(f"{draw.glyphs.done} {done} of {total}", Role.OK)]
        if batch.seconds is not None:
            tail.append(Span(f"  {words.elapsed(batch.seconds)}", Role.DIM))
        return tail
    if batch.state is BatchState.RUNNING:
        return [Span("running", Role.RUN), Span(share, Role.SOFT)]
    if batch.state is BatchState.HELD:
        return [Span("held", Role.BAD), Span(share, Role.SOFT)]
    if batch.state is BatchState.READY:
        return [Span("ready", Role.SOFT), Span(share if done else f"  {words.plural(total, 'task')}", Role.SOFT)]
    return [Span(f"waits for {current_batch(view)} {draw.glyphs.dot} {words.plural(total, 'task')}", Role.DIM)]


_ROOMY: Final = 64
"""Cells from which a row has room for more than its tail."""


def _task_line(task: TaskView, width: int, draw: Draw) -> Line:
    seen = look(task, draw)
    done = seen.sign in ("done", "skipped")
    name = Role.DIM if seen.sign == "waiting" else Role.SOFT if done else Role.TEXT
    left = [Span("    "), Span(draw.glyphs.of(seen.sign), seen.role), Span(f" {name_of(task)}", name)]
    tail = "updating" if task.task.updating else seen.tail
    if isinstance(task.state, TaskElsewhere) and task.state.stale and width >= _ROOMY:
        tail = f"unchanged since {words.day_and_time(task.state.since)}  {tail}"
    if width_of(left) + 2 + width_of([Span(tail)]) > width:
        # The card tells the whole reason; here the task's name matters more.
        tail = seen.word if seen.sign == "unreadable" else tail.partition(": ")[0]
    return spread(left, [Span(tail, seen.tail_role)], width, draw.glyphs.ellipsis)
