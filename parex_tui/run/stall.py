"""Whether an attempt still does anything: by its output, and by the processor time of its whole tree.

Standard library only. Only the steady clock is asked, so a calendar that is set means nothing here.
"""

from __future__ import annotations

from collections.abc import Callable

_SHARE = 0.01  # of one processor: runtimes that only wait still wake up now and then
_SAMPLES = 10


class Stall:
    """`after` seconds without a sign of life are a stall; 0 is never. `work` counts processor seconds of the tree;
    where it is None nobody knows, and nothing is called a stall.

    To count them is dear, as every process has to be looked at. So it is done a few times within `after`, and only
    while there is no output: a stall is seen up to a tenth of `after` late.
    """

    def __init__(self, after: float, work: Callable[[], float | None], now: float) -> None:
        self._after, self._work = after, work
        self.every = max(after / _SAMPLES, 0.01) if after > 0 else float("inf")
        """Seconds between two looks that are enough to see it in time."""
        self._size = 0
        self._counted: tuple[float, float] | None = None
        self.sign = now
        """When the last sign of life was seen, on the steady clock."""

    def alive(self, now: float) -> None:
        """A sign of life from elsewhere."""
        self.sign, self._counted = now, None

    def look(self, now: float, size: int) -> bool:
        """Whether it stalls. `size`: bytes of output so far; any change is a sign of life."""
        if self._after <= 0:
            return False
        if size != self._size:
            self._size = size
            self.alive(now)
        elif now - (self.sign if self._counted is None else self._counted[0]) >= self.every:
            work = self._work()
            if work is None:
                self.alive(now)
                return False
            if self._counted is not None and work - self._counted[1] > _SHARE * (now - self._counted[0]):
                self.sign = now
            self._counted = (now, work)
        return now - self.sign >= self._after
