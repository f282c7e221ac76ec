"""Making a broken JSON text valid again, where it is beyond doubt what was meant.

The scanner says where a text stops being JSON. What stands there tells which of the known breakages it is; that one is
corrected by as few bytes as possible, and the text is scanned again. What is none of them is not guessed at. Before a
result is given, it is held against the text that it came from: the same values in the same order, and the same fields
that `recover` reads beyond doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from .document import BOM, InvalidError, parse
from .drafts import FEATURE_STATUSES
from .model import JsonValue, Status
from .patch import same_value
from .recover import recover
from .scan import place, scan
from .text import clean

SIZE_LIMIT: Final = 64 * 1024
"""Bytes of a text that is repaired; a real task file has four thousand."""

STEPS_LIMIT: Final = 100
"""Corrections of one file; one that needs more was broken by something else than a slip."""

_SHOWN: Final = 60
_STRING: Final = rb'"(?:[^"\\]|\\.)*+"'
_COMMENT: Final = rb"//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/"
_MARK: Final = re.compile(rb"(?P<string>" + _STRING + rb')(?P<colon>\s*:)?|(?P<quote>")|[][{}]', re.DOTALL)
_COMMENT_AT: Final = re.compile(_COMMENT)
_LITERAL: Final = re.compile(rb"\\r\\n|\\[nrt]")
_NEXT_KEY: Final = re.compile(_STRING + rb"\s*:", re.DOTALL)
_NEXT_ITEM: Final = re.compile(_STRING + rb"\s*[],]|[{[]", re.DOTALL)
_EMPTY_VALUE: Final = re.compile(rb"\s*:\s*(\[\s*\]|\{\s*\})(?=\s*[,}])")
_FENCE: Final = re.compile(rb"[ \t]*```\w*[ \t]*(?:\r?\n|\Z)")
_LEFT_OVER: Final = re.compile(rb"[\s\x00\]}]*")
_CONTROL: Final = re.compile(rb"\r?\n|[\x01-\x1f]")
_ATOM: Final = re.compile(
    rb"(?:" + _COMMENT + rb"|^[ \t]*```\w*|\\[nrt]|[][{}:,\s\x00]+)|(?P<atom>" + _STRING + rb'|[^][{}:,\s"\\]+)',
    re.DOTALL | re.MULTILINE,
)
_BEFORE: Final = {b"<": (b"",), b"|": (b"<",), b"=": (b"<", b"|"), b">": (b">",)}
"""In which part of an open merge each of its marks may stand: outside, ours, the base, theirs."""

_STATUSES: Final = frozenset({*FEATURE_STATUSES, *(status.value for status in Status)})


@dataclass(slots=True)
class Text:
    """A text that is being changed, and what was done to it: lines are those of the text that it was."""

    original: bytes
    data: bytes
    steps: list[str] = field(default_factory=list)
    _moves: list[tuple[int, int, int]] = field(default_factory=list)

    def line(self, offset: int) -> int:
        """The line of the original in which stands what is at `offset` now."""
        for start, removed, added in reversed(self._moves):
            if offset >= start + added:
                offset += removed - added
            elif offset > start:
                offset = start
        return place(self.original, offset)[0]

    def replace(self, start: int, end: int, new: bytes, step: str, at: int | None = None) -> None:
        """Put `new` in the place of `start` to `end`; the step is told with the line of `at` (`start`)."""
        self.steps.append(f"line {self.line(start if at is None else at)}: {clean(step)}")
        self.data = self.data[:start] + new + self.data[end:]
        self._moves.append((start, end - start, len(new)))


@dataclass(frozen=True, slots=True)
class _Fault:
    """The place at which a text stops being JSON, and what stands before it."""

    at: int
    before: int  # where the last thing before it ends
    brackets: tuple[int, ...]  # where the brackets stand that are open there, the outermost first
    key: str  # the field of the innermost open object that was read last
    value: str  # the string that was read last
    quote: int | None  # where the string starts that the place is in
    follows_value: bool  # a whole value stands before it


def mend(data: bytes) -> tuple[bytes, tuple[str, ...]] | None:
    """The valid text that was meant, and the steps to it; None where there is none beyond doubt.

    Takes any bytes that are not valid JSON, and raises nothing.
    """
    if len(data) > SIZE_LIMIT:
        return None
    if b"\n<<<<<<<" in data or data.startswith(b"<<<<<<<"):
        found = _merged(data)
    else:
        found = _corrected(data)
        found = found if found is not None and _atoms(found.data) == _atoms(data) else None
    if found is None or not _agrees(found.data, recover(data)):
        return None
    return found.data, tuple(found.steps)


def _agrees(data: bytes, sure: dict[str, JsonValue]) -> bool:
    """Whether a text is a valid object that has every field that is beyond doubt."""
    try:
        values = parse(data).value
    except InvalidError:
        return False
    return isinstance(values, dict) and all(
        key in values and same_value(values[key], value) for key, value in sure.items()
    )


def _atoms(data: bytes) -> list[bytes]:
    """Every string, number and word of a text, in order; line breaks in strings written out."""
    return [_CONTROL.sub(_escape, match.group()) for match in _ATOM.finditer(data) if match.group("atom")]


def _merged(data: bytes) -> Text | None:
    """A merge that was left open, where both sides come to the same."""
    sides: dict[bytes, bytearray] = {b"<": bytearray(), b"|": bytearray(), b">": bytearray()}
    side = b""
    lines: list[int] = []
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        mark = line[:1] if line[:7] in (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>") else b""
        if mark:
            if side not in _BEFORE[mark]:
                return None
            side = {b"=": b">", b">": b""}.get(mark, mark)
            lines += [number] if mark == b"<" else []
        elif side:
            sides[side] += line
        else:
            sides[b"<"] += line
            sides[b">"] += line
    ours, theirs = bytes(sides[b"<"]), bytes(sides[b">"])
    try:
        same = not side and same_value(parse(ours).value, parse(theirs).value)
    except InvalidError:
        return None
    steps = [f"line {number}: the marks of an open merge were removed; both sides say the same" for number in lines]
    return Text(data, ours, steps) if same else None


def _corrected(data: bytes) -> Text | None:
    text = Text(data, data)
    for _ in range(STEPS_LIMIT):
        try:
            scan(text.data)
        except InvalidError as error:
            if error.code != "json.invalid" or not _correct(text, _fault(text.data, error.offset)):
                return None
        else:
            return text
    return None


def _fault(data: bytes, at: int) -> _Fault:
    brackets: list[int] = []
    keys: list[str] = []
    value = ""
    quote = None
    for match in _MARK.finditer(data, 0, at):
        if match["string"]:
            written = match["string"][1:-1].decode("utf-8", "replace")
            if match["colon"] and keys:
                keys[-1] = written
            else:
                value = written
        elif match["quote"]:
            quote = match.start()
            break
        elif match.group() in (b"{", b"["):
            brackets.append(match.start())
            keys.append("")
        elif brackets:
            brackets.pop()
            keys.pop()
    before = len(data[:at].rstrip(b" \t\r\n"))
    follows_value = data[:before].removeprefix(BOM)[-1:] not in (b"", b"{", b"[", b",", b":", b"`")
    key = next((key for key in reversed(keys) if key), "")
    return _Fault(at, before, tuple(brackets), key, value, quote, follows_value)


def _correct(text: Text, fault: _Fault) -> bool:
    """Correct what is wrong at that place; False where it is none of the known breakages."""
    if fault.quote is not None:
        return _write_out(text, fault, fault.quote)
    match text.data[fault.at : fault.at + 1]:
        case b"\\":
            return _literal(text, fault)
        case b"/":
            return _comment(text, fault)
        case b"`":
            return _fence(text, fault)
        case b",":
            return _last_comma(text, fault)
        case b":":
            return _second_value(text, fault)
        case b"":
            return _missing_end(text, fault)
        case _ if fault.brackets:
            return _missing_comma(text, fault)
        case _:
            return _left_over(text, fault)


def _write_out(text: Text, fault: _Fault, quote: int) -> bool:
    found = _CONTROL.match(text.data, fault.at)
    if found is None or _NEXT_KEY.match(text.data, quote):  # no field's name is meant to have one
        return False
    new = _escape(found)
    what = "a line break" if new == b"\\n" else "a control character"
    where = f"in the text of “{_shown(fault.key)}”" if fault.key else "in a text"
    text.replace(found.start(), found.end(), new, f"{what} {where} is written as {new.decode()}")
    return True


def _escape(found: re.Match[bytes]) -> bytes:
    char = found.group()[-1]
    return {0x0A: b"\\n", 0x0D: b"\\r", 0x09: b"\\t"}.get(char, b"\\u%04x" % char)


def _literal(text: Text, fault: _Fault) -> bool:
    found = _LITERAL.match(text.data, fault.at)
    if found is None:
        return False
    written = found.group()
    if written == b"\\t":
        new, what = b"\t", "is a tab now"
    elif written == b"\\r":
        new, what = b"", "was removed"
    else:
        new, what = _line_end(text.data), "is a line break now"
    text.replace(found.start(), found.end(), new, f"“{written.decode()}” outside a string {what}")
    return True


def _line_end(data: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in data else b"\n"


def _comment(text: Text, fault: _Fault) -> bool:
    found = _COMMENT_AT.match(text.data, fault.at)
    if found is None:
        return False
    data = text.data
    start, end = found.start(), len(data[: found.end()].rstrip(b"\r"))
    line_start, line_end = data.rfind(b"\n", 0, start) + 1, data.find(b"\n", end) + 1 or len(data)
    if not data[end:line_end].strip():  # nothing else follows in its line
        alone = not data[line_start:start].strip()
        start = line_start if alone else len(data[:start].rstrip(b" \t"))
        end = line_end if alone else end
    shown = found.group().decode("utf-8", "replace").replace("\r\n", "\n").strip()
    text.replace(start, end, b"", f"a comment was removed: {_shown(shown)}")
    return True


def _fence(text: Text, fault: _Fault) -> bool:
    """The fence of a Markdown block around the document."""
    start = text.data.rfind(b"\n", 0, fault.at) + 1
    found = _FENCE.match(text.data, start)
    if found is None or fault.brackets:
        return False
    text.replace(start, found.end(), b"", "a line with ``` around the document was removed")
    return True


def _last_comma(text: Text, fault: _Fault) -> bool:
    after = text.data[fault.at + 1 :].lstrip(b" \t\r\n")[:1]
    if not fault.follows_value or after not in (b"}", b"]"):
        return False
    text.replace(fault.at, fault.at + 1, b"", "the comma after the last entry was removed")
    return True


def _second_value(text: Text, fault: _Fault) -> bool:
    """`"status": "pending": []`: the word is the status, and nothing is lost with an empty list."""
    found = _EMPTY_VALUE.match(text.data, fault.before)
    if found is None or fault.key != "status" or fault.value not in _STATUSES:
        return False
    second = found[1].decode()
    text.replace(fault.before, found.end(), b"", f"“status” had a second value, {second}; “{fault.value}” stays")
    return True


def _missing_end(text: Text, fault: _Fault) -> bool:
    """Brackets at the end. A value that ends its line without a comma was the last one there: nothing else is lost."""
    data = text.data
    if not fault.brackets or not fault.follows_value or b"\n" not in data[fault.before :]:
        return False
    if len(_margin(data, fault.before)) <= len(_margin(data, fault.brackets[-1])):
        return False  # what ends there stands no deeper than what is open: a bracket is missing further up
    closing = ["}" if data[at : at + 1] == b"{" else "]" for at in reversed(fault.brackets)]
    margins = [_margin(data, at) for at in reversed(fault.brackets)]
    lines = [margin + mark.encode() + _line_end(data) for margin, mark in zip(margins, closing, strict=True)]
    start = data.rfind(b"\n") + 1
    text.replace(start, len(data), b"".join(lines), f"the end was missing: {' '.join(closing)} added")
    return True


def _margin(data: bytes, offset: int) -> bytes:
    """The blanks at the start of the line that ends at or holds `offset`."""
    line = data[data.rfind(b"\n", 0, offset) + 1 : offset + 1].removeprefix(BOM)
    return line[: len(line) - len(line.lstrip(b" \t"))]


def _missing_comma(text: Text, fault: _Fault) -> bool:
    data = text.data
    between = data[fault.before : fault.at]
    in_object = data[fault.brackets[-1] : fault.brackets[-1] + 1] == b"{"
    follows = _NEXT_KEY.match(data, fault.at) if in_object else _NEXT_ITEM.match(data, fault.at)
    if not fault.follows_value or follows is None or not between or (not in_object and b"\n" not in between):
        return False
    text.replace(fault.before, fault.before, b",", f"a comma was missing{_after(fault)}")
    return True


def _after(fault: _Fault) -> str:
    return f" after “{_shown(fault.key)}”" if fault.key else ""


def _left_over(text: Text, fault: _Fault) -> bool:
    """Blanks, NULs and closing brackets after the document."""
    if not fault.follows_value or _LEFT_OVER.fullmatch(text.data, fault.at) is None:
        return False
    rest = text.data[fault.before :]
    shown = clean(rest.strip(b" \t\r\n").decode(), _SHOWN)
    new = _line_end(text.data) if b"\n" in rest else b""
    text.replace(fault.before, len(text.data), new, f"what stood after the end was removed: {shown}")
    return True


def _shown(text: str) -> str:
    return clean(text, _SHOWN)
