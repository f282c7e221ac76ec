"""What a task says it will write, and where two tasks would write the same file."""

from __future__ import annotations

from pathlib import Path

from parex_tui.tasks.model import Task

from .deliverables import read_deliverable
from .model import WriteSet
from .overlaps import key_of, meets, narrower


def write_set(task: Task, root: Path) -> WriteSet:
    """The files that the task's deliverables name, relative to `root`. Does not look at the disk.

    A deliverable that is a sentence is kept in `unknown`, and the files that it mentions in `paths` as well.
    """
    paths: dict[str, None] = {}
    unknown: list[str] = []
    for deliverable in task.deliverables:
        reading = read_deliverable(deliverable, root)
        paths.update(dict.fromkeys(reading.paths))
        if not reading.certain:
            unknown.append(deliverable)
    return WriteSet(tuple(paths), tuple(unknown), declared=bool(task.deliverables))


def overlap(a: WriteSet, b: WriteSet) -> tuple[str, ...]:
    """The paths that both name, each as precisely as one of the two names it; empty where they keep apart.

    Folders hold what lies below them, patterns what they match, and an absolute path of another machine counts as
    the path below the root that it ends with. Says nothing of what is unknown in either set.
    """
    others = [(path, key_of(path)) for path in b.paths]
    shared: dict[str, None] = {}
    for path in a.paths:
        key = key_of(path)
        for other, other_key in others:
            if meets(key, other_key):
                shared[narrower(path, other)] = None
    return tuple(sorted(shared))
