"""`parex demo`: a copy of the sample project, played by the bundled demo agent."""

from __future__ import annotations

import shutil
import tempfile
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Final

from parex_tui.cli import UsageError
from parex_tui.guard import guarded
from parex_tui.tasks.layout import locate
from parex_tui.tasks.text import clean

from .common import pick, settings_for, warn
from .dashboard import check_terminal, show

FEATURE: Final = "tide-alerts"
"""The sample feature that a headless demo plays."""

FAILS: Final = "04:exit"
"""Which first attempts fail in it, and how: so that the gate and the retry are seen."""


def demo(options: Namespace) -> int:
    """Copy the samples, then show or play them."""
    if options.headless or options.json:
        return _demo(options, headless=True)
    check_terminal("the demo needs a terminal; without one use `parex demo --headless`")
    return guarded(lambda: _demo(options, headless=False))


def _demo(options: Namespace, *, headless: bool) -> int:
    from parex_tui.run.limits import Choice
    from parex_tui.settings import DemoSettings
    from parex_tui.tasks.reader import read_project

    copy = _copy(getattr(options, "directory", None))
    warn(f"a demonstration, no real agent: the copy that it works on is {clean(str(copy))}")
    location = locate(copy, explicit=True)
    settings = replace(settings_for(copy), demo=DemoSettings(speed=options.speed, fail_seqs=FAILS))
    feature = pick(read_project(location), FEATURE)
    if headless:
        from .run import play

        choice = Choice("demo", options.slots, retries=1)
        return play(location, settings, choice, feature.key, as_json=options.json, quiet=False, yes=True)
    return show(
        location, settings, Choice("demo", options.slots), focus=feature.key, note="demonstration, no real agent"
    )


def samples() -> Path:
    """Where the sample project lies: in the installed package, or in the checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_samples", package.parent / "sample_tasks"):
        if folder.is_dir():
            return folder
    raise UsageError("the sample project is missing from this installation; install parex again")


def _copy(directory: Path | None) -> Path:
    """A fresh copy of the samples: in a new temporary folder, or in the (new or empty) folder that was named."""
    if directory is None:
        target = Path(tempfile.mkdtemp(prefix="parex-demo-"))
    else:
        target = directory.absolute()
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"{clean(str(target))}: the demo copies its sample project there; name an empty folder")
    try:
        shutil.copytree(samples(), target, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise UsageError(f"{clean(str(target))}: the sample project cannot be copied there: {error}") from error
    return target
