"""What can still be read from a task file that is not valid JSON.

Agents break files by editing them as text: a comma is missing after an inserted line, a literal `\\n` stands between
two fields, a value is stated twice, the end is cut off. Most fields of such a file are still beyond doubt. `recover`
gives these and leaves out every field that could be read in two ways; they are for showing, never for writing back.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

from .model import JsonValue, Status
from .scan import BOM, DEPTH_LIMIT, number

_TOKEN: Final = re.compile(
    r"""(?P<skip>(?:[ \t\r\n\ufeff\x00]|\\[nrt])+
        |//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/)?
        |(?m:^)(?:<{7}|={7}|>{7}|```)[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*+")
    |(?P<open>"(?:[^"\\\n]|\\.)*+)
    |(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w.]))
    |(?P<word>(?:true|false|null)\b)
    |(?P<mark>[][{}:,])
    |(?P<junk>[^][{}:,"\s\\/]+|.)""",
    re.VERBOSE | re.DOTALL,
)
_BYTES_LIMIT: Final = 256 * 1024  # of a broken file this large, what stands behind is not looked for
_WORDS: Final[dict[str, JsonValue]] = {"true": True, "false": False, "null": None}


@dataclass(slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    new_line: bool  # a line break stands between it and the token before
    indent: int  # blanks before it where it is the first of its line, else -1


@dataclass(slots=True)
class _Field:
    """A field being read. `sound` turns False as soon as its value could be read in two ways."""

    key: str = ""
    value: JsonValue = None
    has_value: bool = False
    sound: bool = True
    restated: bool = False  # `"status": "pending": []`: a second value follows the first


@dataclass(slots=True)
class _Frame:
    """An open object or array. A discarded one is read only to find its end."""

    is_object: bool
    discarded: bool = False
    sound: bool = True
    current: _Field | None = None
    fields: list[_Field] = field(default_factory=list)
    items: list[JsonValue] = field(default_factory=list)
    after_item: bool = False

    def finish(self) -> None:
        """The field being read is complete, with or without a value."""
        if self.current is not None:
            if self.current.has_value:
                self.fields.append(self.current)
            else:
                self.sound = False
            self.current = None

    def value(self) -> JsonValue:
        if not self.is_object:
            return self.items
        return {entry.key: entry.value for entry in self.fields}

    @property
    def is_clear(self) -> bool:
        keys = [entry.key for entry in self.fields]
        return self.sound and len(keys) == len(set(keys)) and all(entry.sound for entry in self.fields)


def recover(data: bytes) -> dict[str, JsonValue]:
    """The fields of the outermost object that can be read in one way only; empty where there are none.

    Takes any bytes and raises nothing. Of a field stated several times the one value that is not null; where several
    differ, none.
    """
    tokens = _tokens(_text(data[:_BYTES_LIMIT]))
    fields: list[_Field] = []
    at = 0
    while (opening := _next_object(tokens, at, anywhere=at == 0)) is not None:
        reader = _Reader(tokens, opening)
        at = reader.run()
        fields.extend(reader.root.fields)
        if not reader.closed:
            break
    return _agreed(fields)


def _text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.removeprefix(BOM).decode("utf-8", "replace")


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    new_line = True
    line_start = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "junk"
        if kind == "skip":
            broken = text.rfind("\n", match.start(), match.end())
            if broken >= 0:
                new_line, line_start = True, broken + 1
            continue
        before = text[line_start : match.start()]
        indent = len(before) if new_line and not before.strip(" \t") else -1
        tokens.append(_Token(kind, match.group(), match.start(), match.end(), new_line, indent))
        new_line = False
    if tokens and tokens[-1].kind in ("number", "word") and tokens[-1].end == len(text):
        tokens[-1].kind = "junk"  # the end of the file may have cut it
    return tokens


def _next_object(tokens: list[_Token], at: int, *, anywhere: bool) -> int | None:
    """Where the next document starts; after the first one only where it follows at once."""
    candidates = range(at, len(tokens) if anywhere else min(at + 1, len(tokens)))
    return next((index for index in candidates if tokens[index].text == "{"), None)


def _agreed(fields: list[_Field]) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = {}
    doubtful: set[str] = set()
    for entry in fields:
        known_status = entry.key == "status" and entry.value in list(Status)
        if not entry.sound or (entry.restated and not known_status):
            doubtful.add(entry.key)
        elif values.get(entry.key) is None:
            values[entry.key] = entry.value
        elif entry.value is not None and entry.value != values[entry.key]:
            doubtful.add(entry.key)
    return {key: value for key, value in values.items() if key not in doubtful}


class _Reader:
    """Reads one object. Never fails: what does not fit makes the field in which it stands unsound."""

    def __init__(self, tokens: list[_Token], opening: int) -> None:
        self.tokens = tokens
        self.at = opening + 1
        self.root = _Frame(is_object=True)
        self.stack = [self.root]
        self.closed = False
        first = tokens[self.at] if self.at < len(tokens) else None
        self.indent = first.indent if first is not None and first.kind == "string" else -1

    def run(self) -> int:
        """Read to the object's end. Returns the index of the first token after it."""
        while self.at < len(self.tokens) and self.stack and len(self.stack) <= DEPTH_LIMIT:
            token = self.tokens[self.at]
            self.at += 1
            if len(self.stack) > 1 and self.indent > 0 and token.indent == self.indent and self._is_key():
                self._pop_to(1)  # a bracket below was never closed: this line is a field of the outermost object
            if self.stack[-1].is_object:
                self._in_object(self.stack[-1], token)
            else:
                self._in_array(self.stack[-1], token)
        self.closed = not self.stack
        if self.stack:
            self._pop_to(1)
            self.root.finish()
        return self.at

    def _is_key(self) -> bool:
        """Whether the token just taken is a string and a colon follows."""
        follows = self.at < len(self.tokens) and self.tokens[self.at].text == ":"
        return self.tokens[self.at - 1].kind == "string" and follows

    def _in_object(self, frame: _Frame, token: _Token) -> None:
        current = frame.current
        if token.text == ",":
            frame.finish()
        elif token.kind == "mark" and token.text in "}]":
            self._close(token.text)
        elif current is not None and not current.has_value and token.text != ":":
            self._take_value(frame, current, token)
        elif token.text == ":":
            if current is None or current.has_value:
                self._second_value(frame, current)
        elif self._is_key():
            frame.finish()
            frame.current = _Field(key=_decode(token.text))
            self.at += 1  # the colon
        elif token.text in ("{", "["):
            self._spoil(frame)
            self.stack.append(_Frame(token.text == "{", discarded=True))
        else:
            self._spoil(frame)

    def _take_value(self, frame: _Frame, current: _Field, token: _Token) -> None:
        if token.new_line and self._is_key():  # `"title":` and nothing more on its line
            frame.finish()
            self.at -= 1
        elif token.text in ("{", "["):
            self.stack.append(_Frame(token.text == "{"))
        else:
            current.value, current.sound = _scalar(token)
            current.has_value = True

    def _second_value(self, frame: _Frame, current: _Field | None) -> None:
        if current is None:
            frame.sound = False
            return
        current.restated = True
        if self.at < len(self.tokens) and not (
            self.tokens[self.at].kind == "mark" and self.tokens[self.at].text in "}],:"
        ):
            token = self.tokens[self.at]
            self.at += 1
            if token.text in ("{", "["):
                self.stack.append(_Frame(token.text == "{", discarded=True))

    def _in_array(self, frame: _Frame, token: _Token) -> None:
        if token.text == ",":
            frame.after_item = False
        elif token.kind == "mark" and token.text in "}]":
            self._close(token.text)
        elif token.text in ("{", "["):
            self.stack.append(_Frame(token.text == "{"))
        elif token.text == ":" or (frame.after_item and not token.new_line):
            frame.sound = False
        else:
            value, sound = _scalar(token)
            frame.items.append(value)
            frame.sound = frame.sound and sound
            frame.after_item = True

    def _spoil(self, frame: _Frame) -> None:
        """Something stands where nothing can: the value before it may have meant more."""
        if frame.current is not None:
            frame.current.sound = False
        else:
            frame.sound = False

    def _close(self, bracket: str) -> None:
        is_object = bracket == "}"
        if self.stack[-1].is_object is not is_object:
            matching = [depth for depth, frame in enumerate(self.stack) if frame.is_object is is_object]
            if not matching:
                self._spoil(self.stack[-1])
                return
            self._pop_to(matching[-1] + 1)
        self._pop(sound=True)

    def _pop_to(self, depth: int) -> None:
        """Give up what is open below `depth`."""
        while len(self.stack) > depth:
            self._pop(sound=False)

    def _pop(self, *, sound: bool) -> None:
        frame = self.stack.pop()
        frame.finish()
        if frame.discarded or not self.stack:
            return
        parent = self.stack[-1]
        clear = sound and frame.is_clear
        if not parent.is_object:
            parent.items.append(frame.value())
            parent.sound = parent.sound and clear
            parent.after_item = True
        elif parent.current is not None:
            parent.current.value = frame.value()
            parent.current.has_value = True
            parent.current.sound = clear


def _scalar(token: _Token) -> tuple[JsonValue, bool]:
    """A token's value, and whether it is beyond doubt."""
    if token.kind == "string":
        return _decode(token.text), True
    if token.kind == "number":
        return number(token.text.encode("ascii")), True
    if token.kind == "word":
        return _WORDS[token.text], True
    return None, False


def _decode(token: str) -> str:
    """A string's text; with an escape that JSON does not know, the text as it stands."""
    try:
        text: str = json.loads(token, strict=False)
    except ValueError:
        return token[1:-1]
    return text
