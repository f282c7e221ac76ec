"""The board: what every task and batch of a feature is, from the files, the attempts and the decisions. Pure.

The engine starts and stops by it, the screen and the reports draw it: there is one derivation of state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parex_tui.plan.apart import apart
from parex_tui.plan.model import Batch, Plan
from parex_tui.tasks.edit import timestamp
from parex_tui.tasks.model import Feature, Status, Task

from .attempts import Decision
from .snapshot import AttemptView, BatchState, BatchView
from .states import (
    DONE,
    Exited,
    Lost,
    NeverRan,
    Outcome,
    Running,
    Starting,
    TaskAccepted,
    TaskBarred,
    TaskBlocked,
    TaskClaimed,
    TaskElsewhere,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskSkipped,
    TaskState,
    TaskVerified,
    TaskWaiting,
    Verdict,
)

ACCEPT: Final = "accept"
SKIP: Final = "skip"
GO_ON: Final = "go on"  # the batch goes on without this task's decision
CARRY_SECONDS: Final = 2.0
"""How long a verdict may be on its way into the task file before that counts as a problem."""

UNDO: Final = "undo"  # an earlier skip or pass no longer holds


@dataclass(frozen=True, slots=True)
class Board:
    """States by seq, batches in order, and the seqs that a person let pass."""

    states: Mapping[str, TaskState]
    batches: tuple[BatchView, ...]
    current: int | None  # number of the first batch that is not over, None when all are


def standing(decisions: Sequence[Decision], attempts: Mapping[str, Sequence[AttemptView]]) -> dict[str, Decision]:
    """The decision that holds for each task: its newest, unless a newer attempt has superseded it."""
    newest: dict[str, Decision] = {}
    for decision in decisions:
        if decision.kind == UNDO:
            newest.pop(decision.seq, None)
        elif decision.kind in (ACCEPT, SKIP, GO_ON):
            newest[decision.seq] = decision
    return {seq: decision for seq, decision in newest.items() if _newest(attempts.get(seq, ())) <= decision.attempt}


def _newest(attempts: Sequence[AttemptView]) -> int:
    """Number of the newest attempt that ran, 0 without one."""
    return max((view.number for view in attempts if not isinstance(view.state, NeverRan)), default=0)


def make_board(
    feature: Feature,
    plan: Plan,
    attempts: Mapping[str, Sequence[AttemptView]],
    decisions: Sequence[Decision],
    *,
    now: float,
    stale_after: float,
) -> Board:
    """Derive everything. `attempts` by seq, oldest first; `now` in seconds since the epoch, `stale_after` seconds."""
    holding = standing(decisions, attempts)
    barred = {item.seq: item.reason for item in plan.barred}
    known: dict[str, TaskState] = {}
    for task in feature.tasks:
        if task.seq in barred:
            known[task.seq] = _barred(task, attempts.get(task.seq, ()), barred[task.seq])
        else:
            known[task.seq] = _own_state(task, attempts.get(task.seq, ()), holding.get(task.seq), now, stale_after)
    states = dict(known)
    batches: list[BatchView] = []
    current: int | None = None
    for batch in plan.batches:
        for seq in batch.seqs:
            if isinstance(states[seq], TaskReady):
                states[seq] = _queued(seq, feature, plan, batch, states, current)
        view = _batch_view(batch, states, holding, attempts, feature, current)
        batches.append(view)
        if current is None and view.state is not BatchState.DONE:
            current = batch.number
    return Board(states=states, batches=tuple(batches), current=current)


def _barred(task: Task, attempts: Sequence[AttemptView], reason: str) -> TaskState:
    """An attempt that is alive stays visible whatever happened to its file meanwhile."""
    ran = [view for view in attempts if not isinstance(view.state, NeverRan)]
    if ran and isinstance(ran[-1].state, Starting | Running):
        return _running(ran[-1])
    return TaskBarred(reason)


def _running(view: AttemptView) -> TaskRunning:
    since = view.state.since if isinstance(view.state, Running) else (view.started or 0.0)
    return TaskRunning(attempt=view.number, since=since)


def _own_state(
    task: Task, attempts: Sequence[AttemptView], decision: Decision | None, now: float, stale_after: float
) -> TaskState:
    """A task's state without regard to other tasks; pending ones come out as ready."""
    ran = [view for view in attempts if not isinstance(view.state, NeverRan)]
    last = ran[-1] if ran else None
    if last is not None:
        if isinstance(last.state, Starting | Running):
            return _running(last)
        if isinstance(last.state, Exited | Lost) and last.outcome is None:
            return TaskEnded(last.number)
    outcome = last.outcome if last is not None else None
    number = last.number if last is not None else 0
    if last is not None and outcome is not None and not last.applied:
        return _not_carried_over(number, outcome, now)
    if _never_began(task, attempts):
        return TaskReady()
    if task.status is Status.COMPLETED:
        if decision is not None and decision.kind == ACCEPT:
            return TaskAccepted(number, outcome.seconds if outcome else 0.0, decision.note)
        # Another program may have reset and completed it since: only parex' own time of completion is its verdict.
        if (
            outcome is not None
            and outcome.verdict is Verdict.VERIFIED
            and task.completed_at == timestamp(outcome.judged_at)
        ):
            return TaskVerified(number, outcome.seconds)
        return TaskClaimed()
    if decision is not None and decision.kind == SKIP:
        return TaskSkipped(decision.note)
    if task.status is Status.PENDING:
        return TaskReady()
    if outcome is not None and outcome.verdict is Verdict.NEEDS_REVIEW:
        return TaskReview(number, outcome.reason, outcome.seconds)
    if outcome is not None and outcome.failure is not None and task.status is Status.BLOCKED:
        return TaskFailed(number, outcome.failure, outcome.reason, outcome.seconds)
    if task.status is Status.BLOCKED:
        return TaskBlocked()
    return TaskElsewhere(since=task.modified, stale=now - task.modified > stale_after)


