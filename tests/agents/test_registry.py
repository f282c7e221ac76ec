"""Drivers by name: the demonstration never stands in for one that is not set."""

from __future__ import annotations

from pathlib import Path

import pytest

from parex_tui.agents.driver import Driver, DriverError
from parex_tui.agents.registry import driver_named, driver_names
from parex_tui.settings import DemoSettings, DriverSettings, Settings

MINE = DriverSettings("mine", ("true",), Path("/c/config.toml"))
SETTINGS = Settings(drivers={"mine": MINE, "a": MINE}, user_file=Path("/c/config.toml"))


def test_names() -> None:
    assert driver_names(Settings()) == ("demo",)
    assert driver_names(SETTINGS) == ("a", "mine", "demo")


def test_a_named_driver() -> None:
    found: Driver = driver_named("mine", SETTINGS)
    assert (found.name, found.is_demo) == ("mine", False)
    demo = driver_named("demo", Settings(demo=DemoSettings(speed=3)))
    assert (demo.name, demo.is_demo) == ("demo", True)


def test_without_a_name_it_says_how_to_set_one() -> None:
    with pytest.raises(DriverError, match=r"no driver is set: write \[drivers\.NAME\].*config\.toml"):
        driver_named("", Settings(user_file=Path("/c/config.toml")))
    with pytest.raises(DriverError, match="defined: a, mine"):
        driver_named("", SETTINGS)


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(DriverError, match='did you mean "mine"'):
        driver_named("mien", SETTINGS)
    with pytest.raises(DriverError, match="there are a, mine, demo"):
        driver_named("zzzzzz\x1b", SETTINGS)
