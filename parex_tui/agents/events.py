"""One normalised stream: what an agent does, whichever program runs it.

Every string is cleaned (`tasks.text`). `at` is seconds since the epoch where the agent's own stream says when,
else None: the reader then knows only when it read the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Began(_Event):
    """The agent introduced itself: its session (to continue it later), its model, the agent that really runs."""

    session: str = ""
    model: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(_Event):
    """Text for the person. May hold several lines."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought(_Event):
    """Reasoning; may be empty where the agent only says that it thinks."""

    text: str = ""


class ToolState(StrEnum):
    """How far a tool call is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(_Event):
    """A tool call; the same `id` comes again when its state changes.

    `tool` is one of the shared words `read`, `edit`, `write`, `bash`, `search`, `web`, `task`, or the agent's own.
    `input` and `result` are one line each; `output` may hold several lines. `exit` is a command's exit code.
    `added` and `removed` count lines of an edit, None where the agent does not say.
    """

    id: str
    tool: str
    state: ToolState
    input: str = ""
    result: str = ""
    output: str = ""
    exit: int | None = None
    path: str = ""
    added: int | None = None
    removed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(_Event):
    """Tokens and cost of one step, to be summed. `cost` is in US dollars, None where the agent does not say."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits(_Event):
    """The agent waits before it tries again: `seconds`, None where it does not say how long."""

    reason: str
    seconds: float | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks(_Event):
    """The agent asks a person. `answered` is how it ended: "" while it is open."""

    question: str
    id: str = ""
    answered: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child(_Event):
    """The agent started a session of its own (a subagent)."""

    session: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble(_Event):
    """An error that the agent reports; it may go on after it (`fatal` False) or not."""

    message: str
    kind: str = ""
    fatal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(_Event):
    """The agent's own last word: it claims success or says that it failed. Claimed is not done."""

    ok: bool
    summary: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(_Event):
    """A plain line of output, for agents that print no events."""

    text: str
    stderr: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(_Event):
    """A line that claims to be an event and is none that parex knows: kept, counted, never fatal."""

    raw: str


Event = Began | Said | Thought | Tool | Usage | Waits | Asks | Child | Trouble | Ended | Line | Unknown
