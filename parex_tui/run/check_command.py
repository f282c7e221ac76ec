"""Checks that execute: one shell line under a keeper, with a deadline, its output in files, and little environment.

Nothing here asks whether it may: `checks` does.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from parex_tui.tasks.model import Feature, Task
from parex_tui.tasks.text import clean
from parex_tui.tasks.verification import CommandCheck

from . import statedir
from .attempt import Attempt, is_held
from .check_files import as_bytes, holds
from .check_report import CheckResult
from .launch import LaunchError, start
from .records import Launch, launch_record
from .states import Exited, Lost, NeverRan
from .stop import request_stop, sweep

SHELL: Final = "/bin/sh"
LONGEST: Final = 4 * 3600.0
"""Seconds that no command gets more of, whatever its check says."""

OUTPUT_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of output after which a command is ended."""

KEPT: Final = 1024 * 1024
"""Bytes of a command's output, from its end, that are kept in the state folder afterwards."""

RUNS_KEPT: Final = 20
"""Commands of one task whose output is kept, the last ones."""

_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "TERM", "USER", "LOGNAME", "SHELL")
_GRACE: Final = 2.0  # seconds
_SNIPPET: Final = 200
_HEAD: Final = 64 * 1024


def run_command(
    check: CommandCheck, feature: Feature, task: Task, root: Path, clock: Callable[[], float]
) -> CheckResult:
    """Run it to its end, with everything that it starts.

    An interruption (KeyboardInterrupt, SystemExit) ends it too and goes on. Raises StateError and OSError where the
    state folder cannot be used.
    """
    launch = Launch(
        feature=feature.key,
        seq=task.seq,
        driver="check",
        argv=(SHELL, "-c", check.command),
        cwd=root,
        wall_limit=min(check.limit_ms / 1000, LONGEST),
        grace=_GRACE,
        created=clock(),
        task_file=task.path,
        task_digest=task.digest,
    )
    attempt = _recorded(launch, root)
    trouble, code = "", -1
    try:
        ended, flood = _to_the_end(attempt)
        match ended:
            case Exited(exit=end) if end.reason == "exited" and end.signal is None:
                code = -1 if end.code is None else end.code
            case Exited(exit=end) if end.reason == "timeout":
                trouble = f"ended after {check.limit_ms} ms" if check.limit_ms / 1000 <= LONGEST else end.detail
            case Exited(exit=end) if end.reason == "exited":
                trouble = f"killed by signal {end.signal}"
            case Exited(exit=end):
                trouble = f"ended after {OUTPUT_LIMIT >> 20} MiB of output" if flood else end.detail
            case _:
                trouble = "its keeper was killed"
        ran = isinstance(ended, Exited) and ended.exit.reason in ("exited", "timeout") and not flood
    except LaunchError as error:
        trouble, ran = error.reason, False
    result = _judged(check, attempt, code, ran=ran, trouble=clean(trouble, 300))
    _shorten(attempt)
    _forget_old(attempt)
    return result


def _recorded(launch: Launch, root: Path) -> Attempt:
    """A directory for one command, such as a keeper works in, apart from those of the agents' attempts."""
    folder = statedir.project_dir(root)
    for name in ("checks", statedir.safe_name(launch.feature), statedir.safe_name(launch.seq)):
        folder = folder / name
        statedir.make_private(folder)
    place = Path(tempfile.mkdtemp(prefix=f"{int(launch.created)}-", dir=folder))
    launch = replace(launch, number=1, run=f"checks/{place.name}-{secrets.token_hex(8)}")
    statedir.write_durably(place / "launch.json", statedir.json_bytes(launch_record(launch)))
    return Attempt(place, launch)


def _judged(check: CommandCheck, attempt: Attempt, code: int, *, ran: bool, trouble: str) -> CheckResult:
    """The detail in the format's words; -1 is the code of what did not end by itself."""
    after = f"; {trouble}" if trouble else ""
    if not ran or code != check.exit_code:
        detail = f"exit={code} (expected {check.exit_code}); output: {_snippet(attempt)}{after}"
        return CheckResult(check, False, detail, attempt.output)
    if check.expect_contains is not None and not _said(attempt, as_bytes(check.expect_contains)):
        wanted = clean(check.expect_contains, 500)
        detail = f"exit={code} but output does not contain '{wanted}'; got: {_snippet(attempt)}{after}"
        return CheckResult(check, False, detail, attempt.output)
    return CheckResult(check, True, f"exit={code}{after}", attempt.output)


def _environment() -> dict[str, str]:
    """What of the user's environment a command gets: what a build needs, and no keys."""
    return {name: value for name, value in os.environ.items() if name in _ENVIRONMENT or name.startswith("LC_")}


def _to_the_end(attempt: Attempt) -> tuple[Exited | Lost | NeverRan, bool]:
    """Run it until nothing of it is left alive; how it ended, and whether it was for too much output.

    Raises LaunchError.
    """
    flood = False
    pause = 0.005
    # The other end is gone with this process, also where that is killed and can do nothing about what it started.
    leash, end = os.pipe()
    try:
        start(attempt, _environment(), leash)
        while not isinstance(state := attempt.state(), Exited | Lost | NeverRan):
            if not flood and _size(attempt.output) + _size(attempt.stderr) > OUTPUT_LIMIT:
                flood = request_stop(attempt, "parex: too much output")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
    except BaseException:
        # Whatever interrupts this, also in the middle of the start: what was started does not outlive it.
        request_stop(attempt, "parex: the verification was interrupted")
        while not isinstance(attempt.state(), Exited | Lost | NeverRan):
            time.sleep(0.01)
        raise
    finally:
        os.close(leash)
        sweep(attempt)
        os.close(end)
    return state, flood


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _snippet(attempt: Attempt) -> str:
    """The beginning of the output, flat."""
    said = b"\n".join(_head(path) for path in (attempt.output, attempt.stderr))
    flat = " ".join(said.decode("utf-8", "replace").split())
    return clean(flat[:_SNIPPET]) + ("…" if len(flat) > _SNIPPET else "") or "(empty)"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def _said(attempt: Attempt, wanted: bytes) -> bool:
    """Whether standard output, a line break and standard error hold `wanted`."""
    if not wanted:
        return True
    for path in (attempt.output, attempt.stderr):
        with contextlib.suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
            if holds(file.fileno(), wanted):
                return True
    reach = len(wanted) - 1
    return wanted in _end(attempt.output, reach) + b"\n" + _head(attempt.stderr)[:reach]


def _end(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, _size(path) - size))
            return file.read(size)
    except OSError:
        return b""


def _shorten(attempt: Attempt) -> None:
    """Keep the end of a long output only."""
    for path in (attempt.output, attempt.stderr):
        if _size(path) > KEPT:
            with contextlib.suppress(OSError):  # then all of it is kept
                statedir.write_durably(path, _end(path, KEPT))


def _forget_old(newest: Attempt) -> None:
    """Remove what earlier commands of the task said, but for the last ones."""
    with contextlib.suppress(OSError):  # it only saves room
        known = sorted(newest.dir.parent.iterdir(), key=lambda place: place.stat().st_mtime_ns)
        for place in known[:-RUNS_KEPT]:
            if not is_held(place / "lock"):
                shutil.rmtree(place, ignore_errors=True)
