"""`parex status`: the counts of every feature, in the words and lines of the reference tool."""

from __future__ import annotations

from parex_tui.plan.ready import graph_problems
from parex_tui.tasks.model import Counts, Feature, Project
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean

from .status_lines import counts_line, heading_line, percent, progress_line
from .wording import counted, relative, wrapped

PROBLEM_LIMIT = 3
"""Problems of a feature that are named; the rest are counted."""


def status_text(project: Project, feature: Feature | None = None) -> str:
    """One feature, or every one that is not archived; ends in a line break.

    The first three lines of a feature are the reference tool's. All counts come from the task files. Problems follow
    where there are any, errors first; notes (what only another program would complain about) are left out.
    """
    shown = (feature,) if feature is not None else tuple(one for one in project.features if not one.archived)
    lines: list[str] = []
    for one in shown:
        lines += _feature_lines(one, project)
    if not shown:
        lines.append("No active features found.")
    if feature is None and project.problems:
        lines += ["", *_problem_lines(project.problems, project)]
    return "\n".join(lines) + "\n"


def progress(counts: Counts) -> int:
    """Completed tasks in percent, halves rounded up."""
    return percent(counts.completed, counts.total)


def _feature_lines(feature: Feature, project: Project) -> list[str]:
    lines = [""]
    if feature.task_json is None:
        lines.append(f"[{feature.id}] - No task.json found")
        if not feature.tasks:
            return [*lines, *_problem_lines(_all_problems(feature), project)]
    else:
        lines.append(heading_line(feature.id, feature.name))
    if len(project.namesakes(feature)) > 1:
        lines += wrapped(f"Folder: {relative(feature.path, project.root)}", "  ", "    ")
    counts = feature.counts
    lines.append(progress_line(feature.status_text, counts.completed, counts.total))
    last = counts_line(counts.pending, counts.in_progress, counts.completed, counts.blocked)
    unreadable = sum(not task.readable for task in feature.tasks)
    if unreadable:
        last += f" | Unreadable: {unreadable}"
    if counts.other > unreadable:
        last += f" | Unknown status: {counts.other - unreadable}"
    return [*lines, last, *_problem_lines(_all_problems(feature), project)]


def _all_problems(feature: Feature) -> tuple[Problem, ...]:
    """The files' problems and those of their dependencies, errors first."""
    found = (*feature.all_problems, *graph_problems(feature))
    return tuple(sorted(found, key=lambda problem: list(Severity).index(problem.severity)))


def _problem_lines(problems: tuple[Problem, ...], project: Project) -> list[str]:
    serious = [problem for problem in problems if problem.severity is not Severity.NOTE]
    if not serious:
        return []
    errors = sum(problem.severity is Severity.ERROR for problem in serious)
    warnings = len(serious) - errors
    said = [counted(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    lines = [f"  Problems: {', '.join(said)}"]
    for problem in serious[:PROBLEM_LIMIT]:
        mark = "✗" if problem.severity is Severity.ERROR else "⚠"
        lines += wrapped(f"{mark} {clean(problem.where(project.root))}: {problem.message}", "    ", "      ")
    if len(serious) > PROBLEM_LIMIT:
        lines.append(f"    … and {len(serious) - PROBLEM_LIMIT} more")
    return lines
