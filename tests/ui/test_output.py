"""Events as lines: what each shows, and that only what changed is worked on."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.events import Asks, Event, Said, Thought, ToolState, Usage
from parex_tui.run.snapshot import StampedEvent
from parex_tui.ui.glyphs import UNICODE
from parex_tui.ui.lines import width_of
from parex_tui.ui.output import OutputBuffer

from . import fakes, pictures

START = fakes.NOW - 134


def shown(buffer: OutputBuffer) -> list[str]:
    return [line.text.rstrip() for line in buffer.lines]


def lines_of(*events: Event, width: int = 60) -> list[str]:
    buffer = OutputBuffer(UNICODE, width)
    pairs = [(float(index), event) for index, event in enumerate(events)]
    buffer.take(fakes.activity(fakes.stamped(START, *pairs)), START)
    return shown(buffer)


def test_the_login_task_reads_as_designed() -> None:
    buffer = OutputBuffer(UNICODE, 64)
    added = buffer.take(fakes.activity(fakes.login_events(START)), START)
    assert shown(buffer) == [
        "  began  CoderAgent · sonnet-5                              0:02",
        "  read   src/auth/README.md                                 0:31",
        "  edit   src/auth/lock.ts  +21                              1:02",
        "  said   The lock counter is never reset; fixing it in      1:30",
        "         the route, then I run the tests again and look",
        "         at what is left of the rate limit.",
        "  bash   npm test -- login   exit 1                         1:48",
        "  │ FAIL  tests/login.test.ts",
        "  │   x locks the account after five failures (12 ms)",
        "  │ ▾ 14 more lines",
        "  read   src/auth/jwt.ts                                    2:01",
    ]
    assert added == len(buffer.lines)


def test_what_goes_on_now_is_left_to_the_pinned_line() -> None:
    going = fakes.tool("edit", "a.ts", state=ToolState.RUNNING)
    assert lines_of(fakes.tool("read", "b.ts"), going)[-1].startswith("  read   b.ts")
    ended = replace(going, state=ToolState.DONE)
    assert lines_of(fakes.tool("read", "b.ts"), ended)[-1].startswith("  edit   a.ts")


def test_empty_thoughts_in_a_row_are_one_line_and_usage_is_none() -> None:
    found = lines_of(Thought(), Thought(), Usage(input_tokens=5), Said(text="x"))
    assert [line.split()[0] for line in found] == ["thinks", "said"]


def test_an_answer_takes_the_place_of_its_question() -> None:
    found = lines_of(
        Asks(question="read /x", id="q"), Said(text="hm"), Asks(question="read /x", id="q", answered="yes")
    )
    assert [line.split()[0] for line in found] == ["said", "asks"]


def test_a_long_command_is_cut_and_its_exit_code_stays() -> None:
    event = fakes.tool("bash", command="x" * 200, state=ToolState.FAILED, exit_code=7)
    assert "exit 7" in lines_of(event)[0]


def test_a_long_text_is_counted_not_shown_whole() -> None:
    found = lines_of(Said(text="\n".join(f"line {n}" for n in range(100))))
    assert len(found) == 41
    assert found[-1].strip() == "▾ 60 more lines"


EVENTS = st.lists(
    st.sampled_from(
        [
            Said(text="a few words that have to be wrapped in a narrow pane because they are long"),
            Thought(),
            Usage(),
            fakes.tool("read", "a.ts"),
            fakes.tool("bash", command="make", state=ToolState.FAILED, exit_code=2, output="one\ntwo\nthree\nfour"),
            fakes.tool("edit", "b.ts", state=ToolState.RUNNING),
        ]
    ),
    min_size=1,
    max_size=30,
)


@given(EVENTS, st.lists(st.integers(0, 6), min_size=1, max_size=10), st.data())
def test_piece_by_piece_equals_all_at_once(events: list[Event], steps: list[int], data: st.DataObject) -> None:
    """However the events come, are replaced in place or leave at the front: the lines are those of a fresh buffer."""
    grown = OutputBuffer(UNICODE, 50)
    stamped = [StampedEvent(START + index, event) for index, event in enumerate(events)]
    end, first = 0, 0
    for version, step in enumerate(steps, 1):
        end = min(len(stamped), end + step)
        first = min(end, first + data.draw(st.integers(0, 2)))
        if end > first and data.draw(st.booleans()):
            place = data.draw(st.integers(first, end - 1))
            stamped[place] = StampedEvent(stamped[place].at, fakes.tool("edit", "b.ts", added=version))
        activity = fakes.activity(tuple(stamped[first:end]), version=version, dropped=first)
        before = len(grown.lines) + grown.removed
        added = grown.take(activity, START)
        assert len(grown.lines) + grown.removed == before + added
        fresh = OutputBuffer(UNICODE, 50)
        fresh.take(activity, START)
        assert shown(grown)[-1:] == shown(fresh)[-1:]
        if not isinstance(events[first] if first < len(events) else None, Thought):
            assert shown(grown) == shown(fresh)


def test_nothing_is_done_for_the_same_version() -> None:
    buffer = OutputBuffer(UNICODE, 60)
    activity = fakes.activity(fakes.login_events(START))
    buffer.take(activity, START)
    before = list(buffer.lines)
    assert buffer.take(activity, START) == 0
    assert all(new is old for new, old in zip(buffer.lines, before, strict=True))


def test_a_new_attempt_starts_over() -> None:
    buffer = OutputBuffer(UNICODE, 60)
    buffer.take(fakes.activity(fakes.login_events(START)), START)
    buffer.take(fakes.activity(fakes.jwt_events(START), number=2), START)
    assert shown(buffer)[0].startswith("  read   .tmp/tasks/auth-system/subtask_06.json")


def test_no_line_is_wider_than_the_pane() -> None:
    for width in (20, 33, 80):
        buffer = OutputBuffer(UNICODE, width)
        buffer.take(pictures.hostile(pictures.HOSTILE * 9).features["hostile"].tasks["02"].activity, START)
        assert buffer.lines
        assert all(width_of(line.spans) <= width for line in buffer.lines)
