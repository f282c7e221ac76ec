"""New features and new tasks: written whole, in the format's order, with every field that its strict validator wants.

Nothing is invented: what the author has not filled in yet is empty. A file that is there is never written over.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from .drafts import TaskDraft, resolve
from .edit import Edit, EditError, Made, count_completed, decide_fields, timestamp
from .editor import not_told, refused
from .fields import kind_of
from .layout import SHELVES, TASK_JSON, task_number
from .model import Feature, JsonValue, Status, Task
from .patch import Value
from .scan import SIZE_LIMIT
from .shelve import ARCHIVE, open_shelf
from .text import clean

_SLUG: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_SEQ: Final = re.compile(r"[0-9]{1,6}")
_TEXTS: Final[Mapping[str, int | None]] = {"name": 100, "title": 100, "objective": 200, "suggested_agent": None}
_LISTS: Final = frozenset({"depends_on", "acceptance_criteria", "deliverables", "exit_criteria"})
_FILES: Final = frozenset({"context_files", "reference_files"})
_NO_LINKS: Final = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)
_OURS: Final = frozenset(
    {"id", "status", "agent_id", "started_at", "created_at", "completed_at", "completion_summary"}
    | {"subtask_count", "completed_count"}
)


def new_feature(
    tasks_dir: Path, name: str, fields: Mapping[str, JsonValue], root: Path, now: float, *, made: Made = not_told
) -> Path:
    """Create a feature in a tasks folder below the root: its folder, which is returned, and its task.json.

    `fields` may state `name` (else the folder's), `objective`, `context_files`, `reference_files`, `exit_criteria`, and
    any field that the format does not know. The rest is ours: `id`, the status `active`, the counts and `created_at`
    (`now`, seconds since the epoch). `made` hears of the new file, as an edit of nothing.

    Raises:
        EditError: the name cannot be one or is taken, a field is not of its type, or the system refuses. Nothing is
            left behind.
    """
    if not _SLUG.fullmatch(name) or name in (".", "..") or name in SHELVES:
        rule = "take letters, digits, dots, dashes and underscores, at most 100, and not the name of a shelf"
        raise EditError(f"“{clean(name, 100)}” cannot be a feature's name: {rule}")
    _check(fields)
    content = _content(
        {
            "id": name,
            "name": name,
            "status": "active",
            "objective": "",
            "context_files": [],
            "reference_files": [],
            "exit_criteria": [],
            "subtask_count": 0,
            "completed_count": 0,
            "created_at": timestamp(now),
            "completed_at": None,
        },
        fields,
    )
    folder = open_shelf(tasks_dir) / name
    _check_below(folder, root)
    for place in (folder, tasks_dir / name, tasks_dir / ARCHIVE / name):
        if os.path.lexists(place) and not _is_empty_folder(place):
            raise refused(place, "something of that name is there already; take another name")
    created: list[Path] = []
    try:
        for place in reversed((folder, *folder.parents)):
            if not place.is_dir():
                place.mkdir()
                created.append(place)
        _write_new(folder / TASK_JSON, content)
    except OSError as error:
        for place in reversed(created):
            with suppress(OSError):
                place.rmdir()
        raise _not_created(folder, error) from None
    made(Edit(folder / TASK_JSON, b"", content))
    return folder


def _is_empty_folder(path: Path) -> bool:
    """What somebody left who got no further."""
    try:
        return not path.is_symlink() and not any(path.iterdir())
    except OSError:
        return False


def new_task(feature: Feature, fields: Mapping[str, JsonValue], root: Path, *, made: Made = not_told) -> Path:
    """Create a task of a feature and return its file. `title` is needed; `seq` is the next free number if not stated.

    `fields` may state `depends_on` (in any spelling; seqs are written), `parallel`, `context_files`, `reference_files`,
    `suggested_agent`, `acceptance_criteria`, `deliverables`, and any field that the format does not know. The rest is
    ours. task.json's `subtask_count` follows, and a completed feature is active again. `made` hears of the edit of
    task.json, and then of the new file, as an edit of nothing.

    Raises:
        EditError: a field is not of its type, the seq is taken, a dependency does not exist or leads back to the task,
            the feature is archived, a link or outside the root, or the system refuses. Nothing is left behind.
    """
    folder = feature.path
    if feature.archived or folder.is_symlink():
        raise refused(folder, "it is archived; take it back first" if feature.archived else "it is a link")
    _check_below(folder, root)
    seq = _free_seq(feature, fields.get("seq"))
    path = folder / f"subtask_{seq}.json"
    own: dict[str, JsonValue] = {
        "id": f"{folder.name}-{seq}",
        "seq": seq,
        "title": "",
        "status": Status.PENDING.value,
        "depends_on": [],
        "parallel": False,
        "context_files": [],
        "reference_files": [],
        **({"suggested_agent": ""} if "suggested_agent" in fields else {}),
        "acceptance_criteria": [],
        "deliverables": [],
        "agent_id": None,
        "started_at": None,
        "completed_at": None,
        "completion_summary": None,
    }
    stated = {"title": "", **fields, "seq": seq}
    _check(stated)
    stated["depends_on"] = _dependencies(feature, seq, path, stated.get("depends_on"))
    content = _content(own, stated)
    try:
        _write_new(path, content)
    except OSError as error:
        raise _not_created(path, error) from None
    try:
        _count_again(folder, root, made)
    except EditError:
        path.unlink(missing_ok=True)
        raise
    made(Edit(path, b"", content))
    return path


def _free_seq(feature: Feature, wanted: JsonValue) -> str:
    try:
        names = [path.name for path in feature.path.iterdir()]
    except OSError as error:
        raise refused(feature.path, f"cannot be read: {error.strerror}") from None
    taken = {int(number) for name in names if (number := task_number(name)) is not None}
    taken |= {int(task.seq) for task in feature.tasks if _SEQ.fullmatch(task.seq)}
    if wanted is None:
        return f"{max(taken, default=0) + 1:02d}"
    if not isinstance(wanted, str) or not _SEQ.fullmatch(wanted):
        raise EditError('“seq” is no number of two digits: write it as "07"')
    if int(wanted) in taken:
        raise EditError(f"seq {int(wanted):02d} is taken; the next free one is {max(taken) + 1:02d}")
    return f"{int(wanted):02d}"


def _dependencies(feature: Feature, seq: str, path: Path, wanted: JsonValue) -> list[JsonValue]:
    """The seqs that are meant; all exist, and none of them waits for this task."""
    spelled = tuple(str(item) for item in wanted) if isinstance(wanted, list) else ()
    drafts = [TaskDraft(task, "") for task in feature.tasks]
    new = TaskDraft(Task(feature.id, seq, path, depends_on=spelled), "")
    needed = resolve([*drafts, new], (feature.id,))[-1].depends_on
    for one in needed:
        if one != seq and feature.task(one) is None:
            raise EditError(f"“depends_on” names {clean(one)}, which is no task of {feature.id}")
    seen = set(needed)
    open_ends = list(needed)
    while open_ends:
        one = open_ends.pop()
        if one == seq:
            raise EditError(f"“depends_on” leads back to {seq}: a task cannot wait for itself")
        task = feature.task(one)
        fresh = set(task.depends_on) - seen if task is not None else set()
        seen |= fresh
        open_ends.extend(fresh)
    return list(needed)


def _count_again(folder: Path, root: Path, made: Made) -> None:
    """Bring task.json in line with a task more."""
    path = folder / TASK_JSON
    if not os.path.lexists(path):
        return

    def decide(values: Mapping[str, JsonValue], data: bytes) -> Mapping[str, Value]:
        wanted: dict[str, Value] = {}
        if "subtask_count" in values:
            wanted["subtask_count"] = count_completed(folder)[1]
        if values.get("status") == "completed":
            wanted["status"] = "active"
            if values.get("completed_at"):
                wanted["completed_at"] = None
        return wanted

    decide_fields(path, decide, root=root, made=made)


def _check(fields: Mapping[str, JsonValue]) -> None:
    wrong = [message for key, value in fields.items() if (message := _complaint(key, value))]
    if wrong:
        raise EditError("; ".join(wrong))


def _complaint(key: str, value: JsonValue) -> str:
    """What is wrong with a field that somebody states for a new file, "" where nothing is."""
    if key in _OURS:
        return f"“{key}” is set by parex itself"
    if key in _TEXTS:
        limit = _TEXTS[key]
        if not isinstance(value, str):
            return f"“{key}” is {kind_of(value)}, not text"
        if key in ("name", "title") and not value.strip():
            return f"“{key}” is empty"
        if limit is not None and len(value) > limit:
            return f"“{key}” has {len(value)} characters, the format allows {limit}"
    elif key == "parallel" and not isinstance(value, bool):
        return f"“{key}” is {kind_of(value)}, not true or false"
    elif key in _LISTS and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        return f"“{key}” is not a list of texts"
    elif key in _FILES and not (isinstance(value, list) and all(map(_names_file, value))):
        return f"“{key}” is not a list of paths or of objects with “path”"
    return ""


def _names_file(item: JsonValue) -> bool:
    return isinstance(item, str) or (isinstance(item, dict) and isinstance(item.get("path"), str))


def _content(own: Mapping[str, JsonValue], fields: Mapping[str, JsonValue]) -> bytes:
    """The file's bytes: our fields in the format's order, with those that are stated, then all others."""
    try:
        text = json.dumps({**own, **fields}, indent=2, ensure_ascii=False, allow_nan=False)
        content = f"{text}\n".encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise EditError(f"a field cannot be written as JSON: {clean(str(error), 100)}") from None
    if len(content) > SIZE_LIMIT:
        raise EditError(f"too large for a task file: {len(content):,} bytes, the limit is {SIZE_LIMIT:,}")
    return content


def _check_below(path: Path, root: Path) -> None:
    real, base = os.path.realpath(path), os.path.realpath(root)
    if os.path.commonpath((real, base)) != base:
        raise refused(path, f"it leads to {real}, outside the project: parex creates nothing there")


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there yet: nobody ever reads half of it, and nothing is written over.

    Nothing of it stays where the system refuses. Raises OSError.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        _write_whole(scratch, content)
        try:
            os.link(scratch, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _write_exclusively(path, content)
    finally:
        with suppress(OSError):
            scratch.unlink()


def _write_exclusively(path: Path, content: bytes) -> None:
    """For file systems without hard links."""
    try:
        _write_whole(path, content)
    except FileExistsError:
        raise
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise


def _write_whole(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_created(path: Path, error: OSError) -> EditError:
    return refused(path, f"cannot be created: {error.strerror or type(error).__name__}")
