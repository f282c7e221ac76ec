"""Which tasks of a feature can run at all, and in which level; what cannot, with the reason in words.

Nothing here calls itself: a chain of ten thousand tasks is as good as a short one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parex_tui.tasks.model import Status, Task
from parex_tui.tasks.problems import Severity
from parex_tui.tasks.text import clean

from .model import Bar, Barred

RING_LIMIT: Final = 8
"""Tasks of a cycle that a reason names; of a longer one the first and the last."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Plannable tasks by seq, their seqs by level, and the rest."""

    tasks: Mapping[str, Task]
    levels: tuple[tuple[str, ...], ...]
    barred: tuple[Barred, ...]


def seq_order(seq: str) -> tuple[int, str]:
    """Sort key: `02` before `10` before `100`, and what begins with no number last."""
    number = re.match(r"[0-9]{1,9}", seq)
    return (int(number[0]) if number else 1_000_000_000, seq)


def sort_out(tasks: Iterable[Task]) -> Graph:
    """Levels over `depends_on` of every task that can run, whatever its status.

    A completed task waits for nothing any more: a dependency of it that is missing, barred or part of a cycle bars
    nobody, and only its other dependencies decide its level.
    """
    ordered = sorted(tasks, key=lambda task: (seq_order(task.seq), task.path.name, str(task.path)))
    counted = Counter(task.seq for task in ordered)
    known = {task.seq: task for task in ordered if counted[task.seq] == 1}
    waits = {task.seq: _waits_for(task) for task in known.values()}
    rings = _rings(waits, {seq for seq, task in known.items() if _is_done(task)})
    names: defaultdict[str, list[str]] = defaultdict(list)
    for task in ordered:
        names[task.seq].append(clean(task.path.name))

    reasons: dict[str, list[tuple[Bar, str]]] = {}
    for seq, task in known.items():
        reasons[seq] = _own_reasons(task, counted, rings)
    _bar_dependents(known, waits, reasons, names)

    barred = [
        Barred(task.seq, *_first_and_all(reasons[task.seq]), clean(task.path.name))
        if task.seq in known
        else Barred(task.seq, Bar.DUPLICATE, _why_duplicate(task.seq, names[task.seq]), clean(task.path.name))
        for task in ordered
        if task.seq not in known or reasons[task.seq]
    ]
    fit = {seq: task for seq, task in known.items() if not reasons[seq]}
    return Graph(fit, _levels(fit, waits), tuple(barred))


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the dependencies of one task. `harmless`: it is done, or what closes the cycle is."""

    task: Task
    bar: Bar
    reason: str
    harmless: bool


def dependency_faults(tasks: Iterable[Task]) -> Iterator[Fault]:
    """Every cycle and every dependency that names no task, of every task: whatever its status, readable or not.

    Of several tasks with one seq the dependencies of all of them count.
    """
    ordered = sorted(tasks, key=lambda task: (seq_order(task.seq), task.path.name, str(task.path)))
    waits: dict[str, tuple[str, ...]] = {}
    for task in ordered:
        waits[task.seq] = tuple(dict.fromkeys((*waits.get(task.seq, ()), *task.depends_on)))
    done = {task.seq for task in ordered if _is_done(task)} - {task.seq for task in ordered if not _is_done(task)}
    open_rings, rings = _rings(waits, done), _rings(waits, ())
    for task in ordered:
        if task.depends_on and (ring := open_rings.get(task.seq) or rings.get(task.seq)):
            yield Fault(task, Bar.CYCLE, ring, task.seq not in open_rings)
        if missing := _missing(task, waits):
            yield Fault(task, Bar.MISSING, missing, _is_done(task))


def _missing(task: Task, known: Collection[str]) -> str:
    missing = [seq for seq in _waits_for(task) if seq not in known]
    verb = "does not exist" if len(missing) == 1 else "do not exist"
    return f"depends on {_some(missing)}, which {verb}" if missing else ""


def _is_done(task: Task) -> bool:
    return task.readable and task.status is Status.COMPLETED


def _waits_for(task: Task) -> tuple[str, ...]:
    return tuple(dict.fromkeys(task.depends_on))


def _first_and_all(reasons: Sequence[tuple[Bar, str]]) -> tuple[Bar, str]:
    return reasons[0][0], "; ".join(reason for _, reason in reasons)


def _why_duplicate(seq: str, names: Sequence[str]) -> str:
    return f"{_some(names)} {'both' if len(names) == 2 else 'all'} claim seq {seq}"


def _own_reasons(task: Task, counted: Mapping[str, int], rings: Mapping[str, str]) -> list[tuple[Bar, str]]:
    found: list[tuple[Bar, str]] = []
    if not task.readable:
        found.append((Bar.UNREADABLE, f"{clean(task.path.name)} cannot be used: {_why_unreadable(task)}"))
    elif task.status is None:
        known = ", ".join(Status)
        found.append((Bar.STATUS, f"its status “{task.status_text}” is none of {known}"))
    if _is_done(task):
        return found
    if task.seq in rings:
        found.append((Bar.CYCLE, rings[task.seq]))
    if missing := _missing(task, counted):
        found.append((Bar.MISSING, missing))
    return found


def _bar_dependents(
    known: Mapping[str, Task],
    waits: Mapping[str, tuple[str, ...]],
    reasons: dict[str, list[tuple[Bar, str]]],
    names: Mapping[str, Sequence[str]],
) -> None:
    """Bar what depends on a barred task, and so on; each names the barred tasks that it waits for itself."""
    dependents: defaultdict[str, list[str]] = defaultdict(list)
    for seq, needs in waits.items():
        for need in needs:
            dependents[need].append(seq)
    shut = {seq for seq in names if seq not in known or reasons[seq]}
    open_ = deque(shut)
    while open_:
        for seq in dependents[open_.popleft()]:
            if seq not in shut and not _is_done(known[seq]):
                shut.add(seq)
                open_.append(seq)
    in_cycle = {seq for seq, found in reasons.items() if any(bar is Bar.CYCLE for bar, _ in found)}
    for seq in shut.intersection(known):
        said = in_cycle if seq in in_cycle else ()
        blocked = [need for need in waits[seq] if need in shut and need not in said]
        if blocked and not _is_done(known[seq]):
            reasons[seq].append((Bar.AFTER_BARRED, f"depends on {_some(blocked)}, which cannot run"))


def _some(seqs: Sequence[str]) -> str:
    if len(seqs) > RING_LIMIT:
        return f"{', '.join(seqs[:RING_LIMIT])} and {len(seqs) - RING_LIMIT} more"
    return f"{', '.join(seqs[:-1])} and {seqs[-1]}" if len(seqs) > 1 else seqs[0]


# --- cycles ----------------------------------------------------------------------------------------------------


def _rings(waits: Mapping[str, tuple[str, ...]], done: Collection[str]) -> dict[str, str]:
    """By seq, for every task on a cycle of tasks that are still to do: the cycle in words."""
    open_ = {seq: [need for need in needs if need in waits and need not in done] for seq, needs in waits.items()}
    place = {seq: number for number, seq in enumerate(waits)}
    found: dict[str, str] = {}
    for knot in _knots({seq: needs for seq, needs in open_.items() if seq not in done}):
        ring = _ring_through(min(knot, key=place.__getitem__), open_, set(knot))
        on_ring, chain = set(ring), _chain(ring)
        words = f"cycle: {chain}" if len(ring) > 2 else f"depends on itself: {chain}"
        found.update((seq, words if seq in on_ring else f"in a cycle together with {chain}") for seq in knot)
    return found


def _knots(open_: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The sets of tasks that all wait for each other (Tarjan's strongly connected components, without recursion)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    knots: list[list[str]] = []
    for start in open_:
        if start in number:
            continue
        work = [(start, iter(open_[start]))]
        number[start] = low[start] = len(number)
        path.append(start)
        on_path.add(start)
        while work:
            seq, needs = work[-1]
            need = next(needs, None)
            if need is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[seq])
                if low[seq] == number[seq]:
                    knot: list[str] = []
                    while not knot or knot[-1] != seq:
                        knot.append(path.pop())
                        on_path.discard(knot[-1])
                    if len(knot) > 1 or seq in open_[seq]:
                        knots.append(knot)
            elif need not in number:
                number[need] = low[need] = len(number)
                path.append(need)
                on_path.add(need)
                work.append((need, iter(open_[need])))
            elif need in on_path:
                low[seq] = min(low[seq], number[need])
    return knots


def _ring_through(start: str, open_: Mapping[str, Sequence[str]], members: Collection[str]) -> list[str]:
    """A shortest cycle through `start`, with `start` at both ends."""
    came_from: dict[str, str] = {}
    queue = deque([start])
    while queue:
        seq = queue.popleft()
        for need in open_[seq]:
            if need == start:
                ring = [start]
                while seq != start:
                    ring.append(seq)
                    seq = came_from[seq]
                return [start, *reversed(ring)]
            if need in members and need not in came_from:
                came_from[need] = seq
                queue.append(need)
    raise AssertionError(f"{start} is in no cycle")


def _chain(ring: Sequence[str]) -> str:
    if len(ring) > RING_LIMIT + 1:
        return f"{' → '.join(ring[: RING_LIMIT - 1])} → … {len(ring) - RING_LIMIT} more … → {ring[-1]}"
    return " → ".join(ring)


# --- levels ----------------------------------------------------------------------------------------------------


def _levels(fit: Mapping[str, Task], waits: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Each task one level after the last of its dependencies, in the order of `fit` within a level."""
    needs = {seq: [need for need in waits[seq] if need in fit] for seq in fit}
    for knot in _knots(needs):
        # Only cycles through a completed task are left: it waits for nothing, so the others come after it.
        members = set(knot)
        for seq in knot:
            if _is_done(fit[seq]):
                needs[seq] = [need for need in needs[seq] if need not in members]
    dependents: defaultdict[str, list[str]] = defaultdict(list)
    for seq, before in needs.items():
        for need in before:
            dependents[need].append(seq)
    missing = {seq: len(before) for seq, before in needs.items()}
    place = {seq: number for number, seq in enumerate(fit)}
    levels: list[tuple[str, ...]] = []
    level = [seq for seq in fit if not missing[seq]]
    while level:
        levels.append(tuple(sorted(level, key=place.__getitem__)))
        following: list[str] = []
        for seq in level:
            for dependent in dependents[seq]:
                missing[dependent] -= 1
                if not missing[dependent]:
                    following.append(dependent)
        level = following
    return tuple(levels)


def _why_unreadable(task: Task) -> str:
    """The reader's own words for what is wrong with the file."""
    wrong = [problem.message for problem in task.problems if problem.severity is Severity.ERROR]
    return wrong[0] if wrong else "it cannot be read"
