"""The keys in force on a screen, made from its bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import ActiveBinding, Binding, BindingType
from textual.screen import ModalScreen, Screen

from ..actions import ACTIONS, BY_NAME, key_name
from ..app_base import DashboardApp
from ..changes import MENU
from ..glyphs import STATES, UNICODE, Glyphs
from ..lines import BLANK, Line, Role, Span, wrap
from ..looks import SIGN_ROLES
from ..search import Field
from .confirm import Box, BoxScreen


def help_rows(bindings: Sequence[ActiveBinding]) -> list[Line]:
    """Lines of keys and what they do: what is focused first, then the screen's own by group."""
    groups: dict[str, dict[str, tuple[list[str], str]]] = {}
    by_name = {action.name: action for action in ACTIONS}
    digits: list[Binding] = []
    for active in bindings:
        binding = active.binding
        if not binding.description or binding.system or binding.key.startswith("super+"):
            continue
        if binding.key.isdigit():
            digits.append(binding)
            continue
        action = by_name.get(binding.action)
        group = action.group if action is not None else _place(active)
        text = action.help if action is not None else binding.tooltip or binding.description
        keys, _ = groups.setdefault(group, {}).setdefault(binding.action, ([], text))
        shown = key_name(binding.key)
        if shown not in keys:
            keys.append(shown)
    if digits:
        many = digits[0].description.startswith("To ")
        text = (
            "To the tree (1) or to the pane with that number" if many else ", ".join(one.description for one in digits)
        )
        groups.setdefault("See" if many else "Task", {})["digits"] = ([f"{digits[0].key}-{digits[-1].key}"], text)
    order = [*dict.fromkeys([name for name in groups if name not in _ORDER]), *_ORDER]
    rows: list[Line] = []
    for group in order:
        if group in groups:
            rows += [BLANK] if rows else []
            rows.append(Line((Span(group, Role.ACCENT),)))
            for name, (keys, text) in groups[group].items():
                parts = wrap(text, _TEXT_WIDTH)
                rows.append(Line((Span(f"  {_shown(keys):<13}", Role.KEY), Span(parts[0]))))
                rows += [Line((Span(" " * 15), Span(part))) for part in parts[1:]]
                rows += _find_rows() if name == "find" else []
            rows += _menu_rows() if group == "Change" else []
    return rows


def _find_rows() -> list[Line]:
    """What the find line understands."""
    fields = " ".join(f"{field.value}:" for field in Field if field)
    texts = (fields, '-word turns a condition round; "two words" are one')
    return [Line((Span(" " * 15), Span(part))) for text in texts for part in wrap(text, _TEXT_WIDTH)]


def _menu_rows() -> list[Line]:
    """The keys of a task's menu, which `E` opens."""
    actions = [(key, BY_NAME[name]) for key, name in MENU if not BY_NAME[name].keys]
    return [Line((Span(f"  {'E ' + key:<13}", Role.KEY), Span(action.help))) for key, action in actions]


def _shown(keys: Sequence[str]) -> str:
    """As many of the keys as the column holds, at least one, and a blank before the text."""
    count = len(keys)
    while count > 1 and len(" ".join(keys[:count])) > 12:
        count -= 1
    return " ".join(keys[:count])


def legend_rows(glyphs: Glyphs) -> list[Line]:
    """The signs of the tasks, each with its word."""
    rows = [BLANK, Line((Span("Signs", Role.ACCENT),))]
    return rows + [
        Line((Span(f"  {glyphs.of(sign):<13}", SIGN_ROLES[sign]), Span(_SIGN_WORDS.get(sign, sign)))) for sign in STATES
    ]


_SIGN_WORDS: Final = {
    "quiet": "no sign of life for a while, or stale",
    "done": "verified, accepted, or claimed by another program",
    "review": "needs review: a person decides",
    "stopped": "stopped by a person",
    "unreadable": "cannot run as its file is",
}


_TEXT_WIDTH = 56
_ORDER = ("Run", "Decide", "Change", "See", "Program")


def _place(active: ActiveBinding) -> str:
    names = {"TaskTree": "Tree", "Pane": "Pane", "MainScreen": "See", "TaskScreen": "Task"}
    names |= {"ProblemsScreen": "Problems", "ProblemList": "Problems"}
    return names.get(type(active.node).__name__, "Program")


class HelpScreen(BoxScreen[None]):
    """Scrolls; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "close", "Close"),
        Binding("j,down", "scroll_by(1)", "Down"),
        Binding("k,up", "scroll_by(-1)", "Up"),
        Binding("pagedown,space", "scroll_by(10)", "Page down"),
        Binding("pageup", "scroll_by(-10)", "Page up"),
        Binding("g,home", "scroll_by(-100000)", "Top"),
        Binding("G,end", "scroll_by(100000)", "Bottom"),
    ]

    @classmethod
    def of(cls, screen: Screen[None] | ModalScreen[None]) -> HelpScreen:
        """The help for a screen, as it is now."""
        glyphs = screen.app.glyphs if isinstance(screen.app, DashboardApp) else UNICODE
        return cls("Keys", [*help_rows(list(screen.active_bindings.values())), *legend_rows(glyphs)])

    @property
    def box(self) -> Box:
        """The box."""
        return self._box

    def action_close(self) -> None:
        """Back to where it was opened."""
        self.close(None)

    def action_scroll_by(self, amount: int) -> None:
        """Scroll the box."""
        self._box.scroll_lines(amount)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the box, wherever the mouse is."""
        self._box.scroll_lines(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the box, wherever the mouse is."""
        self._box.scroll_lines(-3)
