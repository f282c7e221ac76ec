"""Starting an attempt: take its lock, hand it to a keeper, and be free again.

The lock is taken before anything is started and inherited by the keeper, so there is no moment at which an attempt is
under way and nobody holds its lock. This process may be killed at any point: either the keeper has the lock and goes
on by itself, or nobody has it and the agent never ran.
"""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from . import process
from .attempts import Attempt
from .keeping import reserve

KEEPER: Final = Path(__file__).with_name("keeper.py")

_TEMPORARY: Final = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EIO)
_PATIENCE: Final = 0.5  # seconds; whoever only looks whether the lock is held, holds it for microseconds


class LaunchError(Exception):
    """An attempt could not be started, and never will be: a new try is a new attempt.

    `reason` is one line. `permanent` is False where the system was short of something, so that a new try may work.
    """

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


def start(attempt: Attempt, environment: Mapping[str, str] | None = None, leash: int | None = None) -> None:
    """Give the attempt to a keeper of its own, which outlives this process. From any thread; a millisecond or two.

    `environment` is what the keeper and all that it starts inherit: without one, what this process has. `leash` is the
    reading end of a pipe: the attempt is stopped as soon as nobody holds the other end, however that came about.

    Raises LaunchError. That the agent itself cannot be started is no error here but the attempt's verdict.
    """
    try:
        lock = os.open(attempt.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _claim(lock, attempt)
            _reserve(attempt.dir)
            process.adopt(_start_keeper(lock, attempt.dir, environment, leash))
        finally:
            os.close(lock)  # the keeper has its own
    except OSError as error:
        reason = f"cannot start a keeper for {attempt.launch.seq}: {error.strerror or error}"
        raise LaunchError(reason, permanent=error.errno not in _TEMPORARY) from error


def _claim(lock: int, attempt: Attempt) -> None:
    """Take the lock of an attempt that nobody ever started, and leave a mark that it was."""
    until = time.monotonic() + _PATIENCE
    while True:
        if os.fstat(lock).st_size > 0 or any((attempt.dir / name).exists() for name in ("started", "exit")):
            raise LaunchError(f"attempt {attempt.number} of {attempt.launch.seq} was started before", permanent=True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                reason = f"attempt {attempt.number} of {attempt.launch.seq} is being started by another process"
                raise LaunchError(reason, permanent=True) from None
            time.sleep(0.001)
            continue
        if os.fstat(lock).st_size == 0:
            os.fchmod(lock, 0o600)
            os.write(lock, f"{os.getpid()}\n".encode())
            return


def _reserve(folder: Path) -> None:
    """Take the room for the verdict now: a keeper without it could not even say why it starts nothing."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(reserve(fd))
    finally:
        os.close(fd)


def _start_keeper(
    lock: int, folder: Path, environment: Mapping[str, str] | None, leash: int | None
) -> subprocess.Popen[bytes]:
    kept = (lock,) if leash is None else (lock, leash)
    log = os.open(folder / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(log, 0o600)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(KEEPER), str(folder), *map(str, kept)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=kept,
            start_new_session=True,
            env=environment,
            cwd="/",  # it shall keep no file system busy
        )
    finally:
        os.close(log)