def _not_carried_over(number: int, outcome: Outcome, now: float) -> TaskState:
    """What the verdict says counts, not the file: the agent itself may have written there that it is done."""
    if outcome.failure is not None:
        return TaskFailed(number, outcome.failure, outcome.reason, outcome.seconds)
    if outcome.verdict is Verdict.NEEDS_REVIEW:
        return TaskReview(number, outcome.reason, outcome.seconds)
    if now - outcome.judged_at < CARRY_SECONDS:
        return TaskEnded(number)
    return TaskReview(number, "verified, but that could not be written into its task file", outcome.seconds)


def _never_began(task: Task, attempts: Sequence[AttemptView]) -> bool:
    """Whether the file says in progress because of an attempt of ours that was cut off before its agent began."""
    last = attempts[-1] if attempts else None
    return (
        last is not None
        and isinstance(last.state, NeverRan)
        and task.status is Status.IN_PROGRESS
        and task.agent_id == (last.agent or last.driver)
        and last.started is not None
        and task.started_at == timestamp(last.started)
    )


def _queued(
    seq: str, feature: Feature, plan: Plan, batch: Batch, states: Mapping[str, TaskState], current: int | None
) -> TaskState:
    """Why a pending task cannot start now, or that it is ready."""
    task = feature.task(seq)
    open_ = [dep for dep in (task.depends_on if task else ()) if not isinstance(states.get(dep), DONE)]
    if open_:
        cut = [dep for dep in open_ if isinstance(states.get(dep), TaskSkipped)]
        if cut:
            return TaskWaiting(f"after {', '.join(cut)}, skipped")
        return TaskWaiting(f"after {', '.join(open_)}")
    if current is not None:
        return TaskWaiting(f"waits for batch {current}")
    running = [other for other in batch.seqs if isinstance(states[other], TaskRunning)]
    if running:
        pairs = apart(batch)
        for other in running:
            if pairs.clashes(seq, (other,)):
                return TaskWaiting(pairs.why(seq, other))
    return TaskReady()


def _batch_view(
    batch: Batch,
    states: Mapping[str, TaskState],
    holding: Mapping[str, Decision],
    attempts: Mapping[str, Sequence[AttemptView]],
    feature: Feature,
    current: int | None,
) -> BatchView:
    passed = {seq for seq, decision in holding.items() if decision.kind == GO_ON}
    undecided = tuple(
        seq
        for seq in batch.seqs
        if not isinstance(states[seq], (*DONE, TaskSkipped))
        and seq not in passed
        and not _cut_off(seq, feature, states, passed)
    )
    waits_for_person = tuple(
        seq for seq in undecided if isinstance(states[seq], TaskFailed | TaskReview | TaskBlocked | TaskElsewhere)
    )
    going = [seq for seq in batch.seqs if isinstance(states[seq], TaskRunning | TaskEnded)]
    startable = [seq for seq in undecided if isinstance(states[seq], TaskReady)]
    if going:
        state = BatchState.RUNNING
    elif not undecided:
        state = BatchState.DONE
    elif current is not None:
        state = BatchState.WAITING
    elif startable or not waits_for_person:
        state = BatchState.READY
    else:
        state = BatchState.HELD
    return BatchView(
        number=batch.number,
        state=state,
        seqs=batch.seqs,
        held_by=waits_for_person,
        seconds=_wall(batch.seqs, attempts),
    )


def _cut_off(seq: str, feature: Feature, states: Mapping[str, TaskState], passed: set[str]) -> bool:
    """Whether a task can never start because something before it was skipped, passed over, or is cut off itself."""
    seen: set[str] = set()
    ahead = [seq]
    while ahead:
        task = feature.task(ahead.pop())
        for dep in task.depends_on if task else ():
            if dep in seen or isinstance(states.get(dep), DONE):
                continue
            if isinstance(states.get(dep), TaskSkipped | TaskBarred) or dep in passed:
                return True
            seen.add(dep)
            ahead.append(dep)
    return False


def _wall(seqs: Sequence[str], attempts: Mapping[str, Sequence[AttemptView]]) -> float | None:
    """Seconds from the first start to the last end of the attempts that ended, None without one."""
    spans = spans_of(view for seq in seqs for view in attempts.get(seq, ()))
    return max(end for _, end in spans) - min(start for start, _ in spans) if spans else None


def spans_of(views: Iterable[AttemptView]) -> list[tuple[float, float]]:
    """`(start, end)` of every attempt that ended, in seconds since the epoch."""
    return [(view.state.since, view.state.ended) for view in views if isinstance(view.state, Exited)]


def saved(views: Sequence[AttemptView]) -> tuple[float, float] | None:
    """Seconds that running side by side saved, and the share of the time one after another; None without attempts.

    What is compared is the sum of the attempts' own times with the time during which at least one was running.
    """
    spans = sorted(spans_of(views))
    total = sum(end - start for start, end in spans)
    if total <= 0:
        return None
    covered, reach = 0.0, float("-inf")
    for start, end in spans:
        covered += max(0.0, end - max(start, reach))
        reach = max(reach, end)
    return total - covered, (total - covered) / total
