"""The reading commands on a well-formed feature, byte for byte; and what they say where it is not well-formed.

`golden/auth-system` holds the feature, `golden/*.txt` what the reference tool prints for it (`batches.txt`: what its
documents promise).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.cli import main
from parex_tui.plan.ready import graph_problems, standing
from parex_tui.report.deps_text import DEPTH_LIMIT, TREE_LIMIT, deps_text
from parex_tui.report.ready_text import blocked_text, next_text, parallel_text
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, Status
from parex_tui.tasks.naming import task_named
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.reader import read_project
from tests.conftest import REPOSITORY
from tests.plan.making import feature, features, task
from tests.report.strictly import faults

GOLDEN = Path(__file__).with_name("golden")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: its exit code, what it printed, what it said on standard error."""

    def command(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def root(tmp_path: Path, state_home: Path) -> Path:
    """A project with the golden feature, and one that is archived."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    shutil.copytree(GOLDEN / "auth-system", root / ".tmp/tasks/auth-system")
    shutil.copytree(GOLDEN / "auth-system", root / ".tmp/tasks/completed/old")
    return root


@pytest.mark.parametrize(
    ("golden", "words", "code"),
    [
        ("status", ["status"], 0),
        ("status", ["status", "auth-system"], 0),
        ("next", ["next"], 0),
        ("next", ["next", "auth-system"], 0),
        ("parallel", ["parallel"], 0),
        ("batches", ["parallel", "--batches"], 0),
        ("blocked", ["blocked"], 0),
        ("deps", ["deps", "auth-system", "09"], 0),
        ("deps-none", ["deps", "auth-system", "01"], 0),
        ("deps-unknown", ["deps", "auth-system", "99"], 1),
        ("validate", ["validate"], 0),
        ("validate", ["validate", "auth-system", "--strict"], 0),
        ("validate-framework", ["validate", "--framework"], 0),
    ],
)
def test_a_well_formed_feature_is_told_byte_for_byte(
    root: Path, run: Run, golden: str, words: list[str], code: int
) -> None:
    expected = (GOLDEN / f"{golden}.txt").read_text("utf-8")
    assert run(*words, "-C", str(root)) == (code, expected, "")


def test_archived_features_are_told_on_request_or_by_name(root: Path, run: Run) -> None:
    for command in ("next", "parallel", "blocked", "validate"):
        where = ["-C", str(root)]
        assert "[old]" not in run(command, *where)[1]
        assert "[old]" in run(command, "--archived", *where)[1]
        named = run(command, "old", *where)[1]
        assert "[old]" in named
        assert "[auth-system]" not in named
    assert "old/09" in run("deps", "old", "9", "-C", str(root))[1]


@pytest.mark.parametrize("name", ["5", "05", "subtask_05", "subtask_05.json", "auth-system-05", "subtask-5", "task 5"])
def test_a_task_is_named_in_many_ways(root: Path, run: Run, name: str) -> None:
    assert "=== Dependency Tree: auth-system/05 ===" in run("deps", "auth-system", name, "-C", str(root))[1]


def test_a_name_that_could_be_two_tasks_is_none() -> None:
    one = feature(task("05"), task("005", name="subtask_005.json"), task("7b", name="subtask_07_b.json"))
    assert task_named(one, "5") is None
    for name, seq in (("005", "005"), ("05", "05"), ("7b", "7b"), ("subtask_07_b", "7b")):
        found = task_named(one, name)
        assert found is not None
        assert found.seq == seq


# --- what the reference tool does not survive ------------------------------------------------------------------


def test_one_bad_file_hides_nothing_and_is_named_on_standard_error(root: Path, run: Run) -> None:
    broken = root / ".tmp/tasks/auth-system/subtask_05.json"
    broken.write_text(broken.read_text().replace('"pending",', '"pending"'))
    code, out, err = run("next", "-C", str(root))
    assert code == 0
    assert "  06 - Send a confirmation mail  [parallel]\n" in out
    assert "05 -" not in out
    assert err.splitlines() == [
        "parex: .tmp/tasks/auth-system/subtask_05.json:6:3: a comma is missing before this "
        "(put a comma at the end of line 5)"
    ]
    out = run("blocked", "-C", str(root))[1]
    assert "  05 - Logout route (cannot be used: a comma is missing before this)\n" in out
    assert "  09 - Test the whole flow (cannot run: depends on 05, which cannot run)\n" in out
    assert "  ├── ○ 05 - Logout route [unreadable]\n" in run("deps", "auth-system", "9", "-C", str(root))[1]


def test_what_cannot_run_is_not_ready_and_says_why() -> None:
    one = feature(
        task("01", after=["02"], title="A"),
        task("02", after=["01"], title="B"),
        task("03", after=["99"], title="C"),
        task("04", status=None, status_text="done", title="D"),
        task("05", title="E"),
        task("05", title="F", name="subtask_05_b.json"),
        task("06", title="G", status=Status.COMPLETED, after=["99"]),
        task("07", title="H", after=["06"]),
        task("08", title="I", after=["03"], status=Status.BLOCKED),
    )
    assert blocked_text([one]) == (
        "\n=== Blocked Tasks ===\n\n[demo]\n"
        "  01 - A (cannot run: cycle: 01 → 02 → 01)\n"
        "  02 - B (cannot run: cycle: 01 → 02 → 01)\n"
        "  03 - C (cannot run: depends on 99, which does not exist)\n"
        "  04 - D (cannot run: its status “done” is none of pending, in_progress, completed, blocked)\n"
        "  05 - E (cannot run: subtask_05.json and subtask_05_b.json both claim seq 05)\n"
        "  05 - F (cannot run: subtask_05.json and subtask_05_b.json both claim seq 05)\n"
        "  08 - I (explicitly blocked)\n\n"
    )
    assert next_text([one]) == "\n=== Ready Tasks (deps satisfied) ===\n\n[demo]\n  07 - H  [parallel]\n\n"
    assert "[demo] - 1 parallel tasks:" in parallel_text([one])


@given(features())
def test_every_open_task_is_either_ready_or_held_for_a_reason(one: Feature) -> None:
    found = standing(one)
    busy = [each for each in one.tasks if each.readable and each.status in (Status.IN_PROGRESS, Status.COMPLETED)]
    told = [*found.ready, *(held.task for held in found.held), *busy]
    assert sorted(map(id, told)) == sorted(map(id, one.tasks))
    assert all(held.bar or held.waits_for or held.is_blocked for held in found.held)
    for ready in found.ready:
        needed = [one.task(seq) for seq in ready.depends_on]
        assert ready.status is Status.PENDING
        assert all(need is not None and need.status is Status.COMPLETED for need in needed)
    assert blocked_text([one]).count("\n  ") == len(found.held)


def test_a_cycle_and_a_missing_task_are_cut_and_named_in_the_tree() -> None:
    one = feature(
        task("01", after=["02", "99"], title="A"),
        task("02", after=["03"], title="B", status=Status.IN_PROGRESS),
        task("03", after=["02", "03"], title="C"),
    )
    assert deps_text(one, one.tasks[0]).splitlines()[3:] == [
        "01 - A [pending]",
        "  ├── ~ 02 - B [in_progress]",
        "  │   └── ○ 03 - C [pending]",
        "  │       ├── ~ 02 - B [in_progress] … [cycle]",
        "  │       └── ○ 03 - C [pending] … [cycle]",
        "  └── ? 99 - NOT FOUND",
    ]


def test_a_tree_that_would_explode_prints_each_part_once() -> None:
    levels = [
        task(f"{2 * level + side:02d}", after=[f"{2 * level - 2:02d}", f"{2 * level - 1:02d}"] if level else [])
        for level in range(20)
        for side in (0, 1)
    ]
    lines = deps_text(feature(*levels), levels[-1]).splitlines()
    opened = 1 + 2 * 18  # the top and both tasks of every level but the lowest
    assert len(lines) == 4 + 2 * opened < TREE_LIMIT
    assert sum("(see above)" in line for line in lines) == 2 * opened - 4 - (opened - 1)


def test_a_tree_within_the_limit_repeats_what_is_shared() -> None:
    wide = [task("01"), task("02", after=["01"]), *(task(f"{number:02d}", after=["02"]) for number in range(3, 90))]
    top = task("90", after=[one.seq for one in wide[2:]])
    lines = deps_text(feature(*wide, top), top).splitlines()
    assert len(lines) == 4 + 87 * 3
    assert not any("see above" in line for line in lines)


def test_a_chain_of_ten_thousand_tasks_is_cut_at_a_depth_that_two_digits_never_reach() -> None:
    chain = [task("0001"), *(task(f"{number:04d}", after=[f"{number - 1:04d}"]) for number in range(2, 10_001))]
    lines = deps_text(feature(*chain), chain[-1]).splitlines()
    assert len(lines) == 4 + DEPTH_LIMIT
    assert lines[-1].endswith("… (deeper levels are left out)")


@given(features(), st.integers(0, 11))
def test_every_task_has_a_tree(one: Feature, place: int) -> None:
    if place < len(one.tasks):
        text = deps_text(one, one.tasks[place])
        assert text.startswith("\n=== Dependency Tree: demo/")
        assert text.endswith("\n")


# --- validate --------------------------------------------------------------------------------------------------


def test_problems_come_with_place_and_remedy_and_fail(root: Path, run: Run) -> None:
    folder = root / ".tmp/tasks/auth-system"
    for name, old, new in (
        ("subtask_03.json", '"01"\n', '"42"\n'),
        ("subtask_05.json", '"pending"', '"todo"'),
        ("task.json", '"subtask_count": 9', '"subtask_count": 8'),
    ):
        path = folder / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    code, out, err = run("validate", "-C", str(root))
    assert (code, err) == (1, "")
    own = out.split("  The framework's own")[0].splitlines()[3:]
    assert own == [
        "[auth-system]",
        "  ✗ ERROR: .tmp/tasks/auth-system/subtask_05.json:5:13: the format knows no status “todo” "
        "(set it to pending, in_progress, completed or blocked)",
        "  ✗ ERROR: .tmp/tasks/auth-system/subtask_03.json:6:17: depends on 42, which does not exist "
        "(correct its depends_on)",
        "  ⚠ WARNING: .tmp/tasks/auth-system/task.json:13:20: “subtask_count” says 8, there are 9 subtask files "
        "(parex counts for itself)",
    ]


def test_a_folder_without_task_files_is_told_and_can_be_made_a_feature(root: Path, run: Run) -> None:
    tasks = root / ".tmp/tasks"
    (tasks / "new-idea").mkdir()
    (tasks / "notes").mkdir()
    (tasks / "notes" / "PLAN.md").write_text("x")
    (tasks / "completed" / "nothing").mkdir(parents=True)
    where = ("-C", str(root))
    told = " ".join(run("status", *where)[1].split())
    assert "⚠ .tmp/tasks/new-idea: no feature: no task file lies in it" in told
    assert "⚠ .tmp/tasks/notes: no feature" in told
    code, out, _ = run("validate", *where)
    assert (code, "nothing" in out) == (0, False)
    assert "(`parex new feature new-idea` makes it one)" in out
    assert run("new", "feature", "new-idea", *where)[0] == 0
    assert "new-idea: no feature" not in run("validate", *where)[1]


@pytest.mark.parametrize("words", [("next",), ("status",), ("deps", "auth-system", "05"), ("plan", "auth-system")])
def test_a_title_that_no_list_can_take_is_cut(root: Path, run: Run, words: tuple[str, ...]) -> None:
    folder = root / ".tmp/tasks/auth-system"
    for name, key in (("subtask_05.json", "title"), ("task.json", "name")):
        record = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**record, key: "long " * 200_000}))
    code, out, _ = run(*words, "-C", str(root))
    assert code == 0
    assert "long long" in out
    assert len(out) < 6_000


def test_no_problem_hides_another(root: Path, run: Run) -> None:
    folder = root / ".tmp/tasks/auth-system"

    def put(name: str, **fields: Any) -> None:
        record = {"seq": name[8:10], "title": "T", "status": "pending", "depends_on": [], "parallel": True}
        (folder / name).write_text(json.dumps({**record, **fields}))

    put("subtask_20.json", status="completed", depends_on=["77"])
    put("subtask_21.json", status="completed", depends_on=["22"])
    put("subtask_22.json", status="blocked", depends_on=["21"])
    put("subtask_23.json", status="in_progress", depends_on=["24", "78"])
    put("subtask_24.json", status="todo", depends_on=["23"])
    put("subtask_25.json", depends_on=["79"])
    put("subtask_25_again.json", status="completed", depends_on=["80", "25"])
    (folder / "subtask_26.json").write_text('{"seq": "26", "depends_on": ["81"],\n"title": "T"\n"status": "pending"}')
    code, out, _ = run("validate", "--json", "-C", str(root))
    assert code == 1
    found = {(one["severity"], one["code"], one["file"][-20:]) for one in json.loads(out)["features"][0]["problems"]}
    for severity, code_, name in (
        ("warning", "dep.missing", "subtask_20.json"),
        ("warning", "dep.cycle", "subtask_21.json"),
        ("warning", "dep.cycle", "subtask_22.json"),
        ("error", "dep.cycle", "subtask_23.json"),
        ("error", "dep.missing", "subtask_23.json"),
        ("error", "dep.cycle", "subtask_24.json"),
        ("error", "status.unknown", "subtask_24.json"),
        ("error", "dep.missing", "subtask_25.json"),
        ("warning", "dep.missing", "subtask_25_again.json"),
        ("error", "dep.cycle", "subtask_25_again.json"),
        ("error", "seq.duplicate", "subtask_25_again.json"),
        ("error", "dep.missing", "subtask_26.json"),
        ("error", "json.invalid", "subtask_26.json"),
    ):
        assert (severity, code_, f"system/{name}"[-20:]) in found


def test_what_only_the_framework_minds_stands_apart_and_fails_only_when_strict(root: Path, run: Run) -> None:
    path = root / ".tmp/tasks/auth-system/subtask_05.json"
    record = json.loads(path.read_text())
    del record["completion_summary"]
    path.write_text(json.dumps({**record, "acceptance_criteria": []}, indent=2))
    said = [
        "05: missing required field 'completion_summary'",
        "05: No acceptance criteria defined",
    ]
    where = ["-C", str(root)]
    code, out, _ = run("validate", *where)
    assert code == 0
    assert out.splitlines()[3:] == [
        "[auth-system]",
        "  ✓ All checks passed",
        "  The framework's own validator would complain:",
        *(f"    · {line}" for line in said),
        "",
    ]
    assert run("validate", "--strict", *where)[0] == 1
    code, out, _ = run("validate", "--framework", *where)
    assert code == 1
    assert out.splitlines()[3:] == ["[auth-system]", *(f"  ✗ ERROR: {line}" for line in said), ""]
    record = json.loads(run("validate", "--json", *where)[1])
    assert [one["text"] for one in record["features"][0]["complaints"]] == said


def test_a_folder_that_cannot_be_read_is_told_outside_of_any_feature(root: Path, run: Run) -> None:
    (root / ".opencode/tmp").mkdir(parents=True)
    (root / ".opencode/tmp/tasks").mkdir()
    (root / ".opencode/tmp/tasks/loop").symlink_to("loop")
    code, out, _ = run("validate", "-C", str(root))
    assert code == 1
    assert out.endswith(
        "Outside of any feature:\n  ✗ ERROR: .opencode/tmp/tasks/loop: cannot be read: "
        "Too many levels of symbolic links (check what it is, its owner and its permissions)\n\n"
    )


def test_the_place_of_a_dependency_is_not_guessed_when_the_file_has_changed(root: Path) -> None:
    project = read_project(locate(root, explicit=True))
    one = replace(project.features[0], tasks=(replace(project.features[0].tasks[0], depends_on=("42",), status=None),))
    assert [problem.code for problem in graph_problems(one)] == ["dep.missing"]
    pending = replace(one.tasks[0], status=Status.PENDING)
    (known,) = graph_problems(replace(one, tasks=(pending,)))
    assert (known.code, known.line) == ("dep.missing", 6)
    (stale,) = graph_problems(replace(one, tasks=(replace(pending, digest="0"),)))
    expected = Problem(
        Severity.ERROR, "dep.missing", pending.path, "depends on 42, which does not exist", "correct its depends_on"
    )
    assert stale == expected


# --- every project, every command ------------------------------------------------------------------------------

FORMS = (
    *(["next"], ["parallel"], ["parallel", "--batches"], ["blocked"], ["validate"], ["validate", "--framework"]),
    *(["next", "--json"], ["parallel", "--json"], ["blocked", "--json"], ["validate", "--json"]),
)


def _check_all(folder: Path, run: Run) -> None:
    found = read_project(locate(folder, explicit=True))
    for words in FORMS:
        code, out, _ = run(*words, "--archived", "-C", str(folder))
        assert code in (0, 1)
        if "--json" in words:
            assert len(json.loads(out)["features"]) == len(found.features)
    for one in found.features:
        for each in one.tasks:
            assert deps_text(one, each).count("\n") >= 5


@pytest.mark.corpus
def test_every_project_of_the_corpus_goes_through_every_command(corpus: Path, run: Run, state_home: Path) -> None:
    for folder in sorted(path for path in corpus.iterdir() if path.is_dir()):
        _check_all(folder, run)


def test_the_samples_go_through_every_command(run: Run, state_home: Path) -> None:
    _check_all(REPOSITORY / "sample_tasks", run)


@pytest.mark.parametrize("words", [["next"], ["parallel"], ["blocked"], ["validate"]])
def test_a_project_without_features_says_what_a_feature_is(tmp_path: Path, run: Run, words: list[str]) -> None:
    (tmp_path / ".git").mkdir()
    code, out, err = run(*words, "-C", str(tmp_path))
    assert code == 2
    assert out.count("\n") == 3
    assert ".tmp/tasks/" in err


def test_next_as_json_says_the_same(root: Path, run: Run) -> None:
    record: dict[str, Any] = json.loads(run("next", "--json", "-C", str(root))[1])
    assert record["schema"] == "parex.next/1"
    (one,) = record["features"]
    assert [each["seq"] for each in one["tasks"]] == ["05", "06", "08"]
    record = json.loads(run("blocked", "--json", "-C", str(root))[1])
    (one,) = record["features"]
    assert [(each["seq"], each["why"], each["waits_for"]) for each in one["tasks"]] == [
        ("04", "waiting", ["03"]),
        ("07", "blocked", ["06"]),
        ("09", "waiting", ["04", "05", "07"]),
    ]
    record = json.loads(run("parallel", "--json", "--batches", "-C", str(root))[1])
    (one,) = record["features"]
    assert [each["seq"] for each in one["tasks"]] == ["05", "06"]
    assert one["batches"][0]["tasks"] == ["01", "02"]


@pytest.mark.parametrize("words", [("deps", "auth-system", "99"), ("verify", "auth-system", "99")])
def test_an_unknown_task_is_json_where_json_was_asked_for(root: Path, run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words, "--json", "-C", str(root))
    assert (code, err) == (1, "")
    record = json.loads(out)
    assert faults(record, record["schema"]) == []
    assert record["reason"] == "Task 99 not found in auth-system"
    assert record["tasks"] == []


def test_deps_as_json_is_a_graph(root: Path, run: Run) -> None:
    record = json.loads(run("deps", "auth-system", "4", "--json", "-C", str(root))[1])
    assert [each["seq"] for each in record["tasks"]] == ["04", "02", "03", "01"]
    assert (record["needed_by"], record["missing"], record["cycles"]) == (["09"], [], [])
