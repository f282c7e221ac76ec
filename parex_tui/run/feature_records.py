"""What is on record of every feature that was ever run in a project, also of those that are gone, renamed or replaced.

A record is named by the feature's folder name. One whose feature was made anew since is named with its number behind
(`auth~1`, `auth~2`), and so is one that two names could mean; the newest of a name also answers to the name alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from parex_tui.tasks.model import Feature, Project
from parex_tui.tasks.naming import task_named

from .attempt import Attempt
from .attempts import Journal
from .birth import Birth, birth_of, read_birth
from .records import Decision
from .statedir import safe_name
from .states import NeverRan, Running, Starting

_NUMBER: Final = re.compile(r"0*([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class FeatureRecord:
    """The attempts and decisions of one feature. `key` is the feature's, `number` counts those of one key from 1.

    `feature` is None where its folder is gone, or is another feature's by now. `renamed`: the key of the feature that
    lives in its folder today, "" where none does. `made` is when task.json says the feature was made, "" where unknown.
    """

    name: str
    key: str
    number: int
    folder: Path
    attempts: Mapping[str, tuple[Attempt, ...]]
    decisions: tuple[Decision, ...] = ()
    feature: Feature | None = None
    renamed: str = ""
    made: str = ""

    def seqs(self, word: str) -> tuple[str, ...]:
        """The seqs that `word` can mean, of tasks and of attempts whose task is gone: `5` is `05`."""
        task = task_named(self.feature, word) if self.feature is not None else None
        if task is not None:
            return (task.seq,)
        if word in self.attempts:
            return (word,)
        match = _NUMBER.fullmatch(word)
        return tuple(seq for seq in self.attempts if match and seq.isdigit() and int(seq) == int(match.group(1)))

    def all(self) -> tuple[Attempt, ...]:
        """Every attempt, by seq and number."""
        return tuple(attempt for seq in sorted(self.attempts) for attempt in self.attempts[seq])

    def alive(self) -> tuple[Attempt, ...]:
        """Those whose keeper is alive."""
        return tuple(attempt for attempt in self.all() if isinstance(attempt.state(), Running | Starting))


def feature_records(journal: Journal, project: Project) -> tuple[FeatureRecord, ...]:
    """Every record: of the project's features in their order, then of those that are gone, by name.

    A feature that never ran has a record without attempts. Raises StateError.
    """
    found: list[FeatureRecord] = []
    births: dict[str, Birth] = {}
    for feature in project.features:
        journal.know(feature)
        birth = birth_of(feature)
        if birth is not None:
            births[feature.key] = birth
        folder = journal.feature_folder(feature.key)
        found.append(
            FeatureRecord(
                name=feature.id,
                key=feature.key,
                number=_number(folder, feature.key),
                folder=folder,
                attempts=journal.feature_attempts(feature.key),
                decisions=journal.decisions(feature.key),
                feature=feature,
                made=feature.created_at,
            )
        )
    known = {one.folder for one in found}
    gone = [
        record
        for folder in journal.folders()
        if folder not in known and (record := _gone(journal, folder, births)) is not None
    ]
    taken = [one.name for one in found] + [one.name for one in gone]
    return (*found, *(_told_apart(one, taken) for one in gone))


def _gone(journal: Journal, folder: Path, births: Mapping[str, Birth]) -> FeatureRecord | None:
    attempts = journal.attempts_in(folder)
    if not attempts:
        return None  # nothing ever began there
    keys = [one.launch.feature for found in attempts.values() for one in found]
    key = next((one for one in keys if folder.name.startswith(safe_name(one))), folder.name)
    birth = read_birth(folder)
    renamed = "" if birth is None else next((new for new, one in births.items() if _same(birth, one)), "")
    return FeatureRecord(
        name=key,
        key=key,
        number=_number(folder, key),
        folder=folder,
        attempts=attempts,
        decisions=journal.decisions_in(folder),
        renamed=renamed,
        made=birth.created_at if birth is not None else "",
    )


def _same(before: Birth, now: Birth) -> bool:
    """Whether it is the same folder under another name; an inode that was used again has another time."""
    return (before.device, before.inode) == (now.device, now.inode) and before.created_at == now.created_at


def _number(folder: Path, key: str) -> int:
    rest = folder.name.removeprefix(safe_name(key)).removeprefix("~")
    return int(rest) if rest.isdigit() and rest.isascii() else 1


def _told_apart(record: FeatureRecord, taken: Sequence[str]) -> FeatureRecord:
    return record if taken.count(record.name) == 1 else replace(record, name=f"{record.name}~{record.number}")


def record_named(records: Iterable[FeatureRecord], name: str) -> FeatureRecord | None:
    """The record that a person means, by its name or key; the newest where several have it. None without one."""
    listed = tuple(records)
    for one in listed:
        if name == one.name:
            return one
    named = [one for one in listed if name in (one.key, f"{one.key}~{one.number}")]
    return max(named, key=lambda one: (one.feature is not None, one.number), default=None)


def latest_that_ran(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest attempt that ran or runs; where none did the newest of all, None without any."""
    ran = [one for one in attempts if not isinstance(one.state(), NeverRan)]
    return next(reversed(ran or attempts), None)
