"""One engine's claim to one feature: taking it, saying so, asking another parex for it, giving it away.

Taking over from another parex: an order goes to its mailbox; at its next pass it writes who is to have the feature, and
in which mode it was, and lets go of the lock. Only then does the one who asked take it: there is no moment in which two
engines start anything. For `HEIR_SECONDS` nobody takes it but that one, unless a person asks for something there.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .attempts import FeatureLock, Journal
from .feature_lock import me
from .mailbox import Mailbox, Order
from .snapshot import Do, Holder

ANSWER_SECONDS: Final = 5.0
"""So long the other parex may take to answer."""

HEIR_SECONDS: Final = 10.0
"""So long a feature that was given away is kept for the one that it was given to."""


_counter: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Presence:
    """How this parex is there. `screen`: a person sees what it does; `left`: a screen left the run to it."""

    screen: bool = True
    left: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    place: Path
    holder: Holder | None
    until: float


class Claim:
    """A feature's lock as one engine sees it. `timer` counts seconds and never jumps."""

    def __init__(
        self, key: str, *, journal: Journal, presence: Presence, driver: str, timer: Callable[[], float]
    ) -> None:
        self._key = key
        self._journal = journal
        self._presence = presence
        self._driver = driver
        self._timer = timer
        self._lock: FeatureLock | None = None
        self._box: Mailbox | None = None
        self._asked: _Asked | None = None
        self._signed: dict[str, Any] = {}
        self._name = f"{next(_counter)}.{me()}"  # several engines of one process may look at one feature

    # --- having it -------------------------------------------------------------------------------------------

    @property
    def is_held(self) -> bool:
        """Whether it is ours."""
        return self._lock is not None

    def take(self) -> bool:
        """Try to have it; False while another parex does."""
        if self._lock is None:
            self._lock = self._journal.feature_lock(self._key)
            self._signed = {}
            self._box = None
        return self._lock is not None

    def sign(self, **what: Any) -> None:
        """Say in which mode this engine has it. Written only where it says something new."""
        record = {"screen": self._presence.screen, "left": self._presence.left, "driver": self._driver, **what}
        if self._lock is not None and record != self._signed:
            self._signed = record
            self._journal.sign(self._key, **record)

    def release(self) -> None:
        """Let go of it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def give_to(self, heir: str) -> None:
        """Let go of it, for that process to take it."""
        if self._lock is not None:
            self._journal.sign(self._key, **{**self._signed, "heir": heir})
            self.release()

    def orders(self) -> tuple[Order, ...]:
        """What other programs ask of whoever has the feature, the giving away last. Cheap where there is nothing."""
        if self._lock is None:
            return ()
        if self._box is None:
            self._box = self._journal.mailbox(self._key)
        return tuple(sorted(self._box.look(), key=lambda order: order.do is Do.TAKE))

    # --- another has it ----------------------------------------------------------------------------------------

    @property
    def last_holder(self) -> Holder | None:
        """Who had it last, by its own word."""
        return self._journal.engine_holder(self._key)

    def is_spoken_for(self) -> bool:
        """Whether it was just given to another process, which is about to take it."""
        holder = self.last_holder
        if holder is None or holder.heir in ("", me(), self._name):
            return False
        return 0 <= time.time() - holder.since < HEIR_SECONDS

    # --- asking for it -----------------------------------------------------------------------------------------

    @property
    def is_asked(self) -> bool:
        """Whether the other parex was asked for it, and has neither given it nor let the time pass."""
        return self._asked is not None

    def ask(self) -> None:
        """Ask whoever has it. Raises StateError and OSError."""
        self.withdraw()
        screen = "the screen" if self._presence.screen else "parex"
        place = self._journal.mailbox(self._key).post(Order(Do.TAKE, note=self._name, by=f"{screen} of {me()}"))
        self._asked = _Asked(place, self.last_holder, self._timer() + ANSWER_SECONDS)

    def withdraw(self) -> None:
        """What was asked for holds no more: a holder that wakes up later keeps what it has."""
        if self._asked is not None:
            with contextlib.suppress(OSError):
                self._asked.place.unlink(missing_ok=True)
            self._asked = None

    def refusal(self) -> str:
        """Why what was asked for was not given, in one line; "" while it may still be."""
        asked = self._asked
        if asked is None:
            return ""
        now = self.last_holder
        if (
            now is not None
            and asked.holder is not None
            and (now.pid, now.host) != (asked.holder.pid, asked.holder.host)
        ):
            self.withdraw()
            return f"{named(now)} was quicker and runs this feature now"
        if self._timer() < asked.until:
            return ""
        self.withdraw()
        return (
            f"{named(asked.holder)} runs this feature and does not answer; it may be suspended: let it go on, or end "
            "it (what runs is not harmed), then try again"
        )


def named(holder: Holder | None) -> str:
    """A holder in a few words: `parex 4242 on HOST`."""
    if holder is None:
        return "one that has not said who it is"
    how = "" if holder.screen else " (without a screen)"
    return f"parex {holder.pid} on {holder.host}{how}"
