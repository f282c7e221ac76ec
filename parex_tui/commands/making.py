"""`parex init` and `parex new`: the tasks folder, features, tasks."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from parex_tui.cli import UsageError
from parex_tui.report.changed_text import Changed
from parex_tui.tasks.layout import ARCHIVES, USUAL, Location, NotFoundError, has_task_file, locate
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.shelve import open_shelf
from parex_tui.tasks.text import clean

from .assignments import TITLE_LIMIT, dependencies
from .changing import Bench, carry_out, plain, tell


def init(options: Namespace) -> int:
    """Create the tasks folder of a project; harmless where it is there."""
    root = _root(options)
    folder = root / USUAL
    real, base = os.path.realpath(folder), os.path.realpath(root)
    shown = clean(str(folder))
    if os.path.commonpath((real, base)) != base:
        return tell(options, root, Changed("init", reason=f"{shown} leads to {clean(real)}, outside the project"))
    is_new = not folder.is_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{shown} cannot be created: {clean(error.strerror or str(error))}; check what is there"
        return tell(options, root, Changed("init", reason=reason))
    first = f"✓ Created {shown}" if is_new else f"✓ {shown} is there already"
    lines = (first, "  Next: parex new feature NAME, or let a planning agent write its tasks there")
    return tell(options, root, Changed("init", lines=lines, files=(folder,) if is_new else ()))


def _root(options: Namespace) -> Path:
    """The folder that is named, else the project around the working directory, else that directory itself."""
    given: Path | None = getattr(options, "directory", None)
    if options.path is not None:
        given = options.path if given is None else given / options.path
    if given is not None:
        if not given.is_dir():
            raise UsageError(f"{clean(str(given))} is not a folder: name the project's folder")
        return Path(os.path.abspath(given))  # noqa: PTH100 - links in the path stay as the user wrote them
    try:
        return locate(Path.cwd(), explicit=False).root
    except NotFoundError:
        return Path.cwd()


def new(options: Namespace) -> int:
    """Create a feature or a task."""
    if options.kind == "feature":
        fields = _feature_fields(options)
        return carry_out(options, lambda bench: _new_feature(bench, options.feature, fields))
    title = plain(options.title, "title")
    if not title:
        raise UsageError("a title cannot be blank")
    _check_length(title)
    return carry_out(options, lambda bench: _new_task(bench, options, title))


def _check_length(title: str) -> None:
    if len(title) > TITLE_LIMIT:
        raise UsageError(f"a title has at most {TITLE_LIMIT} characters, this one {len(title)}")


def _list(texts: list[str], what: str) -> list[JsonValue]:
    return [plain(text, what) for text in texts]


def _feature_fields(options: Namespace) -> dict[str, JsonValue]:
    title = plain(options.title or options.feature, "title")
    _check_length(title)
    fields: dict[str, JsonValue] = {"name": title, "objective": plain(options.objective, "objective")}
    if options.criterion:
        fields["exit_criteria"] = _list(options.criterion, "criterion")
    if options.context:
        fields["context_files"] = _list(options.context, "path")
    return fields


def _new_feature(bench: Bench, name: str, fields: dict[str, JsonValue]) -> Changed:
    made = bench.desk.new_feature(_tasks_dir(bench.location), name, fields)
    shown = clean(name)
    lines = (f"✓ Created {shown}", f"  {bench.relative(made)}", f'  Next: parex new task {shown} "TITLE"')
    return Changed("new", shown, lines=lines, files=(made,), progress=(0, 0))


def _tasks_dir(location: Location) -> Path:
    """Where a new feature goes: beside the open ones, also where only one feature's folder was named."""
    first = location.tasks_dirs[0]
    if not has_task_file(first):
        return open_shelf(first)
    return open_shelf(first.parent.parent) if first.parent.name in ARCHIVES else first.parent


def _new_task(bench: Bench, options: Namespace, title: str) -> Changed:
    feature = bench.feature(options.feature)
    after = [part for word in options.after for part in word.split(",")]
    fields: dict[str, JsonValue] = {
        "title": title,
        "depends_on": [*dependencies(after, feature)],
        "parallel": options.parallel,
        "deliverables": _list(options.deliverable, "path"),
        "acceptance_criteria": _list(options.criterion, "criterion"),
    }
    if options.context:
        fields["context_files"] = _list(options.context, "path")
    if options.agent:
        fields["suggested_agent"] = plain(options.agent, "agent")
    made = bench.desk.new_task(feature, fields)
    known = {task.path for task in feature.tasks}
    again = next((one for one in Bench(options).project.features if one.path == feature.path), feature)
    task = next((one for one in again.tasks if one.path == made or one.path not in known), None)
    seq = "" if task is None else task.seq
    lines = (f"✓ Created {feature.id}/{seq}", f"  {bench.relative(made)}")
    counts = again.counts
    return Changed("new", feature.id, seq, lines, files=(made,), progress=(counts.completed, counts.total))
