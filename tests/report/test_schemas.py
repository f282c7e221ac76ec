"""What `--json` prints is what the schema files say, and nothing besides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from parex_tui.agents.driver import Failure
from parex_tui.agents.events import Event, Said, Tool, ToolState, Usage
from parex_tui.cli import main
from parex_tui.plan.batches import make_plan
from parex_tui.plan.model import Bar, Why
from parex_tui.report.as_json import plan_json, status_json
from parex_tui.report.reading_json import blocked_json, deps_json, next_json, parallel_json, validate_json
from parex_tui.report.run_text import notice_json
from parex_tui.report.schema_files import schema_names, schema_text
from parex_tui.report.validate_text import examine
from parex_tui.run.notices import AgentDid, AttemptEnds, BatchHeld, BatchStarts, Notice
from parex_tui.run.snapshot import BatchState, BatchView, EngineState, FeatureView, TaskView
from parex_tui.run.states import Evidence, Outcome, TaskReady, TaskWaiting, Verdict
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Feature, Project
from parex_tui.tasks.reader import read_project
from tests.conftest import REPOSITORY
from tests.plan.making import ROOT, features

from .strictly import faults, validator


def _all_faults(project: Project) -> list[str]:
    """Every reading command's JSON for a project, against its schema."""
    shown = project.features
    plans = [make_plan(one, project.root) for one in shown]
    found = [
        *faults(status_json(project), "parex.status/1"),
        *faults(next_json(project, shown), "parex.next/1"),
        *faults(parallel_json(project, shown), "parex.parallel/1"),
        *faults(parallel_json(project, shown, plans), "parex.parallel/1"),
        *faults(blocked_json(project, shown), "parex.blocked/1"),
        *faults(validate_json(project, [examine(one) for one in shown]), "parex.validate/1"),
    ]
    for one, plan in zip(shown, plans, strict=True):
        found += faults(plan_json(plan, one, project.root), "parex.plan/1")
        if one.tasks:
            found += faults(deps_json(project, one, one.tasks[-1]), "parex.deps/1")
    return found


READING = ("plan", "status", "run", "next", "parallel", "deps", "blocked", "validate")
TOLD = (*READING, "attempts", "attempt", "stop", "report")


@pytest.mark.parametrize("name", schema_names())
def test_every_schema_is_sound(name: str) -> None:
    schema = json.loads(schema_text(name))
    Draft202012Validator.check_schema(schema)
    assert schema["title"]


@pytest.mark.parametrize("name", TOLD)
def test_every_field_is_described(name: str) -> None:
    schema = json.loads(schema_text(f"parex.{name}/1"))
    undescribed = [
        f"{place}.{key}"
        for place, key, value in _properties(schema)
        if "$ref" not in value and "description" not in value
    ]
    assert undescribed == []


def _properties(schema: Any, place: str = "$") -> Iterator[tuple[str, str, Any]]:
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from _properties(item, f"{place}[{number}]")
    elif isinstance(schema, dict):
        named = schema.get("properties")
        for key, value in named.items() if isinstance(named, dict) else ():
            yield place, key, value
        for key, value in schema.items():
            yield from _properties(value, f"{place}.{key}")


def test_an_undocumented_field_is_found() -> None:
    record: dict[str, Any] = {**next_json(Project(ROOT), ()), "surprise": 1}
    assert len(faults(record, "parex.next/1")) == 1


def test_the_samples_are_told_as_documented() -> None:
    assert _all_faults(read_project(locate(REPOSITORY / "sample_tasks", explicit=True))) == []


@pytest.mark.corpus
def test_the_corpus_is_told_as_documented(corpus: Path) -> None:
    found: list[str] = []
    for folder in sorted(path for path in corpus.iterdir() if path.is_dir()):
        found += _all_faults(read_project(locate(folder, explicit=True)))
    assert found == []


@settings(deadline=None)
@given(features())
def test_messy_features_are_told_as_documented(one: Feature) -> None:
    assert _all_faults(Project(root=ROOT, features=(one,))) == []


