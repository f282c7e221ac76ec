"""The attempts of a task as lines: verdict, time, agent, reason, evidence."""

from __future__ import annotations

from parex_tui.run.snapshot import AttemptView, TaskView
from parex_tui.run.states import Exited

from . import words
from .card import attempt_words
from .lines import BLANK, Line, Role, Span, spread, wrap
from .looks import Draw


def attempt_lines(task: TaskView, chosen: int, width: int, draw: Draw) -> list[Line]:
    """All attempts, the newest first; the chosen one with its reason and its evidence. `chosen` counts from 0."""
    if not task.attempts:
        return [Line((Span("No attempt yet.", Role.DIM),))]
    lines: list[Line] = []
    newest_first = task.attempts[::-1]
    for index, attempt in enumerate(newest_first):
        left = [Span(f" {attempt.number:>3}  ", Role.TITLE), *attempt_words(attempt, draw)]
        lines.append(
            spread(left, _measures(attempt, draw), width, draw.glyphs.ellipsis)._replace(selected=index == chosen)
        )
    lines.append(BLANK)
    lines += _details(newest_first[min(chosen, len(newest_first) - 1)], width)
    return lines


def _measures(attempt: AttemptView, draw: Draw) -> list[Span]:
    parts = [attempt.agent, attempt.model, attempt.driver]
    if attempt.outcome is not None and attempt.outcome.tokens:
        parts.append(words.tokens(attempt.outcome.tokens))
    if attempt.outcome is not None and attempt.outcome.cost is not None:
        parts.append(words.money(attempt.outcome.cost))
    if attempt.started is not None:
        parts.append(words.day_and_time(attempt.started))
    spans = [Span(f" {draw.glyphs.dot} ".join(part for part in parts if part), Role.DIM)]
    return [*spans, Span("  "), Span(" demo ", Role.DEMO)] if attempt.is_demo else spans


def _details(attempt: AttemptView, width: int) -> list[Line]:
    lines = [Line((Span(f"Attempt {attempt.number}", Role.ACCENT), Span("   enter shows its raw output", Role.DIM)))]
    outcome = attempt.outcome
    if isinstance(attempt.state, Exited):
        exit_ = attempt.state.exit
        how = f"signal {exit_.signal}" if exit_.signal is not None else f"exit code {exit_.code}"
        swept = f", {words.plural(attempt.state.swept, 'process', 'processes')} swept" if attempt.state.swept else ""
        lines += _pair("ended", f"{how} ({exit_.reason}){swept}", width)
    if outcome is not None:
        lines += _pair("reason", outcome.reason, width)
        lines += _pair("summary", outcome.summary, width)
        for one in outcome.evidence:
            lines += _pair(one.state, f"{one.deliverable}  {one.detail}".rstrip(), width)
    lines += _pair("folder", str(attempt.directory), width)
    return lines


def _pair(label: str, text: str, width: int) -> list[Line]:
    if not text:
        return []
    rows = wrap(text, max(8, width - 12))
    first = Line((Span(f"  {label:<10}", Role.DIM), Span(rows[0])))
    return [first, *(Line((Span(" " * 12), Span(row))) for row in rows[1:])]
