"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import settings

# Clocks on the screen and in reports are local; snapshots are written in one zone.
os.environ["TZ"] = "UTC"
time.tzset()

# One commit, one verdict: a property runs the same examples each time, and no machine is too slow for one. To look for
# new ones: `python -m pytest --hypothesis-profile=explore`; what it finds becomes a test of its own.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("steady")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder with real features, one folder a repository; the test is skipped where it is absent."""
    path = Path(os.environ.get("PAREX_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if not path.is_dir():
        if os.environ.get("PAREX_REQUIRE_CORPUS"):
            pytest.fail(f"this machine must have the corpus of real features, and it is not at {path}")
        pytest.skip(f"no corpus of real features at {path} (set PAREX_CORPUS)")
    return path


@pytest.fixture
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private state folder, so that a test never sees or leaves anything of the user's."""
    path = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return path
