"""`parex retry`: a fresh attempt of some tasks of a feature, and of no other."""

from __future__ import annotations

import json
import signal
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Final

from parex_tui.agents.driver import DriverError
from parex_tui.cli import FAILED, FINE, INTERRUPTED, NEEDS_REVIEW, UsageError
from parex_tui.report.run_text import SCHEMA, notice_json, notice_text
from parex_tui.run.attempt import Attempt
from parex_tui.run.claim import named
from parex_tui.run.conductor import Conductor
from parex_tui.run.feature_records import FeatureRecord
from parex_tui.run.limits import Choice
from parex_tui.run.mailbox import Order
from parex_tui.run.notices import AttemptEnds, AttemptStarts, Notice
from parex_tui.run.orders import cannot_retry
from parex_tui.run.orders_sent import send_orders
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Command, Do
from parex_tui.run.states import (
    DONE,
    NeverRan,
    Running,
    Starting,
    TaskAccepted,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskVerified,
    Verdict,
)
from parex_tui.tasks.model import Feature
from parex_tui.tasks.text import clean

from .common import demo_consent, find, say, warn
from .recorded import Records, wanted

BY: Final = "parex retry"

TAKEN_WITHIN: Final = 10.0
"""Seconds in which an order that was collected must show: as an attempt, or as a task that waits for its turn."""

_PAUSE: Final = 0.1


class _Signals:
    """What ctrl-c and SIGTERM do: they are counted, and wake whoever waits."""

    def __init__(self) -> None:
        self.interrupts = 0
        self.terminated = 0
        self._came = threading.Event()

    def wait(self, seconds: float) -> None:
        """Until a signal comes, or the time is over."""
        self._came.wait(seconds)
        self._came.clear()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Take the place of what the signals do otherwise."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            self.interrupts += 1
        else:
            self.terminated = 128 + number
        self._came.set()


