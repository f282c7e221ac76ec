"""The person's editor beside the screen, or in its place: started, waited for, and what came of it in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.text import clean


def editable(path: Path, root: Path) -> str:
    """Why a file is not opened in an editor; "" where it may be: a regular file that lies inside the project."""
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return "This file lies outside the project; it is not opened."
        return "" if path.is_file() else "This file is no longer there."
    except (OSError, ValueError, RuntimeError) as error:
        return clean(f"This file cannot be opened: {error}")


async def run_in_place(argv: Sequence[str], step_aside: Callable[[], AbstractContextManager[None]]) -> str:
    """Give the terminal to the editor until it ends. Returns why it did not work, "" where it did."""
    # Whatever happens in there must not come out of it: the screen would never be put back.
    with step_aside():
        try:
            process = await asyncio.create_subprocess_exec(*argv)
            code = await process.wait()
        except (OSError, ValueError) as error:
            return _not_started(argv, error)
    return _ended(argv, code)


async def run_in_window(argv: Sequence[str]) -> str:
    """Start an editor with a window of its own and wait for its end. Returns the same."""
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except (OSError, ValueError) as error:
        return _not_started(argv, error)
    return _ended(argv, await process.wait())


def _not_started(argv: Sequence[str], error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return clean(f"The editor {Path(argv[0]).name} cannot be started: {why}. Set $VISUAL or $EDITOR.", 300)


def _ended(argv: Sequence[str], code: int) -> str:
    if not code:
        return ""
    how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
    return clean(f"The editor {Path(argv[0]).name} {how}.", 300)


def broken_now(path: Path) -> str:
    """What is wrong with a task file that was just edited, where it is not valid JSON; "" where it is."""
    try:
        parse(read(path).data)
    except InvalidError as error:
        return f"{clean(path.name)} is not valid JSON: line {error.line}, column {error.column}. e edits it again."
    except UnreadableError as error:
        return f"{clean(path.name)} cannot be read now: {error}"
    return ""
