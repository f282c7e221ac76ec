"""Cutting, spreading and wrapping in terminal cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from parex_tui.ui.lines import Span, cut, cut_spans, hard_wrap, spread, width_of, wrap

TEXT = st.text(alphabet="ab 表🚀é-/.", max_size=60)


@given(TEXT, st.integers(0, 40))
def test_cut_fits_and_keeps_what_fits(text: str, width: int) -> None:
    short = cut(text, width)
    assert cell_len(short) <= width
    assert (short == text) == (cell_len(text) <= width)


@given(st.lists(TEXT, max_size=5), st.lists(TEXT, max_size=4), st.integers(1, 60))
def test_spread_is_never_wider_and_reaches_the_right_end(left: list[str], right: list[str], width: int) -> None:
    found = spread([Span(one) for one in left], [Span(one) for one in right], width)
    assert width_of(found.spans) <= width
    if any(right) and width >= 8 and cell_len("".join(left + right)) + 2 <= width:
        assert found.text.startswith("".join(left))
        assert found.text.endswith("".join(right))
        assert width_of(found.spans) == width


@given(st.lists(TEXT, max_size=5), st.integers(0, 60))
def test_cut_spans_fits(texts: list[str], width: int) -> None:
    assert width_of(cut_spans([Span(text) for text in texts], width)) <= width


@given(TEXT, st.integers(2, 30))
def test_wrap_keeps_every_word_in_order(text: str, width: int) -> None:
    rows = wrap(text, width)
    assert all(cell_len(row) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


@given(TEXT, st.integers(2, 30))
def test_hard_wrap_keeps_every_character(text: str, width: int) -> None:
    rows = hard_wrap([Span(text)], width)
    assert all(width_of(row) <= width for row in rows)
    assert "".join(span.text for row in rows for span in row) == text


def test_wrap_breaks_at_blanks_and_keeps_line_breaks() -> None:
    assert wrap("one two three\nfour", 8) == ["one two", "three", "four"]


def test_a_long_reason_leaves_room_for_the_name() -> None:
    found = spread([Span("07 Refresh tokens")], [Span("after 06: both write src/auth/jwt.ts")], 30)
    assert found.text.startswith("07 Refr")
    assert "after 06" in found.text
