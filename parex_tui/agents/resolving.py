"""Which agent a task means: the spelling in `suggested_agent` against the definitions that there are.

Real files spell one agent in many ways (`CoderAgent`, `coder-agent`). The rules below are tried one after the other;
the first that matches anything decides. None or several: the answer says so, and a person chooses. Nothing falls back.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from .definitions import Definition, bare

ALIASES: Final = (
    ("coder", "code", "coding", "implementer"),
    ("testengineer", "tester", "test", "testing"),
    ("frontendspecialist", "frontenddeveloper", "frontend"),
    ("devopsspecialist", "devops"),
    ("docwriter", "documentation", "documentationwriter", "docs"),
    ("codereviewer", "reviewer", "review"),
    ("generalpurpose", "general"),
)
"""Names of the same work, without case, separators, a leading `Open` and a trailing `Agent`; each in one row."""

_NEAR: Final = 3


@dataclass(frozen=True, slots=True)
class Resolved:
    """One agent. `how` says by which rule; "" where it is spelled exactly so."""

    definition: Definition
    how: str = ""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several agents fit equally well, in order of their ids."""

    wanted: str
    candidates: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class NotFound:
    """No agent fits. `near`: ids that are spelled alike, the nearest first."""

    wanted: str
    near: tuple[str, ...] = ()


Resolution = Resolved | Ambiguous | NotFound


def resolve(suggested: str, definitions: Sequence[Definition]) -> Resolution:
    """The agent that a task's `suggested_agent` means. The order of the definitions does not matter."""
    wanted = suggested.strip()
    if not wanted:
        return NotFound("")
    for how, fits in _RULES:
        found = {one.id: one for one in definitions if fits(wanted, one)}
        if len(found) == 1:
            return Resolved(next(iter(found.values())), how)
        if found:
            return Ambiguous(wanted, tuple(found[key] for key in sorted(found)))
    return NotFound(wanted, _near(wanted, definitions))


def plain(name: str) -> str:
    """A name without case, separators, a leading `Open` and a trailing `Agent`; never empty for one that is not."""
    found = bare(name)
    # `OpenAgent` and `opencoder` are agents of their own: only a name of several words has a prefix to drop.
    if re.match(r"open(?=[A-Z][a-z]+[A-Z]|[-_ ]\w+[-_ ])", name.strip(), re.IGNORECASE) and _words(name) > 2:
        found = found.removeprefix("open")
    return found.removesuffix("agent") or found


def _words(name: str) -> int:
    return len(re.findall(r"[A-Z]?[^A-Z\s._/-]+|[A-Z]+", name))


def _spellings(one: Definition) -> Iterable[str]:
    return (one.id, one.id.rpartition("/")[2], *([one.stem] if one.stem else []), *one.names)


def _row(name: str) -> int | None:
    return next((index for index, row in enumerate(ALIASES) if name in row), None)


def _by_alias(wanted: str, one: Definition) -> bool:
    row = _row(plain(wanted))
    return row is not None and any(_row(plain(spelling)) == row for spelling in _spellings(one))


def _near(wanted: str, definitions: Sequence[Definition]) -> tuple[str, ...]:
    ordered = sorted(definitions, key=lambda one: one.id, reverse=True)
    by_name = {spelling.casefold(): one.id for one in ordered for spelling in _spellings(one)}
    close = difflib.get_close_matches(wanted.casefold()[:200], sorted(by_name), n=_NEAR * 2)
    return tuple(dict.fromkeys(by_name[name] for name in close))[:_NEAR]


_RULES: Final[tuple[tuple[str, Callable[[str, Definition], bool]], ...]] = (
    ("", lambda wanted, one: one.id == wanted),
    ("without regard to case", lambda wanted, one: one.id.casefold() == wanted.casefold()),
    ("by its file", lambda wanted, one: one.stem == wanted),
    (
        "by its file, without regard to case",
        lambda wanted, one: bool(one.stem) and one.stem.casefold() == wanted.casefold(),
    ),
    ("by the project's metadata", lambda wanted, one: wanted.casefold() in {name.casefold() for name in one.names}),
    ("by its words", lambda wanted, one: any(bare(wanted) == bare(spelling) for spelling in _spellings(one))),
    ("by its words", lambda wanted, one: any(plain(wanted) == plain(spelling) for spelling in _spellings(one))),
    ("as another name for the same work", _by_alias),
)
