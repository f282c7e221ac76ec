"""The JSON Schema files of what parex prints with `--json`.

Every document names its schema in its field `schema`: a name and a version, `parex.status/1`. Within a version fields
are only added; a field that changes its meaning or goes away makes a new version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("schemas")


def schema_names() -> dict[str, str]:
    """Every schema with its title, by name and version."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("parex.*-*.json"), key=lambda path: _version(path.stem)):
        name, number = _version(path.stem)
        found[f"{name}/{number}"] = json.loads(path.read_bytes())["title"]
    return found


def schema_text(name: str) -> str:
    """The file of the schema `parex.NAME/VERSION`, as it is. Raises FileNotFoundError."""
    return (FOLDER / f"{name.replace('/', '-')}.json").read_text("utf-8")


def _version(stem: str) -> tuple[str, int]:
    name, _, number = stem.rpartition("-")
    return name, int(number)
