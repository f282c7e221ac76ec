"""Agent definitions, found where OpenCode 1.x and Claude Code look for them, and what about them stands in a run's way.

OpenCode: `{agent,agents}/**/*.md` in `.opencode/` of the project and in the user's configuration folder, and `agent` in
`opencode.json`; the id is the front matter's `name`, else the path without `.md`, and its case matters. Claude Code:
`.claude/agents/**/*.md`; the id is `name`. A project's files may come from anybody: they are read in bounds, nothing in
them is executed, and a link that leads out of the project is not followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from parex_tui.tasks.text import clean, is_plain

from .definition_files import NAME_LIMIT, Reader, Scope, mapping, show, upward
from .permissions import BASE, EDIT, Rule, faults, rules_of, rules_of_tools, scalar


class Mode(StrEnum):
    """Where an agent may run: as the one that a person starts, started by another, or both."""

    PRIMARY = "primary"
    SUBAGENT = "subagent"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Definition:
    """One agent. `file` is None where no file defines it. `tools` is None where it names none: then it has all.

    `rules`: OpenCode's permissions in order, the last that matches decides. `names`: other spellings that metadata of
    the project gives it. `warnings`: one line each, in the words that are shown.
    """

    id: str
    mode: Mode = Mode.ALL
    file: Path | None = None
    scope: Scope = Scope.PROJECT
    description: str = ""
    model: str = ""
    tools: tuple[str, ...] | None = None
    rules: tuple[Rule, ...] = ()
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """The file's name without `.md`; "" without a file of its own."""
        return self.file.stem if self.file is not None and self.file.suffix == ".md" else ""


@dataclass(frozen=True, slots=True)
class Found:
    """All definitions, one of each id, in order of their ids; `problems` name files that could not be used."""

    agents: tuple[Definition, ...] = ()
    problems: tuple[str, ...] = ()


_BUILT_IN: Final = (
    Definition("build", Mode.PRIMARY, scope=Scope.BUILT_IN, rules=BASE),
    Definition("plan", Mode.PRIMARY, scope=Scope.BUILT_IN, rules=(*BASE, Rule(EDIT, "*", "deny"))),
    Definition("general", Mode.SUBAGENT, scope=Scope.BUILT_IN, rules=BASE),
    Definition("explore", Mode.SUBAGENT, scope=Scope.BUILT_IN, rules=(*BASE, Rule(EDIT, "*", "deny"))),
)


def opencode_agents(root: Path, environ: Mapping[str, str] | None = None) -> Found:
    """What OpenCode finds for a project. Never raises for what the files hold."""
    given = os.environ if environ is None else environ
    home = Path(given.get("HOME") or Path.home())
    configured = given.get("XDG_CONFIG_HOME", "")
    user = (Path(configured) if Path(configured).is_absolute() else home / ".config") / "opencode"
    reader = Reader(root)
    places = [(user, user, Scope.USER), (home / ".opencode", home / ".opencode", Scope.USER)]
    if extra := given.get("OPENCODE_CONFIG_DIR"):
        places.append((Path(extra), Path(extra), Scope.USER))
    places += [(folder, folder / ".opencode", Scope.PROJECT) for folder in upward(root)]
    found = {definition.id: definition for definition in _BUILT_IN}
    shared: tuple[Rule, ...] = ()
    names: list[frozenset[str]] = []
    for outer, folder, scope in places:
        for path in (outer / "opencode.json", outer / "opencode.jsonc", *_inner(outer, folder)):
            config = reader.config(path, scope)
            shared += rules_of(config.get("permission"))
            for key, value in mapping(config.get("agent")).items():
                _put(found, reader, key, mapping(value), path, scope)
        for kind in ("agent", "agents"):
            for path in reader.listed(folder / kind, scope):
                front = reader.front(path, scope)
                if front is not None:
                    stem = path.relative_to(folder / kind).with_suffix("").as_posix()
                    _put(found, reader, scalar(front.get("name")) or stem, front, path, scope)
        names += _spellings(reader.config(folder / "config" / "agent-metadata.json", scope))
    agents = [replace(one, rules=_under(one, shared), names=_named(one, names)) for one in found.values()]
    return Found(tuple(sorted(_warned(agents), key=lambda one: one.id)), tuple(reader.problems))


def claude_agents(root: Path, environ: Mapping[str, str] | None = None) -> Found:
    """What Claude Code finds for a project. Never raises for what the files hold."""
    given = os.environ if environ is None else environ
    home = Path(given.get("HOME") or Path.home())
    user = Path(given.get("CLAUDE_CONFIG_DIR") or home / ".claude")
    reader = Reader(root)
    found: dict[str, Definition] = {}
    for folder, scope in ((user, Scope.USER), (root / ".claude", Scope.PROJECT)):
        for path in reader.listed(folder / "agents", scope):
            front = reader.front(path, scope)
            name = scalar((front or {}).get("name"))
            if front is None:
                continue
            if not name:
                reader.problem(path, 'has no "name" in its front matter, so Claude Code does not know it')
            elif reader.usable(name, path):
                found[name] = _of_claude(name, front, path, scope)
    agents = [replace(one, warnings=(*one.warnings, *_same_name(one, found.values()))) for one in found.values()]
    return Found(tuple(sorted(agents, key=lambda one: one.id)), tuple(reader.problems))


