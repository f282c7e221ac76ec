"""The header line and the gate, as lines."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len

from parex_tui.run.snapshot import BatchState, BatchView, EngineState, FeatureView, TaskView
from parex_tui.run.states import TaskBarred, TaskBlocked, TaskElsewhere, TaskFailed, TaskReview, TaskSkipped

from . import words
from .changes import problem_count
from .lines import Line, Role, Span, cut, spread, width_of, wrap
from .looks import (
    SIGN_ROLES,
    Draw,
    current_batch,
    done_count,
    held_batch,
    holder_told,
    is_held,
    left_to_run,
    look,
    name_of,
    running_tasks,
    tally,
    undecided,
)


def header_line(
    view: FeatureView | None, title: str, width: int, draw: Draw, demo_note: str = "", conflicts: int = 0
) -> Line:
    """The header: feature, batch, counts, what was saved and spent, the project (`title`), the time of day.

    The counts, the project's `conflicts` and the `demo` label are never dropped; everything else goes by priority where
    it is narrow.
    """
    counts: list[Span] = []
    fixed: list[Span] = []
    wanted: list[tuple[int, bool, list[Span]]] = []  # priority (high goes first), right side, spans
    if view is not None:
        for sign, count in tally(view, draw).items():
            counts.append(Span(f"  {draw.glyphs.of(sign)} {count}", SIGN_ROLES[sign]))
        if view.is_demo:
            fixed.append(Span("  "))
            fixed.append(Span(" demo ", Role.DEMO))
            if demo_note:
                wanted.append((8, False, [Span(f"  {demo_note}", Role.DIM)]))
        number = current_batch(view)
        if number is not None:
            wanted.append((2, False, [Span(f"  batch {number} of {len(view.batches)}", Role.SOFT)]))
        problems = problem_count(view)
        if problems:
            wanted.append((1, False, [Span(f"  {words.plural(problems, 'problem')}", Role.WARN, "P")]))
        if view.saved is not None and view.saved >= 1:
            wanted.append((4, True, [Span(f"  {words.saved(view.saved, view.saved_share)}", Role.OK)]))
        if view.tokens:
            wanted.append((6, True, [Span(f"  {words.tokens(view.tokens)}", Role.SOFT)]))
        if view.cost is not None:
            wanted.append((3, True, [Span(f"  {words.money(view.cost)}", Role.SOFT)]))
    if conflicts:
        fixed.append(Span(f"  {words.plural(conflicts, 'conflict')}", Role.BAD, "P"))
    lead = [Span(" parex", Role.ACCENT)]
    if title:
        wanted.append((7, True, [Span(f"  {cut(title, 24, draw.glyphs.ellipsis)}", Role.DIM)]))
    wanted.append((5, True, [Span(f"  {words.clock(draw.now)}", Role.DIM)]))
    feature = view.feature.id if view is not None else ""
    room = width - 1 - width_of(fixed) - width_of(counts)
    if room < 12 and view is not None:  # every sign closer to its number, the program's name gone
        counts = [span._replace(text=" " + span.text.replace(" ", "")) for span in counts]
        room = width - 1 - width_of(fixed) - width_of(counts)
        lead = []
    name_room = min(room - width_of(lead) - 2, 40)
    if feature and name_room > 2:
        lead.append(Span(f"{'  ' if lead else ' '}{cut(feature, name_room, draw.glyphs.ellipsis)}", Role.TITLE))
    room -= width_of(lead)
    while wanted and sum(width_of(spans) for _, _, spans in wanted) + 1 > room:
        wanted.remove(max(wanted, key=lambda item: item[0]))
    left = [span for _, is_right, spans in wanted if not is_right for span in spans]
    right = [span for _, is_right, spans in wanted if is_right for span in spans]
    whole = spread([*lead, *fixed, *left, *counts], right, width - 1, draw.glyphs.ellipsis, gap=0)
    return Line((*whole.spans, Span(" ")))


# --- the gate ---------------------------------------------------------------------------------------------------


def gate_lines(
    view: FeatureView | None, selected: str, width: int, most: int, draw: Draw, news: str = "", trouble: str = ""
) -> list[Line]:
    """What stands between this batch and the next: one line while it runs, more when it is held; empty if nothing.

    `selected` is the seq of the selected task; `most` is how many lines there may be. `news`: what came of the last
    command a moment ago; it takes the place of the explanation. `trouble`, why all of this may be old, comes first.
    """
    if trouble and most >= 1:
        first = _fit([Span(" "), Span(trouble, Role.BAD_TITLE)], width, draw)
        return [first, *gate_lines(view, selected, width, most - 1, draw, news)]
    if view is None or most < 1:
        return []
    if is_held(view):
        return _held_lines(view, selected, width, most, draw, news)
    spans = _one_line(view, news, brief=False)
    if width_of(spans) > width - 2:
        spans = _one_line(view, news, brief=True)
    if news and width_of(spans) > width - 2 and view.engine is not EngineState.ELSEWHERE:
        text = "".join(span.text for span in spans)
        rows = wrap(text, width - 2)
        if width < 100 or len(rows) > min(2, most):
            rows = wrap(_by_seq(text, view), width - 2)
        if most >= 4 and len(rows) <= 2:
            return [Line((Span(" "), Span(row, Role.SOFT))) for row in rows]
        return [_fit([Span(" "), Span(" ".join(rows), Role.SOFT)], width, draw)]
    return [_fit([Span(" "), *spans], width, draw)] if spans else []


def _by_seq(text: str, view: FeatureView) -> str:
    """The text with every task named by its seq alone."""
    for task in sorted(view.tasks.values(), key=lambda task: -len(task.task.name)):
        if task.task.title:
            text = text.replace(task.task.name, task.seq)
    return text


def _fit(spans: list[Span], width: int, draw: Draw) -> Line:
    return spread(spans, [], width - 1, draw.glyphs.ellipsis)


def _one_line(view: FeatureView, news: str, brief: bool) -> list[Span]:
    if view.engine is EngineState.ELSEWHERE:
        told = [Span("Another parex runs this." if brief else holder_told(view), Role.WARN)]
        after = news or view.message
        return [*told, Span(f" {after.rstrip('.')}.", Role.SOFT)] if after else [*told, *_hint("T", "takes it over")]
    waiting = undecided(view)
    if view.engine is EngineState.RUNNING and not view.going:
        return _left_running(view, news)
    if view.engine is EngineState.RUNNING and waiting:
        task = waiting[0]
        others = f" {words.plural(len(waiting) - 1, 'more')} as well." if len(waiting) > 1 else ""
        then = f"{news}." if news else "The batch goes on; the gate will ask."
        return [*_name_and_reason(task, brief), Span(f"{others} {then}", Role.SOFT)]
    if view.engine is EngineState.PAUSED:
        # The reason stands for as long as the pause: it may be why the engine paused itself.
        note = f" {view.message.rstrip('.')}." if view.message else " Nothing new starts."
        return [Span("Paused.", Role.WARN), Span(note, Role.SOFT), *_hint("r", "goes on")]
    if view.engine is EngineState.FINISHED:
        return _over(view, news)
    if news:
        return [Span(f"{news}.", Role.SOFT)]
    if view.engine is EngineState.IDLE:
        return _idle_spans(view, brief)
    return []


def _left_running(view: FeatureView, news: str) -> list[Span]:
    """Attempts run that this engine did not start as part of a run: adopted ones, or one that was retried alone."""
    count = len(running_tasks(view))
    number = current_batch(view)
    text = f" {news}." if news else " Nothing new starts by itself."
    goes_on = f"goes on with batch {number}" if number is not None else "goes on"
    return [Span(f"{count} running." if count else "Checking.", Role.RUN), Span(text, Role.SOFT), *_hint("r", goes_on)]


def _over(view: FeatureView, news: str) -> list[Span]:
    """How a run came out: finished only where every task is done."""
    done, total = done_count(view), len(view.tasks)
    note = Span(f" {news}." if news else "", Role.SOFT)
    if done == total:
        return [Span(f"Finished: {done} of {total} done.", Role.OK), note]
    states = [task.state for task in view.tasks.values()]
    skipped = sum(isinstance(state, TaskSkipped) for state in states)
    open_ = sum(isinstance(state, (TaskFailed, TaskReview, TaskBlocked, TaskElsewhere)) for state in states)
    barred = sum(isinstance(state, TaskBarred) for state in states)
    rest = total - done - skipped - open_ - barred
    counts = ((skipped, "skipped"), (open_, "undecided"), (barred, "cannot run"), (rest, "not started"))
    parts = [f"{count} {word}" for count, word in counts if count]
    return [Span(f"Over: {', '.join([f'{done} of {total} done', *parts])}.", Role.WARN), note]


def _idle_spans(view: FeatureView, brief: bool) -> list[Span]:
    ready = next((batch for batch in view.batches if batch.state is BatchState.READY), None)
    if ready is None:
        return []
    count = len(left_to_run(view, ready.seqs))
    driver = f" with {view.driver}" if view.driver and not brief else ""
    many = words.plural(count, "task")
    text = f" {many}{driver}, up to {view.slots} at a time."
    return [
        Span(f"Batch {ready.number} is ready:", Role.TITLE),
        Span(text, Role.SOFT),
        *_hint("r", _runs(view, ready, brief)),
    ]


def _runs(view: FeatureView, batch: BatchView, brief: bool) -> str:
    if batch.number >= len(view.batches):
        return "runs it"
    return "runs it, then the next ones" if brief else "runs it, and the next ones as each is verified"


def _hint(key: str, label: str) -> list[Span]:
    return [Span("  "), Span(key, Role.KEY, key), Span(f" {label}", Role.SOFT, key)]


def _name_and_reason(task: TaskView, brief: bool) -> list[Span]:
    """Which task, and why; `brief` leaves the details to the pane."""
    state = task.state
    if brief and isinstance(state, TaskFailed):
        return [Span(f"{name_of(task)} failed:", Role.BAD_TITLE), Span(f" {state.failure.value}.")]
    if brief and isinstance(state, TaskReview):
        return [Span(f"{name_of(task)} needs review.", Role.REVIEW_TITLE)]
    if isinstance(state, TaskFailed):
        return [Span(f"{name_of(task)} failed:", Role.BAD_TITLE), Span(f" {state.reason or state.failure.value}.")]
    if isinstance(state, TaskReview):
        return [Span(f"{name_of(task)} needs review:", Role.REVIEW_TITLE), Span(f" {state.reason}.")]
    return [Span(f"{name_of(task)}:", Role.TITLE), Span(" undecided.")]


def _held_lines(view: FeatureView, selected: str, width: int, most: int, draw: Draw, news: str) -> list[Line]:
    batch = held_batch(view)
    tasks = undecided(view)
    lines = [_fit([Span(" "), *_held_title(view, batch, news)], width, draw)]
    room = most - 1
    with_keys = room >= 4  # where there is less room, the footer alone tells the keys
    shown = min(len(tasks), room - with_keys)
    first = _window(tasks, selected, shown)
    if shown < len(tasks) and shown > 1:
        shown -= 1
    whole = width >= 100
    name_width = min(30, max((cell_len(name_of(task) if whole else task.seq) for task in tasks), default=0))
    window = tasks[first : first + shown]
    lines += [_task_line(task, task.seq == selected, whole, name_width, width, draw) for task in window]
    rest = len(tasks) - shown
    if rest and room - with_keys > shown:
        lines.append(
            _fit(
                [
                    Span(f"   {words.plural(rest, 'more task')} to decide", Role.DIM),
                    *(() if width >= FOOTER_HAS_ALL else _hint("!", "next")),
                ],
                width,
                draw,
            )
        )
    if with_keys:
        lines.append(_fit(_keys(tasks, selected, width), width, draw))
    return lines[:most]


def _window(tasks: list[TaskView], selected: str, shown: int) -> int:
    """The first task to show, so that the selected one is among the shown."""
    at = next((index for index, task in enumerate(tasks) if task.seq == selected), 0)
    return max(0, min(at - shown // 2, len(tasks) - shown))


def _held_title(view: FeatureView, batch: BatchView | None, news: str) -> list[Span]:
    number = batch.number if batch is not None else current_batch(view)
    last = number is None or number >= len(view.batches)
    after = "It is over" if last else f"Batch {number + 1 if number else 1} starts"
    text = f" {after} when every task here is verified or decided."
    if not view.going and not last:
        text = " Decide every task here; then r goes on with the next batch."
    if news:
        text = f" {news}."
    return [Span(f"Batch {number} is held.", Role.BAD_TITLE), Span(text, Role.SOFT)]


def _task_line(task: TaskView, selected: bool, whole: bool, name_width: int, width: int, draw: Draw) -> Line:
    seen = look(task, draw)
    name = cut(name_of(task) if whole else task.seq, name_width, draw.glyphs.ellipsis)
    name += " " * (name_width - cell_len(name))
    reason = getattr(task.state, "reason", "") or seen.word
    mark = Span(f" {draw.glyphs.now if selected else ' '} ", Role.KEY)
    role = Role.BAD if isinstance(task.state, TaskFailed) else seen.role
    label = Span(f"{draw.glyphs.of(seen.sign)} {name}  ", role)
    return _fit([mark, label, Span(reason, Role.TEXT if selected else Role.SOFT)], width, draw)


FOOTER_HAS_ALL: Final = 110
"""Columns from which the footer has room for every key of the gate: there it is not told twice."""


def _keys(tasks: list[TaskView], selected: str, width: int) -> list[Span]:
    """The keys that decide the selected task; where none of them is selected, those for all."""
    task = next((task for task in tasks if task.seq == selected), None)
    if task is None:
        failed = any(isinstance(one.state, TaskFailed) for one in tasks)
        every = ("R retry all failed",) if failed else ()
        return [
            Span("   "),
            *_pairs(*(() if width >= FOOTER_HAS_ALL else ("! go to the next of them",)), *every, "n go on anyway"),
        ]
    if isinstance(task.state, TaskReview):
        return [Span("   "), *_pairs("y accept", "r retry", "d see its evidence", "s skip", "e edit task")]
    if isinstance(task.state, TaskFailed):
        return [Span("   "), *_pairs("r retry", "e edit task", "y accept by hand", "s skip", "d see its output")]
    return [Span("   "), *_pairs("r run it", "u reset to pending", "y accept by hand", "s skip", "e edit task")]


def _pairs(*pairs: str) -> list[Span]:
    return [span for pair in pairs for span in _hint(pair[0], pair[2:])]
