"""Who is who among processes: identity that survives the reuse of pids, and looking for what an attempt left behind.

A pid alone names nobody for long. An identity here is a pid together with the start time the kernel gives it and the
boot (and pid namespace) in which both mean anything. A zombie counts as dead: it runs nothing and holds nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import psutil

LINUX: Final = sys.platform == "linux"
_DEAD_STATES: Final = (b"Z", b"X", b"x")


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for ever. `start` is in the kernel's own units: clock ticks since boot on Linux, else seconds."""

    pid: int
    start: float
    boot: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the process table says of a living process.

    `session` is None where the system does not say, and 0 where its leader stands outside this pid namespace.
    """

    pid: int
    parent: int
    session: int | None
    start: float


@cache
def boot_id() -> str:
    """Names this boot and, in a container, this pid namespace: pids and start times of another one mean nothing."""
    if LINUX:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return f"{int(psutil.boot_time())}"


def look(pid: int) -> Seen | None:
    """The living process with that pid, or None; a zombie is None."""
    if LINUX:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - called for every process of the machine
                data = file.read()
        except OSError:
            return None
        # The name stands in parentheses and may hold spaces and parentheses itself.
        fields = data[data.rfind(b")") + 2 :].split()
        if fields[0] in _DEAD_STATES and int(fields[17]) <= 1:  # with more threads only the first one has ended
            return None
        return Seen(pid=pid, parent=int(fields[1]), session=int(fields[3]), start=int(fields[19]))
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return Seen(pid=pid, parent=process.ppid(), session=None, start=process.create_time())
    except psutil.Error:
        return None


def identify(pid: int) -> Identity | None:
    """The identity of the living process with that pid, or None."""
    seen = look(pid)
    return None if seen is None else Identity(pid, seen.start, boot_id())


def is_alive(identity: Identity) -> bool:
    """Whether exactly that process still runs."""
    if identity.pid <= 1 or identity.boot != boot_id():
        return False
    seen = look(identity.pid)
    return seen is not None and seen.start == identity.start


def send(identity: Identity, number: signal.Signals) -> bool:
    """Send a signal to exactly that process. False where it is gone, is another one by now, or may not be signalled."""
    if identity.pid <= 1 or identity.boot != boot_id():
        return False
    try:
        if not hasattr(os, "pidfd_open"):
            if not is_alive(identity):
                return False
            os.kill(identity.pid, number)
            return True
        handle = os.pidfd_open(identity.pid)
        try:
            # The handle is bound to one process; checked after it was taken, the start time says to which.
            if not is_alive(identity):
                return False
            signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


def owner(pid: int) -> int:
    """The effective user of a process, -1 where there is none."""
    if LINUX:
        try:
            return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 - called for every process of the machine
        except OSError:
            return -1
    try:
        return psutil.Process(pid).uids().effective
    except psutil.Error:
        return -1


# --- finding what an attempt left behind -----------------------------------------------------------------------


def everyone() -> Iterator[Seen]:
    """Every living process that can be seen."""
    for pid in psutil.pids():
        seen = look(pid)
        if seen is not None:
            yield seen


def has_variable(pid: int, name: str, value: str) -> bool:
    """Whether the process was started with `name=value` in its environment. False where that cannot be read."""
    if LINUX:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - called for every process of the machine
                data = file.read()
        except OSError:
            return False
        return f"{name}={value}".encode() in data.split(b"\0")
    try:
        return psutil.Process(pid).environ().get(name) == value
    except (psutil.Error, OSError):
        return False


def writes_to(pid: int, files: frozenset[tuple[int, int]]) -> bool:
    """Whether standard output or error of the process is one of `files` (device and inode). Linux only, else False."""
    if not LINUX or not files:
        return False
    for number in (1, 2):
        with contextlib.suppress(OSError):
            found = os.stat(f"/proc/{pid}/fd/{number}")  # noqa: PTH116 - called for every process of the machine
            if (found.st_dev, found.st_ino) in files:
                return True
    return False


# --- keepers that this process started -------------------------------------------------------------------------

_children: Final[list[subprocess.Popen[bytes]]] = []
_children_lock: Final = threading.Lock()


def adopt(child: subprocess.Popen[bytes]) -> None:
    """Remember a child that nobody waits for, so that `reap` can."""
    with _children_lock:
        _children.append(child)


def has_children() -> bool:
    """Whether any adopted child has not been collected yet."""
    return bool(_children)


def reap() -> None:
    """Collect adopted children that have ended, so that none stays a zombie. Cheap; whoever reads states calls it."""
    if not _children:
        return
    with _children_lock:
        _children[:] = [child for child in _children if child.poll() is None]
