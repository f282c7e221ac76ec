"""`parex verify FEATURE NN`: run the checks that a task file carries, where what they execute is trusted."""

from __future__ import annotations

import json
import signal
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from parex_tui.cli import FAILED, FINE, NOT_TRUSTED, UsageError
from parex_tui.report.verify_text import (
    Found,
    bad_checks_text,
    heading,
    no_checks_text,
    result_text,
    untrusted_text,
    verdict_text,
    verify_json,
)
from parex_tui.run.checks import BadChecks, CheckResult, Cleared, NoChecks, Report, Untrusted, look
from parex_tui.run.checks import verify as run_checks
from parex_tui.run.statedir import StateError
from parex_tui.run.trust import Trust, UnsafeError
from parex_tui.tasks.model import Feature, Task
from parex_tui.tasks.naming import task_named
from parex_tui.tasks.reader import read_project

from .common import find, not_found, pick, say, warn


def verify(options: Namespace) -> int:
    """0 where every check passed, 1 where one failed or there is none to run, 4 where one may not be run."""
    location = find(options)
    feature = pick(read_project(location), options.feature)
    if (options.task is None) != options.all:
        raise UsageError("which task? Give its number, or --all for every task that has checks, not both")
    tasks = feature.tasks if options.all else tuple(filter(None, [task_named(feature, options.task)]))
    if not tasks and not options.all:
        reason = not_found(feature, options.task)
        say(json.dumps(verify_json(location.root, feature, (), reason), indent=2) if options.json else reason)
        return FAILED
    trust = Trust(location.root)
    found: list[tuple[Task, Found]] = []
    try:
        with ended_by_signals():
            for task in tasks:
                standing = look(task, trust)
                if options.all and isinstance(standing, NoChecks):
                    continue
                came: Found
                if not isinstance(standing, Cleared):
                    came = standing
                elif options.json:
                    came = run_checks(location.root, feature, task, standing, time.time)
                else:
                    say(heading(feature, task))
                    came = run_checks(location.root, feature, task, standing, time.time, _tell)
                found.append((task, came))
                if not options.json:
                    say(_after(feature, task, came))
    except (UnsafeError, StateError) as error:
        warn(str(error))
        return NOT_TRUSTED
    if options.json:
        say(json.dumps(verify_json(location.root, feature, found), indent=2))
    elif not found:
        say(f"No task of {feature.id} has a verification block.")
    return _exit_code([came for _, came in found])


def _tell(result: CheckResult) -> None:
    say(result_text(result))


def _after(feature: Feature, task: Task, found: Found) -> str:
    match found:
        case Report():
            return verdict_text(found)
        case NoChecks():
            return no_checks_text(feature, task)
        case BadChecks():
            return bad_checks_text(task, found)
        case Untrusted():
            return untrusted_text(feature, found)


def _exit_code(found: list[Found]) -> int:
    """A failure is known for sure, so it comes before what may not be run."""
    if not found or any(not isinstance(one, Untrusted | Report) for one in found):
        return FAILED
    if any(isinstance(one, Report) and not one.passed for one in found):
        return FAILED
    return NOT_TRUSTED if any(isinstance(one, Untrusted) for one in found) else FINE


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind as SIGINT does, so that a running command is ended with everything it started."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
