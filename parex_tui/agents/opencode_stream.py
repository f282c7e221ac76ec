"""What `opencode run --format json` prints, and its log, as events. Measured on 1.18.33.

Standard output is one JSON object a line: `step_start`, `text`, `reasoning`, `tool_use` (once, when it has ended),
`step_finish`, `error`. Standard error is the log (`--print-logs`) with a few printed lines between: it alone tells
which agent and model run, that a session was created, that a refused request is tried again, what was rejected.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from .events import (
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
from .jsonl import block, one_line

WRONG_AGENT: Final = "wrong_agent"
"""The kind of a `Trouble` that says that another agent runs."""

SESSION: Final = re.compile(r"ses_[A-Za-z0-9]{1,64}")
"""How opencode's own ids of sessions look."""

_WORDS: Final[Mapping[str, str]] = {
    name: word
    for word, names in {
        "read": "read",
        "write": "write",
        "edit": "edit multiedit patch apply_patch",
        "bash": "bash",
        "search": "grep glob list",
        "web": "webfetch websearch codesearch",
        "task": "task",
    }.items()
    for name in names.split()
}
_INPUTS: Final = ("command", "filePath", "path", "pattern", "query", "url", "description", "name")
_HIDDEN: Final = frozenset({"title", "summary", "compaction"})  # opencode's own agents, which work beside any other
_LIMITED: Final = re.compile(
    r"quota|rate.?limit|too many requests|usage limit|overloaded|insufficient.?(?:funds|balance)"
)
_LOG: Final = re.compile(r"timestamp=\S+\s+level=(\w+)\s")
_FIELD: Final = re.compile(r'(?<!\S)([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')
_FELL_BACK: Final = re.compile(r'agent "(.*)" .*Falling back to default agent')
_AUTO_REJECTED: Final = re.compile(r"permission requested: (.+); auto-rejecting")

_Object = Mapping[str, object]


class OpencodeParser:
    """Reads standard output and the log of one attempt; the order between the two does not matter."""

    def __init__(self) -> None:
        self._session = ""
        self._told = Began()
        self._children: set[str] = set()
        self._said = ""
        self._refusals = 0

    def feed(self, line: str) -> tuple[Event, ...]:
        """Events of one line of standard output."""
        if not line.strip():
            return ()
        found = _object(line)
        if found is None:
            return (Line(text=one_line(line)),)
        at = _seconds(found)
        session = _text(found.get("sessionID"))
        events = self._read(found, session, at)
        if events is None:
            return (Unknown(raw=one_line(line)),)
        return (*self._began(at, session=session), *events)

    def feed_stderr(self, line: str) -> tuple[Event, ...]:
        """Events of one line of the log, or of what is printed between its lines."""
        text = one_line(line)
        if not text.strip():
            return ()
        logged = _LOG.match(text)
        if logged is not None:
            return self._logged(logged[1], {key: _unquoted(value) for key, value in _FIELD.findall(text)})
        if found := _AUTO_REJECTED.search(text):
            return (Asks(question=found[1], answered="rejected"),)
        if found := _FELL_BACK.search(text):
            message = f'opencode did not use the agent "{found[1]}" and fell back to its default agent'
            return (Trouble(message=message, kind=WRONG_AGENT, fatal=True),)
        return (Line(text=text, stderr=True),)

    def _read(self, found: _Object, session: str, at: float | None) -> tuple[Event, ...] | None:
        """None for what is not known."""
        kind = found.get("type")
        if kind == "error":
            return _error(found.get("error"), at)
        part = found.get("part")
        if not isinstance(part, dict):
            return None
        match kind:
            case "step_start":
                return (Thought(at=at),)
            case "text" if isinstance(part.get("text"), str):
                text = block(part["text"])
                if part.get("synthetic") is True:  # written by opencode into the conversation, not said by the model
                    return (Line(at=at, text=one_line(text)),)
                self._said = text
                return (Said(at=at, text=text),)
            case "reasoning":
                return (Thought(at=at, text=block(part["text"]) if isinstance(part.get("text"), str) else ""),)
            case "tool_use":
                return self._tool(part, at)
            case "step_finish":
                return self._step(part, session, at)
        return None

    def _tool(self, part: _Object, at: float | None) -> tuple[Event, ...] | None:
        name, state = _text(part.get("tool")), part.get("state")
        if not name or not isinstance(state, dict):
            return None
        states = {"completed": ToolState.DONE, "error": ToolState.FAILED}
        states |= {"running": ToolState.RUNNING, "pending": ToolState.RUNNING}
        status = states.get(_text(state.get("status")))
        if status is None:
            return None
        given, metadata = _mapping(state.get("input")), _mapping(state.get("metadata"))
        word = _WORDS.get(name, name)
        code = _integer(metadata.get("exit")) if word == "bash" else None
        output = "" if word in ("read", "write", "edit") else block(_raw(state.get("output")))
        error = _text(state.get("error"))
        result = error or next((line.strip() for line in reversed(output.split("\n")) if line.strip()), "")
        added, removed = _changed(word, given, metadata)
        events: list[Event] = []
        child = _text(metadata.get("sessionId")) if word == "task" else ""
        if child and child not in self._children:
            self._children.add(child)
            events.append(Child(at=at, session=child, title=_text(given.get("description"))))
        call = Tool(
            at=at,
            id=_text(part.get("callID")) or _text(part.get("id")) or f"{name}-{at}",
            tool=word,
            state=ToolState.FAILED if status is ToolState.DONE and code else status,
            input=next((_text(given[key]) for key in _INPUTS if given.get(key)), "") or _text(state.get("title")),
            result=one_line(result),
            output=output,
            exit=code,
            path=_text(given.get("filePath") or metadata.get("filepath")) if word in ("read", "write", "edit") else "",
            added=added,
            removed=removed,
        )
        return (*events, call)

    def _step(self, part: _Object, session: str, at: float | None) -> tuple[Event, ...]:
        tokens = _mapping(part.get("tokens"))
        cache = _mapping(tokens.get("cache"))
        cached = _count(cache.get("read"))
        cost = part.get("cost")
        priced = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 < cost < 1e6
        usage = Usage(
            at=at,
            # opencode counts what came from a cache and what is written into one apart from the rest of the prompt.
            input_tokens=_count(tokens.get("input")) + cached + _count(cache.get("write")),
            output_tokens=_count(tokens.get("output")) + _count(tokens.get("reasoning")),
            cached_tokens=cached,
            cost=float(cost) if priced and isinstance(cost, int | float) else None,  # 0: the model has no price
        )
        reason = _text(part.get("reason"))
        if reason in ("tool-calls", "unknown") or session != (self._session or session):
            return (usage,)
        summary = self._said.strip().rpartition("\n")[2].strip()
        if reason == "stop":
            return (usage, Ended(at=at, ok=True, summary=summary))
        reasons = {
            "length": "its answer was cut at the most that the model writes; give it a larger limit, or a smaller task",
            "content-filter": "the model's maker blocked its answer",
        }
        return usage, Ended(
            at=at, ok=False, reason=reasons.get(reason, f"its last step ended with: {reason or 'nothing'}")
        )

    def _logged(self, level: str, fields: Mapping[str, str]) -> tuple[Event, ...]:
        """Events of a log line. What is only a note of a working program stays in the file."""
        at = _when(fields.get("timestamp", ""))
        message, error = fields.get("message", ""), fields.get("error") or fields.get("error.error") or ""
        session = fields.get("session.id", "")
        match message:
            case "created" if SESSION.fullmatch(fields.get("id", "")):
                return self._created(fields, at)
            case "stream":
                if fields.get("small") == "true" or fields.get("agent") in _HIDDEN or session in self._children:
                    return ()
                model = f"{fields.get('providerID', '')}/{fields.get('modelID', '')}"
                return self._began(at, session=session, model=model.strip("/"), agent=fields.get("agent", ""))
            case "stream error":
                self._refusals += 1
                reason = error.partition("Error: ")[2] or error or "the request was refused"
                return (Waits(at=at, reason=reason, attempt=self._refusals),)
            case "loop":
                self._refusals = 0
                return ()
            case "background dependency install failed":
                return ()
        if level not in ("ERROR", "WARN", "FATAL"):
            return ()
        return (Line(at=at, text=f"{message}: {error}" if error else message, stderr=True),)

    def _created(self, fields: Mapping[str, str], at: float | None) -> tuple[Event, ...]:
        session = fields["id"]
        if fields.get("parentID", "undefined") in ("", "undefined", "null"):
            return self._began(at, session=session)
        if session in self._children:
            return ()
        self._children.add(session)
        return (Child(at=at, session=session, title=fields.get("title", "")),)

    def _began(self, at: float | None, *, session: str, model: str = "", agent: str = "") -> tuple[Event, ...]:
        """Said once, and again where more is known. The first session is the attempt's own."""
        self._session = self._session or session
        if session != self._session or not session:
            return ()
        told = Began(session=session, model=model or self._told.model, agent=agent or self._told.agent)
        if told == self._told:
            return ()
        self._told = told
        return (Began(at=at, session=told.session, model=told.model, agent=told.agent),)


