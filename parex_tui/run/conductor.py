"""Watches the files, lets the engines pass, and publishes snapshots. The same for a screen and for a headless run.

A screen calls `start()`, which runs the passes in a thread of their own; a headless run calls `tick()` itself.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from parex_tui.agents.driver import Driver, Parser
from parex_tui.agents.events import Event
from parex_tui.agents.stream import BACKLOG_BYTES
from parex_tui.tasks.edit import EditError
from parex_tui.tasks.layout import Location
from parex_tui.tasks.model import Feature
from parex_tui.tasks.reader import Reader
from parex_tui.tasks.text import clean
from parex_tui.tasks.watch import Watcher

from .activity import Follower
from .attempts import Attempt, Journal
from .clerk import Clerk
from .desk import Desk
from .engine import Engine
from .judging import Judge
from .limits import Limits
from .notices import AgentDid, Notice
from .snapshot import ABOUT_FILES, Activity, Answer, Command, Do, EngineState, FeatureView, Snapshot
from .starting import Starter
from .statedir import StateError
from .states import NeverRan, Running, Starting, TaskElsewhere, Verdict
from .stop import request_stop
from .survey import Standing, Surveyor
from .views import make_view

LIVELY: Final = 0.05
"""Seconds between passes while something runs."""

ENDED_BACKLOG: Final = 256 * 1024
"""Bytes of an ended attempt's output that are read for its pane; all of it stays in its file."""

CALM: Final = 1.0
"""Seconds between passes otherwise: events are hints, this scan is the truth."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a conductor works with. `driver` is None where no agent is set up: then everything but running works."""

    location: Location
    journal: Journal
    limits: Limits
    driver: Driver | None
    starter: Starter
    judge: Judge
    parser_for: Callable[[str], Parser]
    clock: Callable[[], float]
    desk: Desk


