"""Fixtures of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parex_tui.run.attempts import Journal

from .house import House


@pytest.fixture
def house(tmp_path: Path, state_home: Path) -> Iterator[House]:
    """A project with a journal of its own; whatever still runs at the end is killed."""
    root = tmp_path / "project"
    root.mkdir()
    made = House(root, Journal(root))
    assert made.journal.dir.is_relative_to(state_home)
    yield made
    made.clear()
