"""`parex plan` as text: the promised batch view, then what parex has to say about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from parex_tui.plan.batches import make_plan
from parex_tui.report.plan_text import plan_text
from parex_tui.report.wording import WIDTH, duration
from parex_tui.tasks.model import Feature, Status, Task
from parex_tui.tasks.problems import Problem, Severity
from tests.plan.making import ROOT, feature, features, task


def _text(one: Feature, expected: dict[str, float] | None = None, slots: int = 4) -> str:
    return plan_text(make_plan(one, ROOT), one, expected=expected, slots=slots)


def test_the_promised_view_stands_there_line_for_line() -> None:
    text = _text(feature(task("01"), task("02"), task("03", after=["01", "02"])))
    lines = [line for line in text.splitlines() if line.startswith(("Batch", "- "))]
    assert lines == [
        "Batch 1 (Ready now):",
        "- subtask_01.json (parallel: true)",
        "- subtask_02.json (parallel: true)",
        "Batch 2 (After Batch 1):",
        '- subtask_03.json (depends_on: ["01", "02"])',
    ]
    before = text.splitlines()[text.splitlines().index("Batch 2 (After Batch 1):") - 1]
    assert before == ""


def test_the_whole_text() -> None:
    one = feature(
        task("01", title="Schema", status=Status.COMPLETED),
        task("02", title="Login route", after=["01"], writes=["src/auth/jwt.ts"]),
        task("03", title="Token service", after=["01"], writes=["src/auth/jwt.ts"], status=Status.IN_PROGRESS),
        task("04", title="Docs", after=["01"], parallel=False),
        task("05", title="Lost", after=["42"]),
        name="Auth system",
    )
    expected = {"01": 100.0, "02": 120.0, "03": 300.0, "04": 45.0}
    assert _text(one, expected, slots=2) == (
        "demo: Auth system\n"
        "5 tasks in 2 batches, 1 completed, 1 cannot run\n"
        "About 8 m with 2 slots, 8 m one after another\n"
        "\n"
        "Batch 1 (Done):\n"
        "- subtask_01.json (parallel: true)\n"
        "    01 Schema · completed\n"
        "\n"
        "Batch 2 (Ready now):\n"
        '- subtask_02.json (depends_on: ["01"])\n'
        "    02 Login route · about 2 m\n"
        '- subtask_03.json (depends_on: ["01"])\n'
        "    03 Token service · in_progress · about 5 m\n"
        '- subtask_04.json (depends_on: ["01"]) (parallel: false)\n'
        "    04 Docs · about 45 s\n"
        "  ~ 02 and 03 not at the same time: both write src/auth/jwt.ts\n"
        "  ~ 04 runs alone: it is not marked parallel\n"
        "\n"
        "Cannot run:\n"
        "- subtask_05.json\n"
        "    05 Lost\n"
        "    depends on 42, which does not exist\n"
    )


def test_a_batch_waits_for_the_last_one_that_is_not_done() -> None:
    text = _text(
        feature(task("01"), task("02", after=["01"], status=Status.COMPLETED), task("03", after=["02"])),
    )
    assert "Batch 1 (Ready now):" in text
    assert "Batch 2 (Done):" in text
    assert "Batch 3 (After Batch 1):" in text


def test_the_forecast_names_slots_gain_and_longest_chain() -> None:
    one = feature(task("01"), task("02"), task("03"), task("04", after=["02"]))
    text = _text(one, {"01": 600.0, "02": 600.0, "03": 600.0, "04": 4_200.0})
    assert "3 tasks" not in text
    assert "4 tasks in 2 batches; up to 3 can start together" in text
    assert "About 1 h 20 m with 4 slots, 1 h 40 m one after another; longest chain 02 →" in text


def test_an_empty_feature_says_so() -> None:
    assert _text(feature()) == "demo: Demo\n0 tasks in 0 batches\n\nNo tasks.\n"


def test_an_unreadable_file_names_the_place_of_its_fault() -> None:
    broken = task("01", readable=False)
    fault = Problem(Severity.ERROR, "json.invalid", broken.path, "expected a comma", "add it", 5, 22)
    note = Problem(Severity.NOTE, "other", broken.path, "not this")
    text = _text(feature(replace(broken, problems=(fault, note))))
    assert "Cannot run:\n- subtask_01.json\n" in text
    assert "    subtask_01.json:5:22: expected a comma\n" in text
    assert "not this" not in text


def test_file_names_are_cleaned() -> None:
    hostile = task("01", name="subtask_01\x1b[31m.json")
    barred = task("02", readable=False, name="subtask_02\x1b]0;x\x07.json")
    text = _text(feature(hostile, barred))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "- subtask_01␛[31m.json (parallel: true)" in text


def test_long_words_and_titles_stay_within_eighty_columns() -> None:
    long = task("01", title="Describe every chart in words " * 6)
    vague = task("02", writes=["A very long sentence about everything that will be done " * 4])
    text = _text(feature(long, vague))
    assert max(len(line) for line in text.splitlines()) <= WIDTH


@given(features())
def test_every_file_is_listed_exactly_once(one: Feature) -> None:
    text = _text(one)
    listed = [line.split()[1] for line in text.splitlines() if line.startswith("- ")]
    assert sorted(listed) == sorted(task.path.name for task in one.tasks)
    assert text.endswith("\n")


def test_ten_thousand_tasks_that_cannot_run_are_listed() -> None:
    tasks: list[Task] = [task(f"{number:05d}", after=["none"]) for number in range(10_000)]
    assert _text(feature(*tasks)).count("\n- subtask_") == 10_000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (45.4, "45 s"), (59.6, "1 m"), (89, "1 m"), (3_570, "1 h 00 m"), (7_500, "2 h 05 m"), (-1, "–")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_feature_outside_the_root_is_told_as_well() -> None:
    elsewhere = Path("/elsewhere/tasks/demo")
    one = replace(feature(replace(task("01"), path=elsewhere / "subtask_01.json")), path=elsewhere)
    assert "- subtask_01.json (parallel: true)" in _text(one)
