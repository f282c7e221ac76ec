"""The user's state folder: where parex keeps its own truth, outside every repository, and how it is written.

A cloned repository must not be able to forge a running or a finished attempt, so nothing of this lies below a project
root. Folders are 0700 and files 0600 whatever the umask is; a folder that another user could have written is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import platformdirs

from parex_tui.errors import ParexError

_PLAIN_NAME: Final = re.compile(r"[a-z0-9_-]{1,64}")
_UNPLAIN: Final = re.compile(r"[^A-Za-z0-9_-]+")
_DIGEST_LENGTH: Final = 12
_counter: Final = itertools.count()


class StateError(ParexError):
    """The state folder cannot be used; the message is one line and says what to do."""


def state_root() -> Path:
    """Where all state of parex lives for this user (`$XDG_STATE_HOME/parex`, or what the system uses). May not exist.

    Raises StateError where the environment names a relative path.
    """
    root = platformdirs.user_state_path("parex", appauthor=False)
    if not root.is_absolute():
        raise StateError(f"the state folder {root} is not an absolute path; set XDG_STATE_HOME to an absolute one")
    return root


def project_path(root: Path) -> Path:
    """The folder of one project's state: its name for people, and a digest of its real path to tell it from others."""
    real = os.path.realpath(root)
    name = _UNPLAIN.sub("-", os.path.basename(real))[:40].strip("-") or "project"  # noqa: PTH119 - a plain string here
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:_DIGEST_LENGTH]
    return state_root() / "projects" / f"{name}-{digest}"


def project_dir(root: Path) -> Path:
    """`project_path`, created where it is missing and checked: ours, a real folder, writable by nobody else.

    Raises StateError.
    """
    path = project_path(root)
    top = state_root()
    try:
        top.parent.mkdir(parents=True, exist_ok=True)
        for folder in (top, top / "projects", path):
            make_private(folder)
            check_private(folder)
        described = path / "project.json"
        if read_record(described) is None:
            record = {"version": 1, "root": os.path.realpath(root), "created": time.time()}
            write_durably(described, json_bytes(record))
    except OSError as error:
        raise StateError(f"cannot use the state folder {path}: {error.strerror or error}") from error
    return path


def make_private(folder: Path) -> None:
    """Create one folder with mode 0700, whatever the umask is. One that is there already is left as it is."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    folder.chmod(0o700)


def check_private(folder: Path) -> None:
    """Raise StateError unless `folder` is a folder of this user that nobody else can write to."""
    try:
        found = folder.stat()
    except OSError as error:
        raise StateError(f"cannot use the state folder {folder}: {error.strerror or error}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(f"the state folder {folder} is not a folder; move it away")
    if found.st_uid != os.geteuid():
        raise StateError(f"the state folder {folder} belongs to another user; set XDG_STATE_HOME to one of yours")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateError(f"the state folder {folder} is writable by other users; check it, then: chmod go-w {folder}")


def safe_name(text: str) -> str:
    """A file name for `text`, different for different texts also where the file system ignores case.

    Plain lower-case names stay as they are; every other text gets a readable part and a digest, joined by `~`.
    """
    if _PLAIN_NAME.fullmatch(text):
        return text
    readable = _UNPLAIN.sub("-", text)[:24].strip("-").lower()
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    return f"{readable}~{digest}"


# --- writing ---------------------------------------------------------------------------------------------------


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """A record as one line of JSON, pure ASCII (lone surrogates of odd file names survive it), with a line break."""
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, mode 0600: readers see the old or the new content, also after a power loss.

    Raises OSError; the old content is then still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_counter)}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.fchmod(fd, 0o600)
            _write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add one record to a journal (one JSON object a line), on disk when this returns. Raises OSError.

    A tail that an earlier, interrupted write left without its line break is closed first, so that it spoils nothing.
    """
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(fd).st_size
        torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        _write_all(fd, (b"\n" if torn else b"") + json_bytes(record))
        if size == 0:
            os.fchmod(fd, 0o600)
        os.fsync(fd)
    finally:
        os.close(fd)
    if size == 0:
        sync_folder(path.parent)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# --- reading ---------------------------------------------------------------------------------------------------


def read_record(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, or None where the file is missing, unreadable or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return _object(data)


def read_present(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, empty where it is damaged, None where there is no file.

    Raises OSError where the file is there, or may be, and cannot be read now.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _object(data) or {}


def read_lines(path: Path) -> tuple[dict[str, Any], ...]:
    """The records of a journal, oldest first; none where it is missing.

    Lines that are no JSON object (an interrupted write, a damaged disk) are left out and copied to `<name>.bad`.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return ()
    records: list[dict[str, Any]] = []
    damaged: list[bytes] = []
    for line in data.split(b"\n"):
        if not line.strip(b" \r\0"):
            continue
        record = _object(line)
        if record is None:
            damaged.append(line)
        else:
            records.append(record)
    if damaged:
        _keep_aside(path.with_name(path.name + ".bad"), b"\n".join(damaged) + b"\n")
    return tuple(records)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # ValueError also covers bytes that are no UTF-8
        return None
    return value if isinstance(value, dict) else None


def _keep_aside(path: Path, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the good lines matter more than the copy of the bad ones
        if not path.exists() or path.read_bytes() != data:
            write_durably(path, data)
