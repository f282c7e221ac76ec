"""The plan of every real feature: whole, readable, and the same the second time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parex_tui.plan.batches import make_plan
from parex_tui.plan.forecast import expected_seconds
from parex_tui.plan.writes import overlap, write_set
from parex_tui.report.as_json import plan_json, status_json
from parex_tui.report.plan_text import plan_text
from parex_tui.report.status_text import status_text
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Project
from parex_tui.tasks.reader import read_project

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def projects(corpus: Path) -> list[Project]:
    return [read_project(locate(path, explicit=True)) for path in sorted(corpus.iterdir()) if path.is_dir()]


def test_every_feature_has_a_whole_plan(projects: list[Project]) -> None:
    planned = 0
    for project in projects:
        for feature in project.features:
            plan = make_plan(feature, project.root)
            seqs = [seq for batch in plan.batches for seq in batch.seqs]
            assert len(seqs) + len(plan.barred) == len(feature.tasks), feature.path
            level = {seq: batch.number for batch in plan.batches for seq in batch.seqs}
            for task in feature.tasks:
                if task.seq in level:
                    assert all(level.get(need, 0) < level[task.seq] for need in task.depends_on), task.path
            planned += len(seqs)
    assert planned > 300


def test_real_data_has_no_cycle_and_only_unreadable_tasks_bar_others(projects: list[Project]) -> None:
    for project in projects:
        for feature in project.features:
            barred = make_plan(feature, project.root).barred
            bars = {item.bar.value for item in barred}
            assert bars <= {"unreadable", "depends on a task that cannot run"}, (feature.path, barred)


def test_tasks_side_by_side_write_different_files(projects: list[Project]) -> None:
    kept_apart = 0
    for project in projects:
        for feature in project.features:
            writes = {task.seq: write_set(task, project.root) for task in feature.tasks}
            for batch in make_plan(feature, project.root).batches:
                kept_apart += len(batch.separations)
                shared = [(lane, seq) for lane in batch.lanes if not lane.alone for seq in lane.seqs]
                for place, (lane, seq) in enumerate(shared):
                    for other_lane, other in shared[place + 1 :]:
                        assert other_lane is lane or not overlap(writes[seq], writes[other])
    assert kept_apart > 50


def test_every_feature_can_be_told_as_text_and_as_json(projects: list[Project]) -> None:
    for project in projects:
        assert json.loads(json.dumps(status_json(project)))["features"]
        assert status_text(project).endswith("\n")
        for feature in project.features:
            expected = {task.seq: expected_seconds(task, {}) for task in feature.tasks}
            plan = make_plan(feature, project.root, expected=expected)
            text = plan_text(plan, feature, expected=expected)
            found = json.loads(json.dumps(plan_json(plan, feature, project.root, expected=expected)))
            listed = [line for line in text.splitlines() if line.startswith("- ")]
            assert len(listed) == len(found["tasks"]) == len(feature.tasks)


def test_most_real_deliverables_are_read_as_paths(projects: list[Project]) -> None:
    count = certain = 0
    for project in projects:
        for feature in project.features:
            for task in feature.tasks:
                found = write_set(task, project.root)
                count += len(task.deliverables)
                certain += len(task.deliverables) - len(found.unknown)
    assert certain > 0.85 * count
    assert count > 900
