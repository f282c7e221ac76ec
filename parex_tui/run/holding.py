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

- Somebody has seen our edit where another program's content kept our values and ours stood for two seconds after it
  was found so. From then on a return to an older value is a wish, and wins silently. A program that reads and writes in
  a loop writes back what it read much sooner than that; of two programs, one that read before the edit and writes more
  than two seconds after the other had kept it is taken for one that knows: we would rather lose there than fight a
  person.
- A file that has another id, seq, title or created_at than the one that was edited, or that lies in another folder, is
  another file: a new feature of the old name, another branch. What was meant for the old one is let go silently. (A
  title that parex itself gave the file is no other title.)
- Counts follow from other files: they are never made again, they are counted anew.

A newer edit of ours to a field takes the place of an older one. Looking and making again happen while the file is
locked against every other parex, and what was done is in the journal before the lock is given back: two of them never
count twice, and never fight.

A file that is busy is left alone until the next pass; one that stays so is tried less and less often, and meanwhile
the reason is the journal's trouble. Where ten minutes end before ours could be made again, that becomes a conflict. A
conflict is over once the file has our value again, the file is gone, or it is a week old.

What a person asked for and the full disk refused is kept as not written yet, and made when there is room, if the fields
still are what they were; where not, or after ten minutes, it becomes a conflict. A newer edit of ours takes its place.
What the engine could not write is not kept: it decides anew with every pass, from what is there then.

Files are named by their real folder below the real root, so a link to a folder or to the root changes nothing; a link
to a file is a file of its own. The journal
is the root's: where one project lies inside another, a parex of each has its own, knows nothing of the other's edits,
and takes them for those of a foreign program.
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
from parex_tui.tasks.files import Signature, UnreadableError, read, signature_of
from parex_tui.tasks.model import JsonValue, Status
from parex_tui.tasks.patch import ABSENT, Value, same_value

from .edit_journal import EditJournal
from .edits import (
    HOLD,
    Disagreement,
    Entry,
    Ledger,
    disagreement_record,
    entry_of,
    entry_record,
    folder_of,
    names_of,
)

TIMES: Final = 5
"""How often an edit is made again."""

SHORTLY: Final = 30.0
"""Seconds after an edit in which somebody else cannot have known of it."""

_RACE: Final = 1.0  # overwrites within so many seconds count once, unless they are the very same
_SEEN: Final = 2.0  # seconds that ours must stand after a foreign write before that writer surely has seen it
_PATIENCE: Final = 0.7  # seconds for other writers, at a file that was busy several times
_BUDGET: Final = 0.7  # seconds of one pass; the files that are left come first in the next one
_REST: Final = 0.5  # seconds before a file that could not be written several times is tried again; doubles
_LONGEST_REST: Final = 60.0
_EAGER: Final = 3  # tries without a rest
_GONE: Final = 10.0  # seconds before a file is gone for good, and not just being replaced
_OLD: Final = 7 * 86400.0  # seconds after which a conflict is not shown any more
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


def look_at(
    file: str,
    ledger: Ledger,
    values: Mapping[str, JsonValue],
    digest: str,
    now: float,
    folder: tuple[int, int] = (0, 0),
) -> Finding:
    """Compare a file's fields, and the SHA-256 of its bytes, with the edits of it that are looked after.

    `folder`: device and inode of its folder, zeros where they are not known.
    """
    finding = Finding()
    entries = ledger.live(now).get(file, [])
    if not entries:
        return finding
    first_before: dict[str, int] = {}  # by digest: the first edit that found the file so
    history: dict[str, list[tuple[int, FieldChange]]] = {}
    for entry in ledger.by_file[file]:
        for part in entry.parts:
            if part.file == file:
                first_before.setdefault(part.before, entry.number)
                for name, change in part.fields.items():
                    history.setdefault(name, []).append((entry.number, change))
    for entry in entries:
        held = _held(entry, ledger)
        mine = {name: change for name, change in held.items() if history[name][-1][0] == entry.number}
        lost = [name for name, change in mine.items() if not same_value(values.get(name, ABSENT), change.new)]
        if not lost:
            continue
        if _is_other(entry, values, folder, history):
            finding.closed.setdefault(entry.number, []).extend(mine)
            continue
        earlier = {name: [value for _, change in history[name] for value in (change.old, change.new)] for name in mine}
        there = {name: values.get(name, ABSENT) for name in mine}
        returned = first_before.get(digest, entry.number + 1) <= entry.number
        _Look(entry, mine, there, earlier, returned, digest).judge(finding, lost, ledger, now)
    return finding


