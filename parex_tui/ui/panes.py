"""What a pane says around its output: its title, its pinned first line, its measures; and which tasks get a pane."""

from __future__ import annotations

from collections.abc import Sequence

from parex_tui.agents.events import Asks, Event, Said, Thought, Tool, ToolState, Waits
from parex_tui.run.snapshot import AttemptView, FeatureView, TaskView
from parex_tui.run.states import (
    Exited,
    Running,
    TaskAccepted,
    TaskEnded,
    TaskFailed,
    TaskReview,
    TaskRunning,
    TaskVerified,
)

from . import words
from .lines import Line, Role, Span, cut, spread
from .looks import Draw, inactive, look, name_of, silence
from .output import VERB_WIDTH, tool_spans


def pane_seqs(view: FeatureView) -> list[str]:
    """Which tasks of a feature have a pane, in order: running ones, then the failed, then those to review."""
    running = [seq for seq, task in view.tasks.items() if isinstance(task.state, (TaskRunning, TaskEnded))]
    held = {seq for batch in view.batches for seq in batch.seqs if batch.state in ("running", "held", "ready")}
    failed = [seq for seq, task in view.tasks.items() if seq in held and isinstance(task.state, TaskFailed)]
    review = [seq for seq, task in view.tasks.items() if seq in held and isinstance(task.state, TaskReview)]
    return running + failed + review


def attempt_of(task: TaskView) -> AttemptView | None:
    """The task's latest attempt."""
    return task.attempts[-1] if task.attempts else None


def started_of(task: TaskView) -> float | None:
    """When the task's latest attempt began, seconds since the epoch."""
    if isinstance(task.state, TaskRunning):
        return task.state.since
    attempt = attempt_of(task)
    if attempt is None:
        return None
    return attempt.state.since if isinstance(attempt.state, (Running, Exited)) else attempt.started


def seconds_of(task: TaskView, draw: Draw) -> float | None:
    """How long the latest attempt took, or takes so far."""
    if isinstance(task.state, TaskRunning):
        return draw.now - task.state.since
    attempt = attempt_of(task)
    if attempt is None:
        return None
    if isinstance(attempt.state, Exited):
        return attempt.state.ended - attempt.state.since
    return attempt.outcome.seconds if attempt.outcome is not None else None


def title_spans(task: TaskView, number: int | None, draw: Draw) -> list[Span]:
    """`2 · 05 Login route · CoderAgent · model`."""
    attempt = attempt_of(task)
    parts = ["" if number is None else str(number), name_of(task)]
    agent = attempt.agent if attempt is not None else task.task.suggested_agent
    parts += [agent, attempt.model if attempt is not None else ""]
    spans = [Span(f" {draw.glyphs.dot} ".join(part for part in parts if part), Role.TEXT)]
    if attempt is not None and attempt.is_demo:
        spans += [Span("  "), Span(" demo ", Role.DEMO)]
    return spans


def measure_spans(task: TaskView, draw: Draw, width: int) -> list[Span]:
    """`2:14   18k tok   $0.12   files 1/2   attempt 1`, as much of it as fits, the most telling first to stay."""
    activity, attempt = task.activity, attempt_of(task)
    seconds = seconds_of(task, draw)
    items: list[tuple[int, str]] = []
    if seconds is not None:
        items.append((0, words.elapsed(seconds)))
    if activity is not None and activity.tokens:
        items.append((2, words.tokens(activity.tokens)))
    if activity is not None and activity.cost is not None:
        items.append((3, words.money(activity.cost)))
    if activity is not None and activity.files_total:
        items.append((1, f"files {activity.files_done}/{activity.files_total}"))
    if attempt is not None:
        items.append((4, f"attempt {attempt.number}"))
    while items and sum(len(text) + 3 for _, text in items) > width:
        items.remove(max(items))
    return [Span("   ".join(text for _, text in items), Role.DIM)]


def frame_role(task: TaskView, focused: bool) -> Role:
    """The frame's colour: red for a failure, purple for a review, else whether the pane has the focus."""
    sign = task.state
    if isinstance(sign, TaskFailed):
        return Role.FRAME_BAD
    if isinstance(sign, TaskReview):
        return Role.FRAME_REVIEW
    return Role.FRAME_FOCUS if focused else Role.FRAME


