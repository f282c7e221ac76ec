"""What the parsers of several commands share. Imports argparse and nothing heavier: every start pays for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

Commands = argparse._SubParsersAction  # what `add_subparsers` gives; a parser file adds its commands to it


def folder(text: str) -> Path:
    """The type of an argument that names a folder."""
    return Path(text)


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number in these limits."""

    def number(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else -1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return value

    return number


def speed(text: str) -> float:
    """The type of an argument that says how fast the demo plays."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1000; 0 does not wait at all")
    return value


def lines(text: str) -> int:
    """The type of an argument that says how many of the last lines; `all` is more than there ever are."""
    return sys.maxsize if text == "all" else whole(0, 999_999)(text)
