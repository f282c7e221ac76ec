"""The JSON scanner: byte offsets of every key and value, and the exact place and kind of a fault.

Iterative, one pass, and patient with what other programs write although JSON forbids it: a byte-order mark, duplicate
keys, NaN and infinities. Strings are as written: nothing here is cleaned for display.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from .model import JsonValue

SIZE_LIMIT: Final = 1024 * 1024
"""Bytes of a task file; a larger one is named and not parsed."""

DEPTH_LIMIT: Final = 64
"""Containers inside each other; a deeper document is named and not read."""

BOM: Final = b"\xef\xbb\xbf"

_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_STRING: Final = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_ESCAPE: Final = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?")
_WORD: Final = re.compile(rb"-?[A-Za-z_][A-Za-z0-9_]*+")
_WORDS: Final[dict[bytes, JsonValue]] = {b"true": True, b"false": False, b"null": None}
_ODD_WORDS: Final = {b"NaN": float("nan"), b"Infinity": float("inf"), b"-Infinity": float("-inf")}
_OTHER_ENCODING: Final = re.compile(rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff|\{\x00|\x00{1,3}\{")  # marked or not
_CONFLICT: Final = re.compile(rb"(?m)^(?:<{7}|={7}|>{7}|\|{7})")
_INT_DIGITS: Final = 4000  # the interpreter refuses to turn more than 4300 digits into an int


class InvalidError(ValueError):
    """Bytes that are no JSON document this program reads.

    `code` is stable (`json.invalid`, `json.empty`, `json.encoding`, `json.too_deep`, `json.too_large`), `message` says
    what is wrong, `remedy` what to do; `offset` counts bytes from 0, `line` and `column` (characters) count from 1.
    """

    def __init__(self, code: str, message: str, data: bytes, offset: int, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.offset = offset
        self.line, self.column = place(data, offset)


@dataclass(frozen=True, slots=True)
class Member:
    """A key of an object and its value. `start` and `end` are the key's byte offsets, quotes included."""

    key: str
    start: int
    end: int
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """One value and where it stands: bytes `start` to `end`. Of an object `members`, of an array `items`."""

    start: int
    end: int
    value: JsonValue
    members: tuple[Member, ...] = ()
    items: tuple[Node, ...] = ()

    def named(self, key: str) -> tuple[Member, ...]:
        """Every member with that key, in the order of the file; more than one where the key is duplicated."""
        return tuple(member for member in self.members if member.key == key)


