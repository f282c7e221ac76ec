"""The fields of one task file, read leniently: each wrong type is a problem of its own, and the rest still counts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from .document import Document, Duplicate
from .model import ContextRef, JsonValue
from .problems import Problem, Severity
from .text import LINE_LIMIT, clean

_LINES: Final = re.compile(r"\s*([0-9]{1,9})\s*(?:[-–]\s*([0-9]{1,9})\s*)?")
_SHOWN: Final = 60
_NOTHING: Final[Mapping[str, JsonValue]] = MappingProxyType({})
_KINDS: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file's content as far as it could be read. `document` is None where it is not valid JSON."""

    path: Path
    raw: Mapping[str, JsonValue]
    document: Document | None


def kind_of(value: JsonValue) -> str:
    """A value's type in words: `a list`, `a number`, …"""
    return _KINDS.get(type(value), "an object")


def is_plain_data(data: bytes) -> bool:
    """Whether no string of a JSON text can hold anything that `clean` changes; may say no although none does."""
    if len(data) > LINE_LIMIT or not data.isascii() or b"\x7f" in data:
        return False
    return b"\\" not in data or b"\\" not in data.replace(b'\\"', b"")


def as_text(value: JsonValue) -> str:
    """A value as JSON text, cleaned; a string as it is, cleaned."""
    if isinstance(value, str):
        return clean(value)
    return clean(json.dumps(value, ensure_ascii=False))


class Fields:
    """Reads fields and collects what is wrong with them in `problems`."""

    def __init__(self, source: Source, *, problems: list[Problem] | None = None) -> None:
        self.path = source.path
        self.raw = source.raw
        self.document = source.document
        self.problems: list[Problem] = [] if problems is None else problems
        self._plain = source.document is not None and is_plain_data(source.document.data)

    def problem(self, severity: Severity, code: str, message: str, remedy: str = "", key: str | None = None) -> None:
        """Note a problem, at a field where `key` names one."""
        line, column = self._place(key)
        self.problems.append(Problem(severity, code, self.path, clean(message), clean(remedy), line, column))

    def _place(self, key: str | None) -> tuple[int, int] | tuple[None, None]:
        if self.document is None or key is None:
            return None, None
        members = self.document.root.named(key)
        return self.document.place(members[-1].node) if members else (None, None)

    def _wrong(self, key: str, expected: str, taken: str = "") -> None:
        message = f"“{key}” is {kind_of(self.raw[key])}, not {expected}"
        self.problem(Severity.WARNING, "field.type", f"{message}; {taken}" if taken else message, key=key)

    def text(self, key: str) -> str:
        """A string; "" where it is missing or null."""
        value = self.raw.get(key)
        if type(value) is str:
            return value if self._plain else clean(value)
        if value is None:
            return ""
        self._wrong(key, "text")
        return as_text(value)

    def flag(self, key: str) -> bool:
        """true or false; anything else is false, the careful one."""
        value = self.raw.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self._wrong(key, "true or false", "taken as false")
        return False

    def count(self, key: str) -> int | None:
        """A whole number from 0, or None."""
        value = self.raw.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self._wrong(key, "a whole number")
        return None

    def items(self, key: str) -> list[JsonValue]:
        """A list's items; a single value counts as a list of one."""
        value = self.raw.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self._wrong(key, "a list", "taken as a list of one")
        return [value]

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings. An item of another type is given as its JSON text, null is left out."""
        found: list[str] = []
        for number, item in enumerate(self.items(key), 1):
            if type(item) is str:
                found.append(item if self._plain else clean(item))
            elif item is not None:
                message = f"item {number} of “{key}” is {kind_of(item)}, not text"
                self.problem(Severity.WARNING, "field.type", message, key=key)
                found.append(as_text(item))
        return tuple(found)

    def references(self, key: str) -> tuple[ContextRef, ...]:
        """A list of files: strings, objects `{path, lines, reason}`, or both; one of these alone counts, too."""
        value = self.raw.get(key)
        items = [value] if isinstance(value, (str, dict)) else self.items(key)
        found: list[ContextRef] = []
        for number, item in enumerate(items, 1):
            if type(item) is str:
                found.append(ContextRef(item if self._plain else clean(item)))
            elif isinstance(item, dict) and isinstance(path := item.get("path"), str):
                reason = item.get("reason")
                lines = self._lines(key, number, item.get("lines"))
                found.append(ContextRef(clean(path), lines, "" if reason is None else as_text(reason)))
            elif item is not None:
                message = f"item {number} of “{key}” names no file: {as_text(item)[:_SHOWN]}"
                self.problem(Severity.WARNING, "field.type", message, "write a path, or an object with “path”", key)
        return tuple(found)

    def _lines(self, key: str, number: int, value: JsonValue) -> tuple[tuple[int, int], ...]:
        """`"24-50,60-70"` as ranges; what cannot be read means the whole file."""
        if value is None or value == "":
            return ()
        written = "" if isinstance(value, (bool, float, list, dict)) else str(value)
        found: list[tuple[int, int]] = []
        for part in written.split(","):
            match = _LINES.fullmatch(part)
            first, last = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (0, 0)
            if not 1 <= first <= last:
                message = f"“lines” of item {number} of “{key}” is no range of lines: {as_text(value)[:_SHOWN]}"
                self.problem(Severity.WARNING, "field.lines", message, 'write it as "10-50" or "24-50,60-70"', key)
                return ()
            found.append((first, last))
        return tuple(found)

    def rest(self, known: frozenset[str]) -> Mapping[str, JsonValue]:
        """Every other field, exactly as it was parsed."""
        if self.raw.keys() <= known:
            return _NOTHING
        return {key: value for key, value in self.raw.items() if key not in known}

    def oddities(self) -> None:
        """Note what a valid file has that another program may trip over: duplicate keys, numbers out of range."""
        document = self.document
        if document is None or not document.is_scanned:
            return
        for duplicate in document.duplicates():
            self._duplicate(document, duplicate)
        for node in document.odd_numbers():
            line, column = document.place(node)
            written = document.data[node.start : node.end][:_SHOWN].decode("ascii", "replace")
            message = f"{written} is not a number that JSON programs can hold; it is kept as it is"
            problem = Problem(Severity.WARNING, "json.number", self.path, message, "write it as text", line, column)
            self.problems.append(problem)

    def _duplicate(self, document: Document, duplicate: Duplicate) -> None:
        members = duplicate.members
        lines = [document.place(member)[0] for member in members]
        counts = max((at for at, member in enumerate(members) if member.node.value is not None), default=len(lines) - 1)
        line, column = document.place(members[-1])
        key = duplicate.key[:_SHOWN]
        listed = ", ".join(str(number) for number in lines[:-1]) + f" and {lines[-1]}"
        message = f"“{key}” is stated {len(lines)} times, in lines {listed}; the one in line {lines[counts]} counts"
        remedy = f"leave only one; until then parex does not change “{key}”"
        problem = Problem(Severity.WARNING, "json.duplicate", self.path, clean(message), clean(remedy), line, column)
        self.problems.append(problem)
