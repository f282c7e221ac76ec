"""The guard: a small parent that waits for the screen and leaves the terminal as it was, whatever ended it.

A program that is killed cannot tidy up after itself: the keyboard stays mute, the mouse writes garbage, the shell is on
the other screen. So the screen runs in a child, which is forked before anything heavy is imported, and this process
does nothing but wait. It shares the child's process group: the terminal's own signals and sizes reach both, and to the
shell the two are one job.

Imports only the standard library, and little of it: all of it is time before the first frame.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator

RESETS = (
    "\x1b\\"  # the end of a string that was cut short, should there be one
    "\x1b[?2026l"  # draw at once again
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # the mouse is the terminal's
    "\x1b[?1004l\x1b[?2004l\x1b[?2048l"  # no reports of focus, of pasting, of sizes
    "\x1b[<u"  # plain keys; before the screen is left, each screen has its own
    "\x1b]22;\x07"  # the usual pointer
    "\x1b]8;;\x1b\\\x1b[0m"  # no link, no colours
    # Leaving the other screen puts the cursor where it was saved: saved here, in case the other screen was never
    # entered, so that it stays.
    "\x1b7\x1b[?1049l"
    "\x1b[?7h\x1b[?25h\x1b[0m"  # lines wrap, the cursor shows
)
"""Takes back all that Textual's driver for Linux and macOS switches on, and what it writes while it draws."""

ATTEMPTS_GO_ON = "Running attempts go on; start parex again to see them."

OBEDIENCE = 5.0
"""Seconds that a screen has to end after SIGTERM or SIGHUP, before it is killed; agents are not harmed by that."""

HANG_UP_OBEDIENCE = 1.0
"""The same once its terminal is gone."""

_LINUX = sys.platform == "linux"
_POLL = 1.0  # seconds between two looks at the terminal where the system does not tell of a hang-up
_IN_STEP = 0.05  # seconds that two processes which were continued together may lie apart
_WRITABLE = 1000  # milliseconds that a blocked terminal is waited for

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_FROM_KEYS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
"""What a terminal sends to the whole group while it makes signals out of keys: then the child has it already."""

_Attributes = list[int | list[bytes | int]]


def guarded(run: Callable[[], int]) -> int:
    """`run()`, in a child, and its exit code.

    Where standard input is a terminal, this returns twice: in the child as `run` does (also by its exceptions), and in
    the parent, after the child has ended, with the code that the program is to exit with: the child's own, 128 +
    number after a signal, never 0 where the child ended in the middle of things. In that case the terminal is put
    back, and one line on standard error says what happened. Must be called from the only thread.

    Elsewhere it just runs.
    """
    try:
        before = termios.tcgetattr(0)
    except termios.error:
        return run()
    sys.stdout.flush()
    sys.stderr.flush()
    life, life_of_parent = os.pipe()  # nobody writes to it: its end tells the child that the parent is gone
    note, note_of_child = os.pipe()  # the child says that it left in order
    child = os.fork()
    if child:
        os.close(life)
        os.close(note_of_child)
        return _Guard(child, before, note).wait()
    os.close(life_of_parent)
    os.close(note)
    import threading

    threading.Thread(target=_end_with_parent, args=(life,), name="guard", daemon=True).start()
    try:
        return run()
    finally:
        with contextlib.suppress(OSError):
            os.write(note_of_child, b".")


