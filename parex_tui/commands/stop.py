"""`parex stop`: ends attempts for their whole tree, and waits until it is proven empty."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Final

from parex_tui.cli import FAILED, FINE, UsageError
from parex_tui.report.stop_text import How, Paused, Stopped, attempt_name, how_it_ended, stop_json, stopped_text
from parex_tui.run.attempt import Attempt
from parex_tui.run.claim import named
from parex_tui.run.conductor import Conductor
from parex_tui.run.feature_records import FeatureRecord
from parex_tui.run.limits import Choice
from parex_tui.run.mailbox import Order
from parex_tui.run.orders_sent import send_orders
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Do
from parex_tui.run.states import Exited, Lost, NeverRan, Running, Starting
from parex_tui.run.stop import request_stop, sweep
from parex_tui.tasks.text import clean

from .common import ask, find, say, warn
from .recorded import Records, wanted

BY: Final = "parex stop"
"""Who asked, as the verdict names it."""

BEYOND_GRACE: Final = 30.0
"""Seconds after an attempt's grace within which a keeper that still lives has ended its tree."""

_PAUSE: Final = 0.05
_TELL_AFTER: Final = 2.0  # seconds between two lines that say what is still waited for

_Target = tuple[FeatureRecord, Attempt]


def stop(options: Namespace) -> int:
    """0 where nothing of them is left, 1 where something could not be proven dead."""
    if options.all and options.feature is not None:
        raise UsageError("--all means every feature: leave the name out")
    records = Records(find(options))
    tell = (lambda text: None) if options.json else say
    whole = options.all or not options.tasks
    if options.feature is not None:
        chosen: tuple[FeatureRecord, ...] = (records.named(options.feature),)
    else:
        chosen = records.all
    seqs = {wanted(chosen[0], word).seq for word in options.tasks} if not whole else None
    targets = _targets(chosen, seqs)
    if options.feature is None and not options.all and targets:
        names = ", ".join(attempt_name(record, attempt) for record, attempt in targets[:12])
        raise UsageError(f"stop what? Running: {names}; name a feature, or use --all")
    _confirm(targets, yes=options.yes)
    paused = _pause(records, chosen, tell) if whole else []
    if paused:
        records.again()
        chosen = tuple(one for one in records.all if one.folder in {known.folder for known in chosen})
        targets = [*targets, *(new for new in _targets(chosen, seqs) if new[1] not in {one[1] for one in targets})]
    stopped = _end(targets, tell, wait=not options.no_wait)
    if not options.no_wait:
        _settle(records, [one.record for one in stopped])
    if options.json:
        say(json.dumps(stop_json(paused, stopped, records.root), ensure_ascii=False, indent=2))
    elif not stopped:
        say(_nothing(options, chosen))
    return FAILED if any(one.how is How.ALIVE for one in stopped) else FINE


def _targets(chosen: Sequence[FeatureRecord], seqs: set[str] | None) -> list[_Target]:
    """What is alive, and what was lost and not judged: of that something may still be running."""
    return [
        (record, attempt)
        for record in chosen
        for attempt in record.all()
        if (seqs is None or attempt.launch.seq in seqs) and _may_run(attempt)
    ]


def _may_run(attempt: Attempt) -> bool:
    state = attempt.state()
    return isinstance(state, Starting | Running) or (isinstance(state, Lost) and attempt.outcome() is None)


def _nothing(options: Namespace, chosen: Sequence[FeatureRecord]) -> str:
    if options.feature is None:
        return "nothing runs in this project"
    tasks = f" of {', '.join(clean(word, 40) for word in options.tasks)}" if options.tasks else ""
    return f"nothing{tasks} runs in {clean(chosen[0].name, 100)}" if chosen else "nothing runs"


