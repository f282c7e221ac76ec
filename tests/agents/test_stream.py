"""Following an output file: nothing is lost that fits, nothing is silent that does not."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parex_tui.agents.events import Began, Ended, Event, Line, Said, Trouble, Unknown, Usage
from parex_tui.agents.jsonl import JsonLinesParser, PlainParser
from parex_tui.agents.stream import JSON_LINE_BYTES, LINE_BYTES, NOTICE, Tail, read_all

from .helpers import texts

END = b'{"type": "ended", "ok": true}\n'


def append(path: Path, data: bytes) -> None:
    """Write as an agent does."""
    with path.open("ab") as file:
        file.write(data)


def lines(events: list[Event]) -> list[str]:
    """The texts of plain lines."""
    return [event.text for event in events if isinstance(event, Line)]


def test_a_file_that_is_not_there_yet_gives_nothing_and_is_then_followed(tmp_path: Path) -> None:
    path = tmp_path / "out"
    tail = Tail(path, PlainParser())
    assert tail.poll() == []
    append(path, b"one\ntw")
    assert lines(tail.poll()) == ["one"]
    assert tail.poll() == []
    append(path, b"o\n\nthree")
    assert lines(tail.poll()) == ["two", ""]
    assert lines(tail.finish()) == ["three"]
    assert tail.offset == 14


def test_standard_error_goes_to_its_own_method(tmp_path: Path) -> None:
    path = tmp_path / "err"
    append(path, b"oops\n")
    assert Tail(path, JsonLinesParser(), stderr=True).poll() == [Line(text="oops", stderr=True)]
    assert read_all(path, JsonLinesParser(), stderr=True) == [Line(text="oops", stderr=True)]


def test_a_character_split_between_two_writes_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    tail = Tail(path, PlainParser())
    for byte in "é漢🙂\n".encode():
        append(path, bytes([byte]))
        found = tail.poll()
    assert lines(found) == ["é漢🙂"]


def test_a_progress_bar_shows_its_last_state(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b"10%\r50%\r100%\r\nplain\r\nwait\r" + END)
    assert lines(Tail(path, PlainParser()).poll())[:2] == ["100%", "plain"]
    assert Tail(path, JsonLinesParser()).poll()[-1] == Ended(ok=True)


@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_that_is_replaced_or_cut_short_is_read_again_and_said(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "out"
    append(path, b"a long first line\nhalf")
    tail = Tail(path, PlainParser())
    tail.poll()
    if replaced:
        append(tmp_path / "new", b"fresh, and longer than the first one was\n")
        (tmp_path / "new").rename(path)
    else:
        os.truncate(path, 0)
        append(path, b"fresh\n")
    said, *rest = lines(tail.poll())
    assert said.startswith(NOTICE)
    assert ("replaced" if replaced else "cut short") in said
    assert len(rest) == 1
    assert rest[0].startswith("fresh")


def test_a_file_that_disappears_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b"x\n")
    tail = Tail(path, PlainParser())
    tail.poll()
    path.unlink()
    assert len(lines(tail.poll())) == 1
    assert tail.poll() == []


def test_a_pipe_or_a_folder_in_its_place_never_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "folder"):
        (said,) = lines(Tail(tmp_path / name, PlainParser()).poll())
        assert said.startswith(NOTICE)
        with pytest.raises(OSError, match="regular file"):
            read_all(tmp_path / name, PlainParser())


def test_a_plain_line_without_end_is_cut_and_said_while_it_still_grows(tmp_path: Path) -> None:
    path = tmp_path / "out"
    tail = Tail(path, PlainParser())
    append(path, b"x" * (LINE_BYTES + 1))
    first = lines(tail.poll())
    assert len(first) == 2
    assert "cut" in first[1]
    append(path, b"y" * LINE_BYTES * 3)
    assert tail.poll() == []
    append(path, b"y\nnext\n")
    assert lines(tail.poll()) == ["next"]


def test_a_large_event_is_read_whole_and_a_larger_one_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "out"
    fits = json.dumps({"type": "said", "text": "x" * (JSON_LINE_BYTES - 100)}).encode()
    append(path, fits + b"\n" + b'{"type": "said", "text": "' + b"x" * JSON_LINE_BYTES + b'"}\n' + END)
    for events in (read_all(path, JsonLinesParser()), Tail(path, JsonLinesParser()).finish()):
        assert isinstance(events[0], Said)
        assert isinstance(events[1], Line)
        assert "cut" in texts([events[2]])[0]
        assert events[3] == Ended(ok=True)


def test_a_backlog_is_skipped_but_its_first_and_last_lines_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b'{"type": "began", "model": "m"}\n' + b'{"type": "said", "text": "x"}\n' * 20_000 + END)
    tail = Tail(path, JsonLinesParser(), backlog=100_000)
    events = tail.poll(max_bytes=10_000)
    assert events[0] == Began(model="m")
    assert events[-1] == Ended(ok=True)
    assert tail.behind == 0
    assert tail.skipped > 400_000
    assert any("not shown" in text for text in lines(events))
    assert not [event for event in events if isinstance(event, Unknown)], "no half line is taken for an event"


def test_a_skip_to_the_beginning_of_a_line_loses_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b"0123456\n" * 1000)
    for size, expected in ((800, 100), (801, 100), (807, 100), (808, 101)):
        tail = Tail(path, PlainParser(), backlog=1000)
        found = lines(tail.poll(max_bytes=size))
        after = found[[text.startswith(NOTICE) for text in found].index(True) + 1 :]
        assert after == ["0123456"] * expected
        assert tail.skipped == 8000 - 2 * size - 1


def test_a_backlog_below_the_limit_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b"0123456\n" * 1000)
    tail = Tail(path, PlainParser())
    assert len(tail.poll(max_bytes=800)) == 100
    assert tail.behind == 7200
    assert len(tail.finish()) == 900
    assert tail.skipped == 0


def test_a_hole_in_the_file_is_one_remark(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b"head\n")
    os.truncate(path, 300_000)
    append(path, b"tail\n")
    for events in (read_all(path, PlainParser()), Tail(path, PlainParser()).finish()):
        found = lines(events)
        assert (found[0], found[-1], len(found)) == ("head", "tail", 3)
        assert "no longer in the file" in found[1]


def test_holes_wherever_they_are_cost_no_time_and_no_whole_line(tmp_path: Path) -> None:
    """As a keeper makes them: line by line up to a hole, and from the first line behind it."""
    path = tmp_path / "out"
    with path.open("wb") as file:
        for number in range(5):
            file.seek(number * 4 * 10**9 // 4096 * 4096)
            file.write(b"0123456\n" * 512)  # a block
        file.truncate(40 * 10**9)
    tail = Tail(path, PlainParser(), backlog=10**12)
    followed = [event for _ in range(20) for event in tail.poll(max_bytes=8192)] + tail.finish()
    for events in (followed, read_all(path, PlainParser(), limit=10**12)):
        found = lines(events)
        assert [text for text in found if not text.startswith(NOTICE)] == ["0123456"] * 512 * 5
        assert sum("left out here" in text for text in found) == 5
    assert tail.skipped == 0
    assert tail.offset == 40 * 10**9


def test_a_line_that_runs_into_a_hole_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b"x" * 10_000)
    os.truncate(path, 10**9)
    append(path, b"y" * 10 + b"\nlast\n")
    for events in (Tail(path, PlainParser(), backlog=10**12).finish(), read_all(path, PlainParser(), limit=10**12)):
        found = lines(events)
        assert [text for text in found if not text.startswith(NOTICE)] == ["x" * 10_000, "y" * 10, "last"]
        assert found[1].startswith(NOTICE)


def test_only_what_is_in_the_file_counts_as_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b"0123456\n" * 512)
    os.truncate(path, 10**9)
    append(path, b"0123456\n" * 5120)
    tail = Tail(path, PlainParser(), backlog=1000)
    found = lines(tail.poll(max_bytes=800))
    assert next(text.partition(" of output")[0] for text in found if "not shown" in text).endswith("KB")
    assert any("left out here" in text for text in found)


def test_reading_all_sees_the_last_word_of_a_huge_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append(path, b'{"type": "began", "model": "m"}\n')
    os.truncate(path, 50 * 10**9)
    append(path, b"\nnoise\n" + END.rstrip())
    events = read_all(path, JsonLinesParser(), limit=1_000_000)
    assert events[0] == Began(model="m")
    assert events[-1] == Ended(ok=True)


def test_reading_all_is_bounded_and_keeps_what_a_verdict_needs(tmp_path: Path) -> None:
    path = tmp_path / "out"
    usage = b'{"type": "usage", "input_tokens": 2, "cost": 0.5}\n'
    fatal = b'{"type": "trouble", "message": "no key", "fatal": true}\n'
    noise = b"noise\n" * 40_000
    append(path, noise + usage * 10 + fatal + noise + END + noise)
    tracemalloc.start()
    events = read_all(path, JsonLinesParser())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(events) < 25_000
    assert peak < 20_000_000
    used = [event for event in events if isinstance(event, Usage)]
    assert sum(event.input_tokens for event in used) == 20
    assert sum(event.cost or 0 for event in used) == 5.0
    assert Trouble(message="no key", fatal=True) in events
    assert Ended(ok=True) in events
    assert any("left out" in text for text in lines(events))


def test_reading_all_of_no_file_is_empty(tmp_path: Path) -> None:
    assert read_all(tmp_path / "none", PlainParser()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    pieces=st.lists(st.binary(max_size=40) | st.sampled_from([b"\n", b"\r\n", END, b"\0\0", "é".encode()]), max_size=20)
)
def test_however_the_bytes_arrive_the_events_are_the_same(tmp_path: Path, pieces: list[bytes]) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"")
    tail = Tail(path, JsonLinesParser())
    found: list[Event] = []
    for piece in pieces:
        append(path, piece)
        found += tail.poll(max_bytes=7)
    found += tail.finish()
    assert found == read_all(path, JsonLinesParser())
