"""`parex trust`: what a project's checks would execute, and the decision whether they may."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from pathlib import Path

from parex_tui.cli import FAILED, FINE, NOT_TRUSTED, UsageError
from parex_tui.report.verify_text import given_text, standings_text, trust_json
from parex_tui.report.wording import counted
from parex_tui.run.statedir import StateError
from parex_tui.run.trust import Given, Standing, Trust, UnsafeError, digest_of
from parex_tui.tasks.model import Feature, Task
from parex_tui.tasks.naming import task_named
from parex_tui.tasks.reader import read_project

from .common import ask, find, not_found, pick, say, warn


def trust(options: Namespace) -> int:
    """0 where all that is listed is trusted now (or was withdrawn, or only listed), 4 where it is not."""
    if options.task is not None and options.feature is None:
        raise UsageError("a task's number needs its feature before it")
    location = find(options)
    project = read_project(location)
    features = project.features if options.feature is None else (pick(project, options.feature),)
    task = None if options.task is None else task_named(features[0], options.task)
    if options.task is not None and task is None:
        reason = not_found(features[0], options.task)
        say(json.dumps(trust_json(location.root, (), (), reason), indent=2) if options.json else reason)
        return FAILED
    try:
        return _Decision(options, location.root, features, task).made()
    except (UnsafeError, StateError) as error:
        warn(str(error))
        return NOT_TRUSTED


class _Decision:
    """What is listed, and what becomes of it."""

    def __init__(self, options: Namespace, root: Path, features: tuple[Feature, ...], task: Task | None) -> None:
        self._options = options
        self._root = root
        self._features = features
        self._seq = None if task is None else task.seq
        self._trust = Trust(root)

    def made(self) -> int:
        """Do what the options say, and tell it."""
        code = self._withdraw() if self._options.withdraw else self._decide()
        if self._options.json:
            say(json.dumps(trust_json(self._root, self._standings(), self._given()), indent=2))
        return code

    def _say(self, text: str) -> None:
        if not self._options.json:
            say(text)

    def _decide(self) -> int:
        if self._options.list:
            self._say(given_text(self._given()))
            return FINE
        standings = self._standings()
        if not standings:
            self._say("Nothing would be executed: no sound verification block here has a command.")
            return FINE
        self._say(standings_text(standings))
        return FINE if all(one.trusted for one in standings) else self._give(standings)

    def _standings(self) -> tuple[Standing, ...]:
        return tuple(one for feature in self._features for one in self._trust.what(feature, self._seq))

    def _give(self, standings: tuple[Standing, ...]) -> int:
        """Trust what is listed, where a person or the right digest says so: those bytes, as they were read."""
        executables = [one.executable for one in standings]
        digest = self._options.digest
        if digest is not None and digest != digest_of(executables):
            warn("not trusted: these are not the bytes that the digest names; look at them again")
            return NOT_TRUSTED
        for feature in self._features:
            for task in feature.tasks:
                if any(one.seq == task.seq and one.feature == task.feature for one in executables):
                    self._trust.check_place(task)
        if digest is None and not self._asked(standings):
            warn("not trusted: nothing was changed" if _can_ask() else f"not trusted: {_NOBODY}")
            return NOT_TRUSTED
        self._trust.trust(executables, time.time)
        self._say(f"Trusted: {counted(len(executables), 'task')}. A changed byte of these lines is asked about again.")
        return FINE

    def _asked(self, standings: tuple[Standing, ...]) -> bool:
        commands = sum(len(one.executable.commands) for one in standings if not one.trusted)
        return not self._options.json and ask(f"\nMay {counted(commands, 'command')} run here with your rights?")

    def _given(self) -> tuple[Given, ...]:
        """By feature and task where they are named, else everything; also what the files do not say any more."""
        names = {feature.id for feature in self._features}
        return tuple(
            one
            for one in self._trust.given()
            if self._options.feature is None or (one.feature in names and self._seq in (None, one.seq))
        )

    def _withdraw(self) -> int:
        gone = self._trust.withdraw([one.digest for one in self._given()])
        self._say(f"Withdrawn: the commands of {counted(gone, 'task')}." if gone else "Nothing was trusted there.")
        return FINE


_NOBODY = "there is nobody to ask; look at the commands, then add --digest with the digest of what is listed"


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