def _confirm(targets: Sequence[_Target], *, yes: bool) -> None:
    """Raises UsageError where more than one would be stopped and nobody said yes."""
    if len(targets) < 2 or yes:
        return
    names = ", ".join(attempt_name(record, attempt) for record, attempt in targets[:8])
    more = f" and {len(targets) - 8} more" if len(targets) > 8 else ""
    if not ask(f"Stop {len(targets)} running attempts ({names}{more})?"):
        raise UsageError(f"nothing was stopped; {len(targets)} run ({names}{more}): add --yes to stop them")


# --- pausing ----------------------------------------------------------------------------------------------------


def _pause(records: Records, chosen: Sequence[FeatureRecord], tell: Callable[[str], None]) -> list[Paused]:
    """Have whoever runs these features start nothing new. Where nobody does, nothing new starts anyway."""
    found: list[Paused] = []
    for record in chosen:
        if record.feature is None or not records.journal.is_run(record.key):
            continue
        holder = records.journal.engine_holder(record.key)
        answered = send_orders(records.journal, record.key, [Order(Do.STOP_ALL, by=BY)], time.sleep)
        name = clean(record.name, 100)
        if answered:
            tell(f"{name}: {named(holder)} starts nothing new")
        elif records.journal.is_run(record.key):
            warn(f"{name}: {named(holder)} does not answer; what runs is stopped, but it may start more")
        else:
            answered = True  # it has gone meanwhile
        found.append(Paused(record, None if holder is None else holder.pid, answered))
    return found


# --- ending -----------------------------------------------------------------------------------------------------


def _end(targets: Sequence[_Target], tell: Callable[[str], None], *, wait: bool) -> list[Stopped]:
    """Ask every one of them, then see each out."""
    refused: dict[Attempt, str] = {}
    for _, attempt in targets:
        try:
            request_stop(attempt, BY)
        except OSError as error:
            refused[attempt] = f"it could not be asked to stop: {error.strerror or error}"
    if not wait:
        done = [_asked(record, attempt, refused.get(attempt, "")) for record, attempt in targets]
        for one in done:
            tell(stopped_text(one))
        return done
    grace = max((attempt.launch.grace for _, attempt in targets), default=0.0)
    until = time.monotonic() + grace + BEYOND_GRACE
    left, done, told = list(targets), [], time.monotonic()
    while left:
        for target in list(left):
            found = _look(*target, last=time.monotonic() > until, refused=refused.get(target[1], ""))
            if found is not None:
                left.remove(target)
                done.append(found)
                tell(stopped_text(found))
        if left and time.monotonic() - told >= _TELL_AFTER:
            told = time.monotonic()
            names = ", ".join(attempt_name(record, attempt) for record, attempt in left[:8])
            warn(f"waiting for {names} to end (killed after a grace of {grace:g} s)")
        if left:
            time.sleep(_PAUSE)
    return done


def _asked(record: FeatureRecord, attempt: Attempt, refused: str) -> Stopped:
    if refused:
        return Stopped(record, attempt, How.ALIVE, refused)
    return Stopped(record, attempt, How.ASKED)


def _look(record: FeatureRecord, attempt: Attempt, *, last: bool, refused: str) -> Stopped | None:
    """What became of it, None while it is still ending."""
    state = attempt.state()
    match state:
        case Exited():
            return Stopped(record, attempt, how_it_ended(state))
        case NeverRan():
            return Stopped(record, attempt, How.NEVER_RAN)
        case Lost():
            if sweep(attempt):
                return Stopped(record, attempt, How.LOST)
            return Stopped(record, attempt, How.ALIVE, "its keeper died, and what it left behind does not go")
        case _ if last:
            pid = f"; its keeper is process {state.keeper_pid}" if isinstance(state, Running) else ""
            return Stopped(record, attempt, How.ALIVE, (refused or "its keeper has not ended it in time") + pid)
        case _:
            return None


def _settle(records: Records, ended: Sequence[FeatureRecord]) -> None:
    """Judge what ended and write it into the task files, where no other parex does."""
    for record in {one.key: one for one in ended if one.feature is not None}.values():
        conductor = Conductor(make_setup(records.location, records.settings, Choice()), only=record.key)
        try:
            conductor.tick()
        finally:
            conductor.close()
