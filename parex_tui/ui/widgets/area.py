"""The right side: one pane per running task, then those that need a person; in one column or two."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from parex_tui.run.snapshot import FeatureView, TaskView

from ..looks import Draw
from ..panes import pane_heights, pane_seqs
from ..planview import plan_lines, plan_title
from .pane import Pane, TextPane

LEAST = 5
"""Rows of the smallest pane, its frame included."""


class PaneKey(NamedTuple):
    """Which task a pane shows."""

    feature: str
    seq: str


class PaneArea(VerticalScroll, can_focus=False):
    """Panes come and go with the tasks; each keeps its scroll position and focus by its task's identity."""

    def __init__(self, dom_id: str | None = None) -> None:
        super().__init__(id=dom_id)
        self._panes: dict[PaneKey, Pane] = {}
        self._order: list[PaneKey] = []
        self._shape: tuple[int, ...] = ()
        self.columns = 1

    def compose(self) -> ComposeResult:
        """Where nothing runs, the plan stands here."""
        yield TextPane("plan")

    def show(
        self, view: FeatureView | None, selected: TaskView | None, only: PaneKey | None, root: Path, draw: Draw
    ) -> None:
        """Take the newest state. `only`: the one pane that has all the room, where a person zoomed."""
        keys = [PaneKey(view.key, seq) for seq in pane_seqs(view)] if view is not None else []
        if view is not None and not keys and selected is not None and selected.activity is not None:
            keys = [PaneKey(view.key, selected.seq)]
        numbers = {key: index + 2 for index, key in enumerate(keys)}
        if only is not None:
            keys = [only]
        self._set(keys)
        for key, pane in self._panes.items():
            task = view.tasks.get(key.seq) if view is not None else None
            pane.show(task, numbers.get(key), draw)
        plan = self.query_one("#plan", TextPane)
        plan.display = not keys
        if not keys:
            plan.show(plan_title(view), view.key if view is not None else "", lambda w: plan_lines(view, root, w, draw))
        self._arrange()

    def _set(self, keys: list[PaneKey]) -> None:
        """Mount the panes that are new, remove the ones whose task needs none any more, keep the order."""
        for key in [key for key in self._panes if key not in keys]:
            pane = self._panes.pop(key)
            pane.display = False
            pane.remove()
        new = [key for key in keys if key not in self._panes]
        for key in new:
            self._panes[key] = Pane()
        if new:
            self.mount(*(self._panes[key] for key in new))
        if keys != self._order:
            self._order = keys
            place = {id(self._panes[key]): index for index, key in enumerate(keys)}
            self.sort_children(key=lambda child: place.get(id(child), -1))

    def _arrange(self) -> None:
        """Share the height: an ended attempt gets no more than its output needs."""
        count = max(1, len(self._order))
        columns = min(self.columns, count)
        rows = -(-count // columns)
        wants: list[int | None] = [None] * rows
        for row in range(rows):
            part = [self._panes[key] for key in self._order[row * columns : (row + 1) * columns]]
            if part and not any(pane.is_live for pane in part):
                wants[row] = max(pane.wanted_height for pane in part)
        heights = pane_heights(wants, self.size.height, LEAST)
        shape = (columns, count, *heights)
        if shape != self._shape and self.size.height:
            self._shape = shape
            self.styles.grid_size_columns = columns
            for index, key in enumerate(self._order):
                alone = columns == 2 and index == count - 1 and count % 2
                self._panes[key].styles.column_span = 2 if alone else 1
            self.styles.grid_rows = " ".join(str(height) for height in heights)

    @property
    def panes(self) -> list[Pane]:
        """The panes, in order."""
        return [self._panes[key] for key in self._order]

    @property
    def order(self) -> list[PaneKey]:
        """Which tasks have a pane, in order."""
        return list(self._order)

    def pane_of(self, key: PaneKey) -> Pane | None:
        """The pane of a task."""
        return self._panes.get(key)

    def on_resize(self) -> None:
        """Share the new height."""
        self._shape = ()
        self._arrange()
