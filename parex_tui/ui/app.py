"""The dashboard: draws snapshots, sends commands. Everything it knows comes from a `Control`."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from rich.console import Console
from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from parex_tui.editor import editor_command
from parex_tui.run.snapshot import Command, Control, Do, EngineState, FeatureView
from parex_tui.tasks.text import clean

from . import crash
from .app_base import DashboardApp, ExitRequest
from .glyphs import ASCII, UNICODE
from .looks import name_of, running_tasks
from .outside import broken_now, editable, run_in_place, run_in_window
from .palette import ActionProvider
from .scratch import Scratch
from .screens.confirm import QuitScreen
from .screens.doing import ActingScreen
from .screens.main import MainScreen
from .screens.small import LEAST_HEIGHT, LEAST_WIDTH, SmallScreen
from .theme import ANSI_NAME, DARK, LIGHT, Painter

FRAME_SECONDS: Final = 1 / 15
"""The least time between two frames. The first change after a pause is shown at once."""

ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""Signals that end the screen in order."""


class ParexApp(DashboardApp):
    """The app. `clock` gives seconds since the epoch; `quiet_after` seconds without a sign of life count as quiet."""

    CSS_PATH = "parex.tcss"
    TITLE = "parex"
    COMMANDS = {ActionProvider}  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "ask_quit", "Leave parex; asks while workers run", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Step back to the shell; fg brings parex back", show=False),
    ]

    class Changed(Message):
        """There is a newer snapshot."""

    def __init__(
        self,
        control: Control,
        *,
        title: str = "",
        quiet_after: float = 120.0,
        ascii_only: bool = False,
        demo_note: str = "",
        clock: Callable[[], float] = time.time,
        signals: bool = False,
    ) -> None:
        self._plain = "NO_COLOR" in os.environ
        super().__init__(ansi_color=True if self._plain else None)
        self.control = control
        self.clock = clock
        self.quiet_after = quiet_after
        self.glyphs = ASCII if ascii_only else UNICODE
        self.demo_note = clean(demo_note)
        self.project_title = clean(title)
        self.snapshot = control.snapshot()
        self._signals = signals
        self._aside = False  # an editor has the terminal
        self._dirty = threading.Event()
        self._last_frame = 0.0
        self._frame_waits = False
        self._stop_asked = False
        self._scratch: Scratch | None = None
        self._answered = self.snapshot.answer.number if self.snapshot.answer is not None else 0
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = ANSI_NAME if self._plain else DARK.name
        self._renew_painter()

    # --- life

    def on_mount(self) -> None:
        """Listen for changes, keep the time, open the main screen."""
        self.theme_changed_signal.subscribe(self, lambda _: self._theme_changed())
        self.push_screen(MainScreen())
        self._seconds = self.set_interval(1.0, self._second, pause=True)
        self._minutes = self.set_interval(60.0, self._frame)
        self._minutes.pause()
        self.set_timer(60.0 - self.clock() % 60.0, self._first_minute)
        self._keep_time()
        self.control.on_change(self._heard)
        if self._signals:
            loop = asyncio.get_running_loop()
            for number in ENDINGS:
                loop.add_signal_handler(number, self._end_by_signal, int(number))

    def on_unmount(self) -> None:
        """Give the signals back."""
        if self._signals:
            loop = asyncio.get_running_loop()
            for number in ENDINGS:
                loop.remove_signal_handler(number)

    def _end_by_signal(self, number: int) -> None:
        if number == signal.SIGINT and self._aside:
            return  # ^C in the editor is meant for the editor
        self.exit(ExitRequest("leave" if self.running_names() else "quit", 128 + number), 128 + number)

    # --- frames

    def _heard(self) -> None:
        """Called from another thread after every new snapshot: at most one message is under way at a time."""
        if not self._dirty.is_set() and self.is_running:
            self._dirty.set()
            try:
                self.post_message(self.Changed())
            except RuntimeError:  # the loop is closed: the app has just ended
                return

    def on_parex_app_changed(self) -> None:
        """Show it now, or when the frame's time has come."""
        wait = self._last_frame + FRAME_SECONDS - time.monotonic()
        if wait <= 0:
            self._frame()
        elif not self._frame_waits:
            self._frame_waits = True
            self.set_timer(wait, self._frame)

    def _frame(self) -> None:
        self._frame_waits = False
        self._last_frame = time.monotonic()
        self._dirty.clear()  # before the snapshot is taken: what changes from here on is announced again
        self.snapshot = self.control.snapshot()
        self._keep_time()
        self._hear_answer()
        self._show()

    def _hear_answer(self) -> None:
        """What came of a command about files is said once, by the screen on top that can say something."""
        answer = self.snapshot.answer
        if answer is None or answer.number == self._answered:
            return
        self._answered = answer.number
        if answer.done and self._scratch is not None:
            self._scratch.discard()
            self._scratch = None
        for screen in reversed(self.screen_stack):
            if isinstance(screen, ActingScreen):
                screen.hear(answer)
                break
        self.tell_scratch()

    def keep_scratch(self, scratch: Scratch) -> None:
        """Keep an edited text until the answer to the command that carries it."""
        self._scratch = scratch

    def tell_scratch(self) -> None:
        """Its command was refused: say where the text is."""
        if self._scratch is not None:
            self.notify(
                clean(f"Your text is kept in {self._scratch.path}"), severity="warning", timeout=30, markup=False
            )
            self._scratch = None

    def _second(self) -> None:
        self._show()

    def _first_minute(self) -> None:
        self._minutes.resume()
        self._minutes.reset()
        self._show()

    def _show(self) -> None:
        """Screens that are covered by a modal one go on; only those below a full screen rest."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, (ActingScreen, QuitScreen)):
                screen.refresh_view()
            if not screen.is_modal:
                break

    def _keep_time(self) -> None:
        """Seconds are counted on the screen only while something runs."""
        if any(running_tasks(view) for view in self.snapshot.features.values()):
            self._seconds.resume()
        else:
            self._seconds.pause()

    def on_resize(self, event: events.Resize) -> None:
        """Cover everything while the terminal is too small."""
        small = event.size.width < LEAST_WIDTH or event.size.height < LEAST_HEIGHT
        covered = isinstance(self.screen, SmallScreen)
        if small and not covered:
            self.push_screen(SmallScreen())
        elif not small and covered:
            self.pop_screen()

    # --- colours

    def _renew_painter(self) -> None:
        ansi = self._plain or self.current_theme.ansi
        self.painter = Painter(self.get_css_variables(), ansi)

    def _theme_changed(self) -> None:
        self._renew_painter()
        self.refresh_css(animate=False)
        for screen in self.screen_stack:
            for widget in screen.walk_children():
                widget.refresh()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Of Textual's own commands only the theme: the others are ours."""
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)

    # --- leaving

    def action_ask_quit(self) -> None:
        """The key for it."""
        self.ask_quit()

    async def action_quit(self) -> None:
        """Textual's own way to quit asks as well."""
        self.ask_quit()

    def _running_here(self) -> list[FeatureView]:
        views = self.control.snapshot().features.values()
        return [view for view in views if view.engine is not EngineState.ELSEWHERE and running_tasks(view)]

    def running_names(self) -> list[str]:
        """Names of all tasks that run here."""
        return [name_of(task) for view in self._running_here() for task in running_tasks(view)]

    def goes_on(self) -> bool:
        """Whether an engine here starts by itself what is next."""
        views = self.control.snapshot().features.values()
        return any(view.going and view.engine is EngineState.RUNNING for view in views)

    def stop_everything(self) -> None:
        """Tell every engine that runs something to stop it."""
        for view in self._running_here():
            reason = self.control.send(Command(Do.STOP_ALL, view.key))
            if reason:
                self.notify(clean(reason), severity="warning", markup=False)

    def ask_quit(self) -> None:
        """Leave at once where nothing runs; else ask."""
        names, goes_on = self.running_names(), self.goes_on()
        if not names and not goes_on:
            self.exit(ExitRequest("quit"))
        elif not isinstance(self.screen, QuitScreen):
            self.push_screen(QuitScreen(names, goes_on=goes_on), self._quit_decided)

    def _quit_decided(self, how: str | None) -> None:
        if how == "stop_all":
            self.exit(ExitRequest("stop_all"))
        elif how == "go_on":
            self.exit(ExitRequest("go_on"))
        elif how == "leave":
            self.exit(ExitRequest("leave" if self.running_names() else "quit"))

    # --- the editor

    async def edit_file(self, feature: str, seq: str) -> None:
        """Open a task's file in the person's editor; the screen steps aside for one that needs the terminal."""
        view = self.snapshot.features.get(feature)
        task = view.tasks.get(seq) if view is not None else None
        if task is not None:
            await self.open_file(task.task.path)

    async def open_file(self, path: Path, line: int | None = None) -> None:
        """Open a file of the project in the person's editor, at a line where the editor is known to take one."""
        reason = editable(path, self.snapshot.project.root)
        if reason:
            self.notify(clean(reason), severity="warning", markup=False)
            return
        try:
            argv, takes_terminal = editor_command(os.environ, path, line)
        except ValueError as error:
            self.notify(clean(str(error)), severity="error", markup=False)
            return
        if takes_terminal:
            self._edited(path, await self.run_editor(argv, takes_terminal))
        else:  # it may stay open for hours: the screen does not wait
            self.run_worker(self._edit_in_window(path, argv), exit_on_error=False)

    async def _edit_in_window(self, path: Path, argv: list[str]) -> None:
        self._edited(path, await self.run_editor(argv, False))

    def _edited(self, path: Path, trouble: str) -> None:
        """Say what came of it, where something did not go well."""
        is_task_file = any(path.parent == view.feature.path for view in self.snapshot.features.values())
        told = trouble or (broken_now(path) if is_task_file and path.suffix == ".json" else "")
        if told:
            self.notify(told, severity="error", markup=False)

    async def edit_scratch(self, path: Path) -> str:
        """Open a private file in the person's editor and wait for its end; "" or why that cannot be, in one line."""
        try:
            argv, takes_terminal = editor_command(os.environ, path)
        except ValueError as error:
            return clean(str(error))
        return await self.run_editor(argv, takes_terminal)

    async def run_editor(self, argv: list[str], takes_terminal: bool) -> str:
        """Run it to its end; where it takes the terminal, with the screen out of the way. "" or what went wrong."""
        if not takes_terminal:
            return await run_in_window(argv)
        trouble = await run_in_place(argv, self._step_aside)
        self.refresh(layout=True)
        return trouble

    @contextmanager
    def _step_aside(self) -> Iterator[None]:
        with self.suspend():
            self._aside = True
            try:
                yield
            finally:
                self._aside = False


# --- running it -------------------------------------------------------------------------------------------------


def run_dashboard(
    control: Control,
    *,
    title: str = "",
    quiet_after: float = 120.0,
    ascii: bool = False,  # noqa: A002
    demo_note: str = "",
) -> ExitRequest:
    """Show the dashboard until the person leaves. `title` names the project in the header.

    Does not close the control. An error of the screen itself ends it with return code 1 and a short message on
    standard error and a report in the state folder, never with a traceback: its values could be anything that was on
    the screen.
    """
    ascii_only = ascii or os.environ.get("PAREX_ASCII", "") not in ("", "0")
    app = ParexApp(
        control,
        title=title,
        quiet_after=quiet_after,
        ascii_only=ascii_only,
        demo_note=demo_note,
        signals=threading.current_thread() is threading.main_thread(),
    )
    caught = io.StringIO()
    app.error_console = Console(file=caught, markup=False, highlight=False, width=200)
    result = app.run()
    code = app.return_code or 0
    if result is None:
        result = ExitRequest("leave" if app.running_names() else "quit", code or 1)
    if caught.getvalue():
        crash.tell(crash.faults_in(caught.getvalue()), time.time())
        return ExitRequest(result.how, code or 1)
    return result
