"""What `parex doctor` found, as text and as `parex.doctor/1`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from parex_tui.run.guarantees import Guarantee, Holds
from parex_tui.tasks.model import JsonValue

from .wording import counted, wrapped

DOCTOR_SCHEMA: Final = "parex.doctor/1"
_MARKS: Final = {Holds.YES: "✓", Holds.WEAKER: "~", Holds.NO: "✗", Holds.UNKNOWN: "?"}


def doctor_text(about: Sequence[str], groups: Mapping[str, Sequence[Guarantee]]) -> str:
    """`about` says what runs where; each group has a heading. Ends in a line break."""
    lines = [*about]
    for heading, found in groups.items():
        lines += ["", heading]
        for one in found:
            lines += wrapped(f"{_MARKS[one.holds]} {one.promise}", "  ", "    ")
            lines += wrapped(one.found, "      ")
            if one.remedy:
                lines += wrapped(f"→ {one.remedy}", "      ", "        ")
    return "\n".join([*lines, "", _summary([one for found in groups.values() for one in found])]) + "\n"


def _summary(found: Sequence[Guarantee]) -> str:
    promises = [one for one in found if not one.code.startswith("cli.")]
    broken = sum(one.holds is Holds.NO for one in promises)
    weaker = sum(one.holds is Holds.WEAKER for one in promises)
    if broken:
        return f"{counted(broken, 'promise')} cannot be kept here (✗), {weaker} only in a weaker form (~)."
    tail = f", {weaker} in a weaker form (~)" if weaker else ""
    return f"Every promise that could be tried is kept here{tail}."


def doctor_json(about: Mapping[str, JsonValue], groups: Mapping[str, Sequence[Guarantee]]) -> dict[str, JsonValue]:
    """The same as `parex.doctor/1`."""
    return {
        "schema": DOCTOR_SCHEMA,
        "about": dict(about),
        "guarantees": [
            {
                "group": heading,
                "code": one.code,
                "promise": one.promise,
                "holds": one.holds.value,
                "found": one.found,
                "remedy": one.remedy or None,
            }
            for heading, found in groups.items()
            for one in found
        ],
    }
