"""A run that is left to an engine without a screen, with real processes: it goes on, comes back, nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parex_tui.run import process
from parex_tui.run.conductor import Conductor
from parex_tui.run.limits import Choice
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Do, EngineState, Holder
from parex_tui.run.states import TaskFailed, TaskVerified
from parex_tui.settings import load_settings
from parex_tui.tasks.layout import locate

from .house import command_lines, wait_until
from .test_engine import Bench

REPOSITORY = Path(__file__).resolve().parents[2]
BAD_SETTINGS = "driver = 3\n"


class Away(Bench):
    """A project whose agents are in the settings' file, so that other processes find them too."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.started: list[subprocess.Popen[str]] = []
        self.config = root.parent / "config" / "parex" / "config.toml"
        self.config.parent.mkdir(parents=True)
        argv = json.dumps([sys.executable, "-I", "-S", str(self.agent), "{task_file}", "{root}"])
        self.config.write_text(
            f'driver = "mine"\ngrace = 0.3\n[drivers.mine]\nargv = {argv}\nstdin = "null"\n'
            f'[drivers.other]\nargv = {argv}\nstdin = "null"\n'
        )

    def open(self, *, agent: str = "mine") -> Conductor:
        choice = Choice(agent, slots=self.slots)
        setup = make_setup(locate(self.root, explicit=True), load_settings(self.root), choice)
        self.conductor = Conductor(setup, self.notices.append)
        self.conductor.tick()
        return self.conductor

    def leave(self) -> Holder:
        """Leave everything that is going; the engine that has it now."""
        assert self.conductor is not None
        left = self.conductor.leave_running()
        self.conductor.close()
        assert (left.features, left.refused) == (("f",), ())
        return self.holder()

    def holder(self) -> Holder:
        assert self.conductor is not None
        found = self.conductor._setup.journal.engine_holder("f")
        assert found is not None
        return found

    def log(self) -> Path:
        assert self.conductor is not None
        return self.conductor._setup.journal.engine_log("f")

    def is_run(self) -> bool:
        assert self.conductor is not None
        return self.conductor._setup.journal.is_run("f")

    def wait_for(self, *lines: str) -> None:
        wait_until(lambda: set(lines) <= set(self.ledger()), f"{lines} in {self.ledger()}")

    def command(
        self, *words: str, program: tuple[str, ...] = (sys.executable, "-m", "parex_tui")
    ) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [*program, *words, "-C", str(self.root)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(started)
        return started

    def clear(self) -> None:
        """Kill whatever is left: engines, keepers, agents."""
        for one in self.started:
            one.kill()
            one.communicate()
        while found := list(command_lines(f"{self.root}")) + list(command_lines(f"{self.root.parent}/state")):
            for pid, _ in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        wait_until(_all_reaped, "children to be reaped")


def _all_reaped() -> bool:
    process.reap()
    return not process.has_children()


@pytest.fixture
def away(tmp_path: Path, state_home: Path) -> Iterator[Away]:
    made = Away(tmp_path / "project")
    made.task("01")
    made.task("02", "01")
    yield made
    if made.conductor is not None:
        made.conductor.close()
    made.clear()


def begin(away: Away) -> None:
    away.open()
    assert away.do(Do.RUN) == ""
    away.until(lambda: away.ledger() == ["start 01"])


def test_it_goes_on_with_the_next_batch_and_the_screen_takes_it_back(away: Away) -> None:
    begin(away)
    holder = away.leave()
    assert (holder.screen, holder.left, holder.going, holder.driver) == (False, True, True, "mine")
    assert os.getsid(holder.pid) == holder.pid, "no hang-up of our terminal reaches it"
    away.steer("01", "write")
    away.wait_for("end 01", "start 02")
    away.notices.clear()
    away.open()
    away.until(lambda: away.view.engine is EngineState.RUNNING and away.view.going)
    assert "taken over from parex" in away.view.message
    away.finish("02", "write")
    away.until(lambda: away.view.engine is EngineState.FINISHED)
    assert isinstance(away.state("01"), TaskVerified)
    assert isinstance(away.state("02"), TaskVerified)
    assert away.ledger() == ["start 01", "end 01", "start 02", "end 02"], "none was harmed, none ran twice"
    wait_until(lambda: process.look(holder.pid) is None, "the engine that gave way to end")
    assert "took the run over" in away.log().read_text()


def test_it_ends_when_all_is_done_and_its_log_says_how(away: Away) -> None:
    begin(away)
    holder = away.leave()
    assert process.owner(holder.pid) == os.geteuid()
    os.kill(holder.pid, signal.SIGHUP)
    away.steer("01", "write")
    away.wait_for("start 02")
    away.steer("02", "write")
    wait_until(lambda: not away.is_run(), "the engine to end")
    assert stat.S_IMODE(away.log().stat().st_mode) == 0o600
    wait_until(lambda: "f: 2 of 2 completed, 2 verified" in away.log().read_text(), "its last line")
    assert "I did" not in away.log().read_text(), "what agents print is kept with them"
    away.open()
    assert away.view.message == ""
    assert not away.holder().going


def test_it_ends_at_the_gate_and_what_failed_waits_there(away: Away) -> None:
    begin(away)
    away.leave()
    away.steer("01", "fail")
    wait_until(lambda: not away.is_run(), "the engine to end")
    away.open()
    assert isinstance(away.state("01"), TaskFailed)
    assert away.view.message == ""
    assert "start 02" not in away.ledger()


def test_killed_its_run_is_adopted_and_said_to_be_driven_no_more(away: Away) -> None:
    begin(away)
    os.kill(away.leave().pid, signal.SIGKILL)
    wait_until(lambda: not away.is_run(), "the lock to be free")
    away.open()
    assert away.running() == {"01"}
    assert "the run was going, and nobody drives it now: nothing new starts until you run the batch" in (
        away.view.message
    )
    away.finish("01", "write")
    for _ in range(5):
        away.tick()
    assert "start 02" not in away.ledger()
    assert away.do(Do.RUN) == ""
    away.until(lambda: away.running() == {"02"})


def test_killed_between_two_tasks_it_is_said_too(away: Away) -> None:
    begin(away)
    holder = away.leave()
    os.kill(holder.pid, signal.SIGSTOP)
    away.steer("01", "write")
    away.wait_for("end 01")
    os.kill(holder.pid, signal.SIGKILL)
    wait_until(lambda: not away.is_run(), "the lock to be free")
    away.open()
    away.until(lambda: isinstance(away.state("01"), TaskVerified))
    away.tick()
    assert away.view.engine is EngineState.IDLE
    assert away.view.message == "this run was going, and no parex drives it now: run it to go on"
    assert "start 02" not in away.ledger()
    assert away.do(Do.RUN) == ""
    away.until(lambda: away.running() == {"02"})
    assert "drives it now" not in away.view.message


def test_suspended_it_is_named_and_nothing_breaks(away: Away) -> None:
    begin(away)
    holder = away.leave()
    os.kill(holder.pid, signal.SIGSTOP)
    away.open()
    assert away.view.engine is EngineState.ELSEWHERE
    away.until(lambda: "does not answer" in away.view.message)
    assert str(holder.pid) in away.view.message
    os.kill(holder.pid, signal.SIGCONT)
    away.steer("01", "write")
    away.wait_for("start 02")
    assert away.do(Do.TAKE) == ""
    away.until(lambda: away.view.going)
    assert away.running() == {"02"}


def test_with_another_driver_on_the_screen_it_is_not_taken_unasked(away: Away) -> None:
    begin(away)
    holder = away.leave()
    away.open(agent="other")
    for _ in range(20):
        away.tick()
    assert away.view.engine is EngineState.ELSEWHERE
    assert away.view.holder == holder


def test_one_that_does_not_come_up_is_said_with_its_reason(away: Away) -> None:
    begin(away)
    away.config.write_text(BAD_SETTINGS)
    assert away.conductor is not None
    left = away.conductor.leave_running()
    assert left.features == ()
    assert "f cannot go on by itself: " in left.refused[0]
    assert "driver: must be the name" in left.refused[0]
    assert away.running() == {"01"}


# --- the command -------------------------------------------------------------------------------------------------


def test_run_detach_checks_first_then_goes_on_alone(away: Away) -> None:
    done = away.command("run", "f", "--detach", "--driver", "nope")
    assert "nope" in done.communicate(timeout=60)[1]
    assert done.returncode == 2
    done = away.command("run", "f", "--detach")
    out, err = done.communicate(timeout=60)
    assert (done.returncode, err) == (0, "")
    assert out == "f runs without this terminal; look: parex, or parex status f; stop: parex stop f\n"
    away.wait_for("start 01")
    done = away.command("run", "f", "--detach")
    assert "another parex runs this feature" in done.communicate(timeout=60)[1]
    assert done.returncode == 2
    away.steer("01", "write")
    away.wait_for("start 02")
    away.steer("02", "write")
    away.open()
    away.until(lambda: isinstance(away.state("02"), TaskVerified))
    assert away.ledger() == ["start 01", "end 01", "start 02", "end 02"]


def test_a_run_in_a_terminal_that_is_taken_over_ends_and_says_so(away: Away) -> None:
    foreground = away.command("run", "f")
    away.wait_for("start 01")
    away.open()
    assert away.view.engine is EngineState.ELSEWHERE
    assert away.view.holder is not None
    assert (away.view.holder.pid, away.view.holder.screen) == (foreground.pid, False)
    assert away.do(Do.TAKE) == ""
    away.until(lambda: away.view.going)
    out, _ = foreground.communicate(timeout=60)
    assert foreground.returncode == 130
    assert "took the run over and goes on with it" in out
    away.finish("01", "write")
    away.until(lambda: away.running() == {"02"})
