"""A feature as a screen or a report sees it: where it stands, what its agents do, what it has cost."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from parex_tui.agents.driver import Driver

from .board import saved
from .snapshot import Activity, AttemptView, EngineState, FeatureView, Holder, TaskView
from .states import TaskReady, TaskRunning, TaskState, TaskWaiting
from .survey import Standing


def make_view(
    standing: Standing,
    activities: Mapping[str, Activity],
    state: EngineState,
    *,
    message: str = "",
    driver: Driver | None = None,
    slots: int = 4,
    going: bool = False,
    holder: Holder | None = None,
    waiting: Mapping[str, tuple[str, float]] = MappingProxyType({}),
    stalls: Mapping[str, float] = MappingProxyType({}),
    suspensions: Mapping[str, float] = MappingProxyType({}),
) -> FeatureView:
    """Put it together. `activities` by seq, each of the task's newest attempt that ran.

    `waiting`: what is tried again by itself, why not now (where its state does not say), and when. `stalls`: since when
    an attempt neither wrote nor computed; `suspensions`: since when its program is suspended by a signal. Times in
    seconds since the epoch.
    """
    tasks = {
        task.seq: TaskView(
            task=task,
            state=_state(standing.board.states[task.seq], waiting.get(task.seq)),
            batch=batch.number if (batch := standing.plan.batch_of(task.seq)) else None,
            attempts=standing.attempts.get(task.seq, ()),
            activity=activities.get(task.seq),
            expected=standing.usual.get(task.seq),
            stalled=stalls.get(task.seq) if isinstance(standing.board.states[task.seq], TaskRunning) else None,
            suspended=suspensions.get(task.seq) if isinstance(standing.board.states[task.seq], TaskRunning) else None,
            again=waiting[task.seq][1] if task.seq in waiting else None,
        )
        for task in standing.feature.tasks
    }
    views = [view for found in standing.attempts.values() for view in found]
    gained = saved(views)
    tokens, cost = _spent(standing, activities)
    newest = max(views, key=lambda view: view.started or 0.0, default=None)
    return FeatureView(
        feature=standing.feature,
        plan=standing.plan,
        tasks=tasks,
        batches=standing.board.batches,
        engine=state,
        message=message,
        driver=driver.name if driver is not None else (newest.driver if newest is not None else ""),
        is_demo=driver.is_demo if driver is not None else any(view.is_demo for view in views),
        slots=slots,
        going=going,
        tokens=tokens,
        cost=cost,
        saved=gained[0] if gained else None,
        saved_share=gained[1] if gained else None,
        holder=holder,
    )


def _state(state: TaskState, waits: tuple[str, float] | None) -> TaskState:
    """A task that could start, and does not for want of something, waits for that."""
    return TaskWaiting(waits[0]) if waits is not None and waits[0] and isinstance(state, TaskReady) else state


def _spent(standing: Standing, activities: Mapping[str, Activity]) -> tuple[int, float | None]:
    """Tokens and cost of every attempt: of judged ones what their outcome says, of others what was seen so far."""
    tokens, costs = 0, []
    for seq, views in standing.attempts.items():
        for view in views:
            told = view.outcome if view.outcome is not None else _activity_of(view, activities.get(seq))
            if told is not None:
                tokens += told.tokens
                costs += [told.cost] if told.cost is not None else []
    return tokens, sum(costs) if costs else None


def _activity_of(view: AttemptView, activity: Activity | None) -> Activity | None:
    return activity if activity is not None and activity.attempt == view.number else None