def _is_other(
    entry: Entry,
    values: Mapping[str, JsonValue],
    folder: tuple[int, int],
    history: Mapping[str, Sequence[tuple[int, FieldChange]]],
) -> bool:
    """Whether this is not the file any more that was edited."""
    part = entry.parts[0]
    if part.base is None:
        return False
    if (0, 0) not in (folder, part.base.folder) and folder != part.base.folder:
        return True
    there = names_of(values)
    for name in part.base.names.keys() | there.keys():
        ours = [value for _, change in history.get(name, ()) for value in (change.old, change.new)]
        known = (part.base.names.get(name, ABSENT), *ours)
        if name not in part.fields and not any(same_value(there.get(name, ABSENT), value) for value in known):
            return True
    return False


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

    def judge(self, finding: Finding, lost: Sequence[str], ledger: Ledger, now: float) -> None:
        """The rule of this file's head, for the fields that have another value than ours."""
        if len(lost) < len(self.mine):
            self._let_go(finding, lost)
            return
        back = [name for name in lost if any(same_value(self.there[name], value) for value in self.earlier[name])]
        other = [name for name in lost if name not in back]
        age = now - ledger.written_last(self.entry)
        seen = self.entry.number in ledger.seen
        for name in other:
            self._theirs(finding, name, unseen=bool(back) and not seen, age=age, now=now)
        if seen or "status" in other:
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
        file, ours, theirs = self.entry.parts[0].file, self.mine[name].new, self.there[name]
        finding.conflicts.append(Disagreement(0, now, self.entry.number, file, name, ours, theirs, why))


def counts(ledger: Ledger, number: int, over: str, now: float) -> bool:
    """Whether making edit `number` again over content `over` counts as one more time."""
    fight = ledger.fights.get(number)
    return fight is None or over in fight.overs or not 0 <= now - fight.counted < _RACE


@dataclass(slots=True)
class _Rest:
    """A file that could not be written: how often in a row, how it looked, until when it is left alone, and why.

    `owed` are the edits that it should have had again, and their fields.
    """

    failures: int = 0
    looked: Signature | None = None
    until: float = 0.0
    why: str = ""
    owed: dict[int, tuple[str, ...]] = field(default_factory=dict)


