"""Claimed is not done: what an ended attempt came to, from its end by the driver's contract and the evidence."""

from __future__ import annotations

from collections.abc import Sequence

from parex_tui.agents.driver import Ending, Failure
from parex_tui.agents.events import Event, Usage

from .states import Evidence, Outcome, Verdict

SUMMARY_LIMIT = 200
"""Characters of a completion summary that the format allows."""


def judge(
    ending: Ending, evidence: Sequence[Evidence], events: Sequence[Event], *, seconds: float, now: float
) -> Outcome:
    """The outcome of an attempt. Verified needs both: a clean end, and every checkable deliverable new or changed."""
    verdict, failure, reason = _weigh(ending, evidence)
    tokens, cost = spent(events)
    return Outcome(
        verdict=verdict,
        reason=reason,
        summary=shorten(ending.summary),
        failure=failure,
        evidence=tuple(evidence),
        seconds=seconds,
        tokens=tokens,
        cost=cost,
        judged_at=now,
    )


def _weigh(ending: Ending, evidence: Sequence[Evidence]) -> tuple[Verdict, Failure | None, str]:
    if not ending.clean:
        return Verdict.FAILED, ending.failure or Failure.AGENT_ERROR, ending.reason or "no reason was given"
    by_state: dict[str, list[str]] = {}
    for item in evidence:
        by_state.setdefault(item.state, []).append(item.path or item.deliverable)
    checked = sum(len(paths) for state, paths in by_state.items() if state != "unchecked")
    if missing := by_state.get("missing"):
        verb = "does not exist" if len(missing) == 1 else "do not exist"
        return Verdict.FAILED, Failure.NO_EVIDENCE, f"ended as done, but {listed(missing)} {verb}"
    if untouched := by_state.get("unchanged"):
        verb = "was not touched" if len(untouched) == 1 else "were not touched"
        return Verdict.NEEDS_REVIEW, None, f"ended well, but {listed(untouched)} {verb}"
    if later := by_state.get("later"):
        verb = "was changed" if len(later) == 1 else "were changed"
        return Verdict.NEEDS_REVIEW, None, f"ended well, but {listed(later)} {verb} after its end: by whom is unknown"
    if checked and all(item.detail == "empty" for item in evidence if item.state in ("created", "changed")):
        return Verdict.NEEDS_REVIEW, None, f"ended well, but what it wrote is empty: {listed(_written(evidence))}"
    if not checked:
        what = "no deliverable is named" if not evidence else f"no deliverable can be checked: {_first(evidence)}"
        how = "" if ending.proven else " (exit 0, and no result of its own)"
        return Verdict.NEEDS_REVIEW, None, f"ended well{how}, but {what}"
    unchecked = len(by_state.get("unchecked", ()))
    rest = f"; {unchecked} could not be checked" if unchecked else ""
    return Verdict.VERIFIED, None, f"ended well; {checked} of {checked + unchecked} deliverables new or changed{rest}"


def _first(evidence: Sequence[Evidence]) -> str:
    """`“All tests pass” names no single file`, cut to a length that a line has room for."""
    one = evidence[0]
    name = one.deliverable if len(one.deliverable) <= 60 else one.deliverable[:59].rstrip() + "…"
    return f"“{name}” {one.detail}"


def _written(evidence: Sequence[Evidence]) -> list[str]:
    """Paths of what was written."""
    return [item.path for item in evidence if item.state in ("created", "changed")]


def listed(names: Sequence[str], most: int = 3) -> str:
    """`a`, `a and b`, `a, b and 4 more`."""
    if len(names) <= 1:
        return "".join(names)
    if len(names) <= most:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def spent(events: Sequence[Event]) -> tuple[int, float | None]:
    """Tokens and cost (US dollars; None where no event names one) of a whole stream."""
    tokens, cost = 0, None
    for event in events:
        if isinstance(event, Usage):
            tokens += event.input_tokens + event.output_tokens
            if event.cost is not None:
                cost = (cost or 0.0) + event.cost
    return tokens, cost


def shorten(text: str) -> str:
    """`text` as one line of at most `SUMMARY_LIMIT` characters."""
    line = " ".join(text.replace("⏎", " ").split())
    return line if len(line) <= SUMMARY_LIMIT else line[: SUMMARY_LIMIT - 1].rstrip() + "…"
