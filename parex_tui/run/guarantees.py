"""What parex promises, and whether it can keep it on this machine and in this project: tried, not guessed.

Every probe leaves nothing behind and changes no file of the project.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from parex_tui.agents.context import guard
from parex_tui.tasks.layout import Location, feature_folders
from parex_tui.tasks.overwrite import Lease, probe_lease
from parex_tui.tasks.text import clean

from . import process, statedir
from .log_cap import punch
from .statedir import StateError

CLIS: Final = ("opencode", "claude", "codex", "gemini")
"""The agent CLIs that parex looks for."""

_VERSION_SECONDS: Final = 10.0
_LOW_SPACE: Final = 100 * 1024 * 1024
_PR_GET_CHILD_SUBREAPER: Final = 37
_WATCHES: Final = Path("/proc/sys/fs/inotify/max_user_watches")


class Holds(StrEnum):
    """How far a guarantee holds here."""

    YES = "yes"
    WEAKER = "weaker"  # something else does in its place, and `found` says what that means
    NO = "no"
    UNKNOWN = "unknown"  # nothing here to try it on


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One promise. `found` is what was seen here, `remedy` what can be done ("" where nothing needs to be)."""

    code: str
    promise: str
    holds: Holds
    found: str
    remedy: str = ""


def guarantees(location: Location) -> tuple[Guarantee, ...]:
    """All of them, the ones about the machine first. Takes milliseconds."""
    state = _state_folder(location.root)
    return (
        _whole_tree(),
        _exact_process(),
        state,
        _liveness(location.root, state),
        _room(location.root, state),
        _log_cap(location.root, state),
        _stall(),
        *_edits(location),
        _context(),
        _watching(location),
    )


def programs(which: Callable[[str], str | None] = shutil.which) -> tuple[Guarantee, ...]:
    """The agent CLIs that are installed, with their versions; they are started with `--version` only."""
    return tuple(_program(name, which(name)) for name in CLIS)


# --- processes --------------------------------------------------------------------------------------------------


def _whole_tree() -> Guarantee:
    promise = "stop ends everything that an agent started, also what left its process group"
    value = ctypes.c_int()
    if process.LINUX and ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(value), 0, 0, 0) == 0:
        return Guarantee("stop.tree", promise, Holds.YES, "the keeper adopts every descendant (subreaper)")
    found = "no subreaper: the agent's process group and whatever carries its mark is ended"
    return Guarantee("stop.tree", promise, Holds.WEAKER, found, "after a stop, look whether daemons are left")


def _exact_process() -> Guarantee:
    promise = "a signal reaches exactly the process that was meant, never one that got its number later"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        found = "no process handles: start times are compared right before each signal"
        return Guarantee("stop.identity", promise, Holds.WEAKER, found)
    return Guarantee("stop.identity", promise, Holds.YES, "process handles (pidfd)")


# --- the state folder -------------------------------------------------------------------------------------------


