"""A headless run, told: each notice as plain lines for people, or as one JSON object for scripts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from parex_tui.agents.events import Asks, Ended, Event, Line, Said, Tool, ToolState, Trouble, Waits
from parex_tui.run.notices import (
    AgentDid,
    AttemptAdopted,
    AttemptEnds,
    AttemptStalls,
    AttemptStarts,
    BatchHeld,
    BatchOver,
    BatchPaused,
    BatchStarts,
    GivenAway,
    Notice,
    Refused,
    RetryWaits,
    StartsWait,
)
from parex_tui.run.states import Verdict

SCHEMA = "parex.run/1"

_NAMES: Mapping[type, str] = {
    BatchStarts: "batch_starts",
    AttemptStarts: "attempt_starts",
    AttemptAdopted: "attempt_adopted",
    AgentDid: "agent",
    AttemptEnds: "attempt_ends",
    AttemptStalls: "attempt_stalls",
    BatchHeld: "batch_held",
    BatchPaused: "batch_paused",
    BatchOver: "batch_over",
    RetryWaits: "retry_waits",
    StartsWait: "starts_wait",
    GivenAway: "given_away",
    Refused: "refused",
}

_GLYPHS = {Verdict.VERIFIED: "✓", Verdict.NEEDS_REVIEW: "?", Verdict.FAILED: "✗"}


def duration(seconds: float) -> str:
    """`0:07`, `2:14`, `1:02:14`."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def notice_text(notice: Notice, *, quiet: bool = False) -> str:
    """One line (or a few) for people; "" for what is not worth one."""
    match notice:
        case BatchStarts(text=text):
            return text
        case AttemptStarts(seq, title, attempt, driver, is_demo, agent):
            label = "demo, not real work" if is_demo else driver
            who = f"{agent} by {label}" if agent else label
            return f"▶ {seq} {title}: attempt {attempt} ({who})"
        case AttemptAdopted(seq, title, attempt):
            return f"▶ {seq} {title}: attempt {attempt} was already running"
        case AgentDid(seq=seq, event=event):
            text = "" if quiet else event_text(event)
            return f"  {seq} │ {text}" if text else ""
        case AttemptEnds(seq=seq, title=title, attempt=attempt, outcome=outcome):
            word = f"{outcome.verdict}: {outcome.failure}" if outcome.failure else str(outcome.verdict)
            glyph = _GLYPHS[outcome.verdict]
            return f"{glyph} {seq} {title}: {word} — {outcome.reason} (attempt {attempt}, {duration(outcome.seconds)})"
        case BatchHeld(batch=batch, waiting=waiting):
            rows = "".join(f"\n    {seq}  {reason}" for seq, reason in waiting)
            return f"Batch {batch} is held:{rows}"
        case BatchOver(batch=batch, seconds=seconds):
            return f"Batch {batch} is over" + (f" after {duration(seconds)}" if seconds is not None else "")
        case BatchPaused(batch=batch, text=text):
            return f"! Batch {batch} {text}"
        case RetryWaits(seq, title, _, failure, seconds):
            return f"  {seq} {title}: {failure}; again in {seconds:.0f} s"
        case StartsWait(seq, reason, seconds):
            return f"! {seq}: {reason}; nothing new starts, again in {seconds:.0f} s"
        case AttemptStalls(seq, title, attempt, since):
            when = time.strftime("%H:%M:%S", time.localtime(since))
            return f"! {seq} {title}: attempt {attempt} has neither written nor computed since {when}"
        case GivenAway(to=to):
            return f"{to} took the run over and goes on with it; what runs was not touched"
        case Refused(seq=seq, reason=reason):
            return f"! {seq}: {reason}" if seq else f"! {reason}"


def event_text(event: Event) -> str:
    """One line of what an agent does; "" for what only the screen shows."""
    match event:
        case Said(text=text):
            return text.replace("\n", " ")[:300]
        case Tool(state=ToolState.RUNNING):
            return ""
        case Tool() as tool:
            lines = [tool.tool, tool.input or tool.path]
            if tool.added is not None or tool.removed is not None:
                lines.append(f"+{tool.added or 0} -{tool.removed or 0}")
            if tool.exit:
                lines.append(f"exit {tool.exit}")
            elif tool.state is ToolState.FAILED:
                lines.append("failed")
            if tool.state is ToolState.FAILED and tool.result:
                lines.append(tool.result[:200])
            return "  ".join(part for part in lines if part)
        case Trouble(message=message):
            return f"error: {message}"
        case Waits(reason=reason, seconds=seconds):
            return f"waits{f' {seconds:.0f} s' if seconds is not None else ''}: {reason}"
        case Asks(question=question):
            return f"asks: {question}"
        case Line(text=text):
            return text
        case Ended(ok=False, reason=reason):
            return f"gave up: {reason}"
        case _:
            return ""


def notice_json(notice: Notice, at: float | None = None) -> dict[str, Any]:
    """One event of a `--json` run: `type`, `at` (seconds since the epoch), and the notice's fields."""
    record: dict[str, Any] = {"type": _NAMES[type(notice)], "at": round(time.time() if at is None else at, 3)}
    if isinstance(notice, AgentDid):
        event = {"kind": type(notice.event).__name__.lower(), **_plain(notice.event)}
        return {**record, "seq": notice.seq, "attempt": notice.attempt, "event": event}
    return {**record, **_plain(notice)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
