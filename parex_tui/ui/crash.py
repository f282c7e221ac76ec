"""What is told when parex itself fails: one short message, and a report that anybody may see.

The values at the moment of a crash could be anything that was on the screen: task texts, prompts, keys. So a report
says what kind of error it was and where in the code, and nothing that came from a file, an agent or the environment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Final

from parex_tui import __version__
from parex_tui.agents.secrets import masked
from parex_tui.guard import ATTEMPTS_GO_ON
from parex_tui.run.statedir import StateError, check_private, make_private, state_root, write_durably
from parex_tui.tasks.layout import NotFoundError
from parex_tui.tasks.text import clean

KEPT: Final = 20
"""Reports that are kept; the oldest go first."""

SAYABLE: Final = (StateError, NotFoundError)
"""Errors whose message is told: parex's own, about its folders."""

_LINKS = 8  # errors of one chain
_FIRST, _LAST = 20, 60  # frames of one error
_PACKAGE: Final = Path(__file__).resolve().parents[1]
_KIND: Final = re.compile(r"^\s*([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Matches|Group))\b", re.M)
_PLACE: Final = re.compile(r"(\S+\.py):(\d+) in (\w+)")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code. `file` is named from its package on, not from where the person keeps it."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of a chain: its kind, what may be told of its message, the code that it came through, outermost first.

    `left_out` counts the frames between the first and the last ones.
    """

    kind: str
    message: str
    places: tuple[Place, ...]
    left_out: int = 0


def faults_of(error: BaseException, env: Mapping[str, str] = os.environ) -> tuple[Fault, ...]:
    """The error and what caused it, the error itself first."""
    return tuple(_fault(one, env) for one in _chain(error))


def faults_in(printed: str) -> tuple[Fault, ...]:
    """The same as far as a printed traceback tells it."""
    kinds = _KIND.findall(printed)
    places = tuple(Place(_shortened(file), int(line), name) for file, line, name in _PLACE.findall(printed))
    return (Fault(clean(kinds[-1], 100) if kinds else "an error", "", places[-_LAST:]),)


def _chain(error: BaseException) -> Iterator[BaseException]:
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _LINKS:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        waiting.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))


def _fault(error: BaseException, env: Mapping[str, str]) -> Fault:
    places = tuple(_places(error.__traceback__))
    left_out = max(0, len(places) - _FIRST - _LAST)
    if left_out:
        places = places[:_FIRST] + places[-_LAST:]
    return Fault(clean(type(error).__name__, 100), _sayable(error, env), places, left_out)


def _places(trace: TracebackType | None) -> Iterator[Place]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield Place(_shortened(code.co_filename), trace.tb_lineno, clean(code.co_name, 100))
        trace = trace.tb_next


def _shortened(file: str) -> str:
    """A file's name from its package on: the folders above it are nobody's business."""
    for root, name in ((_PACKAGE.parent, ""), (Path(os.__file__).parent, "python/")):
        inside = file.removeprefix(f"{root}/")
        if inside != file and not inside.startswith("site-packages/"):
            return clean(name + inside, 200)
    _, found, inside = file.rpartition("-packages/")
    return clean(inside if found or file.startswith("<") else os.path.basename(file), 200)  # noqa: PTH119 - may be no path


def _sayable(error: BaseException, env: Mapping[str, str]) -> str:
    if type(error) in SAYABLE:
        return clean(masked(str(error), env), 300)
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error.errno))
    return ""


# --- telling ----------------------------------------------------------------------------------------------------


def message(faults: tuple[Fault, ...], report: Path | None) -> str:
    """What stands on the terminal: what kind of error, where in parex, where the report is. Two lines at most."""
    kind, where, what = "an error", "", ""
    if faults:
        first = faults[0]
        ours = [place for place in first.places if place.file.startswith(f"{_PACKAGE.name}/")]
        kind, what = first.kind, f": {first.message}" if first.message else ""
        where = f" in {ours[-1].file}:{ours[-1].line} ({ours[-1].function})" if ours else ""
    told = f"parex: the screen ended by {kind}{where}{what}. {ATTEMPTS_GO_ON}\n"
    if report is not None:
        told += f"parex: a report without any of your data is in {clean(str(report))}\n"
    return told


def report_text(faults: tuple[Fault, ...], now: float) -> str:
    """The report. `now` is in seconds since the epoch."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    libraries = ", ".join(f"{name} {_version(name)}" for name in ("textual", "rich", "orjson", "watchfiles", "psutil"))
    lines = [
        f"parex {__version__} ended by an error of its own, {stamp}",
        f"{platform.python_implementation()} {platform.python_version()} "
        f"on {platform.system()} {platform.release()} ({platform.machine()})",
        libraries,
        "Kinds of errors and places in the code; no values, no file contents, nothing of the environment.",
    ]
    for number, fault in enumerate(faults):
        lines += ["", f"{'after ' if number else ''}{fault.kind}{f': {fault.message}' if fault.message else ''}"]
        for index, place in enumerate(fault.places):
            if fault.left_out and index == _FIRST:
                lines.append(f"  … {fault.left_out} more …")
            lines.append(f"  {place}")
    return "\n".join(lines) + "\n"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "?"


def leave_report(faults: tuple[Fault, ...], now: float) -> Path | None:
    """Write the report into the state folder, for this user alone; None where that cannot be."""
    try:
        folder = state_root() / "crashes"
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for one in (folder.parent, folder):
            make_private(one)
            check_private(one)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        path = folder / f"{stamp}-{os.getpid()}-{threading.get_native_id()}.txt"
        write_durably(path, report_text(faults, now).encode())
        for old in sorted(folder.glob("*.txt"))[:-KEPT]:
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
    except (OSError, StateError):
        return None
    return path


def tell(faults: tuple[Fault, ...], now: float) -> None:
    """Leave the report, and say so on standard error."""
    told = message(faults, leave_report(faults, now))
    with contextlib.suppress(OSError):
        sys.stderr.write(told)
        sys.stderr.flush()


def report_uncaught() -> None:
    """From now on errors that nobody catches, in any thread, end in a report instead of a traceback."""

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        tell(faults_of(error), time.time())

    def thread_ended(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not _is_hang_up(args.exc_value):
            leave_report(faults_of(args.exc_value), time.time())  # the screen is up: nothing may be written on it

    sys.excepthook = ended
    threading.excepthook = thread_ended


def _is_hang_up(error: BaseException) -> bool:
    """Whether the terminal was closed: whoever drew on it then fails, and nothing is wrong with parex."""
    return isinstance(error, OSError) and error.errno in (errno.EIO, errno.ENXIO, errno.EPIPE)
