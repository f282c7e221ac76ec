"""All that is wrong in the task files of a project, with what can be done about each."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from parex_tui.run.snapshot import Answer, Command, Do, Snapshot
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.repair import Repair, find_repair, repair_counts, repairs_of
from parex_tui.tasks.text import clean

from .. import words
from ..actions import ACTIONS, Situation
from ..headline import header_line
from ..lines import BLANK, Line, Role, Span, cut, width_of
from ..looks import Draw
from ..problemlist import Item, Kind, counted, item_lines, problem_items
from ..theme import painted
from ..widgets.bars import Bar
from ..widgets.base import FramedWidget
from .doing import ActingScreen
from .repair import RepairScreen
from .task import TaskScreen

_ACTIONS: Final = ("undo", "commands", "help", "quit")


class ProblemList(FramedWidget, can_focus=True):
    """The problems, grouped; a cursor that stays on its problem while others come and go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", key_display="j ↓"),
        Binding("k,up", "move(-1)", "Up", key_display="k ↑"),
        Binding("pagedown,ctrl+d", "move(8)", "Further down", key_display="pgdn"),
        Binding("pageup,ctrl+u", "move(-8)", "Further up", key_display="pgup"),
        Binding("g,home", "move(-1000000)", "First", key_display="g"),
        Binding("G,end", "move(1000000)", "Last", key_display="G"),
    ]

    class Moved(Message):
        """The cursor is on another problem."""

    def __init__(self) -> None:
        super().__init__("problems")
        self._snapshot: Snapshot | None = None
        self._draw: Draw | None = None
        self._items: list[Item] = []
        self._identity: tuple[object, ...] = ()
        self._made: tuple[object, ...] = ()
        self._rows: list[tuple[Line, int]] = []  # every line, and the index of its item
        self.unfolded: set[str] = set()

    # --- what is there

    def show(self, snapshot: Snapshot, draw: Draw) -> None:
        """Take the newest snapshot."""
        self._snapshot, self._draw = snapshot, draw
        self._renew()
        self.sync()

    def _renew(self) -> None:
        """Make the items and lines anew where anything that they show has changed."""
        if self._snapshot is None or self._draw is None:
            return
        width = self.text_width
        made = (self._snapshot.version, width, frozenset(self.unfolded), self._draw.glyphs)
        if made == self._made:
            return
        self._made = made
        at = self.at
        self._items = problem_items(self._snapshot, self.unfolded)
        if all(one.identity != self._identity for one in self._items):
            near = [index for index, one in enumerate(self._items) if one.kind is not Kind.HEADING]
            found = min(near, key=lambda index: abs(index - at), default=None)
            self._identity = self._items[found].identity if found is not None else ()
        self._rows = []
        for index, item in enumerate(self._items):
            rows = item_lines(item, self._snapshot, width, self._draw)
            self._rows += [(row, index) for row in (rows if self._rows else [row for row in rows if row != BLANK])]

    @property
    def at(self) -> int:
        """The index of the item under the cursor."""
        return next((index for index, one in enumerate(self._items) if one.identity == self._identity), 0)

    @property
    def here(self) -> Item | None:
        """The item under the cursor."""
        item = self._items[self.at] if self._items else None
        return None if item is None or item.kind is Kind.HEADING else item

    def go_to_group(self, group: str) -> None:
        """Put the cursor on the first problem of a feature, where it has one that is more than a note."""
        wanted = (Kind.CONFLICT, Kind.PROBLEM)
        found = next((one for one in self._items if one.group == group and one.kind in wanted), None)
        if found is not None:
            self._identity = found.identity
            self.reveal()

    def turn(self, group: str) -> None:
        """Fold the notes of a group, or unfold them."""
        self.unfolded ^= {group}
        self._renew()
        self.reveal()

    # --- painting

    def title(self) -> Sequence[Span]:
        """What is shown, and how much of it."""
        found = counted(self._snapshot) if self._snapshot is not None else {}
        names = ((Severity.ERROR, "error", Role.BAD), (Severity.WARNING, "warning", Role.WARN))
        spans = [Span("Problems", Role.ACCENT)]
        for severity, name, role in (*names, (Severity.NOTE, "note", Role.DIM)):
            if found.get(severity):
                spans.append(Span(f"  {words.plural(found[severity], name)}", role))
        return spans

    def body_length(self, width: int) -> int:
        """All lines; one that says so where there is none."""
        return len(self._rows) or 1

    def body_line(self, index: int, width: int) -> Line:
        """One line; every line of the item under the cursor is marked."""
        if not self._rows:
            sign = painted(self).glyphs.done
            return Line((Span(f"{sign} ", Role.OK), Span("Nothing is wrong in the task files.", Role.SOFT)))
        line, item = self._rows[index]
        return line._replace(selected=item == self.at and self._items[item].kind is not Kind.HEADING)

    # --- moving

    def reveal(self) -> None:
        """Scroll so that the item under the cursor is seen, with the heading above the first of a group."""
        rows = [index for index, (_, item) in enumerate(self._rows) if item == self.at]
        if rows:
            first = rows[0]
            while first and self._items[self._rows[first - 1][1]].kind is Kind.HEADING:
                first -= 1
            if first < self.top or rows[-1] >= self.top + self.page:
                self.top = first if first < self.top else min(rows[0], rows[-1] - self.page + 1)
        self.sync()

    def _go(self, index: int, step: int) -> None:
        while 0 <= index < len(self._items) and self._items[index].kind is Kind.HEADING:
            index += step
        if 0 <= index < len(self._items):
            self._identity = self._items[index].identity
            self.reveal()
            self.post_message(self.Moved())

    def action_move(self, amount: int) -> None:
        """To another problem."""
        last = len(self._items) - 1
        index = min(max(0, self.at + amount), max(0, last))
        self._go(index, 1 if amount > 0 or index == 0 else -1)

    def on_resize(self) -> None:
        """Wrap for the new size."""
        self._renew()
        super().on_resize()
        self.reveal()

    def on_click(self, event: events.Click) -> None:
        """Select; a second click opens."""
        index = event.y - 1 + self.top
        if 0 < event.y < self.size.height - 1 and 0 <= index < len(self._rows):
            event.stop()
            item = self._rows[index][1]
            if self._items[item].kind is not Kind.HEADING:
                self._go(item, 1)
                if event.chain == 2 or self._items[item].kind is Kind.NOTES:
                    self.app.simulate_key("enter")