# --- one definition ----------------------------------------------------------------------------------------------


def _put(
    found: dict[str, Definition], reader: Reader, key: str, front: Mapping[str, object], path: Path, scope: Scope
) -> None:
    """Add what a file says to what is known of the id: OpenCode lays one over the other, key by key."""
    if not reader.usable(key, path):
        return
    if scalar(front.get("disable")) == "true":
        found.pop(key, None)
        reader.problem(path, f"switches the agent {key} off")
        return
    known = found.get(key)
    base = known or Definition(key, rules=BASE)
    mode = scalar(front.get("mode"))
    if mode and mode not in set(Mode):
        reader.problem(path, f'"{clean(mode, 40)}" is no mode; there are primary, subagent and all')
    warnings = base.warnings
    is_own = path.suffix == ".md"
    if known is not None and known.file is not None and known.file.suffix == ".md" and is_own:
        warnings += (f"is defined twice: {show(path)} is used over {show(known.file)}",)
    tools = front.get("tools")
    found[key] = replace(
        base,
        mode=Mode(mode) if mode in set(Mode) else base.mode,
        # A few lines of configuration over an agent of a file do not make them its file.
        file=path if is_own or base.file is None else base.file,
        scope=scope,
        description=clean(scalar(front.get("description")) or base.description, 1_000),
        model=clean(scalar(front.get("model")) or base.model, NAME_LIMIT),
        rules=(*base.rules, *rules_of_tools(tools), *rules_of(front.get("permission"))),
        warnings=warnings,
    )


def _of_claude(name: str, front: Mapping[str, object], path: Path, scope: Scope) -> Definition:
    given = front.get("tools")
    words = given if isinstance(given, list) else scalar(given).split(",")
    tools = tuple(clean(word, NAME_LIMIT) for one in words if (word := scalar(one).strip()))
    warnings: tuple[str, ...] = ()
    if tools and not {"Write", "Edit", "MultiEdit", "*"} & {tool.partition("(")[0] for tool in tools}:
        warnings = ("cannot write files: its tools hold neither Write nor Edit",)
    return Definition(
        name,
        Mode.ALL,
        path,
        scope,
        description=clean(scalar(front.get("description")), 1_000),
        model=clean(scalar(front.get("model")), NAME_LIMIT),
        tools=tools or None,
        warnings=warnings,
    )


def _under(one: Definition, shared: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The agent's rules with those that hold for all, which come before its own."""
    return (*BASE, *shared, *one.rules[len(BASE) :])


# --- warnings ----------------------------------------------------------------------------------------------------


def _warned(agents: Sequence[Definition]) -> Iterator[Definition]:
    ids = {one.id for one in agents}
    for one in agents:
        found = list(one.warnings)
        if one.mode is Mode.SUBAGENT:
            found.append(
                "is a subagent: `opencode run` would use its default agent instead; parex makes it a primary one"
            )
        found += faults(one.rules[len(BASE) :])
        found += _same_name(one, agents)
        for other in agents:
            for rule in other.rules:
                spelled = rule.permission == "task" and rule.action != "deny" and rule.pattern not in ids
                if spelled and bare(rule.pattern) == bare(one.id):
                    found.append(f'{other.id} allows tasks to "{rule.pattern}", which is not how this id is spelled')
        yield replace(one, warnings=tuple(dict.fromkeys(found)))


def bare(name: str) -> str:
    """A name without case and separators, to compare spellings."""
    return re.sub(r"[\s._/-]+", "", name).casefold()


def _same_name(one: Definition, agents: Iterable[Definition]) -> Iterator[str]:
    for other in agents:
        if other.id != one.id and other.id.casefold() == one.id.casefold():
            yield f"differs from the agent {other.id} only in case"


# --- other spellings ---------------------------------------------------------------------------------------------


def _spellings(metadata: Mapping[str, object]) -> list[frozenset[str]]:
    """For each agent of an `agent-metadata.json`, the ways in which it is written there."""
    found: list[frozenset[str]] = []
    for key, value in mapping(metadata.get("agents")).items():
        entry = mapping(value)
        words = {str(key), scalar(entry.get("id")), scalar(entry.get("name"))} - {""}
        found.append(frozenset(word for word in words if is_plain(word) and len(word) <= NAME_LIMIT))
    return found


def _named(one: Definition, names: Sequence[frozenset[str]]) -> tuple[str, ...]:
    mine = {word for words in names if words & ({one.id, one.stem} - {""}) for word in words}
    return tuple(sorted(mine - {one.id}))


def _inner(outer: Path, folder: Path) -> tuple[Path, ...]:
    return () if outer == folder else (folder / "opencode.json", folder / "opencode.jsonc")
