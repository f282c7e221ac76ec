"""One line to type into. What is pasted comes in as one line."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from textual import events
from textual.widgets import Input

_BREAK: Final = re.compile(r"\r\n|[\n\r\t\v\f\x85\u2028\u2029]")


def without_controls(text: str) -> str:
    """`text` without control characters; line feeds stay. Joiners are none: emoji are made with them."""
    return "".join(char for char in text if char == "\n" or unicodedata.category(char) != "Cc")


def as_one_line(text: str) -> str:
    """`text` with blanks for its line breaks and tabs, and without any other control character."""
    return without_controls(_BREAK.sub(" ", text))


class Entry(Input):
    """An input line. Where there is a greatest length, a paste is cut to it, not refused."""

    def on_paste(self, event: events.Paste) -> None:
        """Take all of its lines, as one."""
        event.prevent_default()
        event.stop()
        text = as_one_line(event.text)
        if self.max_length:
            kept = len(self.value) - len(self.selected_text)
            text = text[: max(0, self.max_length - kept)]
        self.replace(text, *self.selection)
