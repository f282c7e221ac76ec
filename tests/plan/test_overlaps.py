"""Where two tasks would write the same file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.plan.model import WriteSet
from parex_tui.plan.overlaps import links
from parex_tui.plan.writes import overlap, write_set

from .making import DELIVERABLES, ROOT, task

PATHS = sorted({path for one in DELIVERABLES for path in write_set(task("01", writes=[one]), ROOT).paths})
MORE = ["a", "a/", "a/b.ts", "b/a/b.ts", "/x/a/b.ts", "/x/a/", "**/b.ts", "**/a/b.ts", "a/*.ts", "*", "a/*/c.ts"]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("src/a.ts", "src/a.ts", "src/a.ts"),
        ("src/a.ts", "src/A.TS", "src/a.ts"),
        ("src/café.ts", "src/cafe\u0301.ts", "src/café.ts"),
        ("src/", "src/a.ts", "src/a.ts"),
        ("src", "src/a.ts", "src/a.ts"),
        ("**", "src/a.ts", "src/a.ts"),
        ("src/*.ts", "src/a.ts", "src/a.ts"),
        ("src/*", "src/x/a.ts", "src/x/a.ts"),
        ("src/**/a.ts", "src/a.ts", "src/a.ts"),
        ("src/**/a.ts", "src/x/y/a.ts", "src/x/y/a.ts"),
        ("src/**/a.ts", "src/x/", "src/x/"),
        ("src/?.ts", "src/a.ts", "src/a.ts"),
        ("src/a*.ts", "src/*b.ts", "src/a*.ts"),
        ("**/jwt.ts", "src/auth/jwt.ts", "src/auth/jwt.ts"),
        ("**/jwt.ts", "src/auth/", "src/auth/"),
        ("/Users/x/p/src/a.ts", "src/a.ts", "src/a.ts"),
        ("/Users/x/p/src/", "src/a.ts", "src/a.ts"),
        ("/Users/x/p/src/a.ts", "src/", "src/"),
        ("C:/p/src/a.ts", "src/a.ts", "src/a.ts"),
        ("C:/p/src/a.ts", "c:/P/src/a.ts", "C:/p/src/a.ts"),
        ("app/[id].ts", "app/[id].ts", "app/[id].ts"),
    ],
)
def test_the_same_file_is_seen(one: str, other: str, shared: str) -> None:
    assert overlap(WriteSet((one,)), WriteSet((other,))) == (shared,)
    assert len(overlap(WriteSet((other,)), WriteSet((one,)))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("src/a.ts", "src/b.ts"),
        ("src/a.ts", "tests/src/a.ts"),
        ("src/auth", "src/authz/a.ts"),
        ("app/[id].ts", "app/i.ts"),
        ("app/[id].ts", "app/d.ts"),
        ("src/*.ts", "src/a.tsx"),
        ("src/*.ts", "src/x/a.ts"),
        ("src/a*.ts", "src/b*.ts"),
        ("docs/*.md", "src/**"),
        ("**/jwt.ts", "src/auth/login.ts"),
        ("**/jwt.ts", "src/auth/ajwt.ts"),
        ("**/jwt.ts", "**/login.ts"),
        ("/Users/x/p/src/a.ts", "a/src/a.ts"),
        ("/Users/x/p/src/a.ts", "rc/a.ts"),
        ("/Users/x/p/a.ts", "/Users/y/p/a.ts"),
    ],
)
def test_different_files_are_kept_apart_from_nothing(one: str, other: str) -> None:
    assert overlap(WriteSet((one,)), WriteSet((other,))) == ()
    assert overlap(WriteSet((other,)), WriteSet((one,))) == ()


def test_every_shared_path_is_named_once_in_order() -> None:
    one = WriteSet(("src/b.ts", "src/a.ts", "docs/"))
    other = WriteSet(("src/a.ts", "src/b.ts", "docs/x.md", "README.md"))
    assert overlap(one, other) == ("docs/x.md", "src/a.ts", "src/b.ts")


def test_what_is_unknown_overlaps_nothing() -> None:
    vague = write_set(task("01", writes=["All tests green"]), ROOT)
    assert not vague.is_known
    assert vague.unknown == ("All tests green",)
    assert overlap(vague, WriteSet(("**",))) == ()


def test_no_deliverables_are_not_an_empty_write_set() -> None:
    none = write_set(task("01", writes=[]), ROOT)
    assert not none.declared
    assert not none.is_known


def test_a_sentence_that_names_a_file_gives_both() -> None:
    found = write_set(task("01", writes=["Updated train.py with vision", "docs/x.md"]), ROOT)
    assert found == WriteSet(("**/train.py", "docs/x.md"), ("Updated train.py with vision",))


def _components(count: int, pairs: set[tuple[int, int]]) -> set[frozenset[int]]:
    group = {place: frozenset({place}) for place in range(count)}
    for one, other in pairs:
        merged = group[one] | group[other]
        group.update(dict.fromkeys(merged, merged))
    return set(group.values())


@given(st.lists(st.lists(st.sampled_from([*PATHS, *MORE]), max_size=3), max_size=8))
def test_the_index_connects_exactly_what_meets_in_pairs(entries: list[list[str]]) -> None:
    sets = [WriteSet(tuple(paths)) for paths in entries]
    every = {(one, other) for other in range(len(sets)) for one in range(other) if overlap(sets[one], sets[other])}
    found = links(entries)
    pairs = {(link.first, link.second) for link in found}
    assert pairs <= every
    assert _components(len(sets), pairs) == _components(len(sets), every)
    for link in found:
        assert link.first_path in entries[link.first]
        assert link.second_path in entries[link.second]


@given(st.sampled_from([*PATHS, *MORE]), st.sampled_from([*PATHS, *MORE]))
def test_meeting_is_mutual_and_a_path_meets_itself(one: str, other: str) -> None:
    assert bool(overlap(WriteSet((one,)), WriteSet((other,)))) == bool(overlap(WriteSet((other,)), WriteSet((one,))))
    assert overlap(WriteSet((one,)), WriteSet((one,))) == (one,)


def test_too_many_patterns_count_as_their_folders() -> None:
    entries = [[f"src/m{number % 400}/a{number}*.ts"] for number in range(1_200)]
    found = links([*entries, ["src/m7/other.ts"], ["docs/x.md"]])
    joined = _components(len(entries) + 2, {(link.first, link.second) for link in found})
    by_member = {member: group for group in joined for member in group}
    assert by_member[1_200] == {7, 407, 807, 1_200}
    assert by_member[1_201] == {1_201}
