"""Ten thousand files that programs might leave behind, through everything that reads: no exception, nothing hidden."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from parex_tui.cli import main
from parex_tui.plan.batches import make_plan
from parex_tui.report.as_json import plan_json, status_json
from parex_tui.report.plan_text import plan_text
from parex_tui.report.status_text import status_text
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.reader import Reader

FILES: Final = int(os.environ.get("PAREX_GENERATED_FILES", "10000"))
PER_FEATURE: Final = 50
KEYS: Final = (
    *("id", "seq", "title", "status", "depends_on", "dependencies", "parallel", "context_files", "reference_files"),
    *("suggested_agent", "acceptance_criteria", "deliverables", "agent_id", "started_at", "completed_at"),
    *("completion_summary", "verification", "phases", "tasks", "objective", "name", "subtask_count", "own field"),
)
STRINGS: Final = (
    *("", "01", "2", "auth-03", "subtask_04.json", "pending", "in_progress", "completed", "blocked", "Done", "null"),
    *(
        "src/app/[id].ts",
        "lib/x.js (new)",
        "/etc/passwd",
        "../../x",
        "C:\\a\\b",
        "Updated train.py with care",
        "**/*.ts",
    ),
    *("\x1b]52;c;eA==\x07", "\u202egnp", "\ud800", "\u0000", "e" + "\u0301" * 500, "[@click=app.quit]x[/]", "x" * 5000),
)
FRAGMENTS: Final = (
    b"\\n",
    b",",
    b"}",
    b'"',
    b": []",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"// x\n",
    b"NaN",
    b"1e999",
    b"{",
)


def a_value(dice: random.Random, depth: int = 0) -> JsonValue:
    """Any JSON value, mostly one that somebody could have meant."""
    kind = dice.randrange(10 if depth < 3 else 6)
    if kind < 3:
        return dice.choice(STRINGS)
    if kind == 3:
        return dice.choice((True, False, None))
    if kind == 4:
        return dice.choice((0, 1, -1, 7, 10**30, 1.5, 2**64 + 1))
    if kind == 5:
        return f"{dice.randrange(1, PER_FEATURE + 2):02d}"
    if kind < 9:
        return [a_value(dice, depth + 1) for _ in range(dice.randrange(5))]
    return {dice.choice((*KEYS, "path", "lines", "reason", "type")): a_value(dice, depth + 1) for _ in range(4)}


def a_file(dice: random.Random, seq: str) -> bytes:
    """A task file: sound, odd, or broken."""
    record: dict[str, JsonValue] = {
        "id": f"f-{seq}",
        "seq": seq,
        "title": f"Task {seq}",
        "status": dice.choice(("pending", "completed", "in_progress", "blocked")),
        "depends_on": [f"{dice.randrange(1, PER_FEATURE):02d}" for _ in range(dice.randrange(3))],
        "parallel": dice.random() < 0.5,
        "deliverables": [f"src/{dice.randrange(20)}.ts"],
    }
    for _ in range(dice.randrange(4)):
        record[dice.choice(KEYS)] = a_value(dice)
    data = json.dumps(record, indent=dice.choice((None, 2, "\t"))).encode()
    for _ in range(dice.choice((0, 0, 0, 1, 2))):
        at = dice.randrange(len(data) + 1)
        data = dice.choice(CUTS)(data, at, dice)
    return data


def _insert(data: bytes, at: int, dice: random.Random) -> bytes:
    return data[:at] + dice.choice(FRAGMENTS) + data[at:]


def _drop(data: bytes, at: int, dice: random.Random) -> bytes:
    return data[:at] + data[at + dice.randrange(1, 20) :]


def _truncate(data: bytes, at: int, dice: random.Random) -> bytes:
    return data[:at]


def _repeat_line(data: bytes, at: int, dice: random.Random) -> bytes:
    lines = data.split(b"\n")
    line = dice.randrange(len(lines))
    return b"\n".join([*lines[: line + 1], *lines[line:]])


CUTS: Final[tuple[Callable[[bytes, int, random.Random], bytes], ...]] = (_insert, _drop, _truncate, _repeat_line)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)
    root = tmp_path_factory.mktemp("generated")
    (root / ".git").mkdir()
    for number in range(FILES // PER_FEATURE):
        folder = root / ".tmp" / "tasks" / f"feature-{number:04d}"
        folder.mkdir(parents=True)
        if dice.random() < 0.9:
            (folder / "task.json").write_bytes(a_file(dice, "00"))
        for seq in range(1, PER_FEATURE + 1):
            (folder / f"subtask_{seq:02d}.json").write_bytes(a_file(dice, f"{seq:02d}"))
    return root, seed


def test_whatever_the_files_hold_they_are_read_planned_and_told(project: tuple[Path, int]) -> None:
    root, seed = project
    reader = Reader(locate(root, explicit=True), wall=lambda: 4e9)  # nothing is being written
    found = reader.read()
    assert len(found.features) == FILES // PER_FEATURE, seed
    for feature in found.features:
        assert len(feature.tasks) == PER_FEATURE, (seed, feature.id)
        plan = make_plan(feature, root)
        placed = sorted([*(seq for batch in plan.batches for seq in batch.seqs), *(one.seq for one in plan.barred)])
        assert placed == sorted(task.seq for task in feature.tasks), (seed, feature.id)
        for task in feature.tasks:
            if not task.readable:
                assert any(one.severity is Severity.ERROR for one in task.problems), (seed, task.path)
        for text in (plan_text(plan, feature), status_text(found, feature)):
            assert is_shown_safely(text), (seed, feature.id)
        json.dumps([plan_json(plan, feature, root), status_json(found, features=[feature])]).encode()


def is_shown_safely(text: str) -> bool:
    """Whether no character of it can do anything to a terminal."""
    return all(char == "\n" or char.isprintable() for char in text)


@pytest.mark.parametrize("command", ["status", "next", "parallel", "blocked", "validate"])
def test_every_reading_command_goes_through_all_of_them(
    project: tuple[Path, int], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root, seed = project
    assert main([command, "-C", str(root)]) in ((0, 1) if command == "validate" else (0,)), seed
    text = capsys.readouterr().out
    assert "feature-0000" in text or command in ("next", "parallel", "blocked"), seed
    assert is_shown_safely(text), seed
    assert main([command, "-C", str(root), "--json"]) in ((0, 1) if command == "validate" else (0,)), seed
    assert json.loads(capsys.readouterr().out)["schema"] == f"parex.{command}/1", seed
