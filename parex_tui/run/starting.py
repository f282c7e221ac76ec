"""Starting one attempt: prompt, record, task file, keeper, in an order that can be cut anywhere.

    number reserved → prompt and launch written → task file says in progress → keeper started

Cut before the keeper, nothing has run and the attempt is never-ran; the number is not used again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from parex_tui.agents.driver import Driver, Job
from parex_tui.agents.prompt import SharedContext, build_prompt, shared_context
from parex_tui.plan.apart import apart
from parex_tui.plan.model import Batch
from parex_tui.settings import Settings
from parex_tui.tasks.edit import EditError
from parex_tui.tasks.model import Feature, Task

from .attempts import Attempt, Journal, Launch, Reservation
from .desk import ENGINE, Desk
from .evidence import facts, targets
from .launch import LaunchError, start
from .snapshot import AttemptView


class Starter:
    """Starts attempts of one project. What a batch shares is read once and held until the next batch begins."""

    def __init__(
        self, root: Path, journal: Journal, settings: Settings, clock: Callable[[], float], desk: Desk
    ) -> None:
        self._root = root
        self._desk = desk
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._shared: dict[str, tuple[int, tuple[str, ...], SharedContext]] = {}

    def start(
        self, driver: Driver, feature: Feature, task: Task, batch: Batch, earlier: Sequence[AttemptView]
    ) -> Attempt:
        """Start the next attempt of a task, and return it running.

        Raises DriverError (a value that cannot be passed), EditError (the task file cannot be written), LaunchError
        (no process to be had) or OSError (disk); the task file then says pending again.
        """
        agent = task.suggested_agent
        reservation = self._journal.reserve(feature.key, task.seq)
        reservation.write_prompt(self._prompt(feature, task, batch, reservation.number, earlier, agent))
        attempt = self._journal.commit(reservation, self._launch(driver, feature, task, reservation, agent))
        # The same moment in both records: so it can be told later that this attempt wrote the file.
        began = attempt.launch.created
        self._desk.start(task, agent or driver.name, by=ENGINE, at=began, digest=task.digest)
        try:
            start(attempt)
        except LaunchError:
            with contextlib.suppress(EditError):  # the launch error says more, and is raised
                self._desk.reset(task, by=ENGINE)
            raise
        return attempt

    def _launch(self, driver: Driver, feature: Feature, task: Task, reservation: Reservation, agent: str) -> Launch:
        job = Job(
            root=self._root,
            feature=feature,
            task=task,
            attempt=reservation.number,
            prompt_file=reservation.prompt,
            agent=agent,
            writes=tuple(target.path for target in targets(task.deliverables, self._root) if target.path),
        )
        invocation = driver.invocation(job)
        return Launch(
            feature=feature.key,
            seq=task.seq,
            driver=driver.name,
            is_demo=driver.is_demo,
            argv=invocation.argv,
            cwd=invocation.cwd,
            agent=agent,
            env=invocation.env,
            stdin=invocation.stdin,
            merge_stderr=invocation.merge_stderr,
            wall_limit=self._settings.wall_limit * 60 or None,
            grace=self._settings.grace,
            log_cap=self._settings.log_cap_mib * 1024 * 1024,
            stall_after=self._settings.stall_after,
            stall_stop=self._settings.stall_stop,
            created=self._clock(),
            task_file=task.path,
            task_digest=task.digest,
            deliverables=task.deliverables,
            baseline=facts(task.deliverables, self._root),
        )

    def _prompt(
        self, feature: Feature, task: Task, batch: Batch, number: int, earlier: Sequence[AttemptView], agent: str
    ) -> bytes:
        beside_not = (task.seq, *apart(batch).of(task.seq))
        beside = [other for other in feature.tasks if other.seq in batch.seqs and other.seq not in beside_not]
        failed = [view.outcome for view in earlier if view.outcome is not None]
        previous = f"{failed[-1].failure or failed[-1].verdict}: {failed[-1].reason}" if failed else None
        kib = 1024
        return build_prompt(
            root=self._root,
            feature=feature,
            task=task,
            shared=self.shared(feature, batch),
            beside=beside,
            ownership={seq: named.paths for seq, named in zip(batch.seqs, batch.writes, strict=True) if named.is_known},
            batch=batch.number,
            attempt=number,
            previous=previous,
            agent=agent,
            file_limit=self._settings.context_file_kib * kib,
            total_limit=self._settings.context_total_kib * kib,
        )

    def shared(self, feature: Feature, batch: Batch) -> SharedContext:
        """What every prompt of this batch begins with, byte for byte."""
        known = self._shared.get(feature.key)
        if known is not None and known[:2] == (batch.number, batch.seqs):
            return known[2]
        tasks = [task for task in feature.tasks if task.seq in batch.seqs]
        kib = 1024
        made = shared_context(
            self._root,
            feature,
            tasks,
            file_limit=self._settings.context_file_kib * kib,
            total_limit=self._settings.context_total_kib * kib * 2 // 3,
        )
        self._shared[feature.key] = (batch.number, batch.seqs, made)
        return made
