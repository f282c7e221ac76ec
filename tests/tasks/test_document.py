"""The JSON reader: what it accepts, where it places things, and that nothing else ever comes out of it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.tasks.document import BOM, SIZE_LIMIT, InvalidError, parse
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.scan import DEPTH_LIMIT, Node, scan

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


def every_node(root: Node) -> list[Node]:
    found = [root]
    for node in found:
        found.extend([*(member.node for member in node.members), *node.items])
    return found


@given(VALUES, st.sampled_from([None, 2, 4, "\t"]), st.booleans(), st.booleans())
def test_scanner_reads_what_json_reads(value: JsonValue, indent: int | str | None, ascii_only: bool, bom: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    data = (BOM if bom else b"") + text.encode("utf-8", "surrogatepass")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return
    root = scan(data)
    assert root.value == json.loads(text)
    for node in every_node(root):
        assert json.loads(data[node.start : node.end]) == node.value
        for member in node.members:
            assert json.loads(data[member.start : member.end]) == member.key


@given(VALUES)
def test_both_readers_agree(value: JsonValue) -> None:
    data = json.dumps(value).encode()
    document = parse(data)
    assert document.value == document.root.value == json.loads(data)


@given(st.binary(max_size=200) | st.text('{}[]",:\\nu0123456789.eE-truefalsN/ \n\t\x00é', max_size=60).map(str.encode))
def test_any_bytes_give_a_document_or_the_documented_error(data: bytes) -> None:
    try:
        document = parse(data)
    except InvalidError as error:
        assert 0 <= error.offset <= len(data)
        assert error.line >= 1
        assert error.column >= 1
        assert error.code.startswith("json.")
        return
    assert document.root.end <= len(data)


@given(VALUES, st.data())
def test_a_cut_document_is_never_taken_for_a_whole_one(value: JsonValue, draw: st.DataObject) -> None:
    data = json.dumps({"id": "a", "value": value}).encode()
    cut = draw.draw(st.integers(0, len(data) - 1))
    with pytest.raises(InvalidError):
        parse(data[:cut])


FAULTS = [
    (b"", "json.empty", (1, 1)),
    (b" \n", "json.empty", (1, 1)),
    (BOM, "json.empty", (1, 1)),
    (b'{\n  "a": 1\n  "b": 2\n}', "json.invalid", (3, 3)),
    (b'{\n  "status": "pending",\\n  "b": 2}', "json.invalid", (2, 23)),
    (b'{\n  "status": "pending": []\n}', "json.invalid", (2, 22)),
    (b'{"a": 1,}', "json.invalid", (1, 8)),
    (b'{"a": [1, 2', "json.invalid", (1, 12)),
    (b'{"a": "x', "json.invalid", (1, 7)),
    (b'{"a": 1} {"b": 2}', "json.invalid", (1, 10)),
    (b"{'a': 1}", "json.invalid", (1, 2)),
    (b'{"a": tru}', "json.invalid", (1, 7)),
    (b'{"a": 1 // note\n}', "json.invalid", (1, 9)),
    (b'{"a": "C:\\dir"}', "json.invalid", (1, 10)),
    (b'{"a": "two\nlines"}', "json.invalid", (1, 11)),
    (b'{"a": 01}', "json.invalid", (1, 8)),
    (b"\x00\x00", "json.invalid", (1, 1)),
    ('{"ü": "ä" "b": 1}'.encode(), "json.invalid", (1, 11)),
    (b'{"a": "\xff"}', "json.encoding", (1, 8)),
    ('{"a": 1}'.encode("utf-16"), "json.encoding", (1, 1)),
]


@pytest.mark.parametrize(("data", "code", "where"), FAULTS)
def test_faults_are_named_with_line_and_column(data: bytes, code: str, where: tuple[int, int]) -> None:
    with pytest.raises(InvalidError) as caught:
        parse(data)
    assert caught.value.code == code
    assert (caught.value.line, caught.value.column) == where
    assert caught.value.message
    assert "\n" not in caught.value.message + caught.value.remedy


def test_the_encoding_fault_names_its_offset() -> None:
    with pytest.raises(InvalidError, match="0xff at offset 7"):
        parse(b'{"a": "\xff"}')


def test_a_mark_at_the_start_is_accepted_and_takes_no_column() -> None:
    document = parse(BOM + b'{"a": 1, "a": null}')
    assert document.value == {"a": 1}
    assert document.place(document.root.members[0]) == (1, 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"started", "x": null', "started"),
        ('null, "x": "later"', "later"),
        ('"a", "x": "b"', "b"),
        ('null, "x": null', None),
    ],
)
def test_of_a_duplicated_key_the_last_value_that_is_not_null_counts(text: str, value: str | None) -> None:
    document = parse(b'{"x": ' + text.encode() + b"}")
    assert document.value == {"x": value}
    (duplicate,) = document.duplicates()
    assert duplicate.key == "x"
    assert len(duplicate.members) == 2


@pytest.mark.parametrize(
    "data", [b'{"a" : 1, "a" : 2}', b'{"a"\n:1,"\\u0061":2}', b'{"o": {"k": 1, "k": 2}}', b'[{"k":1,"k":2}]']
)
def test_duplicates_are_seen_however_they_are_spelled(data: bytes) -> None:
    assert len(parse(data).duplicates()) == 1


def test_a_colon_inside_a_string_is_no_key() -> None:
    document = parse(b'{"a": "x\\": y", "b": "\\":\\":"}')
    assert document.value == {"a": 'x": y', "b": '":":'}
    assert document.duplicates() == ()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 5000])
def test_numbers_that_json_cannot_hold_are_kept_and_noted(text: str) -> None:
    document = parse(b'{"n": ' + text.encode() + b', "id": "x"}')
    assert isinstance(document.value, dict)
    assert document.value["id"] == "x"
    assert len(document.odd_numbers()) == 1
    number = document.value["n"]
    assert number == text if len(text) > 4000 else isinstance(number, float) and not math.isfinite(number)


def test_large_integers_are_exact() -> None:
    assert parse(b"[18446744073709551617, -9223372036854775809]").value == [2**64 + 1, -(2**63) - 1]


def test_lone_surrogates_and_nul_are_read() -> None:
    assert parse(rb'{"a": "\ud800x\u0000"}').value == {"a": "\ud800x\x00"}


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_limited(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    parse(opening * DEPTH_LIMIT + b"1" + closing * DEPTH_LIMIT)
    with pytest.raises(InvalidError) as caught:
        parse(opening * (DEPTH_LIMIT + 1) + b"1" + closing * (DEPTH_LIMIT + 1))
    assert caught.value.code == "json.too_deep"
    with pytest.raises(InvalidError):
        parse(opening * 100_000)


def test_size_is_limited() -> None:
    with pytest.raises(InvalidError) as caught:
        parse(b" " * (SIZE_LIMIT + 1))
    assert caught.value.code == "json.too_large"
