"""The engine on real files with real processes: barrier, slots, gate, decisions, adoption.

Agents here are small shell-free Python programs that a `command` driver starts; a test steers them through files.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from parex_tui.run.claim import Presence
from parex_tui.run.conductor import Conductor
from parex_tui.run.limits import Choice
from parex_tui.run.notices import (
    AttemptAdopted,
    AttemptEnds,
    AttemptStarts,
    BatchHeld,
    BatchStarts,
    Notice,
    RetryWaits,
)
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Command, Do, EngineState, FeatureView
from parex_tui.run.states import (
    TaskAccepted,
    TaskClaimed,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskSkipped,
    TaskVerified,
    Verdict,
)
from parex_tui.settings import DriverSettings, Settings
from parex_tui.tasks.layout import locate

AGENT = """
import json, os, sys, time
task, root = json.load(open(sys.argv[1])), sys.argv[2]
seq = task["seq"]
steer = os.path.join(root, "steer", seq)
with open(os.path.join(root, "ledger"), "a") as ledger:
    ledger.write(f"start {seq}\\n")
while not os.path.exists(steer):
    time.sleep(0.005)
order = open(steer).read().split()
if "write" in order:
    for name in task["deliverables"]:
        os.makedirs(os.path.dirname(os.path.join(root, name)) or ".", exist_ok=True)
        open(os.path.join(root, name), "a").write(f"{seq} {time.time_ns()}\\n")
if "claim" in order:
    task["status"] = "completed"
    open(sys.argv[1], "w").write(json.dumps(task))
os.remove(steer)
with open(os.path.join(root, "ledger"), "a") as ledger:
    ledger.write(f"end {seq}\\n")
print("I did", seq)
sys.exit(3 if "fail" in order else 0)
"""


class Bench:
    """A scratch project, its conductor, and a hand on every agent."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".tmp" / "tasks" / "f"
        self.folder.mkdir(parents=True)
        (root / ".git").mkdir()
        (root / "steer").mkdir()
        self.agent = root / "agent.py"
        self.agent.write_text(AGENT)
        self.argv: tuple[str, ...] = (sys.executable, "-I", "-S", str(self.agent), "{task_file}", "{root}")
        self.notices: list[Notice] = []
        self.conductor: Conductor | None = None
        self.slots = 4
        self.retries = 0
        self.wall_limit = 240.0  # minutes
        self.retry_on: tuple[str, ...] = ()
        self.ahead = 0.0  # seconds by which the timer of the engine is ahead
        self.presence: Presence | None = None

    def task(self, seq: str, *after: str, writes: list[str] | None = None, **fields: object) -> None:
        record = {
            "id": f"f-{seq}",
            "seq": seq,
            "title": f"Task {seq}",
            "status": "pending",
            "depends_on": list(after),
            "parallel": True,
            "deliverables": [f"out/{seq}.txt"] if writes is None else writes,
            "mine": {"kept": 1.10},
        }
        (self.folder / f"subtask_{seq}.json").write_text(json.dumps(record | fields, indent=2) + "\n")

    def feature_file(self, **fields: object) -> None:
        record = {"id": "f", "name": "F", "status": "active", "objective": "", "completed_count": 0}
        (self.folder / "task.json").write_text(json.dumps(record | fields, indent=2) + "\n")

    def open(self, *, agent: str = "mine") -> Conductor:
        """A fresh parex on what is on disk, as after a restart."""
        drivers = {
            name: DriverSettings(name, self.argv, self.root / "config.toml", stdin="null") for name in ("mine", "other")
        }
        settings = Settings(driver=agent, drivers=drivers, grace=0.3, wall_limit=self.wall_limit)
        location = locate(self.root, explicit=True)
        setup = make_setup(location, settings, Choice(slots=self.slots, retries=self.retries, retry_on=self.retry_on))
        setup = replace(setup, timer=lambda: time.monotonic() + self.ahead)
        self.conductor = Conductor(setup, self.notices.append, presence=self.presence)
        self.conductor.tick()
        return self.conductor

    @property
    def view(self) -> FeatureView:
        assert self.conductor is not None
        return next(iter(self.conductor.snapshot().features.values()))

    @property
    def trouble(self) -> str:
        assert self.conductor is not None
        return self.conductor.snapshot().trouble

    def tick(self) -> None:
        assert self.conductor is not None
        self.conductor.tick()

    def do(self, what: Do, seq: str = "", note: str = "") -> str:
        assert self.conductor is not None
        refusal = self.conductor.obey(Command(what, self.view.key, seq, note))
        self.conductor.tick()
        return refusal

    def state(self, seq: str) -> object:
        return self.view.tasks[seq].state

    def running(self) -> set[str]:
        return {seq for seq, task in self.view.tasks.items() if isinstance(task.state, TaskRunning)}

    def steer(self, seq: str, *order: str) -> None:
        whole = self.root / f"steer-{seq}"
        whole.write_text(" ".join(order))
        whole.rename(self.root / "steer" / seq)  # the agent never sees half an order

    def until(self, condition: Callable[[], bool]) -> None:
        """Let the conductor pass until it holds."""
        assert self.conductor is not None
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, f"never came true; {[(s, t.state) for s, t in self.view.tasks.items()]}"
            time.sleep(0.005)
            self.conductor.tick()

    def finish(self, seq: str, *order: str) -> None:
        """Let one running agent end, and wait until it is judged."""
        self.until(lambda: f"start {seq}" in self.ledger())
        self.steer(seq, *order)
        self.until(lambda: not isinstance(self.state(seq), TaskRunning | TaskEnded))

    def ledger(self) -> list[str]:
        path = self.root / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def on_disk(self, seq: str) -> dict[str, object]:
        found = json.loads((self.folder / f"subtask_{seq}.json").read_text())
        assert isinstance(found, dict)
        return found

    def told(self, kind: type) -> list[Notice]:
        return [notice for notice in self.notices if isinstance(notice, kind)]

    def close(self) -> None:
        if self.conductor is None:
            return
        self.conductor.tick()
        if self.view.engine is EngineState.RUNNING:
            self.do(Do.STOP_ALL)
            self.until(lambda: not self.running())
        self.conductor.close()


