"""What checks came to, and the evidence file beside the task file that says the same to every other program."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from parex_tui.agents.context import open_beneath
from parex_tui.errors import ParexError
from parex_tui.tasks.model import Feature, JsonValue, Task
from parex_tui.tasks.text import clean
from parex_tui.tasks.verification import Check, check_record

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")


class EvidenceError(ParexError):
    """The checks were run, and what they came to could not be written beside the task file. One line."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check came to. `detail` is the format's wording, cleaned. `log` holds a command's output."""

    check: Check
    passed: bool
    detail: str
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks of a task came to, at `generated_at` (seconds since the epoch).

    `evidence` is the name of the file in the feature's folder that says the same.
    """

    feature: str
    seq: str
    generated_at: float
    results: tuple[CheckResult, ...]
    evidence: str

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(result.passed for result in self.results)


def evidence_record(report: Report) -> dict[str, JsonValue]:
    """What the evidence file holds, as the framework's own tool writes it."""
    at = datetime.fromtimestamp(report.generated_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    results: list[JsonValue] = [
        {"check": check_record(result.check), "passed": result.passed, "detail": result.detail}
        for result in report.results
    ]
    return {
        "feature": report.feature,
        "seq": report.seq,
        "generated_at": at,
        "passed": report.passed,
        "results": results,
    }


def evidence_name(task: Task) -> str:
    """The evidence file of a task, in its feature's folder."""
    return f"verification_{_NOT_IN_A_NAME.sub('-', task.seq)}.json"


def write_evidence(anchor: int, root: Path, feature: Feature, report: Report) -> None:
    """Replace the evidence file as a whole, in the feature's own folder and nowhere that a link leads to.

    `anchor` is the root, held open. Raises EvidenceError; what was there is then as it was.
    """
    record = evidence_record(report)
    try:
        data = json.dumps(record, indent=2, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        data = json.dumps(record, indent=2).encode()
    shown = clean(str(feature.path / report.evidence))
    try:
        path = str(feature.path.relative_to(root))
        folder = open_beneath(anchor, path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _replace(folder, report.evidence, data + b"\n")
        finally:
            os.close(folder)
    except ValueError:
        raise EvidenceError(f"{shown}: lies outside the project: parex writes nothing there") from None
    except OSError as error:
        reason = "leads outside the project: parex writes nothing there" if error.errno == errno.EXDEV else ""
        raise EvidenceError(f"{shown}: {reason or f'cannot be written: {error.strerror}'}") from error


def _replace(folder: int, name: str, data: bytes) -> None:
    temporary = f".{name}.{secrets.token_hex(6)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666, dir_fd=folder)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
