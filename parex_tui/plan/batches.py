"""From the tasks of a feature to batches and lanes, each separation with its reason in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from parex_tui.tasks.model import Feature, Task

from .graph import Graph, seq_order, sort_out
from .model import Batch, Lane, Plan, Separation, Why, WriteSet
from .overlaps import Link, links, narrower
from .writes import write_set

QUOTE_LIMIT: Final = 48
"""Characters of a deliverable that a reason quotes."""


def make_plan(
    feature: Feature,
    root: Path,
    *,
    unknown_alone: bool = True,
    expected: Mapping[str, float] | None = None,
) -> Plan:
    """Plan every task of a feature, whatever its status, independent of the order of `feature.tasks`.

    A batch is a topological level over `depends_on`. Tasks that name one file share a lane; a task marked
    `parallel: false`, and with `unknown_alone` one whose write set is not known, runs alone. `expected` (seconds by
    seq) puts the longest lanes first, otherwise they are in file order; lanes that run alone come last.
    Tasks that cannot run are in `Plan.barred`; the rest is planned all the same.
    """
    sorted_out = sort_out(feature.tasks)
    batches = tuple(
        _batch(number, seqs, sorted_out, root, unknown_alone=unknown_alone, expected=expected or {})
        for number, seqs in enumerate(sorted_out.levels, 1)
    )
    return Plan(feature.id, batches, sorted_out.barred)


def _batch(
    number: int,
    seqs: tuple[str, ...],
    graph: Graph,
    root: Path,
    *,
    unknown_alone: bool,
    expected: Mapping[str, float],
) -> Batch:
    tasks = [graph.tasks[seq] for seq in seqs]
    if len(tasks) == 1:
        return Batch(number, seqs, (Lane(seqs, alone=not tasks[0].parallel),), (), (write_set(tasks[0], root),))
    writes = [write_set(task, root) for task in tasks]
    alone = [
        not task.parallel or (unknown_alone and not named.is_known) for task, named in zip(tasks, writes, strict=True)
    ]
    shared = [place for place in range(len(tasks)) if not alone[place]]
    side_by_side = [
        Link(shared[link.first], shared[link.second], link.first_path, link.second_path)
        for link in links([writes[place].paths for place in shared])
    ]
    found = list(side_by_side)
    if any(alone):
        # The reasons of tasks that run alone; never a way to connect two others.
        every = links([named.paths for named in writes])
        found += [link for link in every if alone[link.first] or alone[link.second]]
    lanes = [
        *(Lane(tuple(seqs[place] for place in group)) for group in _groups(shared, side_by_side)),
        *(Lane((seqs[place],), alone=True) for place in range(len(tasks)) if alone[place]),
    ]
    if expected:
        lanes.sort(key=lambda lane: (lane.alone, -sum(expected.get(seq, 0.0) for seq in lane.seqs)))
    separations = [*_alone_reasons(tasks, writes, unknown_alone=unknown_alone), *_overlap_reasons(seqs, found)]
    separations.sort(key=lambda one: (seq_order(one.seq), one.why is Why.OVERLAP, seq_order(one.other)))
    return Batch(number, seqs, tuple(lanes), tuple(separations), tuple(writes))


def _groups(members: Sequence[int], found: Iterable[Link]) -> list[list[int]]:
    """Connected members together, each group and the list of groups in order."""
    parent = {member: member for member in members}

    def top(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for link in found:
        first, second = top(link.first), top(link.second)
        parent[max(first, second)] = min(first, second)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for member in members:
        groups[top(member)].append(member)
    return list(groups.values())


def _alone_reasons(tasks: Sequence[Task], writes: Sequence[WriteSet], *, unknown_alone: bool) -> Iterable[Separation]:
    for task, named in zip(tasks, writes, strict=True):
        if not task.parallel:
            yield Separation(Why.SEQUENTIAL, task.seq, "", f"{task.seq} runs alone: it is not marked parallel")
        if unknown_alone and not named.is_known:
            yield Separation(Why.UNKNOWN, task.seq, "", f"{task.seq} runs alone: {_why_unknown(named)}")


def _why_unknown(writes: WriteSet) -> str:
    if not writes.declared:
        return "it names no deliverables, so nobody can say what it writes"
    first = writes.unknown[0]
    quoted = f"“{first if len(first) <= QUOTE_LIMIT else first[: QUOTE_LIMIT - 1].rstrip() + '…'}”"
    more = len(writes.unknown) - 1
    if writes.paths and not more and any(path.removeprefix("**/") in first for path in writes.paths):
        return f"its deliverable {quoted} is a sentence, so nobody can say what else it writes"
    if not more:
        return f"its deliverable {quoted} names no file, so nobody can say what it writes"
    return f"its deliverable {quoted} and {more} more are sentences, so nobody can say what it writes"


def _overlap_reasons(seqs: Sequence[str], found: Iterable[Link]) -> Iterable[Separation]:
    pairs: defaultdict[tuple[int, int], list[Link]] = defaultdict(list)
    for link in found:
        pairs[link.first, link.second].append(link)
    for (first, second), together in pairs.items():
        # An equal path says it best, then the most precise one.
        together.sort(key=lambda link: (link.first_path != link.second_path, link))
        shared = tuple(dict.fromkeys(narrower(link.first_path, link.second_path) for link in together))
        yield Separation(Why.OVERLAP, seqs[second], seqs[first], _why_overlap(seqs, together[0], len(shared)), shared)


def _why_overlap(seqs: Sequence[str], link: Link, count: int) -> str:
    earlier, later = seqs[link.first], seqs[link.second]
    more = f" and {count - 1} more" if count > 1 else ""
    if link.first_path == link.second_path:
        return f"{later} after {earlier}: both write {link.first_path}{more}"
    also = f", and {count - 1} more" if count > 1 else ""
    return f"{later} after {earlier}: {earlier} writes {link.first_path}, {later} writes {link.second_path}{also}"
