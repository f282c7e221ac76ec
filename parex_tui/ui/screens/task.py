"""One task, opened: what its agent did, every field, the raw JSON, the attempts, the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from parex_tui.run.snapshot import AttemptView, FeatureView, TaskView
from parex_tui.tasks.problems import Problem

from ..actions import ACTIONS, BY_NAME, Situation, label, refusal
from ..attempts import attempt_lines
from ..files import Listing, Stop, listing, mark_lines, read_shown
from ..headline import header_line
from ..lines import BLANK, Line, Role, Span, width_of
from ..looks import look
from ..overview import overview
from ..references import Reference, references
from ..widgets.bars import Bar
from ..widgets.find import FINDING, FindLine
from ..widgets.pane import Pane
from ..widgets.reader import Reader
from .doing import ActingScreen

TABS: Final = ("Output", "Overview", "JSON", "Attempts", "Prompt")
_ACTIONS: Final = (
    "run_or_retry",
    "stop",
    "accept",
    "skip",
    "reset",
    "edit",
    "change",
    "undo",
    "problems",
    "commands",
    "help",
    "quit",
)
_FOOTER: Final = ("run_or_retry", "stop", "accept", "reset", "edit", "help")
_LOOK_SECONDS: Final = 2.0
"""How long what the disk says of a task's files is taken for true."""


