"""`parex status` in little more than the time that Python itself needs to start: where nothing is in doubt.

The full reader forgives everything and says what is wrong; loading it takes several times as long as a bare Python.
This one forgives nothing. It answers only for a project in the usual layout whose every file is sound, every field of
the type and spelling that the format asks for, and the stated counts right. Wherever it is not sure, it gives no answer
and the full path runs. What it prints is then the same, byte by byte.

Imports only what Python has at hand already. Nothing here knows what a mistake means; it only knows that one may be.
"""

from __future__ import annotations

import os
import sys

from .report.status_lines import counts_line, heading_line, progress_line

SKIPPED = frozenset(
    {".cache", ".git", ".hg", ".svn", ".tmp", ".venv", "__pycache__", "build", "dist", "node_modules", "out"}
    | {"site-packages", "target", "vendor", "venv"}
)
"""Folders in which no tasks are looked for; these and the limits are those of the full reader (a test compares)."""

SHELVES = frozenset({"active", "archive", "archived", "completed"})
SEARCH_DEPTH = 3
SEARCH_FOLDERS = 2_000
SIZE_LIMIT = 1024 * 1024
DEPTH_LIMIT = 64
TEXT_LIMIT = 10_000

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_TASK_TEXTS = ("id", "title", "suggested_agent", "agent_id", "started_at", "completed_at", "completion_summary")
_FEATURE_TEXTS = ("id", "name", "objective", "created_at", "completed_at")

# Plain Python for `typing.TYPE_CHECKING`: importing typing would cost as much as all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, object]


class _DoubtError(Exception):
    """The full path is to decide."""


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
    except (_DoubtError, OSError, ValueError, LookupError, RecursionError, StopIteration, ImportError):
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
            raise _DoubtError
        folder = above
    return folder


def _named_root(directory: str) -> str:
    """The folder that was named, if it is a project's root: neither a tasks folder nor a feature's."""
    here = os.path.abspath(directory)  # noqa: PTH100
    if here.endswith(("/.tmp/tasks", "/.opencode/tmp/tasks")):
        raise _DoubtError
    with os.scandir(here) as entries:
        for entry in entries:
            if _may_be_task_file(entry.name) or entry.name in SHELVES:
                raise _DoubtError
            if not entry.is_file(follow_symlinks=False):
                _check_no_feature(entry.path)
    return here


def _check_no_feature(folder: str) -> None:
    try:
        with os.scandir(folder) as entries:
            if any(_may_be_task_file(entry.name) for entry in entries):
                raise _DoubtError
    except OSError:
        return  # no folder, or one that nobody can look into


def _may_be_task_file(name: str) -> bool:
    return name == "task.json" or (name.startswith("subtask") and name.endswith(".json"))


def _features(root: str) -> dict[str, tuple[str, list[str]]]:
    """Every open feature's folder and task files, by its name."""
    tasks = f"{root}/.tmp/tasks"
    if not os.path.isdir(tasks):  # noqa: PTH112
        raise _DoubtError
    _check_no_other_tasks(root)
    folders, files = _listing(tasks)
    if files:
        raise _DoubtError
    found: dict[str, tuple[str, list[str]]] = {}
    for name in folders:
        path = f"{tasks}/{name}"
        inner, files = _listing(path)
        if name not in SHELVES:
            _add(found, name, path, files)
            continue
        if files:
            raise _DoubtError
        for below in inner:
            _, files = _listing(f"{path}/{below}")
            if name == "active":
                _add(found, below, f"{path}/{below}", files)
    return found


def _add(found: dict[str, tuple[str, list[str]]], name: str, path: str, files: list[str]) -> None:
    if not files:
        return
    plain = name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum() and name[0].isalnum()
    if not plain or len(name) > 80 or name in found or "task.json" not in files:
        raise _DoubtError
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
                    raise _DoubtError
            elif not entry.is_file(follow_symlinks=False):
                raise _DoubtError
            elif _may_be_task_file(entry.name):
                files.append(entry.name)
    return folders, files


def _check_no_other_tasks(root: str) -> None:
    """The packages of a monorepo and other programs' folders may hold tasks as well: not here, then."""
    if os.path.isdir(f"{root}/.opencode/tmp/tasks"):  # noqa: PTH112
        raise _DoubtError
    level = [root]
    budget = SEARCH_FOLDERS
    for _ in range(SEARCH_DEPTH):
        below: list[str] = []
        for folder in level:
            for child in _folders(folder):
                budget -= 1
                if budget < 0 or _is_there(f"{child}/.tmp/tasks") or _is_there(f"{child}/.opencode/tmp/tasks"):
                    raise _DoubtError
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
        task = _load(f"{path}/{name}")
        needs[_check_task(task, name)] = task.get("depends_on") or []  # type: ignore[assignment]  # checked to be texts
        status = task.get("status")
        if type(status) is not str or status not in counts:
            raise _DoubtError
        counts[status] += 1
    total = len(files) - 1
    if len(needs) != total:
        raise _DoubtError
    _check_order(needs)
    base = _load(f"{path}/task.json")
    title, status = _check_feature(base, counts["completed"], total)
    if status == "archived":
        raise _DoubtError
    return "\n".join(
        [
            "",
            heading_line(feature, title),
            progress_line(status, counts["completed"], total),
            counts_line(**counts),
            "",
        ]
    )


