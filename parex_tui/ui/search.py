"""The find line's language: which tasks a typed text asks for, and what is wrong with it. Pure.

Words that must all occur, and conditions such as `status:failed`; a `-` in front turns either round, quotes keep
blanks together and make a prefix a plain word. All of it ignores case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import Final

from parex_tui.run.snapshot import FeatureView, Snapshot, TaskView
from parex_tui.run.states import TaskBarred, TaskRunning
from parex_tui.tasks.model import Feature, Task
from parex_tui.tasks.problems import Problem

from .looks import Draw, look


class Field(StrEnum):
    """What a condition looks at; `WORD` is a plain word, which may occur anywhere."""

    WORD = ""
    STATUS = "status"
    AGENT = "agent"
    FILE = "file"
    FEATURE = "feature"
    PROBLEM = "problem"
    SEQ = "seq"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `value` is casefolded, an agent's without hyphens and blanks, a status's with blanks for hyphens.

    It is empty only of `problem:`, which then means any problem. `prefix` is what stands before the colon of a word
    that could have been meant as a field.
    """

    field: Field
    value: str
    wanted: bool = True
    prefix: str = ""


_TERM: Final = re.compile(r'(?P<minus>-?)(?:(?P<field>[a-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>\S+)|)', re.IGNORECASE)

STATUSES: Final = (
    "ready",
    "waiting",
    "running",
    "in progress",
    "review",
    "failed",
    "stopped",
    "stale",
    "quiet",
    "blocked",
    "skipped",
    "completed",
    "verified",
    "accepted",
    "claimed",
    "done",
    "pending",
    "unreadable",
    "cannot run",
    "archived",
)
"""What can follow `status:` whatever the files say: the format's words and the screen's."""

_NAMED: Final = 8
"""How many of the values there are a complaint names."""


@dataclass(frozen=True, slots=True)
class Query:
    """What the find line asks for: terms that must all hold."""

    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> Query | None:
        """The query of a typed text; None where it asks for nothing (yet). Every text has a meaning."""
        terms: list[Term] = []
        at = 0
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            match = _TERM.match(text, at)
            if match is None or match.end() == at:
                break
            at = match.end()
            terms += _terms(match)
        return cls(tuple(terms)) if terms else None

    def matches(self, view: FeatureView, task: TaskView, draw: Draw, index: Index) -> bool:
        """Whether a task answers the query."""
        return all(_holds(term, view, task, draw, index) is term.wanted for term in self.terms)

    def matches_feature(self, view: FeatureView, index: Index) -> bool:
        """Whether a feature answers by itself, so that one without tasks can be found as well.

        Something must be asked for that it has: that it lacks what only tasks have is no answer.
        """
        return any(term.wanted for term in self.terms) and all(
            _is_of_features(term) and _holds_of_feature(term, view, index) is term.wanted for term in self.terms
        )

    def complaint(self, snapshot: Snapshot, draw: Draw, index: Index) -> str:
        """What is wrong with the query, in one line: a value or field that there is not, and what there is; else ""."""
        for term in self.terms:
            if term.prefix and not _is_known(term, snapshot, draw, index):
                return _no_field(term.prefix)
            look_at = _VALUES.get(term.field)
            if look_at is None or (term.field is Field.STATUS and f" {term.value}" in _joined(STATUSES)):
                continue
            values: dict[str, None] = {}
            known = False
            for view in snapshot.features.values():
                for task in view.tasks.values():
                    if _holds(term, view, task, draw, index):
                        known = True
                        break
                    values.update(dict.fromkeys(look_at(view, task, draw)))
                if known:
                    break
            if not known:
                return _no_such(term, list(values))
        return ""


