"""What the stub model answers: one turn at a time, decided from the conversation alone, in no wire format.

A mode is a tag in the prompt, `[stub:MODE]`, else the model's name; a number after a dash is its measure.

    ok             read the task file, write every deliverable that is a path, say done
    slow-N         as ok, its last words spread over N seconds (3)
    think          as ok, with reasoning before each turn
    giveup         a text and a clean end; nothing is written
    notdone        the same, and the last line says so in the words that the prompt asks for
    halfway        as ok, but without the last deliverable
    edit           as ok, and then a change of the first deliverable
    toolfail       two tool calls that fail, then a text
    permission     read a file outside of the project, then a text
    subagent       hand the task to a subagent, then a text
    sleep-N        run a command that takes N seconds (1000), then a text
    background-N   leave a command of N seconds (1000) running, then a text
    loop           read the task file again and again
    big-N          one text of N bytes (1000000)
    401 403 404    refused, always
    429 500 529    refused, always; with -N only the first N requests of the same prompt, then ok; -N-S waits S seconds
    quota          429, for a reason that no waiting changes
    context        400, the prompt is too long
    hang           the request is taken and never answered
    stall          an answer begins and never goes on
    cut            an answer begins and the connection breaks; with -N only the first N requests, then ok
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

OUTSIDE: Final = "/etc/hostname"

_TAG: Final = re.compile(r"\[stub:([a-z0-9-]+)\]")
_AGENT: Final = re.compile(r"\[agent:([^\]\n]+)\]")
_TASK: Final = re.compile(r"(\S*\.tmp/tasks/\S+?\.json)")
_OWN: Final = "# Your task:"
_SECTION: Final = re.compile(r"^## Deliverables\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
_FOLDER: Final = re.compile(r"(?:[Ww]orking directory(?: is)?:?|<cwd>)\s*(/[^\s<`]*[^\s<`.])")
_LISTED: Final = re.compile(r'"deliverables"\s*:\s*(\[.*?\])', re.DOTALL)
_NUMBERED: Final = re.compile(r"^\s*\d+(?:: |→|\t|\| )", re.MULTILINE)
_REMINDER: Final = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)

_READ: Final = ("read", "Read", "read_file")
_WRITE: Final = ("write", "Write", "write_file")
_EDIT: Final = ("edit", "Edit", "replace")
_SHELL: Final = ("bash", "Bash", "run_shell_command", "exec_command", "shell_command", "shell")
_TASK_TOOLS: Final = ("task", "Task", "Agent")
_PATHS: Final = ("filePath", "file_path", "absolute_path", "path")
_COMMANDS: Final = ("command", "cmd")

_PATH: Final = re.compile(r"[\w.@-]+(?:/[\w.@-]+)*/?")


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who spoke, its text, and what tools gave back in it."""

    who: str  # "user", "model" or "tool"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request in no wire format. `tools` maps a tool's name to the JSON schema of its arguments."""

    model: str
    system: str
    messages: tuple[Said, ...]
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stream: bool = True

    @property
    def prompt(self) -> str:
        """The newest message of a person: whatever programs add as reminders does not count."""
        return next((m.text for m in reversed(self.messages) if _is_prompt(m)), "")

    @property
    def results(self) -> tuple[str, ...]:
        """What tools gave back since that prompt, in order: as many as there were calls."""
        found: list[str] = []
        for message in reversed(self.messages):
            if _is_prompt(message):
                break
            if message.who == "tool":
                found.append(message.text)
        return tuple(reversed(found))

    @property
    def agent(self) -> str:
        """The name in `[agent:NAME]` of the instructions, which a test writes into an agent's definition."""
        found = _AGENT.search(self.system)
        return found[1] if found else ""

    @property
    def mode(self) -> str:
        """The tag of the prompt, of its own task where it has one; else the model's name."""
        own = self.prompt.rpartition(_OWN)[2]
        tags = _TAG.findall(own)
        if not tags:
            return self.model.rpartition("/")[2]
        # A prompt names the tasks beside it too, after its own title.
        return str(tags[0] if _OWN in self.prompt else tags[-1])


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn of the model. `pause` is seconds between its pieces of text."""

    text: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    thought: str = ""
    pause: float = 0.0


def measure(mode: str, default: int, place: int = 0) -> int:
    """The number of a mode: `3` of `slow-3`; `place` 1 is the second, as in `429-2-1`."""
    numbers = [int(part) for part in mode.split("-")[1:] if part.isdigit()]
    return numbers[place] if len(numbers) > place else default


def answer(talk: Conversation, number: int) -> Answer:
    """The next turn. `number` is the request's, so that what two attempts write differs."""
    if not talk.tools:  # a title or a summary of the conversation is wanted
        return Answer(text=("A title",))
    kind = talk.mode.split("-")[0]
    script = {
        "giveup": _give_up,
        "notdone": _not_done,
        "toolfail": _fail,
        "permission": _outside,
        "subagent": _delegate,
        "sleep": _sleep,
        "background": _background,
        "loop": _loop,
        "big": _big,
    }.get(kind)
    if script is not None:
        return script(talk)
    found = _work(talk, number, left_out=1 if kind == "halfway" else 0)
    if kind == "slow" and not found.calls:
        seconds = measure(talk.mode, 3)
        return Answer(text=tuple(found.text[0][i : i + 4] for i in range(0, len(found.text[0]), 4)), pause=seconds / 12)
    if kind == "think":
        return Answer(found.text, found.calls, thought=f"Turn {len(talk.results) + 1}: what is needed next?")
    return found


