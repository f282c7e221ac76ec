"""Reading a project: every layout and spelling, every fault isolated and named, nothing that changes missed."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parex_tui.tasks.files import Signature, signature_of
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import ContextRef, Counts, Feature, JsonValue, Project, Status, Task
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.reader import Reader, read_project
from parex_tui.tasks.text import is_plain

from .helpers import Clock, a_project, a_task, write


def project(root: Path) -> Project:
    return read_project(locate(root, explicit=True))


def the_feature(root: Path) -> Feature:
    (feature,) = project(root).features
    return feature


def the_task(root: Path, seq: str = "01") -> Task:
    task = the_feature(root).task(seq)
    assert task is not None
    return task


def codes(task: Task | Feature) -> list[str]:
    return [problem.code for problem in task.problems]


def settle(folder: Path) -> None:
    """Make every file old, so that nothing counts as being written just now."""
    for path in folder.rglob("*.json"):
        os.utime(path, (1_600_000_000, 1_600_000_000))


# --- fields -------------------------------------------------------------------------------------------------------


def test_a_sound_task_is_read_whole_and_without_problems(tmp_path: Path) -> None:
    fields = a_task(
        context_files=["a.md", {"path": "b.md", "lines": "10-50, 60-70", "reason": "types"}, {"path": "c.md"}],
        reference_files=[{"path": "d.ts", "lines": "7"}],
        suggested_agent="CoderAgent",
        acceptance_criteria=["works"],
        agent_id=None,
        started_at="2026-01-31T12:00:00Z",
        completion_summary="done",
        verification=[{"type": "command", "command": "npm\ttest"}],
        module="auth",
    )
    folder = a_project(tmp_path, fields)
    task = the_task(tmp_path)
    assert task.problems == ()
    assert (task.feature, task.seq, task.title, task.status) == ("auth", "01", "Task 01", Status.PENDING)
    assert task.path == folder / "subtask_01.json"
    assert task.parallel is True
    assert task.context_files == (
        ContextRef("a.md"),
        ContextRef("b.md", ((10, 50), (60, 70)), "types"),
        ContextRef("c.md"),
    )
    assert task.reference_files == (ContextRef("d.ts", ((7, 7),)),)
    assert task.deliverables == ("src/01.ts",)
    assert task.agent_id == ""
    assert task.extra == {"verification": fields["verification"], "module": "auth"}
    assert len(task.digest) == 64
    assert task.modified == pytest.approx(task.path.stat().st_mtime, abs=1e-3)


@pytest.mark.parametrize("value", ["a.md", {"path": "a.md"}, ["a.md"], [{"path": "a.md"}]])
def test_context_is_read_in_every_form(tmp_path: Path, value: JsonValue) -> None:
    a_project(tmp_path, a_task(context_files=value))
    assert the_task(tmp_path).context_files == (ContextRef("a.md"),)
    assert the_task(tmp_path).problems == ()


@pytest.mark.parametrize(
    "written", ["02", "auth-02", "subtask_02", "subtask-02", "subtask_02.json", "2", 2, "task_2", "002"]
)
def test_dependencies_are_normalised_from_every_spelling(tmp_path: Path, written: JsonValue) -> None:
    a_project(tmp_path, a_task("01", depends_on=[written]), a_task("02"))
    assert the_task(tmp_path).depends_on == ("02",)


@pytest.mark.parametrize("written", ["99", "billing-02", "schema", "auth-99"])
def test_a_dependency_that_names_no_task_stays_as_it_is(tmp_path: Path, written: str) -> None:
    a_project(tmp_path, a_task("01", depends_on=[written, "02"]), a_task("02"))
    assert the_task(tmp_path).depends_on == (written, "02")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("02", ("02",)),
        ("02, 03", ("02", "03")),
        (2, ("02",)),
        ({"seq": "02"}, ('{"seq": "02"}',)),
        (True, ("true",)),
        ([["02"]], ('["02"]',)),
        ([None, "02"], ("02",)),
        (None, ()),
        (["02", "02", 2], ("02",)),
        ("the schema", ("the schema",)),
    ],
)
def test_a_dependency_is_never_lost_by_its_type(tmp_path: Path, written: JsonValue, read: tuple[str, ...]) -> None:
    a_project(tmp_path, a_task("01", depends_on=written), a_task("02"), a_task("03"))
    assert the_task(tmp_path).depends_on == read


def test_dependencies_under_their_other_name_count_and_are_noted(tmp_path: Path) -> None:
    fields = a_task("01", dependencies=["02"])
    del fields["depends_on"]
    a_project(tmp_path, fields, a_task("02"))
    task = the_task(tmp_path)
    assert task.depends_on == ("02",)
    assert [(problem.severity, problem.code) for problem in task.problems] == [(Severity.NOTE, "dep.alias")]


def test_a_renamed_seq_is_found_by_file_name_and_id(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01", depends_on=["subtask_02_fix_cancel.json", "custom-id"]))
    write(folder / "subtask_02_fix_cancel.json", a_task("02"))
    write(folder / "subtask_100.json", a_task("100", id="custom-id"))
    assert the_task(tmp_path).depends_on == ("02", "100")


WRONG: list[tuple[str, JsonValue, str, object, str]] = [
    ("title", {"en": "x"}, "title", '{"en": "x"}', "field.type"),
    ("title", 7, "title", "7", "field.type"),
    ("parallel", "true", "parallel", False, "field.type"),
    ("deliverables", "src/a.ts", "deliverables", ("src/a.ts",), "field.type"),
    ("deliverables", ["src/a.ts", {"path": "b"}], "deliverables", ("src/a.ts", '{"path": "b"}'), "field.type"),
    ("acceptance_criteria", [1, None, "x"], "acceptance_criteria", ("1", "x"), "field.type"),
    ("completion_summary", {"done": True}, "completion_summary", '{"done": true}', "field.type"),
    ("context_files", [7, "a.md"], "context_files", (ContextRef("a.md"),), "field.type"),
    ("context_files", [{"file": "a.md"}], "context_files", (), "field.type"),
    ("context_files", [{"path": "a", "lines": "9-3"}], "context_files", (ContextRef("a"),), "field.lines"),
    ("context_files", [{"path": "a", "lines": [1, 2]}], "context_files", (ContextRef("a"),), "field.lines"),
    ("seq", 1, "seq", "01", "field.type"),
    ("seq", "../../x", "seq", "01", "seq.unusable"),
    ("seq", ["01"], "seq", "01", "seq.unusable"),
    ("seq", "07", "seq", "07", "seq.mismatch"),
    ("status", "done", "status_text", "done", "status.unknown"),
    ("status", "Completed", "status", None, "status.unknown"),
    ("status", 7, "status", None, "status.unknown"),
    ("status", None, "status", None, "status.missing"),
]


@pytest.mark.parametrize(("key", "value", "field", "read", "code"), WRONG)
def test_a_wrong_field_is_a_problem_at_its_place_and_spoils_no_other(
    tmp_path: Path, key: str, value: JsonValue, field: str, read: object, code: str
) -> None:
    folder = a_project(tmp_path)
    write(folder / "subtask_01.json", a_task() | {key: value, "suggested_agent": "CoderAgent"})
    (task,) = the_feature(tmp_path).tasks
    assert getattr(task, field) == read
    assert task.suggested_agent == "CoderAgent"
    assert task.readable
    (problem,) = task.problems
    assert problem.code == code
    text = task.path.read_text().splitlines()
    assert problem.line == next(number for number, line in enumerate(text, 1) if line.startswith(f'  "{key}":'))
    assert problem.column == len(f'  "{key}": ') + 1


@pytest.mark.parametrize("seq", ["01", "1", "001", None])
def test_seq_is_padded_and_taken_from_the_name_where_it_is_missing(tmp_path: Path, seq: str | None) -> None:
    folder = a_project(tmp_path)
    fields = a_task() | {"seq": seq}
    if seq is None:
        del fields["seq"]
    write(folder / "subtask_01_fix.json", fields)
    assert the_task(tmp_path, "01").problems == ()


def test_a_status_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = a_project(tmp_path)
    fields = a_task()
    del fields["status"]
    write(folder / "subtask_01.json", fields)
    task = the_task(tmp_path)
    assert (task.status, task.status_text, codes(task)) == (None, "", ["status.missing"])


@pytest.mark.parametrize("value", [{}, {"name": "x"}, {"tasks": [{"id": 1}]}, {"id": "x", "description": "y"}])
def test_a_file_of_another_format_is_named_not_guessed(tmp_path: Path, value: JsonValue) -> None:
    folder = a_project(tmp_path)
    write(folder / "subtask_01.json", value)
    task = the_task(tmp_path)
    assert task.status is None
    assert codes(task) == ["task.foreign"]
    write(folder / "task.json", {"tasks": [], "version": 1})
    assert "feature.foreign" in codes(the_feature(tmp_path))


def test_shown_text_is_cleaned_and_the_rest_is_kept_as_it_is(tmp_path: Path) -> None:
    evil = "\x1b]0;pwn\x07\u202ex\nsecond\ud800\u0000"
    a_project(
        tmp_path, a_task(title=evil, deliverables=[evil], context_files=[{"path": evil, "reason": evil}], note=evil)
    )
    task = the_task(tmp_path)
    for text in (task.title, *task.deliverables, task.context_files[0].path, task.context_files[0].reason):
        assert is_plain(text)
        assert text.startswith("␛]0;pwn")
    assert task.extra == {"note": evil}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from([*a_task(), "dependencies", "context_files", "completed_at", "completion_summary", "agent_id"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "lines", "x"]), inner),
            max_leaves=6,
        ),
    )
)
def test_no_value_of_any_field_harms(tmp_path: Path, fields: dict[str, JsonValue]) -> None:
    folder = a_project(tmp_path, a_task("02"))
    write(folder / "subtask_01.json", fields)
    write(folder / "task.json", fields)
    feature = the_feature(tmp_path)
    assert len(feature.tasks) == 2
    assert feature.task("02") is not None
    for task in feature.tasks:
        assert is_plain(task.title)
        assert is_plain(task.seq)
        assert "/" not in task.seq
        assert all(is_plain(entry) for entry in (*task.depends_on, *task.deliverables))
    assert all(is_plain(problem.message + problem.remedy) for problem in feature.all_problems)


# --- features -----------------------------------------------------------------------------------------------------


def test_counts_come_from_the_tasks_and_wrong_ones_are_noted(tmp_path: Path) -> None:
    folder = a_project(
        tmp_path, a_task("01", status="completed"), a_task("02", status="blocked"), a_task("03", status="odd")
    )
    (folder / "subtask_04.json").write_text("{")
    settle(folder)
    write(folder / "task.json", {"name": "Auth", "status": "active", "completed_count": 9, "subtask_count": 3})
    feature = the_feature(tmp_path)
    assert feature.counts == Counts(completed=1, blocked=1, other=2)
    assert feature.counts.total == 4
    assert (feature.declared_completed, feature.declared_subtasks) == (9, 3)
    found = {problem.code: (problem.line, problem.column) for problem in feature.problems}
    assert found == {"count.completed": (4, 22), "count.subtasks": (5, 20)}


def test_a_feature_without_task_json_and_one_without_tasks(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task())
    (folder / "task.json").unlink()
    write(folder.parent / "billing/task.json", {"id": "billing", "name": "Billing"})
    auth, billing = project(tmp_path).features
    assert (auth.id, auth.task_json, codes(auth)) == ("auth", None, ["feature.no_task_json"])
    assert len(auth.tasks) == 1
    assert (billing.name, billing.tasks, codes(billing)) == ("Billing", (), ["feature.empty"])


def test_two_files_with_one_seq_are_named(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01"))
    write(folder / "subtask_01_fix.json", a_task("01"))
    feature = the_feature(tmp_path)
    assert len(feature.tasks) == 2
    assert "seq.duplicate" in codes(feature)


def test_odd_feature_statuses_and_ids_are_notes(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task())
    write(folder / "task.json", {"id": "other", "name": "Auth", "status": "in_progress"})
    feature = the_feature(tmp_path)
    assert feature.status_text == "in_progress"
    assert {problem.code: problem.severity for problem in feature.problems} == {
        "feature.status": Severity.NOTE,
        "feature.id": Severity.NOTE,
    }


def test_a_broken_task_json_hides_no_task(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task())
    (folder / "task.json").write_text('{"id": "auth",\n  "name": "Auth"\n  "status": "active"}')
    settle(folder)
    feature = the_feature(tmp_path)
    assert (feature.name, feature.status_text) == ("Auth", "active")
    assert [(problem.code, problem.line, problem.column) for problem in feature.problems] == [("json.invalid", 3, 3)]
    assert the_task(tmp_path).status is Status.PENDING


def test_keys_outlive_archiving_and_are_unique(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task())
    tasks = folder.parent
    assert the_feature(tmp_path).key == "auth"
    for shelf in ("active", "completed"):
        (tasks / shelf).mkdir()
        moved = folder.rename(tasks / shelf / "auth")
        feature = the_feature(tmp_path)
        assert (feature.key, feature.archived) == ("auth", shelf == "completed")
        moved.rename(folder)
    for other in (
        tasks / "completed/auth",
        tasks / "AUTH",
        tasks / "a b",
        tasks / "a\nb",
        tmp_path / "packages/x/.tmp/tasks/auth",
    ):
        write(other / "task.json", {"name": "x"})
    features = project(tmp_path).features
    keys = {feature.key for feature in features}
    assert len(keys) == len(features) == 6
    assert next(feature for feature in features if feature.path == folder).key == "auth"
    assert all(key.replace("-", "").replace(".", "").isalnum() and len(key) <= 100 for key in keys)


def test_a_named_feature_folder_has_the_key_it_has_in_its_project(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task())
    odd = tmp_path / "packages/x/.tmp/tasks/auth"
    write(odd / "task.json", {"name": "x"})
    keys = {feature.path: feature.key for feature in project(tmp_path).features}
    assert {path: the_feature(path).key for path in (folder, odd)} == keys
    moved = odd.parent / "completed/auth"
    moved.parent.mkdir()
    odd.rename(moved)
    assert the_feature(moved).key == keys[odd]


# --- broken files -------------------------------------------------------------------------------------------------

BROKEN: dict[str, tuple[bytes, str, tuple[int, int] | None]] = {
    "missing comma": (b'{\n  "seq": "01",\n  "title": "T"\n  "status": "blocked"\n}', "json.invalid", (4, 3)),
    "literal line break": (b'{"seq": "01",\\n "title": "T", "status": "blocked"}', "json.invalid", (1, 14)),
    "second value": (b'{"seq": "01", "title": "T", "status": "blocked": []}', "json.invalid", (1, 48)),
    "empty": (b"", "json.empty", (1, 1)),
    "nul bytes": (b"\0" * 100, "json.invalid", (1, 1)),
    "null": (b"null", "json.not_object", (1, 1)),
    "list": (b"[]", "json.not_object", (1, 1)),
    "text": (b'"x"', "json.not_object", (1, 1)),
    "number": (b"7", "json.not_object", (1, 1)),
    "utf-16": ('{"seq": "01", "title": "T", "status": "blocked"}'.encode("utf-16"), "json.encoding", (1, 1)),
    "latin-1": (b'{"seq": "01", "title": "\xfc"}', "json.encoding", (1, 25)),
    "deep": (b"[" * 100_000, "json.too_deep", (1, 65)),
    "too large": (b'{"a": "' + b"x" * 1_100_000 + b'"}', "json.too_large", None),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_isolated_named_and_recovered(tmp_path: Path, kind: str) -> None:
    data, code, where = BROKEN[kind]
    folder = a_project(tmp_path, a_task("02"))
    (folder / "subtask_01.json").write_bytes(data)
    settle(folder)
    feature = the_feature(tmp_path)
    sound, broken = feature.task("02"), feature.task("01")
    assert sound is not None
    assert sound.status is Status.PENDING
    assert broken is not None
    assert not broken.readable
    assert not broken.updating
    (problem,) = broken.problems
    assert (problem.code, problem.severity, problem.path) == (code, Severity.ERROR, folder / "subtask_01.json")
    assert where is None or (problem.line, problem.column) == where
    if b"blocked" in data or kind == "utf-16":
        assert (broken.title, broken.status) == ("T", Status.BLOCKED)
    assert (folder / "subtask_01.json").read_bytes() == data


def test_duplicate_keys_are_a_warning_with_both_lines(tmp_path: Path) -> None:
    folder = a_project(tmp_path)
    text = '{\n "seq": "01",\n "status": "pending",\n "started_at": "noon",\n "started_at": null\n}'
    (folder / "subtask_01.json").write_text(text)
    task = the_task(tmp_path)
    assert task.started_at == "noon"
    assert task.readable
    (problem,) = task.problems
    assert (problem.severity, problem.code, problem.line) == (Severity.WARNING, "json.duplicate", 5)
    assert "lines 4 and 5" in problem.message
    assert "line 4 counts" in problem.message


def test_odd_numbers_are_a_warning(tmp_path: Path) -> None:
    folder = a_project(tmp_path)
    (folder / "subtask_01.json").write_text('{"seq": "01", "status": "pending",\n "x": NaN, "y": ' + "9" * 5000 + "}")
    task = the_task(tmp_path)
    assert task.status is Status.PENDING
    assert task.extra["y"] == "9" * 5000
    assert [(problem.code, problem.line) for problem in task.problems] == [("json.number", 2), ("json.number", 2)]


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "dangling", "loop"])
def test_what_is_no_file_is_named_and_never_blocks(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_project(tmp_path, a_task("02"))
    path = folder / "subtask_01.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(folder)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    else:
        path.symlink_to({"device": "/dev/zero", "dangling": "gone", "loop": path.name}[kind])
    task = the_task(tmp_path)
    assert not task.readable
    assert not task.updating
    assert [problem.code for problem in task.problems if problem.severity is Severity.ERROR] == [
        "file.missing" if kind == "dangling" else "file.unreadable" if kind == "loop" else "file.kind"
    ]
    assert the_task(tmp_path, "02").readable


def test_a_link_inside_the_project_is_read_and_one_outside_is_a_warning(tmp_path: Path) -> None:
    root = tmp_path / "project"
    folder = a_project(root, a_task("02"))
    write(root / "kept/01.json", a_task("01"))
    write(tmp_path / "elsewhere.json", a_task("03"))
    (folder / "subtask_01.json").symlink_to(root / "kept/01.json")
    (folder / "subtask_03.json").symlink_to(tmp_path / "elsewhere.json")
    assert the_task(root, "01").problems == ()
    assert codes(the_task(root, "03")) == ["file.link"]
    assert the_task(root, "03").readable


# --- reading again ------------------------------------------------------------------------------------------------


class Disk:
    """A project on disk, a reader of it, and its clocks."""

    def __init__(self, root: Path, *tasks: dict[str, JsonValue]) -> None:
        self.folder = a_project(root, *tasks)
        settle(self.folder)
        self.clock = Clock()
        # Far from every time that a file really gets here: all are old unless a test says otherwise.
        self.wall = Clock(4_000_000_000.0)
        self.reader = Reader(locate(root, explicit=True), self.clock, self.wall)

    def path(self, seq: str = "01") -> Path:
        return self.folder / f"subtask_{seq}.json"

    def task(self, seq: str = "01") -> Task:
        task = self.reader.read().features[0].task(seq)
        assert task is not None
        return task


def freeze(monkeypatch: pytest.MonkeyPatch, before: os.stat_result) -> None:
    """From now on that file looks as it did, whatever is written to it."""

    def coarse(info: os.stat_result) -> Signature:
        return signature_of(before if info.st_ino == before.st_ino else info)

    monkeypatch.setattr("parex_tui.tasks.file_state.signature_of", coarse)
    monkeypatch.setattr("parex_tui.tasks.files.signature_of", coarse)


def waits(reader: Reader) -> bool:
    return reader.is_waiting


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path, a_task("01"), a_task("02", depends_on=["subtask_01"]))


def test_nothing_changed_gives_the_same_objects(disk: Disk) -> None:
    first = disk.reader.read()
    assert disk.reader.read() is first
    assert disk.reader.next_check is None
    write(disk.folder.parent / "billing/task.json", {"name": "Billing"})
    second = disk.reader.read()
    assert second is not first
    assert second.feature("auth") is first.features[0]


def test_a_changed_file_changes_only_its_task(disk: Disk) -> None:
    first = disk.reader.read().features[0]
    write(disk.path("01"), a_task("01", status="in_progress"))
    second = disk.reader.read().features[0]
    assert second.task("01") != first.task("01")
    assert second.task("02") is first.task("02")
    assert second.counts.in_progress == 1


def test_a_change_by_rename_and_a_change_of_equal_length_are_seen(disk: Disk) -> None:
    assert disk.task().title == "Task 01"
    write(disk.folder / "new.tmp", a_task(title="Task 0A")).rename(disk.path())
    assert disk.task().title == "Task 0A"
    write(disk.path(), a_task(title="Task 0B"))
    assert disk.task().title == "Task 0B"


def test_a_file_whose_time_goes_backwards_is_read_again(disk: Disk) -> None:
    disk.reader.read()
    write(disk.path(), a_task(title="Task 0A"))
    os.utime(disk.path(), (1_000_000_000, 1_000_000_000))
    assert disk.task().title == "Task 0A"


def test_a_young_file_is_read_again_though_it_looks_the_same(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.wall.now = disk.path().stat().st_ctime + 0.5
    assert disk.task().title == "Task 01"
    due = disk.reader.next_check
    assert due is not None
    assert due <= 2.0
    before = disk.path().stat()
    # The same inode, size and times with other content, as a coarse clock of the file system would show it.
    write(disk.path(), a_task(title="Task 0A"))
    freeze(monkeypatch, before)
    disk.clock.now += due
    disk.wall.now += due + 0.01
    assert disk.task().title == "Task 0A"
    assert disk.reader.next_check is None


@pytest.mark.parametrize("half", [b"", b'{\n  "id": "auth-01",\n  "se', b"null"])
def test_a_half_written_file_keeps_its_last_good_version_for_half_a_second(disk: Disk, half: bytes) -> None:
    good = disk.task()
    disk.path().write_bytes(half)
    half_written = disk.task()
    assert half_written.updating
    assert half_written.readable
    assert (half_written.title, half_written.status, half_written.problems) == (good.title, good.status, ())
    assert waits(disk.reader)
    assert disk.reader.next_check == pytest.approx(0.5)
    assert disk.reader.read() is disk.reader.read()
    disk.clock.now += 0.4
    assert disk.task() is half_written
    disk.clock.now += 0.11
    broken = disk.task()
    assert not broken.updating
    assert not broken.readable
    assert len(broken.problems) == 1
    assert not waits(disk.reader)
    assert disk.reader.read() is disk.reader.read()
    disk.clock.now += 2
    assert disk.task() is broken
    assert disk.reader.next_check is None


@pytest.mark.parametrize("half", ["{", '{"title": "Repa'])
def test_a_file_that_was_reported_broken_stays_so_while_it_is_repaired(disk: Disk, half: str) -> None:
    disk.reader.read()
    disk.path().write_text('{"seq": "01" "title": "Bad"}')
    disk.reader.read()
    disk.clock.now += 0.6
    assert disk.task().title == "Bad"
    disk.path().write_text(half)
    task = disk.task()
    assert (task.readable, task.updating, task.title) == (False, False, "")
    assert codes(task) == ["json.invalid"]
    write(disk.path(), a_task(title="Repaired"))
    assert disk.task().title == "Repaired"


def test_a_writer_that_goes_on_writing_is_waited_for(disk: Disk) -> None:
    disk.reader.read()
    text = json.dumps(a_task(title="Longer than before"), indent=2)
    for length in range(1, len(text), 40):
        disk.path().write_text(text[:length])
        task = disk.task()
        assert (task.title, task.readable, task.updating) == ("Task 01", True, True)
        disk.clock.now += 0.3
    disk.path().write_text(text)
    task = disk.task()
    assert (task.title, task.updating) == ("Longer than before", False)


def test_a_broken_file_is_well_again_at_once(disk: Disk) -> None:
    disk.path().write_text("{")
    disk.reader.read()
    disk.clock.now += 1
    assert not disk.task().readable
    write(disk.path(), a_task())
    assert disk.task().readable
    disk.clock.now += 2
    assert disk.task().readable
    assert disk.reader.next_check is None


def test_a_file_that_is_old_and_broken_when_first_seen_is_reported_at_once(tmp_path: Path) -> None:
    disk = Disk(tmp_path, a_task("01"))
    disk.path("02").write_text("{")
    assert codes(disk.task("02")) == ["json.invalid"]


def test_a_new_file_that_is_being_written_is_shown_as_such(disk: Disk) -> None:
    disk.reader.read()
    disk.path("03").write_text('{"seq": "03", "title": "Third", "status": "pend')
    disk.wall.now = disk.path("03").stat().st_mtime + 0.01
    task = disk.task("03")
    assert (task.title, task.updating, task.readable, task.problems) == ("Third", True, False, ())
    write(disk.path("03"), a_task("03"))
    assert disk.task("03").readable
    disk.path("04").write_text("{")
    assert disk.task("04").problems == ()
    disk.clock.now += 0.6
    assert codes(disk.task("04")) == ["json.invalid"]


def test_a_half_written_task_json_keeps_the_features_name(disk: Disk) -> None:
    disk.reader.read()
    (disk.folder / "task.json").write_text('{"id": "auth"')
    assert disk.reader.read().features[0].name == "Auth"
    assert disk.reader.read().features[0].problems == ()
    disk.clock.now += 0.6
    assert "json.invalid" in codes(disk.reader.read().features[0])


def test_a_file_that_is_deleted_and_written_anew_does_not_vanish(disk: Disk) -> None:
    good = disk.task()
    disk.path().unlink()
    assert disk.task().updating
    write(disk.path(), a_task())
    assert disk.task().updating is False
    assert disk.task().title == good.title
    disk.path().unlink()
    disk.reader.read()
    disk.clock.now += 0.06
    assert disk.reader.read().features[0].task("01") is None
    assert disk.reader.next_check is None


def test_a_task_json_that_is_deleted_and_written_anew_does_not_vanish(disk: Disk) -> None:
    disk.reader.read()
    text = (disk.folder / "task.json").read_text()
    (disk.folder / "task.json").unlink()
    assert disk.reader.read().features[0].name == "Auth"
    assert disk.reader.next_check == pytest.approx(0.05)
    (disk.folder / "task.json").write_text(text)
    assert disk.reader.read().features[0].name == "Auth"
    (disk.folder / "task.json").unlink()
    disk.reader.read()
    disk.clock.now += 0.06
    assert disk.reader.read().features[0].task_json is None


def test_on_a_server_with_another_clock_a_change_is_looked_at_for_two_seconds(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.reader.read()
    write(disk.path(), a_task(title="Task 0A"))
    assert disk.task().title == "Task 0A"
    before = disk.path().stat()
    freeze(monkeypatch, before)
    write(disk.path(), a_task(title="Task 0B"))
    disk.clock.now += 1.9
    assert disk.task().title == "Task 0B"


def test_a_feature_that_is_deleted_or_moved_is_followed(disk: Disk) -> None:
    disk.reader.read()
    archive = disk.folder.parent / "completed"
    archive.mkdir()
    disk.folder.rename(archive / "auth")
    (feature,) = disk.reader.read().features
    assert feature.archived
    assert len(feature.tasks) == 2
    shutil.rmtree(disk.folder.parent)
    assert disk.reader.read().features == ()
    a_project(disk.folder.parents[2], a_task("01"))
    assert len(disk.reader.read().features) == 1


def test_one_reading_waits_for_a_file_that_is_being_written(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task())
    (folder / "subtask_01.json").write_text("{")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        write(folder / "subtask_01.json", a_task())

    assert read_project(locate(tmp_path, explicit=True), sleep=sleep).features[0].tasks[0].readable
    assert len(slept) == 1


# --- the corpus ---------------------------------------------------------------------------------------------------


@pytest.mark.corpus
def test_every_feature_of_the_corpus_is_read(corpus: Path) -> None:
    broken: dict[str, Task] = {}
    doubled: list[str] = []
    tasks = 0
    for repository in sorted(path for path in corpus.iterdir() if path.is_dir()):
        reader = Reader(locate(repository, explicit=True))
        found = reader.read()
        assert reader.read() is found
        for feature in found.features:
            tasks += len(feature.tasks)
            assert feature.task_json is None or feature.name
            for task in feature.tasks:
                assert task.seq.isdigit()
                assert task.status is not None
                assert {dep for dep in task.depends_on if feature.task(dep) is None} == set()
                if not task.readable:
                    broken[task.path.name] = task
                doubled.extend(task.path.name for problem in task.problems if problem.code == "json.duplicate")
                assert {problem.code for problem in task.problems} <= {"json.invalid", "json.duplicate"}
    assert tasks == 411
    assert sorted(doubled) == ["subtask_04.json", "subtask_12.json"]
    assert {name: (task.seq, task.status, task.depends_on) for name, task in broken.items()} == {
        "subtask_03.json": ("03", Status.IN_PROGRESS, ("02",)),
        "subtask_15.json": ("15", Status.PENDING, ()),
    }
    assert [(name, task.problems[0].line, task.problems[0].column) for name, task in sorted(broken.items())] == [
        ("subtask_03.json", 5, 27),
        ("subtask_15.json", 5, 22),
    ]
