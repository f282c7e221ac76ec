"""What happened in a run, in plain words, and as `parex.report/1`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from parex_tui.agents.secrets import Masker
from parex_tui.run.states import Evidence
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.text import clean

from .account import Account, TaskAccount, conflict_words, decision_words, spent, tally
from .attempts_json import attempt_json, decision_json, record_json
from .attempts_text import evidence_words, record_title, state_words
from .run_text import duration as elapsed
from .wording import counted, day_and_time, money, tokens

REPORT_SCHEMA: Final = "parex.report/1"

DEMO: Final = "A demonstration: no agent worked, the files are placeholders, tokens and cost are invented."

_GLYPHS: Final = {"verified": "✓", "accepted": "✓", "needs review": "?", "failed": "✗", "running": "●"}


def report_text(account: Account, now: float, mask: Masker) -> str:
    """The report for a terminal. `now` in seconds since the epoch."""
    head = record_title(account.record)
    lines = [f"{head}: {clean(account.title, 200)}" if account.title else head, f"  {tally(account)}"]
    lines.append(f"  {spent(account)}")
    if account.is_demo:
        lines.append(f"  {DEMO}")
    lines.append("")
    for task in account.tasks:
        lines += _task_lines(task, now, mask)
    if account.decisions:
        lines += ["", "Decided by persons:"]
        for one in account.decisions:
            note = f": {clean(mask.text(one.note), 400)}" if one.note else ""
            lines.append(f"  {day_and_time(one.at)}  {decision_words(one)}{note}")
    if account.conflicts:
        lines += ["", "Fields that another program wrote otherwise:"]
        lines += [f"  {mask.text(conflict_words(one))}" for one in account.conflicts]
    if account.unverified:
        lines += ["", "Not verified:"]
        lines += [f"  {task.seq} {task.title}: {task.said}" for task in account.unverified]
    return "\n".join(lines) + "\n"


def _task_lines(task: TaskAccount, now: float, mask: Masker) -> list[str]:
    glyph = _GLYPHS.get(task.word, "○")
    reason = f" — {task.reason}" if task.reason else ""
    lines = [f"{glyph} {task.seq} {task.title}: {task.said}{reason}"]
    if task.attempts:
        lines.append(f"    {used(task)}")
    for one in task.attempts[:-1]:
        why = f": {clean(mask.text(one.reason), 300)}" if one.reason else ""
        lines.append(f"    attempt {one.number} {state_words(one, now)}{why}")
    return lines + [f"    {clean(mask.text(evidence_words(one)), 300)}" for one in task.evidence]


def used(task: TaskAccount) -> str:
    """`2 attempts, 4:10, 20k tok, $0.11`."""
    parts = [counted(len(task.attempts), "attempt"), elapsed(task.seconds)]
    if task.tokens:
        parts.append(tokens(task.tokens))
    if task.cost is not None:
        parts.append(money(task.cost))
    return ", ".join(parts)


def report_json(account: Account, root: Path, mask: Masker) -> dict[str, JsonValue]:
    """The report for scripts."""
    return {
        "schema": REPORT_SCHEMA,
        "root": clean(str(root)),
        "feature": {**record_json(account.record, root), "title": clean(account.title) or None},
        "is_demo": account.is_demo,
        "attempts": account.attempts,
        "tokens": sum(task.tokens for task in account.tasks),
        "cost": _cost(account),
        "wall_seconds": account.wall,
        "saved_seconds": account.saved,
        "verified": [task.seq for task in account.tasks if task.verified],
        "unverified": [task.seq for task in account.unverified],
        "tasks": [
            {
                "seq": task.seq,
                "title": task.title,
                "state": task.word,
                "said": task.said,
                "verified": task.verified,
                "reason": task.reason or None,
                "seconds": task.seconds,
                "tokens": task.tokens,
                "cost": task.cost,
                "evidence": [_evidence(one) for one in task.evidence],
                "attempts": [attempt_json(one, mask) for one in task.attempts],
            }
            for task in account.tasks
        ],
        "decisions": [decision_json(one, mask) for one in account.decisions],
        "conflicts": [
            {
                "number": one.number,
                "file": clean(str(one.path)),
                "field": clean(one.field),
                "ours": mask.text(one.ours) or None,
                "theirs": mask.text(one.theirs) or None,
                "at": one.at,
                "why": one.why,
            }
            for one in account.conflicts
        ],
    }


def _cost(account: Account) -> float | None:
    costs = [task.cost for task in account.tasks if task.cost is not None]
    return sum(costs) if costs else None


def _evidence(one: Evidence) -> dict[str, JsonValue]:
    return {
        "deliverable": clean(one.deliverable),
        "state": clean(one.state),
        "path": clean(one.path),
        "detail": clean(one.detail),
    }
