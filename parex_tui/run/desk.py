"""The desk: every change that parex makes to task files, whoever asks for it, goes over it.

The engine, the screen and the commands all change files here, so that every change is written into one journal: from it
a change that somebody else wrote over is made again, and a person's last changes can be taken back.

An edit is in the journal once the file has it, and before any other parex can change that file: killed between the two,
the edit stands, is not looked after, and cannot be taken back. Where the journal cannot be written the edit is made all
the same; `trouble` says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from parex_tui.tasks import create, edit
from parex_tui.tasks.edit import ChangedError, Edit, EditError, Made, NoSpaceError
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.layout import TASK_JSON
from parex_tui.tasks.model import Feature, JsonValue, Task
from parex_tui.tasks.patch import Absent, Value
from parex_tui.tasks.shelve import archive_feature, unarchive_feature
from parex_tui.tasks.text import clean

from .edit_journal import EditJournal
from .edits import ENGINE, PERSON, Entry, Part, entry_of, entry_record, file_of, name_of
from .holding import Holder
from .snapshot import Conflict
from .taking_back import take_back_whole

if TYPE_CHECKING:
    from parex_tui.tasks.repair import Repair

__all__ = ["ENGINE", "PERSON", "Desk"]


class Desk:
    """Changes task files below one project root. `clock` is in seconds since the epoch.

    Every method raises EditError where the change cannot be made; the file is then as it was. `by` says who asked:
    what a person asked for can be undone, and waits where the disk has no room for it.
    """

    def __init__(self, root: Path, clock: Callable[[], float]) -> None:
        self._root = root
        self._clock = clock
        self._journal = EditJournal(root)
        self._holder = Holder(root, self._journal, clock)
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

    def sync(self, feature_path: Path, *, by: str) -> Edit | None:
        """Bring task.json's count and status in line with the task files; None without a task.json.

        It follows from the other files: whoever asked, there is nothing in it to take back.
        """
        return edit.sync_feature(feature_path, self._root, self._clock(), made=self._made(ENGINE, derived=True))

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
        return self._move(feature, "archived", lambda: archive_feature(feature, self._root, self._clock()))

    def unarchive(self, feature: Feature) -> Path:
        """Move a feature back out of the archive; returns its new folder."""
        return self._move(feature, "taken out of the archive", lambda: unarchive_feature(feature, self._root))

    def new_task(self, feature: Feature, fields: Mapping[str, JsonValue]) -> Path:
        """A new task with the next number; returns its file."""
        task_json = feature.path / TASK_JSON
        before = _bytes(task_json)
        path = create.new_task(feature, fields, self._root)
        self._journal.keep_copy(before)
        parts = (self._created(path), *self._changed(task_json, task_json, before))
        self._add("edit", Entry(0, 0.0, PERSON, f"new task {name_of(path, _bytes(path))}", parts))
        return path

    def new_feature(self, tasks_dir: Path, name: str, fields: Mapping[str, JsonValue]) -> Path:
        """A new feature with a task.json; returns its folder."""
        folder = create.new_feature(tasks_dir, name, fields, self._root, self._clock())
        parts = (self._created(folder / TASK_JSON),)
        self._add("edit", Entry(0, 0.0, PERSON, f"new feature {clean(folder.name, 60)}", parts))
        return folder

    def _move(self, feature: Feature, what: str, move: Callable[[], Path]) -> Path:
        before = _bytes(feature.path / TASK_JSON)
        place = move()
        self._journal.keep_copy(before)
        parts = self._changed(place / TASK_JSON, feature.path / TASK_JSON, before)
        moved = (file_of(feature.path, self._root), file_of(place, self._root))
        self._add("edit", Entry(0, 0.0, PERSON, f"{feature.id} {what}", parts, moved=moved))
        return place

    def _created(self, path: Path) -> Part:
        return Part(file_of(path, self._root), "", _digest(_bytes(path)))

    def _changed(self, path: Path, old: Path, before: bytes) -> tuple[Part, ...]:
        """What became of a file that was `before` at `old` and is at `path` now."""
        after = _bytes(path)
        if not before or before == after:
            return ()
        changes = edit.field_changes(before, after)
        return (Part(file_of(path, self._root), _digest(before), _digest(after), changes),)

    # --- undo ----------------------------------------------------------------------------------------------------

    def undo_text(self) -> str:
        """What `undo` would take back, in a few words; "" where there is nothing."""
        found = self._journal.refresh().undoable()
        return found[-1].text if found else ""

    def undo(self) -> str:
        """Take the last change of a person back, and the next time the one before it. Returns what it was.

        Raises:
            ChangedError: somebody changed it since, with both values; it is left out from now on.
            EditError: there is nothing to take back, or the system refuses.
        """
        found = self._journal.refresh().undoable()
        if not found:
            raise EditError("there is nothing to undo")
        entry = found[-1]
        try:
            self._take_back(entry)
        except ChangedError as error:
            self._journal.add("undone", {"edit": entry.number}, self._clock())
            more = "; undo again takes back the change before" if len(found) > 1 else ""
            raise ChangedError(f"{error}; it is not taken back{more}") from None
        return entry.text

    def _take_back(self, entry: Entry) -> None:
        made = self._made(PERSON, undoes=entry.number)
        if entry.number in self._journal.ledger.unwritten:
            pass
        elif entry.moved is None and len(entry.parts) == 1 and entry.parts[0].before:
            (part,) = entry.parts
            path, content = self._root / part.file, self._journal.copy(part.before)
            edit.take_back(path, part.fields, after=part.after, content=content, root=self._root, made=made)
        else:
            take_back_whole(entry, self._root, self._journal.copy, made)
        self._journal.add("undone", {"edit": entry.number}, self._clock())

    # --- other writers -------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Look after the edits of the last minutes: make again what was written over unseen. Call it often."""
        self._holder.pass_once()

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
        """Write our value of a conflict again; of a status, the times and the agent beside it too."""
        ledger = self._journal.refresh()
        found = ledger.conflicts.get(number)
        if found is None:
            raise EditError("that conflict is settled already")
        wanted: dict[str, Value] = {found.field: found.ours}
        entry = ledger.entries.get(found.edit)
        if found.field == "status" and entry is not None:
            wanted = {name: change.new for name, change in entry.parts[0].fields.items()} | wanted
        path = self._root / found.file
        made = edit.decide_fields(path, lambda values, data: wanted, root=self._root, made=self._made(PERSON))
        self._journal.add("answered", {"edit": number}, self._clock())
        return made

    def yield_to(self, number: int) -> None:
        """Let their value of a conflict stay; it is not shown any more."""
        if number not in self._journal.refresh().conflicts:
            raise EditError("that conflict is settled already")
        self._journal.add("answered", {"edit": number}, self._clock())


def _text(value: Value) -> str:
    return "" if isinstance(value, Absent) else edit.value_text(value)


def _bytes(path: Path) -> bytes:
    """A file's content; nothing where it cannot be read."""
    try:
        return read(path).data
    except UnreadableError:
        return b""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
