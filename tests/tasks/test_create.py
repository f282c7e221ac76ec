"""New features and tasks: what is written, what is refused, and that nothing half-made stays."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.tasks.create import new_feature, new_task
from parex_tui.tasks.edit import Edit, EditError
from parex_tui.tasks.framework import framework_complaints
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, JsonValue
from parex_tui.tasks.reader import read_project

from .helpers import a_project, a_task, write

NOW = 1_769_860_800.0


def the_feature(root: Path) -> Feature:
    (feature,) = read_project(locate(root, explicit=True)).features
    return feature


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"folder" for path in folder.rglob("*")
    }


FEATURE = """{
  "id": "new-auth",
  "name": "Anmeldung ü",
  "status": "active",
  "objective": "",
  "context_files": [
    "docs/a.md"
  ],
  "reference_files": [],
  "exit_criteria": [],
  "subtask_count": 0,
  "completed_count": 0,
  "created_at": "2026-01-31T12:00:00Z",
  "completed_at": null,
  "module": "auth"
}
"""

TASK = """{
  "id": "auth-03",
  "seq": "03",
  "title": "Log in",
  "status": "pending",
  "depends_on": [
    "01"
  ],
  "parallel": false,
  "context_files": [],
  "reference_files": [],
  "suggested_agent": "CoderAgent",
  "acceptance_criteria": [],
  "deliverables": [],
  "agent_id": null,
  "started_at": null,
  "completed_at": null,
  "completion_summary": null,
  "estimate": "2 h"
}
"""


def test_a_feature_is_written_whole_in_the_formats_order(tmp_path: Path) -> None:
    tasks_dir = tmp_path / ".tmp" / "tasks"
    fields: dict[str, JsonValue] = {"context_files": ["docs/a.md"], "name": "Anmeldung ü", "module": "auth"}
    folder = new_feature(tasks_dir, "new-auth", fields, tmp_path, NOW)
    assert folder == tasks_dir / "new-auth"
    assert tree(folder) == {"task.json": FEATURE.encode()}
    feature = read_project(locate(folder, explicit=True)).features[0]
    assert (feature.name, feature.status_text) == ("Anmeldung ü", "active")
    assert framework_complaints(feature) == ()


def test_a_task_is_written_whole_and_counted(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01"), a_task("02"))
    fields: dict[str, JsonValue] = {"title": "Log in", "estimate": "2 h", "depends_on": ["auth-01"]}
    path = new_task(the_feature(tmp_path), fields | {"suggested_agent": "CoderAgent"}, tmp_path)
    assert path == folder / "subtask_03.json"
    assert path.read_text() == TASK
    feature = the_feature(tmp_path)
    assert feature.declared_subtasks == 3
    assert [complaint.text for complaint in framework_complaints(feature) if complaint.path == path] == [
        "03: No acceptance criteria defined",
        "03: No deliverables defined",
    ]


def test_files_and_folders_have_the_mode_that_the_user_wants(tmp_path: Path) -> None:
    (tmp_path / ".tmp" / "tasks").mkdir(parents=True)
    umask = os.umask(0o027)
    try:
        folder = new_feature(tmp_path / ".tmp" / "tasks", "auth", {}, tmp_path, NOW)
    finally:
        os.umask(umask)
    assert (folder.stat().st_mode & 0o777, (folder / "task.json").stat().st_mode & 0o777) == (0o750, 0o640)


@pytest.mark.parametrize(
    ("names", "seq", "expected"),
    [
        ([], None, "01"),
        (["subtask_01.json", "subtask_04_fix.json"], None, "05"),
        (["subtask_99.json"], None, "100"),
        (["subtask_01.json"], "7", "07"),
        (["subtask_09.json"], "02", "02"),
    ],
)
def test_the_next_free_number_is_taken(tmp_path: Path, names: list[str], seq: str | None, expected: str) -> None:
    folder = a_project(tmp_path)
    for name in names:
        write(folder / name, {"title": "T", "status": "pending"})
    fields: dict[str, JsonValue] = {"title": "T"} if seq is None else {"title": "T", "seq": seq}
    path = new_task(the_feature(tmp_path), fields, tmp_path)
    assert path.name == f"subtask_{expected}.json"
    written = json.loads(path.read_text())
    assert (written["id"], written["seq"]) == (f"auth-{expected}", expected)


def test_a_file_that_came_since_is_not_written_over(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01"))
    feature = the_feature(tmp_path)
    write(folder / "subtask_02.json", {"theirs": True})
    assert new_task(feature, {"title": "T"}, tmp_path).name == "subtask_03.json"
    assert json.loads((folder / "subtask_02.json").read_text()) == {"theirs": True}


def test_a_completed_feature_is_active_again(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01", status="completed"))
    write(folder / "task.json", {"name": "A", "status": "completed", "completed_at": "2026-01-01T00:00:00Z"})
    new_task(the_feature(tmp_path), {"title": "T"}, tmp_path)
    assert json.loads((folder / "task.json").read_text()) == {"name": "A", "status": "active", "completed_at": None}


def test_without_task_json_a_task_is_a_task(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01"))
    (folder / "task.json").unlink()
    assert new_task(the_feature(tmp_path), {"title": "T"}, tmp_path).exists()
    assert not (folder / "task.json").exists()


def test_open_features_stand_on_their_shelf(tmp_path: Path) -> None:
    (tmp_path / ".tmp" / "tasks" / "active").mkdir(parents=True)
    folder = new_feature(tmp_path / ".tmp" / "tasks", "auth", {}, tmp_path, NOW)
    assert folder == tmp_path / ".tmp" / "tasks" / "active" / "auth"


def test_an_empty_folder_that_somebody_left_is_filled(tmp_path: Path) -> None:
    folder = tmp_path / ".tmp" / "tasks" / "auth"
    folder.mkdir(parents=True)
    assert new_feature(folder.parent, "auth", {}, tmp_path, NOW) == folder


# --- refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/abs", "a b", "ä", "con\n", "x" * 101, "active", "completed", "archive", "a\0"],
)
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "tasks").mkdir()
    with pytest.raises(EditError, match="cannot be a feature's name"):
        new_feature(tmp_path / "tasks", name, {}, tmp_path, NOW)
    assert tree(tmp_path) == {"tasks": b"folder"}


@pytest.mark.parametrize("place", ["auth", "completed/auth", "active/auth"])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, place: str) -> None:
    tasks_dir = tmp_path / ".tmp" / "tasks"
    write(tasks_dir / place / "subtask_01.json", a_task())
    before = tree(tmp_path)
    with pytest.raises(EditError, match="there already"):
        new_feature(tasks_dir, "auth", {}, tmp_path, NOW)
    assert tree(tmp_path) == before


WRONG: dict[str, tuple[dict[str, JsonValue], str]] = {
    "no title": ({}, "“title” is empty"),
    "a blank title": ({"title": " "}, "“title” is empty"),
    "a long title": ({"title": "x" * 101}, "“title” has 101 characters, the format allows 100"),
    "a title that is a number": ({"title": 7}, "“title” is a number, not text"),
    "what is ours": ({"title": "T", "status": "completed"}, "“status” is set by parex itself"),
    "a flag": ({"title": "T", "parallel": "yes"}, "“parallel” is text, not true or false"),
    "a text for a list": ({"title": "T", "deliverables": "a.ts"}, "“deliverables” is not a list of texts"),
    "numbers in a list": ({"title": "T", "depends_on": [1]}, "“depends_on” is not a list of texts"),
    "an object without a path": ({"title": "T", "context_files": [{}]}, "objects with “path”"),
    "a number that is taken": ({"title": "T", "seq": "1"}, "seq 01 is taken; the next free one is 03"),
    "no number": ({"title": "T", "seq": "../x"}, "“seq” is no number"),
    "a dependency that does not exist": ({"title": "T", "depends_on": ["09"]}, "names 09, which is no task of auth"),
    "itself": ({"title": "T", "seq": "07", "depends_on": ["07"]}, "leads back to 07"),
    "a circle": ({"title": "T", "seq": "07", "depends_on": ["01"]}, "leads back to 07"),
    "no JSON": ({"title": "T", "x": float("nan")}, "cannot be written as JSON"),
    "half a character": ({"title": "\ud800"}, "cannot be written as JSON"),
    "far too much": ({"title": "T", "x": "x" * 1_100_000}, "too large for a task file"),
    "two things": ({"title": "", "parallel": 1}, "“title” is empty; “parallel” is a number"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_task_that_would_be_wrong_is_refused_and_nothing_stays(tmp_path: Path, kind: str) -> None:
    fields, message = WRONG[kind]
    a_project(tmp_path, a_task("01", depends_on=["02"]), a_task("02", depends_on=["07"]))
    before = tree(tmp_path)
    with pytest.raises(EditError) as error:
        new_task(the_feature(tmp_path), fields, tmp_path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert tree(tmp_path) == before


def test_features_are_checked_too(tmp_path: Path) -> None:
    for fields, message in (
        ({"objective": "x" * 201}, "“objective” has 201 characters"),
        ({"exit_criteria": [None]}, "“exit_criteria” is not a list of texts"),
        ({"created_at": "now"}, "set by parex itself"),
    ):
        wrong: dict[str, JsonValue] = dict(fields)  # type: ignore[arg-type]  # of the literal's mixed values
        with pytest.raises(EditError, match=message):
            new_feature(tmp_path / "tasks", "auth", wrong, tmp_path, NOW)
    assert tree(tmp_path) == {}


def test_nothing_is_created_outside_the_project(tmp_path: Path) -> None:
    root = tmp_path / "project"
    outside = a_project(tmp_path / "outside", a_task())
    (root / ".tmp").mkdir(parents=True)
    (root / ".tmp" / "tasks").symlink_to(outside.parent)
    before = tree(tmp_path)
    with pytest.raises(EditError, match="outside the project"):
        new_feature(root / ".tmp" / "tasks", "new", {}, root, NOW)
    with pytest.raises(EditError, match="outside the project"):
        new_task(the_feature(root), {"title": "T"}, root)
    assert tree(tmp_path) == before


def test_nobody_ever_reads_half_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_project(tmp_path, a_task("01"))
    whole = os.write
    seen: list[list[str]] = []

    def slowly(descriptor: int, data: bytes) -> int:
        seen.append(sorted(path.name for path in folder.glob("subtask_*.json")))
        return whole(descriptor, data[:40])

    monkeypatch.setattr(os, "write", slowly)
    path = new_task(the_feature(tmp_path), {"title": "Two"}, tmp_path)
    assert len(seen) > 2
    assert all(names == ["subtask_01.json"] for names in seen)
    assert json.loads(path.read_bytes())["title"] == "Two"
    assert sorted(one.name for one in folder.iterdir()) == ["subtask_01.json", "subtask_02.json", "task.json"]


def test_without_hard_links_a_file_is_created_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*places: object, **named: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    folder = a_project(tmp_path, a_task("01"))
    monkeypatch.setattr(os, "link", refused)
    told: list[Edit] = []
    path = new_task(the_feature(tmp_path), {"title": "Two"}, tmp_path, made=told.append)
    assert (told[-1].path, told[-1].content, told[-1].result) == (path, b"", path.read_bytes())
    assert sorted(one.name for one in folder.iterdir()) == ["subtask_01.json", "subtask_02.json", "task.json"]


def test_an_archived_feature_gets_no_task(tmp_path: Path) -> None:
    write(tmp_path / ".tmp" / "tasks" / "completed" / "auth" / "subtask_01.json", a_task())
    with pytest.raises(EditError, match="archived"):
        new_task(the_feature(tmp_path), {"title": "T"}, tmp_path)


def test_where_task_json_cannot_follow_the_task_goes_again(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01"))
    (folder / "task.json").write_text('{"subtask_count": 1,}')
    os.utime(folder / "task.json", (1_600_000_000, 1_600_000_000))
    before = tree(tmp_path)
    with pytest.raises(EditError, match="JSON"):
        new_task(the_feature(tmp_path), {"title": "T"}, tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("call", ["mkdir", "open", "write"])
def test_what_the_system_refuses_leaves_nothing(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: object, **kwargs: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(EditError, match="No space left"):
            new_feature(tmp_path / ".tmp" / "tasks", "auth", {}, tmp_path, NOW)
    assert tree(tmp_path) == {}


@given(st.dictionaries(st.sampled_from(["title", "depends_on", "x", "seq"]), st.text() | st.lists(st.text())))
def test_any_fields_give_a_task_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, JsonValue]
) -> None:
    root = tmp_path_factory.mktemp("any")
    a_project(root, a_task("01"))
    try:
        path = new_task(the_feature(root), fields, root)
    except EditError as error:
        assert str(error)
    else:
        assert json.loads(path.read_text())["title"] == fields["title"]
        assert the_feature(root).counts.total == 2
