"""Looking after edits: what another program wrote over without having seen it is made again.

An agent reads a task file, thinks for minutes, and writes back what it had read, with its own change in it: ours is
gone, and nobody meant it to be. The rule, for ten minutes after an edit was last written:

- Every field of the edit is back at a value from before it, and none has ours: whoever wrote that had not seen it. It
  is made again, at most five times; then the conflict is shown with both values. Overwrites that differ and follow each
  other within a second count once: that is a program that changes the file many times a second, not one that insists.
- The whole file is byte for byte what it was before the edit: for half a minute that is taken for the same. Later it is
  somebody's wish (an undo in an editor, a checkout) and wins.
- A field has a value that we know nothing of: theirs wins. It is shown as a conflict where they cannot have seen ours
  (another field of the edit is back at its old value), where their status takes ours back (out of completed or blocked,
  or a step back), and else only where they wrote it within half a minute after us. A status that goes on from ours
  (pending, in progress, completed or blocked) is no conflict.
- Some field of the edit has our value and another has not: they had ours before their eyes. Theirs wins, and nothing is
  shown.
- An edit with a status is one thing: where their status wins, the times and the agent beside ours are not made again
  either. Of other edits the fields that they did not change are.

A newer edit of ours to a field takes the place of an older one. Looking and making again happen while the file is
locked against every other parex, and what was done is in the journal before the lock is given back: two of them never
count twice, and never fight.

What a person asked for and the full disk refused is kept as not written yet, and made when there is room, if the fields
still are what they were; where not, it becomes a conflict. What the engine could not write is not kept: it decides anew
with every pass, from what is there then.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.edit import Edit, EditError, FieldChange, decide_fields
from parex_tui.tasks.files import UnreadableError, read, signature_of
from parex_tui.tasks.model import JsonValue, Status
from parex_tui.tasks.patch import ABSENT, Value, same_value

from .edit_journal import EditJournal
from .edits import HOLD, Disagreement, Entry, Ledger, disagreement_record, entry_of, entry_record

TIMES: Final = 5
"""How often an edit is made again."""

SHORTLY: Final = 30.0
"""Seconds after an edit in which somebody else cannot have known of it."""

_RACE: Final = 1.0  # overwrites within so many seconds count once, unless they are the very same
_PATIENCE: Final = 0.7  # seconds for other writers: the next pass comes soon
_REST: Final = 1.0  # seconds before a file that could not be written is tried again
_COARSE_NS: Final = 50_000_000  # a file changed so lately may change again without its times showing it

_ONWARD: Final[Mapping[str, Sequence[str]]] = {
    Status.PENDING: (Status.IN_PROGRESS, Status.COMPLETED, Status.BLOCKED),
    Status.IN_PROGRESS: (Status.COMPLETED, Status.BLOCKED),
}


@dataclass(slots=True)
class Finding:
    """What is to be done about a file: values to write again by edit, fields to let go of, conflicts to show."""

    again: dict[int, dict[str, Value]] = field(default_factory=dict)
    closed: dict[int, list[str]] = field(default_factory=dict)
    conflicts: list[Disagreement] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether everything stands."""
        return not (self.again or self.closed or self.conflicts)

    @property
    def wanted(self) -> dict[str, Value]:
        """Every value to write."""
        return {name: value for values in self.again.values() for name, value in values.items()}


