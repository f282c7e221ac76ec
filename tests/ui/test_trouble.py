"""Nothing on the screen may be older than it looks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from . import fakes, pictures
from .screens import make_app, screen_text


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_trouble_is_shown_for_as_long_as_it_lasts(size: tuple[int, int]) -> None:
    snapshot = replace(pictures.running(), trouble="the disk is full; trying again")
    app = make_app(fakes.FakeControl(snapshot))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert "the disk is full; trying again" in screen_text(app)


async def test_the_small_pane_goes_when_the_terminal_grows() -> None:
    app = make_app(fakes.FakeControl(pictures.running()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.screen.query_one("#preview").display
        await pilot.resize_terminal(160, 45)
        await pilot.pause()
        assert not app.screen.query_one("#preview").display
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert app.screen.query_one("#preview").display