def _terms(match: re.Match[str]) -> list[Term]:
    minus, name, quoted, bare = match["minus"], match["field"], match["quoted"], match["bare"]
    value = (bare if quoted is None else quoted) or ""
    field = next((one for one in Field if one and one == (name or "").casefold()), None)
    if name and field is None:  # an unknown prefix is a part of the word
        value = f"{name}:{value}"
    prefix = name.casefold() if name and field is None and not value.startswith(f"{name}://") else ""
    value = " ".join(value.casefold().split())
    if not value and field is not Field.PROBLEM:
        return []
    if field is Field.STATUS:
        value = _spaced(value).strip()
    elif field is Field.AGENT:
        value = bare_agent(value)
    return [Term(field or Field.WORD, value, not minus, prefix)] if value or field is Field.PROBLEM else []


# --- what a task says -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """A task's text, casefolded. `agents` without hyphens and blanks."""

    words: str
    agents: tuple[str, ...]
    files: str
    problems: str


class Index:
    """The texts of tasks and features, made once for each object that the reader gave out."""

    def __init__(self) -> None:
        # By the object's id; the object is held, so that the id stays its own.
        self._known: dict[int, tuple[object, _Entry]] = {}
        self._states: dict[int, tuple[TaskView, str]] = {}

    def task(self, task: Task) -> _Entry:
        """A task's texts."""
        found = self._known.get(id(task))
        if found is None:
            found = self._known[id(task)] = (task, _entry_of_task(task))
        return found[1]

    def feature(self, feature: Feature) -> _Entry:
        """A feature's own texts, without those of its tasks."""
        found = self._known.get(id(feature))
        if found is None:
            found = self._known[id(feature)] = (feature, _entry_of_feature(feature))
        return found[1]

    def states(self, view: FeatureView, task: TaskView, draw: Draw) -> str:
        """A task's `state_words` in one text. Only those of a running one change by themselves, as it falls silent."""
        if isinstance(task.state, TaskRunning):
            return _joined(state_words(view, task, draw))
        found = self._states.get(id(task))
        if found is None:
            found = self._states[id(task)] = (task, _joined(state_words(view, task, draw)))
        return found[1]

    def forget_but(self, snapshot: Snapshot) -> None:
        """Let go of what is no longer in the snapshot, where that has become much."""
        alive = {id(view.feature) for view in snapshot.features.values()}
        for view in snapshot.features.values():
            for task in view.tasks.values():
                alive |= {id(task), id(task.task)}
        if len(self._known) + len(self._states) > 2 * len(alive) + 100:
            self._known = {key: value for key, value in self._known.items() if key in alive}
            self._states = {key: value for key, value in self._states.items() if key in alive}


def _entry_of_task(task: Task) -> _Entry:
    files = [*task.deliverables, *(ref.path for ref in (*task.context_files, *task.reference_files))]
    agents = (task.suggested_agent, task.agent_id)
    words = (task.seq, task.title, *agents, *files, *task.acceptance_criteria)
    return _Entry(
        "\n".join(words).casefold(),
        tuple(bare_agent(agent) for agent in agents if agent),
        "\n".join(files).casefold(),
        _problem_text(task.problems),
    )


def _entry_of_feature(feature: Feature) -> _Entry:
    files = [ref.path for ref in (*feature.context_files, *feature.reference_files)]
    return _Entry(
        f"{feature.id}\n{feature.name}".casefold(), (), "\n".join(files).casefold(), _problem_text(feature.problems)
    )


def _problem_text(problems: Iterable[Problem]) -> str:
    return "\n".join(f"{one.severity.value} {one.code} {one.message}" for one in problems).casefold()


@lru_cache(maxsize=1024)
def bare_agent(name: str) -> str:
    """An agent's name as it is compared: `CoderAgent`, `coder-agent` and `Coder agent` are one."""
    return re.sub(r"[-_\s]+", "", name).casefold()


