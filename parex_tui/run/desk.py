"""The desk: every change that parex makes to task files, whoever asks for it, goes over it.

The engine, the screen and the commands all change files here, so that every change is written into one journal: from it
a change that somebody else wrote over is made again, and a person's last changes can be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from parex_tui.tasks import edit
from parex_tui.tasks.edit import Edit
from parex_tui.tasks.model import JsonValue, Task

PERSON = "person"
ENGINE = "engine"


class Desk:
    """Changes task files below one project root. `clock` is in seconds since the epoch.

    Every method raises EditError where the change cannot be made; the file is then as it was. `by` says who asked:
    what a person asked for can be undone.
    """

    def __init__(self, root: Path, clock: Callable[[], float]) -> None:
        self._root = root
        self._clock = clock

    def start(self, task: Task, agent_id: str, *, by: str, at: float | None = None, digest: str | None = None) -> Edit:
        """`in_progress` by `agent_id` since `at` (now)."""
        return edit.start_task(task, agent_id, self._time(at), root=self._root, expected_digest=digest)

    def complete(
        self, task: Task, summary: str, *, by: str, at: float | None = None, digest: str | None = None
    ) -> Edit:
        """`completed` at `at` (now)."""
        return edit.complete_task(task, summary, self._time(at), root=self._root, expected_digest=digest)

    def block(self, task: Task, *, by: str, digest: str | None = None) -> Edit:
        """`blocked`."""
        return edit.block_task(task, root=self._root, expected_digest=digest)

    def reset(self, task: Task, *, by: str, digest: str | None = None) -> Edit:
        """`pending`."""
        return edit.reset_task(task, root=self._root, expected_digest=digest)

    def set(self, path: Path, changes: Mapping[str, JsonValue], *, by: str, digest: str | None = None) -> Edit:
        """Any fields of one task file."""
        return edit.set_fields(path, changes, root=self._root, expected_digest=digest)

    def sync(self, feature_path: Path, *, by: str) -> Edit | None:
        """Bring task.json's count and status in line with the task files; None without a task.json."""
        return edit.sync_feature(feature_path, self._root, self._clock())

    def _time(self, at: float | None) -> float:
        return self._clock() if at is None else at
