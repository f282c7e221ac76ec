"""Whether two paths of write sets can mean the same file, for one pair and for thousands at once.

In doubt they can: tasks kept apart for nothing lose time, tasks that write one file at the same time lose work.
Letter case and Unicode form make no difference, because on many file systems they make none.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from .deliverables import is_folder_like

DEPTH_LIMIT: Final = 64
"""Parts of a path that are compared; what lies deeper counts as one folder."""

PATTERN_BUDGET: Final = 400_000
"""Comparisons of patterns with paths that are made one by one; beyond it a pattern counts as its whole folder."""


class Kind(Enum):
    """How a path is anchored."""

    INSIDE = "below the root"
    OUTSIDE = "absolute, often of another machine"
    FLOATING = "a name that may lie anywhere: `**/name`"
    PATTERN = "with wildcards"


@dataclass(frozen=True, slots=True)
class Key:
    """A path made ready for comparing: `parts` without case; `is_folder` where it may hold other files."""

    kind: Kind
    parts: tuple[str, ...]
    is_folder: bool


class Link(NamedTuple):
    """Two entries (by position, `first` < `second`) that name the same file, each by its own path."""

    first: int
    second: int
    first_path: str
    second_path: str


@lru_cache(maxsize=65_536)
def key_of(path: str) -> Key:
    """The key of one normalised path of a write set."""
    folded = unicodedata.normalize("NFC", path).casefold()
    is_outside = folded.startswith("/") or re.match(r"[a-z]:/", folded) is not None
    parts = tuple(part for part in folded.split("/") if part)
    is_folder = is_folder_like(path)
    if len(parts) > DEPTH_LIMIT:
        parts, is_folder = parts[:DEPTH_LIMIT], True
    if _has_wildcard(folded):
        if not is_outside and len(parts) > 1 and parts[0] == "**" and not _has_wildcard("/".join(parts[1:])):
            return Key(Kind.FLOATING, parts[1:], is_folder)
        return Key(Kind.PATTERN, ("/", *parts) if is_outside else parts, is_folder)
    return Key(Kind.OUTSIDE if is_outside else Kind.INSIDE, parts, is_folder)


def meets(one: Key, other: Key) -> bool:
    """Whether the two can mean one file, or one a folder that holds the other."""
    kinds = {one.kind, other.kind}
    if Kind.PATTERN in kinds:
        return _patterns_meet(one, other)
    if Kind.FLOATING in kinds:
        floating, fixed = (one, other) if one.kind is Kind.FLOATING else (other, one)
        if fixed.is_folder or (fixed.kind is Kind.FLOATING and floating.is_folder):
            return True
        return _within(floating.parts, fixed.parts) or (
            fixed.kind is Kind.FLOATING and _within(fixed.parts, floating.parts)
        )
    if len(kinds) == 1:
        shared = min(len(one.parts), len(other.parts))
        return one.parts[:shared] == other.parts[:shared]
    inside, outside = (one.parts, other.parts) if one.kind is Kind.INSIDE else (other.parts, one.parts)
    return any(outside[start : start + len(inside)] == inside[: len(outside) - start] for start in range(len(outside)))


def narrower(one: str, other: str) -> str:
    """Of two paths that meet, the one that says more precisely which file is meant."""
    keys = key_of(one), key_of(other)
    ranks = [(key.kind is Kind.INSIDE, key.kind is not Kind.PATTERN, len(key.parts)) for key in keys]
    return one if ranks[0] >= ranks[1] else other


def links(entries: Sequence[Iterable[str]]) -> list[Link]:
    """Enough pairs of meeting paths to connect every two entries that meet, directly or over others.

    `entries[i]` are the paths of task i. Not every meeting pair is listed: of ten tasks that write one file, each is
    linked to the one before it. Time grows with the number of paths and their depth, not with their square.
    """
    index = _Index()
    for place, paths in enumerate(entries):
        for path in paths:
            index.add(place, path)
    return index.links()


def _has_wildcard(path: str) -> bool:
    return "*" in path or "?" in path


def _within(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    return any(long[start : start + len(short)] == short for start in range(len(long) - len(short) + 1))


# --- patterns --------------------------------------------------------------------------------------------------


def _patterns_meet(one: Key, other: Key) -> bool:
    first, second = _as_pattern(one), _as_pattern(other)
    if (first[0] == "/") != (second[0] == "/"):  # one absolute, one relative: the relative one may lie at any depth
        first, second = (first[1:], ("**", *second)) if first[0] == "/" else (("**", *first), second[1:])
    if not _has_wildcard(first[0]) and not _has_wildcard(second[0]) and first[0] != second[0]:
        return False
    return _meet(first, one.is_folder, second, other.is_folder)


def _as_pattern(key: Key) -> tuple[str, ...]:
    match key.kind:
        case Kind.FLOATING:
            return ("**", *key.parts)
        case Kind.OUTSIDE:
            return ("/", *key.parts)
        case _:
            return key.parts


def _meet(one: tuple[str, ...], one_folder: bool, two: tuple[str, ...], two_folder: bool) -> bool:
    """Whether some path is matched by both, or by one of them and by a folder that the other names.

    Walks the pairs of positions that can be reached together; `**` takes any number of parts.
    """
    seen: set[tuple[int, int]] = set()
    open_ = [(0, 0)]
    while open_:
        at = open_.pop()
        if at in seen:
            continue
        seen.add(at)
        i, j = at
        if i == len(one) or j == len(two):
            rest, ended_in_folder = (two[j:], one_folder) if i == len(one) else (one[i:], two_folder)
            if ended_in_folder or all(part == "**" for part in rest):
                return True
            continue
        left, right = one[i], two[j]
        if left == "**":
            open_ += [(i + 1, j), (i, j + 1)]
        if right == "**":
            open_ += [(i, j + 1), (i + 1, j)]
        if "**" in (left, right):
            continue
        if left == right and not _has_wildcard(left):
            if i + 1 == len(one) or j + 1 == len(two):
                return True  # the shorter one is named as a folder by the longer one
            open_.append((i + 1, j + 1))
        elif _parts_meet(left, right):
            open_.append((i + 1, j + 1))
    return False


@lru_cache(maxsize=16_384)
def _parts_meet(left: str, right: str) -> bool:
    """Whether some name is matched by both parts."""
    if not _has_wildcard(left) and not _has_wildcard(right):
        return left == right
    if len(left) * len(right) > 10_000:
        return True
    seen: set[tuple[int, int]] = set()
    open_ = [(0, 0)]
    while open_:
        at = open_.pop()
        if at in seen:
            continue
        seen.add(at)
        i, j = at
        if i == len(left) and j == len(right):
            return True
        a = left[i] if i < len(left) else ""
        b = right[j] if j < len(right) else ""
        if a == "*":
            open_.append((i + 1, j))
            if b:
                open_.append((i, j + 1))
        if b == "*":
            open_.append((i, j + 1))
            if a:
                open_.append((i + 1, j))
        if a and b and a != "*" and b != "*" and (a == b or "?" in (a, b)):
            open_.append((i + 1, j + 1))
    return False


# --- many at once ----------------------------------------------------------------------------------------------


class _Node:
    """One distinct path, and the entries that write it, in order, each with its own spelling."""

    __slots__ = ("key", "spelled", "writers")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.writers: list[int] = []
        self.spelled: dict[int, str] = {}


class _Index:
    """Finds meeting paths by looking up their parts instead of comparing every pair."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[Kind, tuple[str, ...], bool], _Node] = {}
        self._links: dict[tuple[int, int, str, str], Link] = {}

    def add(self, place: int, path: str) -> None:
        key = key_of(path)
        # Only next to a floating name does it matter whether a path may be a folder, so both spellings stay apart
        # as nodes and are linked as equal paths.
        node = self._nodes.setdefault((key.kind, key.parts, key.is_folder), _Node(key))
        if place not in node.spelled:
            node.writers.append(place)
            node.spelled[place] = path

    def links(self) -> list[Link]:
        by_kind: defaultdict[Kind, list[_Node]] = defaultdict(list)
        for node in self._nodes.values():
            by_kind[node.key.kind].append(node)
            for first, second in zip(node.writers, node.writers[1:], strict=False):
                self._record(first, node.spelled[first], second, node.spelled[second])
        inside, outside = by_kind[Kind.INSIDE], by_kind[Kind.OUTSIDE]
        floating, patterns = by_kind[Kind.FLOATING], by_kind[Kind.PATTERN]
        self._anchored(inside)
        self._anchored(outside)
        if inside and outside:
            self._across(inside, outside)
        if floating:
            self._floating(floating, [*inside, *outside])
        if patterns:
            self._patterns(patterns, [*inside, *outside, *floating])
        return sorted(self._links.values())

    def _record(self, one: int, one_path: str, other: int, other_path: str) -> None:
        if one == other:
            return
        if one > other:
            one, one_path, other, other_path = other, other_path, one, one_path
        link = Link(one, other, one_path, other_path)
        self._links.setdefault(link, link)

    def _connect(self, node: _Node, other: _Node) -> None:
        """Link every writer of `node` with the nearest writer of `other`, an earlier one if there is one."""
        for place in node.writers:
            at = bisect_left(other.writers, place)
            if at < len(other.writers) and other.writers[at] == place:
                continue  # it writes both; the writers of `other` are linked among themselves
            near = other.writers[at - 1] if at else other.writers[0]
            self._record(place, node.spelled[place], near, other.spelled[near])

    def _anchored(self, nodes: list[_Node]) -> None:
        """Equal paths, and folders with what lies below them."""
        by_parts = _by_parts(nodes)
        for node in nodes:
            for end in range(1, len(node.key.parts) + 1):
                for other in by_parts.get(node.key.parts[:end], ()):
                    if other is not node:
                        self._connect(node, other)

    def _across(self, inside: list[_Node], outside: list[_Node]) -> None:
        """Absolute paths of another machine: their end may be a path below this root."""
        by_end: defaultdict[tuple[str, ...], list[_Node]] = defaultdict(list)
        for node in outside:
            for start in range(len(node.key.parts)):
                by_end[node.key.parts[start:]].append(node)
        done: set[tuple[str, ...]] = set()
        for node in inside:
            for end in range(1, len(node.key.parts) + 1):
                shared = node.key.parts[:end]
                # Once linked with one inside path, all that end alike are connected: the next needs one of them.
                for other in by_end.get(shared, ())[: 1 if shared in done else None]:
                    self._connect(node, other)
                    done.add(shared)
        by_parts = _by_parts(inside)
        for node in outside:
            for start, end in _spans(len(node.key.parts)):
                for other in by_parts.get(node.key.parts[start:end], ()):
                    self._connect(node, other)

    def _floating(self, floating: list[_Node], fixed: list[_Node]) -> None:
        """Names that may lie anywhere: in every folder, and wherever their parts occur in a longer path."""
        by_parts = _by_parts(floating)
        for node in [*fixed, *floating]:
            for start, end in _spans(len(node.key.parts)):
                for other in by_parts.get(node.key.parts[start:end], ()):
                    if other is not node:
                        self._connect(node, other)
        folders = [node for node in [*fixed, *floating] if node.key.is_folder]
        if folders:
            for node in floating:
                self._connect(node, folders[0] if folders[0] is not node else folders[-1])
            for node in folders:
                self._connect(node, floating[0] if floating[0] is not node else floating[-1])

    def _patterns(self, patterns: list[_Node], others: list[_Node]) -> None:
        if len(patterns) * (len(patterns) + len(others)) > PATTERN_BUDGET:
            self._widened(patterns, others)
            return
        for place, pattern in enumerate(patterns):
            for other in [*others, *patterns[place + 1 :]]:
                if meets(pattern.key, other.key):
                    self._connect(other, pattern)

    def _widened(self, patterns: list[_Node], others: list[_Node]) -> None:
        """Too many to compare one by one: each pattern counts as the folder that all its files lie in."""
        folders = []
        for pattern in patterns:
            parts = pattern.key.parts
            fixed = next(place for place, part in enumerate(parts) if _has_wildcard(part))
            if fixed == 0 or parts[0] == "/" or any(other.key.kind is not Kind.INSIDE for other in others):
                everything = [*patterns, *others]
                for node in everything[1:]:
                    self._connect(node, everything[0])
                return
            folder = _Node(Key(Kind.INSIDE, parts[:fixed], is_folder=True))
            folder.writers, folder.spelled = pattern.writers, pattern.spelled
            folders.append(folder)
        self._anchored([*others, *folders])


def _by_parts(nodes: Iterable[_Node]) -> dict[tuple[str, ...], list[_Node]]:
    found: defaultdict[tuple[str, ...], list[_Node]] = defaultdict(list)
    for node in nodes:
        found[node.key.parts].append(node)
    return found


def _spans(length: int) -> Iterator[tuple[int, int]]:
    return ((start, end) for start in range(length) for end in range(start + 1, length + 1))
