"""Another program that changes task files: reads all of it, thinks, writes all of it back. It knows nothing of parex.

    python -I -S foreign_writer.py FILE STYLE EDITS SEED

STYLE is `place` (truncate and write, as most programs save) or `rename` (a new file put in the place of the old one).
It adds the fields t0000, t0001, … one with every write, and says `done` at the end.
"""

import contextlib
import json
import os
import random
import sys
import time


def read(path: str) -> dict[str, object]:
    """The file's fields; a half-written one is waited for, as a careful program does."""
    while True:
        with contextlib.suppress(ValueError, BlockingIOError), open(path, encoding="utf-8") as file:  # noqa: PTH123
            found = json.load(file)
            if isinstance(found, dict):
                return found
        time.sleep(0.0005)


def write(path: str, fields: dict[str, object], style: str) -> None:
    """All of it, with two blanks of indent."""
    text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    target = path if style == "place" else f"{path}.new"
    with open(target, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)
    if style == "rename":
        os.replace(target, path)  # noqa: PTH105


def main() -> None:
    """Add a field, think, add the next."""
    path, style, edits, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    moments = random.Random(seed)
    for number in range(edits):
        fields = read(path)
        time.sleep(moments.choice((0, 0, 0.001, 0.004)))
        fields[f"t{number:04}"] = number
        write(path, fields, style)
        time.sleep(moments.choice((0, 0, 0.002)))
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
