"""`parex status` in little more than the time that Python itself needs to start: where nothing is in doubt.

The full reader forgives everything and says what is wrong; loading it takes several times as long as a bare Python.
This one forgives nothing. It answers only for a project in the usual layout whose every file is sound, every field of
the type and spelling that the format asks for, and the stated counts right. Wherever it is not sure, it gives no answer
and the full path runs. What it prints is then the same, byte by byte.

Imports only what Python has at hand already. Nothing here knows what a mistake means; it only knows that one may be.
"""

from __future__ import annotations

import os

from .quick_files import DoubtError, check_feature, check_task, load
from .report.status_lines import counts_line, heading_line, progress_line

SKIPPED = frozenset(
    {".cache", ".git", ".hg", ".svn", ".tmp", ".venv", "__pycache__", "build", "dist", "node_modules", "out"}
    | {"site-packages", "target", "vendor", "venv"}
)
"""Folders in which no tasks are looked for; these and the limits are those of the full reader (a test compares)."""

SHELVES = frozenset({"active", "archive", "archived", "completed"})
SEARCH_DEPTH = 3
SEARCH_FOLDERS = 2_000


def quick_status(words: list[str]) -> str | None:
    """What `parex` prints for these arguments, with its last line break and exit code 0.

    None where they are anything but `status [FEATURE]` with or without `-C DIR`, or where the full path is to decide.
    Never raises.
    """
    asked = _asked(words)
    if asked is None:
        return None
    directory, name = asked
    try:
        root = _root() if directory is None else _named_root(directory)
        features = _features(root)
        if name is not None:
            features = {name: features[name]}
        blocks = [_block(feature, *features[feature]) for feature in sorted(features)]
    except (DoubtError, OSError, ValueError, LookupError, RecursionError, StopIteration, ImportError):
        return None
    except SystemError:
        # Until Python 3.12 the scanner cannot say what is wrong with a text while nobody has imported the json module.
        return None
    text = "".join(blocks)
    return text.rstrip("\n") + "\n" if text else None


def _asked(words: list[str]) -> tuple[str | None, str | None] | None:
    """The folder and the feature that are named."""
    directory: str | None = None
    names: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("-C", "--directory"):
            value = next(rest, "")
            if directory is not None or not value or value.startswith("-"):
                return None
            directory = value
        elif not word or word.startswith("-"):
            return None
        else:
            names.append(word)
    if not names or names[0] != "status" or len(names) > 2:
        return None
    return directory, names[1] if len(names) == 2 else None


# --- where the tasks are ---------------------------------------------------------------------------------------


def _root() -> str:
    """The nearest folder with `.git` or `package.json`, if it is the one with the tasks."""
    folder = os.getcwd()  # noqa: PTH109 - pathlib costs as much as all of this
    while not (os.path.exists(f"{folder}/.git") or os.path.exists(f"{folder}/package.json")):  # noqa: PTH110
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            raise DoubtError
        folder = above
    return folder


def _named_root(directory: str) -> str:
    """The folder that was named, if it is a project's root: neither a tasks folder nor a feature's."""
    here = os.path.abspath(directory)  # noqa: PTH100
    if here.endswith(("/.tmp/tasks", "/.opencode/tmp/tasks")):
        raise DoubtError
    with os.scandir(here) as entries:
        for entry in entries:
            if _may_be_task_file(entry.name) or entry.name in SHELVES:
                raise DoubtError
            if not entry.is_file(follow_symlinks=False):
                _check_no_feature(entry.path)
    return here


def _check_no_feature(folder: str) -> None:
    try:
        with os.scandir(folder) as entries:
            if any(_may_be_task_file(entry.name) for entry in entries):
                raise DoubtError
    except OSError:
        return  # no folder, or one that nobody can look into


def _may_be_task_file(name: str) -> bool:
    return name == "task.json" or (name.startswith("subtask") and name.endswith(".json"))