class _Teller:
    """Prints notices, until nobody reads them any more."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self.reader_gone = False

    def __call__(self, notice: Notice) -> None:
        if self.reader_gone:
            return
        told = notice_text(notice, quiet=self._quiet)
        text = json.dumps(notice_json(notice), ensure_ascii=False) if self._as_json else told
        try:
            if text:
                say(text)
        except BrokenPipeError:  # never in the middle of a pass
            self.reader_gone = True


def retry(options: Namespace) -> int:
    """Exit codes as those of a run: 0 all verified, 1 something failed, 3 what is left needs a review."""
    location = find(options)
    records = Records(location)
    record = records.named(options.feature)
    feature = record.feature
    if feature is None:
        raise UsageError(f"{clean(record.name, 100)} has no folder any more, so nothing of it can run")
    seqs = _chosen(options, records, record, feature)
    if not seqs:
        say(json.dumps(_end(records, feature, FINE), ensure_ascii=False) if options.json else "no task has failed")
        return FINE
    tell, signals = _Teller(as_json=options.json, quiet=options.quiet), _Signals()
    before = {seq: max((one.number for one in record.attempts.get(seq, ())), default=0) for seq in seqs}
    with signals.counted():
        play = _elsewhere if records.journal.is_run(record.key) else _here
        code = play(options, records, feature, seqs, before, tell, signals)
    if options.json and not tell.reader_gone:
        records.again()
        say(json.dumps(_end(records, records.project.feature(record.key) or feature, code), ensure_ascii=False))
    return code


def _chosen(options: Namespace, records: Records, record: FeatureRecord, feature: Feature) -> list[str]:
    """The tasks that are meant, without the ones that the engine refuses. Raises UsageError where none is left."""
    standing = records.standing(feature)
    failed = [seq for seq, state in standing.board.states.items() if isinstance(state, TaskFailed)]
    if options.failed and not options.tasks:
        return [seq for seq in failed if not _refused(cannot_retry(standing, seq))]
    if not options.tasks:
        names = f"failed: {', '.join(clean(seq, 40) for seq in failed)}; " if failed else ""
        raise UsageError(f"which task? {names}name it, or use --failed for every one that has failed")
    meant = dict.fromkeys([wanted(record, word).seq for word in options.tasks] + (failed if options.failed else []))
    refusals = {seq: cannot_retry(standing, seq) for seq in meant}
    if all(refusals.values()):
        raise UsageError("; ".join(dict.fromkeys(refusals.values())))
    if refused := [text for text in refusals.values() if text]:
        # Half of what was asked for is not what was asked for.
        raise UsageError(f"{'; '.join(refused)}; nothing was retried")
    return list(meant)


def _refused(refusal: str) -> bool:
    if refusal:
        warn(refusal)
    return bool(refusal)


# --- here -------------------------------------------------------------------------------------------------------


def _here(
    options: Namespace,
    records: Records,
    feature: Feature,
    seqs: Sequence[str],
    before: dict[str, int],
    tell: _Teller,
    signals: _Signals,
) -> int:
    """Run these tasks with an engine of our own, which starts nothing else."""
    if options.no_wait:
        raise UsageError("--no-wait is for a feature that another parex runs; nobody runs this one but this command")
    if (options.driver or records.settings.driver) == "demo":
        demo_consent(records.root, yes=options.yes)
    try:
        settings = replace(records.settings, demo=replace(records.settings.demo, speed=options.speed))
        setup = make_setup(records.location, settings, Choice(options.driver or "", options.slots, 0))
    except DriverError as error:
        raise UsageError(str(error)) from error
    conductor = Conductor(setup, tell, only=feature.key)
    try:
        conductor.tick()
        refusals = [conductor.obey(Command(Do.RETRY, feature.key, seq)) for seq in seqs]
        if refused := [text for text in refusals if text]:
            raise UsageError("; ".join(dict.fromkeys(refused)))
        return _to_the_end(conductor, records, feature.key, seqs, before, tell, signals)
    finally:
        conductor.close()


def _to_the_end(
    conductor: Conductor,
    records: Records,
    key: str,
    seqs: Sequence[str],
    before: dict[str, int],
    tell: _Teller,
    signals: _Signals,
) -> int:
    obeyed = 0
    while True:
        conductor.tick()
        view = conductor.snapshot().features.get(key)
        if view is None:
            raise UsageError("the feature's folder has gone; put it back")
        states = [view.tasks[seq].state for seq in seqs if seq in view.tasks]
        busy = [state for state in states if isinstance(state, TaskRunning | TaskEnded)]
        if signals.terminated or signals.interrupts > 1 or tell.reader_gone:
            alive = sum(isinstance(state, TaskRunning) for state in states)
            warn(f"{alive} running on without parex; `parex attempts {clean(view.feature.id, 100)}` shows them")
            return signals.terminated or (INTERRUPTED if signals.interrupts else FINE)
        if signals.interrupts > obeyed:
            obeyed = signals.interrupts
            warn("stopping what runs; once more to leave it running")
            conductor.obey(Command(Do.PAUSE, key))
            for seq in seqs:
                conductor.obey(Command(Do.STOP, key, seq))
        elif not busy and not _waits(view.tasks[seq].again for seq in seqs if seq in view.tasks):
            for seq in seqs:
                if seq in view.tasks and isinstance(view.tasks[seq].state, TaskReady):
                    warn(f"{clean(seq, 40)} was not started: {view.message or 'it is not its turn'}")
            return INTERRUPTED if signals.interrupts else _code(records, key, seqs, before)
        signals.wait(conductor.pause())


def _waits(times: Iterator[float | None]) -> bool:
    """Whether one is tried again by itself: the system was short of something."""
    return any(at is not None for at in times)


# --- elsewhere --------------------------------------------------------------------------------------------------


def _elsewhere(
    options: Namespace,
    records: Records,
    feature: Feature,
    seqs: Sequence[str],
    before: dict[str, int],
    tell: _Teller,
    signals: _Signals,
) -> int:
    """Have the parex that runs the feature do it, and look on."""
    holder = named(records.journal.engine_holder(feature.key))
    for name in ("driver", "slots"):
        if getattr(options, name) is not None:
            raise UsageError(f"{holder} runs this feature with a driver and slots of its own; leave --{name} out")
    orders = [Order(Do.RETRY, seq, by=BY) for seq in seqs]
    if not send_orders(records.journal, feature.key, orders, signals.wait):
        if not records.journal.is_run(feature.key):
            return _here(options, records, feature, seqs, before, tell, signals)  # it has gone meanwhile
        raise UsageError(f"{holder} runs this feature and does not answer; let it go on, or end it, then try again")
    if not options.json:
        say(f"asked {holder} to retry {', '.join(clean(seq, 40) for seq in seqs)}")
    if options.no_wait:
        return FINE
    return _look_on(records, feature, seqs, before, tell, signals, holder)


def _look_on(
    records: Records,
    feature: Feature,
    seqs: Sequence[str],
    before: dict[str, int],
    tell: _Teller,
    signals: _Signals,
    holder: str,
) -> int:
    """Until each of them has a new attempt that was judged, or it is sure that there will be none."""
    told: set[Attempt] = set()
    left, until = list(seqs), time.monotonic() + TAKEN_WITHIN
    while left:
        if signals.terminated or signals.interrupts or tell.reader_gone:
            warn(f"{holder} goes on with it")
            return signals.terminated or (INTERRUPTED if signals.interrupts else FINE)
        held = records.journal.is_run(feature.key)
        for seq in list(left):
            attempt = _new(records, feature.key, seq, before)
            if attempt is not None and attempt not in told:
                told.add(attempt)
                tell(_starts(feature, attempt))
            outcome = attempt.outcome() if attempt is not None else None
            if attempt is not None and outcome is not None:
                tell(AttemptEnds(seq, _title(feature, seq), attempt.number, outcome))
                left.remove(seq)
            elif not held and (attempt is None or not isinstance(attempt.state(), Starting | Running)):
                warn(f"{holder} has ended before {clean(seq, 40)} was through; `parex run` goes on with it")
                left.remove(seq)
            elif attempt is None and time.monotonic() > until and not _in_line(records, feature, seq):
                warn(f"{holder} did not begin with {clean(seq, 40)}; it says why on its screen")
                left.remove(seq)
        if left:
            signals.wait(_PAUSE)
    return _code(records, feature.key, seqs, before)


def _in_line(records: Records, feature: Feature, seq: str) -> bool:
    """Whether the task is pending: it waits for a slot, or for its turn."""
    records.again()
    now = records.project.feature(feature.key)
    task = now.task(seq) if now is not None else None
    return task is not None and task.status is not None and task.status.value == "pending"


def _starts(feature: Feature, attempt: Attempt) -> AttemptStarts:
    launch = attempt.launch
    return AttemptStarts(
        launch.seq, _title(feature, launch.seq), attempt.number, launch.driver, launch.is_demo, launch.agent
    )


def _title(feature: Feature, seq: str) -> str:
    task = feature.task(seq)
    return task.title if task is not None else ""


# --- the end ----------------------------------------------------------------------------------------------------


def _new(records: Records, key: str, seq: str, before: dict[str, int]) -> Attempt | None:
    """The newest attempt since the retry was asked for, if it began."""
    found = [one for one in records.journal.attempts(key, seq) if one.number > before[seq]]
    return next((one for one in reversed(found) if not isinstance(one.state(), NeverRan)), None)


def _code(records: Records, key: str, seqs: Sequence[str], before: dict[str, int]) -> int:
    """What these tasks' new attempts came to."""
    found = [_new(records, key, seq, before) for seq in seqs]
    verdicts = {None if one is None or (outcome := one.outcome()) is None else outcome.verdict for one in found}
    if verdicts == {Verdict.VERIFIED}:
        return FINE
    return NEEDS_REVIEW if verdicts <= {Verdict.VERIFIED, Verdict.NEEDS_REVIEW} else FAILED


def _end(records: Records, feature: Feature, code: int) -> dict[str, object]:
    """The last line of `parex.run/1`."""
    view = records.view(feature)
    states = [task.state for task in view.tasks.values()]

    def count(*kinds: type) -> int:
        return sum(isinstance(state, kinds) for state in states)

    return {
        "type": "end",
        "schema": SCHEMA,
        "feature": feature.id,
        "exit": code,
        "verified": count(TaskVerified),
        "accepted": count(TaskAccepted),
        "completed": count(*DONE),
        "needs_review": count(TaskReview),
        "running": count(TaskRunning),
        "tasks": len(states),
        "tokens": view.tokens,
        "cost": view.cost,
        "saved_seconds": view.saved,
    }
