"""The clerk: carries out what a person asks of task files, over the desk, and says in one line what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from parex_tui.tasks.edit import Edit, EditError, value_text
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.layout import Location
from parex_tui.tasks.model import Feature, JsonValue, Project, Task
from parex_tui.tasks.repair import find_repair, repair_counts
from parex_tui.tasks.text import clean

from .attempts import Journal
from .desk import PERSON, Desk
from .rules import (
    check_feature_status,
    check_idle,
    check_insist,
    check_open,
    check_own,
    check_start,
    check_status,
    with_times,
)
from .snapshot import Answer, Command, Do
from .statedir import StateError


class Clerk:
    """Carries out commands about files. Call everything from one thread."""

    def __init__(self, location: Location, desk: Desk, journal: Journal) -> None:
        self._location = location
        self._desk = desk
        self._journal = journal
        self._project = Project(location.root)
        self._answers = 0
        self._verbs: Mapping[Do, Callable[[Command], str]] = {
            Do.EDIT: self._edit,
            Do.START: self._start,
            Do.BLOCK: self._block,
            Do.UNDO: self._undo,
            Do.REPAIR: self._repair,
            Do.ARCHIVE: self._archive,
            Do.UNARCHIVE: self._unarchive,
            Do.NEW_TASK: self._new_task,
            Do.NEW_FEATURE: self._new_feature,
            Do.INSIST: self._insist,
            Do.YIELD: self._yield,
        }

    def carry_out(self, command: Command, project: Project) -> Answer:
        """Do it, on the files as `project` has them."""
        self._project = project
        self._answers += 1
        try:
            text = self._verbs[command.do](command)
        except (EditError, StateError, OSError) as error:
            return Answer(self._answers, clean(self._short(str(error)), 300), done=False)
        return Answer(self._answers, clean(text, 300), done=True)

    def _short(self, text: str) -> str:
        """Paths as a person knows them, from the project's root on."""
        return text.replace(f"{clean(str(self._location.root))}/", "")

    # --- one task ------------------------------------------------------------------------------------------------

    def _edit(self, command: Command) -> str:
        digest = command.digest or None
        if not command.changes:
            raise EditError("there is nothing to change")
        if not command.seq:
            feature = self._feature(command)
            check_open(feature)
            if feature.task_json is None:
                raise EditError(f"{feature.id} has no task.json")
            if "status" in command.changes:
                check_feature_status(feature, command.changes["status"])
            self._desk.set(feature.task_json, command.changes, by=PERSON, digest=digest)
            return f"{feature.id}: {_said(command.changes)}"
        feature, task = self._open_task(command)
        if "status" in command.changes:
            check_idle(self._journal, feature, task.seq)
            check_status(feature, task, command.changes["status"])
        made = self._desk.set(task.path, with_times(task, command.changes), by=PERSON, digest=digest)
        self._desk.follow(made.path, made.old.get("status"), made.new.get("status"))
        return f"{task.name}: {_said(command.changes)}" if made.changed else f"{task.name} is so already"

    def _start(self, command: Command) -> str:
        feature, task = self._idle_task(command)
        check_start(feature, task)
        agent = command.note or task.suggested_agent or "person"
        made = self._desk.start(task, agent, by=PERSON, digest=command.digest or None)
        return self._status_said(task, made)

    def _block(self, command: Command) -> str:
        _, task = self._idle_task(command)
        return self._status_said(task, self._desk.block(task, by=PERSON, digest=command.digest or None))

    def _status_said(self, task: Task, made: Edit) -> str:
        self._desk.follow(made.path, made.old.get("status"), made.new.get("status"))
        status = made.new.get("status", task.status_text)
        return f"{task.name}: {_said({'status': status})}"

    def _idle_task(self, command: Command) -> tuple[Feature, Task]:
        feature, task = self._open_task(command)
        check_own(task)
        check_idle(self._journal, feature, task.seq)
        return feature, task

    # --- undo, repair, conflicts ---------------------------------------------------------------------------------

    def _undo(self, command: Command) -> str:
        return f"taken back: {self._desk.undo().text}"

    def _repair(self, command: Command) -> str:
        if command.path is None:
            raise EditError("there is no file to repair")
        shown = self._short(clean(str(command.path)))
        try:
            content = read(command.path)
        except UnreadableError as error:
            raise EditError(f"{shown}: {error}") from None
        if command.digest and content.digest != command.digest:
            raise EditError(f"{shown}: changed since the repair was shown; look again first")
        repair = find_repair(command.path, content.data)
        if repair is None:
            feature = next((one for one in self._project.features if one.task_json == command.path), None)
            repair = None if feature is None else repair_counts(feature, content.data)
        if repair is None:
            raise EditError(f"{shown}: there is no repair for it that is sure; edit it by hand")
        self._desk.repair(repair)
        return f"{shown} is repaired"

    def _insist(self, command: Command) -> str:
        number = _number(command.note)
        found = next((one for one in self._desk.conflicts() if one.number == number), None)
        check_insist(self._journal, self._project, found)
        made = self._desk.insist(number)
        self._desk.follow(made.path, made.old.get("status"), made.new.get("status"))
        return f"written again: {_said(made.new)}" if made.changed else "it is as you wanted it already"

    def _yield(self, command: Command) -> str:
        self._desk.yield_to(_number(command.note))
        return "theirs stays"

    # --- folders -------------------------------------------------------------------------------------------------

    def _archive(self, command: Command) -> str:
        feature = self._feature(command)
        check_idle(self._journal, feature)
        return f"{feature.id} is archived in {self._short(clean(str(self._desk.archive(feature))))}"

    def _unarchive(self, command: Command) -> str:
        feature = self._feature(command)
        return f"{feature.id} is back in {self._short(clean(str(self._desk.unarchive(feature))))}"

    def _new_task(self, command: Command) -> str:
        path = self._desk.new_task(self._feature(command), command.changes)
        return f"new: {self._short(clean(str(path)))}"

    def _new_feature(self, command: Command) -> str:
        folders = self._project.tasks_dirs
        tasks_dir = folders[0] if folders else self._location.root / ".tmp" / "tasks"
        return f"new: {self._short(clean(str(self._desk.new_feature(tasks_dir, command.note, command.changes))))}"

    # --- what is meant -------------------------------------------------------------------------------------------

    def _feature(self, command: Command) -> Feature:
        found = self._project.feature(command.feature)
        if found is None:
            raise EditError("that feature is not there any more")
        return found

    def _open_task(self, command: Command) -> tuple[Feature, Task]:
        feature = self._feature(command)
        check_open(feature)
        task = feature.task(command.seq)
        if task is None:
            raise EditError(f"there is no task {command.seq} in {feature.id}")
        return feature, task


def _said(changes: Mapping[str, JsonValue]) -> str:
    """`status is blocked now`."""
    if len(changes) > 2:
        return f"{', '.join(clean(name, 40) for name in changes)} are changed"
    return ", ".join(f"{clean(name, 40)} is {_plain(value)} now" for name, value in changes.items())


def _plain(value: JsonValue) -> str:
    return clean(value, 80) if isinstance(value, str) and value else value_text(value)


def _number(note: str) -> int:
    try:
        return int(note)
    except ValueError:
        raise EditError("there is no such conflict") from None
