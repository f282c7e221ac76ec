"""The person's own editor, as the screen opens it."""

from __future__ import annotations

from parex_tui.editor import GRAPHICAL, editor_command

__all__ = ["GRAPHICAL", "editor_command"]
