"""Cleaning untrusted text, once, at the edge where it comes in.

Task files, file names and what agents print may carry terminal escapes, bidirectional overrides or broken Unicode.
`clean` turns every such character into something visible, so that whatever is shown later is literal text.
"""

from __future__ import annotations

import re
from typing import Final

LINE_LIMIT: Final = 10_000
"""Characters of one displayed string; more is cut with an ellipsis, the file itself is never touched."""

LIST_LIMIT: Final = 200
"""Characters of a title in a list; the format has at most 100."""

# C0 and C1 controls, DEL, line and paragraph separators, bidirectional controls, invisible format characters,
# byte-order mark, variation selectors beyond text style, tags block, lone surrogates, non-characters.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def _visible(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    if char == "\n":
        return "⏎"
    if char == "\t":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if 0xFE00 <= code <= 0xFE0F:
        return ""  # style selectors change a character's width from terminal to terminal
    return f"‹{code:04X}›"


def clean(text: str, limit: int = LINE_LIMIT) -> str:
    """`text` as one safe line: controls and invisible characters made visible, at most `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return _UNSAFE.sub(_visible, cut)


def clean_block(text: str, limit: int = 1_000_000) -> str:
    """`text` with its line breaks kept (`\\r\\n` and `\\r` become `\\n`), everything else as `clean` does it."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    lines = cut.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ").split("\n")
    return "\n".join(_UNSAFE.sub(_visible, line) for line in lines)


def in_list(text: str) -> str:
    """A clean title for one line of a list, cut where it is longer than any list can take."""
    return text if len(text) <= LIST_LIMIT else text[: LIST_LIMIT - 1] + "…"


def is_plain(text: str) -> bool:
    """Whether `clean` would change nothing but length: a path that fails this is shown, never opened."""
    return _UNSAFE.search(text) is None
