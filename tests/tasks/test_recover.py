"""What is still read from broken files, and what is left out because it could mean two things."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.recover import recover

TASK: dict[str, JsonValue] = {
    "id": "auth-03",
    "seq": "03",
    "title": "Say “hi”, {not} [a] list: really",
    "status": "in_progress",
    "depends_on": ["01", "02"],
    "context_files": [{"path": "src/a.ts", "lines": "1-9"}, "docs/b.md"],
    "parallel": False,
    "completed_at": None,
}
TEXT = json.dumps(TASK, indent=2, ensure_ascii=False)


def edited(old: str, new: str) -> bytes:
    assert old in TEXT
    return TEXT.replace(old, new, 1).encode()


WHOLE = {
    "missing comma after an inserted line": edited(
        '"status": "in_progress",', '"status": "in_progress",\n  "completion_summary": "Done: all, really"'
    ),
    "literal line break": edited('"in_progress",\n', '"in_progress",\\n'),
    "trailing comma": edited("null\n}", "null,\n}"),
    "line comment": edited('"parallel"', '// may run beside others, "status": "completed"\n  "parallel"'),
    "block comment": edited('"parallel"', '/* "status": "completed" */ "parallel"'),
    "code fence": b"```json\n" + TEXT.encode() + b"\n```\n",
    "the same twice": TEXT.encode() * 2,
    "no end": TEXT.encode()[:-2],
}


@pytest.mark.parametrize("kind", WHOLE)
def test_every_field_of_the_kinds_that_exist_comes_back(kind: str) -> None:
    with pytest.raises(InvalidError):
        parse(WHOLE[kind])
    found = recover(WHOLE[kind])
    assert {key: found.get(key) for key in TASK} == TASK


def test_a_second_value_after_a_status_is_dropped() -> None:
    found = recover(edited('"status": "in_progress"', '"status": "in_progress": []'))
    assert {key: found.get(key) for key in TASK} == TASK


def test_a_summary_without_its_comma_comes_back_itself() -> None:
    assert recover(WHOLE["missing comma after an inserted line"])["completion_summary"] == "Done: all, really"


DOUBTFUL = {
    "quotes inside a title": (edited("“hi”", '"hi"'), "title"),
    "list cut in the middle": (TEXT[: TEXT.index('"02"')].encode(), "depends_on"),
    "bracket never closed": (edited('"02"\n  ]', '"02"'), "depends_on"),
    "number cut at the end": (b'{"seq": "03", "subtask_count": 1', "subtask_count"),
    "word cut at the end": (b'{"seq": "03", "parallel": tru', "parallel"),
    "string cut at the end": (b'{"seq": "03", "title": "Half a ti', "title"),
    "two documents that differ": (
        b'{"seq": "03", "status": "pending"}\n{"seq": "03", "status": "completed"}',
        "status",
    ),
    "merge conflict": (
        b'{"seq": "03",\n<<<<<<< HEAD\n"status": "pending",\n=======\n"status": "completed",\n>>>>>>> x\n"id": "a"}',
        "status",
    ),
    "a value that is no value": (b'{"seq": "03", "status": pending}', "status"),
    "no value at all": (b'{"seq": "03", "title":\n"status": "pending"}', "title"),
    "key in a list": (b'{"seq": "03", "depends_on": ["01", "parallel": true}', "depends_on"),
}


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_could_mean_two_things_is_left_out(kind: str) -> None:
    data, field = DOUBTFUL[kind]
    found = recover(data)
    assert field not in found
    assert found["seq"] == "03"


def test_a_field_after_a_bracket_that_was_never_closed_comes_back() -> None:
    found = recover(edited('"02"\n  ]', '"02"'))
    assert found["parallel"] is False
    assert found["status"] == "in_progress"


def test_of_duplicates_the_value_that_is_not_null_counts() -> None:
    assert recover(b'{"started_at": "noon", "started_at": null,}') == {"started_at": "noon"}


def test_utf16_is_read() -> None:
    assert recover(TEXT.encode("utf-16")) == TASK


def test_windows_paths_with_single_backslashes_are_read_as_they_stand() -> None:
    assert recover(rb'{"deliverables": ["C:\dir\x.ts"],}') == {"deliverables": [r"C:\dir\x.ts"]}


@given(st.binary(max_size=300) | st.text('{}[]",:\\n01-truefalsnul/*#<=>` \n\t', max_size=80).map(str.encode))
def test_any_bytes_give_fields_and_raise_nothing(data: bytes) -> None:
    assert isinstance(recover(data), dict)


@given(st.integers(0, len(TEXT.encode())))
def test_what_comes_back_from_a_cut_file_is_true(length: int) -> None:
    for key, value in recover(TEXT.encode()[:length]).items():
        assert TASK[key] == value


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.lists(st.text(max_size=4))))
def test_of_a_sound_file_everything_comes_back(value: dict[str, JsonValue]) -> None:
    assert recover(json.dumps(value, indent=2).encode()) == value
