"""Faults of files that the other tests of this room do not show already, each named by what happens to the file."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc
from pathlib import Path

import pytest

from parex_tui.tasks.edit import EditError, set_fields
from parex_tui.tasks.files import Content, read
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, JsonValue, Status, Task
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.reader import Reader, read_project
from parex_tui.tasks.text import LINE_LIMIT, is_plain

from .helpers import Clock, a_project, a_task, write


def the_feature(root: Path) -> Feature:
    (feature,) = read_project(locate(root, explicit=True)).features
    return feature


def the_task(root: Path, seq: str = "01") -> Task:
    task = the_feature(root).task(seq)
    assert task is not None
    return task


def old(path: Path) -> Path:
    """Make a file so old that nobody is thought to be writing it."""
    os.utime(path, (1_600_000_000, 1_600_000_000))
    return path


# --- bytes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_b02_another_encoding_is_named_and_never_written(tmp_path: Path, encoding: str) -> None:
    folder = a_project(tmp_path, a_task("02"))
    path = folder / "subtask_01.json"
    path.write_bytes(json.dumps(a_task(), indent=2).encode(encoding))
    before = old(path).read_bytes()
    (problem,) = the_task(tmp_path).problems
    assert (problem.code, problem.remedy) == ("json.encoding", "save the file as UTF-8")
    clock = Clock()
    with pytest.raises(EditError, match="UTF-16"):
        set_fields(path, {"status": "blocked"}, root=tmp_path, clock=clock, sleep=clock.sleep)
    assert path.read_bytes() == before
    assert the_task(tmp_path, "02").readable


def test_b02_a_mark_at_the_start_is_read_and_kept(tmp_path: Path) -> None:
    path = a_project(tmp_path, a_task()) / "subtask_01.json"
    data = b"\xef\xbb\xbf" + path.read_bytes()
    path.write_bytes(data)
    assert the_task(tmp_path).problems == ()
    set_fields(path, {"status": "blocked"}, root=tmp_path)
    assert path.read_bytes() == data.replace(b'"pending"', b'"blocked"')


def test_b03_bytes_that_are_no_text_are_named_with_their_offset_and_never_written(tmp_path: Path) -> None:
    path = a_project(tmp_path) / "subtask_01.json"
    data = b'{"seq": "01", "title": "caf\xe9", "status": "pending"}'
    path.write_bytes(data)
    (problem,) = the_task(tmp_path).problems
    assert problem.message == f"byte 0xe9 at offset {data.index(0xE9)} is not UTF-8"
    clock = Clock()
    with pytest.raises(EditError, match="not UTF-8"):
        set_fields(path, {"status": "blocked"}, root=tmp_path, clock=clock, sleep=clock.sleep)
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "odd",
    [
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"9" * 5000,
        b"18446744073709551617",
        b"0.1000000000000000055",
        b'"\\ud800\\u0000"',
    ],
)
def test_b05_b06_b09_an_edit_leaves_odd_values_of_other_fields_as_they_are(tmp_path: Path, odd: bytes) -> None:
    path = a_project(tmp_path) / "subtask_01.json"
    data = b'{"seq": "01", "odd": ' + odd + b', "status": "pending", "title": "T"}'
    path.write_bytes(data)
    task = the_task(tmp_path)
    assert (task.readable, task.title) == (True, "T")
    set_fields(path, {"status": "blocked"}, root=tmp_path)
    assert path.read_bytes() == data.replace(b"pending", b"blocked")


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [65, 100_000])
def test_b07_what_is_nested_too_deep_is_named_where_it_becomes_so(tmp_path: Path, opening: bytes, depth: int) -> None:
    path = a_project(tmp_path, a_task("02")) / "subtask_01.json"
    closing = b"]" if opening == b"[" else b"}"
    inner = b"0"
    path.write_bytes(b'{"seq": "01", "x": ' + opening * depth + inner + closing * depth + b"}")
    (problem,) = the_task(tmp_path).problems
    assert (problem.code, problem.line) == ("json.too_deep", 1)
    assert the_task(tmp_path, "02").readable


@pytest.mark.parametrize("kind", ["a hundred sparse megabytes", "ten megabytes of objects"])
def test_b08_a_file_that_is_too_large_is_not_read(tmp_path: Path, kind: str) -> None:
    folder = a_project(tmp_path, a_task("02"))
    with (folder / "subtask_01.json").open("wb") as file:
        if kind.startswith("a"):
            file.truncate(100_000_000)
        else:
            file.write(b'{"a":{}}' * 1_250_000)
    old(folder / "subtask_01.json")
    tracemalloc.start()
    try:
        feature = the_feature(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
    assert [task.readable for task in feature.tasks] == [False, True]
    assert [problem.code for problem in feature.tasks[0].problems] == ["json.too_large"]


# --- values -------------------------------------------------------------------------------------------------------


def test_b12_a_later_schema_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01", _schema_version=99, gates=[{"x": 1}]), a_task("02", status="cancelled"))
    write(folder / "task.json", {"name": "Auth", "status": "active", "_schema_version": "4.0", "phases": [{"id": 1}]})
    feature = the_feature(tmp_path)
    assert feature.extra == {"_schema_version": "4.0", "phases": [{"id": 1}]}
    assert the_task(tmp_path).extra == {"_schema_version": 99, "gates": [{"x": 1}]}
    assert the_task(tmp_path).problems == ()
    second = the_task(tmp_path, "02")
    assert (second.status, second.status_text) == (None, "cancelled")


@pytest.mark.parametrize(
    "title",
    ["x" * 900_000, "e" + "\u0301" * 5000, "👩\u200d" * 3000 + "👩", "\u202e\u05d0" * 3000, "a\n\x1b[2J" * 3000],
)
def test_b13_a_title_of_any_kind_is_one_clean_line(tmp_path: Path, title: str) -> None:
    a_project(tmp_path, a_task(title=title))
    task = the_task(tmp_path)
    assert task.readable
    assert is_plain(task.title)
    assert len(task.title) <= 8 * LINE_LIMIT


FOREIGN: dict[str, tuple[JsonValue, str]] = {
    "a list of tasks": ({"tasks": [{"id": 1, "title": "A", "status": "pending", "dependencies": []}]}, "tasks"),
    "tasks under a tag": ({"master": {"tasks": [{"id": 1}], "metadata": {"created": "2026"}}}, "master"),
    "subtasks inside": ({"id": "auth", "title": "Auth", "subtasks": [{"id": "1", "done": False}]}, "subtasks"),
    "phases": ({"project": "x", "phases": [{"name": "one", "tasks": []}]}, "phases"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_task_json_of_another_program_is_named_not_guessed(tmp_path: Path, kind: str) -> None:
    value, mark = FOREIGN[kind]
    folder = a_project(tmp_path, a_task())
    write(folder / "task.json", value)
    feature = the_feature(tmp_path)
    (problem,) = [problem for problem in feature.problems if problem.severity is Severity.ERROR]
    assert problem.code == "feature.foreign"
    assert f"“{mark}”" in problem.message
    assert (feature.name, feature.status_text) == ("", "")
    assert [task.seq for task in feature.tasks] == ["01"]


# --- folders and names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["nothing", "a file", "a loop", "forbidden"])
def test_f09_a_tasks_folder_that_comes_to_be_is_seen_by_the_next_look(tmp_path: Path, before: str) -> None:
    if before == "forbidden" and os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    (tmp_path / ".git").mkdir()
    tasks_dir = tmp_path / ".tmp" / "tasks"
    tasks_dir.parent.mkdir()
    if before == "a file":
        tasks_dir.write_text("")
    elif before == "a loop":
        tasks_dir.symlink_to("tasks")
    elif before == "forbidden":
        tasks_dir.mkdir(0)
    reader = Reader(locate(tmp_path, explicit=False))
    found = reader.read()
    assert found.features == ()
    assert len(found.problems) == (before != "nothing")
    if before == "forbidden":
        tasks_dir.rmdir()
    else:
        tasks_dir.unlink(missing_ok=True)
    a_project(tmp_path, a_task())
    found = reader.read()
    assert [feature.id for feature in found.features] == ["auth"]
    assert found.problems == ()


def test_f10_f11_what_was_moved_or_deleted_is_not_written_again(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01"), a_task("02"))
    first, second = the_task(tmp_path), the_task(tmp_path, "02")
    second.path.unlink()
    with pytest.raises(EditError, match="gone"):
        set_fields(second.path, {"status": "blocked"}, root=tmp_path)
    shutil.move(folder, tmp_path / ".tmp" / "tasks" / "completed" / "auth")
    with pytest.raises(EditError, match="gone"):
        set_fields(first.path, {"status": "blocked"}, root=tmp_path)
    assert not folder.exists()
    assert [task.seq for task in the_feature(tmp_path).tasks] == ["01"]
    assert the_feature(tmp_path).archived


def test_f15_of_thousands_of_old_files_none_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    text = json.dumps(a_task())
    for number in range(3_000):
        folder = tmp_path / ".tmp" / "tasks" / f"feature-{number // 30:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"subtask_{number % 30 + 1:02d}.json").write_text(text)
    reads: list[str] = []

    def counted(path: str | Path) -> Content:
        reads.append(str(path))
        return read(path)

    monkeypatch.setattr("parex_tui.tasks.file_state.read", counted)
    clock = Clock(4_000_000_000.0)
    reader = Reader(locate(tmp_path, explicit=True), clock, clock)
    found = reader.read()
    assert sum(len(feature.tasks) for feature in found.features) == len(reads) == 3_000
    clock.now += 60
    assert reader.read() is found
    assert len(reads) == 3_000


NAMES = [b"two\nlines", b"\x1b]0;x\x07", b"caf\xe9", b"x" * 255, "👩‍🚀".encode(), b" ", b"-rf", b"a'b\"c"]


@pytest.mark.parametrize("name", NAMES)
def test_f18_names_of_any_bytes_are_listed_clean_and_opened_as_they_are(tmp_path: Path, name: bytes) -> None:
    folder = a_project(tmp_path, feature="auth")
    odd = folder.with_name(os.fsdecode(name))
    folder.rename(odd)
    path = odd / os.fsdecode((b"subtask_01_" + name)[:250] + b".json")
    path.write_text(json.dumps(a_task()))
    feature = the_feature(tmp_path)
    assert is_plain(feature.id)
    assert os.fsencode(feature.path.name) == name
    task = feature.tasks[0]
    assert (task.readable, task.path) == (True, path)
    set_fields(task.path, {"status": "blocked"}, root=tmp_path)
    assert the_feature(tmp_path).tasks[0].status is Status.BLOCKED
    assert all(is_plain(problem.message) for problem in feature.all_problems)


STRAY = (
    *(".subtask_01.json.swp", "subtask_01.json~", "subtask_01.json.tmp", "subtask_01.json.bak", "#subtask_01.json#"),
    *("4913", ".#subtask_01.json", "subtask_01.json.swx", "subtask_01 (copy).json", "verification_01.json"),
    *("tasks_status.json", "contexts.json", "issues.md", "subtask_.json", "subtask_x1.json", "task.json.orig"),
)


@pytest.mark.parametrize("name", STRAY)
def test_w13_what_editors_leave_beside_a_task_is_ignored(tmp_path: Path, name: str) -> None:
    folder = a_project(tmp_path, a_task())
    reader = Reader(locate(tmp_path, explicit=True))
    before = reader.read()
    (folder / name).write_text("{half")
    assert reader.read() is before
    with pytest.raises(EditError, match="not a task file"):
        set_fields(folder / name, {"status": "blocked"}, root=tmp_path)
