"""parex's own event stream, `parex.events/1`, and how output lines are read.

Any program can print it: a wrapper around an agent that parex does not know prints these lines on its standard output
and is named in the settings with `events = "jsonl"`.

One JSON object a line, UTF-8, no line break inside it, at most 1 MiB, flushed at once (a program whose output is a file
buffers by blocks unless it is told not to). Every object has a `type`, and may have `at`: seconds since the epoch.
Fields marked * are required; every other one may be left out.

    {"type": "began", "session": "", "model": "", "agent": ""}
        The agent introduces itself: the session's id (to go on with it later), the model, the agent that really runs.
    {"type": "said", "text": "..."*}
        Text for the person; may hold line breaks.
    {"type": "thought", "text": "..."}
        Reasoning; the text may be left out.
    {"type": "tool", "id": "1", "tool": "edit"*, "state": "done", "input": "", "result": "", "output": "",
     "exit": 0, "path": "src/a.ts", "added": 4, "removed": 1}
        A tool call. The same `id` comes again when its state changes: `running`, then `done` or `failed`; without a
        state it is `done`, or `failed` where `exit` is not 0. `tool` is `read`, `edit`, `write`, `bash`, `search`,
        `web`, `task`, or a word of your own. `input` and `result` are one line, `output` may be several.
    {"type": "usage", "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0, "cost": 0.01}
        Tokens and cost (US dollars) of one step; they are summed. Leave `cost` out where it is not known.
    {"type": "waits", "reason": "..."*, "seconds": 30, "attempt": 2}
        It waits before it tries again.
    {"type": "asks", "question": "..."*, "id": "", "answered": ""}
        It asks a person; `answered` says how that ended.
    {"type": "child", "session": "..."*, "title": ""}
        It started a session of its own (a subagent).
    {"type": "trouble", "message": "..."*, "kind": "", "fatal": false}
        An error. `fatal` means that it does not go on. `kind` is free; parex knows `auth`, `rate_limit` and
        `permission`.
    {"type": "ended", "ok": true*, "summary": "", "reason": ""}
        Its own last word. Without this line an attempt is not taken as done, whatever the exit code is. `ok` that is
        not `true` or `false` counts as false.

Reading is lenient. A line that is no JSON object is shown as a plain line. An object of an unknown type, or without a
required field, is kept as `Unknown`. An optional field of the wrong type, or a number that cannot be meant (negative,
not finite, beyond reason), is left out. Nothing raises, and every string is cleaned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from parex_tui.tasks.text import clean, clean_block

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

SCHEMA: Final = "parex.events/1"

BLOCK_LIMIT: Final = 100_000
"""Characters of one text or tool output; the file keeps the rest."""

_TOKENS_LIMIT: Final = 10**12
_LINES_LIMIT: Final = 10**9
_COST_LIMIT: Final = 1e6  # dollars of one step
_SECONDS_LIMIT: Final = 366 * 86400.0
_AT_LIMIT: Final = 1e11  # seconds since the epoch; beyond it the number is in other units

# Colours and cursor movements. Other escapes (clipboard, window title, links) stay, and `clean` makes them visible.
_CSI: Final = re.compile("(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]")

_Object = Mapping[str, object]


def one_line(text: str) -> str:
    """`text` as one safe line, without terminal colours."""
    return clean(_CSI.sub("", text))


def block(text: str) -> str:
    """`text` as safe lines, without terminal colours."""
    return clean_block(_CSI.sub("", text), BLOCK_LIMIT)


class PlainParser:
    """For programs that print text: each line is a `Line`."""

    def feed(self, line: str) -> tuple[Event, ...]:
        """One line of standard output."""
        return (Line(text=one_line(line)),)

    def feed_stderr(self, line: str) -> tuple[Event, ...]:
        """One line of standard error."""
        return (Line(text=one_line(line), stderr=True),)


class JsonLinesParser:
    """For programs that print `parex.events/1` on standard output; standard error is plain text."""

    def __init__(self) -> None:
        self._calls = 0

    def feed(self, line: str) -> tuple[Event, ...]:
        """One line of standard output."""
        if not line.strip():
            return ()
        found = _object(line)
        if found is None:
            return (Line(text=one_line(line)),)
        kind = found.get("type")
        read = _READERS.get(kind) if isinstance(kind, str) else None
        event: Event | None
        if kind == "tool":
            event = self._tool(found)
        else:
            event = None if read is None else read(found, _number(found, "at", _AT_LIMIT))
        return (Unknown(raw=one_line(line)),) if event is None else (event,)

    def feed_stderr(self, line: str) -> tuple[Event, ...]:
        """One line of standard error."""
        return (Line(text=one_line(line), stderr=True),) if line.strip() else ()

    def _tool(self, found: _Object) -> Tool | None:
        tool = _text(found, "tool")
        if not tool:
            return None
        exit_code = _integer(found, "exit", -(2**31), 2**31)
        word = found.get("state")
        if isinstance(word, str) and word in _STATES:
            state = _STATES[word]
        else:
            state = ToolState.DONE if exit_code in (None, 0) else ToolState.FAILED
        self._calls += 1
        return Tool(
            at=_number(found, "at", _AT_LIMIT),
            # A call without an id is one of its own, never an update of another.
            id=_text(found, "id") or f"call-{self._calls}",
            tool=tool,
            state=state,
            input=_text(found, "input"),
            result=_text(found, "result"),
            output=_block(found, "output"),
            exit=exit_code,
            path=_text(found, "path"),
            added=_integer(found, "added", 0, _LINES_LIMIT),
            removed=_integer(found, "removed", 0, _LINES_LIMIT),
        )


# --- one reader per type; None means that a required field is missing ------------------------------------------


def _began(found: _Object, at: float | None) -> Event:
    return Began(at=at, session=_text(found, "session"), model=_text(found, "model"), agent=_text(found, "agent"))


def _said(found: _Object, at: float | None) -> Event | None:
    text = found.get("text")
    return Said(at=at, text=block(text)) if isinstance(text, str) else None


def _thought(found: _Object, at: float | None) -> Event:
    return Thought(at=at, text=_block(found, "text"))


def _usage(found: _Object, at: float | None) -> Event:
    return Usage(
        at=at,
        input_tokens=_integer(found, "input_tokens", 0, _TOKENS_LIMIT) or 0,
        output_tokens=_integer(found, "output_tokens", 0, _TOKENS_LIMIT) or 0,
        cached_tokens=_integer(found, "cached_tokens", 0, _TOKENS_LIMIT) or 0,
        cost=_number(found, "cost", _COST_LIMIT),
    )


def _waits(found: _Object, at: float | None) -> Event | None:
    reason = _text(found, "reason")
    if not reason:
        return None
    seconds = _number(found, "seconds", _SECONDS_LIMIT)
    return Waits(at=at, reason=reason, seconds=seconds, attempt=_integer(found, "attempt", 0, _LINES_LIMIT) or 0)


def _asks(found: _Object, at: float | None) -> Event | None:
    question = _text(found, "question")
    if not question:
        return None
    return Asks(at=at, question=question, id=_text(found, "id"), answered=_text(found, "answered"))


def _child(found: _Object, at: float | None) -> Event | None:
    session = _text(found, "session")
    return Child(at=at, session=session, title=_text(found, "title")) if session else None


def _trouble(found: _Object, at: float | None) -> Event | None:
    message = _text(found, "message")
    if not message:
        return None
    return Trouble(at=at, message=message, kind=_text(found, "kind"), fatal=found.get("fatal") is True)


def _ended(found: _Object, at: float | None) -> Event:
    ok = found.get("ok")
    reason = _text(found, "reason")
    if not isinstance(ok, bool):
        reason = reason or 'its end line has no "ok" that is true or false'
    return Ended(at=at, ok=ok is True, summary=_text(found, "summary"), reason=reason)


_READERS: Final[Mapping[str, Callable[[_Object, float | None], Event | None]]] = {
    "began": _began,
    "said": _said,
    "thought": _thought,
    "usage": _usage,
    "waits": _waits,
    "asks": _asks,
    "child": _child,
    "trouble": _trouble,
    "ended": _ended,
}

_STATES: Final = {state.value: state for state in ToolState}


# --- values, never trusted -------------------------------------------------------------------------------------


def _object(line: str) -> _Object | None:
    """The JSON object that the line is, or None."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):  # a number of 5,000 digits is a ValueError, deep nesting a RecursionError
        return None
    return found if isinstance(found, dict) else None


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return value
    # An id is often written as a number; anything else is no text.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else ""


def _text(found: _Object, key: str) -> str:
    return one_line(_scalar(found.get(key)))


def _block(found: _Object, key: str) -> str:
    return block(_scalar(found.get(key)))


def _number(found: _Object, key: str, most: float) -> float | None:
    """A finite number from 0 to `most`, or None."""
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= most else None  # no comparison with NaN holds


def _integer(found: _Object, key: str, least: int, most: int) -> int | None:
    """A whole number from `least` to `most`, or None; `3.0` is one."""
    value = found.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if least <= value <= most else None
