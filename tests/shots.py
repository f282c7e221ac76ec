"""Writes screenshots/*.svg by playing `parex demo` for real: `python -m tests.shots [folder]`.

The screen, the engine, the keepers and the demo agent are the real ones; only the terminal is Textual's own headless
one. Times and tokens differ from run to run, since they are what really happened.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from textual.pilot import Pilot

from parex_tui.commands.demo import FAILS, FEATURE, samples
from parex_tui.run.conductor import Conductor
from parex_tui.run.limits import Choice
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Command, Do, EngineState, FeatureView
from parex_tui.run.states import TaskRunning
from parex_tui.settings import DemoSettings, Settings
from parex_tui.tasks.layout import locate
from parex_tui.tasks.reader import read_project
from parex_tui.ui.app import ParexApp
from parex_tui.ui.app_base import ExitRequest

FOLDER: Final = Path(__file__).resolve().parent.parent / "screenshots"
MIDDLE: Final = (120, 36)


class Studio:
    """A copy of the samples, its conductor, and a screen that is photographed."""

    def __init__(self, folder: Path, scratch: Path, feature: str) -> None:
        self.folder = folder
        root = scratch / feature
        shutil.copytree(samples(), root)
        location = locate(root, explicit=True)
        found = read_project(location).feature(feature)
        assert found is not None
        self.key = found.key
        settings = replace(Settings(), demo=DemoSettings(fail_seqs=FAILS))
        self.conductor = Conductor(make_setup(location, settings, Choice("demo")), focus=self.key)
        self.conductor.start()

    @property
    def view(self) -> FeatureView:
        """The feature as the screen sees it."""
        return self.conductor.snapshot().features[self.key]

    def running(self, least_seconds: float) -> int:
        """How many tasks have been running for so long."""
        now = time.time()
        states = [task.state for task in self.view.tasks.values()]
        return sum(isinstance(state, TaskRunning) and now - state.since >= least_seconds for state in states)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the run."""
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "the demonstration did not come so far"
            await asyncio.sleep(0.05)

    async def shoot(self, name: str, size: tuple[int, int], keys: Sequence[str] = ()) -> None:
        """A fresh screen of that size, the keys, a picture."""
        app = ParexApp(self.conductor, demo_note="demonstration, no real agent")
        async with app.run_test(size=size) as pilot:
            await self._press(pilot, keys)
            (self.folder / f"{name}-{size[0]}x{size[1]}.svg").write_text(app.export_screenshot(title="parex"), "utf-8")

    async def _press(self, pilot: Pilot[ExitRequest], keys: Sequence[str]) -> None:
        await pilot.pause(0.2)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.3)

    async def close(self) -> None:
        """Stop what runs, and leave nothing behind."""
        self.conductor.send(Command(Do.STOP_ALL, self.key))
        await self.until(lambda: self.running(0.0) == 0)
        self.conductor.close()


async def the_main_job(folder: Path, scratch: Path) -> None:
    """The demo feature from its first batch to its end."""
    studio = Studio(folder, scratch, FEATURE)
    await studio.shoot("ready", MIDDLE)
    studio.conductor.send(Command(Do.RUN, studio.key))
    await studio.until(lambda: studio.view.batches[0].state == "done" and studio.running(4.0) >= 2)
    await studio.shoot("running", MIDDLE)
    await studio.shoot("running", (80, 24))
    await studio.shoot("quit", (100, 30), ["q"])
    await studio.until(lambda: studio.view.engine is EngineState.HELD)
    for size in (MIDDLE, (80, 24), (200, 50)):
        await studio.shoot("gate", size, ["exclamation_mark"])
    await studio.shoot("task", MIDDLE, ["exclamation_mark", "enter", "2"])
    await studio.shoot("help", (80, 24), ["question_mark"])
    await studio.shoot("palette", (100, 30), ["colon"])
    studio.conductor.send(Command(Do.RETRY_FAILED, studio.key))
    await studio.until(lambda: studio.view.engine is EngineState.FINISHED)
    await studio.shoot("finished", MIDDLE)
    await studio.close()


async def a_wide_batch(folder: Path, scratch: Path) -> None:
    """Four at a time out of twelve, on a large terminal."""
    studio = Studio(folder, scratch, "station-import")
    studio.conductor.send(Command(Do.RUN, studio.key))
    await studio.until(lambda: studio.running(3.0) >= 4)
    await studio.shoot("running", (200, 50))
    await studio.close()


async def a_messy_feature(folder: Path, scratch: Path) -> None:
    """Files that are broken in every way that occurs."""
    studio = Studio(folder, scratch, "chart-rewrite")
    await studio.shoot("messy", MIDDLE)
    await studio.close()


async def main(folder: Path) -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_STATE_HOME"] = f"{scratch}/state"
        os.environ["XDG_CONFIG_HOME"] = f"{scratch}/config"
        for take in (the_main_job, a_wide_batch, a_messy_feature):
            await take(folder, Path(scratch))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
