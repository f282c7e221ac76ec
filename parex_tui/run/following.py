"""Following what agents print: for each task the newest attempt that ran, from its output file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from parex_tui.agents.driver import Parser
from parex_tui.agents.events import Event
from parex_tui.agents.stream import BACKLOG_BYTES

from .activity import Follower
from .attempts import Attempt
from .notices import AgentDid, Notice
from .shortage import ran
from .snapshot import Activity
from .states import Verdict

ENDED_BACKLOG: Final = 256 * 1024
"""Bytes of an ended attempt's output that are read for its pane; all of it stays in its file."""


class Following:
    """The outputs of one project's attempts that are being read."""

    def __init__(
        self,
        root: Path,
        parser_for: Callable[[str], Parser],
        clock: Callable[[], float],
        tell: Callable[[Notice], None],
    ) -> None:
        self._root = root
        self._parser_for = parser_for
        self._clock = clock
        self._tell = tell
        self._began = clock()
        self._followers: dict[Path, Follower] = {}

    def poll(self, attempts: Mapping[str, tuple[Attempt, ...]], *, worked_with: bool) -> dict[str, Activity]:
        """The activity of every task's newest attempt that ran.

        Of a feature that nobody has `worked_with` here, what ended well long ago is not read.
        """
        activities: dict[str, Activity] = {}
        for seq, found in attempts.items():
            those = ran(found)
            if not those:
                continue
            last = those[-1]
            if not (worked_with or _is_open(last) or last.dir in self._followers):
                continue
            for earlier in those[:-1]:
                self._followers.pop(earlier.dir, None)
            follower = self._follower(last)
            self._tell_events(last, follower.poll())
            activities[seq] = follower.activity
        return activities

    def drain(self, attempt: Attempt) -> None:
        """Tell everything that an ended attempt printed, before its verdict is told."""
        self._tell_events(attempt, self._follower(attempt).drain())

    def _follower(self, attempt: Attempt) -> Follower:
        follower = self._followers.get(attempt.dir)
        if follower is None:
            parser = self._parser_for(attempt.launch.driver)
            told = attempt.applied()
            backlog = ENDED_BACKLOG if told else BACKLOG_BYTES
            late = attempt.launch.created < self._began
            follower = Follower(attempt, parser, self._clock, self._root, backlog=backlog, late=late)
            self._followers[attempt.dir] = follower
            if told:
                follower.drain()  # told in its time; here it is only shown
        return follower

    def _tell_events(self, attempt: Attempt, events: Sequence[Event]) -> None:
        for event in events:
            self._tell(AgentDid(seq=attempt.launch.seq, attempt=attempt.number, event=event))


def _is_open(attempt: Attempt) -> bool:
    """Whether somebody still has to look at it: alive, not judged, failed, or waiting for a review."""
    outcome = attempt.outcome()
    return outcome is None or outcome.verdict is not Verdict.VERIFIED
