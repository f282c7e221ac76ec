"""Attempts as JSON for scripts: `parex.attempts/1`, a list, and `parex.attempt/1`, one whole. Secrets are masked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from parex_tui.agents.secrets import Masker
from parex_tui.run.attempt_facts import AttemptDetail, AttemptFacts
from parex_tui.run.feature_records import FeatureRecord
from parex_tui.run.records import Decision
from parex_tui.run.states import Exited
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.text import clean

from .wording import relative

ATTEMPTS_SCHEMA: Final = "parex.attempts/1"
ATTEMPT_SCHEMA: Final = "parex.attempt/1"

Json = dict[str, JsonValue]


def attempts_json(records: Sequence[tuple[FeatureRecord, Sequence[AttemptFacts]]], root: Path, mask: Masker) -> Json:
    """Every attempt that was asked for, by feature."""
    return {
        "schema": ATTEMPTS_SCHEMA,
        "root": clean(str(root)),
        "features": [
            {**record_json(record, root), "attempts": [attempt_json(one, mask) for one in found]}
            for record, found in records
        ],
    }


def attempt_whole_json(
    record: FeatureRecord, facts: AttemptFacts, detail: AttemptDetail, root: Path, mask: Masker
) -> Json:
    """One attempt with everything that is on record of it."""
    launch, state = facts.launch, facts.state
    ended = state if isinstance(state, Exited) else None
    notes: list[JsonValue] = [mask_values(note, mask) for note in detail.notes]
    return {
        "schema": ATTEMPT_SCHEMA,
        "root": clean(str(root)),
        "feature": record_json(record, root),
        "attempt": attempt_json(facts, mask),
        "run": clean(launch.run),
        "argv": [clean(mask.text(word)) for word in launch.argv],
        "cwd": clean(str(launch.cwd)),
        "environment": {clean(key): clean(value) for key, value in mask.environment(launch.env).items()},
        "stdin": launch.stdin,
        "merge_stderr": launch.merge_stderr,
        "wall_limit_seconds": launch.wall_limit,
        "grace_seconds": launch.grace,
        "prompt": {
            "path": clean(str(facts.directory / "prompt.md")),
            "bytes": detail.prompt_size,
            "sha256": clean(launch.prompt_digest) or None,
            "intact": detail.prompt_intact,
        },
        "task_file": {"path": relative(launch.task_file, root), "sha256": clean(launch.task_digest) or None},
        "deliverables": [clean(one) for one in launch.deliverables],
        "baseline": [
            {"path": clean(one.path), "exists": one.exists, "bytes": one.size, "sha256": clean(one.digest) or None}
            for one in launch.baseline
        ],
        "exit": None
        if ended is None
        else {
            "code": ended.exit.code,
            "signal": ended.exit.signal,
            "reason": ended.exit.reason,
            "detail": clean(mask.text(ended.exit.detail)),
            "swept": ended.swept,
        },
        "stop_asked": None
        if detail.stop_at is None and not detail.stop_by
        else {"at": detail.stop_at, "by": detail.stop_by},
        "keeper_pid": None if detail.started is None else detail.started.keeper.pid,
        "agent_pid": None if detail.started is None else detail.started.agent.pid,
        "contained": detail.contained,
        "keeper_log": clean(mask.text(detail.keeper_log)),
        "notes": notes,
        "files": [{"path": clean(str(one.path)), "bytes": one.size} for one in detail.files],
    }


def record_json(record: FeatureRecord, root: Path) -> Json:
    """Which feature a record is of, and what became of it."""
    return {
        "name": clean(record.name),
        "key": clean(record.key),
        "path": None if record.feature is None else relative(record.feature.path, root),
        "archived": record.feature is not None and record.feature.archived,
        "renamed": clean(record.renamed) or None,
        "made": clean(record.made) or None,
        "directory": clean(str(record.folder)),
    }


def attempt_json(facts: AttemptFacts, mask: Masker) -> Json:
    """One attempt as a list has it."""
    outcome, launch = facts.outcome, facts.launch
    return {
        "seq": clean(facts.seq),
        "number": facts.number,
        "state": facts.word,
        "failure": None if outcome is None or outcome.failure is None else outcome.failure.value,
        "reason": clean(mask.text(facts.reason)) or None,
        "summary": clean(mask.text(outcome.summary)) or None if outcome is not None else None,
        "driver": clean(launch.driver),
        "is_demo": launch.is_demo,
        "agent": clean(launch.agent) or None,
        "model": clean(launch.model) or None,
        "created": launch.created,
        "began": facts.began,
        "ended": facts.state.ended if isinstance(facts.state, Exited) else None,
        "seconds": facts.seconds,
        "last_sign": facts.last_sign,
        "stalled": facts.stalled,
        "suspended": facts.suspended,
        "tokens": facts.tokens,
        "cost": facts.cost,
        "evidence": [
            {
                "deliverable": clean(one.deliverable),
                "state": clean(one.state),
                "path": clean(one.path),
                "detail": clean(one.detail),
            }
            for one in (outcome.evidence if outcome is not None else ())
        ],
        "applied": facts.applied,
        "directory": clean(str(facts.directory)),
    }


def decision_json(decision: Decision, mask: Masker) -> Json:
    """What a person decided."""
    return {
        "at": decision.at,
        "kind": clean(decision.kind),
        "task": clean(decision.seq) or None,
        "batch": decision.batch or None,
        "attempt": decision.attempt or None,
        "note": clean(mask.text(decision.note)) or None,
    }


def mask_values(value: JsonValue, mask: Masker) -> JsonValue:
    """A JSON value with every text in it cleaned and its secrets masked."""
    if isinstance(value, str):
        return clean(mask.text(value))
    if isinstance(value, list):
        return [mask_values(one, mask) for one in value]
    if isinstance(value, dict):
        return {clean(key): mask_values(one, mask) for key, one in value.items()}
    return value
