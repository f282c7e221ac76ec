"""Taking back what was done to whole files and folders: a feature that was moved, a task or a feature that was new."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from parex_tui.tasks.edit import ChangedError, EditError, Made, take_back
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.text import clean

from .edits import Entry, Part


def take_back_whole(entry: Entry, root: Path, copy: Callable[[str], bytes | None], made: Made) -> None:
    """Undo `entry`, a move of a folder or new files. `copy` finds the bytes with a digest; `made` hears of edits.

    Raises:
        ChangedError: somebody changed it since; nothing is taken back.
        EditError: the system refuses.
    """
    new = [part for part in entry.parts if not part.before]
    for part in new:
        _check_untouched(root / part.file, part)
    if entry.moved is not None:
        _check_move(root, *entry.moved)
    for part in entry.parts:
        if part.before:
            content = copy(part.before)
            take_back(root / part.file, part.fields, after=part.after, content=content, root=root, made=made)
    try:
        for part in new:
            (root / part.file).unlink()
            with contextlib.suppress(OSError):  # it holds other tasks
                (root / part.file).parent.rmdir()
        if entry.moved is not None:
            old, place = entry.moved
            (root / place).rename(root / old)
    except OSError as error:
        raise EditError(f"{entry.text}: cannot be taken back: {error.strerror or error}") from None


def _check_untouched(path: Path, part: Part) -> None:
    try:
        digest = read(path).digest
    except UnreadableError as error:
        raise ChangedError(f"{clean(str(path))}: {error}") from None
    if digest != part.after:
        raise ChangedError(f"{clean(str(path))}: somebody changed the new file since; delete it by hand if it may go")


def _check_move(root: Path, old: str, place: str) -> None:
    base = os.path.realpath(root)
    for name in (Path(old).parent, Path(place)):
        real = os.path.realpath(root / name)
        if os.path.commonpath((real, base)) != base:
            raise EditError(f"{clean(str(root / name))}: it leads out of the project; move it back by hand")
    if not (root / place).is_dir():
        raise ChangedError(f"{clean(str(root / place))}: the folder is not there any more")
    if os.path.lexists(root / old):
        raise ChangedError(f"{clean(str(root / old))}: there is something else in its old place by now")
