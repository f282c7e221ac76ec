"""The journal of attempts: numbered directories in the user's state folder, used once, never overwritten.

    <project>/features/<feature>/<seq>/<NNNN>/   launch.json prompt.md lock started output stderr exit outcome.json …
    <project>/features/<feature>/                engine.lock engine.json engine.log decisions.jsonl feature.json

A feature that is made anew under an old name gets a folder of its own (`<feature>~2`).

Whether an attempt is alive is asked of the kernel: its keeper holds a lock on `lock` for as long as it lives. Reading
is cheap enough to be done many times a second: what has ended is read once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from parex_tui.tasks.model import Feature

from . import statedir
from .attempt import Attempt
from .birth import Birth, birth_of, read_birth, write_birth
from .feature_lock import LOG, RECORD, FeatureLock, is_locked, read_holder, take_lock, write_holder
from .mailbox import Mailbox
from .records import Decision, FileFact, Launch, decision_from, decision_record, launch_from, launch_record
from .snapshot import Holder
from .states import NeverRan, Running, Starting

__all__ = ["Attempt", "Decision", "FeatureLock", "FileFact", "Holder", "Journal", "Launch", "Reservation"]

_NUMBERED: Final = re.compile(r"\d{4,9}")
_COARSE_NS: Final = 2_500_000_000
"""A folder's modification time proves that nothing changed since only when it is older than any file system's tick."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A number and a directory that nobody else will get; an attempt once it is committed."""

    feature: str
    seq: str
    number: int
    dir: Path

    @property
    def prompt(self) -> Path:
        """Where the prompt will be."""
        return self.dir / "prompt.md"

    def write_prompt(self, prompt: bytes) -> None:
        """Put the prompt in its place. Raises OSError."""
        statedir.write_durably(self.prompt, prompt)


@dataclass(frozen=True, slots=True)
class _Listing:
    """The folders in a folder, and the modification time they belong to; `settled`: that time can be relied on."""

    mtime_ns: int
    settled: bool
    folders: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """The attempts that belong to the numbered folders of one task."""

    folders: tuple[Path, ...]
    seq: str
    attempts: tuple[Attempt, ...]


