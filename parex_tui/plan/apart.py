"""Who must not run beside whom within a batch, and why, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Final

from .model import Batch, Why
from .writes import overlap

PAIRS_LIMIT: Final = 100
"""Tasks of a lane up to which every pair is looked at; those of a larger lane simply run one after another."""


@lru_cache(maxsize=128)
def apart(batch: Batch) -> Apart:
    """The `Apart` of a batch, worked out once."""
    return Apart(batch)


class Apart:
    """Which tasks of one batch may not run at the same time, by pairs."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._alone = frozenset(seq for lane in batch.lanes if lane.alone for seq in lane.seqs)
        self._writes = dict(zip(batch.seqs, batch.writes, strict=True))
        self._pairs: defaultdict[str, set[str]] = defaultdict(set)
        for lane in batch.lanes:
            for one, other in combinations(lane.seqs, 2):
                if len(lane.seqs) > PAIRS_LIMIT or overlap(self._writes[one], self._writes[other]):
                    self._pairs[one].add(other)
                    self._pairs[other].add(one)

    def clashes(self, seq: str, others: Collection[str]) -> bool:
        """Whether `seq` may not run while any of `others` does."""
        rest = set(others) - {seq}
        if seq in self._alone:
            return bool(rest)
        return not rest.isdisjoint(self._alone) or not rest.isdisjoint(self._pairs.get(seq, ()))

    def of(self, seq: str) -> tuple[str, ...]:
        """The tasks of the batch that may not run while `seq` does, in file order."""
        return tuple(other for other in self._batch.seqs if other != seq and self.clashes(seq, (other,)))

    def in_order(self, expected: Mapping[str, float]) -> tuple[str, ...]:
        """The batch, longest expected first, those that run alone at the end; equals in file order.

        A task counts with what cannot run beside it: of tasks that share a file the last one ends no sooner.
        """

        def weight(seq: str) -> float:
            return expected.get(seq, 0.0) + sum(expected.get(other, 0.0) for other in self._pairs.get(seq, ()))

        return tuple(sorted(self._batch.seqs, key=lambda seq: (seq in self._alone, -weight(seq))))

    def why(self, seq: str, other: str) -> str:
        """Why `seq` has to wait for `other`, as short as a row wants it: `after 06: both write src/auth/jwt.ts`."""
        for name in (seq, other):
            if name in self._alone:
                return f"after {other}: {name} {self._why_alone(name)}"
        shared = overlap(self._writes[seq], self._writes[other])
        if not shared:
            return f"after {other}: same lane"
        more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
        return f"after {other}: both write {shared[0]}{more}"

    def _why_alone(self, seq: str) -> str:
        whys = {one.why for one in self._batch.separations if one.seq == seq and not one.other}
        return "is not parallel" if Why.SEQUENTIAL in whys else "may write anything"
