"""Watches the files, lets the engines pass, and publishes snapshots. The same for a screen and for a headless run.

A screen calls `start()`, which runs the passes in a thread of their own; a headless run calls `tick()` itself.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from parex_tui.tasks.edit import EditError
from parex_tui.tasks.model import Feature
from parex_tui.tasks.reader import Reader
from parex_tui.tasks.text import clean
from parex_tui.tasks.watch import Watcher

from .attempts import Attempt, Holder
from .claim import Presence
from .clerk import Clerk
from .engine import Engine
from .following import Following
from .leaving import LeftRunning, leave
from .notices import Notice, Refused
from .parts import Setup
from .snapshot import ABOUT_FILES, Answer, BatchState, Command, Do, EngineState, FeatureView, Snapshot
from .statedir import StateError
from .states import NeverRan, TaskEnded, TaskRunning
from .stop import request_stop
from .survey import Standing, Surveyor
from .views import make_view

LIVELY: Final = 0.05
"""Seconds between passes while something runs."""

CALM: Final = 1.0
"""Seconds between passes otherwise: events are hints, this scan is the truth."""


_DRIVEN_NO_MORE: Final = "this run was going, and no parex drives it now: run it to go on"


class Conductor:
    """Implements `Control`. `tell` hears every notice, from the thread that passes."""

    def __init__(
        self,
        setup: Setup,
        tell: Callable[[Notice], None] = lambda notice: None,
        *,
        focus: str = "",
        only: str = "",
        presence: Presence | None = None,
    ) -> None:
        """`focus`: key of the feature that a screen begins with. `only`: key of the one feature that is worked on.

        `presence` is what others are told of who runs a feature; without it a screen, unless it works on `only` one.
        """
        self._setup = setup
        self._presence = Presence(screen=not only) if presence is None else presence
        self._only = only
        self._failures: dict[str, str] = {}  # by feature: why it could not be looked after, one line
        self._tell = tell
        self._reader = Reader(setup.location)
        self._surveyor = Surveyor(setup.location.root, setup.journal, setup.limits, setup.clock)
        self._clerk = Clerk(setup.location, setup.desk, setup.journal)
        self._answer: Answer | None = None
        self._engines: dict[str, Engine] = {}
        self._following = Following(setup.location.root, setup.parser_for, setup.clock, tell)
        self._asked_back: dict[str, tuple[int, str]] = {}  # by feature: whose run was asked for by itself
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._listeners: list[Callable[[], None]] = []
        self._wake = threading.Event()
        self._changed = threading.Event()
        self._scanned = time.monotonic()
        self._closing = threading.Event()
        self._worker: ThreadPoolExecutor | None = None
        self._watcher: Watcher | None = None
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
        self._halt()
        for engine in self._engines.values():
            engine.hands.release()

    def _halt(self) -> None:
        """End the passes."""
        self._closing.set()
        self._wake.set()
        if self._worker is not None:
            self._worker.shutdown()
            self._worker = None
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None

    def leave_running(self) -> LeftRunning:
        """Leave every run that starts by itself what is next to an engine of its own, without a screen.

        Call it before `close`, instead of doing anything else: no pass comes after it. It returns when each of them has
        its feature, half a second or so later; what could not be left is not driven any more, and what runs goes on.
        """
        self._halt()
        going = {
            key: engine
            for key, engine in self._engines.items()
            if engine.owns and engine.going and self._state(key) is not EngineState.HELD
        }
        return leave(going, self._setup)

    def inherit(self, key: str) -> bool:
        """Own a feature that another parex leaves to this process, in its mode. False while it cannot."""
        return self._engine(key).inherit()

    def given_to(self, key: str) -> str:
        """Who has taken the feature over from here; "" where nobody has."""
        engine = self._engines.get(key)
        return "" if engine is None else engine.hands.given_to

    def _state(self, key: str) -> EngineState:
        view = self._snapshot.features.get(key)
        return EngineState.IDLE if view is None else view.engine

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
        lively = any(_is_lively(view) for view in self._snapshot.features.values()) or any(
            engine.hands.is_asking for engine in self._engines.values()
        )
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
        self._surveyor.forget_all_but(views)
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
                timer=setup.timer,
                drain=self._following.drain,
                tell=self._tell,
                presence=self._presence,
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
            self._engine(feature.key).hands.adopt()

    def _look(self, feature: Feature) -> FeatureView:
        setup = self._setup
        engine = self._engines.get(feature.key)
        standing: Standing | None = None
        if engine is not None:
            engine.hear()
            self._carry_out(feature.key, engine)
        if engine is not None and engine.owns:
            standing = engine.pass_once()
            engine.rest()
        attempts = setup.journal.feature_attempts(feature.key)
        if standing is None:
            standing = self._surveyor.survey_again(feature, attempts)
        activities = self._following.poll(attempts, worked_with=engine is not None)
        state = engine.state(standing) if engine is not None else EngineState.IDLE
        message = engine.message if engine is not None else ""
        holder = None
        left_behind = engine is not None and engine.hands.left_behind
        if engine is None or not engine.owns:
            last = setup.journal.engine_holder(feature.key)
            if setup.journal.is_run(feature.key):
                state, holder = EngineState.ELSEWHERE, last
                self._take_back(feature.key, last)
            elif last is not None and last.going:
                left_behind = True
        if not message and left_behind and standing.current is not None:
            waits = standing.current[1].state is BatchState.HELD  # it was not left, it came to the gate
            message = "" if waits else _DRIVEN_NO_MORE
        return make_view(
            standing,
            activities,
            state,
            message=message,
            driver=setup.driver,
            slots=setup.limits.slots,
            going=engine is not None and engine.going,
            holder=holder,
            waiting=engine.waiting() if engine is not None else {},
            stalls={seq: since for seq, found in attempts.items() if (since := found[-1].stalled()) is not None},
            suspensions={seq: since for seq, found in attempts.items() if (since := found[-1].suspended()) is not None},
        )

    def _carry_out(self, key: str, engine: Engine) -> None:
        """Do what other programs ask of whoever runs the feature, as if a person had asked for it here."""
        for order in engine.hands.orders():
            if order.do is Do.TAKE:
                engine.give_to(order.note, order.by)
            elif order.do in ABOUT_FILES:
                self._tell(Refused(order.seq, f"{order.by} asked for what is not the run's: {order.do}"))
            elif refusal := self.obey(Command(order.do, key, order.seq, order.note)):
                self._tell(Refused(order.seq, f"{order.by} asked to {order.do}: {refusal}" if order.by else refusal))

    def _take_back(self, key: str, holder: Holder | None) -> None:
        """A run that a screen has left to an engine without one comes back to the first screen that opens."""
        if holder is None or not (self._presence.screen and holder.left):
            return
        who = (holder.pid, holder.host)
        if self._asked_back.get(key) == who:
            return
        self._asked_back[key] = who  # once: what it does not give, only a person asks for again
        hands = self._engine(key).hands
        if hands.takes_back(holder) and not hands.is_asking:
            hands.ask()

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


def _orphaned(orphans: Sequence[Attempt]) -> str:
    names = ", ".join(f"{one.launch.seq} of {one.launch.feature}" for one in orphans[:3])
    return f"{len(orphans)} running for a feature whose folder is gone ({clean(names)})"


def _is_lively(view: FeatureView) -> bool:
    """Whether something of it may change at any moment: what only waits for a time is looked at calmly."""
    if view.engine is not EngineState.RUNNING:
        return False
    waits = any(task.again is not None for task in view.tasks.values())
    return not waits or any(isinstance(task.state, TaskRunning | TaskEnded) for task in view.tasks.values())


def _unsettled(attempts: tuple[Attempt, ...]) -> bool:
    began = [attempt for attempt in attempts if not isinstance(attempt.state(), NeverRan)]
    return bool(began) and not began[-1].applied()
