"""What an attempt's files say, as data, and both ways between data and JSON.

The files outlive the program: a keeper of an older parex may write them, a newer one may have. So each carries a
`version`, unknown fields are ignored, and a missing or odd field takes its default instead of failing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from parex_tui.agents.driver import Exit, Failure
from parex_tui.tasks.text import clean

from .process import Identity
from .states import Evidence, Exited, Outcome, Verdict

VERSION: Final = 1

Record = Mapping[str, Any]

_REASONS: Final = ("exited", "stopped", "timeout", "spawn")


@dataclass(frozen=True, slots=True)
class FileFact:
    """How one deliverable looked before the attempt. `digest` is "" where the content was not read."""

    path: str
    exists: bool
    kind: str = ""
    size: int = 0
    mtime_ns: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start, and with which inputs. Written before anything starts, never changed.

    `feature` is the feature's key. `env` is what the driver adds, never the inherited environment. `wall_limit` and
    `grace` are seconds, the first None for no limit. `log_cap`: bytes of each output file that stay on disk;
    `stall_after`: seconds without output and work until it is called stalled; each 0 for never. `stall_stop`: then it
    is ended. `created` is seconds since the epoch. Digests are SHA-256 in hexadecimal. `number`, `run` (the mark in the
    environment of everything it starts) and `prompt_digest` are filled in by the journal. `deliverables` and
    `baseline`: what the task promised, and how that looked before.
    """

    feature: str
    seq: str
    driver: str
    argv: tuple[str, ...]
    cwd: Path
    number: int = 0
    run: str = ""
    is_demo: bool = False
    agent: str = ""
    model: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: Literal["prompt", "null"] = "null"
    merge_stderr: bool = False
    wall_limit: float | None = None
    grace: float = 5.0
    log_cap: int = 0
    stall_after: float = 0.0
    stall_stop: bool = False
    created: float = 0.0
    task_file: Path = Path()
    task_digest: str = ""
    prompt_digest: str = ""
    deliverables: tuple[str, ...] = ()
    baseline: tuple[FileFact, ...] = ()
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Started:
    """Who runs an attempt, as its keeper wrote it. `since` is seconds since the epoch."""

    run: str
    since: float
    keeper: Identity
    agent: Identity


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision about a task or a batch. `at` is seconds since the epoch; `attempt` 0 means none."""

    at: float
    kind: str
    seq: str = ""
    batch: int = 0
    attempt: int = 0
    note: str = ""


# --- to JSON ---------------------------------------------------------------------------------------------------


def launch_record(launch: Launch) -> dict[str, Any]:
    """As launch.json holds it; the keeper reads the same file."""
    record = {item.name: getattr(launch, item.name) for item in fields(Launch)}
    record.update(
        argv=list(launch.argv),
        cwd=str(launch.cwd),
        env=dict(launch.env),
        task_file=str(launch.task_file),
        deliverables=list(launch.deliverables),
        baseline=[{item.name: getattr(fact, item.name) for item in fields(FileFact)} for fact in launch.baseline],
    )
    return record


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """As outcome.json holds it."""
    record = {item.name: getattr(outcome, item.name) for item in fields(Outcome)}
    record["evidence"] = [{item.name: getattr(one, item.name) for item in fields(Evidence)} for one in outcome.evidence]
    return {"version": VERSION, **record}


def decision_record(decision: Decision) -> dict[str, Any]:
    """As one line of decisions.jsonl holds it."""
    return {"version": VERSION, **{item.name: getattr(decision, item.name) for item in fields(Decision)}}


# --- from JSON -------------------------------------------------------------------------------------------------


def launch_from(record: Record) -> Launch:
    """The launch of a record; what is missing or odd takes its default."""
    wall_limit = record.get("wall_limit")
    env = record.get("env")
    return Launch(
        feature=_text(record, "feature"),
        seq=_text(record, "seq"),
        driver=_text(record, "driver"),
        argv=_texts(record, "argv"),
        cwd=Path(_text(record, "cwd")),
        number=int(_number(record, "number")),
        run=_text(record, "run"),
        is_demo=record.get("is_demo") is True,
        agent=_text(record, "agent"),
        model=_text(record, "model"),
        env={str(name): str(value) for name, value in env.items()} if isinstance(env, dict) else {},
        stdin="prompt" if record.get("stdin") == "prompt" else "null",
        merge_stderr=record.get("merge_stderr") is True,
        wall_limit=None if wall_limit is None else _number(record, "wall_limit"),
        grace=_number(record, "grace", 5.0),
        log_cap=int(_number(record, "log_cap")),
        stall_after=_number(record, "stall_after"),
        stall_stop=record.get("stall_stop") is True,
        created=_number(record, "created"),
        task_file=Path(_text(record, "task_file")),
        task_digest=_text(record, "task_digest"),
        prompt_digest=_text(record, "prompt_digest"),
        deliverables=_texts(record, "deliverables"),
        baseline=tuple(
            FileFact(
                path=_text(fact, "path"),
                exists=fact.get("exists") is True,
                kind=_text(fact, "kind"),
                size=int(_number(fact, "size")),
                mtime_ns=int(_number(fact, "mtime_ns")),
                digest=_text(fact, "digest"),
            )
            for fact in _records(record, "baseline")
        ),
        version=int(_number(record, "version", VERSION)),
    )


def started_from(record: Record) -> Started | None:
    """Who runs it, or None where the record does not say so completely."""
    boot = _text(record, "boot")
    keeper, agent = _identity(record, "keeper", boot), _identity(record, "agent", boot)
    if keeper is None or agent is None:
        return None
    return Started(run=_text(record, "run"), since=_number(record, "since"), keeper=keeper, agent=agent)


def exited_from(record: Record) -> Exited | None:
    """The verdict, or None unless it is a whole one: exactly one of code and signal, and a known reason."""
    code, signal, reason = record.get("code"), record.get("signal"), record.get("reason")
    if not (_is_int_or_none(code) and _is_int_or_none(signal)) or (code is None) == (signal is None):
        return None
    if reason not in _REASONS:
        return None
    seconds = max(_number(record, "seconds"), 0.0)
    detail = clean(_text(record, "detail"), 500)
    return Exited(
        exit=Exit(code=code, signal=signal, reason=reason, seconds=seconds, detail=detail),
        since=_number(record, "since"),
        ended=_number(record, "ended"),
        swept=int(_number(record, "swept")),
    )


def outcome_from(record: Record) -> Outcome | None:
    """The outcome, or None where the verdict is not one that parex knows."""
    failure, cost = _text(record, "failure"), record.get("cost")
    try:
        verdict = Verdict(_text(record, "verdict"))
        failed = Failure(failure) if failure else None
    except ValueError:
        return None
    return Outcome(
        verdict=verdict,
        reason=_text(record, "reason"),
        summary=_text(record, "summary"),
        failure=failed,
        evidence=tuple(
            Evidence(_text(one, "deliverable"), _text(one, "state"), _text(one, "path"), _text(one, "detail"))
            for one in _records(record, "evidence")
        ),
        seconds=_number(record, "seconds"),
        tokens=int(_number(record, "tokens")),
        cost=None if cost is None else _number(record, "cost"),
        judged_at=_number(record, "judged_at"),
    )


def decision_from(record: Record) -> Decision:
    """The decision of one line of the journal."""
    return Decision(
        at=_number(record, "at"),
        kind=_text(record, "kind"),
        seq=_text(record, "seq"),
        batch=int(_number(record, "batch")),
        attempt=int(_number(record, "attempt")),
        note=_text(record, "note"),
    )


def _identity(record: Record, name: str, boot: str) -> Identity | None:
    found = record.get(name)
    if not isinstance(found, dict) or not isinstance(found.get("pid"), int):
        return None
    start = found.get("start")  # None where the keeper could not know: then it matches no process
    return Identity(pid=found["pid"], start=start if isinstance(start, (int, float)) else -1, boot=boot)


def _text(record: Record, name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _texts(record: Record, name: str) -> tuple[str, ...]:
    value = record.get(name)
    return tuple(str(part) for part in value) if isinstance(value, list) else ()


def _number(record: Record, name: str, default: float = 0.0) -> float:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    # Neither NaN nor an infinity nor an absurd length is a number that anything here could have written.
    return value if -1e18 < value < 1e20 else default


def _records(record: Record, name: str) -> Sequence[Record]:
    value = record.get(name)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _is_int_or_none(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))
