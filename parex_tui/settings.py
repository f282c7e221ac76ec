"""Settings: every default in one place, the user's file, the project's file, the environment.

The user's file is `$XDG_CONFIG_HOME/parex/config.toml` (or where the system keeps such files). A project may have a
`.parex.toml` at its root; it belongs to whoever wrote the repository, so it may set only keys that run nothing and
spend nothing, and limits only to stricter values. The environment comes last: `PAREX_SLOTS`, `PAREX_DRIVER`.

    driver = "mine"              # which of the drivers below runs tasks; unset: parex asks for one
    slots = 4                    # attempts at the same time, 1 to 8 (up to 100, with a warning)
    retries = 0                  # new attempts that parex starts by itself after a failure in `retry_on`
    retry_on = ["rate limit", "lost"]   # the failures that may pass by themselves, in the words shown; or ["any"]
    retry_wait = 20              # seconds before the first of them; doubles with each further one, up to 600
    wall_limit = 240             # minutes one attempt may take; 0: no limit
    grace = 5                    # seconds between asking a process to end and ending it
    log_cap_mib = 256            # MiB of each output file of an attempt kept on disk, head and tail; 0: no cap
    stall_after = 600            # seconds without output and work until an attempt is called stalled; 0: never
    stall_stop = false           # end what is called stalled
    quiet_after = 120            # seconds without output until an attempt is called quiet
    stale_after = 900            # seconds until a task in progress with nobody alive is called stale
    unknown_writes = "alone"     # a task whose files cannot be read from its deliverables: "alone" or "trust"
    context_file_kib = 1024      # the largest context file that goes into a prompt
    context_total_kib = 768      # all context files of one prompt

    [drivers.mine]
    argv = ["my-agent", "--task={task_file}"]   # a list, never a shell line
    stdin = "prompt"             # "prompt" or "null"; default: "prompt" unless argv names a file to read
    events = "lines"             # "lines": plain text; "jsonl": parex.events/1
    env = { MY_AGENT_COLOR = "never" }          # added to the environment, as written
    agent = ""                   # {agent} where the task suggests none
    model = ""                   # {model} where none is chosen
"""

from __future__ import annotations

import difflib
import math
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, cast

from parex_tui.tasks.text import clean

PROJECT_FILE: Final = ".parex.toml"
SLOTS_USUAL: Final = 8
SLOTS_MOST: Final = 100
_FILE_LIMIT: Final = 256 * 1024

ANY_FAILURE: Final = "any"
RETRIED: Final = (
    *("rate limit", "lost", "timeout", "exit code", "signal", "agent error", "gave up", "not logged in"),
    *("permission rejected", "agent fell back", "ended without a result", "deliverable missing", "check failed"),
    ANY_FAILURE,
)
"""The words that `retry_on` may hold: of every failure that can be tried again by itself, or all of them."""

Stdin = Literal["prompt", "null"]
EventsKind = Literal["lines", "jsonl"]
UnknownWrites = Literal["alone", "trust"]


class SettingsError(Exception):
    """A settings file or variable cannot be used; one line that names file, key and remedy."""


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """One `[drivers.NAME]` table. `stdin` is None where the file does not say. `source` is the file."""

    name: str
    argv: tuple[str, ...]
    source: Path
    stdin: Stdin | None = None
    events: EventsKind = "lines"
    env: Mapping[str, str] = field(default_factory=dict)
    agent: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How the demonstration plays. Not read from any file: `parex demo` and `--driver demo` set it.

    `speed`: 2.0 is twice as fast, 0 does not wait at all. `fail`: "auto" (about a quarter of the first attempts) or
    "none". `fail_seqs`: exactly these first attempts fail instead, as `04:exit,06:giveup`.
    """

    speed: float = 1.0
    fail: str = "auto"
    fail_seqs: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, with their defaults. Times in the unit that the key's comment says."""

    driver: str = ""  # unset: nothing runs until a person names one
    slots: int = 4
    retries: int = 0
    retry_on: tuple[str, ...] = ("rate limit", "lost")
    retry_wait: float = 20.0  # seconds
    wall_limit: float = 240.0  # minutes; 0 is no limit
    grace: float = 5.0  # seconds
    log_cap_mib: int = 256  # of each output file; 0 is no cap
    stall_after: float = 600.0  # seconds; 0 is never
    stall_stop: bool = False
    quiet_after: float = 120.0  # seconds
    stale_after: float = 900.0  # seconds
    unknown_writes: UnknownWrites = "alone"
    context_file_kib: int = 1024
    context_total_kib: int = 768
    drivers: Mapping[str, DriverSettings] = field(default_factory=dict)
    demo: DemoSettings = field(default_factory=DemoSettings)
    user_file: Path = Path("config.toml")
    warnings: tuple[str, ...] = ()


