"""Whose a feature is: one engine's ownership, and the mode of the run that goes with it from one parex to the next."""

from __future__ import annotations

from collections.abc import Callable

from parex_tui.agents.driver import Driver

from .attempts import Journal
from .claim import Claim, Presence, named
from .mailbox import Order
from .orders import Intent, Mode
from .snapshot import Holder


class Hands:
    """The hands that a run is in, as one engine sees it. `retried`: how often it has tried a task again by itself."""

    def __init__(
        self,
        key: str,
        *,
        journal: Journal,
        presence: Presence,
        driver: Driver | None,
        timer: Callable[[], float],
        intent: Intent,
        cannot_run: Callable[[], str],
        retried: dict[str, int],
    ) -> None:
        self._key = key
        self._journal = journal
        self._intent = intent
        self._cannot_run = cannot_run
        self._retried = retried
        self._driver = driver.name if driver is not None else ""
        self._claim = Claim(key, journal=journal, presence=presence, driver=self._driver, timer=timer)
        self.given_to = ""  # who has taken the run over from here
        self.left_behind = False  # whether somebody went off with the run going, and nobody has driven it since

    @property
    def owns(self) -> bool:
        """Whether the feature is ours."""
        return self._claim.is_held

    @property
    def last_holder(self) -> Holder | None:
        """Who had the feature last, by its own word."""
        return self._claim.last_holder

    def take(self) -> bool:
        """Try to own the feature; False while another parex does. The mode is what was asked for here."""
        if self.owns:
            return True
        before = self._claim.last_holder
        if not self._claim.take():
            return False
        self._claim.withdraw()
        self.left_behind = before is not None and before.going
        self.given_to = ""
        self.sign()
        return True

    def adopt(self) -> None:
        """Own the feature for what runs there, unless it is about to change hands."""
        if not (self._claim.is_asked or self._claim.is_spoken_for()):
            self.take()

    def inherit(self) -> bool:
        """Own the feature in the mode in which it was, once that is possible. False while it is not."""
        before = self._claim.last_holder
        if self._claim.is_spoken_for() or not self._claim.take():
            return False
        before = self._claim.last_holder or before  # signed just before it let go
        self._claim.withdraw()
        self.given_to = ""
        if before is not None:
            self._go_on_as(before)
        self.sign()
        return True

    def _go_on_as(self, before: Holder) -> None:
        self._retried.clear()
        self._retried.update(before.retried)
        head = f"taken over from {named(before)}"
        stays = "nothing new starts until you run the batch"
        if before.going and before.driver in ("", self._driver):
            self._intent.mode = Mode.GOING
            self._intent.message = f"{head}; the run goes on"
        elif before.going:
            self._intent.pause()
            here = self._driver or "none"
            self._intent.message = f"{head}, where it ran with the driver {before.driver}; here it is {here}: {stays}"
        elif before.paused:
            self._intent.pause()
            self._intent.message = f"{head}; {stays}"
        else:
            self._intent.message = head

    def ask(self) -> str:
        """Ask the parex that runs the feature for it. Returns "" or why not, in a line. Raises StateError, OSError."""
        if self.owns:
            return "it is run here already"
        if refusal := self._cannot_run():
            return refusal
        if not self._journal.is_run(self._key):
            return "no other parex runs this feature; run it to go on"
        self._claim.ask()
        self._intent.message = f"asked {named(self._claim.last_holder)} for the run"
        return ""

    @property
    def is_asking(self) -> bool:
        """Whether another parex was asked for the feature, and may still give it."""
        return self._claim.is_asked

    def refusal(self) -> str:
        """Why it was not given, in one line; "" while it may still be."""
        return self._claim.refusal()

    def takes_back(self, holder: Holder) -> bool:
        """Whether a run that was left to that holder, without a screen, goes on here just as it is."""
        return holder.left and self._driver == holder.driver and not self._cannot_run()

    def orders(self) -> tuple[Order, ...]:
        """What other programs ask of whoever runs the feature. Raises StateError and OSError."""
        return self._claim.orders()

    def give_to(self, heir: str, name: str = "") -> None:
        """Let another process own the feature, in the mode in which it is. What runs goes on under its keeper."""
        self.sign()
        self._claim.give_to(heir)
        self._intent.mode = Mode.IDLE
        self._intent.wanted.clear()
        self._intent.message = ""
        self.given_to = name or heir

    def release(self) -> None:
        """Let another parex own the feature. What runs goes on under its keeper."""
        self._claim.withdraw()
        self._claim.release()

    def sign(self) -> None:
        """Say in which mode the run is; written only where it says something new."""
        mode = self._intent.mode
        if mode is Mode.GOING:
            self.left_behind = False
        self._claim.sign(going=mode is Mode.GOING, paused=mode is Mode.PAUSED, retried=dict(self._retried))
