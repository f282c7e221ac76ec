"""Attempts in words: as a list, and one of them whole. Everything is clean, and secrets are masked."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Iterable, Sequence
from datetime import datetime

from parex_tui.agents.secrets import Masker
from parex_tui.run.attempt_facts import AttemptDetail, AttemptFacts
from parex_tui.run.feature_records import FeatureRecord
from parex_tui.run.records import FileFact
from parex_tui.run.states import Evidence, Exited, Running
from parex_tui.tasks.text import clean

from .run_text import duration as elapsed
from .wording import counted, day_and_time, duration, money, tokens

GLYPHS = {
    "verified": "✓",
    "needs review": "?",
    "failed": "✗",
    "lost": "✗",
    "stopped": "■",
    "running": "●",
    "starting": "●",
    "ended": "◌",
    "never ran": "○",
}


def state_words(facts: AttemptFacts, now: float) -> str:
    """`running 2:14, last sign of life 3 s ago`, `failed: rate limit`, `verified`. `now` in seconds since the epoch."""
    word = facts.word
    if isinstance(facts.state, Running):
        told = f"running {elapsed(facts.seconds or 0.0)}"
        if facts.last_sign is not None:
            told += f", last sign of life {duration(max(0.0, now - facts.last_sign))} ago"
        if facts.suspended is not None:
            told += f", suspended for {duration(max(0.0, now - facts.suspended))}"
        if facts.stalled is not None:
            told += f", neither wrote nor computed for {duration(max(0.0, now - facts.stalled))}"
        return told
    if word == "failed" and facts.outcome is not None and facts.outcome.failure is not None:
        return f"failed: {facts.outcome.failure}"
    return word


def who(facts: AttemptFacts) -> str:
    """`CoderAgent by opencode (model)`; a demonstration says that it is one."""
    launch = facts.launch
    driver = "demo, not real work" if launch.is_demo else clean(launch.driver, 60)
    agent = clean(launch.agent, 60)
    model = f" ({clean(launch.model, 80)})" if launch.model else ""
    return f"{agent} by {driver}{model}" if agent else f"{driver}{model}"


def record_title(record: FeatureRecord) -> str:
    """The record's name, and what became of its feature where it is not there any more."""
    name = clean(record.name, 120)
    if record.feature is not None:
        return f"{name} (archived)" if record.feature.archived else name
    made = f", made {clean(record.made, 40)}" if record.made else ""
    if record.renamed and record.renamed != record.key:
        return f"{name} (its folder is called {clean(record.renamed, 100)} now{made})"
    return f"{name} (an earlier feature of that name{made})" if "~" in name else f"{name} (its folder is gone{made})"


def attempts_text(records: Sequence[tuple[FeatureRecord, Sequence[AttemptFacts]]], now: float, mask: Masker) -> str:
    """A list of attempts by feature: a row for each, and its reason below it."""
    blocks = ["\n".join(_block(record, facts, now, mask)) for record, facts in records if facts]
    return "\n\n".join(blocks) + "\n" if blocks else "No attempt yet.\n"


