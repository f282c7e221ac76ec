"""Writes screenshots/*.svg out of the program itself: `python -m tests.shots [folder]`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from tests.ui import fakes, pictures
from tests.ui.screens import make_app

FOLDER: Final = Path(__file__).resolve().parent.parent / "screenshots"
SHOTS: Final = (
    ("running-120x36", "running", (120, 36), ()),
    ("running-80x24", "running", (80, 24), ()),
    ("running-200x50", "running", (200, 50), ()),
    ("gate-120x36", "gate", (120, 36), ("exclamation_mark",)),
    ("gate-80x24", "gate", (80, 24), ("exclamation_mark",)),
    ("idle-120x36", "idle", (120, 36), ()),
    ("messy-120x36", "messy", (120, 36), ()),
    ("overview-120x36", "gate", (120, 36), ("enter", "2")),
    ("attempts-100x30", "gate", (100, 30), ("exclamation_mark", "enter", "4")),
    ("help-80x24", "running", (80, 24), ("question_mark",)),
    ("quit-100x30", "running", (100, 30), ("q",)),
    ("palette-100x30", "running", (100, 30), ("colon",)),
)


async def shoot(folder: Path) -> None:
    """Write every picture."""
    for name, picture, size, keys in SHOTS:
        app = make_app(fakes.FakeControl(pictures.PICTURES[picture]()))
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            for key in keys:
                await pilot.press(key)
                await pilot.pause(0.3 if key == "colon" else None)
            (folder / f"{name}.svg").write_text(app.export_screenshot(title="parex"), encoding="utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(shoot(target))
