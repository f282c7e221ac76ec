"""What several commands need: finding the project, the feature, the driver; asking a person."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from parex_tui.cli import UsageError
from parex_tui.tasks.layout import Location, NotFoundError, locate
from parex_tui.tasks.model import Feature, Project
from parex_tui.tasks.text import clean

if TYPE_CHECKING:  # `parex status` needs none of it, and is to start fast
    from parex_tui.settings import Settings


def say(text: str) -> None:
    """A line on standard output."""
    print(text, flush=True)  # noqa: T201 - commands print


def warn(text: str) -> None:
    """A line on standard error."""
    print(f"parex: {text}", file=sys.stderr, flush=True)  # noqa: T201 - commands print


def find(options: Namespace, path: Path | None = None) -> Location:
    """The project that the options mean. Raises UsageError."""
    given: Path | None = getattr(options, "directory", None)
    if path is not None:
        given = path if given is None else given / path
    try:
        return locate(given if given is not None else Path.cwd(), explicit=given is not None)
    except NotFoundError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{clean(str(given or '.'))}: {error.strerror}") from error


def settings_for(root: Path) -> Settings:
    """The settings, with their warnings told. Raises UsageError."""
    from parex_tui.settings import SettingsError, load_settings

    try:
        settings = load_settings(root)
    except SettingsError as error:
        raise UsageError(str(error)) from error
    for warning in settings.warnings:
        warn(warning)
    return settings


def pick(project: Project, name: str | None) -> Feature:
    """The feature of that name, key or folder; without a name the only one that is not archived.

    Raises UsageError, also where several features have that name.
    """
    live = [feature for feature in project.features if not feature.archived]
    listed = live or project.features
    names = ", ".join(feature.id for feature in listed[:12]) + (", …" if len(listed) > 12 else "")
    if not project.features:
        raise UsageError(f"{clean(str(project.root))}: no features here; a feature is a folder below .tmp/tasks/")
    if name is None:
        if len(live) == 1:
            return live[0]
        raise UsageError(f"which feature? There are: {names}")
    found = feature_named(project, name)
    if found is not None:
        return found
    import difflib

    near = difflib.get_close_matches(name, [feature.id for feature in project.features], n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {names}"
    raise UsageError(f"no feature is called {clean(name, 100)}; {hint}")


def feature_named(project: Project, name: str) -> Feature | None:
    """The feature of that name, key or folder. Raises UsageError where several have that name."""
    same = [feature for feature in project.features if feature.id == name]
    if len(same) > 1:
        raise UsageError(_which(project, name, same))
    return same[0] if same else project.feature(name) or in_folder(project, name)


def _which(project: Project, name: str, same: Sequence[Feature]) -> str:
    """That several features have one name, and how each is said."""
    root = project.root
    folders = [one.path.relative_to(root) if one.path.is_relative_to(root) else one.path for one in same]
    told = [
        clean(str(folder)) + ("" if one.key == name else f" (or {one.key})")
        for one, folder in zip(same, folders, strict=True)
    ]
    return f"{len(same)} features are called {clean(name, 100)}; name the folder of the one you mean: {', '.join(told)}"


def in_folder(project: Project, name: str) -> Feature | None:
    """The feature whose folder that is, from here or from the project's root on."""
    if os.sep not in name or "\0" in name:
        return None
    places = {os.path.realpath(base / name) for base in (Path.cwd(), project.root)}
    return next((one for one in project.features if os.path.realpath(one.path) in places), None)


def not_found(feature: Feature, word: str) -> str:
    """That a feature has no task of that name, as the reference tool says it."""
    return f"Task {clean(word, 100)} not found in {feature.id}"


def ask(question: str) -> bool:
    """Ask on the terminal, No by default. False where nobody can answer."""
    if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False  # None: closed before the program was started
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - commands print
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def demo_consent(root: Path, *, yes: bool) -> None:
    """The demo driver outside of `parex demo`: say what it does, and ask. Raises UsageError where it is refused."""
    from parex_tui.agents.demo import WARNING

    warn(f"{WARNING} They go into {clean(str(root))}.")
    if not yes and not ask("Go on?"):
        raise UsageError("nothing was started; add --yes to go on, or use `parex demo`, which works on a copy")
