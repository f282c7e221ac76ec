"""The screen as text, out of the picture that the program itself exports; and an app with a clock that stands still."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path

from rich.cells import cell_len

from parex_tui.run.snapshot import Control
from parex_tui.ui.app import ParexApp

from .fakes import NOW

SNAPSHOTS = Path(__file__).parent / "snapshots"
_TEXT = re.compile(r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>(.*?)</text>')
_CELL = 12.2
_LINE = 24.4


def make_app(control: Control, *, ascii_only: bool = False, demo_note: str = "") -> ParexApp:
    """An app whose time is `NOW` for ever."""
    return ParexApp(control, clock=lambda: NOW, ascii_only=ascii_only, demo_note=demo_note)


def screen_text(app: ParexApp) -> str:
    """What the terminal shows, one line a row, without blanks at the ends."""
    width, height = app.size
    rows = [[" "] * width for _ in range(height)]
    for x, y, _, text in _TEXT.findall(app.export_screenshot()):
        column = round(float(x) / _CELL)
        row = int(float(y) // _LINE)
        place = column
        for char in html.unescape(text).replace("\xa0", " "):
            if row < height and place < width:
                rows[row][place] = char
                if cell_len(char) == 2 and place + 1 < width:
                    rows[row][place + 1] = ""
            place += cell_len(char)
    return "\n".join("".join(row).rstrip() for row in rows) + "\n"


def check_snapshot(name: str, text: str) -> None:
    """Compare with the stored text; PAREX_UPDATE_SNAPSHOTS=1 writes it instead."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("PAREX_UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert path.is_file(), f"{path} is missing: run once with PAREX_UPDATE_SNAPSHOTS=1 and read it"
    assert text == path.read_text(encoding="utf-8")
