"""Every order of our edits, undo, time, and a foreign program that is late, changes, deletes, breaks and mends."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from parex_tui.run.desk import ENGINE, PERSON, Desk
from parex_tui.run.edit_journal import EditJournal
from parex_tui.run.edits import Entry
from parex_tui.tasks.edit import ChangedError, EditError, value_text
from parex_tui.tasks.model import JsonValue, Task
from tests.tasks.helpers import Clock, a_project, a_task

ONWARD = {"pending": ("in_progress", "completed", "blocked"), "in_progress": ("completed", "blocked")}
FIELDS = ("title", "agent_id", "priority")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
BY = st.sampled_from([PERSON, ENGINE])


class Beside(RuleBasedStateMachine):
    """One task file, two parex, one other program. The model knows what each side wants and what it must keep."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name) / "project"
        self.environment = patch.dict(os.environ, {"XDG_STATE_HOME": str(Path(self.folder.name) / "state")})
        self.environment.start()
        self.clock = Clock()
        self.read: dict[str, JsonValue] | None = None  # what the other program read and has not written back yet
        self.theirs: dict[str, JsonValue] = {}  # what they added, and which must never be lost
        self.count = 0
        self.broken = False

    @initialize()
    def begin(self) -> None:
        self.path = a_project(self.root, a_task("01", notes={"kept": 1})) / "subtask_01.json"
        self.desks = (Desk(self.root, self.clock), Desk(self.root, self.clock))
        self.desk = self.desks[0]
        self.task = Task(feature="auth", seq="01", path=self.path)

    def teardown(self) -> None:
        self.environment.stop()
        self.folder.cleanup()

    def fields(self) -> dict[str, JsonValue]:
        found = json.loads(self.path.read_bytes())
        assert isinstance(found, dict)
        return found

    def write(self, fields: dict[str, JsonValue], *, rename: bool = False) -> None:
        data = json.dumps(fields, indent=2).encode() + b"\n"
        target = self.path.with_suffix(".new") if rename else self.path
        target.write_bytes(data)
        if rename:
            target.rename(self.path)
        self.broken = False

    def usable(self) -> bool:
        return self.path.exists() and not self.broken

    # --- ours ---

    @precondition(usable)
    @rule(name=st.sampled_from(FIELDS), value=TEXTS | st.integers() | st.none(), by=BY, which=st.booleans())
    def set(self, name: str, value: JsonValue, by: str, which: bool) -> None:
        self.desks[which].set(self.path, {name: value}, by=by)
        assert self.fields()[name] == value

    @precondition(usable)
    @rule(verb=st.sampled_from(["start", "complete", "block", "reset"]), by=BY)
    def mark(self, verb: str, by: str) -> None:
        match verb:
            case "start":
                self.desk.start(self.task, "Ada", by=by)
            case "complete":
                self.desk.complete(self.task, "done", by=by)
            case "block":
                self.desk.block(self.task, by=by)
            case _:
                self.desk.reset(self.task, by=by)
        wanted = {"start": "in_progress", "complete": "completed", "block": "blocked", "reset": "pending"}
        assert self.fields()["status"] == wanted[verb]

    @precondition(usable)
    @rule(name=st.sampled_from(FIELDS), value=TEXTS)
    def set_and_take_back(self, name: str, value: str) -> None:
        before = self.path.read_bytes()
        edit = self.desk.set(self.path, {name: value}, by=PERSON)
        if edit.changed:
            self.desk.undo()
        assert self.path.read_bytes() == before

    @precondition(usable)
    @rule()
    def undo(self) -> None:
        before = self.path.read_bytes()
        try:
            self.desk.undo()
        except EditError:
            assert self.path.read_bytes() == before

    @rule(which=st.booleans())
    def hold(self, which: bool) -> None:
        before = self.path.read_bytes() if self.path.exists() else None
        self.desks[which].hold()
        if self.broken or before is None:
            assert (self.path.read_bytes() if self.path.exists() else None) == before
            return
        after = self.path.read_bytes()
        self.desks[not which].hold()
        assert self.path.read_bytes() == after, "the two fight"

    @rule(seconds=st.sampled_from([0.1, 2.0, 20.0, 45.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.usable() and self.desk.conflicts())
    @rule(insist=st.booleans())
    def answer(self, insist: bool) -> None:
        conflict = self.desk.conflicts()[0]
        if insist:
            before = self.path.read_bytes()
            try:
                self.desk.insist(conflict.number)
            except ChangedError:
                assert self.path.read_bytes() == before
            else:
                found = self.fields()
                there = conflict.field in found
                assert (value_text(found[conflict.field]) if there else "") == conflict.ours
        else:
            self.desk.yield_to(conflict.number)
        assert conflict not in self.desk.conflicts()

    # --- theirs ---

    @precondition(usable)
    @rule()
    def they_read(self) -> None:
        self.read = self.fields()

    @precondition(lambda self: self.read is not None and self.usable())
    @rule(rename=st.booleans(), own=st.booleans())
    def they_write_what_they_read(self, rename: bool, own: bool) -> None:
        assert self.read is not None
        # Their own fields are in what they write, or they would have lost them themselves.
        stale = self.read | self.theirs
        if own:
            self.count += 1
            self.theirs[f"t{self.count}"] = self.count
            stale |= self.theirs
        wanted = self.standing()
        self.write(stale, rename=rename)
        self.check_held(wanted, stale)

    @precondition(usable)
    @rule(
        name=st.sampled_from(FIELDS), value=TEXTS, by=BY, seconds=st.sampled_from([0.0, 5.0, 29.0]), own=st.booleans()
    )
    def they_are_late(self, name: str, value: str, by: str, seconds: float, own: bool) -> None:
        self.they_read()
        self.set(name, f"our {value}", by, which=True)
        self.clock.now += seconds
        self.they_write_what_they_read(rename=False, own=own)

    def standing(self) -> dict[str, JsonValue]:
        """Fields of edits that are looked after, where ours stands now."""
        self.desk.hold()
        found = self.fields()
        ledger = EditJournal(self.root).refresh()
        ours: dict[str, JsonValue] = {}
        for entry in ledger.entries.values():
            for name, change in entry.parts[0].fields.items():
                closed = name in ledger.closed.get(entry.number, ())
                fresh = self.clock.now - ledger.written_last(entry) <= 30
                seen = entry.number in ledger.seen
                odd = len(entry.parts[0].fields) > 1 or self.renamed(entry)
                if closed or not fresh or seen or found.get(name, ...) != change.new or odd:
                    ours.pop(name, None)
                else:
                    ours[name] = found[name]
        return ours

    def renamed(self, entry: Entry) -> bool:
        """Whether what they write back has another title than the file had when we edited it: it may be another."""
        base = entry.parts[0].base
        return base is None or self.read is None or self.read.get("title") != base.names.get("title")

    def check_held(self, wanted: dict[str, JsonValue], stale: dict[str, JsonValue]) -> None:
        """What one-field edits of the last half minute had set is there again, or a conflict tells both values."""
        self.desk.hold()
        found = self.fields()
        told = {conflict.field for conflict in self.desk.conflicts()}
        for name, value in wanted.items():
            onward = name == "status" and stale[name] in ONWARD.get(str(value), ())
            assert name in found or name in told
            assert found.get(name) == value or name in told or onward, (name, value, found.get(name))

    @precondition(usable)
    @rule(name=st.sampled_from(FIELDS[1:]), value=TEXTS, by=BY)
    def we_die_before_the_record(self, name: str, value: str, by: str) -> None:
        with patch.object(EditJournal, "add", side_effect=KeyboardInterrupt), contextlib.suppress(KeyboardInterrupt):
            self.desks[1].set(self.path, {name: f"dying {value}"}, by=by)
        assert self.fields()[name] == f"dying {value}"
        self.read = None

    @precondition(usable)
    @rule(name=st.sampled_from(FIELDS[1:]), value=TEXTS, by=BY)
    def they_see_ours_and_go_back(self, name: str, value: str, by: str) -> None:
        stale = self.fields()
        self.desk.set(self.path, {name: f"seen {value}"}, by=by)
        if self.fields() == stale:
            return
        for seconds in (0.0, 1.0, 3.0):  # the first look may settle other edits
            self.clock.now += seconds
            self.count += 1
            self.theirs[f"t{self.count}"] = self.count
            self.write(self.fields() | self.theirs)
            self.desk.hold()
        self.write(stale | self.theirs)
        self.desk.hold()
        assert self.fields().get(name) == stale.get(name)
        self.read = None

    @precondition(usable)
    @rule(name=st.sampled_from(FIELDS), value=TEXTS)
    def they_set(self, name: str, value: str) -> None:
        self.write(self.fields() | {name: f"their {value}"})

    @precondition(usable)
    @rule(status=st.sampled_from(["pending", "in_progress", "completed", "odd"]))
    def they_mark(self, status: str) -> None:
        self.write(self.fields() | {"status": status})

    @precondition(usable)
    @rule(name=st.sampled_from(FIELDS))
    def they_take_a_field_out(self, name: str) -> None:
        self.write({key: value for key, value in self.fields().items() if key != name})

    @precondition(usable)
    @rule()
    def they_delete_the_file_and_bring_it_back(self) -> None:
        fields = self.fields()
        self.path.unlink()
        self.desk.hold()
        assert not self.path.exists()
        self.write(fields)

    @precondition(usable)
    @rule()
    def they_break_it(self) -> None:
        self.whole = self.path.read_bytes()
        self.path.write_bytes(self.whole[: len(self.whole) // 2])
        os.utime(self.path)
        self.broken = True

    @precondition(lambda self: self.broken)
    @rule()
    def they_mend_it(self) -> None:
        self.path.write_bytes(self.whole)
        self.broken = False

    # --- always ---

    @invariant()
    def nothing_of_theirs_is_lost(self) -> None:
        if not hasattr(self, "path") or not self.usable():
            return
        found = self.fields()
        assert found["notes"] == {"kept": 1}
        assert {name: found.get(name) for name in self.theirs} == self.theirs

    @invariant()
    def the_journal_is_the_same_for_everybody(self) -> None:
        if not hasattr(self, "path"):
            return
        assert self.desk.trouble == ""
        fresh = Desk(self.root, self.clock)
        assert fresh.conflicts() == self.desk.conflicts()
        assert fresh.undo_text() == self.desk.undo_text()
        with contextlib.suppress(FileNotFoundError):
            bad = next(Path(self.folder.name).rglob("*.bad"), None)
            assert bad is None


TestBeside = Beside.TestCase
TestBeside.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
