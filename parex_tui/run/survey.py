"""Where a feature stands: files, plan, attempts and board put together, from the disk alone. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parex_tui.plan.batches import make_plan
from parex_tui.plan.forecast import expected_seconds
from parex_tui.plan.model import Batch, Plan
from parex_tui.tasks.model import Feature

from .attempts import Attempt, Journal
from .board import Board, make_board
from .limits import Limits
from .shortage import is_shortage
from .snapshot import AttemptView, BatchView
from .states import Exited, Lost, NeverRan, Running, TaskElsewhere


@dataclass(frozen=True, slots=True)
class Standing:
    """A feature after a pass: files, plan, attempts, board.

    `expected` has seconds for every task, estimated where there is no history; `usual` only those with one.
    """

    feature: Feature
    plan: Plan
    attempts: Mapping[str, tuple[AttemptView, ...]]
    board: Board
    expected: Mapping[str, float]
    usual: Mapping[str, float]

    @property
    def current(self) -> tuple[Batch, BatchView] | None:
        """The first batch that is not over, None where all are."""
        number = self.board.current
        return None if number is None else (self.plan.batches[number - 1], self.board.batches[number - 1])


def view_of(attempt: Attempt) -> AttemptView:
    """An attempt as a screen sees it. One that could not start for want of something never ran, and failed nobody."""
    launch = attempt.launch
    state = attempt.state()
    if is_shortage(state):
        state = NeverRan()
    started = state.since if isinstance(state, Running | Exited | Lost) else None
    return AttemptView(
        number=attempt.number,
        state=state,
        driver=launch.driver,
        is_demo=launch.is_demo,
        agent=launch.agent,
        model=launch.model,
        started=started if started is not None else launch.created,
        outcome=attempt.outcome(),
        directory=attempt.dir,
        output=attempt.output,
        prompt=attempt.prompt,
        applied=attempt.applied(),
    )


class Surveyor:
    """Puts a feature's standing together; the plan is made again only when a task file changed."""

    def __init__(self, root: Path, journal: Journal, limits: Limits, clock: Callable[[], float]) -> None:
        self._root = root
        self._journal = journal
        self._limits = limits
        self._clock = clock
        self._standings: dict[str, tuple[object, Standing]] = {}
        self._plans: dict[str, tuple[Feature, Plan]] = {}

    def survey(self, feature: Feature) -> Standing:
        """Where a feature stands now."""
        self._journal.know(feature)
        attempts = {
            seq: tuple(view_of(attempt) for attempt in found)
            for seq, found in self._journal.feature_attempts(feature.key).items()
        }
        history = _history(feature, attempts)
        plan = self._plan(feature)
        board = make_board(
            feature,
            plan,
            attempts,
            self._journal.decisions(feature.key),
            now=self._clock(),
            stale_after=self._limits.stale_after,
        )
        expected = {task.seq: expected_seconds(task, history) for task in feature.tasks}
        usual = {
            task.seq: expected[task.seq]
            for task in feature.tasks
            if task.seq in history or task.suggested_agent in history
        }
        return Standing(feature=feature, plan=plan, attempts=attempts, board=board, expected=expected, usual=usual)

    def survey_again(self, feature: Feature, attempts: Mapping[str, Sequence[Attempt]]) -> Standing:
        """The same; worked out again only when something it depends on changed."""
        basis = (
            id(feature),
            id(self._journal.decisions(feature.key)),
            tuple((one.dir, type(one.state()), one.outcome()) for found in attempts.values() for one in found),
        )
        known = self._standings.get(feature.key)
        if known is not None and known[0] == basis and known[1].feature is feature and not self._aged(known[1]):
            return known[1]
        standing = self.survey(feature)
        self._standings[feature.key] = (basis, standing)
        return standing

    def _aged(self, standing: Standing) -> bool:
        """Whether time alone has made a task of it stale."""
        age = self._clock() - self._limits.stale_after
        return any(
            isinstance(state, TaskElsewhere) and state.stale != (state.since < age)
            for state in standing.board.states.values()
        )

    def forget_all_but(self, keys: Container[str]) -> None:
        """Features that are gone need not be known any more."""
        self._standings = {key: known for key, known in self._standings.items() if key in keys}

    def _plan(self, feature: Feature) -> Plan:
        known = self._plans.get(feature.key)
        if known is not None and known[0] is feature:
            return known[1]
        plan = make_plan(feature, self._root, unknown_alone=self._limits.unknown_alone)
        self._plans[feature.key] = (feature, plan)
        return plan


def _history(feature: Feature, attempts: Mapping[str, Sequence[AttemptView]]) -> dict[str, list[float]]:
    """Seconds of earlier attempts that ended well, by task and by agent; a demonstration says nothing of real work."""
    real = any(not view.is_demo for views in attempts.values() for view in views)
    history: dict[str, list[float]] = {}
    for seq, views in attempts.items():
        task = feature.task(seq)
        for view in views:
            if task is None or (real and view.is_demo):
                continue
            if view.outcome is not None and view.outcome.failure is None:
                history.setdefault(seq, []).append(view.outcome.seconds)
                if task.suggested_agent:
                    history.setdefault(task.suggested_agent, []).append(view.outcome.seconds)
    return history
