"""Where the program starts. Imports next to nothing, so that `parex status` costs little more than a bare Python."""

from __future__ import annotations

import sys

from .quick import quick_status


def main() -> int:
    """Run the command in `sys.argv` and return the exit code."""
    try:
        text = quick_status(sys.argv[1:]) if sys.stdout is not None else None  # None: closed before the start
        if text is not None and (text.isascii() or sys.stdout.encoding.lower() == "utf-8"):
            return _print(text)
        from .cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        from .cli import trouble

        return trouble(error)
    return 0
