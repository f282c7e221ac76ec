"""The tree's rows: which there are, how they fold by themselves, how each reads."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len

from parex_tui.run.snapshot import BatchState, BatchView, EngineState, Snapshot
from parex_tui.run.states import TaskElsewhere, TaskReady
from parex_tui.ui.glyphs import ASCII, STATES, UNICODE
from parex_tui.ui.looks import Draw
from parex_tui.ui.rows import Row, RowId, RowKind, build_rows, row_line
from parex_tui.ui.search import Query

from . import fakes, pictures

DRAW = Draw(UNICODE, fakes.NOW)


def texts(snapshot: Snapshot, width: int = 46, query: str = "", selected: RowId | None = None) -> list[str]:
    rows = build_rows(snapshot, {}, selected, Query.parse(query), DRAW)
    return [row_line(row, snapshot, width, DRAW).text.rstrip() for row in rows]


def test_a_running_feature_reads_as_designed() -> None:
    assert texts(pictures.running()) == [
        "▾ auth-system                             4/11",
        "  ▸ Batch 1                     ✓ 3 of 3  6:02",
        "  ▾ Batch 2                    running  1 of 5",
        "    ✓ 04 Password hashing                 3:22",
        "    ▶ 05 Login route                      2:14",
        "    ▶ 06 JWT service                      2:14",
        "    · 07 Refresh tokens               after 06",
        "    ✗ 08 Logout                       rejected",
        "  ▸ Batch 3              waits for 2 · 2 tasks",
        "  ▸ Batch 4               waits for 2 · 1 task",
        "",
        "▸ billing-export                           0/6",
        "▸ search-index             ⚠ 1 unreadable  3/9",
    ]


def test_every_state_has_its_own_sign_and_a_word() -> None:
    shown = texts(pictures.messy(), 60)
    for part in (
        "✓ 01 Read the old tables",
        "claimed",
        "⊘ 04",
        "blocked",
        "◇ 05",
        "stale 3 h",
        "▶ 06",
        "in progress",
        "quiet 4 m",
        "✗ 08",
        "lost",
        "■ 09",
        "stopped",
        "» 10",
        "skipped",
        "checking",
        "⚠ 12",
        'unknown status "Done-ish"',
        "Not planned",
        "elsewhere",
        "archived",
        "no tasks",
    ):
        assert any(part in row for row in shown), part


def test_signs_differ_in_shape_and_take_one_cell() -> None:
    for table in (UNICODE, ASCII):
        signs = [table.of(name) for name in STATES]
        assert len(set(signs)) == len(signs)
        assert all(cell_len(sign) == 1 for sign in signs)
    assert all(sign.isascii() for sign in (ASCII.of(name) for name in STATES))


def test_wide_characters_keep_the_right_edge() -> None:
    rows = [row for row in texts(pictures.messy(), 50) if "表" in row]
    assert [cell_len(row) for row in rows] == [50]


def test_a_done_batch_folds_when_the_turn_goes_on_unless_a_person_opened_it_or_is_in_it() -> None:
    snapshot = pictures.running()
    first = RowId(RowKind.BATCH, "auth-system", 1)

    def is_open(folds: dict[RowId, bool], selected: RowId | None) -> bool | None:
        rows = build_rows(snapshot, folds, selected, None, DRAW)
        return next(row.open for row in rows if row.id == first)

    assert is_open({}, None) is False
    assert is_open({first: True}, None) is True
    assert is_open({}, RowId(RowKind.TASK, "auth-system", 0, "02")) is True
    assert is_open({first: False}, RowId(RowKind.TASK, "auth-system", 0, "02")) is False


def test_the_last_batch_stays_open_when_all_is_done() -> None:
    tasks = [fakes.verified(fakes.task("01", "Only"), 1, 3)]
    view = fakes.feature_view(tasks, (BatchView(1, BatchState.DONE, ("01",)),), engine=EngineState.RUNNING)
    assert [row.open for row in build_rows(fakes.snapshot(view), {}, None, None, DRAW)] == [True, True, None]


def test_find_by_words_and_status() -> None:
    snapshot = pictures.running()
    assert [row for row in texts(snapshot, query="login") if "05" in row]
    assert texts(snapshot, query="LOGIN route coder") == texts(snapshot, query="login route")
    failed = texts(snapshot, query="status:failed")
    assert [row.split()[1] for row in failed if row.startswith("    ")] == ["08"]
    assert texts(snapshot, query="status:failed login") == []
    assert texts(snapshot, query="status:in-progress status:running")
    assert Query.parse("   ") is None
    assert Query.parse("status:") is None


def test_a_half_written_file_is_said_to_be_updating() -> None:
    snapshot = pictures.idle()
    view = snapshot.features["auth-system"]
    four = view.tasks["04"]
    changed = replace(four, task=replace(four.task, updating=True))
    snapshot = replace(snapshot, features={"auth-system": replace(view, tasks={**view.tasks, "04": changed})})
    row = Row(RowId(RowKind.TASK, "auth-system", 0, "04"))
    assert row_line(row, snapshot, 40, DRAW).text.endswith("updating")


def test_rows_of_a_batch_whose_task_vanished_are_left_out() -> None:
    tasks = [fakes.view(fakes.task("01", "Here"), TaskReady(), 1)]
    view = fakes.feature_view(tasks, (BatchView(1, BatchState.READY, ("01", "02")),))
    kinds = [row.id.kind for row in build_rows(fakes.snapshot(view), {}, None, None, DRAW)]
    assert kinds == [RowKind.FEATURE, RowKind.BATCH, RowKind.TASK]


def test_five_thousand_rows_are_one_row_a_task() -> None:
    assert len(build_rows(pictures.huge(), {}, None, None, DRAW)) == 5_002


def test_where_nothing_runs_the_next_feature_is_open_and_broken_ones_before_it_are_not() -> None:
    stuck = [fakes.view(fakes.task("01", "Stale", feature="a"), TaskElsewhere(fakes.NOW - 9e4, True), 1)]
    broken = fakes.feature_view(stuck, (BatchView(1, BatchState.HELD, ("01",), ("01",)),), folder="a")
    snapshot = fakes.snapshot(broken, fakes.small_feature("b", 0, 2), fakes.small_feature("c", 0, 2))
    rows = build_rows(snapshot, {}, None, None, DRAW)
    assert [(row.id.feature, row.open) for row in rows if row.id.kind is RowKind.FEATURE] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]


def test_a_time_is_never_cut_for_a_long_name() -> None:
    tasks = [fakes.verified(fakes.task("01", "A very long name of a task, longer than the row"), 1, 7)]
    view = fakes.feature_view(tasks, (BatchView(1, BatchState.DONE, ("01",)),))
    assert row_line(Row(RowId(RowKind.TASK, view.key, 0, "01")), fakes.snapshot(view), 30, DRAW).text.endswith("  0:07")
