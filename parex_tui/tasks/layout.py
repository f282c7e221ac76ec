"""Where task files lie: the project root, the folders that hold features, and the features in them."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from .problems import Problem, Severity
from .text import clean

TASK_JSON: Final = "task.json"
USUAL: Final = Path(".tmp", "tasks")
OTHERS: Final = (Path(".opencode", "tmp", "tasks"),)
ARCHIVES: Final = frozenset({"completed", "archive", "archived"})
"""Folders inside a tasks folder that hold finished features."""
SHELVES: Final = ARCHIVES | {"active"}
"""Folders inside a tasks folder that hold features and are none themselves."""

_TASK_FILE: Final = re.compile(r"subtask[_-]([0-9]{1,6})(?:[_-].*)?\.json", re.DOTALL)
_SLUG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", re.ASCII)
_MARKERS: Final = (".git", "package.json")
_BUILT: Final = {"build", "dist", "out", "site-packages", "target", "vendor"}
_SKIPPED: Final = _BUILT | {".cache", ".git", ".hg", ".svn", ".tmp", ".venv", "__pycache__", "node_modules", "venv"}
_SEARCH_DEPTH: Final = 3  # packages/x and apps/group/x
_SEARCH_FOLDERS: Final = 2_000


class NotFoundError(Exception):
    """No tasks where they were looked for: one line with what to do."""


@dataclass(frozen=True, slots=True)
class Location:
    """A project. `root` is absolute; everything of it lies below. `tasks_dirs` hold its features.

    A tasks folder need not exist (yet), and may be a feature folder itself where the user named one.
    """

    root: Path
    tasks_dirs: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class FeatureFolder:
    """A folder with at least one task file.

    `shelf` is the tasks folder that it belongs to, the same before and after it moves to `completed/` or `active/`.
    `files` are its task files' names as the file system has them, task.json first, then by number; `links` those of
    them that are symbolic links, "" for the folder itself.
    """

    path: Path
    shelf: Path
    archived: bool
    files: tuple[str, ...]
    links: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)  # every feature has the same names, and every scan asks for all of them
def task_number(name: str) -> str | None:
    """The digits in a subtask file's name (`"01"` of `subtask_01_fix.json`), or None where it is no such name."""
    match = _TASK_FILE.fullmatch(name)
    return None if match is None else match.group(1)


def locate(start: Path, *, explicit: bool) -> Location:
    """The project that `start` belongs to.

    Without `explicit`, `start` is the working directory: the root is the nearest folder at or above it with `.git` or
    `package.json`; where that one has no tasks and is inside a repository, the next one above that has. With
    `explicit`, `start` is what the user named and wins: a project root, a tasks folder, a feature folder, or a task
    file of one.

    Raises:
        NotFoundError: there is no project, or the named path is none of these.
    """
    here = Path(os.path.abspath(start))  # noqa: PTH100 - links in the path stay as the user wrote them
    return _named(here) if explicit else _around(here)


def _around(here: Path) -> Location:
    first: Path | None = None
    for folder in (here, *here.parents):
        if not _is_root(folder):
            continue
        first = first or folder
        if found := _tasks_dirs(folder):
            return _with_usual(folder, found)
        if _exists(folder / ".git"):
            break
    if first is not None:
        return _with_usual(first, ())
    # Below the root of the file system lies everything, other systems' files and processes too: no place to search.
    if here.parent != here and (found := _tasks_dirs(here)):
        return _with_usual(here, found)
    raise NotFoundError(
        f"no project at {_show(here)} or above it (no .git, package.json or {USUAL}): "
        "change to a project's folder or name one"
    )


def _named(here: Path) -> Location:
    if is_task_file(here.name) and not here.is_dir() and _exists(here):
        here = here.parent
    if not here.is_dir():
        fault = "is not a folder" if _exists(here) else "does not exist"
        raise NotFoundError(f"{_show(here)} {fault}: name a project, a tasks folder or a feature folder")
    if has_task_file(here):
        return Location(_root_above(here), (here,))
    found = _tasks_dirs(here)
    if not (found and _is_root(here)) and _is_tasks_folder(here):
        return Location(_root_above(here), (here,))
    if found or _is_root(here):
        return _with_usual(here, found)
    raise NotFoundError(f"no tasks in {_show(here)}: name a project, a tasks folder or a feature folder")


def _with_usual(root: Path, found: tuple[Path, ...]) -> Location:
    """The usual tasks folder counts even before it is there, so that it is seen when it is created."""
    return Location(root, found if root / USUAL in found else (root / USUAL, *found))


def _root_above(folder: Path) -> Path:
    """A tasks or feature folder's root: the nearest marked one, else what holds the usual path, else its parent."""
    for above in (folder, *folder.parents):
        if _is_root(above):
            return above
    for above in folder.parents:
        for usual in (USUAL, *OTHERS):
            if folder.is_relative_to(above / usual):
                return above
    return folder.parent


def _is_root(folder: Path) -> bool:
    return any(_exists(folder / marker) for marker in _MARKERS)


def _is_tasks_folder(folder: Path) -> bool:
    """Whether features lie directly in it, or it is a tasks folder by its name and may get some."""
    return _is_usual(folder) or any(True for _ in _shelved(folder, {}))


