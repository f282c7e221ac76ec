"""Checks that look at files: below the project's root only, never blocking, and no more than a limit."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from typing import Final

from parex_tui.agents.context import open_beneath
from parex_tui.tasks.text import clean
from parex_tui.tasks.verification import FileContains, FileExists

from .check_report import CheckResult

SEARCH_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of a file up to which it is searched for a text."""

_BLOCK: Final = 1024 * 1024


def exists(check: FileExists, anchor: int) -> CheckResult:
    """Whether something is there; `anchor` is the root, held open."""
    shown = clean(check.path)
    try:
        descriptor = _open(anchor, check.path, getattr(os, "O_PATH", os.O_NONBLOCK) | os.O_CLOEXEC)
        try:
            if stat.S_ISLNK(os.fstat(descriptor).st_mode):  # the link itself was opened, for want of a safer way
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        return CheckResult(check, False, f"missing: {shown}{_why(error)}")
    return CheckResult(check, True, "exists")


def contains(check: FileContains, anchor: int) -> CheckResult:
    """Whether a regular file holds the text; `anchor` is the root, held open."""
    shown, wanted = clean(check.path), clean(check.expect_contains, 500)
    try:
        descriptor = _open(anchor, check.path)
    except (OSError, ValueError) as error:
        return CheckResult(check, False, f"missing file: {shown}{_why(error)}")
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return CheckResult(check, False, f"does not contain '{wanted}': not a regular file")
        if about.st_size > SEARCH_LIMIT:
            return CheckResult(check, False, f"does not contain '{wanted}': too large to be searched")
        found = holds(descriptor, as_bytes(check.expect_contains))
    except OSError as error:
        return CheckResult(check, False, f"does not contain '{wanted}': cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)
    return CheckResult(check, found, f"{'contains' if found else 'does not contain'} '{wanted}'")


def _open(anchor: int, path: str, flags: int | None = None) -> int:
    name = posixpath.normpath(path)
    if "\0" in name:
        raise ValueError("a NUL character")
    return open_beneath(anchor, name) if flags is None else open_beneath(anchor, name, flags)


def _why(error: OSError | ValueError) -> str:
    """What to add where a path is not simply missing."""
    match getattr(error, "errno", None):
        case errno.ENOENT | errno.ENOTDIR:
            return ""
        case errno.EXDEV:
            return " (a link leads outside the project)"
        case errno.ELOOP:
            return " (a link that is not followed)"
        case None:
            return " (no path that the system accepts)"
        case _:
            return f" ({getattr(error, 'strerror', '')})"


def holds(descriptor: int, wanted: bytes) -> bool:
    """Whether a file holds `wanted`, from where it stands up to the limit. Raises OSError."""
    left, tail = SEARCH_LIMIT + _BLOCK, b""
    while left > 0 and (block := os.read(descriptor, _BLOCK)):
        left -= len(block)
        text = tail + block
        if wanted in text:
            return True
        tail = text[-(len(wanted) - 1) :] if len(wanted) > 1 else b""
    return wanted in tail


def as_bytes(text: str) -> bytes:
    """A text to look for, as the bytes that a file would hold."""
    return text.encode("utf-8", "surrogatepass")  # half of a pair is found nowhere, as it should be
