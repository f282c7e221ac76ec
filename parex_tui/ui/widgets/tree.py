"""The tree of features, batches and tasks. Rows come from `rows.py`; only what is visible is ever drawn."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from parex_tui.run.snapshot import EngineState, FeatureView, Snapshot, TaskView
from parex_tui.run.states import TaskReady, TaskRunning

from ..lines import BLANK, Line, Role, Span, wrap
from ..looks import Draw, undecided
from ..rows import Row, RowId, RowKind, build_rows, next_feature, row_line
from ..search import Index, Query
from .base import FramedWidget

COMPLAINT_ROWS: Final = 5


class TaskTree(FramedWidget, can_focus=True):
    """The tree. The cursor is on a row's identity, not on a line, so it stays where it is when rows come and go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", key_display="j ↓"),
        Binding("k,up", "move(-1)", "Up", key_display="k ↑"),
        Binding("l,right", "fold(True)", "Unfold, or go in", key_display="l →"),
        Binding("h,left", "fold(False)", "Fold, or go out", key_display="h ←"),
        Binding("space", "turn", "Fold or unfold"),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", key_display="pgdn"),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", key_display="pgup"),
        Binding("g,home", "edge(False)", "First row", key_display="g"),
        Binding("G,end", "edge(True)", "Last row", key_display="G"),
    ]

    class Selected(Message):
        """Another row has the cursor."""

    class Opened(Message):
        """A task's row was pressed twice."""

    def __init__(self, dom_id: str | None = None) -> None:
        super().__init__(dom_id)
        self._snapshot: Snapshot | None = None
        self._draw: Draw | None = None
        self._rows: list[Row] = []
        self._index: dict[RowId, int] = {}
        self._folds: dict[RowId, bool] = {}
        self._built_from: tuple[object, ...] = ()
        self.selected: RowId | None = None
        self.query_text = ""
        self._query: Query | None = None
        self._texts = Index()
        self._total = 0
        self._found = 0
        self._complaint = ""

    # --- what it shows

    def show(self, snapshot: Snapshot, draw: Draw) -> None:
        """Take a snapshot. Rows are built again only where a feature, a fold or the query changed."""
        self._snapshot, self._draw = snapshot, draw
        if self.selected is None:
            self.selected = first_selection(snapshot)
        key = tuple(snapshot.features.values())
        before = self._built_from
        if len(key) != len(before) or any(new is not old for new, old in zip(key, before, strict=True)):
            self._built_from = key
            self._rebuild()
        self.sync()

    def _rebuild(self) -> None:
        if self._snapshot is None or self._draw is None:
            return
        was_there = self.selected in self._index
        at = self._at()
        shown_at = at - self.top
        self._rows = build_rows(self._snapshot, self._folds, self.selected, self._query, self._draw, self._texts)
        if self._query is not None:
            self._complaint = self._query.complaint(self._snapshot, self._draw, self._texts)
            self._total = sum(len(view.tasks) for view in self._snapshot.features.values())
            self._found = sum(row.id.kind is RowKind.TASK for row in self._rows)
            self._texts.forget_but(self._snapshot)
        self._index = {row.id: index for index, row in enumerate(self._rows)}
        if self.selected is not None and self.selected not in self._index:
            self._fall_back(at)
        elif self.selected is not None and was_there and 0 <= shown_at < self.page:
            self.top = max(0, self._index[self.selected] - shown_at)

    def _fall_back(self, at: int) -> None:
        """The selected row is gone: take its batch or feature, else whatever stands near its old place."""
        gone = self.selected
        if gone is not None and self._query is None:
            for candidate in (RowId(RowKind.BATCH, gone.feature, gone.batch), RowId(RowKind.FEATURE, gone.feature)):
                if candidate in self._index:
                    self._select(candidate)
                    return
        rows = [row for row in self._rows if row.id.kind is not RowKind.GAP]
        if self._query is not None:
            rows = [row for row in rows if row.id.kind is RowKind.TASK] or rows
        if not rows:
            return
        self._select(min(rows, key=lambda row: abs(self._index[row.id] - at)).id)

    @property
    def rows(self) -> Sequence[Row]:
        """The rows as they are, top to bottom."""
        return self._rows

    def feature_view(self) -> FeatureView | None:
        """The feature in which the cursor is."""
        if self._snapshot is None or self.selected is None:
            return None
        if self._query is not None and self.selected not in self._index:
            return None  # what a find hides is not there to be acted on
        return self._snapshot.features.get(self.selected.feature)

    def task_view(self) -> TaskView | None:
        """The task under the cursor; None on a feature's or batch's row."""
        view = self.feature_view()
        if view is None or self.selected is None or self.selected.kind is not RowKind.TASK:
            return None
        return view.tasks.get(self.selected.seq)

    # --- the frame

    def title(self) -> Sequence[Span]:
        """`1 Tasks`, and the query in force."""
        name = Span("1 Tasks", Role.ACCENT if self.has_focus else Role.SOFT)
        return (name,) if self._query is None else (name, Span(f"  find {self.query_text}", Role.WARN))

    def subtitle(self, width: int) -> Sequence[Span]:
        """How many of all tasks the query has found; else nothing."""
        if self._query is None:
            return ()
        return (Span(f"{self._found:,} of {self._total:,}", Role.WARN), Span("  esc clears", Role.DIM, "escape"))

    def pinned(self, width: int) -> Sequence[Line]:
        """What is wrong with the query."""
        if self._query is None or not self._complaint:
            return ()
        return [Line((Span(row, Role.WARN),)) for row in wrap(self._complaint, width)[:COMPLAINT_ROWS]]

    def body_length(self, width: int) -> int:
        """One line a row; one that says so where there is none."""
        return len(self._rows) or 1

    def body_line(self, index: int, width: int) -> Line:
        """One row."""
        if self._snapshot is None or self._draw is None:
            return BLANK
        if not self._rows:
            return self._nothing()
        row = self._rows[index]
        return row_line(row, self._snapshot, width, self._draw)._replace(selected=row.id == self.selected)

    def _nothing(self) -> Line:
        text = "nothing matches" if self._query is not None else "no features yet"
        return Line((Span(text, Role.DIM),))

    # --- moving

    def _select(self, row: RowId) -> None:
        if row != self.selected:
            self.selected = row
            self.post_message(self.Selected())

    def select(self, row: RowId) -> None:
        """Put the cursor on a row, unfolding what hides it."""
        if row not in self._index:
            self.selected = row
            for hides in (RowId(RowKind.FEATURE, row.feature), self._batch_of(row)):
                if hides is not None and self._folds.get(hides) is False:
                    del self._folds[hides]
            self._rebuild()
            self.post_message(self.Selected())
        else:
            self._select(row)
        self.reveal()

    def _batch_of(self, row: RowId) -> RowId | None:
        view = self._snapshot.features.get(row.feature) if self._snapshot is not None else None
        task = view.tasks.get(row.seq) if view is not None else None
        return None if task is None else RowId(RowKind.BATCH, row.feature, task.batch or 0)

    def reveal(self) -> None:
        """Scroll so that the cursor can be seen."""
        at = self._at()
        if at < self.top:
            self.top = 0 if at == 1 and self.page > 1 else at
        elif at >= self.top + self.page:
            self.top = at - self.page + 1
        self.sync()

    def _move_to(self, index: int, step: int) -> None:
        index = min(max(0, index), len(self._rows) - 1)
        while 0 <= index < len(self._rows) and self._rows[index].id.kind is RowKind.GAP:
            index += step
        if 0 <= index < len(self._rows):
            self._select(self._rows[index].id)
            self.reveal()

    def _at(self) -> int:
        return self._index.get(self.selected, 0) if self.selected is not None else 0

    def action_move(self, amount: int) -> None:
        """Cursor down or up."""
        self._move_to(self._at() + amount, 1 if amount > 0 else -1)

    def action_page(self, amount: int) -> None:
        """A page down or up."""
        self._move_to(self._at() + amount * max(1, self.page - 1), 1 if amount > 0 else -1)

    def move_found(self, amount: int) -> None:
        """The cursor to another task, over the rows between: for moving while the find line has the focus."""
        tasks = [index for index, row in enumerate(self._rows) if row.id.kind is RowKind.TASK]
        if not tasks:
            return
        at = self._at()
        place = bisect_left(tasks, at) if amount < 0 else bisect_right(tasks, at) - 1
        self._move_to(tasks[min(max(0, place + amount), len(tasks) - 1)], 1)

    def action_edge(self, last: bool) -> None:
        """First or last row."""
        self._move_to(len(self._rows) - 1 if last else 0, -1 if last else 1)

    def action_fold(self, is_open: bool) -> None:
        """Unfold or go in; fold or go out."""
        if not self._rows or self.selected is None:
            return
        row = self._rows[self._at()]
        if is_open:
            if row.open is False:
                self._set_fold(row.id, True)
            elif row.open:
                self._move_to(self._at() + 1, 1)
        elif row.open and self._query is None:
            self._set_fold(row.id, False)
        else:
            for index in range(self._at() - 1, -1, -1):
                if self._rows[index].open is not None and _depth(self._rows[index]) < _depth(row):
                    self._move_to(index, -1)
                    return

    def action_turn(self) -> None:
        """Fold what is open, unfold what is folded."""
        if self._rows and self._rows[self._at()].open is not None:
            self._set_fold(self._rows[self._at()].id, not self._rows[self._at()].open)

    def _set_fold(self, row: RowId, is_open: bool) -> None:
        self._folds[row] = is_open
        self._rebuild()
        at = self._index.get(row)
        if is_open and at is not None:  # what came out is brought into sight, as far as the row itself stays there
            last = next(
                (i for i in range(at + 1, len(self._rows)) if _depth(self._rows[i]) <= _depth(self._rows[at])), None
            )
            end = len(self._rows) if last is None else last
            self.top = min(at, max(self.top, end - self.page))
        self.sync()

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        if self._at() < self.page:
            self.top = 0
        super().on_resize()
        self.reveal()

    # --- finding

    def find(self, text: str) -> None:
        """Show only what matches the text; everything again for a blank one."""
        query = Query.parse(text)
        self.query_text = text.strip()
        if query == self._query:
            return
        self._query = query
        self._rebuild()
        if query is not None:
            first = next((row.id for row in self._rows if row.id.kind is RowKind.TASK), None)
            if first is not None:
                self._select(first)
        self.reveal()

    @property
    def is_filtered(self) -> bool:
        """Whether a query hides rows."""
        return self._query is not None

    # --- the mouse

    def on_click(self, event: events.Click) -> None:
        """Select the row; a click on its fold sign folds; a second click opens a task."""
        y = event.y - 1 - len(self.pinned(self.text_width))
        index = y + self.top
        if y < 0 or event.y >= self.size.height - 1 or index >= len(self._rows):
            super().on_click(event)
            return
        event.stop()
        row = self._rows[index]
        if row.id.kind is RowKind.GAP:
            return
        was_selected = row.id == self.selected
        self._select(row.id)
        if row.open is not None and (event.x < 6 or was_selected):
            self._set_fold(row.id, not row.open)
        elif row.id.kind is RowKind.TASK and event.chain == 2:
            self.post_message(self.Opened())
        self.sync()


def _depth(row: Row) -> int:
    return {RowKind.FEATURE: 0, RowKind.BATCH: 1}.get(row.id.kind, 2)


def first_selection(snapshot: Snapshot) -> RowId | None:
    """Where the cursor begins: a running task, else one at a gate, else the first ready one of the next feature."""
    for pick in (_running, _at_gate):
        for view in snapshot.features.values():
            seq = pick(view)
            if seq:
                return RowId(RowKind.TASK, view.key, 0, seq)
    key = next_feature(snapshot)
    if not key:
        return None
    view = snapshot.features[key]
    ready = next((seq for seq, task in view.tasks.items() if isinstance(task.state, TaskReady)), "")
    return RowId(RowKind.TASK, key, 0, ready) if ready else RowId(RowKind.FEATURE, key)


def _running(view: FeatureView) -> str:
    return next((seq for seq, task in view.tasks.items() if isinstance(task.state, TaskRunning)), "")


def _at_gate(view: FeatureView) -> str:
    found = undecided(view) if view.engine not in (EngineState.IDLE, EngineState.FINISHED) else []
    return found[0].seq if found else ""