def look_at(file: str, ledger: Ledger, values: Mapping[str, JsonValue], digest: str, now: float) -> Finding:
    """Compare a file's fields, and the SHA-256 of its bytes, with the edits of it that are looked after."""
    finding = Finding()
    entries = ledger.live(now).get(file, [])
    if not entries:
        return finding
    first_before: dict[str, int] = {}  # by digest: the first edit that found the file so
    history: dict[str, list[tuple[int, FieldChange]]] = {}
    for entry in ledger.entries.values():
        for part in entry.parts:
            if part.file == file:
                first_before.setdefault(part.before, entry.number)
                for name, change in part.fields.items():
                    history.setdefault(name, []).append((entry.number, change))
    for entry in entries:
        held = _held(entry, ledger)
        mine = {name: change for name, change in held.items() if history[name][-1][0] == entry.number}
        if not mine:
            continue
        earlier = {name: [value for _, change in history[name] for value in (change.old, change.new)] for name in mine}
        there = {name: values.get(name, ABSENT) for name in mine}
        returned = first_before.get(digest, entry.number + 1) <= entry.number
        _Look(entry, mine, there, earlier, returned, digest).judge(finding, ledger, now)
    return finding


def _held(entry: Entry, ledger: Ledger) -> dict[str, FieldChange]:
    closed = ledger.closed.get(entry.number, set())
    return {name: change for name, change in entry.parts[0].fields.items() if name not in closed}


@dataclass(slots=True)
class _Look:
    """One edit of a file whose fields may not stand any more."""

    entry: Entry
    mine: Mapping[str, FieldChange]
    there: Mapping[str, Value]
    earlier: Mapping[str, Sequence[Value]]
    returned: bool
    digest: str

    def judge(self, finding: Finding, ledger: Ledger, now: float) -> None:
        """The rule of this file's head."""
        lost = [name for name, change in self.mine.items() if not same_value(self.there[name], change.new)]
        if not lost:
            return
        if len(lost) < len(self.mine):
            self._let_go(finding, lost)
            return
        back = [name for name in lost if any(same_value(self.there[name], value) for value in self.earlier[name])]
        other = [name for name in lost if name not in back]
        age = now - ledger.written_last(self.entry)
        for name in other:
            self._theirs(finding, name, unseen=bool(back), age=age, now=now)
        if "status" in other:
            self._let_go(finding, back)
        elif back:
            self._back(finding, ledger, back, age, now)

    def _theirs(self, finding: Finding, name: str, *, unseen: bool, age: float, now: float) -> None:
        ours, theirs = self.mine[name].new, self.there[name]
        if unseen:
            self._disagree(finding, name, now, "they had not seen ours when they wrote it")
        elif name == "status" and isinstance(ours, str) and ours in list(Status):
            if theirs not in _ONWARD.get(ours, ()):
                self._disagree(finding, name, now, "their status takes ours back")
            else:
                self._let_go(finding, [name])
        elif age <= SHORTLY:
            self._disagree(finding, name, now, "they wrote it shortly after ours")
        else:
            self._let_go(finding, [name])

    def _back(self, finding: Finding, ledger: Ledger, back: Sequence[str], age: float, now: float) -> None:
        if age > (SHORTLY if self.returned else HOLD):
            self._let_go(finding, back)
        elif counts(ledger, self.entry.number, self.digest, now) and self._fought(ledger) >= TIMES:
            for name in back:
                self._disagree(finding, name, now, f"they put back what was there before, {TIMES} times")
        else:
            finding.again[self.entry.number] = {name: self.mine[name].new for name in back}

    def _fought(self, ledger: Ledger) -> int:
        fight = ledger.fights.get(self.entry.number)
        return 0 if fight is None else fight.count

    def _let_go(self, finding: Finding, names: Sequence[str]) -> None:
        if names:
            finding.closed.setdefault(self.entry.number, []).extend(names)

    def _disagree(self, finding: Finding, name: str, now: float, why: str) -> None:
        if self.entry.derived:
            self._let_go(finding, [name])  # a count is nobody's wish
            return
        file, ours, theirs = self.entry.parts[0].file, self.mine[name].new, self.there[name]
        finding.conflicts.append(Disagreement(0, now, self.entry.number, file, name, ours, theirs, why))


def counts(ledger: Ledger, number: int, over: str, now: float) -> bool:
    """Whether making edit `number` again over content `over` counts as one more time."""
    fight = ledger.fights.get(number)
    return fight is None or over in fight.overs or not 0 <= now - fight.counted < _RACE


