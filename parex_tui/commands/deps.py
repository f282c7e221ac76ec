"""`parex deps`: what a task depends on."""

from __future__ import annotations

from argparse import Namespace

from parex_tui.cli import FAILED, FINE
from parex_tui.report.deps_text import deps_text
from parex_tui.tasks.naming import task_named
from parex_tui.tasks.reader import read_project

from .common import find, not_found, pick, say
from .reading import tell, tell_json, warn_of_errors


def deps(options: Namespace) -> int:
    """Print the dependency tree of one task; 1 where the feature has no such task."""
    project = read_project(find(options))
    feature = pick(project, options.feature)
    task = task_named(feature, options.task)
    reason = "" if task is not None else not_found(feature, options.task)
    if options.json:
        from parex_tui.report.reading_json import deps_json

        tell_json(deps_json(project, feature, task, reason))
    elif task is None:
        say(reason)
    else:
        tell(deps_text(feature, task))
        warn_of_errors(project, [feature])
    return FINE if task is not None else FAILED