def _block(record: FeatureRecord, found: Sequence[AttemptFacts], now: float, mask: Masker) -> list[str]:
    tally: dict[str, int] = {}
    for one in found:
        tally[one.word] = tally.get(one.word, 0) + 1
    told = ", ".join(f"{count} {word}" for word, count in tally.items())
    lines = [f"{record_title(record)}: {counted(len(found), 'attempt')}: {told}{_spent(found)}"]
    rows = [
        (f"{GLYPHS[one.word]} {clean(one.seq, 40)}#{one.number}", state_words(one, now), measures(one)) for one in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for one, (name, state, rest) in zip(found, rows, strict=True):
        lines.append(f"  {name:<{widths[0]}}  {state:<{widths[1]}}  {rest}".rstrip())
        lines.append(f"      {who(one)}{': ' if one.reason else ''}{clean(mask.text(one.reason), 400)}")
    return lines


def _spent(found: Iterable[AttemptFacts]) -> str:
    listed = list(found)
    used = sum(one.tokens or 0 for one in listed)
    costs = [one.cost for one in listed if one.cost is not None]
    parts = ([tokens(used)] if used else []) + ([money(sum(costs))] if costs else [])
    return f"; {', '.join(parts)}" if parts else ""


def measures(facts: AttemptFacts) -> str:
    """`2026-01-31 14:03  2:14  84k tok  $0.42  2/2 files`, as far as it is known."""
    parts = [day_and_time(facts.began if facts.began is not None else facts.launch.created)]
    if facts.seconds is not None and not isinstance(facts.state, Running):
        parts.append(elapsed(facts.seconds))
    if facts.tokens:
        parts.append(tokens(facts.tokens))
    if facts.cost is not None:
        parts.append(money(facts.cost))
    if facts.outcome is not None and facts.outcome.evidence:
        parts.append(f"{facts.present}/{len(facts.outcome.evidence)} files")
    return "  ".join(parts)


# --- one whole --------------------------------------------------------------------------------------------------


def attempt_text(record: FeatureRecord, facts: AttemptFacts, detail: AttemptDetail, now: float, mask: Masker) -> str:
    """Everything that is on record of one attempt, a label and a value a line."""
    launch, outcome = facts.launch, facts.outcome
    pairs: list[tuple[str, str]] = [
        ("state", f"{GLYPHS[facts.word]} {state_words(facts, now)}"),
        ("reason", facts.reason),
        ("summary", outcome.summary if outcome is not None else ""),
        ("task file", "" if facts.applied or outcome is None else "its outcome is not carried into the task file yet"),
        ("agent", who(facts)),
        ("created", _moment(launch.created)),
        ("began", _moment(facts.began)),
    ]
    if isinstance(facts.state, Exited):
        pairs += [("ended", _moment(facts.state.ended)), ("exit", exit_words(facts.state))]
    if facts.seconds is not None:
        pairs.append(("took", elapsed(facts.seconds)))
    if facts.last_sign is not None:
        pairs.append(("last sign", _moment(facts.last_sign)))
    pairs.append(("used", _used(facts)))
    if detail.stop_at is not None or detail.stop_by:
        pairs.append(("stop asked", f"{_moment(detail.stop_at)} by {detail.stop_by or 'nobody named'}".strip()))
    if facts.word == "running" and detail.started is not None:
        pairs.append(("processes", f"keeper {detail.started.keeper.pid}, agent {detail.started.agent.pid}"))
    if detail.contained is not None:
        proof = "the whole process tree" if detail.contained else "only the agent's process group: no subreaper here"
        pairs.append(("watched", proof))
    pairs += _launched(facts, detail, mask)
    if outcome is not None:
        pairs += [("evidence" if not at else "", evidence_words(one)) for at, one in enumerate(outcome.evidence)]
    elif launch.deliverables:
        pairs += [("promised" if not at else "", one) for at, one in enumerate(launch.deliverables)]
    pairs += [("before" if not at else "", _before(one)) for at, one in enumerate(launch.baseline)]
    for note in detail.notes:
        rest = {key: value for key, value in note.items() if key not in ("version", "at", "kind")}
        told = json.dumps(rest, ensure_ascii=False, sort_keys=True) if rest else ""
        pairs.append(("note", f"{note.get('kind', '')} {told}".strip()))
    if detail.keeper_log:
        pairs.append(("keeper", detail.keeper_log))
    pairs.append(("files", str(facts.directory)))
    pairs += [("", f"{one.path.name}  {one.size} bytes") for one in detail.files]
    title = f"{record_title(record)} {facts.seq}#{facts.number}"
    lines = [clean(title, 400), *(f"  {label:<10}  {clean(mask.text(text), 4000)}" for label, text in pairs if text)]
    return "\n".join(lines) + "\n"


def _launched(facts: AttemptFacts, detail: AttemptDetail, mask: Masker) -> list[tuple[str, str]]:
    """With which inputs it was started."""
    launch = facts.launch
    prompt = "its file is gone"
    if detail.prompt_size is not None:
        changed = "" if detail.prompt_intact else ", and was changed since"
        prompt = f"{detail.prompt_size} bytes, sha256 {launch.prompt_digest or 'unknown'}{changed}"
    limit = "no time limit" if launch.wall_limit is None else f"at most {duration(launch.wall_limit)}"
    pairs = [
        ("command", shlex.join(launch.argv)),
        ("in", str(launch.cwd)),
        ("stdin", "the prompt" if launch.stdin == "prompt" else "nothing"),
        ("prompt", prompt),
        ("from", f"{launch.task_file}, sha256 {launch.task_digest or 'unknown'}"),
        ("limits", f"{limit}; {duration(launch.grace)} from the request to stop until it is killed"),
        ("mark", launch.run),
    ]
    env = mask.environment(launch.env)
    return [*pairs, *(("set" if not at else "", f"{name}={value}") for at, (name, value) in enumerate(env.items()))]


def exit_words(state: Exited) -> str:
    """`exit code 0`, `SIGKILL, stopped by a person; 2 processes swept`."""
    exit_ = state.exit
    if exit_.signal is not None:
        known = exit_.signal in set(signal.Signals)
        how = signal.Signals(exit_.signal).name if known else f"signal {exit_.signal}"
    else:
        how = f"exit code {exit_.code}"
    if exit_.reason != "exited":
        how += f", {exit_.detail or exit_.reason}"
    return f"{how}; {counted(state.swept, 'process', 'processes')} swept" if state.swept else how


def evidence_words(one: Evidence) -> str:
    """`created  src/a.ts`; with the deliverable's own words where they say more than the path."""
    named = one.path or one.deliverable
    also = f" (“{one.deliverable}”)" if one.path and one.deliverable != one.path else ""
    return f"{one.state:<9} {named}{also}{f'  {one.detail}' if one.detail else ''}"


def _before(one: FileFact) -> str:
    """How a deliverable looked before the attempt."""
    if not one.exists:
        return f"{one.path} was not there"
    size = counted(one.size, "file") if one.kind in ("directory", "glob") else f"{one.size} bytes"
    return f"{one.path} had {size}{f', sha256 {one.digest}' if one.digest else ''}"


def _used(facts: AttemptFacts) -> str:
    if facts.tokens is None:
        return ""
    return f"{facts.tokens} tokens{'' if facts.cost is None else f', {money(facts.cost)}'}" + (
        " (invented by the demonstration)" if facts.launch.is_demo else ""
    )


def _moment(at: float | None) -> str:
    """With its seconds and its zone: a record is read in another place, too."""
    return "" if not at else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
