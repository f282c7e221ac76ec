"""The person's own editor: which one, and whether it needs the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

GRAPHICAL: Final = frozenset(
    {"code", "codium", "code-insiders", "cursor", "subl", "zed", "gedit", "kate", "gvim", "mate"}
)
"""Editors with a window of their own: the screen stays while they are open."""


def editor_command(environ: Mapping[str, str], path: Path) -> tuple[list[str], bool]:
    """The argv that opens `path`, and whether the terminal must be handed over. Raises ValueError on a bad setting."""
    setting = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    try:
        argv = shlex.split(setting)
    except ValueError as error:
        raise ValueError(f"$VISUAL or $EDITOR cannot be read: {error}") from None
    if not argv:
        raise ValueError("$VISUAL or $EDITOR is blank")
    return [*argv, str(path)], Path(argv[0]).name not in GRAPHICAL
