"""The whole screen as text, at four sizes. Rewrite the stored ones with PAREX_UPDATE_SNAPSHOTS=1, and read them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from parex_tui.ui.glyphs import STATES, UNICODE

from . import fakes, pictures
from .screens import check_snapshot, make_app, screen_text

SIZES = [(40, 12), (80, 24), (120, 36), (200, 50)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", list(pictures.PICTURES))
async def test_main_screen(name: str, size: tuple[int, int]) -> None:
    app = make_app(fakes.FakeControl(pictures.PICTURES[name]()))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = screen_text(app)
    check_snapshot(f"{name}-{size[0]}x{size[1]}", text)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", list(pictures.PICTURES))
async def test_nothing_overflows_and_counts_are_never_dropped(name: str, size: tuple[int, int]) -> None:
    app = make_app(fakes.FakeControl(pictures.PICTURES[name]()))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        rows = screen_text(app).splitlines()
    assert len(rows) == size[1]
    assert all(cell_len(row) <= size[0] for row in rows)
    view = next(iter(pictures.PICTURES[name]().features.values()))
    counted = sum(int(count) for sign, count in re.findall(r"(\S) ?(\d+)", rows[0]) if sign in _SIGNS)
    assert counted == len(view.tasks)
    assert ("demo" in rows[0]) == view.is_demo


_SIGNS = {UNICODE.of(name) for name in STATES}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("task-output", ["enter"]),
        ("task-overview", ["enter", "2"]),
        ("task-attempts", ["enter", "4"]),
        ("panes", ["tab"]),
        ("help", ["question_mark"]),
        ("stop", ["x"]),
        ("quit", ["q"]),
        ("find", ["slash", "l", "o", "g"]),
        ("zoom", ["z"]),
    ],
)
async def test_other_screens(name: str, keys: list[str]) -> None:
    app = make_app(fakes.FakeControl(pictures.running()))
    async with app.run_test(size=(80, 24)) as pilot:
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        text = screen_text(app)
    check_snapshot(f"{name}-80x24", text)


async def test_json_with_its_problem(tmp_path: Path) -> None:
    snapshot = pictures.messy()
    broken = snapshot.features["legacy-import"].tasks["03"].task.problems[0]
    rows = ['  "a": 1,'] * 10
    text = "\n".join(["{", *rows, '  "completion_summary": "no comma before"', "}"])
    path = tmp_path / "subtask_03.json"
    path.write_text(text)
    from parex_tui.ui.files import listing, read_shown

    lines, note = read_shown(path, tmp_path)
    assert note == ""
    shown = [line.text for line in listing(lines, 120, (broken,), "⚠", colour=True).lines]
    assert shown[11].startswith('⚠12    "completion_summary"')
    assert shown[12].strip().startswith("column 3: a comma is missing")
    assert shown[13].startswith(" 13  }")


async def test_empty_project_says_where_it_looks() -> None:
    app = make_app(fakes.FakeControl(pictures.empty()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "enter", "r", "slash", "escape", "z")
        await pilot.pause()
        assert "no features yet" in screen_text(app)
    app = make_app(fakes.FakeControl(pictures.empty()))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        assert "No features below /home/dev/shop yet." in screen_text(app)


async def test_ascii_screen_has_no_other_character() -> None:
    app = make_app(fakes.FakeControl(pictures.running()), ascii_only=True)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        text = screen_text(app)
    assert [char for char in text if not char.isascii()] == []
    assert "> 05 Login route" in text


async def test_demo_note_is_shown_where_there_is_room() -> None:
    snapshot = pictures.messy()
    app = make_app(fakes.FakeControl(snapshot), demo_note="no agent, no account")
    async with app.run_test(size=(140, 36)) as pilot:
        await pilot.pause()
        assert " demo   no agent, no account" in screen_text(app).splitlines()[0]