def test_what_is_known_of_runs_is_told_as_documented() -> None:
    one = read_project(locate(REPOSITORY / "sample_tasks", explicit=True)).features[-1]
    tasks = {
        task.seq: TaskView(task, TaskWaiting("after 01") if task.depends_on else TaskReady(), batch=1, expected=9.5)
        for task in one.tasks
    }
    view = FeatureView(
        feature=one,
        plan=make_plan(one, ROOT),
        batches=(BatchView(1, BatchState.HELD, (), ("01",)),),
        tasks=tasks,
        engine=EngineState.HELD,
    )
    for changed in (view, replace(view, cost=0.25, saved=12.0, message="held")):
        assert faults(status_json(Project(ROOT, features=(one,)), {one.key: changed}), "parex.status/1") == []


def _example(kind: type) -> Any:
    """A notice or event of that kind, every field of it set to something of its type."""
    values: dict[str, Any] = {
        "event": Said(text="hello"),
        "outcome": Outcome(Verdict.FAILED, "why", failure=Failure.CHECK, evidence=(Evidence("a", "missing"),)),
        "together": ("01",),
        "later": (("02", "after 01"),),
        "waiting": (("02", "failed"),),
        "state": ToolState.DONE,
    }
    made: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in values:
            made[field.name] = values[field.name]
        elif field.default is MISSING:
            plain: dict[Any, Any] = {"str": "text", "int": 1, "bool": True, "float": 1.5, "float | None": 1.5}
            made[field.name] = plain[field.type]
    return kind(**made)


@pytest.mark.parametrize("kind", get_args(Notice), ids=lambda kind: kind.__name__)
def test_every_line_of_a_run_is_told_as_documented(kind: type) -> None:
    assert faults(notice_json(_example(kind), 1.0), "parex.run/1") == []


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_of_an_agent_is_told_as_documented(kind: type) -> None:
    assert faults(notice_json(AgentDid("01", 1, _example(kind)), 1.0), "parex.run/1") == []


@pytest.mark.parametrize(
    "notice",
    [
        AgentDid("01", 1, Tool(id="t", tool="bash", state=ToolState.FAILED, exit=-1, added=0, removed=2, at=1.0)),
        AgentDid("01", 1, Usage(cost=0.5)),
        AttemptEnds("01", "T", 1, Outcome(Verdict.VERIFIED, "ended well", cost=0.1)),
        BatchStarts(1, 2, (), (), 4, ""),
        BatchHeld(1, ()),
    ],
)
def test_optional_parts_of_lines_are_documented(notice: Notice) -> None:
    assert faults(notice_json(notice, 1.0), "parex.run/1") == []


def test_the_words_in_the_schemas_are_those_of_the_program() -> None:
    run = json.loads(schema_text("parex.run/1"))["$defs"]["outcome"]["properties"]
    assert set(run["failure"]["enum"]) == {*map(str, Failure), None}
    assert set(run["verdict"]["enum"]) == set(map(str, Verdict))
    plan = json.loads(schema_text("parex.plan/1"))
    assert set(plan["properties"]["barred"]["items"]["properties"]["bar"]["enum"]) == set(map(str, Bar))
    separation = plan["$defs"]["batch"]["properties"]["separations"]["items"]["properties"]
    assert set(separation["why"]["enum"]) == set(map(str, Why))
    known = json.loads(schema_text("parex.status/1"))["$defs"]["run"]["properties"]
    assert set(known["engine"]["enum"]) == set(map(str, EngineState))
    assert set(known["batches"]["items"]["properties"]["state"]["enum"]) == set(map(str, BatchState))


def test_a_whole_run_prints_only_documented_lines(
    tmp_path: Path, state_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--headless", "--json", "--speed", "0", "-C", str(tmp_path / "copy")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["type"] == "end"
    check = validator("parex.run/1")
    assert [error.message[:300] for line in lines for error in check.iter_errors(line)] == []


def test_the_schema_command_lists_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name} " in listed for name in schema_names())
    for word in ("next", "parex.next", "parex.next/1"):
        assert main(["schema", word]) == 0
        assert capsys.readouterr().out == schema_text("parex.next/1")
    assert main(["schema", "parex.nxet/1"]) == 2
    assert "did you mean parex.next/1?" in capsys.readouterr().err
