"""`parex validate`: what is wrong in the files, and apart from it what only the framework's own validator refuses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from parex_tui.plan.ready import graph_problems
from parex_tui.tasks.framework import Complaint, framework_complaints
from parex_tui.tasks.model import Feature
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in one feature: parex's own problems, errors first, and the complaints of the framework."""

    feature: Feature
    problems: tuple[Problem, ...] = ()
    complaints: tuple[Complaint, ...] = ()

    def count(self, severity: Severity) -> int:
        """How many problems of that severity."""
        return sum(problem.severity is severity for problem in self.problems)


def examine(feature: Feature) -> Findings:
    """Everything that is wrong in a feature. Reads its files again, for the complaints and for places."""
    found = [*feature.all_problems, *graph_problems(feature)]
    ordered = sorted(found, key=lambda problem: list(Severity).index(problem.severity))
    return Findings(feature, tuple(ordered), framework_complaints(feature))


def validate_text(findings: Iterable[Findings], root: Path, problems: Sequence[Problem] = ()) -> str:
    """All findings; `problems` are those of the project itself. Notes are left out: they are complaints of others."""
    lines = ["", "=== Validation Results ===", ""]
    for one in findings:
        said = problem_lines(one.problems, root)
        lines += [f"[{one.feature.id}]", *(said or ["  ✓ All checks passed"])]
        if one.complaints:
            lines.append("  The framework's own validator would complain:")
            lines += [f"    · {complaint.text}" for complaint in one.complaints]
        lines.append("")
    if problems:
        lines += ["Outside of any feature:", *problem_lines(problems, root), ""]
    return "\n".join(lines) + "\n"


def framework_text(findings: Iterable[Findings]) -> str:
    """What the framework's own validator prints, to compare with it."""
    lines = ["", "=== Validation Results ===", ""]
    for one in findings:
        said = [f"  ✗ ERROR: {complaint.text}" for complaint in one.complaints]
        lines += [f"[{one.feature.id}]", *(said or ["  ✓ All checks passed"]), ""]
    return "\n".join(lines) + "\n"


def problem_lines(problems: Iterable[Problem], root: Path) -> list[str]:
    """`  ✗ ERROR: file:line:column: message (remedy)` and `  ⚠ WARNING: …`, without the notes."""
    lines: list[str] = []
    for problem in problems:
        if problem.severity is not Severity.NOTE:
            mark = "✗ ERROR" if problem.severity is Severity.ERROR else "⚠ WARNING"
            lines.append(f"  {mark}: {problem_text(problem, root)}")
    return lines


def problem_text(problem: Problem, root: Path) -> str:
    """`file:line:column: message (remedy)`, the file relative to `root`."""
    remedy = f" ({problem.remedy})" if problem.remedy else ""
    return f"{clean(problem.where(root))}: {problem.message}{remedy}"