class TaskScreen(ActingScreen):
    """The screen of one task. Left and right or the digits change the tab; esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("right,l,tab", "tab(1)", "Next tab", key_display="l →"),
        Binding("left,h,shift+tab", "tab(-1)", "Tab before", key_display="h ←"),
        *(Binding(str(index + 1), f"go({index})", name) for index, name in enumerate(TABS)),
        Binding("enter", "use", "Open the chosen file, go to the chosen task, show the chosen attempt's raw output"),
        Binding("slash", "search", "Find in this text"),
        Binding("n", "next_found(1)", "To the next place found"),
        Binding("N", "next_found(-1)", "To the place found before"),
        Binding("exclamation_mark", "next_fault", "To the next problem in the JSON"),
        *(
            Binding(",".join(action.keys), action.name, action.help, priority="ctrl+p" in action.keys)
            for action in ACTIONS
            if action.name in _ACTIONS and action.keys
        ),
    ]

    def __init__(self, feature: str, seq: str, tab: int | None = None) -> None:
        super().__init__()
        self._feature, self._seq, self._first_tab = feature, seq, tab
        self.tab_index = 0
        self._chosen = 0
        self._raw: AttemptView | None = None
        self._file_key: object = None
        self._file: tuple[list[str], str] = ([], "")
        self._refs_key: object = None
        self._refs: tuple[Reference, ...] = ()
        self._listing_key: object = None
        self._listing = Listing((), (), (), ())
        self._needle = ""
        self._found: tuple[Stop, ...] = ()

    def compose(self) -> ComposeResult:
        """Header, tabs, the output or a reader, footer."""
        yield Bar("header")
        yield Bar("tabs")
        yield Pane("output", output_lines=40)
        yield Reader()
        yield FindLine("text to find      ↑ ↓ go through  enter keeps  esc clears")
        yield Bar("footer")

    def on_mount(self) -> None:
        """Output first where there is some, else the overview."""
        self.is_ready = True
        task = self.situation().task
        begins = 0 if task is not None and task.activity is not None else 1
        self.action_go(begins if self._first_tab is None else self._first_tab)

    def on_resize(self) -> None:
        """Project for the new size."""
        self.call_after_refresh(self.refresh_view)

    def situation(self) -> Situation:
        """Always this task."""
        snapshot = self.dashboard.snapshot
        view = snapshot.features.get(self._feature)
        return Situation(snapshot, view, view.tasks.get(self._seq) if view is not None else None)

    # --- showing

    def refresh_view(self) -> None:
        """Show the newest snapshot."""
        if not self.can_show:
            return
        situation, draw = self.situation(), self.dashboard.draw()
        view, task = situation.feature, situation.task
        width = self.size.width
        title, note = self.dashboard.project_title, self.dashboard.demo_note
        conflicts = len(self.dashboard.snapshot.conflicts)
        self.query_one("#header", Bar).show(lambda w: [header_line(view, title, w, draw, note, conflicts)], width)
        self.query_one("#tabs", Bar).show(lambda w: [self._tab_line(task)], width)
        finding = self.query_one(FindLine).display
        self.query_one("#footer", Bar).show(lambda w: [FINDING if finding else self._footer_line(situation, w)], width)
        pane, reader = self.query_one("#output", Pane), self.query_one(Reader)
        if task is None or view is None:
            pane.display, reader.display = False, True
            reader.show("", "", [Line((Span("This task is gone: its file is no longer there.", Role.WARN),))])
            return
        if self.tab_index == 0:
            pane.show(task, None, draw)
        else:
            self._show_reader(reader, view, task)

    def _show_reader(self, reader: Reader, view: FeatureView, task: TaskView) -> None:
        draw, width = self.dashboard.draw(), reader.text_width
        name = TABS[self.tab_index]
        reader.chooses = name == "Attempts" and self._raw is None and len(task.attempts) > 1
        root = self.dashboard.snapshot.project.root
        if name == "Overview":
            shown = overview(view, task, self._look_up(task), root, width, draw)
            lines, self._found = mark_lines(shown.lines, self._needle)
            reader.show("Overview", self._found_note(), lines, shown.items)
        elif name == "JSON":
            key = (task.task.path, task.task.digest, task.task.modified, task.task.updating)
            if key != self._file_key:
                self._file_key, self._file = key, read_shown(task.task.path, root)
            rows, note = self._file
            heading = task.task.path.name if task.task.path.name.isprintable() else task.seq
            self._show_listing(reader, heading, rows, note, task.task.problems, colour=True)
        elif name == "Attempts":
            self._show_attempts(reader, task, width)
        else:
            attempt = task.attempts[-1] if task.attempts else None
            rows, note = ([], "no attempt has been made yet") if attempt is None else read_shown(attempt.prompt)
            heading = "Prompt" if attempt is None else f"Prompt of attempt {attempt.number}"
            self._show_listing(reader, heading, rows, note, (), colour=False)

    def _show_attempts(self, reader: Reader, task: TaskView, width: int) -> None:
        if self._raw is None:
            self._chosen = min(self._chosen, max(0, len(task.attempts) - 1))
            lines = attempt_lines(task, self._chosen, width, self.dashboard.draw())
            marked, self._found = mark_lines(lines, self._needle)
            reader.show("Attempts", self._found_note(), marked)
            return
        rows, note = read_shown(self._raw.output, tail=True)
        self._show_listing(reader, f"Raw output of attempt {self._raw.number}", rows, note, (), colour=True)

    def _show_listing(
        self, reader: Reader, heading: str, rows: list[str], note: str, problems: tuple[Problem, ...], *, colour: bool
    ) -> None:
        """A file with numbers; made again only where something of it changed."""
        sign = self.dashboard.draw().glyphs.unreadable
        key = (rows, reader.text_width, problems, sign, colour, self._needle)
        if key != self._listing_key:
            self._listing_key = key
            self._listing = listing(rows, reader.text_width, problems, sign, colour=colour, needle=self._needle)
            mark = reader.mark
            if mark is not None:  # the same row is on other lines now
                places = (*self._listing.faults, *self._listing.found)
                reader.go_to(next((stop for stop in places if stop.row == mark.row), None))
        self._found = self._listing.found
        notes = [note if rows else "", self._found_note()]
        reader.show(
            heading, "   ".join(one for one in notes if one), (*self._listing.lines, *([] if rows else _nothing(note)))
        )

    def _look_up(self, task: TaskView) -> tuple[Reference, ...]:
        """What the disk says of the files that the task names; looked at again after a while."""
        key = (task.task.digest, id(task.task), self.dashboard.clock() // _LOOK_SECONDS)
        if key != self._refs_key:
            self._refs_key, self._refs = key, references(task.task, self.dashboard.snapshot.project.root)
        return self._refs

    def _found_note(self) -> str:
        """Where among the places found the mark stands."""
        if not self._needle:
            return ""
        mark = self.query_one(Reader).mark
        place = next((number for number, stop in enumerate(self._found, 1) if mark == stop), 0)
        return (
            f"find {self._needle}  {place} of {len(self._found)}" if self._found else f"find {self._needle}  not here"
        )

    def _tab_line(self, task: TaskView | None) -> Line:
        spans = [Span(" ")]
        for index, name in enumerate(TABS):
            role = Role.ACCENT if index == self.tab_index else Role.SOFT
            spans += [Span(f" {index + 1} ", Role.DIM, str(index + 1)), Span(f"{name}  ", role, str(index + 1))]
        if task is not None:
            draw = self.dashboard.draw()
            seen = look(task, draw)
            state = [Span(f"{draw.glyphs.of(seen.sign)} {task.task.seq} {seen.word}", seen.role)]
            room = self.size.width - width_of(spans) - width_of(state) - 1
            if room > 0:
                spans += [Span(" " * room), *state]
        return Line(tuple(spans))

    def _footer_line(self, situation: Situation, width: int) -> Line:
        names = list(_FOOTER)
        if refusal("reset", situation):
            names.remove("reset")
        own = self._own_keys()
        chosen = self.query_one(Reader).item is not None  # enter opens another file then
        while True:
            spans = [Span(" esc", Role.KEY, "escape"), Span(" back ", Role.SOFT, "escape")]
            spans += [Span(" ← →", Role.KEY, "right"), Span(" tab ", Role.SOFT, "right")]
            for shown, text, key in own:
                spans += [Span(f" {shown}", Role.KEY, key), Span(f" {text} ", Role.SOFT, key)]
            for name in names:
                action = BY_NAME[name]
                off = bool(refusal(name, situation))
                spans.append(Span(f" {action.key}", Role.DIM if off else Role.KEY, action.keys[0]))
                text = "edit JSON" if name == "edit" and chosen else label(action, situation)
                spans.append(Span(f" {text} ", Role.DIM if off else Role.SOFT, action.keys[0]))
            if width_of(spans) <= width or len(names) == 1:
                return Line(tuple(spans))
            names.pop(-2)

    def _own_keys(self) -> list[tuple[str, str, str]]:
        """What this tab's own keys do now: as shown, in words, the key."""
        reader = self.query_one(Reader)
        if TABS[self.tab_index] == "Overview":
            item = reader.item
            if item is None:
                return [("↑ ↓", "choose", "down")]
            return [("enter", f"to {item.seq}" if item.seq else "open file", "enter")]
        if TABS[self.tab_index] == "JSON" and self._listing.faults:
            return [("!", "next problem", "exclamation_mark")]
        return [("n N", "found", "n")] if self._needle else []

    # --- moving about

    def action_go(self, index: int) -> None:
        """To one tab."""
        self.tab_index, self._raw = index, None
        pane, reader = self.query_one("#output", Pane), self.query_one(Reader)
        pane.display, reader.display = index == 0, index != 0
        reader.restart()
        self._forget_search()
        (reader if index else pane).focus()
        self.refresh_view()
        self.call_after_refresh(self.refresh_view)

    def action_tab(self, amount: int) -> None:
        """To the next tab, or the one before."""
        self.action_go((self.tab_index + amount) % len(TABS))

    def choose(self, amount: int) -> None:
        """Choose another attempt."""
        task = self.situation().task
        last = len(task.attempts) - 1 if task is not None else 0
        self._chosen = min(max(0, self._chosen + amount), max(0, last))
        self.refresh_view()

    @on(Reader.Moved)
    def _moved(self, event: Reader.Moved) -> None:
        self.choose(event.amount)

    @on(Reader.Chosen)
    def _item_chosen(self) -> None:
        self.refresh_view()

    @on(Reader.Used)
    async def _item_used(self) -> None:
        await self.action_use()

    async def action_use(self) -> None:
        """Whatever is chosen: a file opens, a task is gone to, an attempt shows its raw output."""
        task, item = self.situation().task, self.query_one(Reader).item
        if task is None:
            return
        name = TABS[self.tab_index]
        if name == "Attempts" and task.attempts and self._raw is None:
            self._raw = task.attempts[::-1][self._chosen]
            self._forget_search()
            self.refresh_view()
            self.query_one(Reader).action_edge(True)
        elif name == "Overview" and item is not None and item.seq:
            self.app.push_screen(TaskScreen(self._feature, item.seq, TABS.index("Overview")))
        elif name == "Overview" and item is not None and item.reference is not None:
            await self._open(item.reference)

    async def _open(self, reference: Reference) -> None:
        """Open a file that the task names, as it is on the disk now."""
        if reference.path is None:
            self.say(reference.refusal)
        else:
            await self.dashboard.open_file(reference.path, reference.line)

    async def action_edit(self) -> None:
        """Open the task's JSON, at the problem or the place found that is gone to."""
        situation = self.allowed("edit")
        if situation is not None and situation.task is not None:
            await self.dashboard.open_file(situation.task.task.path, self._line())

    def _line(self) -> int | None:
        """The line of the JSON at which the editor begins; None where no line is better than another."""
        if TABS[self.tab_index] != "JSON":
            return None
        reader = self.query_one(Reader)
        if reader.mark is not None:
            return reader.mark.row
        if self._listing.faults:
            return self._listing.faults[0].row
        return self._listing.row_at(reader.top) if reader.top else None

    # --- problems and finding

    def action_next_fault(self) -> None:
        """To the next problem of the file, around the end; from another tab to the first."""
        task = self.situation().task
        if task is None or not task.task.problems:
            self.say("Nothing is wrong in this task's file.")
            return
        if TABS[self.tab_index] != "JSON":
            self.action_go(TABS.index("JSON"))
            self.call_after_refresh(lambda: self._go_on(self._listing.faults, 1))  # once it has its size
        else:
            self._go_on(self._listing.faults, 1)

    def action_search(self) -> None:
        """Open the find line of this screen."""
        if TABS[self.tab_index] == "Output":
            self.say("Finding works in the other tabs; enter on an attempt shows its raw output.")
            return
        self.query_one(FindLine).open()
        self.refresh_view()

    @on(FindLine.Changed, "#find")
    def _search_changed(self, event: FindLine.Changed) -> None:
        self._needle = event.value.strip()
        self.query_one(Reader).go_to(None)
        self.refresh_view()
        self._go_on(self._found, 1)

    @on(FindLine.Moved)
    def _search_moved(self, event: FindLine.Moved) -> None:
        self._go_on(self._found, event.amount)

    @on(FindLine.Submitted, "#find")
    def _search_submitted(self) -> None:
        self.query_one(FindLine).display = False
        self.query_one(Reader).focus()
        self.refresh_view()

    def action_next_found(self, amount: int) -> None:
        """To another place found."""
        if not self._needle:
            self.say("Find something first, with /.")
        else:
            self._go_on(self._found, amount)

    def _go_on(self, stops: Sequence[Stop], amount: int) -> None:
        """To the next of some places, around the end: from the one gone to last, else from what is in sight."""
        if not stops:
            return
        reader = self.query_one(Reader)
        if reader.mark in stops:
            place = stops.index(reader.mark) + amount
        else:
            at = reader.mark.first if reader.mark is not None else reader.top
            after = next((number for number, stop in enumerate(stops) if stop.first >= at), 0)
            place = after if amount > 0 else after - 1
        reader.go_to(stops[place % len(stops)])
        self.refresh_view()

    def _forget_search(self) -> None:
        self._needle, self._found = "", ()
        self.query_one(FindLine).clear_and_close()

    def action_back(self) -> None:
        """One step back: the find line, then from raw output to the attempts, then to the screen before."""
        reader = self.query_one(Reader)
        if self._needle or self.query_one(FindLine).display:
            self._forget_search()
            reader.go_to(None)
            (reader if self.tab_index else self.query_one("#output", Pane)).focus()
            self.refresh_view()
        elif self._raw is not None:
            self._raw = None
            reader.restart()
            self.refresh_view()
        elif self.is_current:  # keys may come faster than it closes
            self.app.pop_screen()


def _nothing(note: str) -> list[Line]:
    return [BLANK, Line((Span(f"Nothing to show: {note or 'it is empty'}.", Role.DIM),))]
