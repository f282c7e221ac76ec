"""Reading the files that tasks point at, for a prompt: inside the project's root only, text only, bounded.

Paths come from task files, which anybody may have written. On Linux the kernel itself keeps the walk below the root
(`openat2`); elsewhere every component is opened without following links. What is not read is returned with the reason.
"""

from __future__ import annotations

import ctypes
import errno
import fnmatch
import functools
import os
import posixpath
import re
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parex_tui.tasks.model import ContextRef
from parex_tui.tasks.text import clean, is_plain

FILE_LIMIT: Final = 1024 * 1024
TOTAL_LIMIT: Final = 8 * 1024 * 1024
COUNT_LIMIT: Final = 500
"""References that one call looks at."""

_SECRET_NAMES: Final = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".npmrc", ".pypirc", ".htpasswd", ".pgpass",
    ".git-credentials", "credentials", "credentials.json", "credentials.y*ml", "secret.json", "secrets.json",
    "secret.y*ml", "secrets.y*ml", "secrets.toml", "service-account*.json", "*.tfstate", "*.tfstate.backup",
)  # fmt: skip
_NOT_SECRET: Final = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")
_SECRET_FOLDERS: Final = frozenset({".ssh", ".gnupg", ".aws", ".kube", ".git"})


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A run of lines, both ends included and counted from 1. `text` is as in the file and ends in a line break."""

    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class ContextFile:
    """One file, read. `path` is relative to the root with forward slashes.

    `whole` tells whether `excerpts` is the complete file (then it is one, or none for an empty file).
    """

    path: str
    whole: bool
    excerpts: tuple[Excerpt, ...]
    reason: str = ""

    @property
    def size(self) -> int:
        """Bytes of text, as UTF-8."""
        return sum(len(excerpt.text.encode()) for excerpt in self.excerpts)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not read: the path as written (cleaned), and the reason in words."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """What `gather` read and what it did not, each in the order of the references."""

    files: tuple[ContextFile, ...] = ()
    refused: tuple[Refusal, ...] = ()


class _RefusedError(Exception):
    """Carries the reason out of the walk."""


def gather(
    root: Path, refs: Iterable[ContextRef], *, file_limit: int = FILE_LIMIT, total_limit: int = TOTAL_LIMIT
) -> Gathered:
    """Read the files that `refs` name. Limits in bytes; a file that is named twice with the same lines is read once.

    Never raises for what a reference says; OSError where the root itself cannot be opened.
    """
    files: list[ContextFile] = []
    refused: list[Refusal] = []
    seen: set[tuple[str, tuple[tuple[int, int], ...]]] = set()
    left = total_limit
    known = list(refs)
    anchor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for ref in known[:COUNT_LIMIT]:
            try:
                path = normalised(root, ref.path)
                if (path, ref.lines) in seen:
                    continue
                seen.add((path, ref.lines))
                found = _selected(path, ref, _text(_read(anchor, root, path, file_limit)))
                if found.size > left:
                    raise _RefusedError(f"the {_size(total_limit)} for context files are used up")
            except _RefusedError as error:
                refused.append(Refusal(clean(ref.path, 500), str(error)))
                continue
            left -= found.size
            files.append(found)
    finally:
        os.close(anchor)
    if len(known) > COUNT_LIMIT:
        refused.append(Refusal(f"{len(known) - COUNT_LIMIT} more", f"only {COUNT_LIMIT} files are looked at"))
    return Gathered(tuple(files), tuple(refused))


def key_of(root: Path, ref: ContextRef) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Equal for two references exactly where they mean the same lines of the same file."""
    try:
        return normalised(root, ref.path), ref.lines
    except _RefusedError:
        return ref.path, ref.lines


def guard() -> str:
    """How reading is kept below the root here, for `parex doctor`: "openat2" or "component-wise"."""
    return "openat2" if _kernel_walk() is not None else "component-wise"


def normalised(root: Path, path: str) -> str:
    """The path relative to the root, without `.` and `..`.

    Raises an error private to this module, with the reason in words, for one that names no file below the root.
    """
    path = path.strip()
    if not path:
        raise _RefusedError("no path is given")
    if not is_plain(path):
        raise _RefusedError("the path holds characters that cannot be seen")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        raise _RefusedError("a URL: nothing is fetched")
    if path.startswith("~"):
        raise _RefusedError("a home folder is outside the project")
    if re.match(r"[A-Za-z]:[\\/]|\\\\", path):
        raise _RefusedError("an absolute path of another machine")
    if path.startswith("/"):
        inside = _below(root, path)
        if inside is None:
            raise _RefusedError("an absolute path outside the project, perhaps of another machine")
        path = inside
    folder = path.endswith("/")
    path = posixpath.normpath(path)
    if path == ".." or path.startswith("../"):
        raise _RefusedError("leads outside the project")
    if path == "." or folder:
        raise _RefusedError("a folder, not a file")
    _check_name(path)
    return path


def _below(root: Path, path: str) -> str | None:
    """An absolute path relative to the root, also where one of them is written through a link."""
    for base in {str(root), os.path.realpath(root)}:
        if path.startswith(base.rstrip("/") + "/"):
            return path[len(base.rstrip("/")) + 1 :]
    return None


