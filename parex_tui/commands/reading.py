"""What the reading commands share: which features they are about, and how they print."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence

from parex_tui.cli import FINE, USAGE
from parex_tui.tasks.model import Feature, JsonValue, Project
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.text import clean

from .common import find, pick, say, warn


def shown(options: Namespace) -> tuple[Project, tuple[Feature, ...]]:
    """The project, and the features that a command is about: the one that is named, else every open one.

    `--archived` adds the archived ones. Raises UsageError.
    """
    project = read_project(find(options))
    if options.feature:
        return project, (pick(project, options.feature),)
    return project, tuple(one for one in project.features if options.archived or not one.archived)


def report(
    options: Namespace,
    as_text: Callable[[Sequence[Feature]], str],
    as_json: Callable[[Project, Sequence[Feature]], Mapping[str, JsonValue]],
) -> int:
    """Print what a command says of its features, one way or the other; returns the exit code."""
    project, features = shown(options)
    if options.json:
        tell_json(as_json(project, features))
    else:
        tell(as_text(features))
        warn_of_errors(project, features)
    return verdict(project)


def tell(text: str) -> None:
    """A whole report on standard output, as it is."""
    print(text, end="", flush=True)  # noqa: T201 - commands print


def tell_json(record: Mapping[str, JsonValue]) -> None:
    """One JSON document on standard output."""
    import json

    say(json.dumps(record, ensure_ascii=False, indent=2))


def warn_of_errors(project: Project, features: Iterable[Feature]) -> None:
    """One line on standard error for each file that a report could not count on."""
    from parex_tui.report.validate_text import problem_text

    for problem in (*project.problems, *(problem for one in features for problem in one.all_problems)):
        if problem.severity is Severity.ERROR:
            warn(problem_text(problem, project.root))


def verdict(project: Project) -> int:
    """2, with what a feature is, where the project has none; else 0."""
    if project.features:
        return FINE
    warn(f"{clean(str(project.root))}: a feature is a folder of task files below .tmp/tasks/")
    return USAGE
