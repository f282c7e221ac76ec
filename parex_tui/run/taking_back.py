"""Taking back what was done to whole files and folders: a feature that was moved, a task or a feature that was new.

Every step can be done again: killed in between, the next try goes on from there. What is to be deleted is first given
another name, so that nobody writes to it between the look at it and its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from parex_tui.tasks.edit import ChangedError, EditError, Made, take_back
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.layout import TASK_JSON
from parex_tui.tasks.text import clean

from .edits import Entry, Part

Copy = Callable[[str], bytes | None]
"""Finds the bytes with a SHA-256."""


def take_back_whole(entry: Entry, root: Path, copy: Copy, made: Made) -> None:
    """Undo `entry`, a move of a folder or new files. `made` hears of the edits of other files.

    Raises:
        ChangedError: somebody changed it since; nothing is taken back.
        EditError: the system refuses.
    """
    try:
        if entry.moved is not None:
            _move_back(entry, root, entry.moved, copy, made)
        else:
            _delete_new(entry, root, copy, made)
    except OSError as error:
        raise EditError(f"{entry.text}: cannot be taken back: {error.strerror or error}") from None


def _move_back(entry: Entry, root: Path, moved: tuple[str, str], copy: Copy, made: Made) -> None:
    """The folder first, then its task.json."""
    old, place = (root / one for one in moved)
    _check_below(root, old.parent)
    _check_below(root, place)
    is_back = not os.path.lexists(place) and old.is_dir() and not old.is_symlink()
    if not is_back:
        if not place.is_dir():
            raise ChangedError(f"{clean(str(place))}: the folder is not there any more")
        if os.path.lexists(old):
            raise ChangedError(f"{clean(str(old))}: there is something else in its old place by now")
        old.parent.mkdir(parents=True, exist_ok=True)
        place.rename(old)
    try:
        for part in entry.parts:
            _put_back(old / TASK_JSON, part, root, copy, made)
    except EditError:
        if not is_back:
            old.rename(place)
        raise


def _delete_new(entry: Entry, root: Path, copy: Copy, made: Made) -> None:
    asides: list[tuple[Path, Path]] = []
    try:
        for part in entry.parts:
            if not part.before:
                path = root / part.file
                place = path.parent if path.name == TASK_JSON else path  # a new feature is its folder
                _check_below(root, place.parent)
                asides.append((place, _set_aside(place)))
                _check_untouched(place, asides[-1][1], part)
        for part in entry.parts:
            if part.before:
                _put_back(root / part.file, part, root, copy, made)
    except EditError:
        for place, aside in asides:
            if not os.path.lexists(place):
                aside.rename(place)
        raise
    for _, aside in asides:
        if aside.is_dir():
            (aside / TASK_JSON).unlink()
            aside.rmdir()
        else:
            aside.unlink()


def _set_aside(place: Path) -> Path:
    aside = place.with_name(f".{place.name}.undone")
    if os.path.lexists(place):
        place.rename(aside)
    elif not os.path.lexists(aside):
        raise ChangedError(f"{clean(str(place))}: it is gone")
    return aside


def _check_untouched(place: Path, aside: Path, part: Part) -> None:
    """Only what parex made goes. Raises ChangedError."""
    is_folder = aside.is_dir() and not aside.is_symlink()
    if is_folder and [path.name for path in aside.iterdir()] != [TASK_JSON]:
        raise ChangedError(f"{clean(str(place))}: there is more in it by now; delete it by hand if it may go")
    try:
        digest = read(aside / TASK_JSON if is_folder else aside).digest
    except UnreadableError as error:
        raise ChangedError(f"{clean(str(place))}: {error}") from None
    if digest != part.after:
        raise ChangedError(f"{clean(str(place))}: somebody changed the new file since; delete it by hand if it may go")


def _put_back(path: Path, part: Part, root: Path, copy: Copy, made: Made) -> None:
    with suppress(UnreadableError):  # what is wrong with it is told by the edit
        if read(path).digest == part.before:
            return
    take_back(path, part.fields, after=part.after, content=copy(part.before), root=root, made=made)


def _check_below(root: Path, path: Path) -> None:
    real, base = os.path.realpath(path), os.path.realpath(root)
    if os.path.commonpath((real, base)) != base:
        raise EditError(f"{clean(str(path))}: it leads out of the project; move it back by hand")
