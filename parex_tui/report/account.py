"""What happened in a run, as data: every task with what came of it, what persons decided, what it took and cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parex_tui.agents.secrets import Masker
from parex_tui.run.attempt_facts import AttemptFacts
from parex_tui.run.board import ACCEPT, GO_ON, SKIP, UNDO
from parex_tui.run.feature_records import FeatureRecord
from parex_tui.run.records import Decision
from parex_tui.run.snapshot import Conflict, FeatureView
from parex_tui.run.states import Evidence, Exited, NeverRan, Running, Starting
from parex_tui.tasks.text import clean

from .run_text import duration as elapsed
from .state_words import state_reason, state_word
from .wording import counted, money, tokens

_JUDGED: Final = ("verified", "accepted", "needs review", "failed", "gone")
_BY_WORD: Final[Mapping[str, str]] = {
    "accepted": "accepted by a person, not verified",
    "claimed": "completed by another program's word, not checked",
    "skipped": "skipped by a person, not done",
}


@dataclass(frozen=True, slots=True)
class TaskAccount:
    """One task. `word` is what it is; `said` the same so that nobody takes it for more. Texts are clean and masked."""

    seq: str
    title: str
    word: str
    said: str
    reason: str
    evidence: tuple[Evidence, ...]
    attempts: tuple[AttemptFacts, ...]

    @property
    def verified(self) -> bool:
        """Whether parex saw it end well, with evidence."""
        return self.word == "verified"

    @property
    def seconds(self) -> float:
        """Of all attempts."""
        return sum(one.seconds or 0.0 for one in self.attempts)

    @property
    def tokens(self) -> int:
        """Of all attempts, as far as they are known."""
        return sum(one.tokens or 0 for one in self.attempts)

    @property
    def cost(self) -> float | None:
        """US dollars of all attempts; None where no agent says."""
        return _sum(one.cost for one in self.attempts)


@dataclass(frozen=True, slots=True)
class Account:
    """A whole run. `wall`: seconds from the first start to the last end. `saved` and `share` as on the screen."""

    record: FeatureRecord
    title: str
    tasks: tuple[TaskAccount, ...]
    decisions: tuple[Decision, ...]
    conflicts: tuple[Conflict, ...]
    wall: float | None
    saved: float | None
    share: float | None
    is_demo: bool

    @property
    def unverified(self) -> tuple[TaskAccount, ...]:
        """The tasks that nobody may call done on parex' word."""
        return tuple(task for task in self.tasks if not task.verified)

    @property
    def attempts(self) -> int:
        """How many there were that ran."""
        return sum(not isinstance(one.state, NeverRan) for task in self.tasks for one in task.attempts)


def account_of(
    record: FeatureRecord,
    view: FeatureView | None,
    facts: Mapping[str, Sequence[AttemptFacts]],
    conflicts: Sequence[Conflict],
    mask: Masker,
) -> Account:
    """Put it together. `view` is None where the feature is gone: then the attempts are all that is known."""
    tasks: list[TaskAccount] = []
    if view is not None:
        for seq, task in view.tasks.items():
            word, reason = state_word(task.state), state_reason(task.state)
            tasks.append(_task(seq, task.task.title, word, _BY_WORD.get(word, word), reason, facts.get(seq, ()), mask))
    known = {task.seq for task in tasks}
    for seq, found in facts.items():
        if seq not in known and found:
            last = next((one for one in reversed(found) if not isinstance(one.state, NeverRan)), found[-1])
            said = f"{last.word} at the time; its task is gone"
            word = last.word if isinstance(last.state, Running | Starting) else "gone"
            tasks.append(_task(seq, "", word, said, last.reason, found, mask))
    every = [one for found in facts.values() for one in found]
    spans = [(one.state.since, one.state.ended) for one in every if isinstance(one.state, Exited)]
    return Account(
        record=record,
        title=view.feature.name if view is not None else "",
        tasks=tuple(tasks),
        decisions=record.decisions,
        conflicts=tuple(conflicts),
        wall=max(end for _, end in spans) - min(start for start, _ in spans) if spans else None,
        saved=view.saved if view is not None else None,
        share=view.saved_share if view is not None else None,
        is_demo=any(one.launch.is_demo for one in every),
    )


def _task(
    seq: str, title: str, word: str, said: str, reason: str, found: Sequence[AttemptFacts], mask: Masker
) -> TaskAccount:
    judged = next((one.outcome for one in reversed(found) if one.outcome is not None), None)
    if not reason and word == "verified" and judged is not None:
        reason = judged.reason
    return TaskAccount(
        seq=clean(seq, 60),
        title=clean(mask.text(title), 300),
        word=word,
        said=said,
        reason=clean(mask.text(reason), 400),
        # A task that was set back since has no evidence, whatever an earlier attempt had.
        evidence=judged.evidence if judged is not None and word in _JUDGED else (),
        attempts=tuple(found),
    )


def tally(account: Account) -> str:
    """`8 tasks: 6 verified, 1 accepted by a person, not verified, 1 failed`."""
    counts: dict[str, int] = {}
    for task in account.tasks:
        counts[task.said] = counts.get(task.said, 0) + 1
    told = "; ".join(f"{count} {said}" for said, count in counts.items())
    return f"{counted(len(account.tasks), 'task')}: {told or 'none'}"


def spent(account: Account) -> str:
    """`9 attempts, 20k tok, $0.11, 12:40 from the first start to the last end; side by side saved 4:10 (33 %)`."""
    parts = [counted(account.attempts, "attempt")]
    if used := sum(task.tokens for task in account.tasks):
        parts.append(tokens(used))
    if (cost := _sum(task.cost for task in account.tasks)) is not None:
        parts.append(money(cost))
    if account.wall is not None:
        parts.append(f"{elapsed(account.wall)} from the first start to the last end")
    told = ", ".join(parts)
    if account.saved is not None and account.saved >= 1:
        share = "" if account.share is None else f" ({round(account.share * 100)} %)"
        told += f"; running side by side saved {elapsed(account.saved)}{share}"
    return told


def decision_words(decision: Decision) -> str:
    """What a person decided, without the note: `05 accepted by hand, after attempt 2`."""
    seq = clean(decision.seq, 60)
    after = f", after attempt {decision.attempt}" if decision.attempt else ""
    match decision.kind:
        case kind if kind == ACCEPT:
            return f"{seq} accepted by hand{after}"
        case kind if kind == SKIP:
            return f"{seq} skipped{after}; what depends on it stays blocked"
        case kind if kind == GO_ON:
            return f"batch {decision.batch} went on in spite of {seq}{after}"
        case kind if kind == UNDO:
            return f"{seq}: what was decided before was taken back"
        case kind:
            return f"{seq}: {clean(kind, 60)}{after}"


def conflict_words(conflict: Conflict) -> str:
    """`subtask_05.json, status: ours "completed", theirs "pending": why`."""
    ours, theirs = conflict.ours or "(not there)", conflict.theirs or "(not there)"
    return (
        f"{clean(conflict.path.name, 100)}, {clean(conflict.field, 60)}: ours {ours}, theirs {theirs}: {conflict.why}"
    )


def _sum(costs: Iterable[float | None]) -> float | None:
    found = [cost for cost in costs if cost is not None]
    return sum(found) if found else None
