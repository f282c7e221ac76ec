"""The keys in force on a screen, made from its bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import ActiveBinding, Binding, BindingType
from textual.screen import ModalScreen, Screen

from ..actions import ACTIONS, key_name
from ..lines import BLANK, Line, Role, Span, wrap
from .confirm import Box, BoxScreen


def help_rows(bindings: Sequence[ActiveBinding]) -> list[Line]:
    """Lines of keys and what they do: what is focused first, then the screen's own by group."""
    groups: dict[str, dict[str, tuple[list[str], str]]] = {}
    by_name = {action.name: action for action in ACTIONS}
    for active in bindings:
        binding = active.binding
        if not binding.description or binding.system:
            continue
        action = by_name.get(binding.action)
        group = action.group if action is not None else _place(active)
        text = action.help if action is not None else binding.tooltip or binding.description
        keys, _ = groups.setdefault(group, {}).setdefault(binding.action, ([], text))
        shown = key_name(binding.key)
        if shown not in keys:
            keys.append(shown)
    order = [*dict.fromkeys([name for name in groups if name not in _ORDER]), *_ORDER]
    rows: list[Line] = []
    for group in order:
        if group in groups:
            rows += [BLANK] if rows else []
            rows.append(Line((Span(group, Role.ACCENT),)))
            for keys, text in groups[group].values():
                parts = wrap(text, _TEXT_WIDTH)
                rows.append(Line((Span(f"  {' '.join(keys[:3]):<13}", Role.KEY), Span(parts[0]))))
                rows += [Line((Span(" " * 15), Span(part))) for part in parts[1:]]
    return rows


_TEXT_WIDTH = 56
_ORDER = ("Run", "Decide", "See", "Program")


def _place(active: ActiveBinding) -> str:
    names = {"TaskTree": "Tree", "Pane": "Pane", "MainScreen": "See", "TaskScreen": "Task"}
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
        return cls("Keys", help_rows(list(screen.active_bindings.values())))

    @property
    def box(self) -> Box:
        """The box."""
        return self._box

    def action_close(self) -> None:
        """Back to where it was opened."""
        self.dismiss(None)

    def action_scroll_by(self, amount: int) -> None:
        """Scroll the box."""
        self._box.scroll_lines(amount)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the box, wherever the mouse is."""
        self._box.scroll_lines(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the box, wherever the mouse is."""
        self._box.scroll_lines(-3)
