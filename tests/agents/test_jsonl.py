"""`parex.events/1`: what is documented is read, what is not is kept, and nothing raises."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents import jsonl
from parex_tui.agents.events import (
    Asks,
    Began,
    Child,
    Ended,
    Event,
    Line,
    Said,
    Thought,
    Tool,
    ToolState,
    Trouble,
    Unknown,
    Usage,
    Waits,
)
from parex_tui.agents.jsonl import JsonLinesParser, PlainParser

from .helpers import texts, unsafe


def read(**values: object) -> Event:
    """The event of one object."""
    (event,) = JsonLinesParser().feed(json.dumps(values))
    return event


@pytest.mark.parametrize(
    ("values", "event"),
    [
        (
            {"type": "began", "session": "s1", "model": "m", "agent": "CoderAgent", "at": 12.5},
            Began(session="s1", model="m", agent="CoderAgent", at=12.5),
        ),
        ({"type": "said", "text": "one\ntwo"}, Said(text="one\ntwo")),
        ({"type": "thought"}, Thought()),
        (
            {"type": "tool", "id": 7, "tool": "edit", "state": "running", "path": "a.ts", "added": 4, "removed": 0},
            Tool(id="7", tool="edit", state=ToolState.RUNNING, path="a.ts", added=4, removed=0),
        ),
        (
            {
                "type": "tool",
                "id": "x",
                "tool": "bash",
                "input": "npm test",
                "exit": 1,
                "output": "a\nb",
                "result": "no",
            },
            Tool(id="x", tool="bash", state=ToolState.FAILED, input="npm test", exit=1, output="a\nb", result="no"),
        ),
        (
            {"type": "usage", "input_tokens": 10, "output_tokens": 2.0, "cached_tokens": 3, "cost": 0.25},
            Usage(input_tokens=10, output_tokens=2, cached_tokens=3, cost=0.25),
        ),
        (
            {"type": "waits", "reason": "busy", "seconds": 30, "attempt": 2},
            Waits(reason="busy", seconds=30.0, attempt=2),
        ),
        ({"type": "asks", "question": "May I?", "id": "q"}, Asks(question="May I?", id="q")),
        ({"type": "child", "session": "s2", "title": "T"}, Child(session="s2", title="T")),
        (
            {"type": "trouble", "message": "no", "kind": "auth", "fatal": True},
            Trouble(message="no", kind="auth", fatal=True),
        ),
        ({"type": "ended", "ok": True, "summary": "done"}, Ended(ok=True, summary="done")),
    ],
)
def test_documented_events_are_read(values: dict[str, object], event: Event) -> None:
    assert read(**values) == event


def test_every_example_of_the_documentation_is_an_event() -> None:
    documented = re.findall(r"^    (\{.*?\}\*?)$", jsonl.__doc__ or "", re.MULTILINE | re.DOTALL)
    assert len(documented) == 10
    for example in documented:
        (event,) = JsonLinesParser().feed(" ".join(example.replace("*", "").split()))
        assert not isinstance(event, Line | Unknown), example


@pytest.mark.parametrize(
    "line",
    [
        "npm WARN old",
        "{not json",
        "[1, 2]",
        "42",
        '"text"',
        "{" * 100_000,
        '{"a":' * 100_000,
        '{"a": ' + "9" * 6000 + "}",
    ],
)
def test_lines_that_are_no_object_are_plain_lines(line: str) -> None:
    (event,) = JsonLinesParser().feed(line)
    assert isinstance(event, Line)


@pytest.mark.parametrize(
    "values",
    [
        {"type": "step_start"},
        {"no": "type"},
        {"type": 7},
        {"type": ["said"]},
        {"type": "said"},
        {"type": "said", "text": ["a"]},
        {"type": "tool", "id": "1"},
        {"type": "waits", "seconds": 3},
        {"type": "asks", "question": None},
        {"type": "child"},
        {"type": "trouble", "message": {}},
    ],
)
def test_objects_that_say_nothing_known_are_kept(values: dict[str, object]) -> None:
    event = read(**values)
    assert isinstance(event, Unknown)
    assert event.raw == json.dumps(values)


@pytest.mark.parametrize("ok", [1, "true", None, [], {}])
def test_only_true_is_success(ok: object) -> None:
    event = read(type="ended", ok=ok)
    assert isinstance(event, Ended)
    assert not event.ok
    assert event.reason


@pytest.mark.parametrize("number", ["-1", "NaN", "Infinity", "1e400", "1e300", "true", '"12"', "[1]", "null", "9" * 40])
def test_numbers_that_cannot_be_meant_are_left_out(number: str) -> None:
    parser = JsonLinesParser()
    numbers = f'"input_tokens": {number}, "cost": {number}, "at": {number}'
    assert parser.feed(f'{{"type": "usage", {numbers}}}') == (Usage(),)
    (tool,) = parser.feed(f'{{"type": "tool", "tool": "edit", "added": {number}, "removed": {number}}}')
    assert isinstance(tool, Tool)
    assert (tool.added, tool.removed) == (None, None)


def test_a_call_without_an_id_is_never_an_update_of_another() -> None:
    parser = JsonLinesParser()
    calls = [parser.feed('{"type": "tool", "tool": "read"}')[0] for _ in range(3)]
    assert len({call.id for call in calls if isinstance(call, Tool)}) == 3


def test_colours_are_dropped_and_other_escapes_made_visible() -> None:
    (event,) = PlainParser().feed("\x1b[1;31mred\x1b[0m \x1b]52;c;aGk=\x07")
    assert event == Line(text="red ␛]52;c;aGk=␇")


def test_standard_error_is_marked() -> None:
    for parser in (PlainParser(), JsonLinesParser()):
        assert parser.feed_stderr('{"type": "ended", "ok": true}') == (
            Line(text='{"type": "ended", "ok": true}', stderr=True),
        )


nasty = st.text(
    st.sampled_from('aé漢🙂\x00\x07\n\r\t\x1b[31m\x7f\x9b\u200b\u202e\u2028\ufeff\ud800\udfff{}"\\'), max_size=12
)
json_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), nasty, st.lists(nasty, max_size=2), st.just({"a": {"b": []}})
)
known_keys = st.sampled_from(sorted({field.name for event in get_args(Event) for field in fields(event)}))
known_types = st.sampled_from(
    ["began", "said", "thought", "tool", "usage", "waits", "asks", "child", "trouble", "ended", "other"]
)


@given(kind=known_types, values=st.dictionaries(known_keys, json_values, max_size=6))
def test_any_value_in_any_field_gives_one_clean_event(kind: str, values: dict[str, object]) -> None:
    events = JsonLinesParser().feed(json.dumps({**values, "type": kind}))
    assert len(events) == 1
    assert not [text for text in texts(events) if unsafe(text)]


@given(st.binary(max_size=200) | nasty.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_arbitrary_bytes_never_raise_and_come_out_clean(raw: bytes) -> None:
    line = raw.decode("utf-8", "replace")
    for parser in (PlainParser(), JsonLinesParser()):
        for found in (parser.feed(line), parser.feed_stderr(line)):
            assert not [text for text in texts(found) if unsafe(text) or "\n" in text]