def _load(path: str) -> Json:
    """The object in a file."""
    descriptor = os.open(path, _OPEN)
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size + 1) if size <= SIZE_LIMIT else b""
    finally:
        os.close(descriptor)
    if len(data) != size:
        raise _DoubtError
    text = data.decode("utf-8").strip(" \t\r\n")
    value, end = _scanner()(text, 0)
    if end != len(text) or type(value) is not dict:
        raise _DoubtError
    if text.count("{") + text.count("[") >= DEPTH_LIMIT - 1 and _depth(value) >= DEPTH_LIMIT:
        raise _DoubtError
    return value


class _Reading:
    """How the scanner is to read, and nothing is let pass that JSON programs disagree on."""

    strict = True
    object_hook = None

    @staticmethod
    def object_pairs_hook(pairs: list[tuple[str, object]]) -> Json:
        value = dict(pairs)
        if len(value) != len(pairs):
            raise _DoubtError  # a key that is stated twice
        return value

    @staticmethod
    def parse_int(text: str) -> int:
        if len(text) > 15 or text[0] == "-":
            raise _DoubtError
        return int(text)

    @staticmethod
    def parse_float(text: str) -> float:
        value = float(text)
        if value - value != 0:
            raise _DoubtError  # beyond what a float holds
        return value

    @staticmethod
    def parse_constant(text: str) -> object:
        raise _DoubtError  # NaN and infinities


_scan: list[Callable[[str, int], tuple[object, int]]] = []


def _scanner() -> Callable[[str, int], tuple[object, int]]:
    """The scanner that the json module is built on; the module around it takes longer to import than all of this."""
    if not _scan:
        from _json import make_scanner

        if hasattr(sys, "gettotalrefcount"):
            raise _DoubtError  # a debug build of Python aborts where others raise a SystemError
        try:
            _scan.append(make_scanner(_Reading))  # type: ignore[arg-type]  # any object with these attributes does
        except (AttributeError, TypeError) as error:
            raise _DoubtError from error
    return _scan[0]


def _depth(value: object) -> int:
    depth = 0
    level = [value]
    while level:
        depth += 1
        below: list[object] = []
        for item in level:
            if type(item) is dict:
                below.extend(item.values())
            elif type(item) is list:
                below.extend(item)
        level = below
    return depth


def _check_task(task: Json, name: str) -> str:
    """The task's seq, where all of it is what the format asks for."""
    digits = name[8:-5]
    if name[:8] != "subtask_" or not (digits.isascii() and digits.isdigit()) or len(digits) > 6:
        raise _DoubtError
    seq = digits.lstrip("0").zfill(2)
    if task.get("seq") != seq or "dependencies" in task or type(task.get("parallel", False)) is not bool:
        raise _DoubtError
    if not all(_is_text(task.get(key)) for key in _TASK_TEXTS):
        raise _DoubtError
    if not all(_are_texts(task.get(key)) for key in ("depends_on", "acceptance_criteria", "deliverables")):
        raise _DoubtError
    if not all(_are_references(task.get(key)) for key in ("context_files", "reference_files")):
        raise _DoubtError
    return seq


def _check_order(needs: dict[str, list[str]]) -> None:
    """Every dependency is a task, written as its seq, and none waits for itself."""
    left = {seq: set(wanted) for seq, wanted in needs.items()}
    while left:
        free = [seq for seq, wanted in left.items() if not wanted & left.keys()]
        if not free or any(not left[seq] <= needs.keys() for seq in free):
            raise _DoubtError
        for seq in free:
            del left[seq]


def _check_feature(base: Json, completed: int, total: int) -> tuple[str, str]:
    """The feature's name and status, where all of it is what the format asks for and the counts are right."""
    name, status = base.get("name"), base.get("status")
    if type(name) is not str or type(status) is not str or not _is_plain(name) or not _is_plain(status):
        raise _DoubtError
    if not all(_is_text(base.get(key)) for key in _FEATURE_TEXTS) or not _are_texts(base.get("exit_criteria")):
        raise _DoubtError
    if not all(_are_references(base.get(key)) for key in ("context_files", "reference_files")):
        raise _DoubtError
    for key, right in (("subtask_count", total), ("completed_count", completed)):
        stated = base.get(key, right)
        if type(stated) is not int or stated != right:
            raise _DoubtError
    return name, status


def _is_plain(text: str) -> bool:
    """Whether cleaning it for display would change nothing."""
    return (
        len(text) <= TEXT_LIMIT
        and text.isprintable()
        and all(letter < "\ufe00" or "\ufe0f" < letter < "\U000e0000" for letter in text)
    )


def _is_text(value: object) -> bool:
    return value is None or type(value) is str


def _are_texts(value: object) -> bool:
    return value is None or (type(value) is list and all(type(item) is str for item in value))


def _are_references(value: object) -> bool:
    return value is None or (type(value) is list and all(type(item) is str or _is_reference(item) for item in value))


def _is_reference(item: object) -> bool:
    if type(item) is not dict or type(item.get("path")) is not str:
        return False
    lines = item.get("lines")
    return lines is None or (type(lines) is str and all(_is_range(part) for part in lines.split(",")))


def _is_range(part: str) -> bool:
    first, dash, last = part.partition("-")
    ends = (first, last) if dash else (first, first)
    if not all(end.isascii() and end.isdigit() and len(end) < 10 for end in ends):
        return False
    return 1 <= int(ends[0]) <= int(ends[1])
