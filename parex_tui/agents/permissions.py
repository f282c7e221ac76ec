"""OpenCode's permissions: rules in order, of which the last that matches decides, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from parex_tui.tasks.text import clean

_NAME_LIMIT: Final = 200
_RULES_MOST: Final = 1_000

EDIT: Final = "edit"
"""The permission that OpenCode asks for whatever writes a file."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission rule; `action` is allow, ask or deny. Both names may hold `*`."""

    permission: str
    pattern: str
    action: str


# What OpenCode 1.18.33 has without any file (`opencode debug agent NAME`); of its rules, those that a task can meet.
BASE: Final = (
    Rule("*", "*", "allow"),
    Rule("doom_loop", "*", "ask"),
    Rule("external_directory", "*", "ask"),
    Rule("read", "*.env", "ask"),
    Rule("read", "*.env.*", "ask"),
    Rule("read", "*.env.example", "allow"),
)


def decide(rules: Sequence[Rule], permission: str, subject: str) -> str:
    """What OpenCode does with a request, by the last rule that matches: allow, ask or deny; ask without any."""
    for rule in reversed(rules):
        if _matches(rule.permission, permission) and _matches(rule.pattern, subject):
            return rule.action
    return "ask"


def rules_of_tools(tools: object) -> Iterator[Rule]:
    """OpenCode's older `tools: {bash: false}` as rules; everything that writes is one permission."""
    for name, value in (tools if isinstance(tools, dict) else {}).items():
        permission = EDIT if name in ("write", "edit", "patch", "multiedit") else name
        yield Rule(clean(str(permission), _NAME_LIMIT), "*", "deny" if scalar(value) == "false" else "allow")


def rules_of(permission: object) -> tuple[Rule, ...]:
    """The rules of a `permission` block: one word for all, or one for each permission, or one for each pattern."""
    found: list[Rule] = []
    given = permission if isinstance(permission, dict) else {"*": permission} if scalar(permission) else {}
    for name, value in given.items():
        for pattern, action in (value if isinstance(value, dict) else {"*": value}).items():
            if scalar(action) in ("allow", "ask", "deny"):
                found.append(Rule(clean(str(name), _NAME_LIMIT), clean(str(pattern), _NAME_LIMIT), scalar(action)))
    return tuple(found[:_RULES_MOST])


def scalar(value: object) -> str:
    """A scalar as text; YAML gives texts, JSON also truth values."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else ""


def faults(own: Sequence[Rule]) -> Iterator[str]:
    """What of an agent's own rules stands in a run's way, one line each; `own` follows `BASE`."""
    yield from _hidden(own)
    yield from _asking(own)
    if decide((*BASE, *own), EDIT, "any/file") == "deny":
        yield "cannot write files: its last rule for edit is deny"


def _hidden(own: Sequence[Rule]) -> Iterator[str]:
    """Permissions whose rules end in `"*": deny` although earlier ones allow something: that takes the tool away."""
    for name in dict.fromkeys(rule.permission for rule in own):
        rules = [rule for rule in own if rule.permission == name]
        before = sum(rule.action != "deny" for rule in rules[:-1])
        if before and rules[-1].pattern == "*" and rules[-1].action == "deny":
            which = "every tool" if name == "*" else name
            yield f'has no {which}: the last rule, "*": deny, wins over the {before} before it'
    if own and own[-1].permission == "*" and own[-1].pattern == "*" and own[-1].action == "deny" and len(own) > 1:
        yield 'has no tools: its last permission, "*": deny, wins over every one before it'


def _asking(own: Sequence[Rule]) -> Iterator[str]:
    asking: dict[str, list[str]] = {}
    for index, rule in enumerate(own):
        later = own[index + 1 :]
        beaten = any(_matches(r.permission, rule.permission) and _matches(r.pattern, rule.pattern) for r in later)
        if rule.action == "ask" and not beaten:
            asking.setdefault(rule.permission, []).append(rule.pattern)
    for name, patterns in asking.items():
        which = "" if patterns == ["*"] else f" ({', '.join(patterns[:3])}{', …' if len(patterns) > 3 else ''})"
        yield f"asks before {'anything' if name == '*' else name}{which}: with nobody there that is a rejection"


def _matches(pattern: str, subject: str) -> bool:
    """OpenCode's wildcards: `*` is anything, `?` one character; ` *` at the end may be missing."""
    if pattern == "*" or pattern == subject:
        return True
    optional = pattern.endswith(" *")
    # Runs of stars are one star: the match below is then never slower than the text is long, times the stars.
    parts = re.split(r"\*+", pattern.removesuffix(" *") if optional else pattern)
    return _glob(parts, subject) or (optional and _glob([*parts[:-1], parts[-1] + " ", ""], subject))


def _glob(parts: Sequence[str], subject: str) -> bool:
    """Whether the parts come one after the other, the first at the start and the last at the end."""

    def at(part: str, place: int) -> bool:
        piece = subject[place : place + len(part)]
        return len(piece) == len(part) and all(p in ("?", c) for p, c in zip(part, piece, strict=True))

    if len(parts) == 1:
        return len(parts[0]) == len(subject) and at(parts[0], 0)
    first, *middle, last = parts
    place, end = len(first), len(subject) - len(last)
    if place > end or not at(first, 0) or not at(last, end):
        return False
    for part in middle:
        place = next((i for i in range(place, end - len(part) + 1) if at(part, i)), -1)
        if place < 0:
            return False
        place += len(part)
    return True