@pytest.fixture
def bench(tmp_path: Path, state_home: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "project")
    yield made
    made.close()


def test_a_batch_runs_side_by_side_and_the_next_waits_for_all_of_it(bench: Bench) -> None:
    bench.feature_file()
    for seq in ("01", "02", "03"):
        bench.task(seq)
    bench.task("04", "01")
    bench.open()
    assert bench.do(Do.RUN) == ""
    bench.until(lambda: bench.running() == {"01", "02", "03"})
    assert bench.on_disk("01")["status"] == "in_progress"
    bench.finish("01", "write")
    assert isinstance(bench.state("01"), TaskVerified)
    assert bench.running() == {"02", "03"}, "04 has its dependency, but the batch is not over"
    bench.finish("02", "write")
    bench.finish("03", "write")
    bench.until(lambda: bench.running() == {"04"})
    bench.finish("04", "write")
    bench.until(lambda: bench.view.engine is EngineState.FINISHED)
    assert bench.on_disk("04")["status"] == "completed"
    assert bench.on_disk("04")["completion_summary"] == "I did 04"
    feature = json.loads((bench.folder / "task.json").read_text())
    assert (feature["completed_count"], feature["status"]) == (4, "completed")


def test_slots_are_refilled_one_by_one_never_in_chunks(bench: Bench) -> None:
    bench.slots = 2
    for seq in ("01", "02", "03", "04"):
        bench.task(seq)
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.running()) == 2)
    first = sorted(bench.running())
    bench.finish(first[0], "write")
    bench.until(lambda: len(bench.running()) == 2)
    assert first[1] in bench.running(), "the free slot was taken while the other still runs"
    assert len(bench.told(AttemptStarts)) == 3


