"""The tree of processes below a keeper: seeing it, signalling it, proving that it is empty. Standard library only."""

# ruff: noqa: PTH115, PTH208 - importing pathlib would take as long as everything else that a keeper imports

from __future__ import annotations

import contextlib
import os
import sys

LINUX = sys.platform == "linux"
if LINUX:
    import ctypes

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def prctl(option: int, value: int) -> bool:
    """Ask the Linux kernel for a process attribute. False where it refuses or the system is another one."""
    return LINUX and ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0


def slurp(path: str, folder: int | None = None) -> bytes:
    """All bytes of a small file. Raises OSError."""
    fd = os.open(path, os.O_RDONLY, dir_fd=folder)
    try:
        data = b""
        while block := os.read(fd, 1 << 20):
            data += block
        return data
    finally:
        os.close(fd)


def start_time(pid: int) -> int | None:
    """In clock ticks since boot; None where the system does not say."""
    try:
        data = slurp(f"/proc/{pid}/stat")
        return int(data[data.rfind(b")") + 2 :].split()[19])
    except OSError:
        return None


def boot() -> str:
    """Which boot, and which pid namespace, the pids belong to; the same text as `process.boot_id`."""
    try:
        return f"{slurp('/proc/sys/kernel/random/boot_id').decode().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


class Tree:
    """Everything that descends from this keeper.

    As the subreaper it inherits every orphan of its own, so no descendant can leave the tree, and having no children
    at all proves that there is no descendant either. Where the system has no subreaper, only the agent's process
    group can be seen and ended.
    """

    def __init__(self) -> None:
        self.contained = prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.agent = 0
        self.suspended = False
        """Whether the agent was stopped by a signal, and not continued since."""
        self.childless = False

    def reap(self) -> int | None:
        """Collect what has ended. The agent's wait status where the agent was among it."""
        status = None
        while True:
            try:
                pid, found = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                self.childless = True
                return status
            if pid == 0:
                return status
            if pid == self.agent:
                self.suspended = os.WIFSTOPPED(found)
                if not (os.WIFSTOPPED(found) or os.WIFCONTINUED(found)):
                    status = found

    def is_empty(self) -> bool:
        """Whether nothing is left alive, after `reap`."""
        if self.contained or not self.childless:
            return self.childless
        try:
            os.killpg(self.agent, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # macOS answers so for a group of zombies, and for one that changed its user: look again later
        return False

    def members(self) -> dict[int, int]:
        """Living descendants and their process groups."""
        try:
            names = os.listdir("/proc")
        except OSError:
            return {}  # not Linux; or short of something, and then whoever asks will ask again
        parents: dict[int, tuple[int, int]] = {}
        for name in names:
            if name.isdigit():
                try:
                    data = slurp(f"/proc/{name}/stat")
                except OSError:
                    continue
                # The name stands in parentheses and may hold spaces and parentheses itself.
                fields = data[data.rfind(b")") + 2 :].split()
                if fields[0] not in (b"Z", b"X") or int(fields[17]) > 1:  # a zombie runs nothing, unless in threads
                    parents[int(name)] = (int(fields[1]), int(fields[2]))
        found: dict[int, int] = {}
        fresh = {os.getpid()}
        while fresh:
            fresh = {pid for pid, (parent, _) in parents.items() if parent in fresh and pid not in found}
            found.update((pid, parents[pid][1]) for pid in fresh)
        return found

    def work(self) -> float | None:
        """Processor seconds that the tree has used so far, also those of what has ended. None where it is not known."""
        members = self.members()
        if not members:
            return None
        ended = os.times()
        ticks = 0
        for pid in members:
            with contextlib.suppress(OSError):  # it has ended just now
                data = slurp(f"/proc/{pid}/stat")
                ticks += sum(map(int, data[data.rfind(b")") + 2 :].split()[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK") + ended.children_user + ended.children_system

    def send(self, *numbers: int) -> dict[int, int]:
        """Signal every descendant; returns them. Whole groups first: a group cannot outrun that by forking."""
        members = self.members()
        groups = set(members.values())
        if not self.contained:
            groups.add(self.agent)
        groups -= {0, 1, os.getpgrp()}  # to signal group 1 would be to signal every process there is
        for number in numbers:
            for group in groups:
                with contextlib.suppress(ProcessLookupError, PermissionError):  # is_empty() has the last word
                    os.killpg(group, number)
            for pid, group in members.items():
                if group not in groups:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, number)
        return members
