"""The driver for opencode 1.x: one `opencode run` per attempt.

Measured on 1.18.33. It has no last word of its own, and exits 0 after much that is no success: a rejected permission,
another agent than the one that was asked for. So an attempt is clean only where the newest step of its own session
ended with `stop`, no `error` came, the exit code is 0, and its log does not name another agent.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from parex_tui.tasks.text import clean

from .definitions import Mode, opencode_agents
from .driver import DriverError, Ending, Exit, Failure, Invocation, Job
from .ending import ending_of, last_said
from .events import Asks, Began, Ended, Event, Line, Said, Thought, Tool, ToolState, Trouble, Usage
from .opencode_stream import SESSION, WRONG_AGENT, OpencodeParser
from .prompt import NOT_DONE

NAME: Final = "opencode"

WARM_UP: Final = ("session", "list", "-n", "1")
"""Arguments of a command that makes and migrates the database: several first starts at once would break each other."""

STARTS_AT_ONCE: Final = 2
"""How many may start at the same time: a start takes seconds of a core, and the database is locked by each."""

_MODEL: Final = re.compile(r"[^\s/]+/\S+")
_VALUE_BYTES: Final = 4096
_TITLE: Final = 80

_QUIET: Final[Mapping[str, str]] = {
    # NPM_CONFIG_OFFLINE would be quieter still, but the agent's own commands inherit it.
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
}


_SERVER_LOGS: Final = "Check server logs"
_REJECTED: Final = "rejected permission"
_BUSY: Final = re.compile(r"database is locked|database table is locked|Failed query", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OpencodeSettings:
    """How it is run. `agent` and `model` (`provider/model`) stand in where a job names none.

    `approve`: say yes to every permission question; otherwise a question is rejected, and the attempt ends with it.
    """

    program: str = NAME
    agent: str = ""
    model: str = ""
    approve: bool = False
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


class OpencodeDriver:
    """Starts `opencode run`. The prompt goes in by standard input, every value behind `=`."""

    is_demo: Final = False

    def __init__(
        self,
        settings: OpencodeSettings | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        modes: Callable[[Path], Mapping[str, Mode]] | None = None,
    ) -> None:
        """`modes`: the agents that opencode would find for a project, by id; without it they are looked for."""
        self._settings = settings or OpencodeSettings()
        self._environ = os.environ if environ is None else environ
        self._modes = modes or self._defined

    @property
    def name(self) -> str:
        """Always `opencode`."""
        return NAME

    def check(self) -> None:
        """Raise DriverError where the program cannot be found."""
        self._program()

    def invocation(self, job: Job) -> Invocation:
        """A fresh session for this attempt. Raises DriverError where a value cannot be passed safely."""
        title = clean(f"{job.feature.id} {job.task.name}", _TITLE)
        return self._invocation(job, [f"--title={title}"])

    def follow_up(self, job: Job, session: str) -> Invocation:
        """The same, but the prompt goes into an existing session. Raises DriverError for what is no session's id."""
        return self._invocation(job, [f"--session={self._session(session)}"])

    def take_over(self, session: str) -> tuple[str, ...]:
        """The argv of opencode's own screen for a session, to run in a terminal with the root as working folder."""
        return (self._program(), f"--session={self._session(session)}")

    def warm_up(self) -> tuple[str, ...]:
        """The argv to run once, before several attempts start at the same time."""
        return (self._program(), *WARM_UP)

    def parser(self) -> OpencodeParser:
        """For what `run --format json` prints, and for its log."""
        return OpencodeParser()

    def ending(self, exit_: Exit, events: Sequence[Event], agent: str = "") -> Ending:
        """What it came to. `agent`: the one that had to run; with it, a log that does not prove it is a failure."""
        if exit_.reason in ("stopped", "timeout", "spawn") or exit_.signal is not None:
            return ending_of(exit_, events, structured=True)
        found = _problem(events, agent)
        if found is None and exit_.code == 0 and not _has_last_word(events):
            found = (Failure.NO_END, "exit 0, but its last step is not its end: it stopped after a tool, or broke off")
        if found is not None:
            return Ending(clean=False, failure=found[0], reason=found[1])
        ending = ending_of(exit_, events, structured=True)
        if ending.failure is Failure.GAVE_UP:  # its end line came from the model's maker, not from the model
            return Ending(clean=False, failure=Failure.AGENT_ERROR, reason=ending.reason)
        last = last_said(events)
        if ending.clean and last.startswith(NOT_DONE):
            why = last.removeprefix(NOT_DONE).strip() or "it said that it is not done, and not why"
            return Ending(clean=False, summary=last, failure=Failure.GAVE_UP, reason=why)
        return ending

    def _invocation(self, job: Job, session: Sequence[str]) -> Invocation:
        agent = self._checked("agent", job.agent or self._settings.agent)
        model = self._checked("model", job.model or self._settings.model)
        if model and not _MODEL.fullmatch(model):
            raise DriverError(f'opencode: "{clean(model, 60)}" is no model; write it as provider/model')
        argv = [self._program(), "run", "--format=json", "--print-logs", "--log-level=INFO", "--thinking"]
        argv += [f"--dir={self._checked('root', str(job.root))}", *session]
        argv += [f"--agent={agent}"] if agent else []
        argv += [f"--model={model}"] if model else []
        argv += ["--auto"] if self._settings.approve else []
        argv += [self._checked("arguments", value) for value in self._settings.arguments]
        # A session belongs to the folder that PWD names, whatever the working directory is.
        env = {**_QUIET, **self._settings.env, "PWD": str(job.root)}
        if agent and self._modes(job.root).get(agent) is Mode.SUBAGENT:
            env["OPENCODE_CONFIG_CONTENT"] = self._as_primary(agent)
        return Invocation(argv=tuple(argv), cwd=job.root, env=env, stdin="prompt")

    def _as_primary(self, agent: str) -> str:
        """The configuration that lets `run` use a subagent, on top of one that the person has in the environment.

        Only for an agent that exists: for any other name it would define an empty one, which then runs.
        """
        name = "OPENCODE_CONFIG_CONTENT"
        given = self._settings.env.get(name) or self._environ.get(name) or "{}"
        try:
            config = json.loads(given)
            agents = {**config.get("agent", {})}
            agents[agent] = {**agents.get(agent, {}), "mode": "all"}
        except (ValueError, RecursionError, TypeError, AttributeError) as error:
            raise DriverError(
                f"opencode: {name} in the environment is not a JSON object; correct or unset it"
            ) from error
        return json.dumps({**config, "agent": agents})

    def _defined(self, root: Path) -> Mapping[str, Mode]:
        return {found.id: found.mode for found in opencode_agents(root, self._environ).agents}

    def _program(self) -> str:
        wanted = self._settings.program
        if wanted.startswith("~/"):
            wanted = str(Path(wanted).expanduser())
        found = shutil.which(wanted) if "/" not in wanted or Path(wanted).is_absolute() else None
        if found is None or not Path(found).is_absolute():
            raise DriverError(
                f"opencode: not found: {clean(wanted, 200)}; install it (npm install -g opencode-ai),"
                " or name its absolute path"
            )
        return found

    @staticmethod
    def _session(session: str) -> str:
        if not SESSION.fullmatch(session):
            raise DriverError(f'opencode: "{clean(session, 60)}" is no session of opencode; retry in a fresh one')
        return session

    @staticmethod
    def _checked(what: str, value: str) -> str:
        try:
            size = len(os.fsencode(value))
        except UnicodeEncodeError as error:
            raise DriverError(f"opencode: the {what} holds characters that cannot be passed to a program") from error
        if "\0" in value or size > _VALUE_BYTES:
            raise DriverError(f"opencode: the {what} cannot be passed to a program: {clean(value, 60)}")
        return value


