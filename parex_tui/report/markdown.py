"""What happened in a run, as Markdown to paste into a pull request.

Every text that came from a file or an agent stands in a code span: there nothing is a link, a mention, an issue's
number, HTML or an image, on any forge.
"""

from __future__ import annotations

import re
from typing import Final

from parex_tui.agents.secrets import Masker
from parex_tui.tasks.text import clean

from .account import Account, TaskAccount, conflict_words, decision_words, spent, tally
from .attempts_text import record_title
from .report_text import DEMO
from .run_text import duration as elapsed
from .wording import day_and_time, money, tokens

_TICKS: Final = re.compile("`+")
_EVIDENCE: Final = 40
"""Deliverables of one task that are listed; the rest is counted."""


def code(text: str) -> str:
    """`text` as a code span of one line, also in a table's cell; "" for nothing."""
    plain = clean(text, 1000).strip()
    if not plain:
        return ""
    longest = max((len(run) for run in _TICKS.findall(plain)), default=0)
    fence = "`" * (longest + 1)
    room = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{room}{plain}{room}{fence}".replace("|", "\\|")


def report_markdown(account: Account, mask: Masker) -> str:
    """The report."""
    title = code(mask.text(account.title) or record_title(account.record))
    lines = [f"## Run of {title}", ""]
    if account.is_demo:
        lines += [f"**{DEMO}**", ""]
    lines += [f"{tally(account)}.", "", f"{spent(account)}.", ""]
    lines += ["| Task | | What came of it | Attempts | Time | Tokens | Cost |", "|---|---|---|---:|---:|---:|---:|"]
    lines += [_row(task) for task in account.tasks]
    if account.unverified:
        lines += ["", "### Not verified", ""]
        for task in account.unverified:
            lines.append(f"- {code(task.seq)} {code(task.title)}: **{task.said}**{_why(task.reason)}")
    if any(task.evidence for task in account.tasks):
        lines += ["", "### Evidence", ""]
        lines += [line for task in account.tasks for line in _evidence(task, mask)]
    if account.decisions:
        lines += ["", "### Decided by persons", ""]
        for one in account.decisions:
            lines.append(f"- {day_and_time(one.at)}: {code(decision_words(one))}{_why(mask.text(one.note))}")
    if account.conflicts:
        lines += ["", "### Fields that another program wrote otherwise", ""]
        lines += [f"- {code(mask.text(conflict_words(one)))}" for one in account.conflicts]
    return "\n".join(lines) + "\n"


def _row(task: TaskAccount) -> str:
    cells = [
        code(task.seq),
        code(task.title),
        task.said if task.verified else f"**{task.said}**",
        str(len(task.attempts)) if task.attempts else "",
        elapsed(task.seconds) if task.attempts else "",
        tokens(task.tokens).removesuffix(" tok") if task.tokens else "",
        money(task.cost) if task.cost is not None else "",
    ]
    return f"| {' | '.join(cells)} |"


def _why(reason: str) -> str:
    return f": {code(reason)}" if reason.strip() else ""


def _evidence(task: TaskAccount, mask: Masker) -> list[str]:
    if not task.evidence:
        return []
    lines = [f"- {code(task.seq)} {task.said}"]
    for one in task.evidence[:_EVIDENCE]:
        detail = f" ({code(mask.text(one.detail))})" if one.detail else ""
        lines.append(f"  - {clean(one.state, 20)}: {code(mask.text(one.path or one.deliverable))}{detail}")
    if (rest := len(task.evidence) - _EVIDENCE) > 0:
        lines.append(f"  - and {rest} more")
    return lines
