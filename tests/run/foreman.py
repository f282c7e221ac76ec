"""A small engine to be killed at any moment: works through eight tasks, four at a time, round after round.

foreman.py ROOT SEED ROUNDS    prints a line when all rounds are done
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from parex_tui.run.attempts import Attempt, Journal, Launch
from parex_tui.run.launch import LaunchError, start
from parex_tui.run.states import Exited, Lost, NeverRan
from parex_tui.run.stop import sweep

TASKS = tuple(f"{number:02d}" for number in range(1, 9))
SLOTS = 4
FAKE_AGENT = Path(__file__).with_name("fakeagent.py")


def launch(root: Path, feature: str, seq: str, chance: random.Random) -> Launch:
    """An agent that proves that it is alone, works a moment, and leaves a daemon behind."""
    steps = [
        f"guard:{root / f'{feature}-{seq}'}",
        f"ledger:{root / 'ledger'}",
        "say:begin",
        f"daemonise:{chance.choice(('child', 'pgrp', 'setsid', 'double'))}",
        f"sleep:{chance.random() * 0.15:.3f}",
        "say:end",
        f"done:{root / 'ledger'}",
    ]
    argv = (sys.executable, "-I", "-S", str(FAKE_AGENT), "--tag", str(root), *steps)
    return Launch(feature=feature, seq=seq, driver="fake", argv=argv, cwd=root, grace=0.2, created=time.time())


def is_done(attempt: Attempt | None) -> bool:
    """Whether it ended well."""
    state = None if attempt is None else attempt.state()
    return isinstance(state, Exited) and state.exit.code == 0


def may_start(attempt: Attempt | None) -> bool:
    """Whether the task needs another attempt, and nothing of the last one is alive."""
    if attempt is None:
        return True
    state = attempt.state()
    if isinstance(state, Lost | NeverRan):
        return sweep(attempt)
    return isinstance(state, Exited) and state.exit.code != 0


def work(root: Path, journal: Journal, feature: str, chance: random.Random) -> None:
    """One round, until every task has its success."""
    lock = None
    while lock is None:  # the one before was just killed
        lock = journal.feature_lock(feature)
        time.sleep(0.002)
    with lock:
        while True:
            latest = {seq: journal.latest(feature, seq) for seq in TASKS}
            if all(is_done(attempt) for attempt in latest.values()):
                return
            free = SLOTS - len(journal.all_live())
            for seq, attempt in latest.items():
                if free > 0 and not is_done(attempt) and may_start(attempt):
                    try:
                        start(journal.create(launch(root, feature, seq, chance), b"prompt"))
                    except LaunchError as error:
                        if error.permanent:
                            raise
                    free -= 1
            time.sleep(0.005)


def main() -> None:
    """All rounds."""
    root, chance, rounds = Path(sys.argv[1]), random.Random(sys.argv[2]), int(sys.argv[3])
    journal = Journal(root)
    for number in range(rounds):
        work(root, journal, f"round-{number}", chance)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
