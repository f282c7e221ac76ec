"""A text in the person's own editor: always a copy, so that nobody ever sees a half-edited task file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parex_tui.cli import UsageError
from parex_tui.editor import editor_command
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.text import clean

from .changing import Refused
from .common import ask, warn


class Copy:
    """A private copy. It goes away after use, unless it is kept because what was written could not be used."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self._data = data
        self._kept = False

    @property
    def is_kept(self) -> bool:
        """Whether it stays."""
        return self._kept

    def keep(self) -> str:
        """Let it stay, and say where."""
        self._kept = True
        return f"what you wrote is kept in {clean(str(self.path))}"

    def edit(self) -> bytes:
        """Open the editor, wait for it, and return what is in the copy then. Raises UsageError, Refused."""
        try:
            argv, takes_terminal = editor_command(os.environ, self.path)
        except ValueError as error:
            raise UsageError(f"{error}; set it to a program") from error
        try:
            code = subprocess.run(argv, check=False).returncode
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"the editor {clean(argv[0])} cannot be started: {reason}; set $EDITOR") from error
        if not takes_terminal and self._read() == self._data:
            self._wait_for_window()
        after = self._read()
        if code != 0:
            kept = f"; {self.keep()}" if after != self._data else ""
            raise Refused(f"the editor ended with exit code {code}, so nothing was changed{kept}")
        return after

    def again(self, reason: str) -> None:
        """What was written cannot be used: ask whether to go on with it. Raises Refused where nobody says so."""
        if not ask(f"parex: {reason}\nOpen it again as you left it?"):
            raise Refused(f"{reason}; nothing was changed; {self.keep()}")

    def _read(self) -> bytes:
        try:
            return read(self.path).data
        except UnreadableError as error:
            kept = "" if error.missing else f"; {self.keep()}"
            raise Refused(f"what the editor left cannot be used: {error}; nothing was changed{kept}") from error

    def _wait_for_window(self) -> None:
        """Some editors return while their window is still open."""
        if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
            print("Save and close it, then press Enter here. ", end="", file=sys.stderr, flush=True)  # noqa: T201
            sys.stdin.readline()


@contextmanager
def copy_of(data: bytes, name: str) -> Iterator[Copy]:
    """A copy of `data` in a private folder, in a file of that name."""
    folder = Path(tempfile.mkdtemp(prefix="parex-"))
    copy = Copy(folder / name, data)
    try:
        copy.path.write_bytes(data)
        yield copy
    except KeyboardInterrupt:
        warn(copy.keep())
        raise
    finally:
        if not copy.is_kept:
            shutil.rmtree(folder, ignore_errors=True)
