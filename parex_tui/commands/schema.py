"""`parex schema`: the JSON Schema of every JSON output."""

from __future__ import annotations

import difflib
from argparse import Namespace

from parex_tui.cli import FINE, UsageError
from parex_tui.report.schema_files import schema_names, schema_text
from parex_tui.tasks.text import clean

from .common import say
from .reading import tell


def schema(options: Namespace) -> int:
    """List the schemas, or print one. `status` is `parex.status/1`, the newest of that name."""
    names = schema_names()
    if options.name is None:
        width = max(map(len, names))
        for name, about in names.items():
            say(f"{name:{width}}  {about}")
        return FINE
    word = options.name if options.name.startswith("parex.") else f"parex.{options.name}"
    newest = [name for name in names if word in (name, name.rpartition("/")[0])]
    if not newest:
        near = difflib.get_close_matches(word, names, n=1)
        hint = f"did you mean {near[0]}?" if near else "`parex schema` lists them"
        raise UsageError(f"no schema is called {clean(options.name, 100)}; {hint}")
    tell(schema_text(newest[-1]))
    return FINE
