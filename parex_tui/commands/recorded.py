"""What the commands about attempts share: which records, tasks and attempts their words mean."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from parex_tui.agents.driver import Parser
from parex_tui.agents.secrets import Masker
from parex_tui.cli import UsageError
from parex_tui.run.attempt import Attempt
from parex_tui.run.attempts import Journal
from parex_tui.run.feature_records import FeatureRecord, feature_records, latest_that_ran, record_named
from parex_tui.run.limits import limits_of
from parex_tui.run.setup import parsers
from parex_tui.run.snapshot import EngineState, FeatureView
from parex_tui.run.states import TaskRunning
from parex_tui.run.survey import Standing, Surveyor
from parex_tui.run.views import make_view
from parex_tui.settings import Settings
from parex_tui.tasks.layout import Location
from parex_tui.tasks.model import Feature, Project
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.text import clean

from .common import feature_named, settings_for


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task, and which attempt of it: its number, or None for the newest."""

    seq: str
    number: int | None = None


class Records:
    """Everything that is on record in a project. Reading only: nothing is judged, owned or written."""

    def __init__(self, location: Location) -> None:
        """Raises UsageError, StateError."""
        self.location = location
        self.root: Path = location.root
        self.settings: Settings = settings_for(location.root)
        self.journal = Journal(location.root)
        self.project: Project = read_project(location)
        self.all: tuple[FeatureRecord, ...] = feature_records(self.journal, self.project)
        self.parser_for: Callable[[str], Parser] = parsers(self.settings)

    def again(self) -> None:
        """Read the files and the records once more."""
        self.project = read_project(self.location)
        self.all = feature_records(self.journal, self.project)

    def named(self, name: str | None) -> FeatureRecord:
        """The record that a person means; without a name the only one that is open. Raises UsageError."""
        if name is None:
            live = [one for one in self.all if one.feature is not None and not one.feature.archived]
            if len(live) == 1:
                return live[0]
            raise UsageError(f"which feature? There are: {self._names()}")
        feature = feature_named(self.project, name)
        of_it = None if feature is None else next((one for one in self.all if one.feature is feature), None)
        found = of_it or record_named(self.all, name)
        if found is not None:
            return found
        near = difflib.get_close_matches(name, [one.name for one in self.all], n=1)
        hint = f"did you mean {clean(near[0])}?" if near else f"there are: {self._names()}"
        raise UsageError(f"no feature is called {clean(name, 100)}; {hint}")

    def _names(self) -> str:
        names = [clean(one.name, 60) for one in self.all]
        return ", ".join(names[:12]) + (", …" if len(names) > 12 else "") if names else "none"

    def standing(self, feature: Feature) -> Standing:
        """Where a feature stands, from the records alone."""
        return Surveyor(self.root, self.journal, limits_of(self.settings), time.time).survey(feature)

    def view(self, feature: Feature) -> FeatureView:
        """The same with what it took and cost."""
        standing = self.standing(feature)
        alive = any(isinstance(state, TaskRunning) for state in standing.board.states.values())
        return make_view(standing, {}, EngineState.RUNNING if alive else EngineState.IDLE)

    def mask(self, *attempts: Attempt) -> Masker:
        """Takes out the secrets of this environment and of what these attempts were started with."""
        return Masker(os.environ, *(one.launch.env for one in attempts))


def wanted(record: FeatureRecord, word: str, number: str | None = None) -> Wanted:
    """What `05`, `05 2`, `05#2` or `5` means in a feature. Raises UsageError."""
    text = word
    if number is None and "#" in word:
        text, _, number = word.rpartition("#")
    seqs = record.seqs(text)
    if len(seqs) != 1:
        raise UsageError(_unclear(record, text, seqs))
    if number is None:
        return Wanted(seqs[0])
    bare = number.removeprefix("#")
    if not (bare.isascii() and bare.isdigit() and len(bare) < 10 and int(bare) > 0):
        raise UsageError(f"{clean(number, 40)} is no number of an attempt; they count from 1")
    return Wanted(seqs[0], int(bare))


def _unclear(record: FeatureRecord, word: str, seqs: Sequence[str]) -> str:
    name = clean(record.name, 100)
    if seqs:
        return f"{clean(word, 60)} could be {' or '.join(clean(one, 60) for one in seqs)} of {name}"
    known = sorted({task.seq for task in record.feature.tasks} if record.feature is not None else record.attempts)
    there = ", ".join(clean(one, 40) for one in known[:12]) + (", …" if len(known) > 12 else "")
    return f"there is no task {clean(word, 60)} in {name}; there are: {there or 'none'}"


def attempt_of(record: FeatureRecord, what: Wanted) -> Attempt:
    """That attempt; without a number the newest that ran. Raises UsageError where there is none."""
    found = record.attempts.get(what.seq, ())
    name = f"{clean(record.name, 100)} {clean(what.seq, 40)}"
    if what.number is None:
        latest = latest_that_ran(found)
        if latest is None:
            raise UsageError(f"{name} has no attempt yet")
        return latest
    for attempt in found:
        if attempt.number == what.number:
            return attempt
    there = ", ".join(str(one.number) for one in found[-12:])
    raise UsageError(f"{name} has no attempt {what.number}; {f'there are: {there}' if there else 'there is none yet'}")
