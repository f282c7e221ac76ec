"""`parex blocked`: which tasks cannot start, and why."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from parex_tui.report.ready_text import blocked_text
from parex_tui.tasks.model import Feature, JsonValue, Project

from .reading import report


def blocked(options: Namespace) -> int:
    """Print the held tasks of every open feature, or of the one that is named."""
    return report(options, blocked_text, _json)


def _json(project: Project, features: Sequence[Feature]) -> dict[str, JsonValue]:
    from parex_tui.report.reading_json import blocked_json

    return blocked_json(project, features)
