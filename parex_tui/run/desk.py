"""The desk: every change that parex makes to task files, whoever asks for it, goes over it.

The engine, the screen and the commands all change files here, so that every change is written into one journal: from it
a change that somebody else wrote over is made again, and a person's last changes can be taken back.

An edit is in the journal once the file has it, and before any other parex can change that file: killed between the two,
the edit stands, is not looked after, and cannot be taken back. Where the journal cannot be written the edit is made all
the same; `trouble` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from parex_tui.tasks import create, edit
from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.edit import ChangedError, Edit, EditError, Made, NoSpaceError
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.layout import task_number
from parex_tui.tasks.model import Feature, JsonValue, Status, Task
from parex_tui.tasks.patch import ABSENT, Absent, Value, same_value
from parex_tui.tasks.shelve import archive_feature, unarchive_feature
from parex_tui.tasks.text import clean

from .edit_journal import EditJournal
from .edits import (
    ENGINE,
    PERSON,
    Disagreement,
    Entry,
    Part,
    disagreement_record,
    entry_of,
    entry_record,
    file_of,
    name_of,
)
from .holding import Holding
from .snapshot import Conflict
from .taking_back import take_back_whole

if TYPE_CHECKING:
    from parex_tui.tasks.repair import Repair

__all__ = ["ENGINE", "PERSON", "Desk", "Synced", "TakenBack"]


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of task.json after a change of a task: its edits, and a line for each that could not be made."""

    edits: tuple[Edit, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What an undo took back, and what became of task.json by it."""

    entry: Entry
    edits: tuple[Edit, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """It in a few words."""
        return self.entry.text


class Desk:
    """Changes task files below one project root. `clock` is in seconds since the epoch.

    Every method raises EditError where the change cannot be made; the file is then as it was. `by` says who asked:
    what a person asked for can be undone, and waits where the disk has no room for it.
    """

    def __init__(self, root: Path, clock: Callable[[], float]) -> None:
        self._root = root
        self._clock = clock
        self._journal = EditJournal(root)
        self._holding = Holding(root, self._journal, clock)
        self._conflicts: tuple[int, tuple[Conflict, ...]] = (-1, ())

    # --- changes of fields ---------------------------------------------------------------------------------------

    def start(self, task: Task, agent_id: str, *, by: str, at: float | None = None, digest: str | None = None) -> Edit:
        """`in_progress` by `agent_id` since `at` (now)."""
        since = self._time(at)
        return self._try(
            by, lambda made: edit.start_task(task, agent_id, since, root=self._root, expected_digest=digest, made=made)
        )

    def complete(
        self, task: Task, summary: str, *, by: str, at: float | None = None, digest: str | None = None
    ) -> Edit:
        """`completed` at `at` (now)."""
        when = self._time(at)
        return self._try(
            by, lambda made: edit.complete_task(task, summary, when, root=self._root, expected_digest=digest, made=made)
        )

    def block(self, task: Task, *, by: str, digest: str | None = None) -> Edit:
        """`blocked`."""
        return self._try(by, lambda made: edit.block_task(task, root=self._root, expected_digest=digest, made=made))

    def reset(self, task: Task, *, by: str, digest: str | None = None) -> Edit:
        """`pending`."""
        return self._try(by, lambda made: edit.reset_task(task, root=self._root, expected_digest=digest, made=made))

    def set(self, path: Path, changes: Mapping[str, JsonValue], *, by: str, digest: str | None = None) -> Edit:
        """Any fields of one task file."""
        return self._try(
            by, lambda made: edit.set_fields(path, changes, root=self._root, expected_digest=digest, made=made)
        )

    def sync(self, feature_path: Path) -> Edit | None:
        """Bring task.json's count and status in line with the task files; None without a task.json.

        It follows from the other files: whoever asked, there is nothing in it to take back.
        """
        return edit.sync_feature(feature_path, self._root, self._clock(), made=self._made(ENGINE, derived=True))

    def follow(self, path: Path, *statuses: Value) -> Synced:
        """The same after a change of one file, from one of `statuses` to another: only tasks that are done count.

        A task.json that cannot be written takes nothing back: that is told, and it follows with the next change.
        """
        if Status.COMPLETED.value not in statuses or task_number(path.name) is None:
            return Synced()
        try:
            synced = self.sync(path.parent)
        except EditError as error:
            return Synced(warnings=(f"task.json is not in line with its tasks: {error}",))
        return Synced((synced,) if synced is not None and synced.changed else ())

    def replace(self, path: Path, before: bytes, after: bytes, *, by: str) -> Edit:
        """A new content for a file that still is `before`, from an editor say. It must be a JSON object."""
        return self._try(by, lambda made: edit.replace_file(path, before, after, root=self._root, made=made))

    def repair(self, repair: Repair, *, by: str = PERSON) -> Edit:
        """Write a repair that was previewed, while the file still is what it was made from."""
        return self.replace(repair.path, repair.before, repair.after, by=by)

    def _try(self, by: str, change: Callable[[Made], Edit]) -> Edit:
        try:
            return change(self._made(by))
        except NoSpaceError as error:
            if by != PERSON or error.edit is None or not error.edit.changed:
                raise
            self._add("unwritten", entry_of(error.edit, self._root, by=by))
            path = clean(str(error.edit.path))
            reason = "no space left on the disk; the change is kept, and written when there is room"
            raise NoSpaceError(f"{path}: {reason}", error.edit) from None

    def _made(self, by: str, *, derived: bool = False, undoes: int = 0) -> Made:
        """What writes an edit into the journal."""

        def made(edit: Edit) -> None:
            if edit.result == edit.content:
                return
            if by == PERSON and not undoes:
                self._journal.keep_copy(edit.content)
            self._add("edit", entry_of(edit, self._root, by=by, derived=derived, undoes=undoes))

        return made

    def _add(self, kind: str, entry: Entry) -> None:
        self._journal.add(kind, entry_record(entry), self._clock())

    def _time(self, at: float | None) -> float:
        return self._clock() if at is None else at

    # --- changes of folders --------------------------------------------------------------------------------------

    def archive(self, feature: Feature) -> Path:
        """Move a completed feature to the archive; returns its new folder."""
        now = self._clock()
        return self._move(feature, "archived", lambda made: archive_feature(feature, self._root, now, made=made))

    def unarchive(self, feature: Feature) -> Path:
        """Move a feature back out of the archive; returns its new folder."""
        what = "taken out of the archive"
        return self._move(feature, what, lambda made: unarchive_feature(feature, self._root, made=made))

    def new_task(self, feature: Feature, fields: Mapping[str, JsonValue]) -> Path:
        """A new task with the next number; returns its file."""
        edits: list[Edit] = []
        path = create.new_task(feature, fields, self._root, made=edits.append)
        self._record(f"new task {name_of(path, edits[-1].result)}", edits)
        return path

    def new_feature(self, tasks_dir: Path, name: str, fields: Mapping[str, JsonValue]) -> Path:
        """A new feature with a task.json; returns its folder."""
        edits: list[Edit] = []
        folder = create.new_feature(tasks_dir, name, fields, self._root, self._clock(), made=edits.append)
        self._record(f"new feature {clean(folder.name, 60)}", edits)
        return folder

    def _move(self, feature: Feature, what: str, move: Callable[[Made], Path]) -> Path:
        edits: list[Edit] = []
        place = move(edits.append)
        edits = [replace(one, path=place / one.path.name) for one in edits]
        moved = None if place == feature.path else (feature.path, place)
        self._record(f"{feature.id} {what}", edits, moved=moved)
        return place

    def _record(self, text: str, edits: Sequence[Edit], *, moved: tuple[Path, Path] | None = None) -> None:
        """One entry of several files, from the very bytes that were written."""
        parts: list[Part] = []
        for one in edits:
            if one.content and one.content != one.result:
                self._journal.keep_copy(one.content)
                parts += entry_of(one, self._root, by=PERSON).parts
            elif not one.content:
                parts.append(Part(file_of(one.path, self._root), "", one.after))
        places = None if moved is None else (file_of(moved[0], self._root), file_of(moved[1], self._root))
        self._add("edit", Entry(0, 0.0, PERSON, text, tuple(parts), moved=places))

    # --- undo ----------------------------------------------------------------------------------------------------

    def undo_text(self) -> str:
        """What `undo` would take back, in a few words; "" where there is nothing."""
        found = self._journal.refresh().undoable()
        return found[-1].text if found else ""

    def undo(self) -> TakenBack:
        """Take the last change of a person back, and the next time the one before it; task.json follows.

        Raises:
            ChangedError: somebody changed it since, with both values, or its file is gone; it is left out from now on.
            EditError: there is nothing to take back, or the system refuses.
        """
        found = self._journal.refresh().undoable()
        if not found:
            raise EditError("there is nothing to undo")
        entry = found[-1]
        is_written = entry.number not in self._journal.ledger.unwritten
        try:
            if is_written:
                self._take_back(entry)
        except ChangedError as error:
            self._journal.add("undone", {"edit": entry.number}, self._clock())
            more = "; undo again takes back the change before" if len(found) > 1 else ""
            raise ChangedError(f"{error}; it is not taken back{more}") from None
        self._journal.add("undone", {"edit": entry.number}, self._clock())
        if not is_written or entry.moved is not None:
            return TakenBack(entry)
        changes = [(part.file, part.fields["status"]) for part in entry.parts if "status" in part.fields]
        synced = [self.follow(self._root / file, change.old, change.new) for file, change in changes]
        return TakenBack(
            entry,
            tuple(one for found in synced for one in found.edits),
            tuple(line for found in synced for line in found.warnings),
        )

    def _take_back(self, entry: Entry) -> None:
        if entry.moved is not None or len(entry.parts) != 1 or not entry.parts[0].before:
            take_back_whole(entry, self._root, self._journal.copy, self._made(ENGINE, derived=True))
            return
        (part,) = entry.parts
        path, content = self._root / part.file, self._journal.copy(part.before)
        if not path.exists():
            raise ChangedError(f"{clean(str(path))}: the file is gone")
        stands, is_back = _compared(path, part)
        if stands or is_back:
            # Killed once the old value is in the file, no parex may take that for a stale write and put ours back.
            self._journal.add("closed", {"edit": entry.number, "fields": list(part.fields)}, self._clock())
        if not is_back:
            made = self._made(PERSON, undoes=entry.number)
            edit.take_back(path, part.fields, after=part.after, content=content, root=self._root, made=made)

    # --- other writers -------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Look after the edits of the last minutes: make again what was written over unseen. Call it often."""
        self._holding.pass_once()

    @property
    def trouble(self) -> str:
        """Why edits are not looked after just now, one line; "" where they are."""
        return self._journal.trouble

    def conflicts(self) -> tuple[Conflict, ...]:
        """The fields that are not as parex had set them, and that a person should decide, oldest first."""
        ledger = self._journal.refresh()
        if self._conflicts[0] != self._journal.version:
            newest = {
                (part.file, name): entry.number
                for entry in ledger.entries.values()
                for part in entry.parts
                for name in part.fields
            }
            found = [
                Conflict(
                    number=one.number,
                    path=self._root / one.file,
                    field=clean(one.field, 60),
                    ours=_text(one.ours),
                    theirs=_text(one.theirs),
                    at=one.at,
                    why=clean(one.why),
                )
                for one in ledger.conflicts.values()
                if newest.get((one.file, one.field), 0) < one.number
            ]
            self._conflicts = (self._journal.version, tuple(found))
        return self._conflicts[1]

    def insist(self, number: int) -> Edit:
        """Write our value of a conflict again; of a status, the times and the agent beside it too.

        Raises:
            ChangedError: the field has yet another value by now; the conflict is shown anew, with that one.
        """
        found = self._conflict(number)
        wanted: dict[str, Value] = {found.field: found.ours}
        entry = self._journal.ledger.entries.get(found.edit)
        if found.field == "status" and entry is not None:
            wanted = {name: change.new for name, change in entry.parts[0].fields.items()} | wanted
        path = self._root / found.file
        there: Value = found.theirs

        def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
            nonlocal there
            there = values.get(found.field, ABSENT)
            if not any(same_value(there, value) for value in (found.theirs, found.ours)):
                name, told = clean(found.field, 60), edit.value_text(there)
                raise ChangedError(f"{clean(found.file)}: {name} is {told} by now; look at the conflict again first")
            return wanted

        try:
            made = edit.decide_fields(path, decide, root=self._root, made=self._made(PERSON))
        except ChangedError:
            self._journal.add("answered", {"edit": number}, self._clock())
            self._journal.add("conflict", disagreement_record(replace(found, theirs=there)), self._clock())
            raise
        self._journal.add("answered", {"edit": number}, self._clock())
        return made

    def _conflict(self, number: int) -> Disagreement:
        """One of those that are shown; a newer change of ours has settled the others. Raises EditError."""
        if all(one.number != number for one in self.conflicts()):
            raise EditError("that conflict is settled already")
        return self._journal.ledger.conflicts[number]

    def yield_to(self, number: int) -> None:
        """Let their value of a conflict stay; it is not shown any more."""
        self._conflict(number)
        self._journal.add("answered", {"edit": number}, self._clock())


def _text(value: Value) -> str:
    return "" if isinstance(value, Absent) else edit.value_text(value)


def _compared(path: Path, part: Part) -> tuple[bool, bool]:
    """Whether a file stands as an edit left it, and whether it is as it was before: the bytes, or all of its fields."""
    try:
        content = read(path)
        values = parse(content.data).value
    except UnreadableError:
        return False, False  # what is wrong with it is told by the edit
    except InvalidError:
        values = None
    fields = part.fields if isinstance(values, dict) else {}
    there = {name: values.get(name, ABSENT) for name in fields} if isinstance(values, dict) else {}
    stands = bool(fields) and all(same_value(there[name], one.new) for name, one in fields.items())
    is_back = bool(fields) and all(same_value(there[name], one.old) for name, one in fields.items())
    return stands or content.digest == part.after, is_back or content.digest == part.before
