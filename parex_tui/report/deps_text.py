"""`parex deps`: what a task depends on, as the tree that the reference tool prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from parex_tui.tasks.model import Feature, Status, Task
from parex_tui.tasks.text import in_list

TREE_LIMIT: Final = 500
"""Lines of a tree that repeats what is shared; in a longer one each task's own dependencies are printed once."""

DEPTH_LIMIT: Final = 100
"""Levels that are printed; the longest chain of two-digit tasks fits."""

_ICONS: Final[dict[Status | None, str]] = {Status.COMPLETED: "✓", Status.IN_PROGRESS: "~"}


def deps_text(feature: Feature, task: Task) -> str:
    """The tree below `task`, ending in a line break. A cycle is cut where it closes, and says so."""
    head = ["", f"=== Dependency Tree: {feature.id}/{task.seq} ===", "", _named(task)]
    if not task.depends_on:
        return "\n".join([*head, "  └── (no dependencies)"]) + "\n"
    tasks: dict[str, Task] = {}
    for one in feature.tasks:
        tasks.setdefault(one.seq, one)
    lines = _tree(task, tasks, TREE_LIMIT)
    if len(lines) > TREE_LIMIT:
        lines = _tree(task, tasks, None)
    return "\n".join([*head, *lines]) + "\n"


def _tree(root: Task, tasks: Mapping[str, Task], limit: int | None) -> list[str]:
    """The lines below `root`. With a limit everything is repeated, until one line more than it; without, nothing is."""
    lines: list[str] = []
    opened = {root.seq}
    on_path = {root.seq}
    stack = [(root.seq, "  ", iter(_with_last(root.depends_on)))]
    while stack and (limit is None or len(lines) <= limit):
        seq, indent, rest = stack[-1]
        need, is_last = next(rest, ("", False))
        if not need:
            on_path.discard(seq)
            stack.pop()
            continue
        start = f"{indent}{'└──' if is_last else '├──'}"
        found = tasks.get(need)
        if found is None:
            lines.append(f"{start} ? {need} - NOT FOUND")
            continue
        mark = ""
        if need in on_path:
            mark = " … [cycle]"
        elif found.depends_on and limit is None and need in opened:
            mark = " (see above)"
        elif found.depends_on and len(stack) == DEPTH_LIMIT:
            mark = " … (deeper levels are left out)"
        elif found.depends_on:
            opened.add(need)
            on_path.add(need)
            stack.append((need, indent + ("    " if is_last else "│   "), iter(_with_last(found.depends_on))))
        icon = _ICONS.get(found.status, "○") if found.readable else "○"
        lines.append(f"{start} {icon} {_named(found)}{mark}")
    return lines


def _with_last(needs: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Each with whether it is the last. An empty one names no task and is left out."""
    named = [need for need in needs if need]
    return [(need, place == len(named)) for place, need in enumerate(named, 1)]


def _named(task: Task) -> str:
    status = task.status_text or "no status" if task.readable else "unreadable"
    return f"{task.seq} - {in_list(task.title)} [{status}]"