def test_the_batch_is_announced_with_what_runs_together_and_what_after_it(bench: Bench) -> None:
    bench.task("01", writes=["a.txt"])
    bench.task("02", writes=["a.txt"])
    bench.task("03")
    bench.open()
    bench.do(Do.RUN)
    (told,) = bench.told(BatchStarts)
    assert isinstance(told, BatchStarts)
    assert set(told.together) == {"01", "03"}
    assert told.later == (("02", "after 01: both write a.txt"),)
    assert "2 independent tasks at the same time" in told.text


def test_tasks_that_write_one_file_never_run_at_the_same_time(bench: Bench) -> None:
    bench.task("01", writes=["a.txt"])
    bench.task("02", writes=["a.txt"])
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "write")
    bench.until(lambda: bench.running() == {"02"})
    bench.finish("02", "write")
    assert bench.ledger() == ["start 01", "end 01", "start 02", "end 02"]


def test_one_failure_stops_no_other_and_holds_the_gate(bench: Bench) -> None:
    bench.feature_file()
    bench.task("01")
    bench.task("02")
    bench.task("03", "01")
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "fail")
    assert bench.running() == {"02"}
    bench.finish("02", "write")
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    assert isinstance(bench.state("02"), TaskVerified), "finished work is kept"
    assert isinstance(bench.state("01"), TaskFailed)
    assert bench.on_disk("01")["status"] == "blocked"
    (held,) = bench.told(BatchHeld)
    assert isinstance(held, BatchHeld)
    assert held.waiting[0][0] == "01"
    assert "start 03" not in bench.ledger()


def test_retry_is_a_new_attempt_and_opens_the_gate_by_itself(bench: Bench) -> None:
    bench.task("01")
    bench.task("02", "01")
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "fail")
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    assert bench.do(Do.RETRY, "01") == ""
    bench.until(lambda: bench.running() == {"01"})
    bench.finish("01", "write")
    assert [view.number for view in bench.view.tasks["01"].attempts] == [1, 2]
    assert isinstance(bench.state("01"), TaskVerified)
    bench.until(lambda: bench.running() == {"02"})


def test_retry_of_every_failed_task_at_once(bench: Bench) -> None:
    for seq in ("01", "02", "03"):
        bench.task(seq)
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "fail")
    bench.finish("02", "fail")
    bench.finish("03", "write")
    assert bench.do(Do.RETRY_FAILED) == ""
    bench.until(lambda: bench.running() == {"01", "02"})


def test_failures_are_retried_by_themselves_as_often_as_allowed(bench: Bench) -> None:
    bench.retries, bench.retry_on = 1, ("exit code",)
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: "start 01" in bench.ledger())
    bench.steer("01", "fail")
    bench.until(lambda: bool(bench.told(RetryWaits)))
    bench.ahead = 20.0
    bench.until(lambda: bench.ledger().count("start 01") == 2)
    bench.steer("01", "fail")
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    assert bench.ledger().count("start 01") == 2


def test_skip_lets_the_rest_go_on_and_leaves_dependents_blocked(bench: Bench) -> None:
    bench.task("01")
    bench.task("02")
    bench.task("03", "01")
    bench.task("04", "02")
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "fail")
    bench.finish("02", "write")
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    assert bench.do(Do.SKIP, "01", "not needed") == ""
    assert isinstance(bench.state("01"), TaskSkipped)
    bench.until(lambda: bench.running() == {"04"})
    bench.finish("04", "write")
    bench.until(lambda: bench.view.engine is EngineState.FINISHED)
    assert "start 03" not in bench.ledger()


def test_going_on_in_spite_of_a_failure_is_recorded_and_survives_a_restart(bench: Bench) -> None:
    bench.task("01")
    bench.task("02")
    bench.task("03", "02")
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "fail")
    bench.finish("02", "write")
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    assert bench.do(Do.NEXT) == ""
    bench.until(lambda: bench.running() == {"03"})
    assert bench.conductor is not None
    bench.conductor.close()
    bench.open()
    assert bench.running() == {"03"}
    assert bench.view.batches[0].held_by == ()