# --- scripts ----------------------------------------------------------------------------------------------------


def _work(talk: Conversation, number: int, left_out: int) -> Answer:
    task = task_file(talk)
    if task and not talk.results:
        return Answer(text=("I will read the task first.",), calls=(_read(talk, task),))
    paths = deliverables(talk)
    paths = paths[: len(paths) - left_out]
    written = len(talk.results) - (1 if task else 0)
    if written < len(paths):
        path = paths[written]
        call = _write(talk, path, f"// {path}, written in answer to request {number}\n")
        return Answer(calls=(call,)) if call else Answer(text=(f"I have no tool to write {path} with, so I stop.",))
    if talk.mode == "edit" and paths and written == len(paths) and (tool := _first(talk, _EDIT)):
        old, new = _key(talk, tool, ("oldString", "old_string")), _key(talk, tool, ("newString", "new_string"))
        own = {_key(talk, tool, _PATHS): _absolute(talk, paths[0]), old: "written in answer", new: "made\nin answer"}
        return Answer(calls=(Call(tool, _filled(talk, tool, own)),))
    return Answer(text=(f"Done. Wrote {', '.join(paths) or 'nothing'}; the task is complete.",))


def _give_up(talk: Conversation) -> Answer:
    return Answer(text=("I looked at the task and could not find a way to do it, so I stop here.",))


def _not_done(talk: Conversation) -> Answer:
    return Answer(text=("I looked at the task.\n", "NOT DONE: a key that it needs is not there."))


def _fail(talk: Conversation) -> Answer:
    match len(talk.results):
        case 0:
            return Answer(calls=(_read(talk, "no/such/file.txt"),))
        case 1:
            return Answer(calls=(_run(talk, "echo oops >&2; exit 3"),))
    return Answer(text=("Both tools failed, so I stopped.",))


def _outside(talk: Conversation) -> Answer:
    return Answer(text=("I read it.",)) if talk.results else Answer(calls=(_read(talk, OUTSIDE),))


def _delegate(talk: Conversation) -> Answer:
    name = _first(talk, _TASK_TOOLS)
    if talk.results or not name:
        return Answer(text=("The subagent reported back.",))
    prompt = "[stub:ok] " + (f"Read {task_file(talk)} and implement it" if task_file(talk) else talk.prompt)
    own = {"description": "run the task", "prompt": prompt, "subagent_type": talk.agent or "general"}
    return Answer(calls=(Call(name, _filled(talk, name, own)),))


def _sleep(talk: Conversation) -> Answer:
    if talk.results:
        return Answer(text=("The command ended.",))
    return Answer(calls=(_run(talk, f"sleep {measure(talk.mode, 1000)}"),))


def _background(talk: Conversation) -> Answer:
    if talk.results:
        return Answer(text=("The command runs.",))
    return Answer(calls=(_run(talk, f"nohup sleep {measure(talk.mode, 1000)} >/dev/null 2>&1 & echo started $!"),))


def _loop(talk: Conversation) -> Answer:
    return Answer(calls=(_read(talk, task_file(talk) or "README.md"),))


