"""A JSON document: what it holds, where each part of it stands, and what is odd about it.

`parse` is the way in. Sound files take the strict fast parser; our own scanner is used for what that parser cannot
tell: where a value stands, duplicate keys, numbers outside its range, the place and kind of a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import orjson

from .model import JsonValue
from .scan import BOM, DEPTH_LIMIT, SIZE_LIMIT, InvalidError, Member, Node, place, scan, too_large

__all__ = ["BOM", "SIZE_LIMIT", "Document", "Duplicate", "InvalidError", "Member", "Node", "parse"]

_KEY_END: Final = re.compile(rb'"[ \t\n\r]*+:')
_LARGE: Final = float(2**63)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that an object states more than once, and the members that state it, in the order of the file."""

    key: str
    members: tuple[Member, ...]


class Document:
    """A parsed document. `value` is what it holds; of a duplicated key the last value that is not null.

    A number that no Python int or float holds as written is given as its text. NaN and infinities are floats.
    """

    def __init__(self, data: bytes, value: JsonValue, root: Node | None = None) -> None:
        self.data = data
        self.value = value
        self._root = root

    @cached_property
    def root(self) -> Node:
        """The same document with byte offsets; scanned when first asked for."""
        return self._root if self._root is not None else scan(self.data)

    @property
    def is_scanned(self) -> bool:
        """Whether the fast parser did not do: only such a document can have `duplicates` or `odd_numbers`."""
        return self._root is not None

    def place(self, node: Node | Member) -> tuple[int, int]:
        """Line and column of a part, both from 1."""
        return place(self.data, node.start)

    def duplicates(self) -> tuple[Duplicate, ...]:
        """The duplicated keys of every object, in the order of the file."""
        found: list[Duplicate] = []
        for node in _walk(self.root):
            by_key: dict[str, list[Member]] = {}
            for member in node.members:
                by_key.setdefault(member.key, []).append(member)
            found.extend(Duplicate(key, tuple(same)) for key, same in by_key.items() if len(same) > 1)
        return tuple(sorted(found, key=lambda duplicate: duplicate.members[0].start))

    def odd_numbers(self) -> tuple[Node, ...]:
        """NaN, infinities and numbers too large for a float or an int: other programs refuse or change them."""
        return tuple(node for node in _walk(self.root) if _is_odd(self.data, node))


def _walk(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed([*(member.node for member in node.members), *node.items]))


def _is_odd(data: bytes, node: Node) -> bool:
    value = node.value
    if isinstance(value, float):
        return value != value or value in (float("inf"), float("-inf"))
    return isinstance(value, str) and data[node.start : node.start + 1] != b'"'


def parse(data: bytes) -> Document:
    """What `data` holds.

    Raises:
        InvalidError: it is empty, too large, too deep, not UTF-8 or not JSON. Nothing else is raised for any bytes.
    """
    if len(data) > SIZE_LIMIT:
        raise too_large(len(data))
    try:
        value: JsonValue = orjson.loads(data.removeprefix(BOM))
    except (ValueError, RecursionError, MemoryError):
        root = scan(data)  # says precisely what is wrong, or accepts what the strict parser does not
        return Document(data, root.value, root)
    if not _is_ordinary(data, value):
        root = scan(data)
        return Document(data, root.value, root)
    return Document(data, value)


def _is_ordinary(data: bytes, value: JsonValue) -> bool:
    """Whether the fast parser's value is the whole truth: no duplicate key, no deep nesting, no rounded integer.

    Every key ends in a quote and a colon, so a document has at least as many of these pairs as the parsed value has
    keys, and exactly as many only if no key was stated twice (a pair inside a string can only raise the count).
    """
    keys = 0
    depth = 0
    level: list[JsonValue] = [value]
    while level:
        below: list[JsonValue] = []
        for item in level:
            if isinstance(item, str):
                continue  # most are
            if isinstance(item, dict):
                keys += len(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, float) and (item >= _LARGE or item <= -_LARGE):
                return False
        depth += 1
        level = below
    # `depth` counts levels of values: the innermost scalars are one more than the containers around them.
    return depth <= DEPTH_LIMIT and len(_KEY_END.findall(data)) == keys
