"""Task files that are busy: left alone until the next pass; one that stays so is tried less and less often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from parex_tui.tasks.files import Signature

_PATIENCE: Final = 0.7  # seconds for other writers, at a file that was busy several times
_REST: Final = 0.5  # seconds before a file that could not be written several times is tried again; doubles
_LONGEST_REST: Final = 60.0
_EAGER: Final = 3  # tries without a rest


@dataclass(slots=True)
class Rest:
    """A file that could not be written: how often in a row, how it looked, until when it is left alone, and why.

    `owed` are the edits that it should have had again, and their fields. Times in seconds since the epoch.
    """

    failures: int = 0
    looked: Signature | None = None
    until: float = 0.0
    why: str = ""
    owed: dict[int, tuple[str, ...]] = field(default_factory=dict)


class RestingFiles:
    """The files of one project that could not be written when they were tried last, by name."""

    def __init__(self) -> None:
        self._rests: dict[str, Rest] = {}

    def __iter__(self) -> Iterator[tuple[str, Rest]]:
        return iter(list(self._rests.items()))

    def has(self, name: str, looks: Signature | None, now: float) -> bool:
        """Whether the file is to be left alone now; one that looks different from last time is not."""
        rest = self._rests.get(name)
        return rest is not None and rest.looked == looks and rest.until - _LONGEST_REST <= now < rest.until

    def patience(self, name: str, left: float) -> float:
        """Seconds to wait for others at this file, `left` at most.

        The next pass comes soon; but somebody may have the file open for long, and then waiting helps.
        """
        rest = self._rests.get(name)
        often = rest is not None and rest.failures % (_EAGER + 1) == _EAGER
        return max(0.0, min(_PATIENCE, left)) if often else 0.0

    def failed(self, name: str, looks: Signature | None, why: str, now: float) -> Rest:
        """It could not be written once more."""
        rest = self._rests.setdefault(name, Rest())
        rest.failures += 1
        again = min(rest.failures - _EAGER, 10)
        rest.looked, rest.why = looks, why
        rest.until = now if again < 0 else now + min(_REST * 2**again, _LONGEST_REST)
        return rest

    def forget(self, name: str) -> None:
        """It was written, or need not be any more."""
        self._rests.pop(name, None)

    @property
    def trouble(self) -> str:
        """Why a file stays as it is though it was tried several times; "" where none does."""
        return next((rest.why for rest in self._rests.values() if rest.failures >= _EAGER), "")
