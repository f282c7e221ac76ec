"""`parex parallel`: which tasks could start now side by side; with `--batches` every batch of the plan."""

from __future__ import annotations

from argparse import Namespace

from parex_tui.plan.model import Plan
from parex_tui.report.ready_text import batches_text, parallel_text
from parex_tui.tasks.model import Feature, Project

from .reading import shown, tell, tell_json, verdict, warn_of_errors


def parallel(options: Namespace) -> int:
    """Print them for every open feature, or for the one that is named."""
    project, features = shown(options)
    plans = _plans(project, features) if options.batches else None
    if options.json:
        from parex_tui.report.reading_json import parallel_json

        tell_json(parallel_json(project, features, plans))
    else:
        tell(parallel_text(features) if plans is None else batches_text(zip(features, plans, strict=True)))
        warn_of_errors(project, features)
    return verdict(project)


def _plans(project: Project, features: tuple[Feature, ...]) -> list[Plan]:
    from parex_tui.plan.batches import make_plan
    from parex_tui.run.limits import limits_of

    from .common import settings_for

    limits = limits_of(settings_for(project.root))
    return [make_plan(one, project.root, unknown_alone=limits.unknown_alone) for one in features]