def _features(root: str) -> dict[str, tuple[str, list[str]]]:
    """Every open feature's folder and task files, by its name."""
    tasks = f"{root}/.tmp/tasks"
    if not os.path.isdir(tasks):  # noqa: PTH112
        raise DoubtError
    _check_no_other_tasks(root)
    folders, files = _listing(tasks)
    if files:
        raise DoubtError
    found: dict[str, tuple[str, list[str]]] = {}
    archived: set[str] = set()
    for name in folders:
        path = f"{tasks}/{name}"
        inner, files = _listing(path)
        if name not in SHELVES:
            _add(found, name, path, files)
            continue
        if files:
            raise DoubtError
        for below in inner:
            _, files = _listing(f"{path}/{below}")
            if name == "active":
                _add(found, below, f"{path}/{below}", files)
            elif files:
                archived.add(below)
    if archived & found.keys():
        raise DoubtError  # two features of one name
    return found


def _add(found: dict[str, tuple[str, list[str]]], name: str, path: str, files: list[str]) -> None:
    if not files and name.startswith("."):
        return
    plain = name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum() and name[0].isalnum()
    if not plain or len(name) > 80 or name in found or "task.json" not in files:
        raise DoubtError
    found[name] = (path, files)


def _listing(folder: str) -> tuple[list[str], list[str]]:
    """The folders and the task files in a folder."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
                if _may_be_task_file(entry.name):
                    raise DoubtError
            elif not entry.is_file(follow_symlinks=False):
                raise DoubtError
            elif _may_be_task_file(entry.name):
                files.append(entry.name)
    return folders, files


def _check_no_other_tasks(root: str) -> None:
    """The packages of a monorepo and other programs' folders may hold tasks as well: not here, then."""
    if os.path.isdir(f"{root}/.opencode/tmp/tasks"):  # noqa: PTH112
        raise DoubtError
    level = [root]
    budget = SEARCH_FOLDERS
    for _ in range(SEARCH_DEPTH):
        below: list[str] = []
        for folder in level:
            for child in _folders(folder):
                budget -= 1
                if budget < 0 or _is_there(f"{child}/.tmp/tasks") or _is_there(f"{child}/.opencode/tmp/tasks"):
                    raise DoubtError
                if not _is_there(f"{child}/.git") and not child.startswith(".", len(folder) + 1):
                    below.append(child)
        level = below


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [
                entry.path for entry in entries if entry.name not in SKIPPED and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []


def _is_there(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110


# --- what the files say ----------------------------------------------------------------------------------------


def _block(feature: str, path: str, files: list[str]) -> str:
    """One feature, as the full path prints it."""
    counts = {"pending": 0, "in_progress": 0, "completed": 0, "blocked": 0}
    needs: dict[str, list[str]] = {}
    for name in files:
        if name == "task.json":
            continue
        task = load(f"{path}/{name}")
        needs[check_task(task, name)] = task.get("depends_on") or []  # type: ignore[assignment]  # checked to be texts
        status = task.get("status")
        if type(status) is not str or status not in counts:
            raise DoubtError
        counts[status] += 1
    total = len(files) - 1
    if len(needs) != total:
        raise DoubtError
    _check_order(needs)
    base = load(f"{path}/task.json")
    title, status = check_feature(base, counts["completed"], total)
    if status == "archived":
        raise DoubtError
    return "\n".join(
        [
            "",
            heading_line(feature, title),
            progress_line(status, counts["completed"], total),
            counts_line(**counts),
            "",
        ]
    )


def _check_order(needs: dict[str, list[str]]) -> None:
    """Every dependency is a task, written as its seq, and none waits for itself."""
    left = {seq: set(wanted) for seq, wanted in needs.items()}
    while left:
        free = [seq for seq, wanted in left.items() if not wanted & left.keys()]
        if not free or any(not left[seq] <= needs.keys() for seq in free):
            raise DoubtError
        for seq in free:
            del left[seq]
