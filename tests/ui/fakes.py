"""Snapshots made by hand, and a control that gives them out and writes down what was asked of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from parex_tui.agents.driver import Exit
from parex_tui.agents.events import (
    Asks,
    Began,
    Ended,
    Event,
    Said,
    Thought,
    Tool,
    ToolState,
    Usage,
)
from parex_tui.plan.model import Batch, Lane, Plan
from parex_tui.run.snapshot import (
    Activity,
    AttemptView,
    BatchState,
    BatchView,
    Command,
    Do,
    EngineState,
    FeatureView,
    Snapshot,
    StampedEvent,
    TaskView,
)
from parex_tui.run.states import (
    Evidence,
    Exited,
    Outcome,
    Running,
    TaskBarred,
    TaskClaimed,
    TaskReady,
    TaskState,
    TaskVerified,
    Verdict,
)
from parex_tui.tasks.model import ContextRef, Feature, Project, Status, Task
from parex_tui.tasks.problems import Problem

NOW = 1_769_868_180.0
ROOT = Path("/home/dev/shop")


class FakeControl:
    """A control over snapshots that the test gives. `sent` is every command; `refusals` answers by verb."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._listeners: list[Callable[[], None]] = []
        self.sent: list[Command] = []
        self.refusals: dict[Do, str] = {}
        self.when_sent: Callable[[Command], None] = lambda command: None
        self.closed = False

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def send(self, command: Command) -> str:
        self.sent.append(command)
        self.when_sent(command)
        return self.refusals.get(command.do, "")

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def close(self) -> None:
        self.closed = True

    def put(self, snapshot: Snapshot) -> None:
        """A newer snapshot, announced from another thread as the real control does it."""
        self._snapshot = replace(snapshot, version=self._snapshot.version + 1)
        for listener in self._listeners:
            thread = threading.Thread(target=listener)
            thread.start()
            thread.join()


# --- pieces -----------------------------------------------------------------------------------------------------


def task(
    seq: str,
    title: str,
    *,
    feature: str = "auth-system",
    status: Status | None = Status.PENDING,
    needs: Sequence[str] = (),
    files: Sequence[str] = (),
    root: Path = ROOT,
    agent: str = "CoderAgent",
    criteria: Sequence[str] = (),
    problems: Sequence[Problem] = (),
    readable: bool = True,
) -> Task:
    return Task(
        feature=feature,
        seq=seq,
        path=root / ".tmp/tasks" / feature / f"subtask_{seq}.json",
        title=title,
        status=status,
        status_text="???" if status is None else status.value,
        depends_on=tuple(needs),
        parallel=True,
        deliverables=tuple(files),
        suggested_agent=agent,
        acceptance_criteria=tuple(criteria),
        problems=tuple(problems),
        readable=readable,
        context_files=(ContextRef("docs/auth.md", ((10, 50),), "the token format"),),
        reference_files=(ContextRef("src/app.ts"),),
        extra={"effort": "medium", "tags": ["api", "auth"], "points": 3},
        modified=NOW - 4000,
        digest="0" * 64,
    )


def attempt(
    number: int = 1,
    *,
    started: float = NOW - 134,
    outcome: Outcome | None = None,
    running: bool = False,
    is_demo: bool = False,
    model: str = "sonnet-5",
    agent: str = "CoderAgent",
    folder: Path = Path("/home/dev/.local/state/parex/shop/auth-system/05"),
) -> AttemptView:
    state: Running | Exited
    if running:
        state = Running(started, 4241, 4242)
    else:
        seconds = outcome.seconds if outcome is not None else 10.0
        state = Exited(Exit(0, None, "exited", seconds), started, started + seconds)
    base = folder / str(number)
    return AttemptView(
        number, state, "opencode", is_demo, agent, model, started, outcome, base, base / "output", base / "prompt"
    )


def stamped(start: float, *pairs: tuple[float, Event]) -> tuple[StampedEvent, ...]:
    return tuple(StampedEvent(start + offset, event) for offset, event in pairs)


def activity(
    events: tuple[StampedEvent, ...],
    *,
    tokens: int = 18_000,
    cost: float | None = 0.12,
    files: tuple[int, int] = (2, 2),
    sign: float | None = None,
    number: int = 1,
    version: int = 1,
    dropped: int = 0,
) -> Activity:
    telling = [one for one in events if not isinstance(one.event, Usage)]
    last = events[-1].at if events else None
    return Activity(
        number,
        events,
        dropped,
        telling[-1] if telling else None,
        sign if sign is not None else last,
        tokens,
        cost,
        sum(isinstance(one.event, Tool) for one in events),
        *files,
        version,
    )


