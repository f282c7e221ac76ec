"""Measures claims of speed as ratios, each against its floor in one interleaved run: `python -m tests.bench`.

Numbers depend on the machine and its load; the ratios are what counts. Nothing here is part of the test suite.

Seen on two busy cores, Python 3.11 (medians): `parex status` on 8 sound tasks 1.6 × bare Python, 9.3 × where files have
problems and the full reader is needed; a changed task file is in the snapshot 17 ms after the write among 30 files and
34 ms after it among 1,000; an attempt under its keeper blocks for 0.7 ms, 2.2 × a bare spawn.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from parex_tui.commands.demo import samples
from parex_tui.run.attempts import Journal, Launch
from parex_tui.run.conductor import Conductor
from parex_tui.run.launch import start
from parex_tui.run.limits import Choice
from parex_tui.run.setup import make_setup
from parex_tui.run.states import Exited
from parex_tui.settings import Settings
from parex_tui.tasks.layout import locate

ROUNDS = 15


def timed(action: Callable[[], object]) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1000


def tell(what: str, ours: list[float], floor: list[float], against: str) -> None:
    """One row: medians and their ratio."""
    one, other = statistics.median(ours), statistics.median(floor)
    print(f"{what:52} {one:8.1f} ms   {one / other:5.1f} × {against} ({other:.1f} ms)")  # noqa: T201


def status(root: Path) -> None:
    """S1: `parex status` as a whole process against bare Python: all is sound, and where the full reader is needed."""
    entry = "import sys\nfrom parex_tui.start import main\nsys.exit(main())"  # what the installed script does
    rows = {"8 sound tasks": "tide-alerts", "15 tasks with problems": "chart-rewrite"}
    took: dict[str, list[float]] = {what: [] for what in rows}
    floor: list[float] = []
    for _ in range(ROUNDS):
        floor.append(timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)))
        for what, feature in rows.items():
            program = [sys.executable, "-c", entry, "status", feature, "-C", str(root)]
            took[what].append(timed(lambda: subprocess.run(program, stdout=subprocess.DEVNULL, check=True)))  # noqa: B023 - run at once
    for what, ours in took.items():
        tell(f"parex status, {what}, whole process", ours, floor, "python -c pass")


def freshness(scratch: Path) -> None:
    """S6: from a changed file to the snapshot, among 30 files and among 1,000."""
    took: dict[int, list[float]] = {30: [], 1000: []}
    conductors = {count: _watched(scratch / str(count), count) for count in took}
    try:
        for number in range(ROUNDS):
            for count, (conductor, path) in conductors.items():
                took[count].append(_change(conductor, path, f"Title {number}"))
                time.sleep(0.1)
    finally:
        for conductor, _ in conductors.values():
            conductor.close()
    tell("a changed task file in the snapshot, 1,000 files", took[1000], took[30], "the same among 30 files")


def _watched(root: Path, count: int) -> tuple[Conductor, Path]:
    (root / ".git").mkdir(parents=True)
    for number in range(count):
        folder = root / ".tmp" / "tasks" / f"f{number // 20:03}"
        folder.mkdir(parents=True, exist_ok=True)
        seq = f"{number % 20 + 1:02}"
        (folder / f"subtask_{seq}.json").write_text(json.dumps({"seq": seq, "title": "x", "status": "pending"}))
    conductor = Conductor(make_setup(locate(root, explicit=True), Settings(), Choice()))
    conductor.start()
    time.sleep(0.5)  # the watcher is up
    return conductor, root / ".tmp" / "tasks" / "f000" / "subtask_01.json"


def _change(conductor: Conductor, path: Path, title: str) -> float:
    seen = threading.Event()

    def look() -> None:
        if any(
            title == task.task.title for view in conductor.snapshot().features.values() for task in view.tasks.values()
        ):
            seen.set()

    conductor.on_change(look)
    other = path.with_name("whole.tmp")
    other.write_text(json.dumps({"seq": "01", "title": title, "status": "pending"}))
    begin = time.perf_counter()
    other.replace(path)
    seen.wait(10)
    return (time.perf_counter() - begin) * 1000


def keeper(root: Path) -> None:
    """Starting an attempt under its keeper against a bare spawn of the same program."""
    journal = Journal(root)
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(ROUNDS):
        launch = Launch(feature="bench", seq="01", driver="bench", argv=("/bin/true",), cwd=root, created=time.time())
        attempt = journal.create(launch, b"")
        process: list[subprocess.Popen[bytes]] = []
        floor.append(timed(lambda: process.append(subprocess.Popen(["/bin/true"]))))  # noqa: B023 - run at once
        process[0].wait()
        ours.append(timed(lambda: start(attempt)))  # noqa: B023 - run at once
        while not isinstance(attempt.state(), Exited):
            time.sleep(0.005)
    tell("an attempt under its keeper, time that blocks", ours, floor, "a bare spawn")


def main() -> None:
    """Every row."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        os.environ["XDG_STATE_HOME"] = str(scratch / "state")
        os.environ["XDG_CONFIG_HOME"] = str(scratch / "config")
        shutil.copytree(samples(), scratch / "project")
        status(scratch / "project")
        freshness(scratch)
        keeper(scratch / "project")


if __name__ == "__main__":
    main()
