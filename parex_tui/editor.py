"""The person's own editor: which one, how it is told a line, and whether it needs the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

GRAPHICAL: Final = frozenset(
    {
        *("code", "code-insiders", "codium", "vscodium", "cursor", "windsurf", "zed", "zeditor", "subl"),
        *("gedit", "gnome-text-editor", "kate", "gvim", "mate"),
    }
)
"""Editors with a window of their own: the screen stays while they are open."""

_PLUS: Final = ("+{line}", "{path}")
_COLON: Final = ("{path}:{line}",)
_GOTO: Final = ("--goto", "{path}:{line}")
_OPTION: Final = ("--line", "{line}", "{path}")
_AT_LINE: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("vi", "vim", "nvim", "view", "gvim", "vis", "kak", "micro", "ne", "joe"), _PLUS),
    **dict.fromkeys(("emacs", "emacsclient", "mg", "zile", "nano", "pico", "mcedit", "gedit"), _PLUS),
    **dict.fromkeys(("gnome-text-editor",), _PLUS),
    **dict.fromkeys(("hx", "helix", "subl", "zed", "zeditor"), _COLON),
    **dict.fromkeys(("code", "code-insiders", "codium", "vscodium", "cursor", "windsurf"), _GOTO),
    **dict.fromkeys(("kate", "mate"), _OPTION),
}
"""How an editor is told the line. One that is not here gets the file alone: a wrong guess would open a second one."""


def editor_command(environ: Mapping[str, str], path: Path, line: int | None = None) -> tuple[list[str], bool]:
    """The argv that opens `path`, at `line` (from 1) where the editor is known to take one, and whether the terminal
    must be handed over. Raises ValueError on a bad setting."""
    setting = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    try:
        argv = shlex.split(setting)
    except ValueError as error:
        raise ValueError(f"$VISUAL or $EDITOR cannot be read: {error}") from None
    if not argv:
        raise ValueError("$VISUAL or $EDITOR is blank")
    program = Path(argv[0]).name
    shape = None if line is None else _AT_LINE.get(program) or _AT_LINE.get(program.partition(".")[0])  # vim.basic
    if shape is None:
        return [*argv, str(path)], program not in GRAPHICAL
    # The path is put in as one piece and last, so that braces in it stay what they are.
    return [*argv, *(part.replace("{line}", str(line)).replace("{path}", str(path)) for part in shape)], (
        program not in GRAPHICAL
    )
