"""What the commands that change task files share: what they find, what they refuse, how they tell what they did.

Each command is a function from a `Bench` to a `Changed`. It checks, then changes over the desk; where another program
changed a file between the two, it begins anew with what is there now.
"""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from parex_tui.cli import FAILED, FINE, UsageError
from parex_tui.report.changed_text import Changed, changed_json
from parex_tui.report.wording import relative
from parex_tui.run.attempts import Journal
from parex_tui.run.desk import Desk
from parex_tui.run.rules import RuleError, check_idle, check_open, check_own, command
from parex_tui.tasks.edit import ChangedError, Edit, EditError
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.layout import Location
from parex_tui.tasks.model import Feature, Task
from parex_tui.tasks.naming import task_named
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.repair import find_repair
from parex_tui.tasks.text import clean

from .common import find, in_folder, pick, say, warn

TRIES: Final = 5
"""How often a command begins anew because another program was faster."""


class Refused(Exception):  # noqa: N818 - the rules' answer, and no error of the program
    """A rule says no: one line with why and what to do.

    `as_is`: the line is the reference tool's own, and goes to standard output as it is. `lines` are told before it.
    """

    def __init__(
        self, reason: str, *, as_is: bool = False, lines: tuple[str, ...] = (), code: int = FAILED, task: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.as_is = as_is
        self.lines = lines
        self.code = code
        self.task = task


class Bench:
    """The project as it is now, and the desk that changes it."""

    def __init__(self, options: Namespace) -> None:
        self.location = find(options)
        self.root = self.location.root
        self.project = read_project(self.location)
        self.desk = Desk(self.root, time.time)
        self.journal = Journal(self.root)

    def feature(self, name: str, *, archived: bool = False) -> Feature:
        """The feature of that name; an archived one only where that is meant. Raises UsageError, RuleError."""
        feature = pick(self.project, name)
        if not archived:
            check_open(feature)
        return feature

    def task(self, feature: Feature, word: str) -> Task:
        """The one task that `word` means. Raises Refused."""
        task = task_named(feature, word)
        if task is None:
            raise Refused(f"Task {clean(word, 100)} not found in {feature.id}", as_is=True)
        same = [other for other in feature.tasks if other.seq == task.seq]
        if len(same) > 1 and word not in (task.path.name, task.path.stem):
            names = " and ".join(clean(other.path.name) for other in same)
            raise Refused(f"{feature.id}/{task.seq} could be {names}: name the file")
        return task

    def sound_task(self, feature: Feature, word: str) -> Task:
        """The same, where its file can be read and holds a task. Raises Refused."""
        task = self.task(feature, word)
        if not task.readable:
            wrong = next((one for one in task.problems if one.severity is Severity.ERROR), None)
            place = relative(task.path, self.root) if wrong is None else clean(wrong.where(self.root))
            reason = "cannot be read" if wrong is None else wrong.message
            raise Refused(f"{place}: {reason}; {_way_out(feature, task, wrong)}", task=task.seq)
        check_own(task)
        return task

    def refuse_running(self, feature: Feature, task: Task) -> None:
        """Raises RuleError where an attempt of the task is alive: its file is the engine's."""
        check_idle(self.journal, feature, task.seq)

    def sync(self, feature: Feature) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        """task.json in line with the tasks: what changed, and a warning where it could not be written."""
        try:
            edit = self.desk.sync(feature.path)
        except EditError as error:
            return (), (f"task.json is not in line with its tasks: {error}",)
        return ((edit,) if edit is not None and edit.changed else ()), ()

    def progress(self, feature: Feature) -> tuple[int, int]:
        """Completed and all tasks of a feature, counted from its files as they are now."""
        now = read_project(Location(self.root, (feature.path,)))
        counts = next((one.counts for one in now.features if one.path == feature.path), feature.counts)
        return counts.completed, counts.total

    @property
    def trouble(self) -> tuple[str, ...]:
        """Why what was changed is not in the journal, one line; nothing where it is."""
        return (self.desk.trouble,) if self.desk.trouble else ()

    def short(self, text: str) -> str:
        """A message with paths as a person knows them, from the project's root on."""
        return text.replace(f"{clean(str(self.root))}/", "")

    def relative(self, path: Path) -> str:
        """A path as messages name it."""
        return relative(path, self.root)


def _way_out(feature: Feature, task: Task, wrong: Problem | None) -> str:
    """What helps with a file that cannot be read: a repair where there is one, else the editor."""
    if wrong is not None and not wrong.code.startswith("json."):
        return wrong.remedy
    try:
        repair = find_repair(task.path, read(task.path).data)
    except UnreadableError as error:
        return error.remedy or "look at it"
    return command("edit" if repair is None else "repair", feature.id, task.seq)


def carry_out(options: Namespace, act: Callable[[Bench], Changed]) -> int:
    """Do it, tell it, and return the exit code. Raises UsageError."""
    for left in reversed(range(TRIES)):
        bench = Bench(options)
        try:
            changed = act(bench)
        except ChangedError as error:
            if left:
                continue
            return tell_refusal(options, bench, Refused(str(error)))
        except RuleError as error:
            return tell_refusal(options, bench, Refused(str(error), task=error.seq))
        except EditError as error:
            return tell_refusal(options, bench, Refused(str(error)))
        except Refused as refusal:
            return tell_refusal(options, bench, refusal)
        warnings = tuple(bench.short(line) for line in (*changed.warnings, *bench.trouble))
        return tell(options, bench.root, replace(changed, warnings=warnings))
    raise AssertionError("the last try returns")


def tell(options: Namespace, root: Path, changed: Changed) -> int:
    """Print what was done, and return the exit code."""
    if options.json:
        _print_json(changed, root)
    else:
        for line in changed.lines:
            say(line)
    for warning in changed.warnings:
        warn(warning)
    if changed.reason:
        warn(changed.reason)
    return FAILED if changed.reason else FINE


def tell_refusal(options: Namespace, bench: Bench, refusal: Refused) -> int:
    named: str = getattr(options, "feature", None) or ""
    found = bench.project.feature(named) or in_folder(bench.project, named)
    changed = Changed(
        options.command,
        found.id if found is not None else "",
        refusal.task,
        lines=refusal.lines,
        reason=bench.short(clean(refusal.reason)),
        warnings=bench.trouble,
    )
    if options.json:
        _print_json(changed, bench.root)
    else:
        for line in changed.lines:
            say(line)
        (say if refusal.as_is else warn)(changed.reason)
    for warning in changed.warnings:
        warn(warning)
    return refusal.code


def _print_json(changed: Changed, root: Path) -> None:
    # ASCII: values are exact, whatever they hold, and no byte of them means anything to a terminal.
    say(json.dumps(changed_json(changed, root), indent=2))


def closing(feature: Feature, changed: Changed) -> Changed:
    """`changed`, with a line where the feature itself was closed or opened again."""
    for edit in changed.edits:
        if edit.path.parent == feature.path and "status" in edit.changed and edit.path == feature.task_json:
            return replace(changed, lines=(*changed.lines, f"  Feature: {edit.new['status']}"))
    return changed


def plain(text: str, what: str, *, lines: bool = False) -> str:
    """`text` from the command line, without blanks around it. Raises UsageError where no file should hold it.

    `lines`: line breaks and tabs are fine.
    """
    allowed = "\n\t" if lines else ""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise UsageError(f"the {what} is not valid UTF-8: {clean(text, 60)}")
    if any((char < " " or "\x7f" <= char <= "\x9f") and char not in allowed for char in text):
        raise UsageError(f"the {what} has control characters in it: {clean(text, 60)}; leave them out")
    return text.strip()
