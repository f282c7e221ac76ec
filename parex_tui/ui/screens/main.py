"""The main screen: header, tree, card, panes, gate, footer."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from parex_tui.run.snapshot import Answer, EngineState, FeatureView, TaskView
from parex_tui.tasks.text import clean

from ..actions import ACTIONS, Situation, footer_line
from ..card import card_lines, feature_lines
from ..headline import gate_lines, header_line
from ..looks import running_tasks, undecided
from ..rows import RowId, RowKind
from ..widgets.area import PaneArea, PaneKey
from ..widgets.bars import Bar
from ..widgets.find import FINDING, FindLine
from ..widgets.pane import Pane, TextPane
from ..widgets.tree import TaskTree
from .doing import ActingScreen
from .task import TaskScreen

NARROW = 100
WIDE = 160
LOW = 16
NEWS_SECONDS = 15.0


class News(NamedTuple):
    """A feature's message, when it came, and how the feature stood: what it tells of is over when that changes."""

    message: str
    since: float
    engine: EngineState
    ran: bool


class MainScreen(ActingScreen):
    """The dashboard. Everything shown comes from the app's newest snapshot; see `refresh_view`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(",".join(action.keys), action.name, action.help, priority="ctrl+p" in action.keys)
            for action in ACTIONS
            if action.keys
        ),
        Binding("shift+tab", "switch_back", "To the pane before"),
        Binding("escape", "back", "Back: clear the find line, leave the zoom, to the tree"),
        *(Binding(str(number), f"focus_number({number})", f"To {number}", show=False) for number in range(1, 10)),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-normal"), (WIDE, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (LOW, "-middle"), (30, "-high")]
        self._zoom: PaneKey | None = None
        self._two_columns: bool | None = None
        self._news: dict[str, News] = {}  # by feature
        self._answer = ("", -NEWS_SECONDS)  # what came of the last change of a file, and when
        self._awaited: tuple[str, frozenset[str]] | None = None  # a feature and its seqs, or "" and all features

    def compose(self) -> ComposeResult:
        """Header, body, gate, find line, footer."""
        yield Bar("header")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield TaskTree("tree")
                yield TextPane("card")
                yield Pane("preview")
            yield PaneArea("panes")
        yield Bar("gate")
        yield FindLine("words  status:failed  agent:coder  file:src  -not      ↑ ↓ move  enter keeps  esc clears")
        yield Bar("footer")

    def on_mount(self) -> None:
        """Begin in the tree."""
        self.is_ready = True
        self.task_tree.focus()
        self.refresh_view()

    def on_resize(self) -> None:
        """Project for the new size, once the widgets have theirs."""
        self.refresh_view()
        self.call_after_refresh(self.refresh_view)

    # --- what is where

    @property
    def task_tree(self) -> TaskTree:
        """The tree."""
        return self.query_one("#tree", TaskTree)

    @property
    def area(self) -> PaneArea:
        """The panes."""
        return self.query_one("#panes", PaneArea)

    @property
    def is_narrow(self) -> bool:
        """Whether tree and panes share the room by turns."""
        return self.size.width < NARROW

    def situation(self) -> Situation:
        """What the cursor of the tree is on."""
        return Situation(self.dashboard.snapshot, self.task_tree.feature_view(), self.task_tree.task_view())

    # --- showing

    def refresh_view(self) -> None:
        """Show the app's newest snapshot, at this moment. Repaints only lines that differ."""
        if not self.can_show:
            return
        snapshot, draw = self.dashboard.snapshot, self.dashboard.draw()
        width, height = self.size
        tree = self.task_tree
        tree.show(snapshot, draw)
        self._select_awaited()
        view, task = tree.feature_view(), tree.task_view()
        title, note = self.dashboard.project_title, self.dashboard.demo_note
        conflicts = len(self.dashboard.snapshot.conflicts)
        self.query_one("#header", Bar).show(lambda w: [header_line(view, title, w, draw, note, conflicts)], width)
        most = 7 if height >= 30 else 3 if height >= LOW else 2
        seq = task.seq if task is not None else ""
        self._hear()
        news = self._news_of(view)
        self.query_one("#gate", Bar).show(lambda w: gate_lines(view, seq, w, most, draw, news, snapshot.trouble), width)
        situation = self.situation()
        finding = self.query_one(FindLine).display
        self.query_one("#footer", Bar).show(lambda w: [FINDING if finding else footer_line(situation, w)], width)
        self._show_card(view, task)
        preview = self.query_one("#preview", Pane)
        preview.display = self.is_narrow and height >= LOW and task is not None and task.activity is not None
        if self.is_narrow:
            preview.show(task, None, draw)
            gate = self.query_one("#gate", Bar)
            gate_height = len(gate.shown()) if gate.display else 0
            spare = height - 2 - gate_height - (len(tree.rows) + 2)  # header and footer; the tree's frame
            least = 10 if height >= 30 else 5
            wanted = max(least, min(spare, preview.wanted_height, height // 2))
            if preview.styles.height is None or preview.styles.height.value != wanted:
                preview.styles.height = wanted
        area = self.area
        area.columns = 1 if width < NARROW else 2 if self._two_columns else 1
        if self._two_columns is None and width >= WIDE:
            area.columns = 2
        area.show(view, task, self._zoom, snapshot.project.root, draw)
        if self.is_narrow and self.has_class("-panes-view") and not area.order and self._zoom is None:
            self.set_class(False, "-panes-view")

    def _hear(self) -> None:
        """Note every feature's message, when it came, and whether what it tells of has passed meanwhile."""
        now, known = self.dashboard.clock(), self._news
        self._news = {}
        for view in self.dashboard.snapshot.features.values():
            old, runs = known.get(view.key), bool(view.message) and bool(running_tasks(view))
            if old is None:
                new = News(view.message, -NEWS_SECONDS, view.engine, runs)
            elif old.message != view.message:
                new = News(view.message, now, view.engine, runs)
                self.set_timer(NEWS_SECONDS + 0.1, self.refresh_view)
            elif old.engine is not view.engine or (old.ran and not runs):
                new = old._replace(since=-NEWS_SECONDS)
            else:
                new = old._replace(ran=runs)
            self._news[view.key] = new

    def hear(self, answer: Answer) -> None:
        """Shown where news are; where no feature is selected there is no such place, and a toast says it."""
        if not answer.done:
            self._awaited = None
        if self.task_tree.feature_view() is None or not answer.done:
            super().hear(answer)
        else:
            self._answer = (clean(answer.text), self.dashboard.clock())
            self.set_timer(NEWS_SECONDS + 0.1, self.refresh_view)

    def await_task(self, feature: str) -> None:
        """Select the task that will be new in a feature."""
        self._awaited = (feature, frozenset(self.dashboard.snapshot.features[feature].tasks))

    def await_feature(self) -> None:
        """Select the feature that will be new."""
        self._awaited = ("", frozenset(self.dashboard.snapshot.features))

    def _select_awaited(self) -> None:
        """Put the cursor on what was asked for, once it is there."""
        if self._awaited is None:
            return
        feature, known = self._awaited
        features = self.dashboard.snapshot.features
        view = features.get(feature)
        new = [key for key in (features if view is None else view.tasks) if key not in known]
        if new:
            self._awaited = None
            kind = RowKind.FEATURE if view is None else RowKind.TASK
            self.task_tree.select(RowId(kind, new[-1] if view is None else feature, 0, "" if view is None else new[-1]))

    def _news_of(self, view: FeatureView | None) -> str:
        """The last answer while it is new; else the feature's message, while that is: less than `NEWS_SECONDS` old."""
        text, since = self._answer
        if 0 <= self.dashboard.clock() - since < NEWS_SECONDS:
            return text.rstrip(".")
        if view is None or view.key not in self._news:
            return ""
        news = self._news[view.key]
        return news.message.rstrip(".") if 0 <= self.dashboard.clock() - news.since < NEWS_SECONDS else ""

    def _show_card(self, view: FeatureView | None, task: TaskView | None) -> None:
        card, draw = self.query_one("#card", TextPane), self.dashboard.draw()
        if view is None:
            card.show("", None, lambda w: [])
        elif task is not None:
            card.show("Task", (view.key, task.seq), lambda w: card_lines(view, task, w, draw))
        else:
            card.show("Feature", view.key, lambda w: feature_lines(view, w, draw))

    @on(TaskTree.Selected)
    def _selected(self) -> None:
        self.refresh_view()

    @on(TaskTree.Opened)
    def _opened(self) -> None:
        self.action_open()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A pane that takes the focus makes its task the selected one."""
        widget = event.widget
        if isinstance(widget, Pane) and widget.task_view is not None and widget.id != "preview":
            task = widget.task_view.task
            view = self.task_tree.feature_view()
            key = view.key if view is not None else task.feature
            self.task_tree.select(RowId(RowKind.TASK, key, 0, task.seq))

    # --- actions of this screen alone

    def action_open(self) -> None:
        """Open the selected task; fold or unfold on other rows."""
        view, task = self.task_tree.feature_view(), self.task_tree.task_view()
        if view is None or task is None:
            self.task_tree.action_turn()
        else:
            self.app.push_screen(TaskScreen(view.key, task.seq))

    def action_next_failure(self) -> None:
        """To the next task that failed or waits for a review, around the end: of this feature while it has any."""
        if self.allowed("next_failure") is None:
            return
        found = [
            RowId(RowKind.TASK, view.key, 0, task.seq)
            for view in self.dashboard.snapshot.features.values()
            for task in undecided(view)
        ]
        here = self.task_tree.selected
        near = [row for row in found if here is not None and row.feature == here.feature] or found
        self.task_tree.select(near[(near.index(here) + 1) % len(near)] if here in near else near[0])

    def action_find(self) -> None:
        """Open the find line; the tree, which shows what is found, comes in sight."""
        if self._zoom is not None:
            self._set_zoom(None)
        self.set_class(False, "-panes-view")
        self.query_one(FindLine).open()
        self.refresh_view()

    @on(FindLine.Changed, "#find")
    def _find_changed(self, event: FindLine.Changed) -> None:
        self.task_tree.find(event.value)
        self.refresh_view()

    @on(FindLine.Moved)
    def _find_moved(self, event: FindLine.Moved) -> None:
        self.task_tree.move_found(event.amount)

    @on(FindLine.Submitted, "#find")
    def _find_submitted(self) -> None:
        self.query_one(FindLine).display = False
        self.task_tree.focus()
        self.refresh_view()

    def action_zoom(self) -> None:
        """One pane gets all the room; again: as before. From the tree it is the selected task's."""
        if self._zoom is not None:
            self._set_zoom(None)
            return
        view, task = self.task_tree.feature_view(), self.task_tree.task_view()
        if view is None or task is None or (task.activity is None and not task.attempts):
            self.say("Nothing to zoom: this task has no output.")
            return
        self._set_zoom(PaneKey(view.key, task.seq))

    def _set_zoom(self, key: PaneKey | None) -> None:
        self._zoom = key
        self.set_class(key is not None, "-zoomed")
        self.refresh_view()
        pane = self.area.pane_of(key) if key is not None else None
        if pane is not None:
            pane.focus()
        elif not self.has_class("-panes-view"):
            self.task_tree.focus()
        self.call_after_refresh(self.refresh_view)

    def action_layout(self) -> None:
        """Panes in one column or two."""
        if self.is_narrow:
            self.say("Two columns need a wider terminal.")
            return
        self._two_columns = self.area.columns == 1
        self.refresh_view()

    def action_switch(self) -> None:
        """To the next of tree and panes; where it is narrow, between the tree and the panes."""
        self._cycle(1)

    def action_switch_back(self) -> None:
        """To the one before."""
        self._cycle(-1)

    def _cycle(self, step: int) -> None:
        if self._zoom is not None:
            return
        stops: list[Widget] = [self.task_tree, *self.area.panes]
        if len(stops) == 1:
            self.say("No task runs and none needs you: there is no pane.")
            return
        at = stops.index(self.focused) if self.focused in stops else 0
        self._go_to(stops[(at + step) % len(stops)])

    def _go_to(self, widget: Widget) -> None:
        self.set_class(self.is_narrow and widget is not self.task_tree, "-panes-view")
        widget.focus()
        self.call_after_refresh(self.refresh_view)

    def action_focus_number(self, number: int) -> None:
        """To the tree (1) or the pane with that number."""
        stops: list[Widget] = [self.task_tree, *self.area.panes]
        if self._zoom is not None:
            self._set_zoom(None)
            stops = [self.task_tree, *self.area.panes]
        if number <= len(stops):
            self._go_to(stops[number - 1])

    def action_back(self) -> None:
        """One step back: the find line, the zoom, the query, the focus."""
        find = self.query_one(FindLine)
        if find.display or self.task_tree.is_filtered:
            find.clear_and_close()
            self.task_tree.find("")
            self.task_tree.focus()
            self.refresh_view()
        elif self._zoom is not None:
            self._set_zoom(None)
        else:
            self._go_to(self.task_tree)
