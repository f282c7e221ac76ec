"""What an agent does, worded: the same on the screen and in `parex logs`."""

from __future__ import annotations

from parex_tui.agents.events import (
    Asks,
    Began,
    Child,
    Ended,
    Event,
    Line,
    Said,
    Thought,
    Tool,
    ToolState,
    Trouble,
    Unknown,
    Usage,
    Waits,
)

from .wording import duration


def event_words(event: Event, *, dot: str = "·", ellipsis: str = "…") -> tuple[str, str]:
    """A verb and a text for an event. The text may hold several lines; both are "" for plain output without any."""
    match event:
        case Said(text=text):
            return "said", text
        case Thought(text=text):
            return "thinks", text or ellipsis
        case Began(agent=agent, model=model):
            return "began", f" {dot} ".join(part for part in (agent, model) if part)
        case Tool():
            return event.tool, tool_words(event, ellipsis)
        case Waits(reason=reason, seconds=seconds):
            return "waits", reason if seconds is None else f"{reason}, {duration(max(1.0, seconds))}"
        case Asks(question=question, answered=answered):
            return "asks", f"{question}   {answered or 'waits for an answer'}"
        case Child(title=title, session=session):
            return "child", title or session
        case Trouble(message=message):
            return "error", message
        case Ended(ok=ok, summary=summary, reason=reason):
            return "ended", summary or reason or ("says it is done" if ok else "says it failed")
        case Line(text=text, stderr=stderr):
            return ("stderr" if stderr else ""), text
        case Usage() as used:
            cost = "" if used.cost is None else f", ${used.cost:.4f}"
            return "usage", f"{used.input_tokens + used.output_tokens} tokens{cost}"
        case Unknown(raw=raw):
            return "other", raw


def tool_words(event: Tool, ellipsis: str = "…") -> str:
    """What a tool call works on and what came of it: path or command, lines added and removed, exit code."""
    parts = [event.path or event.input or event.result or ellipsis]
    if event.added or event.removed:
        parts.append(" ".join((*([f"+{event.added}"] if event.added else ()), *_removed(event))))
    if event.exit:
        parts.append(f"exit {event.exit}")
    elif event.state is ToolState.FAILED:
        parts.append(event.result or "failed")
    return "  ".join(parts)


def _removed(event: Tool) -> tuple[str, ...]:
    return (f"-{event.removed}",) if event.removed else ()
