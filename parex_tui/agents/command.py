"""The driver that runs any program: an argv list from the user's settings, with placeholders, never a shell.

A placeholder stands for a whole element or a part of one: `{task_file}` `{prompt_file}` `{root}` `{feature}` `{seq}`
`{title}` `{attempt}` `{agent}` `{model}`; `{{` and `}}` are braces. Titles and names come from files that anybody may
have written, so a value can never become an option: one that begins with `-` is refused, unless its element comes
after `--` or the value follows `=` in an option, as in `--title={title}`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parex_tui.settings import DriverSettings, Stdin
from parex_tui.tasks.text import clean

from .driver import DriverError, Ending, Exit, Invocation, Job, Parser
from .ending import ending_of
from .events import Event
from .jsonl import JsonLinesParser, PlainParser

_ELEMENT_LIMIT: Final = 128 * 1024 - 1
"""Bytes of one argv element; the kernel refuses longer ones."""

_VALUES: Final[Mapping[str, Callable[[Job], str]]] = {
    "task_file": lambda job: str(job.task.path),
    "prompt_file": lambda job: str(job.prompt_file),
    "root": lambda job: str(job.root),
    "feature": lambda job: job.feature.id,
    "seq": lambda job: job.task.seq,
    "title": lambda job: job.task.title or f"task {job.task.seq}",
    "attempt": lambda job: str(job.attempt),
    "agent": lambda job: job.agent,
    "model": lambda job: job.model,
}

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")

# `--{x}`, `-{x}` and `--opt{x}` would let a value choose the option's name.
_OPEN_OPTION: Final = re.compile(r"-|--[^=]*")


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    is_placeholder: bool


@dataclass(frozen=True, slots=True)
class _Element:
    pieces: tuple[_Piece, ...]
    behind_dashes: bool  # a literal `--` comes earlier: whatever follows is no option

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(piece.text for piece in self.pieces if piece.is_placeholder)


class CommandDriver:
    """One `[drivers.NAME]` table. Raises DriverError where its argv cannot be read."""

    is_demo: Final = False

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._elements = self._read(settings.argv)

    @property
    def name(self) -> str:
        """The table's name."""
        return self._settings.name

    def check(self) -> None:
        """Raise DriverError where the program cannot be found."""
        self._program()

    def invocation(self, job: Job) -> Invocation:
        """The argv with every placeholder filled in. Raises DriverError where a value cannot be passed safely."""
        filled = [self._fill(index, element, job) for index, element in enumerate(self._elements)]
        filled[0] = self._program()
        return Invocation(
            argv=tuple(filled),
            cwd=job.root,
            env=dict(self._settings.env),
            stdin=self._stdin(),
            # Plain text is read in the order in which it was written; events must not be torn by anything else.
            merge_stderr=not self._is_structured,
        )

    def parser(self) -> Parser:
        """For plain lines or for `parex.events/1`, as the settings say."""
        return JsonLinesParser() if self._is_structured else PlainParser()

    def ending(self, exit_: Exit, events: Sequence[Event]) -> Ending:
        """Exit 0 is clean; with events, only where the program's own last word says so too."""
        return ending_of(exit_, events, structured=self._is_structured)

    @property
    def _is_structured(self) -> bool:
        return self._settings.events == "jsonl"

    def _stdin(self) -> Stdin:
        if self._settings.stdin is not None:
            return self._settings.stdin
        named = {name for element in self._elements for name in element.names}
        return "null" if named & {"prompt_file", "task_file"} else "prompt"

    def _program(self) -> str:
        wanted = "".join(piece.text for piece in self._elements[0].pieces)
        if wanted.startswith("~/"):
            wanted = str(Path(wanted).expanduser())
        if "/" in wanted and not Path(wanted).is_absolute():
            # It would be looked for in whatever project is open: a repository must not choose what runs.
            raise self._error(0, f'"{clean(wanted)}" must be a name found on PATH or an absolute path')
        found = shutil.which(wanted)
        if found is None:
            if Path(wanted).is_absolute() and Path(wanted).exists():
                raise self._error(0, f"{clean(wanted)} is no program that can be run; make it executable (chmod +x)")
            raise self._error(0, f"not found: {clean(wanted)}; install it, or name its absolute path")
        if not Path(found).is_absolute():
            raise self._error(0, f'"{clean(wanted)}" is found only through a relative entry of PATH; name its path')
        return found

    def _read(self, argv: Sequence[str]) -> tuple[_Element, ...]:
        elements: list[_Element] = []
        behind = False
        for index, text in enumerate(argv):
            element = _Element(self._pieces(index, text), behind)
            if index == 0 and element.names:
                raise self._error(0, "the program itself cannot hold a placeholder")
            if element.names and not behind:
                before = element.pieces[0]
                if not before.is_placeholder and _OPEN_OPTION.fullmatch(before.text):
                    raise self._error(index, "a placeholder in an option belongs behind `=`, as in `--title={title}`")
            elements.append(element)
            behind = behind or text == "--"
        return tuple(elements)

    def _pieces(self, index: int, text: str) -> tuple[_Piece, ...]:
        pieces: list[_Piece] = []
        literal = ""
        for match in _PIECE.finditer(text):
            part, name = match.group(), match.group(1)
            if name is not None:
                if name not in _VALUES:
                    known = " ".join(f"{{{word}}}" for word in _VALUES)
                    raise self._error(index, f"unknown placeholder {{{clean(name, 40)}}}; there are {known}")
                if literal:
                    pieces.append(_Piece(literal, is_placeholder=False))
                    literal = ""
                pieces.append(_Piece(name, is_placeholder=True))
            elif part in ("{", "}"):
                raise self._error(index, f"a single {part} in {clean(text, 80)}; write {part * 2} for the character")
            else:
                literal += part[0] if part in ("{{", "}}") else part
        if literal or not pieces:
            pieces.append(_Piece(literal, is_placeholder=False))
        return tuple(pieces)

    def _fill(self, index: int, element: _Element, job: Job) -> str:
        filled = "".join(
            self._value(index, piece.text, job) if piece.is_placeholder else piece.text for piece in element.pieces
        )
        starts_open = element.pieces[0].is_placeholder
        if starts_open and filled.startswith("-") and not element.behind_dashes:
            shown = clean(filled, 60)
            raise self._error(
                index,
                f'{{{element.pieces[0].text}}} is "{shown}", which the program would take for an option; '
                "put the element behind `--`, or write it as `--option={…}`",
            )
        try:
            size = len(os.fsencode(filled))
        except UnicodeEncodeError as error:
            raise self._error(index, "a value holds characters that cannot be passed to a program") from error
        if size > _ELEMENT_LIMIT:
            raise self._error(index, f"{size} bytes is too long for one argument; use {{prompt_file}} or stdin")
        return filled

    def _value(self, index: int, name: str, job: Job) -> str:
        value = _VALUES[name](job)
        if name == "agent":
            value = value or self._settings.agent
        elif name == "model":
            value = value or self._settings.model
        if "\0" in value:
            raise self._error(index, f"{{{name}}} holds a NUL character, which cannot be passed to a program")
        if not value:
            remedy = f'; set {name} = "…" in the same table' if name in ("agent", "model") else ""
            raise self._error(index, f"{{{name}}} is empty for task {clean(job.task.seq, 20)}{remedy}")
        return value

    def _error(self, index: int, message: str) -> DriverError:
        place = f"{clean(str(self._settings.source))}: drivers.{self.name}.argv[{index}]"
        return DriverError(f"{place}: {message}")
