"""What checks came to, and what they would execute: for people, and as JSON for scripts.

JSON holds commands exactly as they are executed. It is printed in pure ASCII, so that nothing in it acts on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from parex_tui.run.checks import BadChecks, CheckResult, NoChecks, Report, Untrusted, evidence_record
from parex_tui.run.trust import Executable, Given, Standing, digest_of
from parex_tui.tasks.edit import timestamp
from parex_tui.tasks.model import Feature, JsonValue, Task
from parex_tui.tasks.text import clean, in_list
from parex_tui.tasks.verification import CommandCheck, check_record

from .wording import counted

VERIFY_SCHEMA: Final = "parex.verify/1"
TRUST_SCHEMA: Final = "parex.trust/1"

Json = dict[str, JsonValue]
Found = NoChecks | BadChecks | Untrusted | Report


# --- parex verify ----------------------------------------------------------------------------------------------


def heading(feature: Feature, task: Task) -> str:
    """What stands above the checks of one task."""
    return f"\n=== Verification: {feature.id}/{task.seq} ===\n"


def result_text(result: CheckResult) -> str:
    """One check; a failed one with its detail in a line of its own."""
    if result.passed:
        return f"  ✓ {result.check.label}"
    return f"  ✗ {result.check.label}\n      {result.detail}"


def verdict_text(report: Report) -> str:
    """What stands below the checks of one task."""
    if report.passed:
        return f"\n✓ All {len(report.results)} check(s) passed — report: {report.evidence}"
    return f"\n✗ Verification failed for {report.feature}/{report.seq} — evidence: {report.evidence}"


def no_checks_text(feature: Feature, task: Task) -> str:
    """A task whose file carries no checks."""
    return f"Task {feature.id}/{task.seq} has no verification block."


def bad_checks_text(task: Task, found: BadChecks) -> str:
    """A block that breaks the format's rules."""
    lines = [f"Error: invalid verification block in {clean(task.path.name)}:"]
    return "\n".join([*lines, *(f"  - {message}" for message in found.messages)])


def untrusted_text(feature: Feature, found: Untrusted) -> str:
    """What would be executed and may not be, and what to do about it."""
    name = f"{feature.id}/{found.executable.seq}"
    lines = [f"\n{name} would execute:", *command_lines(found.executable), ""]
    if found.refusal:
        return "\n".join([*lines, f"refused: {found.refusal}"])
    remedy = f"parex trust {feature.id} {found.executable.seq}"
    return "\n".join([*lines, f"not trusted: nothing of {name} was run; look at the commands, then: {remedy}"])


COVERS: Final = "Trust covers exactly these lines, and not what the programs and files that they name contain."


def command_lines(executable: Executable) -> list[str]:
    """Every command in full, with its limit and the files that it names; also where it has more than can be shown."""
    lines: list[str] = []
    for (at, check), named in zip(executable.commands, executable.named, strict=True):
        lines.append(f"  [{at}] {check.shown}   (at most {_seconds(check)} s)")
        if not check.is_plain:
            lines.append("      contains characters that are not shown as they are, such as line breaks or controls")
        if named:
            files = clean(", ".join(named))
            lines.append(f"      names {files}: look there too, trust does not cover what is in {_them(named)}")
    return lines


def _them(named: Sequence[str]) -> str:
    return "it" if len(named) == 1 else "them"


def _seconds(check: CommandCheck) -> str:
    return f"{check.limit_ms / 1000:g}"


def verify_json(root: Path, feature: Feature, found: Sequence[tuple[Task, Found]], reason: str = "") -> Json:
    """`parex.verify/1`. `reason`: why there is no such task."""
    return {
        "schema": VERIFY_SCHEMA,
        "root": clean(str(root)),
        "feature": feature.id,
        "passed": bool(found) and all(isinstance(one, Report) and one.passed for _, one in found),
        "reason": reason or None,
        "tasks": [_task_json(feature, task, one) for task, one in found],
    }


def _task_json(feature: Feature, task: Task, found: Found) -> Json:
    record: Json = {
        "seq": task.seq,
        "title": task.title,
        "state": "no_checks",
        "messages": [],
        "evidence": None,
        "generated_at": None,
        "results": [],
        "executable": None,
    }
    match found:
        case Report():
            evidence = evidence_record(found)
            results: list[JsonValue] = [
                {
                    "check": check_record(result.check),
                    "passed": result.passed,
                    "detail": result.detail,
                    "log": None if result.log is None else str(result.log),
                }
                for result in found.results
            ]
            record |= {
                "state": "passed" if found.passed else "failed",
                "evidence": clean(str(feature.path / found.evidence)),
                "generated_at": evidence["generated_at"],
                "results": results,
            }
        case BadChecks(messages=messages):
            record |= {"state": "malformed", "messages": list(messages)}
        case Untrusted(executable=executable, refusal=refusal):
            state = "refused" if refusal else "not_trusted"
            record |= {"state": state, "messages": [refusal] if refusal else []}
            record["executable"] = _executable_json(executable)
    return record


# --- parex trust -----------------------------------------------------------------------------------------------


def standings_text(standings: Sequence[Standing]) -> str:
    """What would be executed, each with whether it may be, and the digest that names all of it."""
    lines: list[str] = []
    for one in standings:
        made = one.executable
        mark, word = ("✓", "trusted") if one.trusted else ("○", "not trusted")
        lines += ["", f"{mark} {made.feature}/{made.seq} - {in_list(made.title)} [{word}]", *command_lines(made)]
    digest = digest_of([one.executable for one in standings])
    return "\n".join([*lines, "", COVERS, f"digest of what is listed: {digest}"])


def given_text(given: Iterable[Given]) -> str:
    """The trust that was given in a project."""
    lines: list[str] = []
    for one in given:
        name = f"{one.feature}/{one.seq}"
        lines.append(f"{timestamp(one.at)}  {one.digest[:12]}  {name}  {counted(len(one.commands), 'command')}")
        lines += [f"    {command}" for command in one.commands]
    return "\n".join([*lines, "", COVERS]) if lines else "Nothing is trusted in this project."


def trust_json(root: Path, standings: Sequence[Standing], given: Iterable[Given], reason: str = "") -> Json:
    """`parex.trust/1`. `reason`: why there is no such task."""
    return {
        "schema": TRUST_SCHEMA,
        "root": clean(str(root)),
        "reason": reason or None,
        "digest": digest_of([one.executable for one in standings]) if standings else None,
        "executables": [{**_executable_json(one.executable), "trusted": one.trusted} for one in standings],
        "given": [
            {
                "digest": one.digest,
                "feature": one.feature,
                "seq": one.seq,
                "file": one.file,
                "commands": list(one.commands),
                "at": one.at,
            }
            for one in given
        ],
    }


def _executable_json(executable: Executable) -> Json:
    return {
        "feature": executable.feature,
        "seq": executable.seq,
        "title": executable.title,
        "file": clean(executable.file),
        "digest": executable.digest,
        "commands": [
            {"position": at, "command": check.command, "timeout_ms": check.limit_ms, "names": list(named)}
            for (at, check), named in zip(executable.commands, executable.named, strict=True)
        ],
    }