class Journal:
    """Every attempt of one project. Safe to use from several threads.

    Reading creates nothing; the folder appears with the first attempt. Raises `statedir.StateError` where the state
    folder cannot be trusted.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.dir = statedir.project_path(root)
        if self.dir.exists():
            statedir.check_private(statedir.state_root())
            statedir.check_private(self.dir)
        self._guard = threading.RLock()
        self._listings: dict[Path, _Listing] = {}
        self._attempts: dict[Path, Attempt] = {}
        self._tasks: dict[Path, _Task] = {}
        self._decisions: dict[Path, tuple[tuple[int, int], tuple[Decision, ...]]] = {}
        self._holders: dict[Path, tuple[tuple[int, int, int], Holder | None]] = {}
        self._births: dict[str, Birth] = {}
        self._places: dict[str, Path] = {}

    def know(self, feature: Feature) -> None:
        """Tell which feature a key means now: one that was made anew is another one, with no attempts yet.

        Whoever looks at features calls it before asking for attempts. It creates nothing; cheap when nothing changed.
        """
        birth = birth_of(feature)
        with self._guard:
            if birth is None or self._births.get(feature.key) == birth:
                return
            place = self._place_of(feature.key, birth)
            if place is not None:
                self._births[feature.key], self._places[feature.key] = birth, place

    def _place_of(self, key: str, birth: Birth) -> Path | None:
        """The state folder of that feature. None while an attempt of the one before it is not settled yet."""
        base = place = self.dir / "features" / statedir.safe_name(key)
        number = 1
        while (owner := read_birth(place)) is not None and owner.is_other(birth):
            settled = (one.applied() or isinstance(one.state(), NeverRan) for one in self._all_of(place))
            if not all(settled):
                return None
            number += 1
            place = base.with_name(f"{base.name}~{number}")
        return place

    def _all_of(self, folder: Path) -> tuple[Attempt, ...]:
        return tuple(one for attempts in self._of_feature(folder).values() for one in attempts)

    # --- new attempts ---

    def reserve(self, feature_key: str, seq: str) -> Reservation:
        """The next number of a task, for one that has to know it before it can say what to launch.

        A reservation that is never committed is no attempt, and its number is not used again. Raises StateError, and
        OSError where the disk is full or read-only.
        """
        folder = self._made_for(feature_key, self._feature_dir(feature_key) / statedir.safe_name(seq))
        number = max((int(name) for name in _numbered(folder)), default=0)
        while True:
            number += 1
            place = folder / f"{number:04d}"
            try:
                place.mkdir(mode=0o700)
            except FileExistsError:
                continue  # another process took that number just now
            place.chmod(0o700)
            statedir.sync_folder(folder)
            return Reservation(feature_key, seq, number, place)

    def commit(self, reservation: Reservation, launch: Launch) -> Attempt:
        """Make a reservation with its prompt written an attempt that can be started. Raises OSError."""
        launch = replace(
            launch,
            feature=reservation.feature,
            seq=reservation.seq,
            number=reservation.number,
            run=f"{'/'.join(reservation.dir.parts[-3:])}-{secrets.token_hex(8)}",
            prompt_digest=hashlib.sha256(reservation.prompt.read_bytes()).hexdigest(),
        )
        statedir.write_durably(reservation.dir / "launch.json", statedir.json_bytes(launch_record(launch)))
        with self._guard:
            attempt = self._attempts[reservation.dir] = Attempt(reservation.dir, launch)
        return attempt

    def create(self, launch: Launch, prompt: bytes) -> Attempt:
        """A new attempt of the launch's task; number, run and prompt digest are filled in here.

        Raises StateError, and OSError where the disk is full or read-only.
        """
        reservation = self.reserve(launch.feature, launch.seq)
        reservation.write_prompt(prompt)
        return self.commit(reservation, launch)

    # --- what there is ---

    def attempts(self, feature_key: str, seq: str) -> tuple[Attempt, ...]:
        """Every attempt of a task, oldest first."""
        with self._guard:
            return self._of_seq(self._feature_dir(feature_key) / statedir.safe_name(seq)).attempts

    def latest(self, feature_key: str, seq: str) -> Attempt | None:
        """The newest attempt of a task, or None."""
        found = self.attempts(feature_key, seq)
        return found[-1] if found else None

    def feature_attempts(self, feature_key: str) -> Mapping[str, tuple[Attempt, ...]]:
        """The attempts of a feature by seq, oldest first; tasks without one are missing."""
        with self._guard:
            return MappingProxyType(self._of_feature(self._feature_dir(feature_key)))

    def all_live(self) -> tuple[Attempt, ...]:
        """The attempts of the whole project whose keeper is alive."""
        with self._guard:
            features = self.dir / "features"
            found = [attempt for feature in self._folders(features) for attempt in self._all_of(feature)]
        return tuple(attempt for attempt in found if isinstance(attempt.state(), Starting | Running))

    def feature_folder(self, feature_key: str) -> Path:
        """Where everything about the feature that a key means now is kept. May not exist."""
        return self._feature_dir(feature_key)

    def folders(self) -> tuple[Path, ...]:
        """The folders of every feature that was ever run in the project, also of those that are gone, by name."""
        with self._guard:
            return self._folders(self.dir / "features")

    def attempts_in(self, folder: Path) -> Mapping[str, tuple[Attempt, ...]]:
        """The attempts in one of `folders` by seq, oldest first."""
        with self._guard:
            return MappingProxyType(self._of_feature(folder))

    def decisions_in(self, folder: Path) -> tuple[Decision, ...]:
        """What persons decided, of one of `folders`, oldest first."""
        return tuple(decision_from(record) for record in statedir.read_lines(folder / "decisions.jsonl"))

    # --- one engine per feature ---

    def feature_lock(self, feature_key: str) -> FeatureLock | None:
        """The right to run a feature, or None where another engine has it (`engine_holder` names it).

        Raises StateError, and OSError where the lock file cannot be made.
        """
        return take_lock(self._made(self._feature_dir(feature_key)))

    def is_run(self, feature_key: str) -> bool:
        """Whether an engine has the feature's lock: another one, for those who do not have it themselves."""
        return is_locked(self._feature_dir(feature_key))

    def sign(self, feature_key: str, *, screen: bool, going: bool, **more: Any) -> None:
        """Say who holds the feature's lock: this process. `more` are further fields of `Holder`."""
        with contextlib.suppress(OSError):  # it is for those who look on; the lock is what counts
            write_holder(self._feature_dir(feature_key), {"screen": screen, "going": going, **more})

    def engine_holder(self, feature_key: str) -> Holder | None:
        """Who signed last for the feature's lock; whether that one still holds it, only the lock tells. Cheap."""
        folder = self._feature_dir(feature_key)
        try:
            found = os.stat(folder / RECORD)  # noqa: PTH116 - called for every feature, many times a second
        except OSError:
            return None
        signature = (found.st_ino, found.st_mtime_ns, found.st_size)
        with self._guard:
            known = self._holders.get(folder)
            if known is None or known[0] != signature:
                known = self._holders[folder] = (signature, read_holder(folder))
            return known[1]

    def engine_log(self, feature_key: str) -> Path:
        """What an engine without a screen and without a terminal says. May not exist."""
        return self._feature_dir(feature_key) / LOG

    def mailbox(self, feature_key: str) -> Mailbox:
        """Where to leave orders for whoever runs the feature. Raises StateError and OSError."""
        return Mailbox(self._made(self._feature_dir(feature_key)))

    # --- decisions ---

    def decisions(self, feature_key: str) -> tuple[Decision, ...]:
        """What persons decided about the feature's tasks, oldest first."""
        path = self._feature_dir(feature_key) / "decisions.jsonl"
        try:
            found = path.stat()
        except OSError:
            return ()
        signature = (found.st_mtime_ns, found.st_size)
        with self._guard:
            known = self._decisions.get(path)
            if known is None or known[0] != signature:
                decided = tuple(decision_from(record) for record in statedir.read_lines(path))
                known = self._decisions[path] = (signature, decided)
            return known[1]

    def record_decision(self, feature_key: str, decision: Decision) -> None:
        """Add a decision, on disk when this returns. Raises StateError and OSError."""
        folder = self._made_for(feature_key, self._feature_dir(feature_key))
        statedir.append_line(folder / "decisions.jsonl", decision_record(decision))

    # --- folders ---

    def _feature_dir(self, feature_key: str) -> Path:
        return self._places.get(feature_key) or self.dir / "features" / statedir.safe_name(feature_key)

    def _made_for(self, feature_key: str, folder: Path) -> Path:
        """`folder` of that feature, made where it is missing, and signed with the feature that it belongs to."""
        self._made(folder)
        birth = self._births.get(feature_key)
        place = self._feature_dir(feature_key)
        if birth is not None and read_birth(place) != birth:
            write_birth(place, birth)
        return folder

    def _made(self, folder: Path) -> Path:
        """`folder`, which lies below the project's, with every folder above it."""
        if not folder.is_dir():
            statedir.project_dir(self._root)
            missing = [folder, *(parent for parent in folder.parents if self.dir in parent.parents)]
            for one in reversed(missing):
                statedir.make_private(one)
                statedir.sync_folder(one.parent)
        return folder

    def _of_feature(self, folder: Path) -> dict[str, tuple[Attempt, ...]]:
        tasks = [self._of_seq(inner) for inner in self._folders(folder)]
        return {task.seq: task.attempts for task in tasks if task.attempts}

    def _of_seq(self, folder: Path) -> _Task:
        folders = self._folders(folder, numbered=True)
        known = self._tasks.get(folder)
        if known is not None and known.folders == folders:
            return known
        attempts = tuple(attempt for inner in folders if (attempt := self._read(inner)) is not None)
        own = (attempt.launch.seq for attempt in attempts if statedir.safe_name(attempt.launch.seq) == folder.name)
        task = _Task(folders, next(own, folder.name), attempts)
        if all(inner in self._attempts for inner in folders):  # else one is being made, or could not be read
            self._tasks[folder] = task
        return task

    def _folders(self, folder: Path, *, numbered: bool = False) -> tuple[Path, ...]:
        """The folders in `folder`, sorted; read again only when it changed."""
        known = self._listings.get(folder)
        try:
            mtime_ns = os.stat(folder).st_mtime_ns  # noqa: PTH116 - called for every task, many times a second
            if known is not None and known.settled and known.mtime_ns == mtime_ns:
                return known.folders
            settled = time.time_ns() - mtime_ns > _COARSE_NS
            names = _numbered(folder) if numbered else _names(folder)
        except (FileNotFoundError, NotADirectoryError):
            if self._listings.pop(folder, None) is not None:
                self._forget(folder)
            return ()
        except OSError as error:
            if known is not None:
                return known.folders
            # Taken for empty, it would have tasks started that run already.
            raise statedir.StateError(f"cannot read the state folder {folder}: {error.strerror or error}") from error
        folders = tuple(folder / name for name in names)
        self._listings[folder] = _Listing(mtime_ns, settled, folders)
        return folders

    def _forget(self, folder: Path) -> None:
        """Somebody deleted a folder: whatever comes in its place is something else."""
        self._tasks = {path: task for path, task in self._tasks.items() if path != folder}
        self._attempts = {path: attempt for path, attempt in self._attempts.items() if folder not in path.parents}

    def _read(self, folder: Path) -> Attempt | None:
        known = self._attempts.get(folder)
        if known is not None:
            return known
        sure = True
        try:
            record = statedir.read_present(folder / "launch.json")
            started = statedir.read_present(folder / "started")
        except OSError:
            record, started, sure = {}, {}, False
        if record is None and started is None:
            return None  # reserved only
        # Damaged or not, it may be running, and must be seen to be stopped.
        launch = launch_from(record or {})
        run = launch.run or (started or {}).get("run")
        launch = replace(
            launch,
            feature=launch.feature or folder.parent.parent.name,
            seq=launch.seq or folder.parent.name,
            number=int(folder.name),
            run=run if isinstance(run, str) else "",
        )
        attempt = Attempt(folder, launch)
        if sure:
            self._attempts[folder] = attempt
        return attempt


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def _numbered(folder: Path) -> list[str]:
    return sorted((name for name in _names(folder) if _NUMBERED.fullmatch(name)), key=int)
