"""What screens and widgets may ask of the app, apart from the app itself, so that nothing imports in a circle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textual.app import App

from parex_tui.run.snapshot import Control, Snapshot

from .glyphs import Glyphs
from .looks import Draw
from .scratch import Scratch
from .theme import Painter


@dataclass(frozen=True, slots=True)
class ExitRequest:
    """How the person left.

    `leave`: attempts still run under their keepers, and nothing follows them; `go_on`: the run is to go on without a
    screen, the next batches included; `stop_all`: they were told to stop.

    `return_code` is the program's: 0, 1 after an error of the screen itself, 128 + number after a signal.
    """

    how: Literal["quit", "leave", "go_on", "stop_all"]
    return_code: int = 0


class DashboardApp(App[ExitRequest]):
    """The parts of the app that screens rely on."""

    control: Control
    painter: Painter
    glyphs: Glyphs
    snapshot: Snapshot
    demo_note: str
    project_title: str
    clock: Callable[[], float]
    quiet_after: float

    def draw(self) -> Draw:
        """What the projections need, at this moment."""
        return Draw(self.glyphs, self.clock(), self.quiet_after)

    def ask_quit(self) -> None:
        """Leave, asking first while workers run."""
        raise NotImplementedError

    async def edit_file(self, feature: str, seq: str) -> None:
        """Open a task's file in the person's editor."""
        raise NotImplementedError

    async def open_file(self, path: Path, line: int | None = None) -> None:
        """Open a file of the project in the person's editor, at a line where it can."""
        raise NotImplementedError

    async def edit_scratch(self, path: Path) -> str:
        """Open a private file in the person's editor and wait for its end; "" or why that cannot be, in one line."""
        raise NotImplementedError

    def keep_scratch(self, scratch: Scratch) -> None:
        """Keep an edited text until the answer to the command that carries it."""
        raise NotImplementedError

    def tell_scratch(self) -> None:
        """Its command was refused: say where the text is."""
        raise NotImplementedError

    def running_names(self) -> list[str]:
        """Names of all tasks that run here."""
        raise NotImplementedError

    def goes_on(self) -> bool:
        """Whether an engine here starts by itself what is next."""
        raise NotImplementedError

    def stop_everything(self) -> None:
        """Tell every engine that runs something to stop it."""
        raise NotImplementedError