def _big(talk: Conversation) -> Answer:
    size = measure(talk.mode, 1_000_000)
    line = "All work and no play. " * 4 + "\n"
    whole = (line * (size // len(line) + 1))[:size]
    return Answer(text=tuple(whole[i : i + 20_000] for i in range(0, size, 20_000)))


# --- tools, in the names and arguments that the request offers ---------------------------------------------------


def _first(talk: Conversation, names: Sequence[str]) -> str:
    return next((name for name in names if name in talk.tools), "")


def _filled(talk: Conversation, tool: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` and something for every other argument that the tool requires."""
    schema = talk.tools[tool]
    properties: Mapping[str, Any] = schema.get("properties", {})
    found = {key: value for key, value in own.items() if key in properties} or dict(own)
    for key in schema.get("required", ()):
        if key not in found:
            kind = properties.get(key, {}).get("type")
            found[key] = {"boolean": False, "number": 1, "integer": 1, "array": [], "object": {}}.get(kind, "the stub")
    return found


def _key(talk: Conversation, tool: str, names: Sequence[str]) -> str:
    properties = talk.tools[tool].get("properties", {})
    return next((name for name in names if name in properties), names[0])


def _read(talk: Conversation, path: str) -> Call:
    tool = _first(talk, _READ)
    if not tool:
        return _run(talk, f"cat {shlex.quote(path)}")
    return Call(tool, _filled(talk, tool, {_key(talk, tool, _PATHS): _absolute(talk, path)}))


def _write(talk: Conversation, path: str, text: str) -> Call | None:
    tool = _first(talk, _WRITE)
    if tool:
        return Call(tool, _filled(talk, tool, {_key(talk, tool, _PATHS): _absolute(talk, path), "content": text}))
    if not _first(talk, _SHELL):
        return None
    quoted = shlex.quote(_absolute(talk, path))
    return _run(talk, f"mkdir -p $(dirname {quoted}) && printf %s {shlex.quote(text)} > {quoted}")


def _run(talk: Conversation, command: str) -> Call:
    tool = _first(talk, _SHELL) or _SHELL[0]
    if tool not in talk.tools:  # the program then says that there is no such tool
        return Call(tool, {"command": command})
    key = _key(talk, tool, _COMMANDS)
    is_list = talk.tools[tool].get("properties", {}).get(key, {}).get("type") == "array"
    own = {key: ["bash", "-c", command] if is_list else command, "description": "a command of the stub"}
    return Call(tool, _filled(talk, tool, own))


def _absolute(talk: Conversation, path: str) -> str:
    if path.startswith("/"):
        return path
    task = task_file(talk)
    if task.startswith("/"):
        return task.partition("/.tmp/tasks/")[0] + "/" + path
    everything = "\n".join([talk.prompt, talk.system, *(m.text for m in talk.messages)])
    found = _FOLDER.search(everything)
    return f"{found[1].rstrip('/')}/{path}" if found else path


# --- what the prompt says ------------------------------------------------------------------------------------------


def task_file(talk: Conversation) -> str:
    """The task file that the prompt names, "" without one."""
    found = _TASK.search(talk.prompt.rpartition(_OWN)[2])
    return found[1].strip("`\"'") if found else ""


def deliverables(talk: Conversation) -> list[str]:
    """Paths that the prompt's own section lists, else those of the task file as it was read."""
    section = _SECTION.search(talk.prompt.rpartition(_OWN)[2])
    if section:
        listed = [line[2:] for line in section[1].splitlines() if line.startswith("- ")]
    else:
        found = _LISTED.search(_NUMBERED.sub("", talk.results[0])) if talk.results else None
        try:
            listed = json.loads(found[1]) if found else []
        except ValueError:
            listed = []
    return [path for text in listed if (path := _path(str(text)))]


def _path(text: str) -> str:
    """The path of one deliverable: a file below the root, for a folder a file in it; "" where it is none."""
    word = text.strip().strip("`")
    if not _PATH.fullmatch(word) or ".." in word.split("/") or not ("/" in word or "." in word):
        return ""
    return word + "README.md" if word.endswith("/") else word


def _is_prompt(message: Said) -> bool:
    return message.who == "user" and bool(_REMINDER.sub("", message.text).strip())
