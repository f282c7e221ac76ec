"""`parex next`: which tasks could start now."""

from __future__ import annotations

from argparse import Namespace

from parex_tui.report.ready_text import next_text

from .reading import shown, tell, tell_json, verdict, warn_of_errors


def next_tasks(options: Namespace) -> int:
    """Print the ready tasks of every open feature, or of the one that is named."""
    project, features = shown(options)
    if options.json:
        from parex_tui.report.reading_json import next_json

        tell_json(next_json(project, features))
    else:
        tell(next_text(features))
        warn_of_errors(project, features)
    return verdict(project)