def place(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column (in characters) of a byte offset, both from 1. A byte-order mark takes no column."""
    offset = min(max(offset, 0), len(data))
    line_start = data.rfind(b"\n", 0, offset) + 1
    before = data[line_start:offset]
    if line_start == 0 and before.startswith(BOM):
        before = before[len(BOM) :]
    return data.count(b"\n", 0, offset) + 1, len(before.decode("utf-8", "replace")) + 1


def too_large(size: int) -> InvalidError:
    """The fault of a file of `size` bytes that is over the limit."""
    return InvalidError(
        "json.too_large",
        f"too large to be a task file: {size:,} bytes, the limit is {SIZE_LIMIT:,}",
        b"",
        0,
        "move what is not part of the task to a file of its own",
    )


def scan(data: bytes) -> Node:
    """`data` with byte offsets. Accepts a byte-order mark, duplicate keys, NaN and infinities.

    Raises:
        InvalidError: as `parse`.
    """
    if len(data) > SIZE_LIMIT:
        raise too_large(len(data))
    _check_encoding(data)
    return _Scanner(data).run()


def _check_encoding(data: bytes) -> None:
    remedy = "save the file as UTF-8"
    if _OTHER_ENCODING.match(data):
        raise InvalidError("json.encoding", "the file is UTF-16 or UTF-32, not UTF-8", data, 0, remedy)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8"
        raise InvalidError("json.encoding", message, data, error.start, remedy) from None


class _Frame:
    """A container that is not closed yet."""

    __slots__ = ("is_object", "items", "key", "members", "start")

    def __init__(self, start: int, is_object: bool) -> None:
        self.start = start
        self.is_object = is_object
        self.members: list[Member] = []
        self.items: list[Node] = []
        self.key = ("", 0, 0)

    def close(self, end: int) -> Node:
        if not self.is_object:
            return Node(self.start, end, [node.value for node in self.items], items=tuple(self.items))
        value: dict[str, JsonValue] = {}
        for member in self.members:
            if member.node.value is not None or member.key not in value:
                value[member.key] = member.node.value
        return Node(self.start, end, value, members=tuple(self.members))


class _Scanner:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = len(BOM) if data.startswith(BOM) else 0

    def run(self) -> Node:
        """The one value of the document; what is left after it is a fault."""
        self._skip()
        if self.at == len(self.data):
            remedy = "write the task again, or take it back from version control"
            raise InvalidError("json.empty", "the file is empty", self.data, 0, remedy)
        root = self._value()
        self._skip()
        if self.at < len(self.data):
            raise self._fault("more text after the end of the document", "remove what follows the last brace")
        return root

    def _value(self) -> Node:
        stack: list[_Frame] = []
        while True:
            node: Node | None
            char = self.data[self.at : self.at + 1]
            if char in (b"{", b"["):
                if len(stack) == DEPTH_LIMIT:
                    message = f"nested deeper than {DEPTH_LIMIT} levels"
                    raise InvalidError(
                        "json.too_deep", message, self.data, self.at, "flatten the value that starts here"
                    )
                stack.append(_Frame(self.at, char == b"{"))
                self.at += 1
                self._skip()
                node = self._opened(stack)
            else:
                node = self._scalar()
            while node is not None:
                if not stack:
                    return node
                node = self._placed(stack, node)

    def _opened(self, stack: list[_Frame]) -> Node | None:
        """After an opening bracket: the container itself where it is empty, else None and a value is next."""
        frame = stack[-1]
        if self.data[self.at : self.at + 1] == (b"}" if frame.is_object else b"]"):
            self.at += 1
            stack.pop()
            return frame.close(self.at)
        if frame.is_object:
            self._key(frame)
        return None

    def _placed(self, stack: list[_Frame], node: Node) -> Node | None:
        """Put a finished value into its container; the container where that ends it, else None and a value is next."""
        frame = stack[-1]
        if frame.is_object:
            frame.members.append(Member(*frame.key, node))
        else:
            frame.items.append(node)
        self._skip()
        char = self.data[self.at : self.at + 1]
        if char == b",":
            comma = self.at
            self.at += 1
            self._skip()
            if self.data[self.at : self.at + 1] in (b"}", b"]"):
                self.at = comma
                raise self._fault("a comma after the last entry", "remove this comma")
            if frame.is_object:
                self._key(frame)
            return None
        if char == (b"}" if frame.is_object else b"]"):
            self.at += 1
            stack.pop()
            return frame.close(self.at)
        raise self._between(frame, node)

    def _between(self, frame: _Frame, node: Node) -> InvalidError:
        """What is wrong between two entries of a container, told by what stands there instead."""
        char = self.data[self.at : self.at + 1]
        if not char:
            opened, _ = place(self.data, frame.start)
            kind = "object" if frame.is_object else "array"
            return self._fault(f"the file ends inside the {kind} that starts in line {opened}", "the file is cut off")
        if char == b"\\":
            remedy = "replace it by a real line break"
            return self._fault(f"“{_shown(self.data, self.at, 2)}” stands outside a string", remedy)
        if char == b":" and frame.is_object:
            return self._fault(f"a second value for “{frame.key[0]}”", "remove one of the two values")
        if char == b'"' or (not frame.is_object and char in b"{[-0123456789"):
            line, _ = place(self.data, node.end)
            return self._fault("a comma is missing before this", f"put a comma at the end of line {line}")
        closing = "}" if frame.is_object else "]"
        return self._fault(f"“{_shown(self.data, self.at, 1)}” where a comma or “{closing}” is expected")

    def _key(self, frame: _Frame) -> None:
        start = self.at
        char = self.data[start : start + 1]
        if char != b'"':
            if not char:
                raise self._fault("the file ends where a field name is expected", "the file is cut off")
            if char == b"\\":
                remedy = "replace it by a real line break"
                raise self._fault(f"“{_shown(self.data, start, 2)}” stands outside a string", remedy)
            raise self._fault(f"“{_shown(self.data, start, 1)}” where a field name in quotes is expected")
        key = self._string()
        end = self.at
        self._skip()
        if self.data[self.at : self.at + 1] != b":":
            raise self._fault(f"a colon is missing after “{key[:60]}”")
        self.at += 1
        self._skip()
        frame.key = (key, start, end)

    def _string(self) -> str:
        match = _STRING.match(self.data, self.at)
        if match is None:
            raise self._string_fault()
        self.at = match.end()
        token = match.group()
        if b"\\" not in token:
            return token[1:-1].decode("utf-8")
        text: str = json.loads(token)
        return text

    def _string_fault(self) -> InvalidError:
        at = self.at + 1
        while at < len(self.data):
            byte = self.data[at]
            if byte == 0x5C:
                escape = _ESCAPE.match(self.data, at)
                if escape is None and at + 1 < len(self.data):
                    message, remedy = "an unknown escape in a string", "double the backslash"
                    return InvalidError("json.invalid", message, self.data, at, remedy)
                at = escape.end() if escape else at + 1
                continue
            if byte in (0x0A, 0x0D):
                message, remedy = "a string is not closed on its line", "close the quote, or write \\n"
                return InvalidError("json.invalid", message, self.data, at, remedy)
            if byte < 0x20:
                message = f"control character 0x{byte:02x} inside a string"
                return InvalidError("json.invalid", message, self.data, at, f"write it as \\u{byte:04x}")
            if byte == 0x22:
                break
            at += 1
        return InvalidError("json.invalid", "the file ends inside a string", self.data, self.at, "the file is cut off")

    def _scalar(self) -> Node:
        start = self.at
        if self.data[start : start + 1] == b'"':
            text = self._string()
            return Node(start, self.at, text)
        match = _NUMBER.match(self.data, start)
        word = _WORD.match(self.data, start)
        if match is not None:
            self.at = match.end()
            if _WORD.match(self.data, self.at) or self.data[self.at : self.at + 1] in (b".", b"+"):
                self.at = start
                raise self._fault("a number is not written as JSON has it")
            return Node(start, self.at, number(match.group()))
        if word is not None:
            self.at = word.end()
            token = word.group()
            if token in _WORDS:
                return Node(start, self.at, _WORDS[token])
            if token in _ODD_WORDS:
                return Node(start, self.at, _ODD_WORDS[token])
            self.at = start
            raise self._fault(f"“{_shown(token, 0, 20)}” is no JSON value", "put it in double quotes if it is text")
        if start == len(self.data):
            raise self._fault("the file ends where a value is expected", "the file is cut off")
        raise self._fault(f"“{_shown(self.data, start, 1)}” where a value is expected")

    def _skip(self) -> None:
        match = _SPACE.match(self.data, self.at)
        self.at = match.end() if match else self.at

    def _fault(self, message: str, remedy: str = "correct the file at this place") -> InvalidError:
        if _CONFLICT.match(self.data, self.at):
            message = "the mark of a git merge that was not finished"
            remedy = "keep one of the two sides and remove the lines with <<<<<<<, ======= and >>>>>>>"
        return InvalidError("json.invalid", message, self.data, self.at, remedy)


def number(token: bytes) -> JsonValue:
    """The value of a JSON number; its text where an int would need more digits than the interpreter allows."""
    if not any(mark in token for mark in (b".", b"e", b"E")):
        return int(token) if len(token) < _INT_DIGITS else token.decode("ascii")
    return float(token)


def _shown(data: bytes, at: int, characters: int) -> str:
    return data[at : at + 4 * characters].decode("utf-8", "replace")[:characters]
