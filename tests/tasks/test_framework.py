"""What the framework's own validator says: every line of it, in its order, and an end to every file that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.tasks.framework import framework_complaints
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, JsonValue
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.text import is_plain

from .helpers import a_project, write

BASE: dict[str, JsonValue] = {
    "id": "auth",
    "name": "Auth",
    "status": "active",
    "objective": "Log in",
    "context_files": [],
    "exit_criteria": ["works"],
    "subtask_count": 1,
    "completed_count": 0,
    "created_at": "2026-01-31T12:00:00Z",
    "completed_at": None,
}
TASK: dict[str, JsonValue] = {
    "id": "auth-01",
    "seq": "01",
    "title": "One",
    "status": "pending",
    "depends_on": [],
    "parallel": True,
    "context_files": [],
    "acceptance_criteria": ["works"],
    "deliverables": ["src/a.ts"],
    "agent_id": None,
    "started_at": None,
    "completed_at": None,
    "completion_summary": None,
}


def the_feature(root: Path) -> Feature:
    (feature,) = read_project(locate(root, explicit=True)).features
    return feature


def complaints(root: Path, base: JsonValue = None, **tasks: JsonValue) -> list[str]:
    """The lines for a feature of that task.json and those files."""
    folder = a_project(root)
    write(folder / "task.json", BASE | {"subtask_count": len(tasks)} if base is None else base)
    for name, value in tasks.items():
        write(folder / f"{name}.json", value)
    return [complaint.text for complaint in framework_complaints(the_feature(root))]


def test_a_feature_that_keeps_every_rule_has_none(tmp_path: Path) -> None:
    task = TASK | {"reference_files": [], "verification": [{"type": "file_exists", "path": "a"}], "more": 1}
    assert complaints(tmp_path, subtask_01=task, subtask_02=TASK | {"seq": "02", "depends_on": ["01"]}) == []


def test_everything_missing_is_said_in_the_order_of_the_fields(tmp_path: Path) -> None:
    assert complaints(tmp_path, {}, subtask_01={}) == [
        "task.json: missing required field 'id'",
        "task.json: missing required field 'name'",
        "task.json: missing required field 'status'",
        "task.json: missing required field 'objective'",
        "task.json: missing required field 'context_files'",
        "task.json: missing required field 'exit_criteria'",
        "task.json: missing required field 'subtask_count'",
        "task.json: missing required field 'completed_count'",
        "task.json: missing required field 'created_at'",
        "task.json: missing required field 'completed_at'",
        "task.json id ('undefined') should match feature slug ('auth')",
        "task.json: invalid status 'undefined'",
        "task.json: context_files must be string[]",
        "task.json: exit_criteria must be string[]",
        "task.json: subtask_count must be number",
        "task.json: completed_count must be number",
        "??: missing required field 'id'",
        "??: missing required field 'seq'",
        "??: missing required field 'title'",
        "??: missing required field 'status'",
        "??: missing required field 'depends_on'",
        "??: missing required field 'parallel'",
        "??: missing required field 'context_files'",
        "??: missing required field 'acceptance_criteria'",
        "??: missing required field 'deliverables'",
        "??: missing required field 'agent_id'",
        "??: missing required field 'started_at'",
        "??: missing required field 'completed_at'",
        "??: missing required field 'completion_summary'",
        "??: sequence must be 2 digits (e.g., 01, 02)",
        "??: ID should start with feature name",
        "??: invalid status 'undefined'",
        "??: depends_on must be string[]",
        "??: parallel must be boolean",
        "??: context_files must be string[]",
        "??: acceptance_criteria must be string[]",
        "??: deliverables must be string[]",
        "task.json subtask_count (undefined) doesn't match actual count (1)",
    ]


FEATURE_LINES: list[tuple[dict[str, JsonValue], list[str]]] = [
    ({"id": "login"}, ["task.json id ('login') should match feature slug ('auth')"]),
    ({"id": None}, ["task.json id ('null') should match feature slug ('auth')"]),
    ({"status": "in_progress"}, ["task.json: invalid status 'in_progress'"]),
    ({"status": ["active", None, [1.5, 2.0]]}, ["task.json: invalid status 'active,,1.5,2'"]),
    ({"status": {"a": 1}}, ["task.json: invalid status '[object Object]'"]),
    ({"status": True}, ["task.json: invalid status 'true'"]),
    ({"context_files": [{"path": "a"}]}, ["task.json: context_files must be string[]"]),
    ({"reference_files": None}, ["task.json: reference_files must be string[] when present"]),
    ({"exit_criteria": "works"}, ["task.json: exit_criteria must be string[]"]),
    (
        {"subtask_count": "1"},
        ["task.json: subtask_count must be number", "task.json subtask_count (1) doesn't match actual count (1)"],
    ),
    ({"completed_count": False}, ["task.json: completed_count must be number"]),
    ({"subtask_count": 5}, ["task.json subtask_count (5) doesn't match actual count (1)"]),
    ({"subtask_count": 1.0}, []),
]


@pytest.mark.parametrize(("fields", "lines"), FEATURE_LINES)
def test_the_features_own_lines(tmp_path: Path, fields: dict[str, JsonValue], lines: list[str]) -> None:
    assert complaints(tmp_path, BASE | fields, subtask_01=TASK) == lines


TASK_LINES: list[tuple[dict[str, JsonValue], list[str]]] = [
    ({"seq": "1"}, ["1: sequence must be 2 digits (e.g., 01, 02)"]),
    ({"seq": 12}, []),
    ({"seq": "012"}, ["012: sequence must be 2 digits (e.g., 01, 02)"]),
    ({"id": "login-01"}, ["01: ID should start with feature name"]),
    ({"status": "done"}, ["01: invalid status 'done'"]),
    ({"depends_on": "02"}, ["01: depends_on must be string[]"]),
    ({"depends_on": [2]}, ["01: depends_on must be string[]", "01: depends on non-existent task 2"]),
    ({"parallel": "true"}, ["01: parallel must be boolean"]),
    ({"context_files": [{"path": "a"}]}, ["01: context_files must be string[]"]),
    ({"reference_files": [1]}, ["01: reference_files must be string[] when present"]),
    ({"acceptance_criteria": []}, ["01: No acceptance criteria defined"]),
    ({"acceptance_criteria": [1]}, ["01: acceptance_criteria must be string[]"]),
    ({"deliverables": []}, ["01: No deliverables defined"]),
    ({"deliverables": None}, ["01: deliverables must be string[]"]),
    (
        {"depends_on": ["01"]},
        ["01: task cannot depend on itself", "01: circular dependency detected: 01 -> 01"],
    ),
    ({"depends_on": ["auth-02"]}, ["01: depends on non-existent task auth-02"]),
    ({"verification": {}}, ["01: verification must be an array of checks"]),
    ({"verification": []}, ["01: verification must contain at least one check"]),
    (
        {"verification": [{"type": "x"}, {"type": "file_exists", "path": "/x"}]},
        [
            "01: verification[0]: unknown type 'x' (expected command | file_exists | file_contains)",
            "01: verification[1]: path must be relative to the project root ('/x')",
        ],
    ),
]


@pytest.mark.parametrize(("fields", "lines"), TASK_LINES)
def test_the_tasks_own_lines(tmp_path: Path, fields: dict[str, JsonValue], lines: list[str]) -> None:
    assert complaints(tmp_path, subtask_01=TASK | fields) == lines


def test_lines_between_tasks(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        subtask_01=TASK | {"depends_on": ["02"]},
        subtask_02=TASK | {"seq": "02", "depends_on": ["01"]},
        subtask_03=TASK | {"seq": "03", "depends_on": ["01"]},
        subtask_04=TASK | {"seq": "03"},
    )
    assert found == [
        "01: circular dependency detected: 01 -> 02 -> 01",
        "02: circular dependency detected: 02 -> 01 -> 02",
        "03: circular dependency detected: 03 -> 01 -> 02 -> 01",
        "03: duplicate sequence number",
        "03: circular dependency detected: 03 -> 01 -> 02 -> 01",
    ]


def test_only_files_with_two_digits_are_counted(tmp_path: Path) -> None:
    found = complaints(
        tmp_path, BASE, subtask_01=TASK, subtask_02_fix=TASK | {"seq": "02"}, subtask_100=TASK | {"seq": "100"}
    )
    assert found == []


def test_a_feature_without_task_json_is_named_without_a_file(tmp_path: Path) -> None:
    folder = a_project(tmp_path)
    (folder / "task.json").unlink()
    write(folder / "subtask_01.json", TASK | {"deliverables": []})
    missing, task = framework_complaints(the_feature(tmp_path))
    assert (missing.path, missing.text) == (None, "Missing task.json")
    assert (task.path, task.text) == (folder / "subtask_01.json", "01: No deliverables defined")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"seq": "02",}', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"null", "holds no object"),
    ],
)
def test_where_the_tool_would_end_the_file_is_named_and_the_others_are_read(
    tmp_path: Path, data: bytes, why: str
) -> None:
    folder = a_project(tmp_path)
    write(folder / "task.json", BASE | {"subtask_count": 2})
    write(folder / "subtask_01.json", TASK | {"depends_on": ["02"], "deliverables": []})
    (folder / "subtask_02.json").write_bytes(data)
    assert [complaint.text for complaint in framework_complaints(the_feature(tmp_path))] == [
        f"subtask_02.json: {why}; the framework's tool stops here with an error",
        "01: No deliverables defined",
    ]


def test_of_duplicates_it_takes_the_last(tmp_path: Path) -> None:
    folder = a_project(tmp_path)
    write(folder / "task.json", BASE | {"subtask_count": 0})
    text = (
        (folder / "task.json").read_text().replace("{", '{\n  "name": "x",', 1).replace('"auth"', '"auth", "id": null')
    )
    (folder / "task.json").write_text(text)
    (complaint,) = framework_complaints(the_feature(tmp_path))
    assert complaint.text == "task.json id ('null') should match feature slug ('auth')"


@given(
    st.dictionaries(
        st.sampled_from([*TASK, *BASE, "reference_files", "verification"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["01", "02"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "type"]), inner),
            max_leaves=5,
        ),
    )
)
def test_no_value_of_any_field_harms(tmp_path_factory: pytest.TempPathFactory, fields: dict[str, JsonValue]) -> None:
    root = tmp_path_factory.mktemp("any")
    for line in complaints(root, BASE | fields, subtask_01=TASK | fields, subtask_02=fields):
        assert is_plain(line)


@pytest.mark.corpus
def test_the_features_of_the_corpus_are_judged_as_the_tool_judges_them(corpus: Path) -> None:
    found = {
        feature.id: framework_complaints(feature)
        for repository in sorted(path for path in corpus.iterdir() if path.is_dir())
        for feature in read_project(locate(repository, explicit=True)).features
    }
    lines = [complaint.text for complaints in found.values() for complaint in complaints]
    assert sum(not complaints for complaints in found.values()) == 25
    assert sum(line.endswith("missing required field 'agent_id'") for line in lines) == 228
    assert sum("context_files must be string[]" in line for line in lines) == 25
    assert sum("not valid JSON" in line for line in lines) == 2
    assert sum("doesn't match actual count" in line for line in lines) == 3
    assert all(is_plain(line) for line in lines)
