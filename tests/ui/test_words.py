"""Durations, ages, tokens, money."""

from __future__ import annotations

import pytest

from parex_tui.ui import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.9, "0:09"), (134, "2:14"), (3599, "59:59"), (3723, "1:02:03"), (-5, "0:00")],
)
def test_elapsed(seconds: float, text: str) -> None:
    assert words.elapsed(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "now"), (0.9, "now"), (3.2, "3 s"), (59.9, "59 s"), (260, "4 m"), (11_000, "3 h"), (200_000, "2 d")],
)
def test_ago(seconds: float, text: str) -> None:
    assert words.ago(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 tok"),
        (999, "999 tok"),
        (1_200, "1.2k tok"),
        (6_000, "6k tok"),
        (9_949, "9.9k tok"),
        (9_950, "10k tok"),
        (84_499, "84k tok"),
        (999_499, "999k tok"),
        (999_500, "1.0M tok"),
        (3_100_000, "3.1M tok"),
    ],
)
def test_tokens(count: int, text: str) -> None:
    assert words.tokens(count) == text


@pytest.mark.parametrize(
    ("dollars", "text"),
    [(0, "$0.00"), (0.004, "<$0.01"), (0.42, "$0.42"), (99.99, "$99.99"), (99.996, "$100"), (1234.5, "$1,234")],
)
def test_money(dollars: float, text: str) -> None:
    assert words.money(dollars) == text


@pytest.mark.parametrize(
    ("seconds", "share", "text"),
    [(732, 0.61, "saved 12 m (61 %)"), (40, None, "saved 40 s"), (4_000, 0.5, "saved 1 h 6 m (50 %)")],
)
def test_saved(seconds: float, share: float | None, text: str) -> None:
    assert words.saved(seconds, share) == text


def test_plural() -> None:
    assert [words.plural(1, "match", "matches"), words.plural(2_000, "task")] == ["1 match", "2,000 tasks"]
