"""The checks that a task file carries in `verification`: read and validated, never executed here.

The rules and their wording are the format's own, so that a block that parex accepts is one that every other program
accepts, and a complaint reads the same everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from .model import JsonValue, Task
from .text import clean

FIELD: Final = "verification"
TIMEOUT_MS: Final = 120_000
"""Milliseconds that a command has where its check does not say."""

_LARGE: Final = 2**63


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """One line for a shell. `command` is exact, byte for byte: show `label`. What the file does not state is None."""

    type: ClassVar[str] = "command"

    command: str
    expect_exit: int | float | None = None
    expect_contains: str | None = None
    timeout_ms: int | float | None = None

    @property
    def exit_code(self) -> int | float:
        """The exit code that passes."""
        return 0 if self.expect_exit is None else self.expect_exit

    @property
    def limit_ms(self) -> int | float:
        """Milliseconds after which the command is ended."""
        return TIMEOUT_MS if self.timeout_ms is None else self.timeout_ms

    @property
    def shown(self) -> str:
        """All of the command, cleaned for the terminal."""
        return clean(self.command, len(self.command))

    @property
    def is_plain(self) -> bool:
        """Whether `shown` is the command itself: no line breaks, controls or invisible characters in it."""
        return self.shown == self.command

    @property
    def label(self) -> str:
        """The check in one line."""
        return f"[command] {self.shown}"


@dataclass(frozen=True, slots=True)
class FileExists:
    """Something is at `path`, relative to the project root; as written, not cleaned."""

    type: ClassVar[str] = "file_exists"

    path: str

    @property
    def label(self) -> str:
        """The check in one line."""
        return f"[file_exists] file_exists: {clean(self.path)}"


@dataclass(frozen=True, slots=True)
class FileContains:
    """The file at `path`, relative to the project root, holds `expect_contains`; both as written, not cleaned."""

    type: ClassVar[str] = "file_contains"

    path: str
    expect_contains: str

    @property
    def label(self) -> str:
        """The check in one line."""
        return f"[file_contains] file_contains: {clean(self.path)}"


Check = CommandCheck | FileExists | FileContains


@dataclass(frozen=True, slots=True)
class Block:
    """The checks of one task, at least one, in the order of the file."""

    checks: tuple[Check, ...]

    @property
    def commands(self) -> tuple[tuple[int, CommandCheck], ...]:
        """Those that execute something, each with its position in the block, from 0."""
        return tuple((at, check) for at, check in enumerate(self.checks) if isinstance(check, CommandCheck))


@dataclass(frozen=True, slots=True)
class Malformed:
    """A block that breaks the format's rules: what is wrong, a line each, cleaned."""

    messages: tuple[str, ...]


def checks_of(task: Task) -> Block | Malformed | None:
    """The checks of a task; None where its file carries none."""
    if not task.readable:
        return Malformed(("the file is not valid JSON; repair it first",))
    value = task.extra.get(FIELD)
    return None if value is None else read_block(value)


def read_block(value: JsonValue) -> Block | Malformed:
    """The checks in the value of a `verification` field."""
    if not isinstance(value, list):
        return Malformed(("verification must be an array of checks",))
    if not value:
        return Malformed(("verification must contain at least one check",))
    checks: list[Check] = []
    messages: list[str] = []
    for at, item in enumerate(value):
        wrong: list[str] = []
        check = _check(item, wrong)
        messages += [clean(f"{FIELD}[{at}]: {line}") for line in wrong]
        if check is not None and not wrong:
            checks.append(check)
    return Malformed(tuple(messages)) if messages else Block(tuple(checks))


def check_record(check: Check) -> dict[str, JsonValue]:
    """A check as the task file states it."""
    record: dict[str, JsonValue] = {"type": check.type}
    for name in ("command", "path", "expect_exit", "expect_contains", "timeout_ms"):
        value = getattr(check, name, None)
        if value is not None:
            record[name] = value
    return record


def _check(item: JsonValue, wrong: list[str]) -> Check | None:
    if not isinstance(item, dict):
        wrong.append("must be an object")
        return None
    match item.get("type"):
        case "command":
            return _command(item, wrong)
        case "file_exists":
            return FileExists(_path(item, wrong))
        case "file_contains":
            path, text = _path(item, wrong), item.get("expect_contains")
            if isinstance(text, str) and text.strip():
                return FileContains(path, text)
            wrong.append("expect_contains must be a non-empty string")
            return None
    kind = _as_javascript(item["type"]) if "type" in item else "undefined"
    wrong.append(f"unknown type '{kind}' (expected command | file_exists | file_contains)")
    return None


def _command(item: Mapping[str, JsonValue], wrong: list[str]) -> CommandCheck | None:
    command, text = item.get("command"), item.get("expect_contains")
    if not isinstance(command, str) or not command.strip():
        wrong.append("command must be a non-empty string")
    elif not _can_be_passed(command):
        wrong.append("command holds a character that no shell can be given")
    code = _number(item, "expect_exit")
    if "expect_exit" in item and code is None:
        wrong.append("expect_exit must be a number")
    if "expect_contains" in item and not isinstance(text, str):
        wrong.append("expect_contains must be a string")
    limit = _number(item, "timeout_ms")
    if "timeout_ms" in item and (limit is None or limit <= 0):
        wrong.append("timeout_ms must be a positive number")
    return CommandCheck(str(command), code, text if isinstance(text, str) else None, limit)


def _path(item: Mapping[str, JsonValue], wrong: list[str]) -> str:
    path = item.get("path")
    if not isinstance(path, str) or not path.strip():
        wrong.append("path must be a non-empty string")
        return ""
    if path.startswith("/") or ".." in path:
        wrong.append(f"path must be relative to the project root ('{clean(path, 200)}')")
    return path


def _number(item: Mapping[str, JsonValue], name: str) -> int | float | None:
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LARGE < value < _LARGE:
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _can_be_passed(command: str) -> bool:
    """Whether the system takes it as an argument, and takes these characters and no others."""
    try:
        return b"\0" not in command.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _as_javascript(value: JsonValue) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value), 60)