class Holder:
    """Looks after the edits of one project. Call everything from one thread."""

    def __init__(self, root: Path, journal: EditJournal, clock: Callable[[], float]) -> None:
        self._root = root
        self._journal = journal
        self._clock = clock
        self._stands: dict[str, tuple[object, int]] = {}  # by file: how it looked, and its newest edit, when all stood
        self._resting: dict[str, float] = {}  # by file: when it could not be written

    def pass_once(self) -> None:
        """Look at every file with an edit that is looked after; cheap where nothing changed."""
        ledger = self._journal.refresh()
        now = self._clock()
        for number, entry in list(ledger.unwritten.items()):
            if not self._rests(f"unwritten {number}", now):
                self._write(entry, now)
        live = ledger.live(now)
        for file, entries in live.items():
            if not self._rests(file, now):
                self._look(file, entries[-1].number, now)
        for file in self._stands.keys() - live.keys():
            del self._stands[file]

    def _rests(self, name: str, now: float) -> bool:
        return 0 <= now - self._resting.get(name, -_REST) < _REST

    def _look(self, file: str, newest: int, now: float) -> None:
        path = self._root / file
        try:
            found = path.stat()
        except OSError:
            return  # gone, or moved: it may come back
        seen = (signature_of(found), newest)
        if self._stands.get(file) == seen:
            return
        settled = time.time_ns() - found.st_ctime_ns > _COARSE_NS
        try:
            content = read(path)
            values = parse(content.data).value
        except (UnreadableError, InvalidError):
            return  # being written just now, or broken: nothing is done before it can be read
        if not isinstance(values, dict):
            return
        if look_at(file, self._journal.ledger, values, content.digest, now).is_empty:
            if settled:
                self._stands[file] = seen
            return
        try:
            self._settle(file, path, now)
        except EditError:
            self._resting[file] = now

    def _settle(self, file: str, path: Path, now: float) -> None:
        found = Finding()

        def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
            nonlocal found
            found = look_at(file, self._journal.refresh(), values, hashlib.sha256(data).hexdigest(), now)
            return found.wanted

        def made(edit: Edit) -> None:
            for number, values in found.again.items():
                counted = counts(self._journal.ledger, number, edit.before, now)
                record = {"edit": number, "over": edit.before, "fields": list(values), "counts": counted}
                self._journal.add("again", record, now)
            for number, names in found.closed.items():
                self._journal.add("closed", {"edit": number, "fields": names}, now)
            for conflict in found.conflicts:
                self._journal.add("conflict", disagreement_record(conflict), now)

        decide_fields(path, decide, root=self._root, made=made, patience=_PATIENCE)

    def _write(self, entry: Entry, now: float) -> None:
        """Make an edit that there was no room for."""
        part = entry.parts[0]
        conflicts: list[Disagreement] = []

        def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
            conflicts.clear()
            wanted: dict[str, Value] = {}
            for name, change in part.fields.items():
                there = values.get(name, ABSENT)
                if same_value(there, change.old):
                    wanted[name] = change.new
                elif not same_value(there, change.new):
                    why = "they wrote it while the disk had no room for ours"
                    found = Disagreement(0, now, entry.number, part.file, name, change.new, there, why)
                    conflicts.append(found)
            return {} if conflicts else wanted

        def made(edit: Edit) -> None:
            self._journal.add("written", {"edit": entry.number}, now)
            for conflict in conflicts:
                self._journal.add("conflict", disagreement_record(conflict), now)
            if edit.changed:
                self._journal.keep_copy(edit.content)
                self._journal.add("edit", entry_record(entry_of(edit, self._root, by=entry.by)), now)

        try:
            if entry.number in self._journal.refresh().unwritten:
                decide_fields(self._root / part.file, decide, root=self._root, made=made, patience=_PATIENCE)
        except EditError:
            self._resting[f"unwritten {entry.number}"] = now
