"""The ledger of edits: what the records of the journal say, and what they come to."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.edit import Edit, FieldChange, value_text
from parex_tui.tasks.layout import task_number
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.patch import ABSENT, Absent, Value
from parex_tui.tasks.text import clean

PERSON: Final = "person"
ENGINE: Final = "engine"

HOLD: Final = 600.0
"""Seconds for which an edit is looked after."""

STEPS: Final = 200
"""How many changes of persons can be taken back."""

_FORGOTTEN: Final = 5000  # edits beyond so many are not looked after any more, however new they are

_ABOUT_EDITS: Final = ("again", "closed", "seen", "undone")
_KNOWN_BY: Final = ("id", "seq", "title", "created_at")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Base:
    """What tells the file that an edit was made in from a later one in its place.

    `folder`: device and inode of its folder, zeros where they are not known. `names`: id, seq, title and created_at as
    they were before the edit, without those that were not there.
    """

    folder: tuple[int, int] = (0, 0)
    names: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """What was done to one file. Digests are SHA-256 in hexadecimal, `before` "" where there was no file.

    `file` is relative to the project's root. Without a `base` nothing is known of the file beside its name.
    """

    file: str
    before: str
    after: str
    fields: Mapping[str, FieldChange] = field(default_factory=dict)
    base: Base | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change by parex. `at` is seconds since the epoch, `by` PERSON or ENGINE, `text` says it in a few words.

    `undoes` is the number of the change that this one took back, or 0. `derived`: its values follow from other files
    (counts). `moved` are the old and the new place of a folder, relative to the root.
    """

    number: int
    at: float
    by: str
    text: str
    parts: tuple[Part, ...]
    undoes: int = 0
    derived: bool = False
    moved: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A field that is not as parex had set it, and that a person should know of."""

    number: int
    at: float
    edit: int
    file: str
    field: str
    ours: Value
    theirs: Value
    why: str


@dataclass(slots=True)
class Fight:
    """How often an edit was made again. `overs` are the digests of what had been written over it."""

    count: int = 0
    counted: float = 0.0  # when the count last grew
    last: float = 0.0  # when it was last made again
    overs: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Ledger:
    """What the records come to. Everything is by number."""

    last: int = 0
    entries: dict[int, Entry] = field(default_factory=dict)
    unwritten: dict[int, Entry] = field(default_factory=dict)  # what a person asked for and no disk had room for
    fights: dict[int, Fight] = field(default_factory=dict)
    closed: dict[int, set[str]] = field(default_factory=dict)  # fields of an edit that are not looked after any more
    conflicts: dict[int, Disagreement] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)  # edits that other programs surely know of
    by_file: dict[str, list[Entry]] = field(default_factory=dict)  # single edits and parts of larger ones
    made: dict[str, set[str]] = field(default_factory=dict)  # by file: digests of what parex wrote
    _folded: int = 0
    _live: tuple[int, float, float, dict[str, list[Entry]]] = (-1, 0.0, 0.0, {})

    def live(self, now: float) -> dict[str, list[Entry]]:
        """The edits to look after at `now`, by file, oldest first. Not to be changed: it is kept until it differs."""
        folded, since, until, found = self._live
        if folded == self._folded and since <= now < until:
            return found
        found, until = {}, now + HOLD
        for number in reversed(list(self.entries)[-_FORGOTTEN:]):
            entry = self.entries[number]
            if entry.derived or len(entry.parts) != 1 or entry.moved is not None or not entry.parts[0].before:
                continue
            written = self.written_last(entry)
            if now < written:  # the clock was set back: not before that time comes again
                until = min(until, written)
                continue
            if now - written > HOLD:
                continue
            part = entry.parts[0]
            if part.fields.keys() - self.closed.get(number, set()):
                found.setdefault(part.file, []).append(entry)
                # Just behind the end of that second, which still belongs to it.
                until = min(until, math.nextafter(written + HOLD, math.inf))
        found = {file: entries[::-1] for file, entries in found.items()}
        self._live = (self._folded, now, until, found)
        return found

    def written_last(self, entry: Entry) -> float:
        """When its values were last written."""
        fight = self.fights.get(entry.number)
        return entry.at if fight is None else max(entry.at, fight.last)

    def undoable(self) -> list[Entry]:
        """What a person can take back, oldest first: their changes, also those that are not written yet."""
        found = [one for one in self.entries.values() if one.by == PERSON and not one.undoes and not one.derived]
        found += self.unwritten.values()
        return sorted((one for one in found if one.number not in self.undone), key=lambda one: one.number)[-STEPS:]

    def fold(self, record: Record) -> None:
        """Take one record in; one that says nothing that is known here changes nothing."""
        number, kind, about = record["number"], record["kind"], record.get("edit")
        self.last = max(self.last, number)
        self._folded += 1
        if kind in ("edit", "unwritten"):
            entry = _entry_from(record)
            if entry is not None:
                self._supersede(entry)
                (self.entries if kind == "edit" else self.unwritten)[number] = entry
                if kind == "edit":
                    self._index(entry)
                self.undone |= {entry.undoes} - {0}
        elif kind == "conflict":
            found = _disagreement_from(record)
            if found is not None:
                self.conflicts[number] = found
                self.closed.setdefault(found.edit, set()).add(found.field)
        elif not isinstance(about, int):
            return
        elif kind == "again":
            self._fought(self.fights.setdefault(about, Fight()), record)
            entry, after = self.entries.get(about), record.get("after")
            if entry is not None and isinstance(after, str):
                self.made.setdefault(entry.parts[0].file, set()).add(after)
        elif kind == "seen":
            self.seen.add(about)
        elif kind == "closed":
            self.closed.setdefault(about, set()).update(str(name) for name in record.get("fields", ()))
        elif kind == "undone":
            self.undone.add(about)
            self.unwritten.pop(about, None)
        elif kind == "written":
            self.unwritten.pop(about, None)
        elif kind == "answered":
            self.conflicts.pop(about, None)

    def _index(self, entry: Entry) -> None:
        for part in entry.parts:
            self.by_file.setdefault(part.file, []).append(entry)
            self.made.setdefault(part.file, set()).add(part.after)

    def _supersede(self, newer: Entry) -> None:
        """What is not written yet is not wanted any more where a newer edit sets the field."""
        for number, entry in list(self.unwritten.items()):
            (part,) = entry.parts[:1]
            taken = {name for one in newer.parts if one.file == part.file for name in one.fields}
            if number == newer.number or not taken & part.fields.keys():
                continue
            left = {name: change for name, change in part.fields.items() if name not in taken}
            if left:
                self.unwritten[number] = replace(entry, parts=(replace(part, fields=left),))
            else:
                del self.unwritten[number]

    @staticmethod
    def _fought(fight: Fight, record: Record) -> None:
        at, over = record.get("at"), record.get("over")
        if isinstance(at, (int, float)) and isinstance(over, str):
            fight.last = at
            if record.get("counts") is not False:
                fight.count += 1
                fight.counted = at
            fight.overs.add(over)

    def what_matters(self, records: Sequence[Record], now: float) -> list[Record]:
        """The records that are still of use when the journal is written anew."""
        kept = {entry.number for entries in self.live(now).values() for entry in entries}
        kept |= {entry.number for entry in self.undoable()}
        kept |= {found.edit for found in self.conflicts.values()}
        # An answered conflict still says which field of its edit is not looked after any more.
        told = {
            record["number"]
            for record in records
            if record["kind"] == "conflict" and (record["number"] in self.conflicts or record.get("edit") in kept)
        }
        by_number: Mapping[str, Collection[int]] = {"edit": kept, "unwritten": self.unwritten, "conflict": told}
        by_edit: Mapping[str, Collection[int]] = {"answered": told, **dict.fromkeys(_ABOUT_EDITS, kept)}
        return [
            self._as_it_is(record)
            for record in records
            if record["number"] in by_number.get(record["kind"], ())
            or record.get("edit") in by_edit.get(record["kind"], ())
        ]

    def _as_it_is(self, record: Record) -> Record:
        """Of what is not written yet only the fields that are still wanted."""
        entry = self.unwritten.get(record["number"]) if record["kind"] == "unwritten" else None
        return record if entry is None else record | entry_record(entry)


# --- entries ----


def entry_of(edit: Edit, root: Path, *, by: str, derived: bool = False, undoes: int = 0) -> Entry:
    """An edit as an entry; its number and time come with the record."""
    changes = {name: FieldChange(edit.old.get(name, ABSENT), edit.new.get(name, ABSENT)) for name in edit.changed}
    part = Part(file_of(edit.path, root), edit.before, edit.after, changes, _base_of(edit))
    return Entry(0, 0.0, by, _told(edit), (part,), undoes=undoes, derived=derived)


def _base_of(edit: Edit) -> Base:
    try:
        values = parse(edit.content).value
    except InvalidError:
        values = None
    return Base(folder_of(edit.path), names_of(values) if isinstance(values, dict) else {})


def folder_of(path: Path) -> tuple[int, int]:
    """Device and inode of a file's folder; zeros where it is gone."""
    try:
        info = path.parent.stat()
    except OSError:
        return (0, 0)
    return info.st_dev, info.st_ino


