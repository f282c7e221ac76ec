"""`parex next`, `parallel` and `blocked`: in the words and lines of the reference tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from parex_tui.plan.model import Plan
from parex_tui.plan.ready import Held, standing
from parex_tui.tasks.model import Feature, Task
from parex_tui.tasks.text import clean, in_list

from .plan_text import bar_text, batch_view


def next_text(features: Iterable[Feature]) -> str:
    """What could start now, by feature; ends in a blank line, as the texts below do."""
    blocks = ((f"[{one.id}]", [_next_line(task) for task in standing(one).ready]) for one in features)
    return _sections("Ready Tasks (deps satisfied)", blocks)


def parallel_text(features: Iterable[Feature]) -> str:
    """What could start now and is marked `parallel: true`, by feature."""
    blocks: list[tuple[str, Sequence[str]]] = []
    for one in features:
        tasks = parallel_tasks(one)
        blocks.append((f"[{one.id}] - {len(tasks)} parallel tasks:", [_line(task) for task in tasks]))
    return _sections("Parallelizable Tasks Ready Now", blocks)


def parallel_tasks(feature: Feature) -> tuple[Task, ...]:
    """The ready tasks that are marked `parallel: true`."""
    return tuple(task for task in standing(feature).ready if task.parallel)


def batches_text(plans: Iterable[tuple[Feature, Plan]]) -> str:
    """The batch view, by feature: each batch with its files, and which of them are kept apart."""
    return "\n" + "\n".join("\n".join([f"[{one.id}]", "", *batch_view(plan, one), ""]) for one, plan in plans)


def blocked_text(features: Iterable[Feature]) -> str:
    """What cannot start, and why, by feature."""
    blocks = ((f"[{one.id}]", [_held_line(held) for held in standing(one).held]) for one in features)
    return _sections("Blocked Tasks", blocks)


def held_reason(held: Held) -> str:
    """Why a task cannot start: `explicitly blocked`, `waiting: 02, 03`, `cannot run: …` or `cannot be used: …`."""
    if held.is_blocked:
        return "explicitly blocked"
    if held.bar:
        said = bar_text(held.bar, clean(held.task.path.name))
        return said if said.startswith("cannot be used") else f"cannot run: {said}"
    return f"waiting: {', '.join(held.waits_for)}"


def _sections(title: str, blocks: Iterable[tuple[str, Sequence[str]]]) -> str:
    return "\n".join(_section_lines(title, blocks)) + "\n"


def _section_lines(title: str, blocks: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    yield from ("", f"=== {title} ===", "")
    for heading, lines in blocks:
        if lines:
            yield from (heading, *lines, "")


def _line(task: Task) -> str:
    return f"  {task.seq} - {in_list(task.title)}"


def _next_line(task: Task) -> str:
    return f"{_line(task)}  [{'parallel' if task.parallel else 'sequential'}]"


def _held_line(held: Held) -> str:
    return f"{_line(held.task)} ({held_reason(held)})"