def test_a_clean_end_that_touched_nothing_needs_review_and_a_person_accepts_it(bench: Bench) -> None:
    bench.feature_file()
    (bench.root / "out").mkdir()
    (bench.root / "out" / "01.txt").write_text("was there before\n")
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01")
    assert isinstance(bench.state("01"), TaskReview)
    assert bench.on_disk("01")["status"] == "in_progress"
    assert bench.do(Do.ACCEPT, "01", "looked at it") == ""
    assert isinstance(bench.state("01"), TaskAccepted)
    assert bench.on_disk("01")["status"] == "completed"
    assert bench.on_disk("01")["completion_summary"] == "Accepted by hand: looked at it"


def test_an_agent_that_only_claims_in_the_file_is_not_believed(bench: Bench) -> None:
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "claim")
    assert isinstance(bench.state("01"), TaskFailed)
    assert bench.on_disk("01")["status"] == "blocked"


def test_what_others_completed_counts_and_is_not_called_verified(bench: Bench) -> None:
    bench.task("01", status="completed")
    bench.task("02", "01")
    bench.open()
    assert isinstance(bench.state("01"), TaskClaimed)
    bench.do(Do.RUN)
    bench.until(lambda: bench.running() == {"02"})


def test_stopping_one_ends_it_alone(bench: Bench) -> None:
    bench.task("01")
    bench.task("02")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 2)
    assert bench.do(Do.STOP, "01") == ""
    bench.finish("01")
    assert bench.running() == {"02"}
    state = bench.state("01")
    assert isinstance(state, TaskFailed)
    assert state.failure == "stopped"


def test_stopping_all_starts_nothing_new(bench: Bench) -> None:
    bench.slots = 1
    bench.task("01")
    bench.task("02")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    assert bench.do(Do.STOP_ALL) == ""
    bench.until(lambda: not bench.running())
    assert bench.view.engine is EngineState.PAUSED
    assert len(bench.ledger()) == 1


def test_a_restart_adopts_what_runs_and_judges_what_ended_meanwhile(bench: Bench) -> None:
    for seq in ("01", "02", "03"):
        bench.task(seq)
    conductor = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 3)
    conductor.close()
    bench.steer("01", "write")
    bench.steer("02", "fail")
    deadline = time.monotonic() + 20
    while len(bench.ledger()) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    bench.notices.clear()
    bench.open()
    bench.until(lambda: bench.running() == {"03"})
    assert isinstance(bench.state("01"), TaskVerified)
    assert isinstance(bench.state("02"), TaskFailed)
    assert AttemptAdopted(seq="03", title="Task 03", attempt=1) in bench.notices
    assert bench.ledger().count("start 03") == 1, "nothing ran twice"


def test_a_second_parex_looks_on_and_starts_nothing(bench: Bench) -> None:
    bench.task("01")
    first = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: bench.running() == {"01"})
    bench.open()
    assert bench.running() == {"01"}
    assert bench.view.engine is EngineState.ELSEWHERE
    assert "another parex" in bench.do(Do.RUN)
    assert bench.do(Do.STOP, "01") == "", "a person may stop whatever runs, from wherever"
    bench.until(lambda: not bench.running())
    assert bench.conductor is not None
    bench.conductor.close()
    bench.conductor = first
    first.tick()


def test_without_an_agent_nothing_starts_and_the_refusal_says_what_to_do(bench: Bench) -> None:
    bench.task("01")
    bench.open(agent="")
    assert "--driver" in bench.do(Do.RUN)
    assert isinstance(bench.state("01"), TaskReady)
    assert bench.on_disk("01")["status"] == "pending"


def test_refusals_name_the_reason(bench: Bench) -> None:
    bench.task("01", status="completed")
    bench.task("02", "01")
    bench.open()
    assert "completed" in bench.do(Do.RETRY, "01")
    assert "no task 99" in bench.do(Do.RETRY, "99")
    assert "not running" in bench.do(Do.STOP, "02")
    assert "nothing to accept" in bench.do(Do.ACCEPT, "02")
    assert bench.do(Do.RETRY_FAILED) == "no task has failed"