class Holder:
    """Looks after the edits of one project. Call everything from one thread."""

    def __init__(self, root: Path, journal: EditJournal, clock: Callable[[], float]) -> None:
        self._root = root
        self._journal = journal
        self._clock = clock
        self._stands: dict[str, tuple[object, int]] = {}  # by file: how it looked, and its newest edit, when all stood
        self._kept: dict[str, dict[int, tuple[float, str]]] = {}  # by file and edit: since when others keep it, content
        self._resting: dict[str, _Rest] = {}
        self._missing: dict[str, float] = {}  # by file with a conflict: since when it is not there
        self._settled: dict[int, Signature] = {}  # by conflict: how the file looked when theirs was in it
        self._first = 0  # which file comes first in this pass
        self._deadline = 0.0

    def pass_once(self) -> None:
        """Look at every file with an edit that is looked after; cheap where nothing changed."""
        ledger = self._journal.refresh()
        now = self._clock()
        self._deadline = time.monotonic() + _BUDGET
        for number, entry in list(ledger.unwritten.items()):
            self._write(number, entry, now)
        live = ledger.live(now)
        files = list(live)
        first = self._first if self._first < len(files) else 0
        self._first = 0
        for turn in range(len(files)):
            at = (first + turn) % len(files)
            if time.monotonic() > self._deadline:
                self._first = at
                break
            self._look(files[at], live[files[at]], now)
        for known in (self._stands, self._kept):
            for file in known.keys() - live.keys():
                del known[file]
        if self._resting:
            self._give_up(now)
        for number, conflict in list(self._journal.ledger.conflicts.items()):
            if self._is_over(number, conflict, now):
                self._journal.add("answered", {"edit": number}, now)
        self._journal.behind = next((rest.why for rest in self._resting.values() if rest.failures >= _EAGER), "")

    # --- files that are busy -------------------------------------------------------------------------------------

    def _rests(self, name: str, looks: Signature | None, now: float) -> bool:
        rest = self._resting.get(name)
        return rest is not None and rest.looked == looks and rest.until - _LONGEST_REST <= now < rest.until

    def _patience(self, name: str) -> float:
        """The next pass comes soon; but somebody may have the file open for long, and then waiting helps."""
        rest = self._resting.get(name)
        often = rest is not None and rest.failures % (_EAGER + 1) == _EAGER
        return max(0.0, min(_PATIENCE, self._deadline - time.monotonic())) if often else 0.0

    def _failed(self, name: str, looks: Signature | None, why: str, now: float) -> _Rest:
        rest = self._resting.setdefault(name, _Rest())
        rest.failures += 1
        again = min(rest.failures - _EAGER, 10)
        rest.looked, rest.why = looks, why
        rest.until = now if again < 0 else now + min(_REST * 2**again, _LONGEST_REST)
        return rest

    def _give_up(self, now: float) -> None:
        """Ten minutes are over, and ours is not there again: a person should know."""
        ledger = self._journal.refresh()
        live = {entry.number for entries in ledger.live(now).values() for entry in entries}
        for file, rest in list(self._resting.items()):
            for number in [one for one in rest.owed if one not in live]:
                names = [name for name in rest.owed.pop(number) if name not in ledger.closed.get(number, set())]
                entry, values = ledger.entries.get(number), self._values(file)
                if entry is None or values is None:
                    continue
                for name in names:
                    ours, theirs = entry.parts[0].fields[name].new, values.get(name, ABSENT)
                    if not same_value(ours, theirs):
                        why = "ours could not be written again for ten minutes"
                        found = Disagreement(0, now, number, file, name, ours, theirs, why)
                        self._journal.add("conflict", disagreement_record(found), now)
                if not rest.owed:
                    del self._resting[file]

    def _values(self, file: str) -> Mapping[str, JsonValue] | None:
        try:
            values = parse(read(self._root / file).data).value
        except (UnreadableError, InvalidError):
            return None
        return values if isinstance(values, dict) else None

    # --- looking -------------------------------------------------------------------------------------------------

    def _look(self, file: str, entries: Sequence[Entry], now: float) -> None:
        path = self._root / file
        looks = _signature(path)
        if looks is None or self._rests(file, looks, now):
            return  # gone, or moved: it may come back
        seen = (looks, entries[-1].number)
        if self._stands.get(file) == seen:
            if file in self._kept:
                self._confirm(file, now)
            return
        settled = time.time_ns() - looks.ctime_ns > _COARSE_NS
        try:
            content = read(path)
            values = parse(content.data).value
        except (UnreadableError, InvalidError):
            return  # being written just now, or broken: nothing is done before it can be read
        if not isinstance(values, dict):
            return
        ledger, digest = self._journal.refresh(), content.digest
        finding = look_at(file, ledger, values, digest, now, folder_of(path))
        if finding.is_empty:
            self._resting.pop(file, None)
            self._notice(file, entries, digest, now)
            if settled:
                self._stands[file] = seen
            return
        for number in finding.again:
            self._kept.get(file, {}).pop(number, None)
        try:
            self._settle(file, path, now)
            self._resting.pop(file, None)
        except EditError as error:
            rest = self._failed(file, looks, str(error), now)
            rest.owed = {number: tuple(values) for number, values in finding.again.items()}

    def _notice(self, file: str, entries: Sequence[Entry], digest: str, now: float) -> None:
        """Ours stands: who else wrote this content has kept it."""
        ledger = self._journal.ledger
        if digest not in ledger.made.get(file, set()):
            kept = self._kept.setdefault(file, {})
            for entry in entries:
                if entry.number not in ledger.seen:
                    kept.setdefault(entry.number, (now, digest))
        if file in self._kept:
            self._confirm(file, now)

    def _confirm(self, file: str, now: float) -> None:
        kept, ledger = self._kept[file], self._journal.ledger
        for number, (since, digest) in list(kept.items()):
            if digest in ledger.made.get(file, set()) or number in ledger.seen or now < since:
                del kept[number]  # another parex wrote it, and its record came after the content
            elif now - since >= _SEEN:
                del kept[number]
                self._journal.add("seen", {"edit": number}, now)
        if not kept:
            del self._kept[file]

    def _settle(self, file: str, path: Path, now: float) -> None:
        found = Finding()

        def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
            nonlocal found
            digest = hashlib.sha256(data).hexdigest()
            found = look_at(file, self._journal.refresh(), values, digest, now, folder_of(path))
            return found.wanted

        def made(edit: Edit) -> None:
            for number, values in found.again.items():
                counted = counts(self._journal.ledger, number, edit.before, now)
                record = {"edit": number, "over": edit.before, "after": edit.after, "fields": list(values)}
                self._journal.add("again", {**record, "counts": counted}, now)
            for number, names in found.closed.items():
                self._journal.add("closed", {"edit": number, "fields": names}, now)
            for conflict in found.conflicts:
                self._journal.add("conflict", disagreement_record(conflict), now)

        decide_fields(path, decide, root=self._root, made=made, patience=self._patience(file))

    # --- conflicts, and what is not written yet ------------------------------------------------------------------

    def _is_over(self, number: int, conflict: Disagreement, now: float) -> bool:
        """Whether there is nothing left to decide."""
        if now - conflict.at > _OLD:
            return True
        looks = _signature(self._root / conflict.file)
        if looks is None:
            return now - self._missing.setdefault(conflict.file, now) > _GONE
        self._missing.pop(conflict.file, None)
        if self._settled.get(number) == looks:
            return False
        values = self._values(conflict.file)
        if values is None:
            return False
        if same_value(values.get(conflict.field, ABSENT), conflict.ours):
            return True
        if time.time_ns() - looks.ctime_ns > _COARSE_NS:
            self._settled[number] = looks
        return False

    def _write(self, number: int, entry: Entry, now: float) -> None:
        """Make an edit that there was no room for."""
        part = entry.parts[0]
        path, name = self._root / part.file, f"unwritten {number}"
        looks = _signature(path)
        expired = not 0 <= now - entry.at <= HOLD
        if self._rests(name, looks, now) and not expired:
            return
        conflicts: list[Disagreement] = []

        def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
            conflicts.clear()
            wanted: dict[str, Value] = {}
            for field_name, change in part.fields.items():
                there = values.get(field_name, ABSENT)
                if same_value(there, change.new):
                    continue
                if same_value(there, change.old) and not expired:
                    wanted[field_name] = change.new
                    continue
                late = "the disk had no room for ours for ten minutes"
                why = late if expired else "they wrote it while the disk had no room for ours"
                found = Disagreement(0, now, number, part.file, field_name, change.new, there, why)
                conflicts.append(found)
            return {} if conflicts else wanted

        def made(edit: Edit) -> None:
            self._journal.add("written", {"edit": number}, now)
            for conflict in conflicts:
                self._journal.add("conflict", disagreement_record(conflict), now)
            if edit.changed:
                self._journal.keep_copy(edit.content)
                self._journal.add("edit", entry_record(entry_of(edit, self._root, by=entry.by)), now)

        try:
            if self._journal.refresh().unwritten.get(number) == entry:
                decide_fields(path, decide, root=self._root, made=made, patience=self._patience(name))
            self._resting.pop(name, None)
        except EditError as error:
            if expired and looks is None:  # there is no file left that it could be missing in
                self._journal.add("written", {"edit": number}, now)
                self._resting.pop(name, None)
            else:
                self._failed(name, looks, str(error), now)


def _signature(path: Path) -> Signature | None:
    try:
        return signature_of(path.stat())
    except OSError:
        return None