class Conductor:
    """Implements `Control`. `tell` hears every notice, from the thread that passes."""

    def __init__(
        self,
        setup: Setup,
        tell: Callable[[Notice], None] = lambda notice: None,
        *,
        focus: str = "",
        only: str = "",
    ) -> None:
        """`focus`: key of the feature that a screen begins with. `only`: key of the one feature that is worked on."""
        self._setup = setup
        self._only = only
        self._failures: dict[str, str] = {}  # by feature: why it could not be looked after, one line
        self._tell = tell
        self._reader = Reader(setup.location)
        self._surveyor = Surveyor(setup.location.root, setup.journal, setup.limits, setup.clock)
        self._clerk = Clerk(setup.location, setup.desk, setup.journal)
        self._answer: Answer | None = None
        self._engines: dict[str, Engine] = {}
        self._followers: dict[Path, Follower] = {}
        self._standings: dict[str, tuple[object, Standing]] = {}
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._listeners: list[Callable[[], None]] = []
        self._wake = threading.Event()
        self._changed = threading.Event()
        self._scanned = time.monotonic()
        self._closing = threading.Event()
        self._worker: ThreadPoolExecutor | None = None
        self._watcher: Watcher | None = None
        self._began = setup.clock()
        self._project = self._reader.read()
        self._snapshot = Snapshot(version=0, now=setup.clock(), project=self._project, focus=focus)

    # --- Control ---------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    def send(self, command: Command) -> str:
        """Queue a command for the next pass. Its refusal, if any, comes as the feature's message, or as the answer."""
        if command.feature not in self._snapshot.features and (command.feature or command.do not in ABOUT_FILES):
            return "that feature is not there any more"
        self._commands.put(command)
        self._wake.set()
        return ""

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every new snapshot."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin to watch and to pass, in a thread. The first snapshot is there when this returns."""
        self.tick()
        self._watcher = Watcher(self._setup.location, self._heard)
        self._watcher.start()
        self._worker = ThreadPoolExecutor(1, "conductor")
        self._worker.submit(self._loop).add_done_callback(self._loop_ended)

    def close(self) -> None:
        """Stop; running attempts go on under their keepers."""
        self._closing.set()
        self._wake.set()
        if self._worker is not None:
            self._worker.shutdown()
            self._worker = None
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        for engine in self._engines.values():
            engine.release()

    def _heard(self) -> None:
        """Called by the watcher, from its own threads: something below the tasks folders may have changed."""
        self._changed.set()
        self._wake.set()

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self.pause())
            self._wake.clear()
            if self._closing.is_set():
                return
            try:
                self.tick()
            except (OSError, StateError, EditError) as error:
                self._trouble(f"{clean(str(error), 300)}; trying again")

    def _loop_ended(self, loop: Future[None]) -> None:
        """A mistake in parex itself ended the loop: say so, since nothing on the screen is new from here on."""
        error = loop.exception()
        if error is not None:
            kind = type(error).__name__
            self._trouble(f"parex has failed inside ({kind}); start it again. Running attempts are not harmed")

    def _trouble(self, text: str) -> None:
        if self._snapshot.trouble == text:
            return
        self._snapshot = replace(self._snapshot, version=self._snapshot.version + 1, trouble=text)
        self._call_listeners()

    def pause(self) -> float:
        """Seconds until the next pass is due."""
        lively = any(view.engine is EngineState.RUNNING for view in self._snapshot.features.values())
        due = LIVELY if lively else CALM
        pending = self._reader.next_check
        return due if pending is None else max(0.01, min(due, pending))

    # --- a pass ----------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Read what changed, obey what was asked, let every engine pass, publish."""
        self._read()
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                break
            self.obey(command)
        self._setup.desk.hold()
        features = [one for one in self._project.features if self._only in ("", one.key)]
        views = {view.key: view for feature in features if (view := self._look_after(feature)) is not None}
        self._drop_gone()
        self._publish(views)

    def _read(self) -> None:
        """Look at all files, or between two scans, while nothing is heard, at those of the features that run here.

        Without a watcher every pass is a scan, but that of one who works on one feature only.
        """
        now = time.monotonic()
        silent = not self._changed.is_set() and (self._watcher is not None or self._only)
        if silent and not self._reader.is_waiting and 0 <= now - self._scanned < CALM:
            for key, engine in self._engines.items():
                if engine.owns:
                    self._project = self._reader.refresh(key)
            return
        self._changed.clear()
        self._scanned = now
        self._project = self._reader.read()

    def obey(self, command: Command) -> str:
        """Carry out a command now. Returns "" or the refusal in one line."""
        if command.do in ABOUT_FILES:
            self._answer = self._clerk.carry_out(command, self._project)
            self._project = self._reader.read()
            return "" if self._answer.done else self._answer.text
        orphans = [one for one in self._orphans() if command.do is not Do.STOP]
        if orphans and command.do is Do.STOP_ALL:
            for attempt in orphans:
                request_stop(attempt, by="person")
        elif orphans and command.do in (Do.RUN, Do.RETRY, Do.RETRY_FAILED, Do.RESET, Do.NEXT):
            refusal = f"{_orphaned(orphans)}; stop all first, or put its folder back"
            self._failures[command.feature] = refusal
            return refusal
        try:
            refusal = self._engine(command.feature).obey(command)
        except (OSError, StateError, EditError) as error:
            refusal = clean(str(error), 300)
            self._failures[command.feature] = refusal
        else:
            self._failures.pop(command.feature, None)
        return refusal

    def _orphans(self) -> list[Attempt]:
        """Attempts that are alive though their feature's folder is gone, renamed say."""
        keys = {feature.key for feature in self._project.features}
        return [attempt for attempt in self._setup.journal.all_live() if attempt.launch.feature not in keys]

    def _look_after(self, feature: Feature) -> FeatureView | None:
        """A feature's pass. What fails in one never keeps the others waiting: it is told with the feature."""
        try:
            self._setup.journal.know(feature)
            self._adopt(feature)
            view = self._look(feature)
        except (OSError, StateError, EditError) as error:
            old = self._snapshot.features.get(feature.key)
            return None if old is None else replace(old, message=f"{clean(str(error), 300)}; trying again")
        failure = self._failures.get(feature.key)
        return view if failure is None else replace(view, message=failure)

    def _engine(self, key: str) -> Engine:
        if key not in self._engines:
            setup = self._setup
            self._engines[key] = Engine(
                key,
                root=setup.location.root,
                journal=setup.journal,
                driver=setup.driver,
                limits=setup.limits,
                starter=setup.starter,
                judge=setup.judge,
                surveyor=self._surveyor,
                read=lambda: self._fresh(key),
                clock=setup.clock,
                drain=self._drain,
                tell=self._tell,
            )
        return self._engines[key]

    def _fresh(self, key: str) -> Feature | None:
        self._project = self._reader.refresh(key)
        return self._project.feature(key)

    def _adopt(self, feature: Feature) -> None:
        """Own a feature that has an attempt which still runs, or ended while nobody looked."""
        engine = self._engines.get(feature.key)
        if engine is not None and engine.owns:
            return
        attempts = self._setup.journal.feature_attempts(feature.key)
        if any(_unsettled(found) for found in attempts.values()):
            self._engine(feature.key).take()

    def _look(self, feature: Feature) -> FeatureView:
        setup = self._setup
        engine = self._engines.get(feature.key)
        standing: Standing | None = None
        if engine is not None and engine.owns:
            standing = engine.pass_once()
            engine.rest()
        attempts = setup.journal.feature_attempts(feature.key)
        if standing is None:
            standing = self._survey(feature, attempts)
        activities = self._follow(feature.key, attempts)
        state = engine.state(standing) if engine is not None else EngineState.IDLE
        if engine is not None and not engine.owns and any(_alive(found) for found in attempts.values()):
            state = EngineState.ELSEWHERE
        message = engine.message if engine is not None else ""
        going = engine is not None and engine.going
        return make_view(
            standing, activities, state, message=message, driver=setup.driver, slots=setup.limits.slots, going=going
        )

    def _survey(self, feature: Feature, attempts: Mapping[str, tuple[Attempt, ...]]) -> Standing:
        """Where a feature stands; worked out again only when something it depends on changed."""
        basis = (
            id(feature),
            id(self._setup.journal.decisions(feature.key)),
            tuple((one.dir, type(one.state()), one.outcome()) for found in attempts.values() for one in found),
        )
        known = self._standings.get(feature.key)
        if known is not None and known[0] == basis and known[1].feature is feature and not self._aged(known[1]):
            return known[1]
        standing = self._surveyor.survey(feature)
        self._standings[feature.key] = (basis, standing)
        return standing

    def _aged(self, standing: Standing) -> bool:
        """Whether time alone has made a task of it stale."""
        age = self._setup.clock() - self._setup.limits.stale_after
        return any(
            isinstance(state, TaskElsewhere) and state.stale != (state.since < age)
            for state in standing.board.states.values()
        )

    def _follow(self, key: str, attempts: Mapping[str, tuple[Attempt, ...]]) -> dict[str, Activity]:
        """The activity of every task's newest attempt that ran."""
        activities: dict[str, Activity] = {}
        for seq, found in attempts.items():
            ran = [attempt for attempt in found if not isinstance(attempt.state(), NeverRan)]
            if not ran:
                continue
            last = ran[-1]
            if not (key in self._engines or _is_open(last) or last.dir in self._followers):
                continue  # what ended well long ago is read when somebody works with the feature again
            for earlier in ran[:-1]:
                self._followers.pop(earlier.dir, None)
            follower = self._follower(last)
            self._tell_events(last, follower.poll())
            activities[seq] = follower.activity
        return activities

    def _follower(self, attempt: Attempt) -> Follower:
        follower = self._followers.get(attempt.dir)
        if follower is None:
            parser = self._setup.parser_for(attempt.launch.driver)
            told = attempt.applied()
            backlog = ENDED_BACKLOG if told else BACKLOG_BYTES
            late = attempt.launch.created < self._began
            root, clock = self._setup.location.root, self._setup.clock
            follower = Follower(attempt, parser, clock, root, backlog=backlog, late=late)
            self._followers[attempt.dir] = follower
            if told:
                follower.drain()  # told in its time; here it is only shown
        return follower

    def _drain(self, attempt: Attempt) -> None:
        """Tell everything that an ended attempt printed, before its verdict is told."""
        self._tell_events(attempt, self._follower(attempt).drain())

    def _tell_events(self, attempt: Attempt, events: Sequence[Event]) -> None:
        for event in events:
            self._tell(AgentDid(seq=attempt.launch.seq, attempt=attempt.number, event=event))

    def _drop_gone(self) -> None:
        keys = {feature.key for feature in self._project.features}
        for key in [key for key in self._standings if key not in keys]:
            del self._standings[key]

    def _publish(self, views: dict[str, FeatureView]) -> None:
        old = self._snapshot
        orphans = self._orphans()
        trouble = _orphaned(orphans) if orphans else self._setup.desk.trouble
        desk = self._setup.desk
        files = (desk.conflicts(), desk.undo_text(), self._answer)
        same = old.project is self._project and old.features == views and old.trouble == trouble
        if same and files == (old.conflicts, old.undo, old.answer) and old.version > 0:
            return
        kept = {key: old.features[key] if old.features.get(key) == view else view for key, view in views.items()}
        self._snapshot = replace(
            old,
            trouble=trouble,
            version=old.version + 1,
            now=self._setup.clock(),
            project=self._project,
            features=kept,
            conflicts=files[0],
            undo=files[1],
            answer=files[2],
        )
        self._call_listeners()

    def _call_listeners(self) -> None:
        for listener in list(self._listeners):
            listener()


def _is_open(attempt: Attempt) -> bool:
    """Whether somebody still has to look at it: alive, not judged, failed, or waiting for a review."""
    outcome = attempt.outcome()
    return outcome is None or outcome.verdict is not Verdict.VERIFIED


def _orphaned(orphans: Sequence[Attempt]) -> str:
    names = ", ".join(f"{one.launch.seq} of {one.launch.feature}" for one in orphans[:3])
    return f"{len(orphans)} running for a feature whose folder is gone ({clean(names)})"


def _alive(attempts: tuple[Attempt, ...]) -> bool:
    return any(isinstance(attempt.state(), Running | Starting) for attempt in attempts)


def _unsettled(attempts: tuple[Attempt, ...]) -> bool:
    ran = [attempt for attempt in attempts if not isinstance(attempt.state(), NeverRan)]
    return bool(ran) and (not ran[-1].applied())
