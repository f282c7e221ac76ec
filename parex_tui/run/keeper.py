"""The keeper: a small detached process that owns one attempt.

Started `python -I -S keeper.py RUN_DIR LOCK_FD [LEASH_FD]`. It inherits the attempt's kernel lock: as long as that lock
is held, the attempt is alive. It starts the agent in a session of its own with files (never pipes) for its input and
output, holds the deadline, keeps the output small, ends the whole tree of processes when asked, and writes the verdict
only when nothing of the attempt is left alive.

This file only finds the rest, `keeping`: a script is compiled anew at every start, a module once. That is a quarter of
a keeper's start-up time and a fifth of its memory. Everything it imports is of the standard library or in this folder.
"""

import sys

if __name__ == "__main__":
    sys.path.append(__file__.rsplit("/", 3)[0])  # last: nothing beside this package can stand in for the library
    from parex_tui.run.keeping import own

    own(sys.argv[1], *map(int, sys.argv[2:]))
