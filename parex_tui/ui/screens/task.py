"""One task, opened: what its agent did, every field, the raw JSON, the attempts, the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from parex_tui.run.snapshot import AttemptView, FeatureView, TaskView

from ..actions import ACTIONS, BY_NAME, Situation, label, refusal
from ..attempts import attempt_lines
from ..card import overview_lines
from ..files import numbered, read_shown
from ..headline import header_line
from ..lines import BLANK, Line, Role, Span, width_of
from ..looks import look
from ..widgets.bars import Bar
from ..widgets.base import FramedWidget
from ..widgets.pane import Pane
from .doing import ActingScreen

TABS: Final = ("Output", "Overview", "JSON", "Attempts", "Prompt")
_ACTIONS: Final = (
    "run_or_retry",
    "stop",
    "accept",
    "skip",
    "reset",
    "edit",
    "commands",
    "help",
    "quit",
)
_FOOTER: Final = ("run_or_retry", "stop", "accept", "edit", "help")


class Reader(FramedWidget, can_focus=True):
    """Scrolls over given lines."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_by(1)", "Down, or the next attempt", key_display="j ↓"),
        Binding("k,up", "scroll_by(-1)", "Up, or the attempt before", key_display="k ↑"),
        Binding("pagedown,ctrl+d,space", "page_by(1)", "Page down", key_display="pgdn"),
        Binding("pageup,ctrl+u", "page_by(-1)", "Page up", key_display="pgup"),
        Binding("g,home", "edge(False)", "Top", key_display="g"),
        Binding("G,end", "edge(True)", "Bottom", key_display="G"),
    ]

    def __init__(self) -> None:
        super().__init__("reader")
        self._rows: Sequence[Line] = ()
        self._heading = ""
        self._note = ""
        self.chooses = False
        """Whether up and down choose among attempts; the screen then handles them."""

    def show(self, heading: str, note: str, rows: Sequence[Line]) -> None:
        """Take other lines."""
        self._heading, self._note, self._rows = heading, note, rows
        self.sync()

    def title(self) -> Sequence[Span]:
        """What is read."""
        return (Span(self._heading, Role.TEXT),)

    def subtitle(self, width: int) -> Sequence[Span]:
        """A note, and which lines are shown."""
        where = f"{self.top + 1:,}-{min(self.top + self.page, len(self._rows)):,} of {len(self._rows):,}"
        notes = [note for note in (self._note, where if self.limit() else "") if note]
        return (Span("   ".join(notes), Role.DIM),)

    def body_length(self, width: int) -> int:
        """All lines."""
        return len(self._rows)

    def body_line(self, index: int, width: int) -> Line:
        """One line."""
        return self._rows[index]

    def action_scroll_by(self, amount: int) -> None:
        """By lines; among attempts where there are some to choose from."""
        if self.chooses and isinstance(self.screen, TaskScreen):
            self.screen.choose(amount)
        else:
            self.scroll_lines(amount)

    def action_page_by(self, amount: int) -> None:
        """By pages."""
        self.scroll_lines(amount * max(1, self.page - 1))

    def action_edge(self, last: bool) -> None:
        """To the top or the bottom."""
        self.scroll_lines(len(self._rows) if last else -len(self._rows))


