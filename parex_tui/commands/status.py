"""`parex status`: where every feature stands."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from parex_tui.cli import FINE, USAGE
from parex_tui.report.status_text import status_text
from parex_tui.tasks.model import Feature
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.text import clean

from .common import find, pick, say, settings_for, warn

if TYPE_CHECKING:
    from parex_tui.run.snapshot import FeatureView


def status(options: Namespace) -> int:
    """Print it; 0 also where files have problems, since those are what it tells, 2 where there is no feature."""
    location = find(options)
    project = read_project(location)
    feature = pick(project, options.feature) if options.feature else None
    if options.json:
        import json

        from parex_tui.report.as_json import status_json

        shown = project.features if feature is None else (feature,)
        record = status_json(project, _views(location.root, shown), features=shown)
        say(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        say(status_text(project, feature).rstrip("\n"))
    if not project.features:
        warn(f"{clean(str(project.root))}: a feature is a folder of task files below .tmp/tasks/")
        return USAGE
    return FINE


def _views(root: Path, features: Iterable[Feature]) -> dict[str, FeatureView]:
    """What is known of runs, from the records alone: nothing is judged, owned or written."""
    from parex_tui.run.attempts import Journal
    from parex_tui.run.limits import limits_of
    from parex_tui.run.snapshot import EngineState
    from parex_tui.run.states import TaskRunning
    from parex_tui.run.survey import Surveyor
    from parex_tui.run.views import make_view

    limits = limits_of(settings_for(root))
    surveyor = Surveyor(root, Journal(root), limits, time.time)
    views: dict[str, FeatureView] = {}
    for feature in features:
        standing = surveyor.survey(feature)
        alive = any(isinstance(state, TaskRunning) for state in standing.board.states.values())
        state = EngineState.RUNNING if alive else EngineState.IDLE
        views[feature.key] = make_view(standing, {}, state, slots=limits.slots)
    return views
