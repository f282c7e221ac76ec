"""What was stopped and how: in words, and as `parex.stop/1`."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from parex_tui.run.attempt import Attempt
from parex_tui.run.feature_records import FeatureRecord
from parex_tui.run.states import Exited
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.text import clean

from .run_text import duration as elapsed
from .wording import counted, duration

STOP_SCHEMA: Final = "parex.stop/1"


class How(StrEnum):
    """What became of an attempt that was to be stopped."""

    STOPPED = "stopped"  # it went when it was asked to
    KILLED = "killed after grace"
    ENDED = "ended by itself"  # before it was asked
    NEVER_RAN = "never ran"
    LOST = "lost, and ended"  # its keeper had died; what was left of it was ended here
    ASKED = "asked to stop"  # not waited for
    ALIVE = "not proven dead"


@dataclass(frozen=True, slots=True)
class Stopped:
    """One attempt, and what became of it. `reason` says why it could not be proven dead."""

    record: FeatureRecord
    attempt: Attempt
    how: How
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Paused:
    """A feature that another parex runs. `answered`: it took the order to start nothing new."""

    record: FeatureRecord
    pid: int | None
    answered: bool


def how_it_ended(state: Exited) -> How:
    """Of an attempt that was asked to stop."""
    if state.exit.reason != "stopped":
        return How.ENDED
    return How.KILLED if state.exit.signal == signal.SIGKILL else How.STOPPED


def attempt_name(record: FeatureRecord, attempt: Attempt) -> str:
    """`auth 05#2`."""
    return clean(f"{record.name} {attempt.launch.seq}#{attempt.number}", 200)


def stopped_text(one: Stopped) -> str:
    """`■ auth 05#2 stopped after 2:14; 3 processes it had started were ended, too`."""
    name, state = attempt_name(one.record, one.attempt), one.attempt.state()
    if one.how is How.ALIVE:
        return f"✗ {name} is not proven dead: {one.reason}"
    word = str(one.how)
    if one.how is How.KILLED:
        word = f"killed: it had not ended within its grace of {duration(one.attempt.launch.grace)}"
    told = f"■ {name} {word}"
    if isinstance(state, Exited):
        told += f", after {elapsed(state.exit.seconds)}"
        if state.swept:
            told += f"; with {counted(state.swept, 'process', 'processes')} that it had started"
    return told


def stop_json(paused: Sequence[Paused], stopped: Sequence[Stopped], root: Path) -> dict[str, JsonValue]:
    """What was done."""
    return {
        "schema": STOP_SCHEMA,
        "root": clean(str(root)),
        "paused": [{"feature": clean(one.record.name), "pid": one.pid, "answered": one.answered} for one in paused],
        "attempts": [_attempt(one) for one in stopped],
        "proven": all(one.how not in (How.ALIVE, How.ASKED) for one in stopped),
    }


def _attempt(one: Stopped) -> dict[str, JsonValue]:
    state = one.attempt.state()
    ended = state if isinstance(state, Exited) else None
    return {
        "feature": clean(one.record.name),
        "seq": clean(one.attempt.launch.seq),
        "number": one.attempt.number,
        "how": one.how.value,
        "reason": one.reason or None,
        "seconds": None if ended is None else ended.exit.seconds,
        "swept": None if ended is None else ended.swept,
        "directory": clean(str(one.attempt.dir)),
    }