def _end_with_parent(life: int) -> None:
    """In the child: a screen that nobody waits for must not live on."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(HANG_UP_OBEDIENCE)
    os.kill(os.getpid(), signal.SIGKILL)


class _Guard:
    """The parent's side: one child, one terminal on standard input and standard error."""

    def __init__(self, child: int, before: _Attributes, note: int) -> None:
        self._child = child
        self._before = before
        self._note = note
        self._asked = 0  # the signal that told the child to end
        self._deadline: float | None = None  # when it is killed for not doing so
        self._arrived: list[int] = []

    def wait(self) -> int:
        """Until the child has ended; the program's exit code."""
        with self._hearing() as wake:
            poller = select.poll()
            poller.register(wake, select.POLLIN)
            if _LINUX:
                poller.register(0, 0)  # tells of a hang-up, and of nothing else
            hung_up = False
            while (status := self._look()) is None:
                events = dict(poller.poll(self._patience()))
                if wake in events:
                    os.read(wake, 512)
                while self._arrived:
                    self._pass_on(self._arrived.pop(0))
                if not hung_up and (events.get(0, 0) if _LINUX else not self._is_there()):
                    hung_up = True
                    if _LINUX:
                        poller.unregister(0)
                    self._end(signal.SIGHUP, signal.SIGTERM, HANG_UP_OBEDIENCE)
                if self._deadline is not None and time.monotonic() >= self._deadline:
                    self._send(signal.SIGKILL)
                    self._deadline = None
            return self._conclude(status)

    @contextlib.contextmanager
    def _hearing(self) -> Iterator[int]:
        """Signals wake the wait; those that were ignored stay ignored."""
        wake, alarm = os.pipe()
        os.set_blocking(alarm, False)
        signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
        kept = {number: signal.getsignal(number) for number in (signal.SIGCHLD, *_ENDING, *_FROM_KEYS)}
        for number, handler in kept.items():
            if handler is not signal.SIG_IGN or number is signal.SIGCHLD:
                signal.signal(number, self._hear)
        try:
            yield wake
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in kept.items():
                signal.signal(number, handler)
            for descriptor in (wake, alarm, self._note):
                os.close(descriptor)

    def _hear(self, number: int, frame: object) -> None:
        self._arrived.append(number)

    def _patience(self) -> float | None:
        """Milliseconds until there is something to do, whatever happens."""
        due = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        if not _LINUX:
            due = _POLL if due is None else min(due, _POLL)
        return None if due is None else due * 1000 + 1

    # --- the child

    def _look(self) -> int | None:
        """Its wait status once it has ended. A stop is followed at once."""
        while True:
            pid, status = os.waitpid(self._child, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return None
            if not os.WIFSTOPPED(status):
                return status
            self._stop_as_well()

    def _stop_as_well(self) -> None:
        """Stop the whole job, as the terminal does it, so that the shell takes over. Returns when it goes on.

        Without a shell that could continue it the system does not stop it: then the screen comes back at once.
        """
        if self._deadline is None:  # else it is to hear what it was told, and to end
            if self._has_changed():  # stopped by force, in the middle of things
                self._put_back()
            handler = signal.getsignal(signal.SIGTSTP)
            if handler is not signal.SIG_IGN:
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)
                os.kill(0, signal.SIGTSTP)
                signal.signal(signal.SIGTSTP, handler)
        # A shell continues the whole group, and the screen draws itself anew for every SIGCONT: no second one, then.
        until = time.monotonic() + _IN_STEP
        while time.monotonic() < until:
            pid, _ = os.waitpid(self._child, os.WNOHANG | os.WCONTINUED)
            if pid:
                return
            time.sleep(_IN_STEP / 10)
        self._send(signal.SIGCONT)

    def _pass_on(self, number: int) -> None:
        if number in _ENDING:
            self._end(number, number, OBEDIENCE)
        elif number in _FROM_KEYS and not self._keys_make_signals():
            self._send(number)

    def _end(self, asked: int, number: int, seconds: float) -> None:
        """Tell the child to end, by that signal, and give it that long; `asked` is what the exit code tells."""
        self._asked = asked
        due = time.monotonic() + seconds
        self._deadline = due if self._deadline is None else min(due, self._deadline)
        self._send(number)

    def _send(self, number: int) -> None:
        """It is our child and not waited for yet: the number cannot mean another process."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, number)

    # --- the terminal

    @staticmethod
    def _is_there() -> bool:
        try:
            termios.tcgetattr(0)
        except termios.error:
            return False
        return True

    @staticmethod
    def _keys_make_signals() -> bool:
        """Not while the screen is up: then a signal was sent by somebody, and to us alone."""
        try:
            return bool(termios.tcgetattr(0)[3] & termios.ISIG)
        except termios.error:
            return False

    def _has_changed(self) -> bool:
        try:
            return bool(termios.tcgetattr(0) != self._before)
        except termios.error:
            return False

    def _put_back(self, line: str = "") -> None:
        """The terminal as it was, and a line on it. Only where it is ours: in the background it is the shell's."""
        handler = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # nothing here is worth to be stopped for
        try:
            ours = True
            with contextlib.suppress(OSError):
                ours = os.tcgetpgrp(0) == os.getpgrp()
            if ours:
                with contextlib.suppress(termios.error):
                    termios.tcflow(0, termios.TCOON)
                    termios.tcsetattr(0, termios.TCSANOW, self._before)
            self._write((RESETS if ours else "") + line)
            if ours:
                with contextlib.suppress(termios.error):
                    termios.tcflush(0, termios.TCIFLUSH)  # what the mouse reported meanwhile was not typed
        finally:
            signal.signal(signal.SIGTTOU, handler)

    @staticmethod
    def _write(text: str) -> None:
        writable = select.poll()
        writable.register(2, select.POLLOUT)
        if text and writable.poll(_WRITABLE):
            with contextlib.suppress(OSError):
                os.write(2, text.encode())

    # --- the end

    def _conclude(self, status: int) -> int:
        code = os.waitstatus_to_exitcode(status)
        killed = -code if code < 0 else 0
        if self._asked:
            # One that had to be killed for it ended by what it was told all the same.
            code = 128 + self._asked
        elif killed:
            code = 128 + killed
        if killed == 0 and self._left_in_order():
            if self._has_changed():
                self._put_back()
            return code
        what = f"was ended by {_name(killed)}" if killed else f"ended in the middle of things (exit code {code})"
        self._put_back(f"parex: the screen {what}. {ATTEMPTS_GO_ON}\n")
        return code or 1

    def _left_in_order(self) -> bool:
        os.set_blocking(self._note, False)
        try:
            return os.read(self._note, 1) == b"."
        except BlockingIOError:  # a process that the child has started still holds it open
            return False


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