# --- what the end means ------------------------------------------------------------------------------------------


def _problem(events: Sequence[Event], agent: str) -> tuple[Failure, str] | None:
    """Why it is no success, whatever the exit code says; the first that holds."""
    troubles = [event for event in events if isinstance(event, Trouble)]
    fell_back = next((event for event in troubles if event.kind == WRONG_AGENT), None)
    if fell_back is not None:
        return Failure.WRONG_AGENT, fell_back.message
    ran = [event.agent for event in events if isinstance(event, Began) and event.agent]
    if agent and (other := next((name for name in ran if name != agent), "")):
        return Failure.WRONG_AGENT, f'the agent "{other}" ran instead of "{clean(agent, 60)}"'
    if troubles:
        return _of_trouble(troubles[-1], events)
    lines = [event.text for event in events if isinstance(event, Line) and event.stderr]
    busy = next((text for text in lines if _BUSY.search(text)), "")
    if busy and not _has_last_word(events):
        return Failure.EXIT, f"its database was busy with another start; this passes, retry: {clean(busy, 200)}"
    if any("Session not found" in text for text in lines):
        return Failure.AGENT_ERROR, "the session to follow up is not there any more; retry in a fresh one"
    if not _has_last_word(events) and (refused := _refused(events)):
        return Failure.PERMISSION, f"rejected: {refused}; allow it for the agent, or change the task"
    if agent and not ran and _has_last_word(events):
        return Failure.WRONG_AGENT, f'nothing in its log proves that the agent "{clean(agent, 60)}" ran'
    return None


def _of_trouble(trouble: Trouble, events: Sequence[Event]) -> tuple[Failure, str]:
    reason = trouble.message
    if _SERVER_LOGS in reason:  # the log is here: its newest error says what it was
        logged = [event.text for event in events if isinstance(event, Line) and event.stderr and "Error" in event.text]
        reason = logged[-1] if logged else reason
    kinds = {"auth": Failure.AUTH, "rate_limit": Failure.RATE_LIMIT}
    if trouble.kind not in kinds and _BUSY.search(reason):
        return Failure.EXIT, f"its database was busy with another start; this passes, retry: {clean(reason, 200)}"
    return kinds.get(trouble.kind, Failure.AGENT_ERROR), reason


def _refused(events: Sequence[Event]) -> str:
    """What was asked and rejected; "" where nothing was."""
    for event in reversed(events):
        if isinstance(event, Asks) and event.answered == "rejected":
            return event.question
    for event in reversed(events):
        if isinstance(event, Tool) and event.state is ToolState.FAILED and _REJECTED in event.result:
            return f"{event.tool} {event.input}".strip()
    return ""


def _has_last_word(events: Sequence[Event]) -> bool:
    """Whether the newest thing that a step told is that it ended for good. What the log told comes in any order."""
    for event in reversed(events):
        if isinstance(event, Ended):
            return True
        if isinstance(event, Said | Thought | Tool | Usage):
            return False
    return False
