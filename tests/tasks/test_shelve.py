"""Archiving and taking back: all or nothing, never outside the project, and nothing of a file is lost on the way."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.tasks import shelve
from parex_tui.tasks.edit import Edit, EditError
from parex_tui.tasks.editor import Decide
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, JsonValue
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.shelve import archive_feature, unarchive_feature

from .helpers import a_project, a_task, write

NOW = 1_769_860_800.0
DONE = a_task("01", status="completed")


def the_feature(root: Path) -> Feature:
    (feature,) = read_project(locate(root, explicit=True)).features
    return feature


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_feature_moves_with_its_status_and_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = a_project(tmp_path, DONE)
    (folder / "notes.md").write_text("mine")
    before = content(folder)
    archived = archive_feature(the_feature(tmp_path), tmp_path, NOW)
    assert archived == folder.parent / "completed" / "auth"
    assert not folder.exists()
    task_json = json.loads((archived / "task.json").read_text())
    assert (task_json["status"], task_json["completed_at"]) == ("completed", "2026-01-31T12:00:00Z")
    assert the_feature(tmp_path).archived
    assert unarchive_feature(the_feature(tmp_path), tmp_path) == folder
    assert content(folder) == before
    assert not the_feature(tmp_path).archived


def test_whoever_asks_hears_of_the_very_bytes(tmp_path: Path) -> None:
    folder = a_project(tmp_path, DONE)
    before = (folder / "task.json").read_bytes()
    told: list[Edit] = []
    place = archive_feature(the_feature(tmp_path), tmp_path, NOW, made=told.append)
    archived = (place / "task.json").read_bytes()
    unarchive_feature(the_feature(tmp_path), tmp_path, made=told.append)
    assert [(one.content, one.result) for one in told] == [(before, archived), (archived, before)]


def test_a_feature_that_says_completed_is_moved_byte_for_byte(tmp_path: Path) -> None:
    folder = a_project(tmp_path, DONE)
    write(folder / "task.json", {"name": "Auth", "status": "completed", "completed_at": "2026-01-01T00:00:00Z"})
    before = content(folder)
    assert content(archive_feature(the_feature(tmp_path), tmp_path, NOW)) == before
    assert content(unarchive_feature(the_feature(tmp_path), tmp_path)) == before


_TIMES = st.sampled_from([None, "", "2026-01-01T00:00:00.000Z"])
_STATUSES = st.sampled_from(["active", "completed", "blocked", "in_progress", "archived", None, "später"])


@given(
    st.permutations(["id", "name", "status", "completed_at", "note"]),
    st.sets(st.sampled_from(["id", "name", "status", "completed_at", "note"])),
    _STATUSES,
    _TIMES,
    st.sampled_from([None, 2, "\t"]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)
def test_taking_back_gives_the_very_bytes(
    order: list[str],
    left_out: set[str],
    status: str | None,
    time: str | None,
    indent: int | str | None,
    ascii_only: bool,
    line_end: str,
    mark: str,
) -> None:
    values: dict[str, JsonValue] = {"id": "auth", "name": "Auth é", "note": [1, {"a": None}]}
    values |= {"status": status, "completed_at": time}
    text = json.dumps(
        {key: values[key] for key in order if key not in left_out}, indent=indent, ensure_ascii=ascii_only
    )
    data = (mark + text.replace("\n", line_end)).encode()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = a_project(root, DONE)
        (folder / "task.json").write_bytes(data)
        feature = read_project(locate(root, explicit=True)).features[0]
        archived = archive_feature(feature, root, NOW)
        after = json.loads((archived / "task.json").read_text("utf-8-sig"))
        assert after["status"] == "completed"
        assert after["completed_at"]
        unarchive_feature(read_project(locate(root, explicit=True)).features[0], root)
        if status == "archived" and "status" not in left_out:  # taken back, it is not archived any more
            assert not read_project(locate(root, explicit=True)).features[0].archived
        else:
            assert (folder / "task.json").read_bytes() == data


@pytest.mark.parametrize("other_shelf", ["active", ""])
def test_open_features_go_back_where_open_features_are(tmp_path: Path, other_shelf: str) -> None:
    folder = a_project(tmp_path, DONE)
    tasks_dir = folder.parent
    if other_shelf:
        (tasks_dir / "active").mkdir()
        folder = folder.rename(tasks_dir / "active" / "auth")
    assert archive_feature(the_feature(tmp_path), tmp_path, NOW) == tasks_dir / "completed" / "auth"
    assert unarchive_feature(the_feature(tmp_path), tmp_path) == folder


def test_without_task_json_the_folder_moves(tmp_path: Path) -> None:
    folder = a_project(tmp_path, DONE)
    (folder / "task.json").unlink()
    before = content(folder)
    assert content(archive_feature(the_feature(tmp_path), tmp_path, NOW)) == before
    assert content(unarchive_feature(the_feature(tmp_path), tmp_path)) == before


def test_a_feature_that_another_tool_archived_stays_as_it_is_unless_it_says_so(tmp_path: Path) -> None:
    folder = a_project(tmp_path, DONE)
    for status, after in (("completed", "completed"), ("archived", "active")):
        write(folder / "task.json", {"name": "Auth", "status": status, "completed_at": "2026-01-01T00:00:00Z"})
        (folder.parent / "completed").mkdir(exist_ok=True)
        folder.rename(folder.parent / "completed" / "auth")
        unarchive_feature(the_feature(tmp_path), tmp_path)
        task_json = json.loads((folder / "task.json").read_text())
        assert task_json == {"name": "Auth", "status": after, "completed_at": "2026-01-01T00:00:00Z"}


# --- refused ------------------------------------------------------------------------------------------------------


def refused(tmp_path: Path, feature: Feature, root: Path | None = None) -> str:
    """The reason; nothing may have changed."""
    before = content(tmp_path)
    with pytest.raises(EditError) as error:
        if feature.path.parent.name == "completed":
            unarchive_feature(feature, root or tmp_path)
        else:
            archive_feature(feature, root or tmp_path, NOW)
    assert content(tmp_path) == before
    return str(error.value)


@pytest.mark.parametrize(
    ("statuses", "message"),
    [
        (["completed", "completed", "completed", "pending", "in_progress"], "Cannot archive: 3/5 tasks completed"),
        (["blocked"], "Cannot archive: 0/1 tasks completed"),
        ([], "Cannot archive: 0/0 tasks completed"),
    ],
)
def test_open_tasks_stop_it_with_the_reference_tools_words(tmp_path: Path, statuses: list[str], message: str) -> None:
    a_project(tmp_path, *(a_task(f"{number:02d}", status=status) for number, status in enumerate(statuses, 1)))
    assert refused(tmp_path, the_feature(tmp_path)) == message
    assert not (tmp_path / ".tmp" / "tasks" / "completed").exists()


def test_what_the_files_say_now_counts(tmp_path: Path) -> None:
    folder = a_project(tmp_path, DONE)
    feature = the_feature(tmp_path)
    write(folder / "subtask_01.json", a_task("01"))
    assert refused(tmp_path, feature) == "Cannot archive: 0/1 tasks completed"


def test_a_place_that_is_taken_stops_it(tmp_path: Path) -> None:
    folder = a_project(tmp_path, DONE)
    feature = the_feature(tmp_path)
    (folder.parent / "completed" / "auth").mkdir(parents=True)
    assert "is there already" in refused(tmp_path, feature)
    (folder.parent / "completed" / "auth").rmdir()
    archive_feature(feature, tmp_path, NOW)
    folder.symlink_to("gone")
    assert "is there already" in refused(tmp_path, the_feature(tmp_path))


def test_twice_is_refused(tmp_path: Path) -> None:
    a_project(tmp_path, DONE)
    feature = the_feature(tmp_path)
    archive_feature(feature, tmp_path, NOW)
    with pytest.raises(EditError, match="archived already"):
        archive_feature(the_feature(tmp_path), tmp_path, NOW)
    unarchive_feature(the_feature(tmp_path), tmp_path)
    with pytest.raises(EditError, match="not archived"):
        unarchive_feature(feature, tmp_path)


def test_a_task_json_that_is_broken_stops_it(tmp_path: Path) -> None:
    folder = a_project(tmp_path, DONE)
    (folder / "task.json").write_text('{"name": "Auth",}')
    os.utime(folder / "task.json", (1_600_000_000, 1_600_000_000))
    feature = the_feature(tmp_path)
    assert "not valid JSON" in refused(tmp_path, feature) or "repair" in refused(tmp_path, feature)
    assert not (folder.parent / "completed").exists()


def test_links_and_other_places_stop_it(tmp_path: Path) -> None:
    outside = a_project(tmp_path / "outside", DONE)
    root = tmp_path / "project"
    tasks_dir = a_project(root, a_task("01")).parent
    (tasks_dir / "linked").symlink_to(outside)
    features = {feature.id: feature for feature in read_project(locate(root, explicit=True)).features}
    assert "a link" in refused(tmp_path, features["linked"], root)
    (tasks_dir / "linked").unlink()
    write(tasks_dir / "auth" / "subtask_01.json", DONE)
    (tasks_dir / "completed").symlink_to(tmp_path / "outside")
    assert "outside the project" in refused(tmp_path, the_feature(root), root)
    (tasks_dir / "completed").unlink()
    (tasks_dir / "elsewhere").mkdir()
    (tasks_dir / "completed").symlink_to("elsewhere")
    assert "a link" in refused(tmp_path, features["auth"], root)
    beside = write(tmp_path / "docs" / "SPEC_1" / "subtask_01.json", DONE).parent
    spec = Feature(id="SPEC_1", key="SPEC_1", path=beside)
    assert "create" in refused(tmp_path, spec)
    assert "outside the project" in refused(tmp_path, Feature(id="auth", key="auth", path=outside), root)


# --- in between ---------------------------------------------------------------------------------------------------


def test_a_move_that_fails_takes_the_status_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_project(tmp_path, DONE)
    feature = the_feature(tmp_path)

    def failing(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing)
        assert "Permission denied" in refused(tmp_path, feature)
    archive_feature(feature, tmp_path, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing)
        assert "Permission denied" in refused(tmp_path, the_feature(tmp_path))


class KilledError(BaseException):
    """What stands for a kill: nothing of ours runs after it."""


def test_killed_between_the_status_and_the_move_the_second_try_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_project(tmp_path, DONE)
    before = content(folder)

    def killed(*args: object, **kwargs: object) -> None:
        raise KilledError

    def archive() -> Path:
        return archive_feature(the_feature(tmp_path), tmp_path, NOW)

    def take_back() -> Path:
        return unarchive_feature(the_feature(tmp_path), tmp_path)

    for step in (archive, take_back):
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", killed)
            with pytest.raises(KilledError):
                step()
        step()
        assert the_feature(tmp_path).archived == (step is archive)
    assert content(folder) == before


def test_a_change_that_somebody_makes_meanwhile_is_not_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_project(tmp_path, DONE)
    made = shelve._edited

    def then_theirs(folder: Path, root: Path, decide: Decide) -> Edit | None:
        edit = made(folder, root, decide)
        write(folder / "task.json", {"theirs": True})
        shutil.rmtree(folder.parent / "completed")
        return edit

    monkeypatch.setattr(shelve, "_edited", then_theirs)
    with pytest.raises(EditError, match="cannot be moved"):
        archive_feature(the_feature(tmp_path), tmp_path, NOW)
    theirs: Mapping[str, JsonValue] = json.loads((folder / "task.json").read_text())
    assert theirs == {"theirs": True}
