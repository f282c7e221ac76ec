"""One task file for the quick status: its object, where every byte of it is what the format asks for.

Whatever is not, is a doubt, and the full path decides. Imports only what Python has at hand already.
"""

from __future__ import annotations

import os
import sys

SIZE_LIMIT = 1024 * 1024
DEPTH_LIMIT = 64
TEXT_LIMIT = 10_000
"""These limits are those of the full reader (a test compares)."""

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_TASK_TEXTS = ("id", "title", "suggested_agent", "agent_id", "started_at", "completed_at", "completion_summary")
_FEATURE_TEXTS = ("id", "name", "objective", "created_at", "completed_at")

# Plain Python for `typing.TYPE_CHECKING`: importing typing would cost as much as all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, object]


class DoubtError(Exception):
    """The full path is to decide."""


def load(path: str) -> Json:
    """The object in a file."""
    descriptor = os.open(path, _OPEN)
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size + 1) if size <= SIZE_LIMIT else b""
    finally:
        os.close(descriptor)
    if len(data) != size:
        raise DoubtError
    text = data.decode("utf-8").strip(" \t\r\n")
    value, end = _scanner()(text, 0)
    if end != len(text) or type(value) is not dict:
        raise DoubtError
    if text.count("{") + text.count("[") >= DEPTH_LIMIT - 1 and _depth(value) >= DEPTH_LIMIT:
        raise DoubtError
    return value


class _Reading:
    """How the scanner is to read, and nothing is let pass that JSON programs disagree on."""

    strict = True
    object_hook = None

    @staticmethod
    def object_pairs_hook(pairs: list[tuple[str, object]]) -> Json:
        value = dict(pairs)
        if len(value) != len(pairs):
            raise DoubtError  # a key that is stated twice
        return value

    @staticmethod
    def parse_int(text: str) -> int:
        if len(text) > 15 or text[0] == "-":
            raise DoubtError
        return int(text)

    @staticmethod
    def parse_float(text: str) -> float:
        value = float(text)
        if value - value != 0:
            raise DoubtError  # beyond what a float holds
        return value

    @staticmethod
    def parse_constant(text: str) -> object:
        raise DoubtError  # NaN and infinities


_scan: list[Callable[[str, int], tuple[object, int]]] = []


def _scanner() -> Callable[[str, int], tuple[object, int]]:
    """The scanner that the json module is built on; the module around it takes longer to import than all of this."""
    if not _scan:
        from _json import make_scanner

        if hasattr(sys, "gettotalrefcount"):
            raise DoubtError  # a debug build of Python aborts where others raise a SystemError
        try:
            _scan.append(make_scanner(_Reading))  # type: ignore[arg-type]  # any object with these attributes does
        except (AttributeError, TypeError) as error:
            raise DoubtError from error
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


def check_task(task: Json, name: str) -> str:
    """The task's seq, where all of it is what the format asks for."""
    digits = name[8:-5]
    if name[:8] != "subtask_" or not (digits.isascii() and digits.isdigit()) or len(digits) > 6:
        raise DoubtError
    seq = digits.lstrip("0").zfill(2)
    if task.get("seq") != seq or "dependencies" in task or type(task.get("parallel", False)) is not bool:
        raise DoubtError
    if not all(_is_text(task.get(key)) for key in _TASK_TEXTS):
        raise DoubtError
    if not all(_are_texts(task.get(key)) for key in ("depends_on", "acceptance_criteria", "deliverables")):
        raise DoubtError
    if not all(_are_references(task.get(key)) for key in ("context_files", "reference_files")):
        raise DoubtError
    return seq


def check_feature(base: Json, completed: int, total: int) -> tuple[str, str]:
    """The feature's name and status, where all of it is what the format asks for and the counts are right."""
    name, status = base.get("name"), base.get("status")
    if type(name) is not str or type(status) is not str or not is_plain(name) or not is_plain(status):
        raise DoubtError
    if not all(_is_text(base.get(key)) for key in _FEATURE_TEXTS) or not _are_texts(base.get("exit_criteria")):
        raise DoubtError
    if not all(_are_references(base.get(key)) for key in ("context_files", "reference_files")):
        raise DoubtError
    for key, right in (("subtask_count", total), ("completed_count", completed)):
        stated = base.get(key, right)
        if type(stated) is not int or stated != right:
            raise DoubtError
    return name, status


def is_plain(text: str) -> bool:
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