def pinned_line(task: TaskView, width: int, draw: Draw) -> Line:
    """The first line: what the agent does now and the seconds since its last sign of life; or how it ended."""
    state = task.state
    ellipsis = draw.glyphs.ellipsis
    if isinstance(state, TaskRunning):
        return _running_line(task, width, draw)
    seen = look(task, draw)
    sign = Span(f"{draw.glyphs.of(seen.sign)} ", seen.role)
    seconds = seconds_of(task, draw)
    ended = [Span(f"ended {words.elapsed(seconds)}", Role.DIM)] if seconds is not None else []
    if isinstance(state, TaskFailed):
        left = [sign, Span(state.failure.value, Role.BAD), Span(f"  {_without(state.reason, state.failure.value)}")]
    elif isinstance(state, TaskReview):
        left = [sign, Span("needs review", Role.REVIEW), Span(f"  {state.reason}")]
    elif isinstance(state, TaskEnded):
        left, ended = [sign, Span("ended", seen.role), Span("  what it claims is being checked", Role.SOFT)], []
    elif isinstance(state, (TaskVerified, TaskAccepted)):
        attempt = attempt_of(task)
        note = state.note if isinstance(state, TaskAccepted) else ""
        if not note and attempt is not None and attempt.outcome is not None:
            note = attempt.outcome.reason
        left = [sign, Span(seen.word, seen.role), Span(f"  {note}", Role.SOFT)]
    else:
        tail = f"  {seen.tail}" if seen.tail != seen.word else ""
        left = [sign, Span(seen.word, seen.role), Span(tail, Role.SOFT)]
    return spread(left, ended, width, ellipsis)


def _without(reason: str, word: str) -> str:
    """The reason, without the failure's own word at its start: the word already stands there."""
    if reason.casefold().startswith(word.casefold()):
        return reason[len(word) :].lstrip(" :,-–")
    return reason


def _running_line(task: TaskView, width: int, draw: Draw) -> Line:
    quiet = silence(task, draw) or 0.0
    age = words.ago(quiet)
    current = task.activity.current if task.activity is not None else None
    doing = [Span("starting", Role.NOW)] if current is None else _doing(current.event, draw)
    if told := inactive(task, draw):
        sign = Span(f"{draw.glyphs.quiet} ", Role.WARN)
        return spread([sign, *doing], [Span(told, Role.WARN)], width, draw.glyphs.ellipsis)
    thinks = current is not None and isinstance(current.event, Thought)
    sign = Span(f"{draw.glyphs.quiet if thinks else draw.glyphs.now} ", Role.REVIEW if thinks else Role.NOW)
    return spread([sign, *doing], [Span(age, Role.RUN if quiet < 10 else Role.SOFT)], width, draw.glyphs.ellipsis)


def _doing(event: Event, draw: Draw) -> list[Span]:
    if isinstance(event, Tool):
        verb = f"{cut(event.tool, VERB_WIDTH - 1):<{VERB_WIDTH}}"
        role = Role.BAD if event.state is ToolState.FAILED else Role.NOW
        found = tool_spans(event, draw.glyphs)
        return [Span(verb, role), found[0]._replace(role=Role.TEXT), *found[1:]]
    if isinstance(event, Thought):
        return [Span("thinking", Role.REVIEW)]
    if isinstance(event, Waits):
        how_long = "" if event.seconds is None else f" for {words.ago(max(1.0, event.seconds))}"
        return [Span("waits ", Role.WARN), Span(f"{event.reason}{how_long}", Role.WARN)]
    if isinstance(event, Asks):
        return [Span("asks  ", Role.WARN), Span(event.question), Span(f"   {event.answered or 'waits'}", Role.WARN)]
    if isinstance(event, Said):
        return [Span("said  ", Role.NOW), Span(event.text.replace("\n", " "))]
    return [Span("works", Role.NOW)]


def pane_heights(wants: Sequence[int | None], total: int, least: int = 5) -> list[int]:
    """Share `total` rows among panes: None wants as much as there is, a number no more than that, nor than its part.

    No pane is below `least`. Sums to `total` wherever there is room for all; the caller scrolls where there is not.
    """
    count = len(wants)
    if total <= least * count:
        return [least] * count
    heights = [least] * count
    spare = total - least * count
    greedy = [index for index, want in enumerate(wants) if want is None] or list(range(count))
    for index, want in enumerate(wants):
        if want is not None and len(greedy) < count:
            more = min(max(0, want - least), total // count - least)
            heights[index] += more
            spare -= more
    for place, index in enumerate(greedy):
        heights[index] += spare // len(greedy) + (place < spare % len(greedy))
    return heights
