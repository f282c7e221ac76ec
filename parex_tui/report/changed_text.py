"""What a command that changes task files did: in the reference tool's style, and as `parex.changed/1`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parex_tui.run.snapshot import Conflict
from parex_tui.tasks.edit import Edit
from parex_tui.tasks.model import Feature, JsonValue
from parex_tui.tasks.repair import Repair
from parex_tui.tasks.text import clean

from .wording import relative

SCHEMA: Final = "parex.changed/1"
REPAIR_SCHEMA: Final = "parex.repair/1"
CONFLICTS_SCHEMA: Final = "parex.conflicts/1"
VALUE_LIMIT: Final = 60
"""Characters of a value that a line shows."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of one command. Texts are one clean line each; `feature` and `task` are "" where it is about none.

    `lines` is what the terminal shows. `reason` is why it was refused, "" where it was done. `forced` names the rules
    that `--force` set aside. `edits` are the task files that changed, in order; `files` what was created or moved, at
    its new place. `progress` is completed and all tasks of the feature, counted from the files afterwards.
    """

    command: str
    feature: str = ""
    task: str = ""
    lines: tuple[str, ...] = ()
    reason: str = ""
    forced: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    files: tuple[Path, ...] = ()
    progress: tuple[int, int] | None = None


def marked_lines(name: str, status: str, progress: tuple[int, int], *, summary: str | None = None) -> tuple[str, ...]:
    """`✓ Marked f/01 as completed` and the progress, as the reference tool prints it after a blank line."""
    told = () if summary is None else (f"  Summary: {summary}",)
    return ("", f"✓ Marked {name} as {status}", *told, progress_line(progress))


def progress_line(progress: tuple[int, int]) -> str:
    """`  Progress: 6/11`."""
    return f"  Progress: {progress[0]}/{progress[1]}"


def field_lines(edit: Edit) -> tuple[str, ...]:
    """One line for each field of an edit: what it was and what it is."""
    return tuple(
        f"  {clean(key, VALUE_LIMIT)}: {_side(edit.old, key)} → {_side(edit.new, key)}" for key in edit.changed
    )


def _side(values: object, key: str) -> str:
    if not isinstance(values, dict) or key not in values:
        return "(not there)"
    return shown_value(values[key])


def shown_value(value: JsonValue) -> str:
    """A value as JSON in one clean line, cut."""
    return clean(json.dumps(value, ensure_ascii=False), VALUE_LIMIT)


def changed_json(changed: Changed, root: Path) -> dict[str, JsonValue]:
    """What was done as `parex.changed/1`. Values of fields are as the file has them."""
    return {
        "schema": SCHEMA,
        "root": clean(str(root)),
        "command": changed.command,
        "done": not changed.reason,
        "reason": changed.reason or None,
        "feature": changed.feature or None,
        "task": changed.task or None,
        "lines": [line.strip() for line in changed.lines if line],
        "forced": list(changed.forced),
        "warnings": list(changed.warnings),
        "changes": [change for edit in changed.edits for change in _changes(edit, root)],
        "files": [relative(path, root) for path in changed.files],
        "progress": None
        if changed.progress is None
        else {"completed": changed.progress[0], "total": changed.progress[1]},
    }


def _changes(edit: Edit, root: Path) -> list[JsonValue]:
    file = relative(edit.path, root)
    if not edit.changed:
        return [] if edit.content == edit.result else [{"file": file, "field": None}]
    changes: list[JsonValue] = []
    for key in edit.changed:
        change: dict[str, JsonValue] = {"file": file, "field": key}
        if key in edit.old:
            change["before"] = edit.old[key]
        if key in edit.new:
            change["after"] = edit.new[key]
        changes.append(change)
    return changes


# --- repairs and conflicts ---------------------------------------------------------------------------------------


def repair_lines(repair: Repair, root: Path) -> tuple[str, ...]:
    """A repair with its steps and its diff."""
    title = f"{relative(repair.path, root)}: {repair.title}"
    return ("", title, *(f"  {step}" for step in repair.steps), "", *repair.diff(), "")


def repairs_json(
    feature: Feature, offered: Sequence[Repair], written: Sequence[Repair], reasons: Sequence[str], root: Path
) -> dict[str, JsonValue]:
    """Every repair that was offered as `parex.repair/1`, and whether it was written."""
    return {
        "schema": REPAIR_SCHEMA,
        "root": clean(str(root)),
        "feature": feature.id,
        "done": not reasons,
        "reasons": list(reasons),
        "repairs": [
            {
                "file": relative(one.path, root),
                "title": one.title,
                "steps": list(one.steps),
                "diff": list(one.diff()),
                "written": any(one is other for other in written),
            }
            for one in offered
        ],
    }


def conflict_lines(conflicts: Sequence[Conflict], root: Path) -> tuple[str, ...]:
    """Each conflict with both values, and how it is settled."""
    if not conflicts:
        return ("No conflicts.",)
    lines: list[str] = []
    for one in conflicts:
        lines += [
            f"{one.number}  {relative(one.path, root)}  {one.field}: {one.why}",
            f"    ours    {one.ours or '(not there)'}",
            f"    theirs  {one.theirs or '(not there)'}  (in the file)",
        ]
    return (*lines, "", "parex conflicts --insist N writes ours again, --yield N leaves theirs")


def conflicts_json(conflicts: Sequence[Conflict], root: Path) -> dict[str, JsonValue]:
    """The conflicts as `parex.conflicts/1`."""
    return {
        "schema": CONFLICTS_SCHEMA,
        "root": clean(str(root)),
        "conflicts": [
            {
                "number": one.number,
                "file": relative(one.path, root),
                "field": one.field,
                "ours": one.ours or None,
                "theirs": one.theirs or None,
                "at": one.at,
                "why": one.why,
            }
            for one in conflicts
        ],
    }