def user_file() -> Path:
    """Where the user's settings are, whether or not the file exists."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    if given and Path(given).is_absolute():
        return Path(given) / "parex" / "config.toml"
    from platformdirs import user_config_path  # only where the environment does not already say it

    return user_config_path("parex") / "config.toml"


def load_settings(root: Path | None) -> Settings:
    """The settings for a project (None: outside of any). Missing files are fine.

    Raises SettingsError where a file or variable cannot be used; what is used differently from what is written is
    in `warnings`.
    """
    mine = user_file()
    found = _apply(Settings(user_file=mine), _Source(mine, _table(mine), project=False))
    if root is not None:
        theirs = root / PROJECT_FILE
        found = _apply(found, _Source(theirs, _table(theirs), project=True))
    found = _environment(found)
    if found.slots > SLOTS_USUAL:
        text = f"slots = {found.slots}: more than {SLOTS_USUAL} agents at a time seldom helps and costs memory"
        found = replace(found, warnings=(*found.warnings, text))
    return found


# --- reading a file --------------------------------------------------------------------------------------------


def _table(path: Path) -> dict[str, object]:
    """The file as a table; empty where there is none."""
    try:
        # Not blocking and only a regular file: the project's file is not ours, it could be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(f"{_show(path)}: cannot be read: {error.strerror}") from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise SettingsError(f"{_show(path)}: is not a regular file; move it away")
        if about.st_size > _FILE_LIMIT:
            raise SettingsError(f"{_show(path)}: {about.st_size} bytes is too large for settings; shorten it")
        raw = os.read(descriptor, _FILE_LIMIT + 1)
    except OSError as error:
        raise SettingsError(f"{_show(path)}: cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{_show(path)}: is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_toml_message(path, raw, str(error))) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{_show(path)}: is no usable TOML: {clean(str(error), 200)}") from error


def _toml_message(path: Path, raw: bytes, message: str) -> str:
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if place is None:
        return f"{_show(path)}: is not valid TOML: {clean(message, 200)}"
    line = int(place[1]) if place[1] else raw.count(b"\n") + 1
    column = f":{place[2]}" if place[2] else ""
    return f"{_show(path)}:{line}{column}: is not valid TOML: {clean(message[: place.start()], 200)}"


def _show(path: Path) -> str:
    return clean(str(path))


# --- values ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Source:
    path: Path
    table: Mapping[str, object]
    project: bool

    def error(self, key: str, message: str) -> SettingsError:
        return SettingsError(f"{_show(self.path)}: {clean(key, 80)}: {message}")


_Reader = Callable[[_Source, str, object], object]


def _number(least: float, most: float) -> _Reader:
    def read(source: _Source, key: str, value: object) -> object:
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not good or not least <= cast(float, value) <= most:
            raise source.error(key, f"must be a number from {least:g} to {most:g}")
        return float(cast(float, value))

    return read


def _whole(least: int, most: int) -> _Reader:
    def read(source: _Source, key: str, value: object) -> object:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise source.error(key, f"must be a whole number from {least} to {most}")
        return value

    return read


def _word(*words: str) -> _Reader:
    def read(source: _Source, key: str, value: object) -> object:
        if value not in words:
            raise source.error(key, "must be " + " or ".join(f'"{word}"' for word in words))
        return value

    return read


def _yes_or_no(source: _Source, key: str, value: object) -> object:
    if not isinstance(value, bool):
        raise source.error(key, "must be true or false")
    return value


def _string(source: _Source, key: str, value: object) -> object:
    if not isinstance(value, str) or "\0" in value:
        raise source.error(key, "must be a string")
    return value


def _failures(source: _Source, key: str, value: object) -> object:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise source.error(key, 'must be a list of failures in the words shown, as ["rate limit"], or "any"')
    for word in words:
        if problem := no_retry_on(word):
            raise source.error(key, problem)
    return tuple(words)


def no_retry_on(word: str) -> str:
    """Why this word cannot stand in `retry_on`, in one line; "" where it can."""
    if word in RETRIED:
        return ""
    shown = clean(word, 60)
    if word in ("stopped", "cannot start"):
        return f'"{shown}" is never tried again by itself: a person wanted it, or it cannot work'
    return f'there is no failure "{shown}"; there are: {", ".join(RETRIED)}'


def _driver_name(source: _Source, key: str, value: object) -> object:
    if not isinstance(value, str):
        raise source.error(key, "must be the name of a driver, as a string")
    if value == "demo":
        raise source.error(key, "the demonstration does no real work and cannot be the default; use `--driver demo`")
    return value


_READERS: Final[Mapping[str, _Reader]] = {
    "driver": _driver_name,
    "slots": _whole(1, SLOTS_MOST),
    "retries": _whole(0, 10),
    "retry_on": _failures,
    "retry_wait": _number(0, 600),
    "wall_limit": _number(0, 7 * 24 * 60),
    "grace": _number(0, 600),
    "log_cap_mib": _whole(0, 1024 * 1024),
    "stall_after": _number(0, 7 * 86400),
    "stall_stop": _yes_or_no,
    "quiet_after": _number(1, 7 * 86400),
    "stale_after": _number(1, 365 * 86400),
    "unknown_writes": _word("alone", "trust"),
    "context_file_kib": _whole(1, 8 * 1024),
    "context_total_kib": _whole(0, 8 * 1024),
}

_OF_THE_PROJECT: Final = frozenset(
    {"slots", "wall_limit", "quiet_after", "stale_after", "unknown_writes", "context_file_kib", "context_total_kib"}
)

_OF_A_DRIVER: Final = ("argv", "stdin", "events", "env", "agent", "model")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _apply(settings: Settings, source: _Source) -> Settings:
    values: dict[str, Any] = {}
    warnings = list(settings.warnings)
    for key, value in source.table.items():
        if key not in _READERS and key != "drivers":
            raise source.error(key, "there is no such key" + _nearest(key, [*_READERS, "drivers"]))
        if source.project and key not in _OF_THE_PROJECT:
            why = "a project may not say what is run or what is spent"
            warnings.append(f"{_show(source.path)}: {key} is ignored: {why}; set it in {_show(settings.user_file)}")
        elif key == "drivers":
            values["drivers"] = {**settings.drivers, **_drivers(source, value)}
        else:
            values[key] = _READERS[key](source, key, value)
            if source.project and _loosens(settings, key, values[key]):
                del values[key]
                warnings.append(f"{_show(source.path)}: {key} is ignored: a project may only be stricter here")
    return replace(settings, warnings=tuple(warnings), **values)


def _loosens(settings: Settings, key: str, value: Any) -> bool:
    """Whether a project's value takes away a limit that guards the user's money or files."""
    match key:
        case "wall_limit":
            return (value or math.inf) > (settings.wall_limit or math.inf)
        case "unknown_writes":
            return bool(value == "trust" and settings.unknown_writes != "trust")
        case "context_file_kib" | "context_total_kib" | "slots":
            return bool(value > getattr(settings, key))
        case "stale_after":  # sooner stale is sooner started again, though somebody may still work on it
            return bool(value < settings.stale_after)
    return False


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else "; there are " + ", ".join(sorted(known))


def _drivers(source: _Source, value: object) -> dict[str, DriverSettings]:
    if not isinstance(value, dict):
        raise source.error("drivers", "must be tables, as [drivers.NAME]")
    return {name: _driver(source, name, table) for name, table in value.items()}


def _driver(source: _Source, name: str, table: object) -> DriverSettings:
    place = f"drivers.{name}"
    if not _NAME.fullmatch(name):
        raise source.error(place, "a driver's name is letters, digits, - and _, at most 40")
    if name == "demo":
        raise source.error(place, "this name belongs to the demonstration; choose another")
    if not isinstance(table, dict):
        raise source.error(place, f"must be a table, as [drivers.{name}]")
    for key in table:
        if key not in _OF_A_DRIVER:
            raise source.error(f"{place}.{key}", "there is no such key" + _nearest(key, list(_OF_A_DRIVER)))
    argv = table.get("argv")
    if not isinstance(argv, list) or not argv or not all(isinstance(part, str) for part in argv) or not argv[0]:
        raise source.error(f"{place}.argv", 'must be a list of strings, as ["my-agent", "--task={task_file}"]')
    if any("\0" in part for part in argv):
        raise source.error(f"{place}.argv", "a NUL character cannot be passed to a program")
    environment = table.get("env", {})
    if not isinstance(environment, dict):
        raise source.error(f"{place}.env", 'must be a table, as { NAME = "value" }')
    for variable, text in environment.items():
        if not _VARIABLE.fullmatch(variable) or variable.startswith("PAREX_"):
            raise source.error(f"{place}.env.{variable}", "is no name of a variable that can be set here")
        _string(source, f"{place}.env.{variable}", text)
    stdin = table.get("stdin")
    if stdin is not None:
        _word("prompt", "null")(source, f"{place}.stdin", stdin)
    return DriverSettings(
        name=name,
        argv=tuple(argv),
        source=source.path,
        stdin=cast(Stdin | None, stdin),
        events=cast(EventsKind, _word("lines", "jsonl")(source, f"{place}.events", table.get("events", "lines"))),
        env=dict(environment),
        agent=cast(str, _string(source, f"{place}.agent", table.get("agent", ""))),
        model=cast(str, _string(source, f"{place}.model", table.get("model", ""))),
    )


def _environment(settings: Settings) -> Settings:
    slots = os.environ.get("PAREX_SLOTS", "")
    if slots:
        if not (slots.isascii() and slots.isdigit() and 1 <= int(slots[:6]) <= SLOTS_MOST and len(slots) <= 6):
            raise SettingsError(f"PAREX_SLOTS={clean(slots, 40)}: must be a whole number from 1 to {SLOTS_MOST}")
        settings = replace(settings, slots=int(slots))
    driver = os.environ.get("PAREX_DRIVER", "")
    if driver == "demo":
        raise SettingsError("PAREX_DRIVER=demo: the demonstration cannot be the default; use `--driver demo`")
    return replace(settings, driver=driver) if driver else settings
