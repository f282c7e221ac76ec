"""Looking after edits: what another program wrote over without having seen it is made again (`hold_rule` says when).

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
to a file is a file of its own. The journal is the root's: where one project lies inside another, a parex of each has
its own, knows nothing of the other's edits, and takes them for those of a foreign program.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.edit import Edit, EditError, decide_fields
from parex_tui.tasks.files import Signature, UnreadableError, read, signature_of
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.patch import ABSENT, Value, same_value

from .edit_journal import EditJournal
from .edits import HOLD, Disagreement, Entry, disagreement_record, entry_of, entry_record, folder_of
from .hold_rule import Finding, counts, look_at
from .resting import RestingFiles

_SEEN: Final = 2.0  # seconds that ours must stand after a foreign write before that writer surely has seen it
_BUDGET: Final = 0.7  # seconds of one pass; the files that are left come first in the next one
_GONE: Final = 10.0  # seconds before a file is gone for good, and not just being replaced
_OLD: Final = 7 * 86400.0  # seconds after which a conflict is not shown any more
_COARSE_NS: Final = 50_000_000  # a file changed so lately may change again without its times showing it


class Holding:
    """Looks after the edits of one project. Call everything from one thread."""

    def __init__(self, root: Path, journal: EditJournal, clock: Callable[[], float]) -> None:
        self._root = root
        self._journal = journal
        self._clock = clock
        self._stands: dict[str, tuple[object, int]] = {}  # by file: how it looked, and its newest edit, when all stood
        self._kept: dict[str, dict[int, tuple[float, str]]] = {}  # by file and edit: since when others keep it, content
        self._resting = RestingFiles()
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
        self._give_up(now)
        for number, conflict in list(self._journal.ledger.conflicts.items()):
            if self._is_over(number, conflict, now):
                self._journal.add("answered", {"edit": number}, now)
        self._journal.behind = self._resting.trouble

    # --- files that stayed busy too long --------------------------------------------------------------------------

    def _give_up(self, now: float) -> None:
        """Ten minutes are over, and ours is not there again: a person should know."""
        if not any(rest.owed for _, rest in self._resting):
            return
        ledger = self._journal.refresh()
        live = {entry.number for entries in ledger.live(now).values() for entry in entries}
        for file, rest in self._resting:
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
                    self._resting.forget(file)

    def _left(self) -> float:
        return self._deadline - time.monotonic()

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
        if looks is None or self._resting.has(file, looks, now):
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
            self._resting.forget(file)
            self._notice(file, entries, digest, now)
            if settled:
                self._stands[file] = seen
            return
        for number in finding.again:
            self._kept.get(file, {}).pop(number, None)
        try:
            self._settle(file, path, now)
            self._resting.forget(file)
        except EditError as error:
            rest = self._resting.failed(file, looks, str(error), now)
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

        decide_fields(path, decide, root=self._root, made=made, patience=self._resting.patience(file, self._left()))

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
        if self._resting.has(name, looks, now) and not expired:
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
                decide_fields(
                    path, decide, root=self._root, made=made, patience=self._resting.patience(name, self._left())
                )
            self._resting.forget(name)
        except EditError as error:
            if expired and looks is None:  # there is no file left that it could be missing in
                self._journal.add("written", {"edit": number}, now)
                self._resting.forget(name)
            else:
                self._resting.failed(name, looks, str(error), now)


def _signature(path: Path) -> Signature | None:
    try:
        return signature_of(path.stat())
    except OSError:
        return None
