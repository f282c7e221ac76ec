"""A private file that holds a text while a person edits it. It is kept until the text has found its place."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from parex_tui.tasks.scan import SIZE_LIMIT


@dataclass(frozen=True, slots=True)
class Scratch:
    """A file in a folder of its own that nobody else can read."""

    path: Path

    @classmethod
    def of(cls, name: str, text: str, suffix: str) -> Scratch:
        """A new file called after `name`, with `text` in it. Raises OSError."""
        folder = Path(tempfile.mkdtemp(prefix="parex-"))
        plain = re.sub(r"[^A-Za-z0-9_]+", "-", name)[:60].strip("-") or "value"
        scratch = cls(folder / f"{plain}{suffix}")
        scratch.path.write_bytes(text.encode())
        return scratch

    def text(self) -> str:
        """What it holds now; line ends of any kind are newlines.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not UTF-8, or too large for a task file; one line.
        """
        with self.path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
        if len(data) > SIZE_LIMIT:
            raise ValueError("the text is too large for a task file")
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            raise ValueError("the text is not UTF-8") from None

    def discard(self) -> None:
        """Remove it with what its editor left beside it; what cannot be removed stays."""
        try:
            for path in [self.path, *self.path.parent.glob(".*"), *self.path.parent.glob("*~")]:
                path.unlink(missing_ok=True)
            self.path.parent.rmdir()
        except OSError:
            return
