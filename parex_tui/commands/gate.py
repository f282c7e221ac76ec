"""The gate before `complete`: a task's own checks, run where they may be."""

from __future__ import annotations

import time

from parex_tui.cli import NOT_TRUSTED
from parex_tui.report.verify_text import Found, bad_checks_text, command_lines, result_text, verdict_text
from parex_tui.run.checks import BadChecks, CheckResult, Cleared, NoChecks, Report, Untrusted, look, verify
from parex_tui.run.rules import command
from parex_tui.run.trust import Trust
from parex_tui.tasks.model import Feature, Task

from .changing import Bench, Refused
from .common import say


def pass_gate(bench: Bench, feature: Feature, task: Task, *, force: bool, quiet: bool) -> tuple[str, ...]:
    """Run the checks of a task and tell each as it ends; with `quiet` nothing is told.

    Returns what `force` set aside. Raises Refused where the gate stays shut, ParexError where it cannot be tried.
    """
    name = f"{feature.id}/{task.seq}"
    heading = ("", f"=== Verification gate: {name} ===", "")

    def tell(*lines: str) -> None:
        if not quiet:
            for line in lines:
                say(line)

    def tell_result(result: CheckResult) -> None:
        tell(result_text(result))

    standing = look(task, Trust(bench.root))
    if isinstance(standing, Cleared):
        tell(*heading)
        found: Found = verify(bench.root, feature, task, standing, time.time, tell_result)
    else:
        found = standing
    match found:
        case NoChecks():
            return ()
        case BadChecks():
            first, *rest = bad_checks_text(task, found).splitlines()
            reason = f"{first} {'; '.join(line.strip(' -') for line in rest)}"
            refusal = Refused(reason, as_is=True, task=task.seq)
            forced = "its verification block is invalid"
        case Untrusted(executable, refusal=unsafe):
            remedy = unsafe or f"look at them, then {command('trust', feature.id, task.seq)}"
            refusal = Refused(
                f"{name}: its checks would run commands that nobody has trusted, so nothing was run; {remedy}",
                lines=(*heading, *command_lines(executable)),
                code=NOT_TRUSTED,
                task=task.seq,
            )
            forced = "its checks were not run: nobody has trusted their commands"
        case Report() if found.passed:
            tell("", f"✓ Verification passed ({len(found.results)} check(s))")
            return ()
        case Report():
            failed = sum(not result.passed for result in found.results)
            refusal = Refused(verdict_text(found).strip(), lines=("",), as_is=True, task=task.seq)
            forced = f"{failed} of {len(found.results)} checks failed"
    if not force:
        raise refusal
    return (forced,)