def tool(
    name: str,
    path: str = "",
    *,
    at: float | None = None,
    command: str = "",
    state: ToolState = ToolState.DONE,
    added: int | None = None,
    removed: int | None = None,
    exit_code: int | None = None,
    output: str = "",
    call: str = "",
) -> Tool:
    return Tool(
        id=call or f"{name}{path}{command}",
        tool=name,
        state=state,
        path=path,
        input=command,
        added=added,
        removed=removed,
        exit=exit_code,
        output=output,
        at=at,
    )


def login_events(start: float) -> tuple[StampedEvent, ...]:
    failed = "FAIL  tests/login.test.ts\n  x locks the account after five failures (12 ms)\n" + "\n".join(
        f"    at line {n}" for n in range(14)
    )
    return stamped(
        start,
        (2, Began(session="s1", model="sonnet-5", agent="CoderAgent")),
        (31, tool("read", "src/auth/README.md")),
        (62, tool("edit", "src/auth/lock.ts", added=21)),
        (
            90,
            Said(
                text="The lock counter is never reset; fixing it in the route, then I run the tests again and look "
                "at what is left of the rate limit."
            ),
        ),
        (
            108,
            tool("bash", command="npm test -- login", state=ToolState.FAILED, exit_code=1, output=failed),
        ),
        (121, tool("read", "src/auth/jwt.ts")),
        (133, tool("edit", "src/auth/login.ts", added=48, removed=3, state=ToolState.RUNNING)),
    )


def jwt_events(start: float) -> tuple[StampedEvent, ...]:
    return stamped(
        start,
        (9, tool("read", ".tmp/tasks/auth-system/subtask_06.json")),
        (44, tool("read", "docs/jwt-patterns.md", command="10-50")),
        (93, tool("edit", "src/auth/jwt.ts", added=112)),
        (94, Thought()),
    )


def logout_events(start: float) -> tuple[StampedEvent, ...]:
    return stamped(
        start,
        (40, tool("edit", "src/auth/logout.ts", added=19)),
        (51, Asks(question="read /etc/hosts", id="q1", answered="rejected")),
        (52, Ended(ok=False, reason="permission rejected")),
    )


def view(
    one: Task,
    state: TaskState,
    batch: int | None,
    attempts: Sequence[AttemptView] = (),
    doing: Activity | None = None,
    expected: float | None = None,
) -> TaskView:
    return TaskView(one, state, batch, tuple(attempts), doing, expected)


def verified(one: Task, batch: int, seconds: float) -> TaskView:
    evidence = tuple(Evidence(name, "changed", name) for name in one.deliverables)
    outcome = Outcome(
        Verdict.VERIFIED, "all deliverables changed", "Did it.", None, evidence, seconds, 9_000, 0.06, NOW - 400
    )
    made = attempt(started=NOW - 400 - seconds, outcome=outcome)
    return view(one, TaskVerified(1, seconds), batch, (made,))


def feature_view(
    tasks: Sequence[TaskView],
    batches: Sequence[BatchView],
    *,
    folder: str = "auth-system",
    engine: EngineState = EngineState.IDLE,
    name: str = "Auth system",
    problems: Sequence[Problem] = (),
    plan: Plan | None = None,
    root: Path = ROOT,
    **more: object,
) -> FeatureView:
    path = root / ".tmp/tasks" / folder
    feature = Feature(
        id=folder,
        key=folder,
        path=path,
        task_json=path / "task.json",
        name=name,
        status_text="active",
        objective="Sign in, sign out, tokens and the lock after five failures.",
        exit_criteria=("all tests pass", "no secret in the repository"),
        tasks=tuple(one.task for one in tasks),
        problems=tuple(problems),
    )
    made = plan or Plan(
        folder, tuple(Batch(one.number, one.seqs, tuple(Lane((seq,)) for seq in one.seqs)) for one in batches)
    )
    base = FeatureView(
        feature=feature,
        plan=made,
        tasks={one.seq: one for one in tasks},
        batches=tuple(batches),
        engine=engine,
        driver="opencode",
    )
    return replace(base, **more)  # type: ignore[arg-type]  # the fields of FeatureView, by name


def snapshot(*views: FeatureView, version: int = 1, root: Path = ROOT) -> Snapshot:
    project = Project(root, (root / ".tmp/tasks",), tuple(one.feature for one in views))
    return Snapshot(version, NOW, project, {one.key: one for one in views})


def small_feature(folder: str, done: int, total: int, unreadable: int = 0) -> FeatureView:
    tasks = []
    for number in range(1, total + 1):
        seq = f"{number:02d}"
        bad = number > total - unreadable
        one = task(seq, f"Step {number}", feature=folder, readable=not bad)
        state: TaskState = TaskBarred("unreadable") if bad else TaskReady()
        if number <= done:
            state = TaskClaimed()
        tasks.append(view(one, state, None if bad else 1))
    seqs = tuple(one.seq for one in tasks if one.batch == 1)
    turn = BatchState.DONE if done == total else BatchState.READY
    return feature_view(tasks, (BatchView(1, turn, seqs),), folder=folder, name=folder)