def names_of(values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The fields that tell one file from another in its place."""
    return {name: values[name] for name in _KNOWN_BY if name in values}


def file_of(path: Path, root: Path) -> str:
    """A path as the journal names it: in its real folder, relative to the real root.

    A file that is a link itself keeps its name: what it leads to need not have the name of a task file.
    """
    return Path(os.path.relpath(os.path.realpath(path.parent), os.path.realpath(root)), path.name).as_posix()


def _told(edit: Edit) -> str:
    """`03 Title: status blocked`, or which fields were set."""
    name = name_of(edit.path, edit.result)
    if "status" in edit.new:
        return f"{name}: status {value_text(edit.new['status']).strip(chr(34))}"
    fields = clean(", ".join(edit.changed[:4]), 60)
    return f"{name}: {fields or 'its content'}"


def name_of(path: Path, data: bytes) -> str:
    """What a task file is called on screen: seq and title, or the feature's folder for task.json."""
    number = task_number(path.name)
    if number is None:
        return clean(path.parent.name, 60)
    try:
        value = parse(data).value
    except InvalidError:
        value = None
    title = value.get("title") if isinstance(value, dict) else None
    return f"{number} {clean(title, 60)}" if isinstance(title, str) and title.strip() else number


# --- records ----------------------------------------------------------------------------------------------------


def entry_record(entry: Entry) -> Record:
    """An entry as a line holds it, without number and time."""
    return {
        "by": entry.by,
        "text": entry.text,
        "parts": [
            {
                "file": part.file,
                "before": part.before,
                "after": part.after,
                "fields": {name: change_record(change) for name, change in part.fields.items()},
                "base": None if part.base is None else {"folder": part.base.folder, "names": dict(part.base.names)},
            }
            for part in entry.parts
        ],
        "undoes": entry.undoes,
        "derived": entry.derived,
        "moved": None if entry.moved is None else list(entry.moved),
    }


def change_record(change: FieldChange) -> Record:
    """Old and new value; what was not there, or is no more, is left out."""
    values = (("old", change.old), ("new", change.new))
    return {name: value for name, value in values if not isinstance(value, Absent)}


def disagreement_record(found: Disagreement) -> Record:
    """A disagreement as a line holds it, without number and time."""
    values = change_record(FieldChange(found.theirs, found.ours))
    return {"edit": found.edit, "file": found.file, "field": found.field, "why": found.why, **values}


def _entry_from(record: Record) -> Entry | None:
    moved = record.get("moved")
    try:
        return Entry(
            number=record["number"],
            at=float(record["at"]),
            by=str(record["by"]),
            text=str(record["text"]),
            parts=tuple(_part_from(part) for part in record["parts"]),
            undoes=int(record["undoes"]),
            derived=record["derived"] is True,
            moved=(str(moved[0]), str(moved[1])) if moved else None,
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None  # of another version of parex


def _part_from(part: Record) -> Part:
    fields = {str(name): _change_from(change) for name, change in part["fields"].items()}
    base = part.get("base")
    known = None if base is None else Base((int(base["folder"][0]), int(base["folder"][1])), dict(base["names"]))
    return Part(str(part["file"]), str(part["before"]), str(part["after"]), fields, known)


def _change_from(change: Record) -> FieldChange:
    return FieldChange(change.get("old", ABSENT), change.get("new", ABSENT))


def _disagreement_from(record: Record) -> Disagreement | None:
    try:
        change = _change_from(record)
        return Disagreement(
            number=record["number"],
            at=float(record["at"]),
            edit=int(record["edit"]),
            file=str(record["file"]),
            field=str(record["field"]),
            ours=change.new,
            theirs=change.old,
            why=str(record["why"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
