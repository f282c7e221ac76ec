"""`parex status` prints what the reference tool prints, and problems after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parex_tui.report.status_text import progress, status_text
from parex_tui.tasks.model import Counts, Feature, Project, Status
from parex_tui.tasks.problems import Problem, Severity
from tests.plan.making import ROOT, feature, task


def _eleven() -> Feature:
    statuses = [Status.PENDING] * 3 + [Status.IN_PROGRESS] * 2 + [Status.COMPLETED] * 5 + [Status.BLOCKED]
    tasks = [task(f"{number:02d}", status=status) for number, status in enumerate(statuses, 1)]
    return replace(feature(*tasks, name="Auth system"), status_text="active")


def _project(*features: Feature, problems: tuple[Problem, ...] = ()) -> Project:
    return Project(root=ROOT, features=features, problems=problems)


def test_the_reference_lines_are_exact() -> None:
    assert status_text(_project(_eleven())) == (
        "\n[demo] Auth system\n"
        "  Status: active | Progress: 45% (5/11)\n"
        "  Pending: 3 | In Progress: 2 | Completed: 5 | Blocked: 1\n"
    )


def test_no_features() -> None:
    assert status_text(_project()) == "No active features found.\n"


def test_archived_features_are_shown_only_when_asked_for() -> None:
    done = replace(_eleven(), archived=True)
    assert status_text(_project(done)) == "No active features found.\n"
    assert "[demo] Auth system" in status_text(_project(done), done)


def test_a_folder_without_task_json() -> None:
    empty = replace(feature(), task_json=None)
    assert status_text(_project(empty)) == "\n[demo] - No task.json found\n"


def test_a_folder_without_task_json_but_with_tasks_still_counts_them() -> None:
    orphaned = replace(feature(task("01", status=Status.COMPLETED), task("02")), task_json=None)
    assert status_text(_project(orphaned)) == (
        "\n[demo] - No task.json found\n"
        "  Status: unknown | Progress: 50% (1/2)\n"
        "  Pending: 1 | In Progress: 0 | Completed: 1 | Blocked: 0\n"
    )


def test_several_features_stand_one_after_another_and_one_can_be_chosen() -> None:
    other = replace(feature(name="Other"), id="other", key="other", status_text="active")
    both = _project(_eleven(), other)
    assert status_text(both).count("\n[") == 2
    assert status_text(both, other).startswith("\n[other] Other\n")
    assert "Auth" not in status_text(both, other)


def test_what_has_none_of_the_four_statuses_is_counted_apart() -> None:
    one = replace(feature(task("01", readable=False), task("02", status=None), task("03")), status_text="active")
    assert (
        "  Pending: 1 | In Progress: 0 | Completed: 0 | Blocked: 0 | Unreadable: 1 | Unknown status: 1\n"
        in status_text(_project(one))
    )


def test_problems_are_counted_and_the_worst_named() -> None:
    one = _eleven()
    fault = Problem(Severity.ERROR, "json.invalid", one.tasks[2].path, "expected a comma", "", 5, 22)
    warnings = tuple(
        Problem(Severity.WARNING, "count", one.path / "task.json", f"wrong number {number}") for number in range(3)
    )
    note = Problem(Severity.NOTE, "null", one.path / "task.json", "agent_id should be null")
    tasks = (*one.tasks[:2], replace(one.tasks[2], problems=(fault,)), *one.tasks[3:])
    text = status_text(_project(replace(one, tasks=tasks, problems=(*warnings, note))))
    assert text.endswith(
        "  Problems: 1 error, 3 warnings\n"
        "    ✗ .tmp/tasks/demo/subtask_03.json:5:22: expected a comma\n"
        "    ⚠ .tmp/tasks/demo/task.json: wrong number 0\n"
        "    ⚠ .tmp/tasks/demo/task.json: wrong number 1\n"
        "    … and 1 more\n"
    )


def test_problems_of_the_project_come_last() -> None:
    fault = Problem(Severity.WARNING, "folder", ROOT / ".tmp/tasks/x", "cannot be read")
    text = status_text(_project(problems=(fault,)))
    assert text == ("No active features found.\n\n  Problems: 1 warning\n    ⚠ .tmp/tasks/x: cannot be read\n")


@pytest.mark.parametrize(
    ("completed", "pending", "percent"), [(0, 0, 0), (5, 6, 45), (1, 7, 13), (2, 1, 67), (3, 0, 100), (0, 3, 0)]
)
def test_progress_rounds_halves_up(completed: int, pending: int, percent: int) -> None:
    assert progress(Counts(completed=completed, pending=pending)) == percent
