"""The one base of errors whose text is made for the person at the terminal."""

from __future__ import annotations


class ParexError(Exception):
    """Something that the user can mend: one line that says what, where, and what to do."""
