"""`parex doctor`: every promise, whether it holds on this machine and in this project, and what can be done."""

from __future__ import annotations

import json
import os
import platform
import sys
from argparse import Namespace
from importlib import metadata
from pathlib import Path

from parex_tui import __version__
from parex_tui.cli import FAILED, FINE, UsageError
from parex_tui.report.doctor_text import doctor_json, doctor_text
from parex_tui.run.guarantees import Guarantee, Holds, guarantees, programs
from parex_tui.settings import PROJECT_FILE, SettingsError, load_settings, user_file
from parex_tui.tasks.layout import Location
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.text import clean

from .common import find, say

_LIBRARIES = ("textual", "rich", "watchfiles", "orjson", "psutil")


def doctor(options: Namespace) -> int:
    """Print it; 1 where a promise cannot be kept. Works outside of projects, too."""
    location = _location(options)
    groups = {
        "This machine and this project": guarantees(location),
        "Settings": (_settings(location.root),),
        "Terminal": (_terminal(),),
        "Agent CLIs": programs(),
    }
    libraries = {name: metadata.version(name) for name in _LIBRARIES}
    if options.json:
        about: dict[str, JsonValue] = {
            "parex": __version__,
            "python": platform.python_version(),
            "system": platform.platform(),
            "root": clean(str(location.root)),
            "libraries": dict(libraries),
        }
        say(json.dumps(doctor_json(about, groups), ensure_ascii=False, indent=2))
    else:
        lines = [
            f"parex {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}",
            ", ".join(f"{name} {version}" for name, version in libraries.items()),
            clean(str(location.root)),
        ]
        say(doctor_text(lines, groups).rstrip("\n"))
    broken = (one.holds is Holds.NO for group in groups.values() for one in group if not one.code.startswith("cli."))
    return FAILED if any(broken) else FINE


def _location(options: Namespace) -> Location:
    try:
        return find(options)
    except UsageError:
        if getattr(options, "directory", None) is not None:
            raise
        return Location(Path.cwd(), ())


def _settings(root: Path) -> Guarantee:
    promise = "the settings can be read; a project's own can only make limits stricter"
    files = [path for path in (user_file(), root / PROJECT_FILE) if path.is_file()]
    shown = ", ".join(clean(str(path)) for path in files) or "no file: every default holds"
    try:
        settings = load_settings(root)
    except SettingsError as error:
        return Guarantee("settings", promise, Holds.NO, clean(str(error)), "mend the named line")
    if settings.warnings:
        return Guarantee("settings", promise, Holds.WEAKER, clean("; ".join(settings.warnings), 500))
    return Guarantee("settings", promise, Holds.YES, shown)


def _terminal() -> Guarantee:
    promise = "the dashboard can be drawn here"
    name = clean(os.environ.get("TERM", ""))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        found = "this is no terminal; `parex run` and the other commands work without one"
        return Guarantee("terminal", promise, Holds.UNKNOWN, found)
    if name in ("", "dumb"):
        found = f"TERM is {name or 'not set'}"
        return Guarantee("terminal", promise, Holds.NO, found, "use a terminal that can place text, or `parex run`")
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        remedy = "set LANG to a UTF-8 locale, or PAREX_ASCII=1 for plain signs"
        return Guarantee("terminal", promise, Holds.WEAKER, f"TERM {name}, but the encoding is {encoding}", remedy)
    size = os.get_terminal_size()
    colour = "true colour" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256 colours or fewer"
    return Guarantee("terminal", promise, Holds.YES, f"TERM {name}, {size.columns}×{size.lines}, {colour}")
