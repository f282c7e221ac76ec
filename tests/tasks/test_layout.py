"""Finding the root, the tasks folders and the features."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from parex_tui.tasks import layout
from parex_tui.tasks.layout import Location, NotFoundError, feature_folders, locate, survey, task_number

from .helpers import a_task, write


def feature(folder: Path, task_json: bool = True) -> Path:
    if task_json:
        write(folder / "task.json", {"id": folder.name, "name": folder.name, "status": "active"})
    write(folder / "subtask_01.json", a_task())
    return folder


def names(location: Location) -> list[str]:
    return [str(found.path.relative_to(location.root)) for found in feature_folders(location)]


@pytest.mark.parametrize("marker", [".git", "package.json"])
def test_root_is_the_nearest_marked_folder_above(tmp_path: Path, marker: str) -> None:
    (tmp_path / marker).write_text("gitdir: elsewhere")
    feature(tmp_path / ".tmp/tasks/auth")
    below = tmp_path / "src/deep"
    below.mkdir(parents=True)
    location = locate(below, explicit=False)
    assert location == Location(tmp_path, (tmp_path / ".tmp/tasks",))
    assert names(location) == [".tmp/tasks/auth"]


def test_a_package_without_tasks_gives_way_to_the_repository_around_it(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / "packages/x/package.json", {})
    feature(tmp_path / ".tmp/tasks/auth")
    assert locate(tmp_path / "packages/x", explicit=False).root == tmp_path


def test_a_package_with_tasks_is_the_root_itself(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / "packages/x/package.json", {})
    feature(tmp_path / ".tmp/tasks/auth")
    feature(tmp_path / "packages/x/.tmp/tasks/own")
    location = locate(tmp_path / "packages/x", explicit=False)
    assert location.root == tmp_path / "packages/x"
    assert names(location) == [".tmp/tasks/own"]


def test_a_project_above_the_repository_is_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "package.json", {})
    feature(tmp_path / ".tmp/tasks/outer")
    inner = tmp_path / "inner"
    (inner / ".git").mkdir(parents=True)
    assert locate(inner, explicit=False) == Location(inner, (inner / ".tmp/tasks",))


def test_a_project_without_tasks_watches_for_the_usual_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    location = locate(tmp_path, explicit=False)
    assert location.tasks_dirs == (tmp_path / ".tmp/tasks",)
    assert feature_folders(location) == []
    feature(tmp_path / ".tmp/tasks/late")
    assert names(location) == [".tmp/tasks/late"]


def test_without_any_mark_the_start_is_the_root_if_it_has_tasks(tmp_path: Path) -> None:
    feature(tmp_path / ".tmp/tasks/auth")
    assert locate(tmp_path, explicit=False).root == tmp_path
    with pytest.raises(NotFoundError, match="no project"):
        locate(tmp_path / ".tmp", explicit=False)


LAYOUTS = [
    ".tmp/tasks/auth",
    ".tmp/tasks/active/auth",
    ".tmp/tasks/completed/auth",
    ".opencode/tmp/tasks/auth",
    ".infobot/.tmp/tasks/auth",
    "packages/x/.tmp/tasks/auth",
    "apps/group/x/.tmp/tasks/active/auth",
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_found_from_its_root(tmp_path: Path, layout: str) -> None:
    (tmp_path / ".git").mkdir()
    feature(tmp_path / layout)
    location = locate(tmp_path, explicit=False)
    (found,) = feature_folders(location)
    assert found.path == tmp_path / layout
    assert found.archived == ("completed" in layout)
    assert locate(tmp_path, explicit=True) == location


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_feature_folder_or_a_file_of_it_can_be_named(tmp_path: Path, layout: str) -> None:
    (tmp_path / ".git").mkdir()
    folder = feature(tmp_path / layout)
    feature(folder.parent / "other")
    for named in (folder, folder / "subtask_01.json"):
        location = locate(named, explicit=True)
        assert location == Location(tmp_path, (folder,))
        (found,) = feature_folders(location)
        assert found.path == folder
        assert found.archived == ("completed" in layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_tasks_folder_can_be_named(tmp_path: Path, layout: str) -> None:
    (tmp_path / ".git").mkdir()
    folder = feature(tmp_path / layout)
    location = locate(folder.parent, explicit=True)
    assert location == Location(tmp_path, (folder.parent,))
    assert [found.path for found in feature_folders(location)] == [folder]


def test_a_feature_beside_its_spec_can_be_named(tmp_path: Path) -> None:
    folder = feature(tmp_path / "docs/SDD/SPEC_031")
    (folder / "spec.md").write_text("# spec")
    location = locate(folder, explicit=True)
    assert location == Location(folder.parent, (folder,))
    (tmp_path / ".git").mkdir()
    assert locate(folder, explicit=True).root == tmp_path


def test_a_named_tasks_folder_without_any_mark_has_its_project_as_root(tmp_path: Path) -> None:
    feature(tmp_path / ".tmp/tasks/active/auth")
    for named in (".tmp/tasks", ".tmp/tasks/active", ".tmp/tasks/active/auth"):
        assert locate(tmp_path / named, explicit=True).root == tmp_path


def test_a_project_stays_one_though_a_feature_lies_directly_in_it(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for folder in (tmp_path / "spec", tmp_path / ".tmp/tasks/auth"):
        folder.mkdir(parents=True)
        (folder / "task.json").write_text("{}")
    found = locate(tmp_path, explicit=True)
    assert (found.root, found.tasks_dirs) == (tmp_path, (tmp_path / ".tmp/tasks",))


def test_an_empty_tasks_folder_can_be_named(tmp_path: Path) -> None:
    (tmp_path / ".tmp/tasks").mkdir(parents=True)
    assert locate(tmp_path / ".tmp/tasks", explicit=True) == Location(tmp_path, (tmp_path / ".tmp/tasks",))


def test_what_holds_no_tasks_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "notes.md").write_text("x")
    for named, message in (("src", "no tasks"), ("notes.md", "not a folder"), ("gone\x1b", "does not exist")):
        with pytest.raises(NotFoundError, match=message) as caught:
            locate(tmp_path / named, explicit=True)
        assert "\n" not in str(caught.value)
        assert "\x1b" not in str(caught.value)


def test_other_projects_and_built_folders_are_not_searched(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    feature(tmp_path / "node_modules/x/.tmp/tasks/vendored")
    worktree = tmp_path / "worktrees/one"
    feature(worktree / ".tmp/tasks/copy")
    (worktree / ".git").write_text("gitdir: elsewhere")
    (tmp_path / "linked").symlink_to(worktree)
    assert feature_folders(locate(tmp_path, explicit=False)) == []


def test_features_need_a_task_file_and_stray_files_are_none(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    tasks = tmp_path / ".tmp/tasks"
    feature(tasks / "no-task-json", task_json=False)
    write(tasks / "only-task-json/task.json", {"name": "x"})
    stray = tasks / "stray"
    for name in (
        "issues.md",
        "tasks_status.json",
        "verification_01.json",
        "contexts.json",
        "subtask_01.json~",
        ".subtask_01.json.swp",
        "subtask_01.json.tmp",
        "subtask_x.json",
        "subtask_01 copy.json",
    ):
        stray.mkdir(exist_ok=True)
        (stray / name).write_text("{}")
    (tasks / "empty").mkdir()
    assert names(locate(tmp_path, explicit=False)) == [".tmp/tasks/no-task-json", ".tmp/tasks/only-task-json"]


def test_files_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    folder = feature(tmp_path / ".tmp/tasks/auth")
    for name in ("subtask_100.json", "subtask_02.json", "subtask_01_fix_cancel.json", "subtask_10.json"):
        write(folder / name, a_task())
    (found,) = feature_folders(locate(tmp_path, explicit=False))
    assert found.files == (
        "task.json",
        "subtask_01.json",
        "subtask_01_fix_cancel.json",
        "subtask_02.json",
        "subtask_10.json",
        "subtask_100.json",
    )


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("subtask_01.json", "01"),
        ("subtask_100.json", "100"),
        ("subtask_01_fix_cancel.json", "01"),
        ("task.json", None),
        ("subtask_.json", None),
        ("xsubtask_01.json", None),
        ("subtask_01.json\n", None),
        ("subtask_٣.json", None),
    ],
)
def test_task_numbers(name: str, number: str | None) -> None:
    assert task_number(name) == number


def test_odd_names_are_listed_as_the_file_system_has_them(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    tasks = tmp_path / ".tmp/tasks"
    odd = [b"line\nbreak", b"\x1b[31mred", b"not-utf8-\xff", "émoji-🎉".encode(), b"x" * 200]
    for name in odd:
        feature(tasks / os.fsdecode(name))
    found = feature_folders(locate(tmp_path, explicit=False))
    assert sorted(os.fsencode(folder.path.name) for folder in found) == sorted(odd)


def test_loops_and_files_in_the_way_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    tasks = tmp_path / ".tmp/tasks"
    feature(tasks / "auth")
    (tasks / "loop").symlink_to(tasks / "loop")
    (tasks / "up").symlink_to(tasks)
    os.mkfifo(tasks / "pipe")
    location = locate(tmp_path, explicit=False)
    assert names(location) == [".tmp/tasks/auth"]


@pytest.mark.parametrize("kind", ["file", "loop"])
def test_a_tasks_folder_that_is_none_is_a_problem(tmp_path: Path, kind: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".tmp").mkdir()
    tasks = tmp_path / ".tmp/tasks"
    tasks.write_text("x") if kind == "file" else tasks.symlink_to(tasks)
    found, problems = survey(locate(tmp_path, explicit=False))
    assert found == []
    assert [problem.path for problem in problems] == [tasks]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_cannot_be_read_is_a_problem_and_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    feature(tmp_path / ".tmp/tasks/auth")
    closed = feature(tmp_path / ".tmp/tasks/closed")
    closed.chmod(0)
    try:
        found, problems = survey(locate(tmp_path, explicit=False))
    finally:
        closed.chmod(0o700)
    assert [folder.path.name for folder in found] == ["auth"]
    assert [problem.path for problem in problems] == [closed]


@pytest.mark.corpus
def test_every_feature_of_the_corpus_is_found(corpus: Path) -> None:
    listed = {
        f"{repository.replace('/', '+')}/{path}"
        for repository, path, *_ in (line.split("\t") for line in (corpus / "INDEX.tsv").read_text().splitlines()[1:])
    }
    found = {
        str(folder.path.relative_to(corpus))
        for repository in corpus.iterdir()
        if repository.is_dir()
        for folder in feature_folders(locate(repository, explicit=True))
    }
    assert found == listed


def test_the_root_of_the_file_system_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def searched(folder: Path) -> Iterator[Path]:
        raise AssertionError(f"{folder} was searched")

    monkeypatch.setattr(layout, "_folders", searched)
    monkeypatch.setattr(layout, "_is_root", lambda folder: False)
    with pytest.raises(NotFoundError, match="no project at /"):
        locate(Path("/"), explicit=False)
