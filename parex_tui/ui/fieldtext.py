"""A field's value as text to edit, and back: plain text, a line for each item, or JSON. No Textual."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from parex_tui.tasks.model import JsonValue

LISTS: Final = frozenset({"acceptance_criteria", "deliverables", "exit_criteria"})
TEXTS: Final = frozenset({"completion_summary", "agent_id", "started_at", "completed_at", "objective", "name"})
FILES: Final = frozenset({"context_files", "reference_files"})
JSONS: Final = FILES | {"verification"}
_NOT_HERE: Final = frozenset({"id", "seq", "status", "title", "suggested_agent", "parallel", "depends_on"})
"""What names the task, and what has a place of its own in the menu."""


_NOT_OF_A_FEATURE: Final = frozenset({"id", "status", "subtask_count", "completed_count"})


class Writing(StrEnum):
    """How a value is written for a person."""

    TEXT = "text"
    LINES = "one item a line"
    JSON = "JSON"


def editable_fields(values: Mapping[str, JsonValue]) -> list[str]:
    """The fields of a task file that are edited as text: those it has, then those of the format that it lacks."""
    known = [*sorted(LISTS - {"exit_criteria"}), *sorted(JSONS), "completion_summary"]
    return [name for name in dict.fromkeys([*values, *known]) if name not in _NOT_HERE]


def feature_fields(values: Mapping[str, JsonValue]) -> list[str]:
    """The same for task.json: its name too, not its counts and its status, which follow from the tasks."""
    known = ("name", "objective", "exit_criteria", *sorted(FILES))
    return [name for name in dict.fromkeys([*values, *known]) if name not in _NOT_OF_A_FEATURE]


def writing_of(name: str, value: JsonValue) -> Writing:
    """How a value is written: by its type, and where it is null by what the format wants there."""
    if isinstance(value, str) or (value is None and name in TEXTS):
        return Writing.TEXT if _is_plain(value or "") else Writing.JSON
    if name in LISTS and value is None:
        return Writing.LINES
    if isinstance(value, list) and (value or name in LISTS or name in FILES):
        plain = all(isinstance(item, str) and item.strip() and "\n" not in item and _is_plain(item) for item in value)
        return Writing.LINES if plain else Writing.JSON
    return Writing.JSON


def _is_plain(text: str) -> bool:
    """Whether the text comes through an editor unharmed."""
    return not re.search("[\x00-\x08\x0b-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff\ufeff]", text)


def to_text(value: JsonValue, writing: Writing) -> str:
    """The value for the editor, with a newline at its end."""
    if writing is Writing.TEXT:
        return f"{value or ''}\n"
    if writing is Writing.LINES:
        return "".join(f"{item}\n" for item in value) if isinstance(value, list) else ""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return (text if _is_plain(text) else json.dumps(value, indent=2)) + "\n"


def from_text(text: str, writing: Writing, before: JsonValue) -> JsonValue:
    """What the edited text means. An empty text where there was no value is still none.

    Raises:
        ValueError: it is not JSON; one line that says where.
    """
    if writing is Writing.TEXT:
        plain = text.removesuffix("\n")
        return None if not plain and before is None else plain
    if writing is Writing.LINES:
        items: list[JsonValue] = [line for line in text.split("\n") if line.strip()]
        return None if not items and before is None else items
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: {error.msg}, line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("not valid JSON: too deep") from None
    return value


def _no_constant(name: str) -> JsonValue:
    raise ValueError(f"not valid JSON: {name} is no JSON number")


def _no_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, _ in pairs if sum(other == key for other, _ in pairs) > 1)
        raise ValueError(f"the key {json.dumps(twice)} is stated twice")
    return found
