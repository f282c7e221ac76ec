"""Plan and status for scripts: the documented shapes, nothing missing, valid JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from parex_tui.agents.driver import Failure
from parex_tui.plan.batches import make_plan
from parex_tui.report.as_json import plan_json, status_json
from parex_tui.report.state_words import state_reason, state_word
from parex_tui.run.snapshot import BatchState, BatchView, EngineState, FeatureView, TaskView
from parex_tui.run.states import (
    TaskAccepted,
    TaskBarred,
    TaskBlocked,
    TaskClaimed,
    TaskElsewhere,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskSkipped,
    TaskState,
    TaskVerified,
    TaskWaiting,
)
from parex_tui.tasks.model import Feature, Project, Status
from parex_tui.tasks.problems import Problem, Severity
from tests.plan.making import ROOT, feature, features, task


def _plan(one: Feature, **options: Any) -> Any:
    return json.loads(json.dumps(plan_json(make_plan(one, ROOT), one, ROOT, **options)))


def test_a_plan_says_everything() -> None:
    fault = Problem(Severity.WARNING, "dep.missing", ROOT / ".tmp/tasks/demo/task.json", "wrong count", "fix it", 3)
    one = replace(
        feature(
            task("01", title="Schema", status=Status.COMPLETED),
            task("02", after=["01"], writes=["src/a.ts (new)"], agent="CoderAgent"),
            task("03", after=["01"], writes=["src/a.ts", "Updated docs"]),
            task("04", after=["02"]),
            task("05", after=["05"]),
        ),
        problems=(fault,),
        status_text="active",
    )
    found = _plan(one, expected={"01": 9.0, "02": 60.0, "03": 30.0, "04": 10.0}, slots=2)
    assert found["schema"] == "parex.plan/1"
    assert found["feature"]["id"] == "demo"
    assert found["feature"]["path"] == ".tmp/tasks/demo"
    assert found["counts"] == {"pending": 4, "in_progress": 0, "completed": 1, "blocked": 0, "other": 0, "total": 5}
    assert found["forecast"] == {
        "seconds": 100.0,
        "one_after_another_seconds": 100.0,
        "saved_seconds": 0.0,
        "critical_path": ["02", "04"],
        "critical_path_seconds": 70.0,
    }
    assert [(batch["state"], batch["after"], batch["tasks"]) for batch in found["batches"]] == [
        ("done", None, ["01"]),
        ("ready", None, ["02", "03"]),
        ("after", 2, ["04"]),
    ]
    second = found["batches"][1]
    assert second["lanes"] == [{"tasks": ["02"], "alone": False}, {"tasks": ["03"], "alone": True}]
    assert [(one["why"], one["task"], one["other"], one["paths"]) for one in second["separations"]] == [
        ("unknown", "03", None, []),
        ("overlap", "03", "02", ["src/a.ts"]),
    ]
    tasks = {task["seq"]: task for task in found["tasks"]}
    assert tasks["03"]["writes"] == {"paths": ["src/a.ts"], "unknown": ["Updated docs"], "is_known": False}
    assert (tasks["03"]["batch"], tasks["03"]["lane"], tasks["03"]["alone"]) == (2, 2, True)
    assert (tasks["02"]["file"], tasks["02"]["status"]) == (".tmp/tasks/demo/subtask_02.json", "pending")
    assert (tasks["05"]["batch"], tasks["05"]["lane"], tasks["05"]["alone"]) == (None, None, None)
    assert tasks["05"]["expected_seconds"] is None
    assert found["barred"] == [
        {"task": "05", "file": "subtask_05.json", "bar": "cycle", "reason": "depends on itself: 05 → 05"}
    ]
    assert found["problems"] == [
        {
            "severity": "warning",
            "code": "dep.missing",
            "file": ".tmp/tasks/demo/task.json",
            "line": 3,
            "column": None,
            "message": "wrong count",
            "remedy": "fix it",
        }
    ]


@given(features())
def test_every_plan_is_json_and_complete(one: Feature) -> None:
    found = _plan(one)
    assert len(found["tasks"]) == len(one.tasks)
    placed = sorted(seq for batch in found["batches"] for lane in batch["lanes"] for seq in lane["tasks"])
    assert placed == sorted(task["seq"] for task in found["tasks"] if task["batch"] is not None)
    assert len(placed) + len(found["barred"]) == len(one.tasks)


def _status(project: Project, **options: Any) -> Any:
    return json.loads(json.dumps(status_json(project, **options)))


def test_status_without_runs_tells_the_files_and_leaves_the_rest_open() -> None:
    one = replace(
        feature(task("01", status=Status.COMPLETED), task("02", status=None, status_text="done")),
        status_text="active",
        declared_subtasks=9,
        declared_completed=0,
    )
    found = _status(Project(root=ROOT, features=(one,)))
    assert found["schema"] == "parex.status/1"
    assert found["root"] == str(ROOT)
    (shown,) = found["features"]
    assert (shown["status"], shown["progress"], shown["archived"], shown["has_task_json"]) == (
        "active",
        50,
        False,
        True,
    )
    assert shown["counts"]["other"] == 1
    assert shown["declared"] == {"subtasks": 9, "completed": 0}
    assert shown["run"] is None
    assert [(task["seq"], task["status"], task["status_text"], task["shown"]) for task in shown["tasks"]] == [
        ("01", "completed", "completed", None),
        ("02", None, "done", None),
    ]


def test_status_with_runs_adds_states_and_reasons() -> None:
    one = feature(task("01"), task("02"))
    failed = TaskFailed(attempt=2, failure=Failure.EXIT, reason="exit code 1", seconds=9.0)
    view = FeatureView(
        feature=one,
        plan=make_plan(one, ROOT),
        tasks={
            "01": TaskView(one.tasks[0], failed, batch=1, expected=60.0),
            "02": TaskView(one.tasks[1], TaskReady(), batch=1),
        },
        batches=(BatchView(1, BatchState.HELD, ("01", "02"), held_by=("01",)),),
        engine=EngineState.HELD,
        driver="demo",
        is_demo=True,
        tokens=84,
        cost=0.5,
    )
    (shown,) = _status(Project(root=ROOT, features=(one,)), views={"demo": view})["features"]
    assert shown["run"]["engine"] == "held"
    assert shown["run"]["is_demo"] is True
    assert shown["run"]["batches"] == [{"number": 1, "state": "held", "held_by": ["01"]}]
    first, second = shown["tasks"]
    assert (first["shown"], first["reason"], first["attempts"], first["batch"]) == ("failed", "exit code 1", 0, 1)
    assert (second["shown"], second["reason"], second["expected_seconds"]) == ("ready", None, None)


def test_status_can_be_narrowed_to_some_features() -> None:
    one = feature(task("01"))
    other = replace(one, id="other", key="other")
    found = _status(Project(root=ROOT, features=(one, other)), features=[other])
    assert [shown["id"] for shown in found["features"]] == ["other"]


@pytest.mark.parametrize(
    ("state", "word", "reason"),
    [
        (TaskReady(), "ready", ""),
        (TaskWaiting("after 02"), "waiting", "after 02"),
        (TaskRunning(1, 0.0), "running", ""),
        (TaskEnded(1), "ended", ""),
        (TaskVerified(1, 2.0), "verified", ""),
        (TaskAccepted(1, 2.0, "looked fine"), "accepted", "looked fine"),
        (TaskClaimed(), "claimed", ""),
        (TaskReview(1, "no evidence"), "needs review", "no evidence"),
        (TaskFailed(1, Failure.EXIT, "exit code 1"), "failed", "exit code 1"),
        (TaskSkipped("later"), "skipped", "later"),
        (TaskBlocked(), "blocked", ""),
        (TaskElsewhere(0.0, stale=True), "stale", ""),
        (TaskElsewhere(0.0, stale=False), "in progress elsewhere", ""),
        (TaskBarred("cycle: 01 → 02 → 01"), "cannot run", "cycle: 01 → 02 → 01"),
    ],
)
def test_every_state_has_its_word_and_reason(state: TaskState, word: str, reason: str) -> None:
    assert (state_word(state), state_reason(state)) == (word, reason)