def _tasks_dirs(root: Path) -> tuple[Path, ...]:
    """The tasks folders of a root that exist: the usual ones, `*/.tmp/tasks`, and those of a monorepo's packages."""
    found = [root / path for path in (USUAL, *OTHERS) if (root / path).is_dir()]
    level = [root]
    budget = _SEARCH_FOLDERS
    for depth in range(_SEARCH_DEPTH):
        below: list[Path] = []
        for folder in level:
            for child in _folders(folder):
                budget -= 1
                if budget < 0:
                    return tuple(found)
                # A folder with its own .git is another project: a submodule, or a worktree with copies of these tasks.
                if _exists(child / ".git"):
                    continue
                found.extend(child / path for path in (USUAL, *OTHERS) if (child / path).is_dir())
                if not child.name.startswith("."):
                    below.append(child)
        level = below if depth + 1 < _SEARCH_DEPTH else []
    return tuple(found)


def _folders(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    yield from (folder / name for name in names if name not in _SKIPPED)


def feature_folders(location: Location) -> list[FeatureFolder]:
    """Every feature of a project: by tasks folder, then open ones before archived ones, then by name.

    A tasks folder that is missing or cannot be read has none. A folder without a task file is no feature.
    """
    return survey(location)[0]


def survey(location: Location) -> tuple[list[FeatureFolder], tuple[Problem, ...]]:
    """The features as `feature_folders` gives them, and the folders that could not be looked into."""
    found: dict[Path, FeatureFolder] = {}
    refused: dict[Path, Problem] = {}
    for tasks_dir in location.tasks_dirs:
        own = _feature(tasks_dir, _shelf_of(tasks_dir.parent), tasks_dir.parent.name in ARCHIVES, refused)
        mine = [] if own is None else [own]
        mine.extend(_shelved(tasks_dir, refused))
        for folder in sorted(mine, key=lambda folder: (folder.archived, folder.path.name)):
            found.setdefault(folder.path, folder)
        if not tasks_dir.is_dir() and _is_there(tasks_dir) and tasks_dir not in refused:
            refused[tasks_dir] = _refusal(tasks_dir, "not a folder")
    return list(found.values()), tuple(refused.values())


def look_again(folder: FeatureFolder) -> FeatureFolder | None:
    """The same feature with the files it has now; None where it is no feature any more."""
    return _feature(folder.path, folder.shelf, folder.archived, {})


def _shelved(tasks_dir: Path, refused: dict[Path, Problem]) -> Iterator[FeatureFolder]:
    """The features directly in a tasks folder and on the shelves in it."""
    shelf = _shelf_of(tasks_dir)
    for name in _names(tasks_dir):
        path = tasks_dir / name
        feature = _feature(path, shelf, tasks_dir.name in ARCHIVES, refused)
        if feature is not None:
            yield feature
        elif name in SHELVES:
            for inner in _names(path):
                shelved = _feature(path / inner, shelf, name in ARCHIVES, refused)
                if shelved is not None:
                    yield shelved
                elif name not in ARCHIVES and _is_usual(tasks_dir):
                    _note_empty(path / inner, refused)
        elif tasks_dir.name not in ARCHIVES and _is_usual(shelf):
            _note_empty(path, refused)


def _note_empty(path: Path, refused: dict[Path, Problem]) -> None:
    """Say that a folder among the features is none: somebody may have got no further, or written another name."""
    if path.name.startswith(".") or path in refused or not path.is_dir():
        return
    try:
        empty = not any(path.iterdir())
    except OSError:
        return
    can_be = empty and _SLUG.fullmatch(path.name) is not None
    remedy = f"`parex new feature {path.name}` makes it one" if can_be else f"it needs a {TASK_JSON}, or remove it"
    message = "no feature: no task file lies in it"
    refused[path] = Problem(Severity.WARNING, "folder.empty", path, message, remedy)


def _is_usual(tasks_dir: Path) -> bool:
    return any(tasks_dir.parts[-len(path.parts) :] == path.parts for path in (USUAL, *OTHERS))


def _shelf_of(tasks_dir: Path) -> Path:
    return tasks_dir.parent if tasks_dir.name in SHELVES else tasks_dir


def _names(folder: Path) -> list[str]:
    """The folders in a folder, links to folders included; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.is_file(follow_symlinks=False))
    except OSError:
        return []


def _feature(path: Path, shelf: Path, archived: bool, refused: dict[Path, Problem]) -> FeatureFolder | None:
    files: list[str] = []
    links: set[str] = set()
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if is_task_file(entry.name):
                    files.append(entry.name)
                    if entry.is_symlink():
                        links.add(entry.name)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            refused[path] = _refusal(path, f"cannot be read: {error.strerror}")
        return None
    if not files:
        return None
    if path.is_symlink():
        links.add("")
    return FeatureFolder(path, shelf, archived, tuple(sorted(files, key=_file_order)), frozenset(links))


def _refusal(path: Path, message: str) -> Problem:
    remedy = "check what it is, its owner and its permissions"
    return Problem(Severity.ERROR, "folder.unreadable", path, clean(message), remedy)


def has_task_file(folder: Path) -> bool:
    """Whether a task file lies directly in a folder."""
    try:
        with os.scandir(folder) as entries:
            return any(is_task_file(entry.name) for entry in entries)
    except OSError:
        return False


def is_task_file(name: str) -> bool:
    """Whether a file of that name in a feature folder is a task file."""
    return name == TASK_JSON or task_number(name) is not None


def _file_order(name: str) -> tuple[int, str]:
    number = task_number(name)
    return (-1 if number is None else int(number), name)


def _exists(path: Path) -> bool:
    """Whether something is there that can be looked at; a loop of links or a forbidden folder counts as nothing."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def _is_there(path: Path) -> bool:
    """Whether the name is taken, be it by a link that leads nowhere."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def _show(path: Path) -> str:
    return clean(str(path))