def state_words(view: FeatureView, task: TaskView, draw: Draw) -> tuple[str, ...]:
    """Every word that `status:` knows a task by: the screen's, and the one in the file."""
    seen = look(task, draw)
    found = [seen.word, _spaced(task.task.status_text)]
    if isinstance(task.state, TaskBarred):
        found += [] if task.task.readable else ["unreadable"]
    elif not (seen.word == "stale" and seen.sign == "quiet"):
        found.append(seen.sign)
    if view.feature.archived:
        found.append("archived")
    return tuple(word.casefold() for word in found)


def _holds(term: Term, view: FeatureView, task: TaskView, draw: Draw, index: Index) -> bool:
    value = term.value
    if term.field is Field.STATUS:
        return f" {value}" in index.states(view, task, draw)  # `rev` finds `needs review`
    if term.field is Field.FEATURE:
        return value in index.feature(view.feature).words
    if term.field is Field.SEQ:
        seq = task.seq.casefold()
        return seq.startswith(value) or seq.lstrip("0") == value.lstrip("0")
    entry = index.task(task.task)
    if term.field is Field.WORD:
        return value in entry.words or value in index.feature(view.feature).words
    if term.field is Field.AGENT:
        return any(value in agent for agent in entry.agents)
    if term.field is Field.FILE:
        return value in entry.files
    return bool(entry.problems) and value in entry.problems


def _is_known(term: Term, snapshot: Snapshot, draw: Draw, index: Index) -> bool:
    return any(
        _holds_of_feature(term, view, index)
        or any(_holds(term, view, task, draw, index) for task in view.tasks.values())
        for view in snapshot.features.values()
    )


def _is_of_features(term: Term) -> bool:
    """Whether a term speaks of something that a feature has by itself."""
    archived = term.field is Field.STATUS and term.value == "archived"
    return archived or term.field in (Field.WORD, Field.FEATURE, Field.FILE, Field.PROBLEM)


def _holds_of_feature(term: Term, view: FeatureView, index: Index) -> bool:
    entry = index.feature(view.feature)
    if term.field in (Field.WORD, Field.FEATURE):
        return term.value in entry.words
    if term.field is Field.FILE:
        return term.value in entry.files
    if term.field is Field.PROBLEM:
        return bool(entry.problems) and term.value in entry.problems
    return term.field is Field.STATUS and term.value == "archived" and view.feature.archived


def _spaced(text: str) -> str:
    return re.sub(r"[-_\s]+", " ", text)


def _joined(words: Iterable[str]) -> str:
    """Words in one text, in which a blank and a value stand where one of them, or a part of one, begins with it."""
    return "\n".join(f" {word}" for word in words)


# --- what there is ----------------------------------------------------------------------------------------------

_VALUES: Final[dict[Field, Callable[[FeatureView, TaskView, Draw], Iterable[str]]]] = {
    Field.STATUS: state_words,
    Field.AGENT: lambda view, task, draw: (name for name in (task.task.suggested_agent, task.task.agent_id) if name),
    Field.FEATURE: lambda view, task, draw: (view.feature.id,),
}


def _no_field(prefix: str) -> str:
    names = [field.value for field in Field if field]
    near = get_close_matches(prefix, names, n=1, cutoff=0.5)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f'No field "{prefix}".{meant} There are {", ".join(names)}.'


def _no_such(term: Term, values: list[str]) -> str:
    begins = f'No {term.field.value} is called "{term.value}"'
    if not values:
        return f"{begins}: none is named here."
    pool = values
    if term.field is Field.STATUS:
        values = [*(word for word in STATUSES if word in values), *(word for word in values if word not in STATUSES)]
        pool = [*values, *STATUSES]
    folded = {value.casefold(): value for value in reversed(pool)}
    near = get_close_matches(term.value, folded, n=1, cutoff=0.5)
    meant = f" Did you mean {folded[near[0]]}?" if near else ""
    more = f" and {len(values) - _NAMED} more" if len(values) > _NAMED else ""
    return f"{begins}.{meant} There is {', '.join(values[:_NAMED])}{more}."
