"""A screen on which something is selected: what is refused is said, what is asked for is sent."""

from __future__ import annotations

from typing import Literal, cast

from textual.screen import Screen

from parex_tui.run.snapshot import Answer, Command
from parex_tui.tasks.text import clean

from ..actions import Situation, refusal
from ..app_base import DashboardApp
from .confirm import ConfirmScreen


class SituatedScreen(Screen[None]):
    """A screen with a situation: what is selected. Its actions check the refusal first and say it in a toast."""

    is_ready = False
    """Whether its widgets are there: from its mount to its unmount."""

    @property
    def dashboard(self) -> DashboardApp:
        """The app."""
        return cast(DashboardApp, self.app)

    @property
    def can_show(self) -> bool:
        """Whether its widgets are there; while the app ends they go before the screen does."""
        return self.is_ready and self.app.is_running

    def situation(self) -> Situation:
        """What is selected."""
        raise NotImplementedError

    def refresh_view(self) -> None:
        """Show the app's newest snapshot, at this moment."""
        raise NotImplementedError

    def on_unmount(self) -> None:
        """A frame that comes later finds nothing to show."""
        self.is_ready = False

    def on_screen_resume(self) -> None:
        """What changed while the screen was covered."""
        self.refresh_view()

    def say(self, text: str) -> None:
        """A toast: why something is refused, or a result that cannot be seen in place."""
        self.notify(clean(text), severity="warning", markup=False)

    def hear(self, answer: Answer) -> None:
        """What came of a command about files."""
        severity: Literal["information", "warning"] = "information" if answer.done else "warning"
        self.notify(clean(answer.text), severity=severity, markup=False)

    def allowed(self, name: str) -> Situation | None:
        """The situation, where an action can be done in it; else None, and the reason has been said."""
        situation = self.situation()
        reason = refusal(name, situation)
        if reason:
            self.say(reason)
            return None
        return situation

    def send(self, command: Command) -> bool:
        """Send a command; where it is refused at once, say why. Whether it was taken."""
        reason = self.dashboard.control.send(command)
        if reason:
            self.say(reason)
        return not reason

    def confirmed(self, question: str, details: list[str], yes: str, command: Command) -> None:
        """Send a command once the person has said yes."""

        def decided(answer: bool | None) -> None:
            if answer:
                self.send(command)

        self.app.push_screen(ConfirmScreen(question, details, yes), decided)
