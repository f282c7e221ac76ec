"""A form: labelled fields, what is wrong beside each, saved as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.text import clean

from ..widgets.entry import Entry, without_controls
from .choices import Choice, ChoiceScreen
from .confirm import ConfirmScreen
from .modal import AskingScreen


class Shape(StrEnum):
    """What a field takes."""

    TEXT = "text"  # one line
    LIST = "list"  # one item a line
    FLAG = "flag"  # yes or no
    SEVERAL = "several"  # any of the field's choices


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. `check` says what is wrong with a value, "" where nothing is; `start` is the value at first.

    `limit` is how many characters a text may have; a longer one can be typed, not saved.
    """

    name: str
    label: str
    shape: Shape = Shape.TEXT
    start: JsonValue = ""
    required: bool = False
    hint: str = ""
    choices: Sequence[Choice] = ()
    limit: int = 500
    check: Callable[[JsonValue], str] = lambda value: ""


class Pick(Static, can_focus=True):
    """A value that is chosen, not typed. Space and enter ask for another."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "pick", "Choose")]

    class Picked(Message):
        """The value is another."""

    def __init__(self, field: FormField, dom_id: str) -> None:
        super().__init__("", id=dom_id, markup=False, classes="pick")
        self.field = field
        self.value: JsonValue = field.start

    def on_mount(self) -> None:
        """Show the value."""
        self._show()

    def _show(self) -> None:
        if self.field.shape is Shape.FLAG:
            text = "yes" if self.value else "no"
        else:
            chosen = self.value if isinstance(self.value, list) else []
            names = [one.label for one in self.field.choices if one.value in chosen]
            text = ", ".join(names) or "none"
        self.update(Content(f"{text}   (space changes)"))

    def action_pick(self) -> None:
        """Turn a yes into a no, or ask which of the choices."""
        if self.field.shape is Shape.FLAG:
            self._set(not self.value)
            return
        if not self.field.choices:
            return
        chosen = [str(item) for item in self.value] if isinstance(self.value, list) else []

        def decided(values: tuple[str, ...] | None) -> None:
            if values is not None:
                self._set(list(values))

        self.app.push_screen(ChoiceScreen(self.field.label, "", self.field.choices, chosen=chosen), decided)

    def _set(self, value: JsonValue) -> None:
        self.value = value
        self._show()
        self.post_message(self.Picked())

    def on_click(self, event: events.Click) -> None:
        """As space."""
        event.stop()
        self.action_pick()


if TYPE_CHECKING:
    _Field = Widget
else:
    _Field = object  # mixed into a widget, and none itself: a widget's styles come from its first base that is one


class Typed(_Field):
    """A field that is typed into. It tells its form of the form's own keys at once, on its way through the keys typed.

    Left to bubble up, such a key would come after keys that were pressed later: those would be typed into a form that
    is behind a question by then.
    """

    def on_key(self, event: events.Key) -> None:
        """Hand on what is not for this field."""
        form = self.screen
        if not isinstance(form, FormScreen):
            return
        is_behind = form is not self.app.screen
        if is_behind:
            event.prevent_default()
            event.stop()
            if form in self.app.screen_stack:  # it is for the question; once the form is closed it is for nothing
                self.app.post_message(events.Key(event.key, event.character))
        elif event.key in FORM_KEYS:
            event.prevent_default()
            event.stop()
            FORM_KEYS[event.key](form)

    def on_paste(self, event: events.Paste) -> None:
        """Take nothing while a question stands before the form."""
        if self.screen is not self.app.screen:
            event.prevent_default()
            event.stop()


class TextField(Typed, Entry):
    """A field of one line."""


class ListField(Typed, TextArea):
    """A field with one item a line."""

    def on_paste(self, event: events.Paste) -> None:
        """Take its lines, without what no item can hold."""
        event.text = without_controls("\n".join(event.text.replace("\t", " ").splitlines()))


class FormScreen(AskingScreen[Mapping[str, JsonValue]]):
    """Gives every field's value; None where the person gave it up. Esc asks only when something was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save"),  # no priority: what was typed before it comes first
        Binding("escape", "cancel", "Cancel"),
    ]

    def __init__(self, title: str, subject: str, fields: Sequence[FormField], *, save: str = "saves") -> None:
        super().__init__()
        self._title, self._subject = Content(title), Content(clean(subject))
        self._fields, self._save = list(fields), save

    def compose(self) -> ComposeResult:
        """What it is about, the fields, the keys."""
        with Vertical(id="form"):
            if self._subject.plain:
                yield Static(self._subject, markup=False)
            with VerticalScroll(id="fields", can_focus=False):
                for index, field in enumerate(self._fields):
                    with Horizontal(classes="row"):
                        label = f"{field.label} *" if field.required and len(self._fields) > 1 else field.label
                        yield Static(Content(label), classes="label", markup=False)
                        yield self._widget(field, f"field-{index}")
                    yield Static("", id=f"wrong-{index}", classes="wrong", markup=False)
            keys = "enter" if len(self._fields) == 1 else "tab next   ctrl+s"
            needed = "   * is required" if len(self._fields) > 1 else ""
            yield Static(Content(f"{keys} {self._save}   esc cancels{needed}"), classes="hint", markup=False)

    def _widget(self, field: FormField, dom_id: str) -> Widget:
        if field.shape is Shape.TEXT:
            return TextField(str(field.start or ""), id=dom_id, placeholder=field.hint, select_on_focus=False)
        if field.shape is Shape.LIST:
            rows = "\n".join(str(item) for item in field.start) if isinstance(field.start, list) else ""
            return ListField(rows, id=dom_id, placeholder=field.hint, tab_behavior="focus")
        return Pick(field, dom_id)

    def on_mount(self) -> None:
        """Begin in the first field."""
        self.query_one("#form").border_title = self._title
        self._start = self.values()
        self.query_one("#field-0").focus()

    def on_resize(self) -> None:
        """The keys below stay in sight: what does not fit scrolls."""
        self.query_one("#fields").styles.max_height = max(3, self.app.size.height - (7 if self._subject.plain else 6))

    def values(self) -> dict[str, JsonValue]:
        """What the fields hold now; texts without blanks at their ends, lists without blank lines."""
        found: dict[str, JsonValue] = {}
        for index, field in enumerate(self._fields):
            widget = self.query_one(f"#field-{index}")
            if isinstance(widget, Input):
                found[field.name] = widget.value.strip()
            elif isinstance(widget, TextArea):
                found[field.name] = [line.strip() for line in widget.text.splitlines() if line.strip()]
            elif isinstance(widget, Pick):
                found[field.name] = widget.value
        return found

    def _wrong(self, field: FormField, value: JsonValue) -> str:
        if field.required and not value:
            return "it cannot be empty"
        is_text = field.shape is Shape.TEXT and isinstance(value, str)
        if is_text and len(str(value)) > field.limit and value != str(field.start).strip():  # as it was, it may stay
            return f"at most {field.limit} characters, this one has {len(str(value))}"
        return field.check(value)

    def _check(self, *, only_told: bool) -> int | None:
        """Tell beside each field what is wrong with it; the first such field. `only_told`: those already told of."""
        first: int | None = None
        values = self.values()
        for index, field in enumerate(self._fields):
            told = self.query_one(f"#wrong-{index}", Static)
            if only_told and not told.display:
                continue
            wrong = self._wrong(field, values[field.name])
            told.update(Content(clean(wrong)))
            told.display = bool(wrong)
            if wrong and first is None:
                first = index
        return first

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Pick.Picked)
    def _changed(self) -> None:
        if self.is_mounted:
            self._check(only_told=True)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        """Enter: the next field; where there is one only, save."""
        if len(self._fields) == 1:
            self.action_save()
        else:
            self.focus_next()

    def action_save(self) -> None:
        """Close with the values, or go to the first that is wrong."""
        wrong = self._check(only_told=False)
        if wrong is None:
            self.close(self.values())
        else:
            self.query_one(f"#field-{wrong}").focus()

    def action_cancel(self) -> None:
        """Give it up; asks where something would be lost."""
        if self.values() == self._start:
            self.close(None)
            return

        def decided(answer: bool | None) -> None:
            if answer:
                self.close(None)

        details = ["Nothing of it has been saved."]
        self.app.push_screen(ConfirmScreen("Give up what you typed?", details, "give it up"), decided)


FORM_KEYS: Final[Mapping[str, Callable[[FormScreen], None]]] = {
    "ctrl+s": FormScreen.action_save,
    "escape": FormScreen.action_cancel,
}
"""Keys that end the typing, and what they do."""
