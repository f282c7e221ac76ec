"""Which task a person means."""

from __future__ import annotations

import re
from typing import Final

from .model import Feature, Task

_NUMBERED: Final = re.compile(r"(?:(?:sub)?task[-_ ]?)?0*([0-9]{1,6})", re.IGNORECASE)


def task_named(feature: Feature, name: str) -> Task | None:
    """The task that `name` means: its seq, its file's name with or without `.json`, `feature-05`, `5`, `subtask_5`.

    A seq as written wins; a number that several seqs could be (`5` of `05` and `005`) means none. Of two tasks with
    one seq it is the first.
    """
    for task in feature.tasks:
        if name == task.seq or name in (task.path.name, task.path.stem):
            return task
    bare = name.removesuffix(".json").removeprefix(f"{feature.id}-")
    match = _NUMBERED.fullmatch(bare)
    if match is None:
        return feature.task(bare)
    meant = {task.seq for task in feature.tasks if task.seq.isdigit() and int(task.seq) == int(match.group(1))}
    return feature.task(next(iter(meant))) if len(meant) == 1 else None