def test_only_the_fields_that_change_are_written(bench: Bench) -> None:
    bench.task("01")
    before = (bench.folder / "subtask_01.json").read_text()
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "write")
    after = bench.on_disk("01")
    original = json.loads(before)
    assert {key: after[key] for key in original if key != "status"} == {
        key: value for key, value in original.items() if key != "status"
    }
    assert '"kept": 1.1' in (bench.folder / "subtask_01.json").read_text()


def test_the_outcome_survives_a_cut_between_verdict_and_task_file(bench: Bench) -> None:
    bench.task("01")
    conductor = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    path = bench.folder / "subtask_01.json"
    good = path.read_text()
    bench.steer("01", "write")
    path.write_text(good[:40])  # half-written by somebody, so that the verdict cannot be carried over
    bench.until(lambda: any(view.outcome for view in bench.view.tasks["01"].attempts))
    conductor.close()
    path.write_text(good)
    bench.open()
    bench.until(lambda: isinstance(bench.state("01"), TaskVerified))
    verdicts = {notice.outcome.verdict for notice in bench.notices if isinstance(notice, AttemptEnds)}
    assert verdicts == {Verdict.VERIFIED}


def test_a_task_that_cannot_be_written_is_not_started(bench: Bench) -> None:
    bench.task("01", status="pending")
    bench.open()
    path = bench.folder / "subtask_01.json"
    text = path.read_text().replace('"seq"', '"status": "pending",\n  "seq"')  # a duplicate key: edits are refused
    path.write_text(text)
    bench.do(Do.RUN)
    assert "subtask_01.json" in bench.view.message
    assert bench.ledger() == []
    assert path.read_text() == text
    assert bench.view.engine is EngineState.PAUSED


def test_an_idle_parex_does_not_keep_others_from_running(bench: Bench) -> None:
    bench.task("01")
    idle = bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "write")
    bench.until(lambda: bench.view.engine is EngineState.FINISHED)
    bench.task("02")
    bench.open()
    assert bench.do(Do.RUN) == ""
    bench.until(lambda: bench.running() == {"02"})
    bench.finish("02", "write")
    idle.close()


def test_after_a_return_nothing_new_starts_until_the_batch_is_run_again(bench: Bench) -> None:
    bench.slots = 1
    bench.task("01")
    bench.task("02")
    conductor = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    conductor.close()
    bench.open()
    (first,) = bench.running()
    assert not bench.view.going
    assert "still running from before" in bench.view.message
    bench.finish(first, "write")
    assert len(bench.ledger()) == 2, "one start, one end"
    assert bench.do(Do.RUN) == ""
    bench.until(lambda: len(bench.running()) == 1)


def test_running_again_after_stop_all_takes_up_what_was_stopped(bench: Bench) -> None:
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    bench.do(Do.STOP_ALL)
    bench.until(lambda: not bench.running())
    assert bench.do(Do.RUN) == ""
    bench.until(lambda: bench.running() == {"01"})


def test_pausing_also_holds_back_what_was_asked_for_one_by_one(bench: Bench) -> None:
    bench.slots = 1
    for seq in ("01", "02"):
        bench.task(seq)
    bench.open()
    bench.do(Do.RETRY, "01")
    bench.do(Do.RETRY, "02")
    bench.until(lambda: len(bench.running()) == 1)
    (first,) = bench.running()
    assert bench.do(Do.PAUSE) == ""
    bench.finish(first, "write")
    bench.until(lambda: bench.view.engine is EngineState.PAUSED)
    assert len(bench.ledger()) == 2, "one start, one end"


def test_an_attempt_whose_task_file_is_deleted_still_takes_its_slot(bench: Bench) -> None:
    bench.slots = 1
    bench.task("01", writes=["a.txt"])
    bench.task("02", writes=["a.txt"])
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    first = bench.ledger()[0].split()[1]
    path = bench.folder / f"subtask_{first}.json"
    text = path.read_text()
    path.unlink()
    bench.until(lambda: first not in bench.view.tasks)
    for _ in range(20):
        bench.tick()
    assert len(bench.ledger()) == 1
    assert bench.view.engine is EngineState.RUNNING
    bench.steer(first, "write")
    bench.until(lambda: f"end {first}" in bench.ledger())
    path.write_text(text)
    bench.until(lambda: first in bench.view.tasks and isinstance(bench.state(first), TaskVerified))


