"""Hints that something below the tasks folders may have changed, within milliseconds.

A hint is not the truth: the kernel's queue overflows silently, a folder that is moved in is told without its files,
network file systems tell nothing. The caller reads the project again on every hint and, besides, every few seconds
without one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .layout import Location

_FILES_STEP_MS: Final = 10  # how long it must be quiet before changes are told; each step wakes a thread
_WAYS_STEP_MS: Final = 40  # folders on the way change rarely
_DEBOUNCE_MS: Final = 30  # how long changes are gathered at most
_ROUND_MS: Final = 200  # how often the watched folders are checked to be still the same ones
_RETRY_SECONDS: Final = 1.0

_Identity = tuple[str, int, int]


class Watcher:
    """Calls `on_hint` from its own threads, soon after something changed; `on_hint` must be quick and thread-safe.

    Tasks folders are watched with all that is in them; the folders on the way to them are watched for themselves, so
    that a tasks folder (or the whole project) that is created later, or deleted and created again, is seen.
    """

    def __init__(self, location: Location, on_hint: Callable[[], None]) -> None:
        self._location = location
        self._on_hint = on_hint
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._problem = ""

    @property
    def problem(self) -> str:
        """Why changes are noticed only by polling once a second, in one line; "" where all is well."""
        return self._problem

    def start(self) -> None:
        """Begin to watch. Changes made before the watch is set up are told by a first hint."""
        if self._threads:
            return
        self._stopping.clear()
        watches = ((self._tasks_dirs, True), (self._ways, False))
        self._threads = [
            threading.Thread(target=self._keep_watching, args=watch, name="watch", daemon=True) for watch in watches
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End watching; no hint comes after this returns."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _tasks_dirs(self) -> tuple[_Identity, ...]:
        """The tasks folders that are there."""
        return tuple(found for path in self._location.tasks_dirs if (found := _identity(path)) is not None)

    def _ways(self) -> tuple[_Identity, ...]:
        """The folders from the root down to each tasks folder that are there, or the nearest one above the root."""
        found: dict[Path, _Identity] = {}
        root = self._location.root
        for tasks_dir in self._location.tasks_dirs:
            for folder in tasks_dir.parents:
                identity = _identity(folder)
                if identity is not None:
                    found[folder] = identity
                    if folder == root or not folder.is_relative_to(root):
                        break
        return tuple(found.values())

    def _keep_watching(self, targets: Callable[[], tuple[_Identity, ...]], recursive: bool) -> None:
        while not self._stopping.is_set():
            now = targets()
            try:
                if now:
                    self._watch(now, targets, recursive)
                else:
                    # Nothing there yet: the other thread sees it come; this one looks again soon after.
                    self._wait_for(targets)
            except FileNotFoundError:
                continue  # gone between looking and watching
            except OSError as error:
                self._problem = f"changes are noticed by polling only: {error.strerror or error}"
                self._stopping.wait(_RETRY_SECONDS)
            self._hint()

    def _wait_for(self, targets: Callable[[], tuple[_Identity, ...]]) -> None:
        while not self._stopping.wait(_WAYS_STEP_MS / 1000):
            if targets():
                return

    def _watch(
        self, watched: tuple[_Identity, ...], targets: Callable[[], tuple[_Identity, ...]], recursive: bool
    ) -> None:
        """Watch until the folders to be watched are others, or stopped."""
        import watchfiles  # it takes 40 ms, and only the dashboard needs it

        changes = watchfiles.watch(
            *(path for path, _, _ in watched),
            watch_filter=None,
            debounce=_DEBOUNCE_MS,
            step=_FILES_STEP_MS if recursive else _WAYS_STEP_MS,
            stop_event=self._stopping,
            rust_timeout=_ROUND_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=recursive,
            ignore_permission_denied=True,
        )
        is_first = True  # what changed before the watch was set up is told by a hint of its own
        for change in changes:
            if change or is_first:
                self._hint()
            is_first = False
            self._problem = ""
            if targets() != watched:
                return

    def _hint(self) -> None:
        if not self._stopping.is_set():
            self._on_hint()


def _identity(path: Path) -> _Identity | None:
    try:
        info = os.stat(path)  # noqa: PTH116 - a link to a folder counts as the folder
    except (OSError, ValueError):
        return None
    return (str(path), info.st_dev, info.st_ino)
