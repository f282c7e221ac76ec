"""The header, the gate and the footer: lines over the whole width."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..lines import Line
from .base import LinesWidget


class Bar(LinesWidget):
    """Lines that a function makes for the width; the bar is as high as there are lines, and hidden where none is."""

    def __init__(self, dom_id: str | None = None) -> None:
        super().__init__(dom_id)
        self._make: Callable[[int], Sequence[Line]] = lambda width: ()

    def show(self, make: Callable[[int], Sequence[Line]], width: int) -> None:
        """Take new content. `width` decides the height before the bar itself has been laid out."""
        self._make = make
        height = len(make(width))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        if self.display != bool(height):
            self.display = bool(height)
        self.sync()

    def project(self, width: int, height: int) -> Sequence[Line]:
        """The lines."""
        return self._make(width)
