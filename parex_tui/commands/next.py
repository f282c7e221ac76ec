"""`parex next`: which tasks could start now."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from parex_tui.report.ready_text import next_text
from parex_tui.tasks.model import Feature, JsonValue, Project

from .reading import report


def next_tasks(options: Namespace) -> int:
    """Print the ready tasks of every open feature, or of the one that is named."""
    return report(options, next_text, _json)


def _json(project: Project, features: Sequence[Feature]) -> dict[str, JsonValue]:
    from parex_tui.report.reading_json import next_json

    return next_json(project, features)
