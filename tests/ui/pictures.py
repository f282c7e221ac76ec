"""Whole snapshots: everything that a screen may have to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from parex_tui.agents.driver import Failure
from parex_tui.agents.events import (
    Asks,
    Began,
    Child,
    Ended,
    Event,
    Line,
    Said,
    Thought,
    Tool,
    ToolState,
    Trouble,
    Unknown,
    Usage,
    Waits,
)
from parex_tui.plan.model import Bar, Barred, Batch, Lane, Plan, Separation, Why
from parex_tui.run.snapshot import (
    BatchState,
    BatchView,
    EngineState,
    FeatureView,
    Snapshot,
    TaskView,
)
from parex_tui.run.states import (
    Evidence,
    Lost,
    Outcome,
    TaskAccepted,
    TaskBarred,
    TaskBlocked,
    TaskClaimed,
    TaskElsewhere,
    TaskEnded,
    TaskFailed,
    TaskReady,
    TaskReview,
    TaskRunning,
    TaskSkipped,
    TaskState,
    TaskWaiting,
    Verdict,
)
from parex_tui.tasks.model import ContextRef, Status, Task
from parex_tui.tasks.problems import Problem, Severity

from .fakes import (
    NOW,
    ROOT,
    activity,
    attempt,
    feature_view,
    jwt_events,
    login_events,
    logout_events,
    small_feature,
    snapshot,
    stamped,
    task,
    tool,
    verified,
    view,
)


def _first_batch() -> list[TaskView]:
    return [
        verified(task("01", "Schema", files=["db/schema.sql"]), 1, 250),
        verified(task("02", "User model", files=["src/user.ts"]), 1, 202),
        verified(task("03", "Configuration"), 1, 362),
    ]


def _later() -> list[TaskView]:
    return [
        view(task("09", "Session list", needs=["05", "06"]), TaskWaiting("waits for batch 2"), 3),
        view(task("10", "Admin page", needs=["08"]), TaskWaiting("waits for batch 2"), 3),
        view(task("11", "Documentation", needs=["09", "10", "05"]), TaskWaiting("waits for batch 3"), 4),
    ]


LOGOUT_REASON = "permission rejected: read /etc/hosts is outside the project"


def logout_failed() -> TaskView:
    start = NOW - 200
    one = task("08", "Logout", files=["src/auth/logout.ts"], criteria=["cookie is cleared", "token is revoked"])
    one = replace(one, status=Status.BLOCKED, status_text="blocked", depends_on=("02",))
    outcome = Outcome(
        Verdict.FAILED,
        LOGOUT_REASON,
        "",
        Failure.PERMISSION,
        (Evidence("src/auth/logout.ts", "changed", "src/auth/logout.ts", "+19"),),
        52,
        6_000,
        0.04,
        start + 52,
    )
    state = TaskFailed(1, Failure.PERMISSION, LOGOUT_REASON, 52)
    doing = activity(logout_events(start), tokens=6_000, cost=0.04, files=(1, 1))
    return view(one, state, 2, (attempt(started=start, outcome=outcome),), doing)


def login_task(root: Path = ROOT) -> Task:
    return task(
        "05",
        "Login route",
        needs=["01", "04"],
        files=["src/auth/login.ts", "tests/login.test.ts"],
        criteria=["POST /login answers 200 with a token", "locks after five failures", "rate limit of 10 a minute"],
        status=Status.IN_PROGRESS,
        root=root,
    )


def running(root: Path = ROOT, login_sign: float | None = None) -> Snapshot:
    """A batch half way: two run, one waits in a lane, one has failed; two more features."""
    start = NOW - 134
    tasks = [
        *_first_batch(),
        verified(task("04", "Password hashing", files=["src/auth/hash.ts"]), 2, 202),
        view(
            login_task(root),
            TaskRunning(1, start),
            2,
            (attempt(started=start, running=True),),
            activity(login_events(start), sign=login_sign or NOW - 0.4),
            expected=290,
        ),
        view(
            task("06", "JWT service", files=["src/auth/jwt.ts", "src/auth/keys.ts"], needs=["03"]),
            TaskRunning(1, start),
            2,
            (attempt(started=start, running=True),),
            activity(jwt_events(start), tokens=11_000, cost=0.08, files=(1, 2), sign=NOW - 40),
        ),
        view(
            task("07", "Refresh tokens", files=["src/auth/jwt.ts"]),
            TaskWaiting("after 06: both write src/auth/jwt.ts"),
            2,
        ),
        logout_failed(),
        *_later(),
    ]
    return snapshot(
        _auth(tasks, EngineState.RUNNING, BatchState.RUNNING),
        small_feature("billing-export", 0, 6),
        small_feature("search-index", 3, 9, unreadable=1),
        root=root,
    )


def _auth(tasks: list[TaskView], engine: EngineState, state: BatchState, held: Sequence[str] = ()) -> FeatureView:
    batches = (
        BatchView(1, BatchState.DONE, ("01", "02", "03"), seconds=362),
        BatchView(2, state, ("04", "05", "06", "07", "08"), tuple(held)),
        BatchView(3, BatchState.WAITING, ("09", "10")),
        BatchView(4, BatchState.WAITING, ("11",)),
    )
    lanes = (Lane(("04",)), Lane(("05",)), Lane(("06", "07")), Lane(("08",)))
    apart = Separation(Why.OVERLAP, "06", "07", "both write src/auth/jwt.ts", ("src/auth/jwt.ts",))
    plan = Plan(
        "auth-system",
        (
            Batch(1, ("01", "02", "03"), tuple(Lane((seq,)) for seq in ("01", "02", "03"))),
            Batch(2, ("04", "05", "06", "07", "08"), lanes, (apart,)),
            Batch(3, ("09", "10"), (Lane(("09",)), Lane(("10",)))),
            Batch(4, ("11",), (Lane(("11",)),)),
        ),
    )
    return feature_view(
        tasks,
        batches,
        engine=engine,
        going=engine is not EngineState.IDLE,
        plan=plan,
        tokens=84_000,
        cost=0.42,
        saved=732.0,
        saved_share=0.61,
    )


def gate() -> Snapshot:
    """The batch is held: one task failed, one needs a review."""
    start = NOW - 300
    jwt_reason = "ended well, but src/auth/keys.ts was not touched"
    jwt_outcome = Outcome(
        Verdict.NEEDS_REVIEW,
        jwt_reason,
        "RS256; the keys come from the environment.",
        None,
        (
            Evidence("src/auth/jwt.ts", "changed", "src/auth/jwt.ts", "+112"),
            Evidence("src/auth/keys.ts", "unchanged", "src/auth/keys.ts"),
        ),
        242,
        31_000,
        0.15,
        NOW - 58,
    )
    jwt = view(
        task("06", "JWT service", files=["src/auth/jwt.ts", "src/auth/keys.ts"], needs=["03"]),
        TaskReview(1, jwt_reason, 242),
        2,
        (attempt(started=start, outcome=jwt_outcome),),
        activity(
            stamped(
                start,
                (93, tool("edit", "src/auth/jwt.ts", added=112)),
                (241, Said(text="Done. RS256; the keys come from the environment.")),
                (242, Ended(ok=True, summary="Done.")),
            ),
            tokens=31_000,
            cost=0.15,
            files=(1, 2),
        ),
    )
    tasks = [
        *_first_batch(),
        verified(task("04", "Password hashing"), 2, 202),
        verified(login_task(), 2, 291),
        jwt,
        verified(task("07", "Refresh tokens"), 2, 130),
        logout_failed(),
        *_later(),
    ]
    return snapshot(
        _auth(tasks, EngineState.HELD, BatchState.HELD, ("06", "08")),
        small_feature("billing-export", 0, 6),
        small_feature("search-index", 3, 9, unreadable=1),
    )


def idle() -> Snapshot:
    """Nothing was asked for yet: the second batch is ready."""
    tasks = [
        *_first_batch(),
        view(task("04", "Password hashing", files=["src/auth/hash.ts"]), TaskReady(), 2, expected=180),
        view(login_task(), TaskReady(), 2, expected=290),
        view(task("06", "JWT service", files=["src/auth/jwt.ts"]), TaskReady(), 2),
        view(task("07", "Refresh tokens", files=["src/auth/jwt.ts"]), TaskWaiting("after 06: same file"), 2),
        view(task("08", "Logout"), TaskReady(), 2),
        *_later(),
    ]
    auth = _auth(tasks, EngineState.IDLE, BatchState.READY)
    return snapshot(replace(auth, tokens=0, cost=None, saved=None, saved_share=None), small_feature("billing", 0, 6))


def messy() -> Snapshot:
    """Everything that can be wrong at once, and every state there is."""
    name = "legacy-import"
    folder = ROOT / ".tmp/tasks" / name
    broken = Problem(
        Severity.ERROR,
        "json.invalid",
        folder / "subtask_03.json",
        'a comma is missing before "completion_summary"',
        "add it after the value on line 11",
        12,
        3,
    )
    twice = Problem(
        Severity.WARNING, "json.duplicate", folder / "subtask_04.json", '"started_at" stands twice', "", 9, 3
    )
    count = Problem(Severity.NOTE, "count.wrong", folder / "task.json", "says 5 tasks; there are 12")

    def one(seq: str, title: str, **more: object) -> Task:
        return task(seq, title, feature=name, **more)  # type: ignore[arg-type]  # the keywords of `task`

    start = NOW - 700
    lost = Outcome(Verdict.FAILED, "its keeper is gone without a verdict", "", Failure.LOST, (), 61, 0, None, NOW)
    lost_attempt = replace(attempt(2, started=start, outcome=lost), state=Lost(start))
    stopped = Outcome(Verdict.FAILED, "stopped by a person", "", Failure.STOPPED, (), 20, 100, None, NOW)
    tasks = [
        view(one("01", "Read the old tables", status=Status.COMPLETED), TaskClaimed(), 1),
        view(one("02", "Map the fields 表の対応付け", status=Status.COMPLETED), TaskAccepted(1, 95, "looked at it"), 1),
        view(one("03", "Write the importer", readable=False, problems=[broken]), TaskBarred("unreadable"), None),
        view(one("04", "Check totals", problems=[twice]), TaskBlocked(), 1),
        view(one("05", "Old runs", status=Status.IN_PROGRESS), TaskElsewhere(NOW - 11_000, True), 1),
        view(one("06", "Currency", status=Status.IN_PROGRESS), TaskElsewhere(NOW - 20, False), 1),
        view(
            one("07", "Quiet one"),
            TaskRunning(1, start),
            1,
            (attempt(started=start, running=True, is_demo=True),),
            activity(stamped(start, (10, tool("bash", command="make import")), (420, Thought())), sign=NOW - 260),
        ),
        view(
            one("08", "Lost one"),
            TaskFailed(2, Failure.LOST, "its keeper is gone without a verdict", 61),
            1,
            (attempt(1, started=start, outcome=stopped), lost_attempt),
        ),
        view(
            one("09", "Stopped one"),
            TaskFailed(1, Failure.STOPPED, "stopped by a person", 20),
            1,
            (attempt(1, started=start, outcome=stopped),),
        ),
        view(one("10", "Skipped one"), TaskSkipped("not needed"), 1),
        view(one("11", "Being judged 🚀"), TaskEnded(1), 1, (attempt(started=start),)),
        view(one("12", "Odd status", status=None), TaskBarred('unknown status "Done-ish"'), None),
        view(
            one("13", "Depends on nothing that exists", needs=["77"]), TaskBarred("needs 77, which is not there"), None
        ),
    ]
    seqs = ("01", "02", "04", "05", "06", "07", "08", "09", "10", "11")
    plan = Plan(
        name,
        (Batch(1, seqs, tuple(Lane((seq,), alone=seq == "04") for seq in seqs)),),
        (
            Barred("03", Bar.UNREADABLE, "unreadable: line 12", "subtask_03.json"),
            Barred("12", Bar.STATUS, 'unknown status "Done-ish"', "subtask_12.json"),
            Barred("13", Bar.MISSING, "needs 77, which is not there", "subtask_13.json"),
        ),
    )
    messy_view = feature_view(
        tasks,
        (BatchView(1, BatchState.RUNNING, seqs),),
        folder=name,
        name="Legacy import",
        engine=EngineState.RUNNING,
        plan=plan,
        problems=[count],
        is_demo=True,
    )
    elsewhere = replace(small_feature("shared-runner", 1, 3), engine=EngineState.ELSEWHERE)
    archived = small_feature("old-login", 4, 4)
    archived = replace(archived, feature=replace(archived.feature, archived=True))
    return snapshot(messy_view, elsewhere, archived, feature_view([], (), folder="empty-one"))


def empty() -> Snapshot:
    """No feature at all."""
    return snapshot()


def huge(count: int = 5_000, running_one: bool = False) -> Snapshot:
    """One feature with very many tasks in one batch."""
    tasks = []
    for number in range(1, count + 1):
        seq = f"{number:04d}"
        state: TaskState = TaskRunning(1, NOW - 5) if running_one and number == 3 else TaskReady()
        tasks.append(view(task(seq, f"Generated step number {number}", feature="huge"), state, 1))
    seqs = tuple(one.seq for one in tasks)
    plan = Plan("huge", (Batch(1, seqs, tuple(Lane((seq,)) for seq in seqs)),))
    return snapshot(feature_view(tasks, (BatchView(1, BatchState.READY, seqs),), folder="huge", name="Huge", plan=plan))


HOSTILE = "[/][@click=app.quit]x\x1b]0;y\x07[red]"


def _in_turn(*events: Event) -> list[tuple[float, Event]]:
    return [(float(index), event) for index, event in enumerate(events)]


def hostile(text: str) -> Snapshot:
    """The same text in every field that a file or an agent can fill."""
    start = NOW - 100
    problem = Problem(Severity.ERROR, "json.invalid", ROOT / text.replace("/", "_"), text, text, 1, 1)
    evidence = (Evidence(text, "missing", text, text),)
    outcome = Outcome(Verdict.FAILED, text, text, Failure.EXIT, evidence, 10, 10, 0.1, NOW)
    review = Outcome(Verdict.NEEDS_REVIEW, text, text, None, evidence, 10, 10, 0.1, NOW)
    events = stamped(
        start,
        *_in_turn(
            Began(session=text, model=text, agent=text),
            Said(text=text),
            Thought(text=text),
            Tool(id="1", tool=text, state=ToolState.FAILED, input=text, result=text, output=text, exit=3),
            Tool(id="2", tool="edit", state=ToolState.DONE, path=text, added=1, removed=1),
            Waits(reason=text, seconds=3),
            Asks(question=text, id="3"),
            Asks(question=text, id="3", answered=text),
            Child(session=text, title=text),
            Trouble(message=text, kind=text, fatal=True),
            Ended(ok=True, summary=text, reason=text),
            Line(text=text, stderr=True),
            Unknown(raw=text),
            Usage(input_tokens=3),
        ),
    )
    base = task("01", text, feature="hostile", agent=text, files=[text], criteria=[text], problems=[problem])
    base = replace(
        base,
        completion_summary=text,
        agent_id=text,
        started_at=text,
        status_text=text,
        context_files=(ContextRef(text, ((1, 2),), text),),
        extra={text: text},
    )
    other = replace(base, seq="02", depends_on=("01", text))
    third = replace(base, seq="03")
    failed = replace(attempt(1, started=start, outcome=outcome), agent=text, model=text, driver=text)
    live = replace(attempt(1, started=start, running=True), agent=text, model=text)
    tasks = [
        view(base, TaskRunning(1, start), 1, (live,), activity(events)),
        view(other, TaskFailed(1, Failure.EXIT, text, 10), 1, (failed,), activity(events)),
        view(third, TaskReview(1, text, 10), 1, (replace(failed, outcome=review),), activity(events)),
        view(replace(base, seq="04"), TaskBarred(text), None),
        view(replace(base, seq="05"), TaskWaiting(text), 1),
    ]
    seqs = ("01", "02", "03", "05")
    plan = Plan(
        "hostile",
        (Batch(1, seqs, (Lane(seqs),), (Separation(Why.OVERLAP, "01", "02", text, (text,)),)),),
        (Barred("04", Bar.CYCLE, text),),
    )
    made = feature_view(
        tasks,
        (BatchView(1, BatchState.HELD, seqs, ("02", "03")),),
        folder="hostile",
        engine=EngineState.HELD,
        plan=plan,
        problems=[problem],
        message=text,
        driver=text,
    )
    feature = replace(made.feature, id=text, name=text, objective=text, exit_criteria=(text,))
    return snapshot(replace(made, feature=feature))


PICTURES: Mapping[str, Callable[[], Snapshot]] = {
    "running": running,
    "gate": gate,
    "idle": idle,
    "messy": messy,
}
