"""`parex blocked`: which tasks cannot start, and why."""

from __future__ import annotations

from argparse import Namespace

from parex_tui.report.ready_text import blocked_text

from .reading import shown, tell, tell_json, verdict, warn_of_errors


def blocked(options: Namespace) -> int:
    """Print the held tasks of every open feature, or of the one that is named."""
    project, features = shown(options)
    if options.json:
        from parex_tui.report.reading_json import blocked_json

        tell_json(blocked_json(project, features))
    else:
        tell(blocked_text(features))
        warn_of_errors(project, features)
    return verdict(project)