class TaskScreen(ActingScreen):
    """The screen of one task. Left and right or the digits change the tab; esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("right,l,tab", "tab(1)", "Next tab", key_display="l →"),
        Binding("left,h,shift+tab", "tab(-1)", "Tab before", key_display="h ←"),
        *(Binding(str(index + 1), f"go({index})", name) for index, name in enumerate(TABS)),
        Binding("enter", "output", "Raw output of the chosen attempt"),
        *(
            Binding(",".join(action.keys), action.name, action.help, priority="ctrl+p" in action.keys)
            for action in ACTIONS
            if action.name in _ACTIONS
        ),
    ]

    def __init__(self, feature: str, seq: str) -> None:
        super().__init__()
        self._feature, self._seq = feature, seq
        self.tab_index = 0
        self._chosen = 0
        self._raw: AttemptView | None = None
        self._file_key: object = None
        self._file: tuple[list[str], str] = ([], "")

    def compose(self) -> ComposeResult:
        """Header, tabs, the output or a reader, footer."""
        yield Bar("header")
        yield Bar("tabs")
        yield Pane("output", output_lines=40)
        yield Reader()
        yield Bar("footer")

    def on_mount(self) -> None:
        """Output first where there is some, else the overview."""
        self.is_ready = True
        task = self.situation().task
        self.action_go(0 if task is not None and task.activity is not None else 1)

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
        if not self.is_ready:
            return
        situation, draw = self.situation(), self.dashboard.draw()
        view, task = situation.feature, situation.task
        width = self.size.width
        title, note = self.dashboard.project_title, self.dashboard.demo_note
        self.query_one("#header", Bar).show(lambda w: [header_line(view, title, w, draw, note)], width)
        self.query_one("#tabs", Bar).show(lambda w: [self._tab_line(task)], width)
        self.query_one("#footer", Bar).show(lambda w: [self._footer_line(situation, w)], width)
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
            reader.show("Overview", "", overview_lines(view, task, root, width, draw))
        elif name == "JSON":
            key = (task.task.path, task.task.digest, task.task.modified, task.task.updating)
            if key != self._file_key:
                self._file_key, self._file = key, read_shown(task.task.path, root)
            rows, note = self._file
            lines = numbered(rows, width, task.task.problems, draw.glyphs.unreadable, colour=True)
            reader.show(
                task.task.path.name if task.task.path.name.isprintable() else task.seq, note, lines or _nothing(note)
            )
        elif name == "Attempts":
            self._show_attempts(reader, task, width)
        else:
            attempt = task.attempts[-1] if task.attempts else None
            rows, note = ([], "no attempt has been made yet") if attempt is None else read_shown(attempt.prompt)
            lines = numbered(rows, width, (), "", colour=False)
            heading = "Prompt" if attempt is None else f"Prompt of attempt {attempt.number}"
            reader.show(heading, note if rows else "", lines or _nothing(note))

    def _show_attempts(self, reader: Reader, task: TaskView, width: int) -> None:
        if self._raw is None:
            self._chosen = min(self._chosen, max(0, len(task.attempts) - 1))
            reader.show("Attempts", "", attempt_lines(task, self._chosen, width, self.dashboard.draw()))
            return
        rows, note = read_shown(self._raw.output, tail=True)
        lines = numbered(rows, width, (), "", colour=True)
        reader.show(f"Raw output of attempt {self._raw.number}", note if rows else "", lines or _nothing(note))

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
        while True:
            spans = [Span(" esc", Role.KEY, "escape"), Span(" back ", Role.SOFT, "escape")]
            spans += [Span(" ← →", Role.KEY, "right"), Span(" tab ", Role.SOFT, "right")]
            for name in names:
                action = BY_NAME[name]
                off = bool(refusal(name, situation))
                spans.append(Span(f" {action.key}", Role.DIM if off else Role.KEY, action.keys[0]))
                spans.append(Span(f" {label(action, situation)} ", Role.DIM if off else Role.SOFT, action.keys[0]))
            if width_of(spans) <= width or len(names) == 1:
                return Line(tuple(spans))
            names.pop(-2)

    # --- moving about

    def action_go(self, index: int) -> None:
        """To one tab."""
        self.tab_index, self._raw = index, None
        pane, reader = self.query_one("#output", Pane), self.query_one(Reader)
        pane.display, reader.display = index == 0, index != 0
        reader.top = 0
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

    def action_output(self) -> None:
        """The raw output of the chosen attempt."""
        task = self.situation().task
        if TABS[self.tab_index] == "Attempts" and task is not None and task.attempts and self._raw is None:
            self._raw = task.attempts[::-1][self._chosen]
            self.refresh_view()
            self.query_one(Reader).action_edge(True)

    def action_back(self) -> None:
        """One step back: from raw output to the attempts, from the task to the main screen."""
        if self._raw is not None:
            self._raw = None
            self.query_one(Reader).top = 0
            self.refresh_view()
        else:
            self.app.pop_screen()


def _nothing(note: str) -> list[Line]:
    return [BLANK, Line((Span(f"Nothing to show: {note or 'it is empty'}.", Role.DIM),))]
