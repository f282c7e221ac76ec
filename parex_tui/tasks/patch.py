"""Changing fields of a JSON text by as few bytes as possible: everything that is not changed stays byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from .model import JsonValue
from .scan import BOM, InvalidError, Member, Node, place, scan

_ESCAPED: Final = re.compile(rb"\\u(?:00[89a-fA-F]|0[1-9a-fA-F]|[1-9a-fA-F])")


class Absent(Enum):
    """What a field that is not there has in the place of a value."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

Value = JsonValue | Absent
"""A field's value, or that it has none: as a new value it takes the field out."""


class PatchError(Exception):
    """The change cannot be made in this text: why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Style:
    """How a file is written: what follows a comma and a colon on one line, its line ends, its indent, its escapes."""

    comma: str
    colon: str
    line_end: str
    indent: str
    ascii_only: bool

    def one_line(self, value: JsonValue) -> str:
        try:
            return self._checked(
                value,
                json.dumps(value, ensure_ascii=self.ascii_only, allow_nan=False, separators=(self.comma, self.colon)),
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise PatchError(f"the new value is no JSON: {error}") from None

    def _checked(self, value: JsonValue, text: str) -> str:
        # A lone surrogate has no UTF-8 form: only its escape can be written.
        return text if _encodable(text) else json.dumps(value, separators=(self.comma, self.colon))

    def lines(self, value: JsonValue, margin: str) -> str:
        text = json.dumps(
            value,
            ensure_ascii=self.ascii_only or not _encodable(self.one_line(value)),
            allow_nan=False,
            indent=self.indent or "  ",
            separators=(",", self.colon),
        )
        return text.replace("\n", self.line_end + margin)


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def same_value(left: Value, right: Value) -> bool:
    """Whether both are the same JSON value; `1`, `1.0` and `true` are three."""
    if left is right:
        return True
    if isinstance(left, Absent) or isinstance(right, Absent):
        return False
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def patched(data: bytes, root: Node, changes: Mapping[str, Value]) -> bytes:
    """`data` with the fields of its outermost object set to new values; `root` is its scan.

    Only the bytes of values that differ change. A field that is not there is written after `status`, or at the end
    where there is none, with the spacing that its neighbours have. A list or object that stood on one line, or is new,
    is written on one line. `ABSENT` takes a field out, with its comma: what was put in here and is taken out again
    leaves the bytes of before.

    Raises:
        PatchError: a field is stated twice, the document is no object, or a value is not JSON.
    """
    if not isinstance(root.value, dict):
        raise PatchError("it holds no object: repair the file first")
    for key in changes:
        members = root.named(key)
        if len(members) > 1:
            lines = " and ".join(str(place(data, member.start)[0]) for member in members)
            raise PatchError(f"“{key}” is stated twice, in lines {lines}: leave only one, then try again")
    wanted = {key: value for key, value in changes.items() if not isinstance(value, Absent)}
    gone = {key for key in changes if key not in wanted and root.named(key)}
    result = _without(data, root, gone)
    result = _with(result, scan(result) if gone else root, wanted, _style(data, root))
    _verify(data, root, result, changes)
    return result


def _without(data: bytes, root: Node, gone: Collection[str]) -> bytes:
    """`data` without some fields: each goes with what parts it from the field before it, the first from the next."""
    members = root.members
    stays = next((index for index, member in enumerate(members) if member.key not in gone), len(members))
    spans = [
        (members[index - 1].node.end, members[index].node.end)
        for index in range(stays + 1, len(members))
        if members[index].key in gone
    ]
    if stays:
        spans.insert(0, (members[0].start, members[stays].start if stays < len(members) else members[-1].node.end))
    result = bytearray(data)
    for start, end in reversed(spans):
        del result[start:end]
    return bytes(result)


def _with(data: bytes, root: Node, wanted: Mapping[str, JsonValue], style: _Style) -> bytes:
    """`data` with fields set: new values in the place of the old ones, new fields where they belong."""
    spans: list[tuple[int, int, bytes]] = []
    missing: dict[str, JsonValue] = {}
    for key, value in wanted.items():
        members = root.named(key)
        if not members:
            missing[key] = value
        elif not same_value(members[0].node.value, value):
            spans.append((members[0].node.start, members[0].node.end, _written(data, members[0], value, style)))
    if missing:
        spans.append(_insertion(data, root, missing, style))
    result = bytearray(data)
    for start, end, new in sorted(spans, reverse=True):
        result[start:end] = new
    return bytes(result)


def _style(data: bytes, root: Node) -> _Style:
    first = root.members[0] if root.members else None
    colon = data[first.end : first.node.start].decode("ascii") if first is not None else ": "
    colon = colon if "\n" not in colon else ": "
    margin = _margin(data, first.start) if first is not None else None
    outer = _margin(data, root.start) or ""
    indent = margin.removeprefix(outer) if margin is not None else ""
    return _Style(
        comma="," if colon == ":" else ", ",
        colon=colon,
        line_end="\r\n" if b"\r\n" in data else "\n",
        indent=indent,
        ascii_only=data.removeprefix(BOM).isascii() and _ESCAPED.search(data) is not None,
    )


def _margin(data: bytes, offset: int) -> str | None:
    """The blanks before something that is the first of its line; None where it is not."""
    before = data[data.rfind(b"\n", 0, offset) + 1 : offset]
    return before.decode("ascii") if not before.strip(b" \t") else None


def _written(data: bytes, member: Member, value: JsonValue, style: _Style) -> bytes:
    """A new value for a field, on several lines only where the old one was a list or object on several lines."""
    old = data[member.node.start : member.node.end]
    is_block = isinstance(value, (list, dict)) and len(value) > 0 and old[:1] in (b"[", b"{") and b"\n" in old
    text = style.lines(value, _margin(data, member.start) or "") if is_block else style.one_line(value)
    return text.encode("utf-8")


def _insertion(data: bytes, root: Node, missing: Mapping[str, JsonValue], style: _Style) -> tuple[int, int, bytes]:
    """Where new fields go and their text, spaced as the fields around them are."""
    entries = [f"{style.one_line(key)}{style.colon}{style.one_line(value)}".encode() for key, value in missing.items()]
    if not root.members:
        return root.start + 1, root.start + 1, style.comma.encode().join(entries)
    at = next((index for index, member in enumerate(root.members) if member.key == "status"), len(root.members) - 1)
    anchor = root.members[at]
    gap = _gap(data, root, at, style)
    return anchor.node.end, anchor.node.end, b"".join(gap + entry for entry in entries)


def _gap(data: bytes, root: Node, at: int, style: _Style) -> bytes:
    """The comma and the blanks between a field and the next one, as this file has them there."""
    members = root.members
    if at + 1 < len(members):
        return data[members[at].node.end : members[at + 1].start]
    if at > 0:
        return data[members[at - 1].node.end : members[at].start]
    blanks = data[root.start + 1 : members[0].start]
    return b"," + blanks if blanks else style.comma.encode()


def _verify(data: bytes, root: Node, result: bytes, changes: Mapping[str, Value]) -> None:
    """Make sure of the result before a byte of it is written: new values read back, all others are the same bytes."""
    try:
        after = scan(result)
    except InvalidError as error:
        raise PatchError(f"the change would break the file ({error.message})") from None
    kept = [(member.key, data[member.node.start : member.node.end]) for member in root.members]
    kept = [entry for entry in kept if entry[0] not in changes]
    now = [(member.key, result[member.node.start : member.node.end]) for member in after.members]
    now = [entry for entry in now if entry[0] not in changes]
    taken = all(
        not after.named(key)
        if isinstance(value, Absent)
        else len(found := after.named(key)) == 1 and same_value(found[0].node.value, value)
        for key, value in changes.items()
    )
    if kept != now or not taken:
        raise PatchError("the change would touch more than it should; edit the file by hand")