class ProblemsScreen(ActingScreen):
    """Problems of all features. `feature`: whose problems to begin with, "" for the first ones."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,P", "back", "Back", key_display="esc"),
        Binding("enter", "open", "Open the task; fold or unfold notes"),
        Binding("e", "edit", "Open the file at the line in $VISUAL or $EDITOR"),
        Binding("f", "fix", "See what a repair would change, and write it"),
        Binding("F", "fix_all", "All repairs of the feature at once (asks)"),
        Binding("i", "insist", "Of two values, write yours again"),
        Binding("y", "yield", "Of two values, leave theirs"),
        *(
            Binding(",".join(action.keys), action.name, action.help, priority="ctrl+p" in action.keys)
            for action in ACTIONS
            if action.name in _ACTIONS
        ),
    ]

    def __init__(self, feature: str = "") -> None:
        super().__init__()
        self._feature = feature
        self._note = Answer(0, "", True)

    def compose(self) -> ComposeResult:
        """Header, problems, what was answered, keys."""
        yield Bar("header")
        yield ProblemList()
        yield Bar("note-line")
        yield Bar("footer")

    def on_mount(self) -> None:
        """Begin at the feature that was selected."""
        self.is_ready = True
        self.problem_list.focus()
        self.refresh_view()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.problem_list.go_to_group(self._feature)
        self.refresh_view()

    def on_resize(self) -> None:
        """Project for the new size."""
        self.call_after_refresh(self.refresh_view)

    @property
    def problem_list(self) -> ProblemList:
        """The problems."""
        return self.query_one(ProblemList)

    def situation(self) -> Situation:
        """The feature and the task of the problem under the cursor."""
        snapshot, item = self.dashboard.snapshot, self.problem_list.here
        view = snapshot.features.get(item.group) if item is not None else None
        return Situation(snapshot, view, view.tasks.get(item.seq) if view is not None and item is not None else None)

    def hear(self, answer: Answer) -> None:
        """Shown above the keys."""
        self._note = answer

    # --- showing

    def refresh_view(self) -> None:
        """Show the newest snapshot."""
        if not self.can_show:
            return
        snapshot, draw, width = self.dashboard.snapshot, self.dashboard.draw(), self.size.width
        self.problem_list.show(snapshot, draw)
        view = self.situation().feature
        title, note = self.dashboard.project_title, self.dashboard.demo_note
        conflicts = len(self.dashboard.snapshot.conflicts)
        self.query_one("#header", Bar).show(lambda w: [header_line(view, title, w, draw, note, conflicts)], width)
        said = [Span(f" {cut(clean(self._note.text), width - 2)}", Role.SOFT if self._note.done else Role.WARN)]
        self.query_one("#note-line", Bar).show(lambda w: [Line(tuple(said))] if self._note.text else [], width)
        self.query_one("#footer", Bar).show(lambda w: [self._footer_line(w)], width)

    def on_problem_list_moved(self) -> None:
        """Other keys may work there."""
        self.refresh_view()

    def _footer_line(self, width: int) -> Line:
        item = self.problem_list.here
        pairs = [("escape", "esc", "back")]
        if item is not None and item.conflict is not None:
            pairs += [("i", "i", "write yours again"), ("y", "y", "leave theirs"), ("e", "e", "edit")]
        elif item is not None and item.kind is Kind.NOTES:
            pairs += [("enter", "enter", "fold" if item.open else "unfold"), ("F", "F", "fix all of the feature")]
        elif item is not None:
            pairs += [("f", "f", "fix"), ("F", "F", "fix all of the feature"), ("e", "e", "edit")]
            pairs += [("enter", "enter", "open")] if item.seq else []
        pairs += [("U", "U", "undo")] if self.dashboard.snapshot.undo else []
        pairs.append(("question_mark", "?", "keys"))
        while True:
            spans: list[Span] = []
            for key, shown, label in pairs:
                spans += [Span(f" {shown}", Role.KEY, key), Span(f" {label} ", Role.SOFT, key)]
            if width_of(spans) <= width or len(pairs) <= 2:
                return Line(tuple(spans))
            pairs.pop(-2)

    # --- keys

    def action_back(self) -> None:
        """To where it was opened from."""
        if self.is_current:
            self.dismiss(None)

    def action_open(self) -> None:
        """The task of the problem; the notes of a group."""
        item = self.problem_list.here
        if item is None:
            return
        if item.kind is Kind.NOTES:
            self.problem_list.turn(item.group)
            self.refresh_view()
        elif item.seq:
            self.app.push_screen(TaskScreen(item.group, item.seq))
        else:
            self.say("This is no problem of a task: e opens the file.")

    async def action_edit(self) -> None:
        """The file, at the line."""
        path, line = self._place()
        if path is not None:
            await self.dashboard.open_file(path, line)

    def _place(self) -> tuple[Path | None, int | None]:
        item = self.problem_list.here
        if item is not None and item.conflict is not None:
            return item.conflict.path, None
        if item is None or item.problem is None:
            self.say("Select a problem first.")
            return None, None
        return item.problem.path, item.problem.line

    async def action_fix(self) -> None:
        """What a repair of this file would change."""
        path, _ = self._place()
        item = self.problem_list.here
        if path is None or item is None:
            return
        view = self.dashboard.snapshot.features.get(item.group)

        def find(file: Path) -> Repair | None:
            data = read(file).data
            found = find_repair(file, data)
            if found is None and view is not None and file == view.feature.task_json:
                found = repair_counts(view.feature, data)
            return found

        try:
            found = await asyncio.to_thread(find, path)
        except UnreadableError as error:
            self.say(f"{path.name} {error}.")
            return
        self._offer([found] if found is not None else [], item.group, "No repair is known for this: e opens the file.")

    async def action_fix_all(self) -> None:
        """What all repairs of the feature would change."""
        item = self.problem_list.here
        view = self.dashboard.snapshot.features.get(item.group) if item is not None else None
        if view is None:
            self.say("Select a problem of a feature first.")
            return
        found = await asyncio.to_thread(repairs_of, view.feature)
        self._offer(list(found), view.key, "No repair is known for what is wrong in this feature.")

    def _offer(self, repairs: Sequence[Repair], group: str, none: str) -> None:
        if not repairs:
            self.say(none)
            return
        if group not in self.dashboard.snapshot.features:
            self.say("This file belongs to no feature.")
            return

        def decided(answer: bool | None) -> None:
            if answer:
                for one in repairs:
                    digest = hashlib.sha256(one.before).hexdigest()
                    self.send(Command(Do.REPAIR, group, path=one.path, digest=digest))

        self.app.push_screen(RepairScreen(repairs, self.dashboard.snapshot.project.root), decided)

    def action_insist(self) -> None:
        """Write our value again."""
        self._decide(Do.INSIST)

    def action_yield(self) -> None:
        """Leave their value."""
        self._decide(Do.YIELD)

    def _decide(self, verb: Do) -> None:
        item = self.problem_list.here
        if item is None or item.conflict is None:
            self.say("Select a field that was changed by two at once.")
        else:
            self.send(Command(verb, "", note=str(item.conflict.number)))
