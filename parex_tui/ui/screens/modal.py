"""A screen over another one that asks something and is closed with the answer."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class AskingScreen(ModalScreen[Answer]):
    """Closes once. Keys that were typed faster than it closed still reach it and mean nothing any more."""

    def close(self, answer: Answer | None) -> None:
        """Close with the answer; None where there is none."""
        if self is self.app.screen:  # and not behind another one, which would be closed instead
            self.dismiss(answer)
