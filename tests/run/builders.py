"""Small builders for features and attempts, for tests of pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from parex_tui.agents.driver import Exit, Failure
from parex_tui.plan.batches import make_plan
from parex_tui.plan.model import Plan
from parex_tui.run.attempts import Decision
from parex_tui.run.board import Board, make_board
from parex_tui.run.snapshot import AttemptView
from parex_tui.run.states import AttemptState, Exited, NeverRan, Outcome, Running, Verdict
from parex_tui.tasks.edit import timestamp
from parex_tui.tasks.model import Feature, Status, Task

ROOT = Path("/project")
NOW = 1_000_000.0


def task(
    seq: str,
    *after: str,
    status: Status = Status.PENDING,
    parallel: bool = True,
    writes: Sequence[str] | None = None,
    agent_id: str = "",
) -> Task:
    """A task that writes a file of its own unless told otherwise."""
    return Task(
        feature="f",
        seq=seq,
        path=ROOT / ".tmp" / "tasks" / "f" / f"subtask_{seq}.json",
        title=f"Task {seq}",
        status=status,
        status_text=str(status),
        depends_on=after,
        parallel=parallel,
        deliverables=tuple(writes) if writes is not None else (f"src/{seq}.py",),
        agent_id=agent_id,
        started_at=timestamp(NOW - 100) if agent_id else "",
        completed_at=timestamp(NOW - 20) if status is Status.COMPLETED else "",
        modified=NOW - 10,
    )


def feature(*tasks: Task) -> Feature:
    """A feature of these tasks."""
    return Feature(id="f", key="f-1", path=ROOT / ".tmp" / "tasks" / "f", tasks=tasks)


def attempt(number: int, state: AttemptState, outcome: Outcome | None = None, *, applied: bool = True) -> AttemptView:
    """An attempt as a screen sees it; it began 100 s before NOW."""
    folder = Path("/state") / str(number)
    return AttemptView(number, state, "command", False, "", "", NOW - 100, outcome, folder, folder, folder, applied)


def running(number: int = 1, since: float = NOW - 5) -> AttemptView:
    """An attempt that is alive."""
    return attempt(number, Running(since=since, keeper_pid=10, agent_pid=11))


def never_ran(number: int = 1) -> AttemptView:
    """An attempt that was recorded and never started."""
    return attempt(number, NeverRan())


def ended(
    number: int = 1,
    verdict: Verdict | None = Verdict.VERIFIED,
    failure: Failure | None = None,
    span: tuple[float, float] = (NOW - 60, NOW - 30),
    *,
    judged: float = NOW - 20,
    applied: bool = True,
) -> AttemptView:
    """An attempt that ended; judged unless `verdict` is None, and carried over unless `applied` is False."""
    state = Exited(Exit(0, None, "exited", span[1] - span[0]), since=span[0], ended=span[1])
    seconds = span[1] - span[0]
    outcome = Outcome(verdict, "because", failure=failure, seconds=seconds, judged_at=judged) if verdict else None
    return attempt(number, state, outcome, applied=applied)


def decision(kind: str, seq: str, number: int = 0, note: str = "") -> Decision:
    """A person's decision, made after attempt `number`."""
    return Decision(at=NOW, kind=kind, seq=seq, batch=1, attempt=number, note=note)


def board_of(
    what: Feature,
    attempts: Mapping[str, Sequence[AttemptView]] | None = None,
    decisions: Sequence[Decision] = (),
) -> Board:
    """The board of a feature at NOW; what is in progress elsewhere is stale after 900 s."""
    return make_board(what, plan_of(what), attempts or {}, decisions, now=NOW, stale_after=900.0)


def plan_of(what: Feature) -> Plan:
    """Its plan."""
    return make_plan(what, ROOT)
