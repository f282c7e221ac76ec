"""Ending an attempt: asking its keeper to stop it, and sweeping up where the keeper itself was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from collections.abc import Mapping
from typing import Final

from . import process, statedir
from .attempts import Attempt
from .process import Identity, Seen
from .records import VERSION
from .states import Lost, NeverRan, Running, Starting

_SWEEP_SECONDS: Final = 5.0
_PAUSE: Final = 0.01


def request_stop(attempt: Attempt, by: str) -> bool:
    """Ask for the end of an attempt and of everything that it started. `by` says who or why, in a few words.

    False where it is not alive. Where it is, its keeper ends the whole tree within the attempt's grace and writes the
    verdict; this returns at once. A signal is sent only to the very process that the keeper recorded as itself;
    otherwise the keeper finds the request within a second. Raises OSError where neither could be done.
    """
    state = attempt.state()
    if not isinstance(state, Starting | Running):
        return False
    request = attempt.dir / "stop"
    unwritten: OSError | None = None
    if not request.exists():
        record = {"version": VERSION, "at": time.time(), "by": by}
        try:
            statedir.write_durably(request, statedir.json_bytes(record))
        except OSError as error:  # a full disk must not keep anything running: the signal alone is enough
            unwritten = error
    started = attempt.started()
    if started is not None and process.owner(started.keeper.pid) == os.geteuid():
        process.send(started.keeper, signal.SIGTERM)
    elif unwritten is not None:
        raise unwritten
    return True


def sweep(attempt: Attempt) -> bool:
    """End what an attempt without a keeper left behind. True only when a search finds nothing of it any more.

    Found are: the recorded agent, everything below it, everything with the attempt's mark in its environment, and
    everything that writes into its output. What left the tree, scrubbed its environment and closed its output before
    the keeper was killed cannot be told from a stranger, and is left alone. Takes milliseconds, at most a few seconds.
    """
    state = attempt.state()
    if not isinstance(state, Lost | NeverRan):
        return False
    marker = attempt.dir / "swept"
    if isinstance(state, NeverRan) or marker.exists():
        return True  # an agent that was never let through its gate has started nothing
    started = attempt.started()
    if started is not None and _is_other_boot(started.agent.boot):
        return True  # nothing outlives its boot, and pids of another one belong to strangers
    until = time.monotonic() + _SWEEP_SECONDS
    clear = 0
    while clear < 2:  # twice: one search can miss what was forked behind its back
        left = _leftovers(attempt, started.agent if started is not None else None)
        clear = 0 if left else clear + 1
        for identity in left:
            process.send(identity, signal.SIGKILL)
        if left:
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE)
    with contextlib.suppress(OSError):  # it only saves the search next time
        statedir.write_durably(marker, b"")
    return True


def _is_other_boot(boot: str) -> bool:
    """Whether a recorded boot is known to be another one; the pid namespace after it may differ on the same boot."""
    return bool(boot) and boot.split()[0] != process.boot_id().split()[0]


def _leftovers(attempt: Attempt, agent: Identity | None) -> list[Identity]:
    everyone = {seen.pid: seen for seen in process.everyone()}
    # Nothing that this process itself depends on can be a leftover, whatever a record says; nor can the first process,
    # below which everything is.
    spared = _lineage(os.getpid(), everyone) | {0, 1}
    files = _own_files(attempt)
    found = {pid for pid, seen in everyone.items() if pid not in spared and _is_ours(seen, attempt, agent, files)}
    fresh = set(found)
    while fresh:
        fresh = {
            pid for pid, seen in everyone.items() if seen.parent in fresh and pid not in found and pid not in spared
        }
        found |= fresh
    return [Identity(pid, everyone[pid].start, process.boot_id()) for pid in found]


def _lineage(pid: int, everyone: Mapping[int, Seen]) -> set[int]:
    """A process and everything above it."""
    found: set[int] = set()
    while pid in everyone and pid not in found:
        found.add(pid)
        pid = everyone[pid].parent
    return found


def _is_ours(seen: Seen, attempt: Attempt, agent: Identity | None, files: frozenset[tuple[int, int]]) -> bool:
    if agent is not None and Identity(seen.pid, seen.start, process.boot_id()) == agent:
        return seen.session in (None, seen.pid)  # every agent leads a session of its own
    run = attempt.launch.run
    return (bool(run) and process.has_variable(seen.pid, "PAREX_RUN", run)) or process.writes_to(seen.pid, files)


def _own_files(attempt: Attempt) -> frozenset[tuple[int, int]]:
    found = set()
    for path in (attempt.output, attempt.stderr):
        with contextlib.suppress(OSError):
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode):  # half the machine may write to the same device
                found.add((facts.st_dev, facts.st_ino))
    return frozenset(found)
