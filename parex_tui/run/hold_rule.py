"""The rule by which an edit that another program wrote over is made again, let go or shown as a conflict. Pure.

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
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from parex_tui.tasks.edit import FieldChange
from parex_tui.tasks.model import JsonValue, Status
from parex_tui.tasks.patch import ABSENT, Value, same_value

from .edits import HOLD, Disagreement, Entry, Ledger, names_of

TIMES: Final = 5
"""How often an edit is made again."""

SHORTLY: Final = 30.0
"""Seconds after an edit in which somebody else cannot have known of it."""

_RACE: Final = 1.0  # overwrites within so many seconds count once, unless they are the very same

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
