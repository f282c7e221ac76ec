"""Changes from another thread reach the screen; what has not changed is not painted again; the crash message."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from textual.strip import Strip

from parex_tui.editor import editor_command
from parex_tui.run.snapshot import Snapshot
from parex_tui.ui.app import ParexApp, run_dashboard
from parex_tui.ui.crash import faults_in, message
from parex_tui.ui.panes import pane_heights
from parex_tui.ui.screens.main import MainScreen
from parex_tui.ui.widgets.base import LinesWidget

from . import fakes, pictures
from .screens import make_app, screen_text


class Painted:
    """Counts the lines that are painted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[tuple[str, int]] = []
        real: Callable[[LinesWidget, int], Strip] = LinesWidget.render_line

        def render_line(widget: LinesWidget, y: int) -> Strip:
            self.lines.append((widget.id or type(widget).__name__, y))
            return real(widget, y)

        monkeypatch.setattr(LinesWidget, "render_line", render_line)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true")


async def settled(app: ParexApp, control: fakes.FakeControl, snapshot: Snapshot) -> None:
    """Put a snapshot and wait until it is what the app shows."""
    control.put(snapshot)
    version = control.snapshot().version
    await until(lambda: app.snapshot.version == version)


async def test_the_same_picture_again_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = pictures.running()
    control = fakes.FakeControl(snapshot)
    app = make_app(control)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await settled(app, control, snapshot)
        await pilot.pause()
        painted = Painted(monkeypatch)
        for _ in range(3):
            await settled(app, control, snapshot)
            await pilot.pause()
        assert painted.lines == []


async def test_one_task_that_ends_repaints_its_own_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = pictures.huge()
    control = fakes.FakeControl(snapshot)
    app = make_app(control)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await settled(app, control, snapshot)
        await pilot.pause()
        painted = Painted(monkeypatch)
        view = snapshot.features["huge"]
        done = fakes.verified(view.tasks["0005"].task, 1, 7)
        tasks = {**view.tasks, "0005": done}
        await settled(app, control, replace(snapshot, features={"huge": replace(view, tasks=tasks)}))
        await until(lambda: ("tree", 7) in painted.lines)
        await pilot.pause()
        assert {y for name, y in painted.lines if name == "tree"} == {1, 2, 7}
        assert "✓ 0005 Generated step" in screen_text(app)


async def test_many_changes_at_once_from_many_threads_end_at_the_newest() -> None:
    control = fakes.FakeControl(pictures.idle())
    app = make_app(control)
    shown = [pictures.running(), pictures.gate(), pictures.messy(), pictures.empty()]
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()

        def work(offset: int) -> None:
            for index in range(50):
                control.put(shown[(index + offset) % 4])

        threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
        for thread in threads:
            thread.start()
        await until(lambda: not any(thread.is_alive() for thread in threads))
        control.put(pictures.gate())
        await until(lambda: app.snapshot is control.snapshot())
        await until(lambda: "Batch 2 is held." in screen_text(app))


async def test_seconds_are_counted_only_while_something_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    control = fakes.FakeControl(pictures.idle())
    app = make_app(control)
    real = MainScreen.refresh_view
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()

        def counted(screen: MainScreen) -> None:
            calls.append("x")
            real(screen)

        monkeypatch.setattr(MainScreen, "refresh_view", counted)
        control.put(pictures.running())
        await until(lambda: len(calls) >= 3)  # the frame itself, and two seconds of a running clock
        await settled(app, control, pictures.gate())
        count = len(calls)
        await asyncio.sleep(1.3)
        assert len(calls) == count


async def test_tasks_of_another_feature_are_kept_apart_by_key() -> None:
    snapshot = pictures.running()
    twin = replace(snapshot.features["auth-system"], feature=replace(snapshot.features["auth-system"].feature, key="z"))
    app = make_app(fakes.FakeControl(replace(snapshot, features={**snapshot.features, "z": twin})))
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.press("G")
        await pilot.pause()
        tree = app.screen.query_one("#tree")
        assert getattr(tree, "selected", None) is not None
        assert screen_text(app).count("05 Login route") >= 2


def test_pane_heights_share_all_rows() -> None:
    assert pane_heights([None], 33) == [33]
    assert pane_heights([None, None, 6], 33) == [14, 13, 6]
    assert pane_heights([6, 8], 33) == [17, 16]
    assert pane_heights([None, None, None], 12) == [5, 5, 5]
    assert pane_heights([], 12) == []


async def test_an_error_of_the_screen_ends_it_without_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "sk-do-not-show"

    def broken(screen: MainScreen) -> None:
        hidden = value
        raise ValueError(f"{hidden}")

    app = make_app(fakes.FakeControl(pictures.idle()))
    caught = io.StringIO()
    app.error_console = Console(file=caught, markup=False, highlight=False, width=200)
    monkeypatch.setattr(MainScreen, "refresh_view", broken)
    with pytest.raises(ValueError, match="sk-do"):
        async with app.run_test(size=(80, 24)):
            pass
    assert app.return_code == 1
    told = message(faults_in(caught.getvalue()), None)
    assert value not in told
    assert "ValueError" in told
    assert told.count("\n") == 1


def test_run_dashboard_reports_a_crash_with_code_1_and_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state_home: Path
) -> None:
    monkeypatch.setattr(MainScreen, "refresh_view", lambda screen: 1 / 0)
    real = ParexApp.run
    monkeypatch.setattr(ParexApp, "run", lambda app: real(app, headless=True, size=(80, 24)))
    result = run_dashboard(fakes.FakeControl(pictures.idle()))
    assert result.return_code == 1
    error = capsys.readouterr().err
    assert error.startswith("parex: the screen ended by ZeroDivisionError")
    assert error.count("\n") == 2
    (report,) = (state_home / "parex" / "crashes").iterdir()
    assert str(report) in error
    assert "ZeroDivisionError" in report.read_text()
    assert "parex_tui/ui/" in report.read_text(), "the printed form is cut, but says where in parex it was"


def test_editor_command() -> None:
    path = fakes.ROOT / "a b.json"
    assert editor_command({}, path) == (["vi", str(path)], True)
    assert editor_command({"EDITOR": "nano -w"}, path) == (["nano", "-w", str(path)], True)
    assert editor_command({"VISUAL": "/usr/bin/code --wait", "EDITOR": "vi"}, path)[1] is False
    with pytest.raises(ValueError, match="cannot be read"):
        editor_command({"EDITOR": "'"}, path)


async def test_no_color_writes_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
    app = make_app(fakes.FakeControl(pictures.running()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        strips = [line for widget in app.screen.query(LinesWidget) for line in widget.render_lines(widget.size.region)]
        segments = [segment for strip in strips for segment in strip if segment.text.strip()]
        assert segments
        colours = {segment.style.color for segment in segments if segment.style is not None and segment.style.color}
        assert all(colour.is_default for colour in colours), colours
        assert any(segment.style is not None and segment.style.reverse for segment in segments)