def _state_folder(root: Path) -> Guarantee:
    promise = "what parex knows of runs lies outside every repository, readable and writable by you alone"
    try:
        path = statedir.project_path(root)
        top = statedir.state_root()
        for folder in (top, path):
            if folder.exists():
                statedir.check_private(folder)
    except StateError as error:
        return Guarantee("state.private", promise, Holds.NO, clean(str(error)), "runs cannot be started until then")
    if not path.exists():
        return Guarantee("state.private", promise, Holds.YES, f"{clean(str(path))} (made with the first run)")
    mode = path.stat().st_mode & 0o777
    shown = f"{clean(str(path))}, mode {mode:04o}"
    if mode & 0o077:
        remedy = f"chmod 700 {clean(str(path))}"
        return Guarantee("state.private", promise, Holds.WEAKER, f"{shown}: others can look into it", remedy)
    return Guarantee("state.private", promise, Holds.YES, shown)


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A file where the state lies, or would lie; gone afterwards."""
    folder = next(one for one in (statedir.project_path(root), *statedir.project_path(root).parents) if one.is_dir())
    with tempfile.TemporaryDirectory(prefix=".parex-doctor-", dir=folder) as made:
        path = Path(made) / "probe"
        path.touch(0o600)
        yield path


def _liveness(root: Path, state: Guarantee) -> Guarantee:
    promise = "a kernel lock says whether a run is alive, whatever was killed"
    if state.holds is Holds.NO:
        return Guarantee("run.alive", promise, Holds.UNKNOWN, "the state folder cannot be used")
    try:
        with _scratch(root) as path, path.open("rb") as one, path.open("rb") as other:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return Guarantee("run.alive", promise, Holds.YES, "locks work in the state folder")
    except OSError as error:
        found = f"the state folder takes no locks: {error.strerror}"
        return Guarantee("run.alive", promise, Holds.NO, found, "set XDG_STATE_HOME to a folder on a local disk")
    found = "two could lock one file in the state folder"
    return Guarantee("run.alive", promise, Holds.NO, found, "set XDG_STATE_HOME to a folder on a local disk")


def _room(root: Path, state: Guarantee) -> Guarantee:
    promise = "a verdict can be written though the disk is full: its room is taken beforehand"
    if state.holds is Holds.NO:
        return Guarantee("run.verdict", promise, Holds.UNKNOWN, "the state folder cannot be used")
    try:
        with _scratch(root) as path, path.open("r+b") as file:
            free = os.fstatvfs(file.fileno())
            os.posix_fallocate(file.fileno(), 0, 4096)
    except (AttributeError, OSError) as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = error.strerror if isinstance(error, OSError) else "this system has no call for it"
        remedy = "make room" if full else "keep the disk from filling"
        return Guarantee("run.verdict", promise, Holds.WEAKER, f"no room can be reserved: {reason}", remedy)
    left = free.f_bavail * free.f_frsize
    if left < _LOW_SPACE:
        return Guarantee("run.verdict", promise, Holds.YES, f"only {left // 2**20} MiB are free", "make room soon")
    return Guarantee("run.verdict", promise, Holds.YES, f"reserved; {left // 2**30} GiB free")


def _log_cap(root: Path, state: Guarantee) -> Guarantee:
    promise = "an agent that prints without end does not fill the disk: head and tail of its output are kept"
    if state.holds is Holds.NO:
        return Guarantee("run.log_cap", promise, Holds.UNKNOWN, "the state folder cannot be used")
    try:
        with _scratch(root) as path, path.open("r+b") as file:
            file.write(b"x" * 65536)
            file.flush()
            punch(file.fileno(), 16384, 49152)
    except OSError as error:
        found = f"no holes can be made in a file there: {error.strerror}; an output grows above its cap"
        remedy = "set XDG_STATE_HOME to a folder on a local disk, or keep an eye on the room"
        return Guarantee("run.log_cap", promise, Holds.WEAKER, found, remedy)
    return Guarantee("run.log_cap", promise, Holds.YES, "what lies between is given back while the agent writes on")


def _stall() -> Guarantee:
    promise = "a run that neither writes nor computes is called stalled"
    if process.LINUX:
        return Guarantee("run.stalled", promise, Holds.YES, "output and processor time of everything it started")
    found = "the processor time of a tree cannot be told here: nothing is called stalled, or ended for it"
    return Guarantee("run.stalled", promise, Holds.NO, found, "a time limit (wall_limit) holds here too")


# --- the project ------------------------------------------------------------------------------------------------


def _edits(location: Location) -> Iterator[Guarantee]:
    """One for each tasks folder that has task files: each may lie on another file system."""
    promise = "no change of a task file is lost, neither ours nor another program's"
    tried = False
    for tasks_dir in location.tasks_dirs:
        sample = _a_task_file(location, tasks_dir)
        if sample is None:
            continue
        tried = True
        yield _edit(promise, tasks_dir, sample)
    if not tried:
        yield Guarantee("edit.lease", promise, Holds.UNKNOWN, "there is no task file yet to try it on")


def _a_task_file(location: Location, tasks_dir: Path) -> Path | None:
    for folder in feature_folders(location):
        if folder.path.is_relative_to(tasks_dir):
            plain = [name for name in folder.files if name not in folder.links]
            if plain and "" not in folder.links:
                return folder.path / plain[0]
    return None


def _edit(promise: str, tasks_dir: Path, sample: Path) -> Guarantee:
    place = clean(str(tasks_dir))
    try:
        lease = probe_lease(str(sample))
    except OSError as error:
        found = f"{place}: task files cannot be written: {error.strerror}"
        return Guarantee("edit.lease", promise, Holds.NO, found, "check their owner and permissions")
    if lease is Lease.NONE:
        found = f"{place}: no write leases here; content is compared before each write and looked at again afterwards"
        remedy = "what is written over is made again; keep tasks on a local Linux disk for more"
        return Guarantee("edit.lease", promise, Holds.WEAKER, found, remedy)
    return Guarantee("edit.lease", promise, Holds.YES, f"{place}: write leases")


def _context() -> Guarantee:
    promise = "no file outside the project gets into a prompt or a check"
    kind = guard()
    if kind == "openat2":
        return Guarantee("context.beneath", promise, Holds.YES, "the kernel walks every path below the root (openat2)")
    found = "links are refused one component at a time; links inside the project are not followed either"
    return Guarantee("context.beneath", promise, Holds.WEAKER, found)


def _watching(location: Location) -> Guarantee:
    promise = "a change of a file is seen at once; in any case within a second"
    try:
        limit = int(_WATCHES.read_text())
    except (OSError, ValueError):
        if sys.platform == "darwin":
            return Guarantee("watch.events", promise, Holds.YES, "FSEvents, and a scan every second")
        found = "this system does not say; there is a scan every second"
        return Guarantee("watch.events", promise, Holds.UNKNOWN, found)
    folders = len(feature_folders(location)) + len(location.tasks_dirs)
    if limit < 2 * folders:
        found = f"the system allows {limit} watches, {folders} folders are to be watched: a scan every second instead"
        remedy = "sysctl fs.inotify.max_user_watches=524288"
        return Guarantee("watch.events", promise, Holds.WEAKER, found, remedy)
    return Guarantee("watch.events", promise, Holds.YES, "inotify, and a scan every second")


# --- agent CLIs -------------------------------------------------------------------------------------------------


def _program(name: str, path: str | None) -> Guarantee:
    promise = f"{name} can be run"
    if path is None:
        return Guarantee(f"cli.{name}", promise, Holds.UNKNOWN, "not installed: not on the PATH")
    by_hand = f"try `{name} --version` by hand"
    try:
        ended = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no answer within {_VERSION_SECONDS:.0f} s"
        return Guarantee(f"cli.{name}", promise, Holds.NO, f"{clean(path)}: {reason}", by_hand)
    said = clean(ended.stdout.decode("utf-8", "replace").strip().partition("\n")[0], 80)
    if ended.returncode != 0 or not said:
        found = f"{clean(path)}: `--version` ended with exit {ended.returncode}"
        return Guarantee(f"cli.{name}", promise, Holds.NO, found, by_hand)
    return Guarantee(f"cli.{name}", promise, Holds.YES, f"{said} ({clean(path)})")
