"""What a keeper does: one attempt from its lock to its verdict. Standard library only.

Nothing here depends on the program that started the keeper, which may be killed at any moment, and nothing is imported
later, so that an upgrade of parex meanwhile does not touch it.

Files, all in the attempt's directory, each JSON with a `version`:
  launch.json  read: what to start
  stop         read: somebody asks to stop; `by` says who
  stalled      there while it neither writes nor computes; `since` when
  suspended    there while the agent is stopped by a signal; `since` when
  started      written before the agent may run: who is who
  exit         written last and atomically: the verdict
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import time
from collections.abc import Callable

from parex_tui.run.child import DETAIL_LIMIT, IGNORED, WATCHED, explain, fork_agent
from parex_tui.run.log_cap import CappedLog
from parex_tui.run.stall import Stall
from parex_tui.run.tree import Tree, boot, slurp, start_time

VERSION = 1

_VERDICT_ROOM = 4096  # bytes reserved up front, so that a full disk cannot take the verdict away
_POLL = 1.0  # seconds between looks for a stop request whose signal did not arrive
_ASLEEP = 5.0  # seconds that a sleep may take too long; of more, this process was suspended itself


def reserve(folder: int) -> int:
    """Take the room for a verdict in that folder, where it is not taken yet; the file, opened for writing.

    Raises OSError where there is no room.
    """
    fd = os.open("exit.tmp", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        os.fchmod(fd, 0o600)
        try:
            os.posix_fallocate(fd, 0, _VERDICT_ROOM)
        except AttributeError:  # macOS has no such call
            os.pwrite(fd, b" " * _VERDICT_ROOM, 0)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
    except OSError:
        os.close(fd)
        raise
    return fd


class Folder:
    """The attempt's directory, held open: it may be renamed or unlinked meanwhile."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._verdict = reserve(self.fd)

    def read(self, name: str) -> dict[str, object]:
        """A record; empty where it is damaged. Raises OSError: to be short of something is no damage."""
        data = slurp(name, self.fd)
        try:
            record = json.loads(data)
        except ValueError:
            return {}
        return record if isinstance(record, dict) else {}

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return os.access(name, os.F_OK, dir_fd=self.fd)

    def sign(self, name: str, since: float | None) -> None:
        """Say something that holds for now, and since when; None takes it back. Nothing depends on it."""
        if since is None:
            os.unlink(name, dir_fd=self.fd)
            return
        fd = os.open(f"{name}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=self.fd)
        try:
            os.write(fd, json.dumps({"version": VERSION, "since": since}).encode())
        finally:
            os.close(fd)
        os.rename(f"{name}.tmp", name, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def write_started(self, record: dict[str, object]) -> None:
        """On disk, for good, when this returns."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        fd = os.open("started.tmp", flags, 0o600, dir_fd=self.fd)
        try:
            data = json.dumps(record).encode()
            if os.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename("started.tmp", "started", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.fsync(self.fd)

    def write_verdict(self, record: dict[str, object]) -> None:
        """Into the reserved room. A failed fsync does not take it back: readers see it, and it is true."""
        data = json.dumps(record).encode()
        os.pwrite(self._verdict, data, 0)
        os.ftruncate(self._verdict, len(data))
        attempt_to(lambda: os.fsync(self._verdict))
        os.rename("exit.tmp", "exit", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        attempt_to(lambda: os.fsync(self.fd))


def attempt_to(step: Callable[[], None]) -> None:
    """Do a step whose failure must not end the keeper; the keeper's own log tells of it."""
    try:
        step()
    except OSError as error:
        complain(error)


def complain(trouble: object) -> None:
    """A line in the keeper's own log, which may lie on the disk that is full."""
    with contextlib.suppress(OSError):
        os.write(2, f"keeper: {trouble}\n".encode("utf-8", "replace"))


def wait(seconds: float) -> int | None:
    """Sleep until a watched signal comes or the time is over. The sender's pid where it was a request to stop."""
    if hasattr(signal, "sigtimedwait"):
        found = signal.sigtimedwait(WATCHED, max(seconds, 0.0))
        return found.si_pid if found is not None and found.si_signo == signal.SIGTERM else None
    time.sleep(min(max(seconds, 0.0), 0.05))  # macOS: the signals stay pending, so look often
    if signal.SIGTERM in signal.sigpending():
        signal.sigwait((signal.SIGTERM,))
        return 0
    return None


class Attempt:
    """One attempt from the opened gate to the verdict."""

    def __init__(self, launch: dict[str, object], folder: Folder, tree: Tree, leash: int) -> None:
        self.folder, self.tree, self.leash = folder, tree, leash
        self.limit = number(launch, "wall_limit", 0.0) if launch.get("wall_limit") is not None else None
        self.grace = number(launch, "grace", 5.0)
        self.stall_after, self.stall_stop = number(launch, "stall_after", 0.0), launch.get("stall_stop") is True
        cap = int(number(launch, "log_cap", 0.0))
        self.logs = [
            CappedLog(folder.fd, name, cap) for name in ("output", "stderr")[: 1 if launch.get("merge_stderr") else 2]
        ]
        self.told: dict[str, bool] = {}
        self.reason, self.detail = "exited", ""
        self.status: int | None = None
        self.seconds = 0.0
        self.swept: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """Time runs from here, on a clock that does not jump with the calendar and rests while the machine sleeps."""
        self.since, self.began = time.time(), time.monotonic()
        self.deadline = None if self.limit is None else self.began + self.limit
        self.stall = Stall(self.stall_after, self.tree.work, self.began)

    def rest(self, seconds: float) -> None:
        """For so long nothing could be watched, and on a machine that slept nothing ran: it counts for nothing."""
        self.began += seconds
        if self.deadline is not None:
            self.deadline += seconds
        self.stall.alive(time.monotonic())

    def look(self, now: float) -> float:
        """Keep the logs small, and say how it is with the agent. Seconds until the next look."""
        soon = min(_POLL, self.stall.every)
        for log in self.logs:
            before = log.trouble
            soon = min(soon, log.look(now))
            if log.trouble != before:
                complain(log.trouble)
        if self.tree.suspended:
            self.stall.alive(now)
        self.stalls = self.stall.look(now, sum(log.size for log in self.logs))
        wall = time.time()
        self.tell("suspended", self.tree.suspended, wall)
        self.tell("stalled", self.stalls, wall - (now - self.stall.sign))
        return soon

    def tell(self, name: str, holds: bool, since: float) -> None:
        """Say that something begins, and that it is over; not again and again."""
        if self.told.get(name, False) != holds:
            self.told[name] = holds
            attempt_to(lambda: self.folder.sign(name, since if holds else None))

    def over(self) -> None:
        """What was said of the agent does not outlive it."""
        for log in self.logs:
            log.look(time.monotonic())
        for name in self.told:
            self.tell(name, False, 0.0)

    def stop_requested(self, sender: int | None) -> bool:
        """Whether somebody wants it stopped, by file or by signal, or held the leash and is gone; remembers who."""
        if not self.folder.exists("stop"):
            if self.leash >= 0 and let_go(self.leash):
                self.reason, self.detail = "stopped", "stopped because who had started it ended"
                return True
            if sender is None:
                return False
            self.detail = f"stopped by a signal from process {sender}" if sender else "stopped by a signal"
        else:
            self.detail = "stopped"
            with contextlib.suppress(OSError):  # who it was is worth less than that it is done
                if by := self.folder.read("stop").get("by"):
                    self.detail = f"stopped by {by}"[:DETAIL_LIMIT]
        self.reason = "stopped"
        return True

    def watch(self) -> None:
        """Until nothing is left alive."""
        kill_at: float | None = None
        pause = 0.005
        sender = None
        while True:
            status = self.tree.reap()
            now = time.monotonic()
            if status is not None:
                self.status, self.seconds = status, now - self.began
            if self.status is not None and self.tree.is_empty():
                return
            found: dict[int, int] = {}
            soon = self.look(now)
            if kill_at is None:
                if self.status is not None or self.stop_requested(sender):
                    kill_at = now + self.grace
                elif self.deadline is not None and now >= self.deadline:
                    self.reason, self.detail = "timeout", "the time limit was reached"
                    kill_at = now + self.grace
                elif self.stalls and self.stall_stop:
                    quiet = round(now - self.stall.sign, 1)
                    self.reason, self.detail = "timeout", f"neither wrote nor computed for {quiet:g} s"
                    kill_at = now + self.grace
                if kill_at is not None:
                    # A suspended process acts on TERM only when it is continued.
                    found = self.tree.send(signal.SIGTERM, signal.SIGCONT)
            elif now >= kill_at:
                found = self.tree.send(signal.SIGKILL)
                pause = min(pause * 1.5, 1.0)
            elif status is not None:
                found = self.tree.members()
            if self.status is not None:
                self.swept.update(found)

            if kill_at is None:
                until = soon if self.deadline is None else min(soon, self.deadline - now)
            else:
                until = min(soon, max(kill_at - now, pause))
            sender = wait(until)
            late = time.monotonic() - now - max(until, 0.0)
            if late > _ASLEEP:
                self.rest(late)
                kill_at = None if kill_at is None else kill_at + late

    def verdict(self) -> dict[str, object]:
        """The record of how it ended."""
        status = self.status or 0
        killed = os.WIFSIGNALED(status)
        return {
            "version": VERSION,
            "code": None if killed else os.WEXITSTATUS(status),
            "signal": os.WTERMSIG(status) if killed else None,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
            "since": self.since,
            "ended": max(time.time(), self.since),
            "swept": len(self.swept),
            "detail": self.detail,
        }


def number(launch: dict[str, object], name: str, default: float) -> float:
    """A number of the launch record."""
    found = launch.get(name)
    return float(found) if isinstance(found, (int, float)) else default


def let_go(leash: int) -> bool:
    """Whether nobody holds the other end of this pipe any more."""
    try:
        return os.read(leash, 1) == b""
    except OSError:
        return False


def spawn_verdict(code: int, detail: str, since: float) -> dict[str, object]:
    """The record of an agent that could not be started."""
    return {
        "version": VERSION,
        "code": code,
        "signal": None,
        "reason": "spawn",
        "seconds": 0.0,
        "since": since,
        "ended": max(time.time(), since),
        "swept": 0,
        "detail": detail[:DETAIL_LIMIT],
    }


def keep(launch: dict[str, object], folder: Folder, lock: int, umask: int, leash: int) -> dict[str, object]:
    """Run the attempt to its end; the verdict."""
    tree = Tree()
    since = time.time()
    try:
        agent, opener, trouble = fork_agent(launch, folder.fd, lock, umask)
    except OSError as error:
        return spawn_verdict(*explain(error, "the agent"), since)
    tree.agent = agent
    attempt = Attempt(launch, folder, tree, leash)
    try:
        folder.write_started(
            {
                "version": VERSION,
                "run": launch.get("run"),
                "boot": boot(),
                "keeper": {"pid": os.getpid(), "start": start_time(os.getpid())},
                "agent": {"pid": agent, "start": start_time(agent)},
                "since": attempt.since,
                "contained": tree.contained,
            }
        )
    except OSError as error:
        os.kill(agent, signal.SIGKILL)
        attempt.watch()
        code, _ = explain(error, "")
        return spawn_verdict(code, f"cannot record the start: {error.strerror}", since)

    # A request that came before now means that the agent never runs: the closed gate ends the child.
    if not attempt.stop_requested(None):
        attempt.begin()
        with contextlib.suppress(BrokenPipeError):  # the child failed before the gate and has said why
            os.write(opener, b"g")
    os.close(opener)
    attempt.watch()
    attempt.over()
    try:
        failure = json.loads(os.read(trouble, 65536) or b"null")
    except BlockingIOError:
        failure = None  # a descendant still holds it, without containment: it was started, then
    if failure is not None:
        return spawn_verdict(failure[0], failure[1], since)
    return attempt.verdict()


def own(path: str, lock: int, leash: int = -1) -> None:
    """Own the attempt in that directory until it has ended. `lock` is the descriptor that holds its lock.

    `leash`: a pipe; when nobody holds its other end any more, the attempt is stopped. -1: it is on none.
    """
    os.set_inheritable(lock, False)
    if leash >= 0:
        os.set_inheritable(leash, False)
        os.set_blocking(leash, False)
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, it would hide how the agent ended
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    umask = os.umask(0o077)  # for its own files; the agent gets the user's back
    folder = Folder(path)
    try:
        launch = folder.read("launch.json")
    except OSError as error:
        verdict = spawn_verdict(*explain(error, "the agent"), time.time())
    else:
        verdict = keep(launch, folder, lock, umask, leash)
    folder.write_verdict(verdict)
