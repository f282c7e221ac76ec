"""`parex validate`: what is wrong in the files."""

from __future__ import annotations

from argparse import Namespace

from parex_tui.cli import FAILED, FINE
from parex_tui.report.validate_text import examine, framework_text, validate_text
from parex_tui.tasks.problems import Severity

from .reading import shown, tell, tell_json, verdict


def validate(options: Namespace) -> int:
    """Print it; 1 on errors, with `--strict` also on complaints, with `--framework` on complaints alone."""
    project, features = shown(options)
    findings = [examine(one) for one in features]
    if options.json:
        from parex_tui.report.reading_json import validate_json

        tell_json(validate_json(project, findings))
    elif options.framework:
        tell(framework_text(findings))
    else:
        tell(validate_text(findings, project.root, () if options.feature else project.problems))
    found_none = verdict(project)
    if found_none:
        return found_none
    complains = any(one.complaints for one in findings)
    errors = any(one.count(Severity.ERROR) for one in findings) or (
        not options.feature and any(problem.severity is Severity.ERROR for problem in project.problems)
    )
    fails = complains if options.framework else errors or (options.strict and complains)
    return FAILED if fails else FINE