def _error(error: object, at: float | None) -> tuple[Event, ...] | None:
    if not isinstance(error, dict):
        return None
    name, data = _text(error.get("name")), _mapping(error.get("data"))
    message = _text(data.get("message")) or name or "an error without a message"
    status = _integer(data.get("statusCode"))
    if status in (401, 403) or name == "ProviderAuthError":
        kind = "auth"
    elif status in (429, 529) or _LIMITED.search(f"{message} {_raw(data.get('responseBody'))}".lower()):
        kind = "rate_limit"
    else:
        kind = "context" if name == "ContextOverflowError" else ""
    # After an overflow it shortens the conversation and goes on; after any other error it ends.
    trouble = Trouble(at=at, message=message, kind=kind, fatal=kind != "context")
    wait = _text(_mapping(data.get("responseHeaders")).get("retry-after"))
    if kind == "rate_limit" and wait.isascii() and wait.isdigit() and len(wait) <= 7:
        return Waits(at=at, reason=message, seconds=float(wait)), trouble
    return (trouble,)


def _changed(word: str, given: _Object, metadata: _Object) -> tuple[int | None, int | None]:
    """Lines added and removed by a call that writes; None where it does not say."""
    diff = _mapping(metadata.get("filediff"))
    if diff:
        return _integer(diff.get("additions")), _integer(diff.get("deletions"))
    if word == "write" and metadata.get("exists") is False and isinstance(given.get("content"), str):
        return len(str(given["content"]).splitlines()), 0
    return None, None


# --- values, never trusted ---------------------------------------------------------------------------------------


def _object(line: str) -> _Object | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _mapping(value: object) -> _Object:
    return value if isinstance(value, dict) else {}


def _raw(value: object) -> str:
    return value if isinstance(value, str) else ""


def _text(value: object) -> str:
    return one_line(_raw(value))


def _integer(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**12 else None


def _count(value: object) -> int:
    return max(0, _integer(value) or 0)


def _seconds(found: _Object) -> float | None:
    """The time of an event; opencode writes milliseconds."""
    value = found.get("timestamp")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e14:
        return None
    return value / 1000 if math.isfinite(value) else None


def _when(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return one_line(str(json.loads(value)))
    except (ValueError, RecursionError):
        return value.strip('"')
