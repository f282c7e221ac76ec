"""Putting a finished feature away, and taking it back.

task.json is changed first, then the folder is moved: killed in between, the feature stands where it was with a status
that is true, and doing it again completes it. What stood in task.json before is noted in that file, so that taking the
feature back gives the very bytes of before, on any machine.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from .edit import Edit, EditError, Made, count_completed, decide_fields, replace_file, timestamp
from .editor import Decide, not_told, refused, shown
from .layout import ARCHIVES, SHELVES, TASK_JSON
from .model import Feature, JsonValue
from .patch import ABSENT, Value

ARCHIVE: Final = "completed"
"""The folder inside a tasks folder into which finished features go."""

OPEN: Final = "active"
"""The folder inside a tasks folder that holds the open features, where there is one."""

BEFORE: Final = "before_archiving"
"""The field of an archived feature's task.json that holds the fields as they were, where archiving changed them."""

_FIELDS: Final = ("status", "completed_at")
_ARCHIVED: Final = "archived"  # as task.json may say it, wherever the feature lies


def open_shelf(tasks_dir: Path) -> Path:
    """Where the open features of a tasks folder stand: in its `active/` if it has one, else in itself."""
    shelf = tasks_dir / OPEN
    return shelf if shelf.is_dir() else tasks_dir


def archive_feature(feature: Feature, root: Path, now: float, *, made: Made = not_told) -> Path:
    """Mark a feature completed at `now` (seconds since the epoch) and move it to `completed/`. Returns its new folder.

    `made` hears of the edit of task.json, at its old place, once the folder is moved.

    Raises:
        EditError: a task is not completed; the feature is archived already, a link or outside the root; its new place
            is taken; or the system refuses. Everything is as it was.
    """
    folder = feature.path
    if folder.parent.name in ARCHIVES:
        raise refused(folder, "it is archived already")
    tasks_dir = folder.parent.parent if folder.parent.name in SHELVES else folder.parent
    shelf = tasks_dir / ARCHIVE
    if folder.name in SHELVES or not (tasks_dir.name == "tasks" or shelf.is_dir()):
        raise refused(folder, f"it does not lie in a tasks folder; to archive it, create {shown(shelf)} first")
    completed, total = count_completed(folder)
    if completed < total or total == 0:
        raise EditError(f"Cannot archive: {completed}/{total} tasks completed")

    def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
        wanted: dict[str, Value] = {}
        if values.get("status") != "completed":
            wanted["status"] = "completed"
        if not values.get("completed_at"):
            wanted["completed_at"] = timestamp(now)
        if wanted:
            wanted[BEFORE] = {key: values[key] for key in _FIELDS if key in values}
        return wanted

    return _move(folder, shelf, root, decide, made)


def unarchive_feature(feature: Feature, root: Path, *, made: Made = not_told) -> Path:
    """Move an archived feature back to the open ones, task.json as it was before it was archived. Its new folder.

    Where task.json holds no note of parex, it stays as it is; but its status `archived` turns `active` in any case. A
    feature that only task.json calls archived stays in its place. `made` hears of the edit of task.json, at its old
    place, once the folder is moved.

    Raises:
        EditError: the feature is not archived, a link or outside the root; its new place is taken; or the system
            refuses. Everything is as it was.
    """
    folder = feature.path

    def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
        before = values.get(BEFORE)
        wanted: dict[str, Value] = {}
        if isinstance(before, dict):
            wanted = {key: before.get(key, ABSENT) for key in _FIELDS} | {BEFORE: ABSENT}
        return wanted | ({"status": "active"} if wanted.get("status", values.get("status")) == _ARCHIVED else {})

    if folder.parent.name not in ARCHIVES:
        if feature.status_text != _ARCHIVED:
            raise refused(folder, "it is not archived")
        decide_fields(folder / TASK_JSON, decide, root=root, made=made)
        return folder
    return _move(folder, open_shelf(folder.parent.parent), root, decide, made)


def _move(folder: Path, shelf: Path, root: Path, decide: Decide, made: Made) -> Path:
    """Change task.json, where there is one, and move the folder; neither or both."""
    target = shelf / folder.name
    if folder.is_symlink() or not folder.is_dir():
        raise refused(folder, "it is a link, not a folder" if folder.is_symlink() else "it is gone")
    if os.path.lexists(target):
        raise refused(folder, f"{shown(target)} is there already; rename one of the two")
    with ExitStack() as stack:
        here = stack.enter_context(_opened(folder.parent, root))
        there = stack.enter_context(_opened(shelf, root, create=True))
        if os.fstat(here).st_dev != os.fstat(there).st_dev:
            raise refused(folder, f"{shown(shelf)} is on another file system; move the folder by hand")
        edit = _edited(folder, root, decide)
        try:
            os.rename(folder.name, folder.name, src_dir_fd=here, dst_dir_fd=there)
        except OSError as error:
            if edit is not None and edit.result != edit.content:
                with suppress(EditError):  # somebody changed it meanwhile: theirs stays
                    replace_file(edit.path, edit.result, edit.content, root=root)
            raise refused(folder, f"cannot be moved to {shown(target)}: {error.strerror}") from None
    if edit is not None:
        made(edit)
    return target


def _edited(folder: Path, root: Path, decide: Decide) -> Edit | None:
    path = folder / TASK_JSON
    return decide_fields(path, decide, root=root, made=not_told) if os.path.lexists(path) else None


@contextmanager
def _opened(folder: Path, root: Path, *, create: bool = False) -> Iterator[int]:
    """A folder below the root that is no link, open. One that had to be created goes again where the rest fails."""
    real, base = os.path.realpath(folder), os.path.realpath(root)
    if os.path.commonpath((real, base)) != base:
        raise refused(folder, f"it leads to {real}, outside the project: parex moves nothing there")
    created = False
    try:
        if create and not os.path.lexists(folder):
            folder.mkdir()
            created = True
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        linked = error.errno in (errno.ELOOP, errno.ENOTDIR)
        reason = "it is no folder, or a link to one" if linked else f"cannot be used: {error.strerror}"
        raise refused(folder, reason) from None
    try:
        yield descriptor
    except EditError:
        if created:
            with suppress(OSError):
                folder.rmdir()
        raise
    finally:
        os.close(descriptor)
