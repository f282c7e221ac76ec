"""JSON outputs against their documented schemas, read strictly: a field that is not documented is a failure."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from parex_tui.report.schema_files import schema_text


def closed(schema: Any) -> Any:
    """The schema with every object closed: the files leave them open, since fields may be added within a version."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return {**inner, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else inner


def validator(name: str) -> Draft202012Validator:
    """A strict validator for `parex.NAME/VERSION`."""
    schema = closed(json.loads(schema_text(name)))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(record: Any, name: str) -> list[str]:
    """What is wrong with an output; also what JSON itself cannot hold, such as NaN. Empty where all is well."""
    plain = json.loads(json.dumps(record, allow_nan=False))
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(name).iter_errors(plain)]
