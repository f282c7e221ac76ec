"""The project that `parex demo` works on: three features, each true to what it is there to show."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from parex_tui.plan.batches import make_plan
from parex_tui.plan.model import Bar, Why
from parex_tui.plan.writes import write_set
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, Project, Status, Task
from parex_tui.tasks.reader import read_project

from .conftest import REPOSITORY

SAMPLES = REPOSITORY / "sample_tasks"
TASKS = SAMPLES / ".tmp" / "tasks"
CLEAN = ("tide-alerts", "station-import")


@pytest.fixture(scope="module")
def project() -> Project:
    return read_project(locate(SAMPLES, explicit=True))


def _feature(project: Project, name: str) -> Feature:
    found = project.feature(name)
    assert found is not None
    return found


def _task(project: Project, feature: str, seq: str) -> Task:
    found = _feature(project, feature).task(seq)
    assert found is not None
    return found


def test_the_sample_is_a_project_of_its_own_with_three_features(project: Project) -> None:
    assert project.root == SAMPLES
    assert sorted(feature.id for feature in project.features) == ["chart-rewrite", "station-import", "tide-alerts"]
    assert project.problems == ()


@pytest.mark.skipif(shutil.which("git") is None or not (REPOSITORY / ".git").exists(), reason="no git repository")
def test_no_ignore_rule_of_the_repository_swallows_a_sample_file() -> None:
    files = [str(path.relative_to(REPOSITORY)) for path in SAMPLES.rglob("*") if path.is_file()]
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        input="\n".join(files),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, asked.stdout) == (1, "")


@pytest.mark.parametrize("name", CLEAN)
def test_the_clean_features_have_no_problem_at_all(project: Project, name: str) -> None:
    feature = _feature(project, name)
    assert feature.all_problems == ()
    assert make_plan(feature, SAMPLES).barred == ()
    assert feature.declared_subtasks == len(feature.tasks)
    assert feature.declared_completed == feature.counts.completed


@pytest.mark.parametrize("name", CLEAN)
def test_what_the_clean_features_point_at_exists_with_these_lines(project: Project, name: str) -> None:
    feature = _feature(project, name)
    pointed = [*feature.context_files, *feature.reference_files]
    for task in feature.tasks:
        pointed += [*task.context_files, *task.reference_files]
    assert any(ref.lines for ref in pointed)
    for ref in pointed:
        lines = (SAMPLES / ref.path).read_text(encoding="utf-8").splitlines()
        for first, last in ref.lines:
            assert 1 <= first <= last <= len(lines), (ref.path, ref.lines)
            assert lines[first - 1].strip(), f"{ref.path}:{first} begins in an empty line"


@pytest.mark.parametrize("name", CLEAN)
def test_deliverables_exist_exactly_where_a_task_is_completed(project: Project, name: str) -> None:
    for task in _feature(project, name).tasks:
        writes = write_set(task, SAMPLES)
        assert writes.is_known
        for path in writes.paths:
            assert (SAMPLES / path).exists() == (task.status is Status.COMPLETED), path


def test_the_small_feature_has_four_batches_and_one_meeting(project: Project) -> None:
    feature = _feature(project, "tide-alerts")
    plan = make_plan(feature, SAMPLES)
    assert [len(batch.seqs) for batch in plan.batches] == [2, 3, 2, 1]
    (only,) = [separation for batch in plan.batches for separation in batch.separations]
    assert only.reason == "05 after 04: both write src/server/routes/index.ts"
    assert all(task.status is Status.PENDING for task in feature.tasks)
    assert {task.suggested_agent for task in feature.tasks} == {"CoderAgent", "TestEngineer", "OpenFrontendSpecialist"}


def test_the_wide_feature_has_twelve_side_by_side_with_two_alone_and_one_lane_of_three(project: Project) -> None:
    plan = make_plan(_feature(project, "station-import"), SAMPLES)
    assert [len(batch.seqs) for batch in plan.batches] == [2, 12, 1, 1]
    wide = plan.batches[1]
    assert [lane.seqs for lane in wide.lanes if lane.alone] == [("12",), ("14",)]
    assert [lane.seqs for lane in wide.lanes if len(lane.seqs) > 1] == [("05", "10", "13")]


def test_the_messy_feature_holds_every_kind_of_breakage_and_still_plans_the_rest(project: Project) -> None:
    plan = make_plan(_feature(project, "chart-rewrite"), SAMPLES)
    bars = {(barred.seq, barred.bar) for barred in plan.barred}
    assert bars == {
        ("03", Bar.UNREADABLE),
        ("04", Bar.UNREADABLE),
        ("05", Bar.UNREADABLE),
        ("06", Bar.STATUS),
        ("09", Bar.CYCLE),
        ("10", Bar.CYCLE),
        ("11", Bar.MISSING),
        ("14", Bar.AFTER_BARRED),
        ("15", Bar.CYCLE),
    }
    assert [batch.seqs for batch in plan.batches] == [("01",), ("02", "12"), ("07", "08", "13")]
    assert Why.UNKNOWN in {separation.why for batch in plan.batches for separation in batch.separations}


def test_the_messy_feature_is_read_as_far_as_it_can_be(project: Project) -> None:
    feature = _feature(project, "chart-rewrite")
    assert feature.declared_completed != feature.counts.completed
    assert len(feature.tasks) == 15  # the stray files are none
    first = _task(project, "chart-rewrite", "01")
    assert first.started_at == "2026-01-12T10:04:00Z"  # the real value, not the null after it
    assert first.problems
    assert _task(project, "chart-rewrite", "02").title == "Axes and grid"
    assert _task(project, "chart-rewrite", "03").title == "Level chart with predictions"
    assert _task(project, "chart-rewrite", "08").depends_on == ("02",)
    assert _task(project, "chart-rewrite", "13").depends_on == ("02", "01")
    assert {ref.path for ref in _task(project, "chart-rewrite", "07").context_files} >= {"docs/architecture.md"}


def test_the_messy_files_are_still_broken_byte_for_byte() -> None:
    folder = TASKS / "chart-rewrite"
    raw = (folder / "subtask_02.json").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\r\n") == raw.count(b"\n") > 5
    for name in ("subtask_03.json", "subtask_04.json", "subtask_05.json"):
        with pytest.raises(json.JSONDecodeError):
            json.loads((folder / name).read_text(encoding="utf-8"))
    assert (folder / "subtask_01.json").read_text(encoding="utf-8").count('"started_at"') == 2
    assert "seq" not in json.loads((folder / "subtask_08.json").read_text(encoding="utf-8"))
    for stray in ("PLAN.md", "issues.md", "tasks_status.json", "verification_01.json"):
        assert (folder / stray).is_file()


def test_the_files_of_the_clean_features_are_plain_json_with_a_final_line_break() -> None:
    files = [path for name in CLEAN for path in sorted((TASKS / name).iterdir())]
    assert len(files) == 2 + 8 + 16
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert isinstance(json.loads(text), dict)
        assert text.endswith("}\n")
        assert "\r" not in text


def test_a_copy_of_the_sample_is_a_project_too(tmp_path: Path) -> None:
    copied = tmp_path / "tidewater"
    shutil.copytree(SAMPLES, copied)
    again = read_project(locate(copied, explicit=True))
    assert sorted(feature.id for feature in again.features) == ["chart-rewrite", "station-import", "tide-alerts"]