def _check_name(path: str) -> None:
    """Refuse what looks like a secret: a prompt goes to a model's maker."""
    *folders, name = path.casefold().split("/")
    if not _SECRET_FOLDERS.isdisjoint(folders):
        raise _RefusedError("it lies in a folder that holds secrets or belongs to git")
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in _NOT_SECRET):
        return
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in _SECRET_NAMES):
        raise _RefusedError("its name says that it holds secrets")


# --- opening and reading ----------------------------------------------------------------------------------------

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def _read(anchor: int, root: Path, path: str, limit: int) -> bytes:
    try:
        descriptor = open_beneath(anchor, path)
    except OSError as error:
        raise _RefusedError(_words(error, path)) from error
    try:
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            raise _RefusedError("a folder, not a file")
        if not stat.S_ISREG(about.st_mode):
            raise _RefusedError("not a regular file")
        if about.st_size > limit:
            raise _RefusedError(f"{_size(about.st_size)}, over the limit of {_size(limit)} a file")
        _check_true_name(descriptor, root)
        data = bytearray()
        while len(data) <= limit and (chunk := os.read(descriptor, limit + 1 - len(data))):
            data += chunk
        if len(data) > limit:  # it grew meanwhile
            raise _RefusedError(f"over the limit of {_size(limit)} a file")
        return bytes(data)
    except OSError as error:
        raise _RefusedError(f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def open_beneath(anchor: int, path: str, flags: int = _FLAGS) -> int:
    """Open a path relative to the folder that `anchor` holds open; never anything outside of it. Raises OSError.

    `path` has no `..` and no empty part. Reads without blocking unless `flags` say otherwise; creates nothing.
    """
    walk = _kernel_walk()
    if walk is not None:
        return walk(anchor, path, flags)
    return _open_componentwise(anchor, path, flags)


def _open_componentwise(anchor: int, path: str, flags: int) -> int:
    """Open one component after another, following no link at all."""
    *folders, name = path.split("/")
    held = os.dup(anchor)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=held)
            os.close(held)
            held = inner
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=held)
    finally:
        os.close(held)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _KernelWalk:
    """`openat2` with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS: links are followed as long as they stay below."""

    _NUMBER: Final = 437  # the same on every architecture that Linux gained it for
    _RESOLVE: Final = 0x08 | 0x02

    def __init__(self) -> None:
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long

    def __call__(self, anchor: int, path: str, flags: int = _FLAGS) -> int:
        how = _OpenHow(flags, 0, self._RESOLVE)
        name = os.fsencode(path)
        for _ in range(32):
            descriptor = self._syscall(
                ctypes.c_long(self._NUMBER),
                ctypes.c_int(anchor),
                ctypes.c_char_p(name),
                ctypes.byref(how),
                ctypes.c_size_t(ctypes.sizeof(how)),
            )
            if descriptor >= 0:
                return int(descriptor)
            number = ctypes.get_errno()
            if number != errno.EAGAIN:  # a rename went on meanwhile: the kernel could not be sure, ask again
                break
        raise OSError(number, os.strerror(number), path)


@functools.cache
def _kernel_walk() -> _KernelWalk | None:
    """The walk, where this kernel has it and no filter forbids it."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        walk = _KernelWalk()
        anchor = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.close(walk(anchor, ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        finally:
            os.close(anchor)
    except (OSError, AttributeError):
        return None
    return walk


def _check_true_name(descriptor: int, root: Path) -> None:
    """A harmless name may be a link to a secret one below the root: look at the file's own name too."""
    if _kernel_walk() is None:
        return  # no link was followed
    try:
        true = str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        raise _RefusedError("its true name cannot be told (/proc is missing)") from None
    base = os.path.realpath(root)
    _check_name(true.removeprefix(base).lstrip("/"))


def _words(error: OSError, path: str) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR if "*" in path or "?" in path:
            return "a pattern, not a file"
        case errno.ENOENT:
            return "there is no such file"
        case errno.EXDEV:
            return "leads outside the project"
        case errno.ELOOP:
            return "a link that is not followed"
        case errno.ENOTDIR:
            return "there is no such file, or a link on the way is not followed"
        case errno.EACCES | errno.EPERM:
            return "may not be read by this user"
        case _:
            return f"cannot be opened: {error.strerror}"


def _text(data: bytes) -> str:
    if b"\0" in data:
        raise _RefusedError("not text")
    return data.decode("utf-8-sig", "replace")


def _selected(path: str, ref: ContextRef, text: str) -> ContextFile:
    # Only real line breaks count: editors and the authors of ranges do not count form feeds as lines.
    lines = [line + "\n" for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n")] if text else []
    if not ref.lines:
        whole = (Excerpt(1, len(lines), "".join(lines)),) if lines else ()
        return ContextFile(path, whole=True, excerpts=whole, reason=clean(ref.reason, 500))
    excerpts = tuple(
        Excerpt(first, min(last, len(lines)), "".join(lines[first - 1 : last]))
        for first, last in _merged(ref.lines)
        if first <= len(lines)
    )
    if not excerpts:
        asked = ", ".join(f"{first}-{last}" for first, last in ref.lines[:5])
        raise _RefusedError(f"it has {len(lines)} lines, and lines {asked} are asked for")
    return ContextFile(path, whole=False, excerpts=excerpts, reason=clean(ref.reason, 500))


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, overlapping and touching ones joined, impossible ones left out."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted((max(1, first), last) for first, last in ranges):
        if last < first:
            continue
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MiB" if count >= 1024 * 1024 else f"{max(1, count // 1024)} KiB"