def test_a_renamed_feature_cannot_be_started_beside_its_own_agents(bench: Bench) -> None:
    bench.task("01")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    moved = bench.folder.with_name("g")
    bench.folder.rename(moved)
    bench.until(lambda: bench.view.feature.id == "g" and "folder is gone" in bench.trouble)
    assert "folder is gone" in bench.do(Do.RESET, "01")
    assert "folder is gone" in bench.do(Do.RUN)
    moved.rename(bench.folder)
    bench.until(lambda: bench.view.feature.id == "f" and bench.running() == {"01"})
    bench.until(lambda: bench.trouble == "")


def test_a_broken_task_json_holds_nothing_back_and_is_told(bench: Bench) -> None:
    bench.task("01")
    bench.task("02", "01")
    broken = '{"id": "f", "completed_count": 0, "completed_count": 1, "name": }'
    (bench.folder / "task.json").write_text(broken)
    bench.open()
    bench.do(Do.RUN)
    bench.finish("01", "write")
    assert isinstance(bench.state("01"), TaskVerified)
    bench.until(lambda: bench.running() == {"02"})
    assert (bench.folder / "task.json").read_text() == broken
    written = (bench.folder / "subtask_01.json").stat().st_mtime_ns
    for _ in range(10):
        bench.tick()
    assert (bench.folder / "subtask_01.json").stat().st_mtime_ns == written, "carried over once"


def test_the_status_of_a_running_task_is_not_edited_and_its_title_is(bench: Bench) -> None:
    bench.task("01")
    conductor = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    key = next(iter(conductor.snapshot().features))
    for command in (
        Command(Do.BLOCK, key, "01"),
        Command(Do.START, key, "01"),
        Command(Do.EDIT, key, "01", changes={"status": "pending"}),
        Command(Do.ARCHIVE, key),
    ):
        assert "f/01 runs under parex (attempt 1); stop it first" in conductor.obey(command)
    assert conductor.obey(Command(Do.EDIT, key, "01", changes={"title": "Neu"})) == ""
    assert bench.on_disk("01")["status"] == "in_progress"


def test_what_a_person_set_back_meanwhile_is_not_overwritten(bench: Bench) -> None:
    bench.task("01")
    conductor = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    conductor.close()
    bench.steer("01", "write")
    deadline = time.monotonic() + 20
    while len(bench.ledger()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    back = bench.on_disk("01") | {"status": "pending"}  # by hand, while parex is closed
    (bench.folder / "subtask_01.json").write_text(json.dumps(back))
    bench.open()
    bench.until(lambda: not bench.running())
    assert bench.on_disk("01")["status"] == "pending"


def test_an_agent_that_spoils_its_own_task_file_does_not_open_the_gate(bench: Bench) -> None:
    bench.agent.write_text(
        'import sys\nopen(sys.argv[1], \'w\').write(\'{"seq": "01", "title": "x", "status": "completed",'
        ' "status": "completed", "deliverables": []}\')\n'
    )
    bench.task("01", writes=[])
    bench.task("02", "01")
    bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: bench.view.engine is EngineState.HELD)
    assert isinstance(bench.state("01"), TaskReview)
    assert not bench.view.tasks["02"].attempts


def test_a_driver_that_is_gone_leaves_a_review_and_no_dead_screen(bench: Bench) -> None:
    bench.task("01")
    conductor = bench.open()
    bench.do(Do.RUN)
    bench.until(lambda: len(bench.ledger()) == 1)
    conductor.close()
    settings = Settings(grace=0.3)
    bench.conductor = Conductor(make_setup(locate(bench.root, explicit=True), settings, Choice()), bench.notices.append)
    bench.conductor.tick()
    bench.steer("01", "write")
    bench.until(lambda: isinstance(bench.state("01"), TaskReview))
    state = bench.state("01")
    assert isinstance(state, TaskReview)
    assert "mine" in state.reason
