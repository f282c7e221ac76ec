"""What the changing commands tell: the reference tool's lines, and JSON that keeps every value exact."""

from __future__ import annotations

import json
from pathlib import Path

from parex_tui.report.changed_text import (
    Changed,
    changed_json,
    conflict_lines,
    conflicts_json,
    field_lines,
    marked_lines,
)
from parex_tui.report.wording import relative
from parex_tui.run.snapshot import Conflict
from parex_tui.tasks.edit import Edit
from parex_tui.tasks.text import is_plain

ROOT = Path("/project")
FILE = ROOT / ".tmp" / "tasks" / "auth" / "subtask_01.json"
HOSTILE = "\x1b]0;title\x07\u202e"


def test_a_marked_task_is_told_as_the_reference_tool_tells_it() -> None:
    assert "\n".join(marked_lines("auth/01", "completed", (6, 11), summary="Done")) == (
        "\n✓ Marked auth/01 as completed\n  Summary: Done\n  Progress: 6/11"
    )
    assert "\n".join(marked_lines("auth/01", "blocked", (0, 1))) == "\n✓ Marked auth/01 as blocked\n  Progress: 0/1"


def test_a_field_is_told_with_both_values_and_hostile_ones_are_shown_literally() -> None:
    edit = Edit(FILE, changed=("title", "x", "gone"), old={"title": "A", "gone": 1}, new={"title": HOSTILE, "x": [1]})
    lines = field_lines(edit)
    assert lines[1:] == ("  x: (not there) → [1]", "  gone: 1 → (not there)")
    assert lines[0].startswith('  title: "A" → "')
    assert all(is_plain(line) for line in lines)


def test_json_keeps_values_exact_and_tells_absent_from_null() -> None:
    edit = Edit(FILE, b"1", b"2", ("title", "x"), {"title": None}, {"title": HOSTILE, "x": None})
    record = changed_json(Changed("edit", "auth", "01", lines=("", "✓ Changed"), edits=(edit,)), ROOT)
    first, second = json.loads(json.dumps(record))["changes"]
    assert first == {"file": ".tmp/tasks/auth/subtask_01.json", "field": "title", "before": None, "after": HOSTILE}
    assert "before" not in second
    assert (record["done"], record["reason"], record["lines"]) == (True, None, ["✓ Changed"])


def test_a_change_of_layout_alone_is_a_change_and_no_change_is_none() -> None:
    layout = changed_json(Changed("edit", edits=(Edit(FILE, b"{}", b"{ }"),)), ROOT)
    assert layout["changes"] == [{"file": ".tmp/tasks/auth/subtask_01.json", "field": None}]
    assert changed_json(Changed("edit", edits=(Edit(FILE, b"{}", b"{}"),)), ROOT)["changes"] == []


def test_a_refusal_is_not_done() -> None:
    record = changed_json(Changed("start", "auth", "01", reason="it is completed"), ROOT)
    assert (record["done"], record["reason"]) == (False, "it is completed")


def test_a_conflict_shows_both_values_and_what_can_be_done() -> None:
    conflict = Conflict(3, FILE, "title", '"ours"', "", 5.0, "they changed it")
    text = "\n".join(conflict_lines([conflict], ROOT))
    assert "3  .tmp/tasks/auth/subtask_01.json  title: they changed it" in text
    assert '    ours    "ours"' in text
    assert "    theirs  (not there)" in text
    assert "--insist N" in text
    (record,) = json.loads(json.dumps(conflicts_json([conflict], ROOT)))["conflicts"]
    assert (record["ours"], record["theirs"]) == ('"ours"', None)
    assert conflict_lines([], ROOT) == ("No conflicts.",)


def test_paths_outside_the_root_stay_whole() -> None:
    assert relative(Path("/elsewhere/x"), ROOT) == "/elsewhere/x"
