"""What the end of a process and its events amount to, for drivers whose stream is plain lines or `parex.events/1`.

Nothing here believes more than was said: exit 0 without a last word is no success where a last word is due, and a
claimed success with any other exit code is a failure.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Final

from .driver import Ending, Exit, Failure
from .events import Ended, Event, Line, Said, Trouble
from .stream import NOTICE

_BY_KIND: Final[Mapping[str, Failure]] = {
    "auth": Failure.AUTH,
    "rate_limit": Failure.RATE_LIMIT,
    "permission": Failure.PERMISSION,
}

_MEMORY: Final = "possibly out of memory"


def ending_of(exit_: Exit, events: Sequence[Event], *, structured: bool) -> Ending:
    """Judge an end. `structured`: the program's contract is to say itself how it ended (an `Ended` event)."""
    match exit_.reason:
        case "stopped":
            return _failed(Failure.STOPPED, exit_.detail or "stopped by a person", events)
        case "timeout":
            return _failed(Failure.TIMEOUT, exit_.detail or f"stopped at its time limit, after {_span(exit_)}", events)
        case "spawn":
            return _failed(Failure.SPAWN, exit_.detail or "the program could not be started", events)
    if exit_.signal is not None:
        return _failed(Failure.SIGNAL, f"ended by {signal_name(exit_.signal)}", events)
    trouble = next((e for e in reversed(events) if isinstance(e, Trouble) and e.fatal), None)
    last = next((e for e in reversed(events) if isinstance(e, Ended)), None)
    if trouble is not None:
        return _failed(_BY_KIND.get(trouble.kind, Failure.AGENT_ERROR), trouble.message, events)
    if exit_.code != 0:
        return _failed(Failure.EXIT, _exit_reason(exit_.code, last, events), events)
    if not structured:
        return Ending(clean=True, summary=last_line(events), proven=False)
    if last is None:
        return _failed(Failure.NO_END, "exit 0, but it never said how it ended", events)
    if not last.ok:
        return _failed(Failure.GAVE_UP, last.reason or last.summary or "it said that it failed, and not why", events)
    return Ending(clean=True, summary=last.summary or last_said(events))


def signal_name(number: int) -> str:
    """`SIGTERM`; SIGKILL with what it most often means when nobody here sent it."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"{name} ({_MEMORY})" if number == signal.SIGKILL else name


def last_line(events: Sequence[Event]) -> str:
    """The last line of output that says something, standard error first; "" without one."""
    for wanted in (True, False):
        for event in reversed(events):
            if isinstance(event, Line) and event.stderr is wanted and _says_something(event.text):
                return event.text.strip()
    return ""


def last_said(events: Sequence[Event]) -> str:
    """The last line of the agent's last text; "" without one."""
    for event in reversed(events):
        if isinstance(event, Said) and _says_something(event.text):
            return event.text.strip().rpartition("\n")[2].strip()
    return ""


def _failed(failure: Failure, reason: str, events: Sequence[Event]) -> Ending:
    last = next((e for e in reversed(events) if isinstance(e, Ended)), None)
    return Ending(clean=False, summary=last.summary if last else "", failure=failure, reason=reason)


def _exit_reason(code: int | None, last: Ended | None, events: Sequence[Event]) -> str:
    if code is None:
        return "it ended without an exit code"
    head = f"exit {code}"
    if code == 127:
        head += " (a program was not found)"
    elif code > 128 and code - 128 in set(signal.Signals):
        head += f" (as after {signal_name(code - 128)})"
    if last is not None and last.ok:
        return f"{head}, although it claimed success"
    said = (last.reason if last is not None else "") or last_line(events) or last_said(events)
    return f"{head}: {said}" if said else head


def _says_something(text: str) -> bool:
    return not text.startswith(NOTICE) and any(char.isalnum() for char in text)


def _span(exit_: Exit) -> str:
    minutes, seconds = divmod(round(exit_.seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
