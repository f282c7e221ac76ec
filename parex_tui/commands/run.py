"""`parex run FEATURE`: the engine without a screen."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from parex_tui.agents.driver import DriverError
from parex_tui.cli import FAILED, FINE, INTERRUPTED, NEEDS_REVIEW, UsageError
from parex_tui.report.run_text import SCHEMA, notice_json, notice_text
from parex_tui.run.claim import Presence
from parex_tui.run.conductor import Conductor
from parex_tui.run.leaving import UP_SECONDS
from parex_tui.run.limits import Choice
from parex_tui.run.notices import Notice
from parex_tui.run.parts import Setup
from parex_tui.run.setup import make_setup
from parex_tui.run.snapshot import Command, Do, EngineState, FeatureView
from parex_tui.run.states import (
    DONE,
    TaskAccepted,
    TaskBarred,
    TaskElsewhere,
    TaskReview,
    TaskRunning,
    TaskVerified,
    TaskWaiting,
)
from parex_tui.settings import Settings
from parex_tui.tasks.layout import Location
from parex_tui.tasks.model import Feature
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.text import clean

from .common import ask, demo_consent, find, pick, say, settings_for, warn

TERMINATED = 128 + signal.SIGTERM


def run(options: Namespace) -> int:
    """Run a feature to its end or to a gate that only a person can open."""
    location = find(options)
    settings = settings_for(location.root)
    feature = pick(read_project(location), options.feature)
    settings = _with_demo(settings, options.speed, options.fail)
    choice = Choice(options.driver or "", options.slots, options.retries, options.retry_on)
    if options.left:
        return _left(location, settings, choice, feature.key)
    if (options.driver or settings.driver) == "demo":
        demo_consent(location.root, yes=options.yes)
    if options.detach:
        if options.json:
            raise UsageError("--detach leaves nobody to print events: leave --json out, and use `parex status --json`")
        return _detach(location, settings, choice, feature, yes=options.yes, reset=options.reset)
    return play(
        location,
        settings,
        choice,
        feature.key,
        as_json=options.json,
        quiet=options.quiet,
        yes=options.yes,
        reset=options.reset,
    )


def _with_demo(settings: Settings, speed: float, fail: str) -> Settings:
    """`fail` as in `DemoSettings`: which first attempts fail, or "auto" or "none" of them; "" leaves it."""
    demo = replace(settings.demo, speed=speed)
    if fail:
        demo = replace(demo, fail=fail) if fail in ("auto", "none") else replace(demo, fail_seqs=fail)
    return replace(settings, demo=demo)


def _ready(location: Location, settings: Settings, choice: Choice) -> Setup:
    """What a run works with, checked. Raises UsageError."""
    try:
        setup = make_setup(location, settings, choice)
        if setup.driver is None:
            raise UsageError("no agent is set up: use --driver NAME (--driver demo to try it), see the README")
        setup.driver.check()
    except DriverError as error:
        raise UsageError(str(error)) from error
    if choice.slots is not None and choice.slots > 8:
        warn(f"{choice.slots} slots: more than 8 agents at a time seldom helps, and costs memory and money")
    return setup


def _detach(location: Location, settings: Settings, choice: Choice, feature: Feature, *, yes: bool, reset: bool) -> int:
    """Find out here what would be refused, then leave the run to an engine without a terminal."""
    conductor = Conductor(_ready(location, settings, choice), only=feature.key)
    try:
        conductor.tick()
        _free_stale(conductor, feature.key, yes=yes, reset=reset)
        if refusal := conductor.obey(Command(Do.RUN, feature.key)):
            raise UsageError(refusal)
        left = conductor.leave_running()
    finally:
        conductor.close()
    for refusal in left.refused:
        warn(refusal)
    if not left.features:
        return FAILED
    name = clean(feature.id)
    say(f"{name} runs without this terminal; look: parex, or parex status {name}; stop: parex stop {name}")
    return FINE


def _left(location: Location, settings: Settings, choice: Choice, key: str) -> int:
    """Go on with a run that another parex leaves to this process, which has no terminal."""
    presence = Presence(screen=False, left=True)

    def tell(notice: Notice) -> None:
        if text := notice_text(notice, quiet=True):
            with contextlib.suppress(OSError):  # a full disk stops no run
                say(text)

    conductor = Conductor(_ready(location, settings, choice), tell, only=key, presence=presence)
    try:
        play = _Play(conductor, key, tell_end=_end_teller(as_json=False), detached=True)
        return play.of_another()
    finally:
        conductor.close()


def play(
    location: Location,
    settings: Settings,
    choice: Choice,
    key: str,
    *,
    as_json: bool,
    quiet: bool,
    yes: bool,
    reset: bool = False,
) -> int:
    """Run one feature headless and return the exit code. Raises UsageError where it cannot begin."""
    setup = _ready(location, settings, choice)
    reader_gone = threading.Event()

    def tell(notice: Notice) -> None:
        if reader_gone.is_set():
            return
        text = json.dumps(notice_json(notice), ensure_ascii=False) if as_json else notice_text(notice, quiet=quiet)
        try:
            if text:
                say(text)
        except OSError:  # the reader has gone; never in the middle of a pass: it ends between two, as after a hang-up
            reader_gone.set()

    conductor = Conductor(setup, tell, only=key)
    try:
        teller = _end_teller(as_json)
        return _Play(conductor, key, tell_end=teller, yes=yes, reset=reset, reader_gone=reader_gone).to_the_end()
    finally:
        conductor.close()


def _end_teller(as_json: bool) -> Callable[[FeatureView, int], None]:
    def tell(view: FeatureView, code: int) -> None:
        states = {seq: task.state for seq, task in view.tasks.items()}
        tally = {
            "verified": sum(isinstance(state, TaskVerified) for state in states.values()),
            "accepted": sum(isinstance(state, TaskAccepted) for state in states.values()),
            "completed": sum(isinstance(state, DONE) for state in states.values()),
            "needs_review": sum(isinstance(state, TaskReview) for state in states.values()),
            "running": sum(isinstance(state, TaskRunning) for state in states.values()),
            "tasks": len(states),
        }
        if as_json:
            record = {"type": "end", "schema": SCHEMA, "feature": view.feature.id, "exit": code, **tally}
            record |= {"tokens": view.tokens, "cost": view.cost, "saved_seconds": view.saved}
            say(json.dumps(record, ensure_ascii=False))
            return
        say(f"{view.feature.id}: {tally['completed']} of {tally['tasks']} completed, {tally['verified']} verified")
        for seq, state in states.items():
            if isinstance(state, TaskBarred):
                say(f"  {seq} cannot run: {state.reason}")

    return tell


class _Play:
    """The loop of a headless run, and what signals do to it."""

    def __init__(
        self,
        conductor: Conductor,
        key: str,
        tell_end: Callable[[FeatureView, int], None],
        *,
        yes: bool = False,
        reset: bool = False,
        reader_gone: threading.Event | None = None,
        detached: bool = False,
    ) -> None:
        self._conductor = conductor
        self._key = key
        self._tell_end = tell_end
        self._yes = yes
        self._reset = reset
        self._reader_gone = reader_gone or threading.Event()
        self._detached = detached
        self._interrupts = 0
        self._terminated = False
        self._signalled = threading.Event()

    def to_the_end(self) -> int:
        """Begin the run, and work through it."""
        with self._signals():
            self._conductor.tick()
            if not self._signalled.is_set():
                _free_stale(self._conductor, self._key, yes=self._yes, reset=self._reset)
            if self._signalled.is_set():
                return self._leave(self._view())
            refusal = self._conductor.obey(Command(Do.RUN, self._key))
            if refusal and not self._all_done():
                raise UsageError(refusal)
            return self._work()

    def of_another(self) -> int:
        """Take over what another parex leaves, and work through it as it would have."""
        with self._signals():
            until = time.monotonic() + UP_SECONDS
            while not self._conductor.inherit(self._key):
                if time.monotonic() > until or self._signalled.is_set():
                    warn("the run was not left to this process: another parex has it")
                    return FAILED
                self._signalled.wait(0.01)
            return self._work()

    def _work(self) -> int:
        obeyed = 0
        while True:
            self._conductor.tick()
            view = self._view()
            if self._conductor.given_to(self._key):
                code = FINE if self._detached else INTERRUPTED
                self._tell_end(view, code)
                return code
            if self._terminated or self._interrupts > 1 or self._reader_gone.is_set():
                return self._leave(view)
            if self._interrupts > obeyed:
                obeyed = self._interrupts
                warn("stopping what runs; once more to leave it running")
                self._conductor.obey(Command(Do.STOP_ALL, self._key))
            elif view.engine is not EngineState.RUNNING and view.engine is not EngineState.ELSEWHERE:
                code = INTERRUPTED if self._interrupts else exit_code(view)
                self._tell_end(view, code)
                return code
            self._signalled.wait(self._conductor.pause())
            self._signalled.clear()

    def _view(self) -> FeatureView:
        view = self._conductor.snapshot().features.get(self._key)
        if view is None:
            trouble = self._conductor.snapshot().trouble
            raise UsageError(f"the feature's folder has gone{f': {trouble}' if trouble else ''}; put it back")
        return view

    def _all_done(self) -> bool:
        view = self._conductor.snapshot().features.get(self._key)
        return view is not None and all(isinstance(task.state, (*DONE, TaskBarred)) for task in view.tasks.values())

    def _leave(self, view: FeatureView) -> int:
        alive = sum(isinstance(task.state, TaskRunning) for task in view.tasks.values())
        warn(f"{alive} running on without parex; `parex run {view.feature.id}` goes on with them")
        return TERMINATED if self._terminated else INTERRUPTED

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def interrupt(number: int, frame: FrameType | None) -> None:
            self._interrupts += 1
            self._signalled.set()

        def terminate(number: int, frame: FrameType | None) -> None:
            self._terminated = True
            self._signalled.set()

        before = {
            signal.SIGINT: signal.signal(signal.SIGINT, interrupt),
            signal.SIGTERM: signal.signal(signal.SIGTERM, terminate),
            signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_IGN if self._detached else terminate),
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def exit_code(view: FeatureView) -> int:
    """0 where every task is done, 3 where what is left only waits for a review, else 1."""
    left = [task.state for task in view.tasks.values() if not isinstance(task.state, DONE)]
    if not left:
        return FINE
    review = any(isinstance(state, TaskReview) for state in left)
    return NEEDS_REVIEW if review and all(isinstance(state, TaskReview | TaskWaiting) for state in left) else FAILED


def _free_stale(conductor: Conductor, key: str, *, yes: bool, reset: bool) -> None:
    """Tasks that nobody works on any more: ask (or take --yes) before they run again."""
    view = conductor.snapshot().features.get(key)
    stale = [
        task.task
        for task in (view.tasks.values() if view is not None else ())
        if isinstance(task.state, TaskElsewhere) and (task.state.stale or reset)
    ]
    if not stale:
        return
    names = ", ".join(task.name for task in stale)
    if yes or reset or ask(f"In progress on disk, and nobody has changed it for a while: {names}. Run again?"):
        for task in stale:
            conductor.obey(Command(Do.RESET, key, task.seq))
