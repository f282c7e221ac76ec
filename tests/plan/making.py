"""Building blocks of the plan's tests: tasks and features without a disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st

from parex_tui.plan.model import Batch, Plan
from parex_tui.tasks.model import Feature, Status, Task

ROOT = Path("/home/someone/project")

DELIVERABLES = (
    "src/auth/jwt.ts",
    "src/auth/JWT.ts",
    "src/auth/login.ts (new)",
    "src/auth/",
    "src/auth",
    "./src/auth/../auth/jwt.ts",
    "src\\auth\\login.ts",
    "app/[id].ts",
    "app/i.ts",
    "app/(auth)/page.tsx",
    "app/*/page.tsx",
    "app/**",
    "**/page.tsx",
    "**/*.tsx",
    "docs/*.md",
    "docs/guide.md",
    "README.md",
    "Updated jwt.ts with rotation",
    "Updated documentation",
    "Modified: src/auth/jwt.ts - rotation",
    "/home/someone/project/src/auth/jwt.ts",
    "/Users/other/checkout/src/auth/jwt.ts",
    "/Users/other/checkout/src/",
    "C:\\work\\checkout\\docs\\guide.md",
    "src/{auth,user}/index.ts",
    ".",
)


def task(
    seq: str,
    *,
    after: Iterable[str] = (),
    writes: Iterable[str] | None = None,
    parallel: bool = True,
    status: Status | None = Status.PENDING,
    status_text: str = "",
    readable: bool = True,
    name: str = "",
    title: str = "",
    agent: str = "",
    criteria: Iterable[str] = (),
) -> Task:
    """A task that writes a file of its own unless it is told otherwise."""
    return Task(
        feature="demo",
        seq=seq,
        path=ROOT / ".tmp/tasks/demo" / (name or f"subtask_{seq}.json"),
        title=title,
        status=status,
        status_text=status_text or (status.value if status else "odd"),
        depends_on=tuple(after),
        parallel=parallel,
        deliverables=(f"src/own_{seq}.ts",) if writes is None else tuple(writes),
        readable=readable,
        suggested_agent=agent,
        acceptance_criteria=tuple(criteria),
    )


def feature(*tasks: Task, name: str = "Demo") -> Feature:
    folder = ROOT / ".tmp/tasks/demo"
    return Feature(id="demo", key="demo", path=folder, task_json=folder / "task.json", name=name, tasks=tasks)


def seqs(plan: Plan) -> list[tuple[str, ...]]:
    """The seqs of every batch."""
    return [batch.seqs for batch in plan.batches]


def lanes(batch: Batch) -> set[tuple[str, ...]]:
    """The lanes that may run at the same time."""
    return {lane.seqs for lane in batch.lanes if not lane.alone}


def alone(batch: Batch) -> set[str]:
    """The tasks that run alone."""
    return {seq for lane in batch.lanes if lane.alone for seq in lane.seqs}


def reasons(batch: Batch) -> list[str]:
    return [separation.reason for separation in batch.separations]


@st.composite
def features(draw: st.DrawFn) -> Feature:
    """Features as they should not be: cycles, missing and doubled seqs, unreadable files, any deliverable."""
    count = draw(st.integers(0, 12))
    names = [f"{number:02d}" for number in range(1, count + 1)]
    pool = [*names, "77", "other-01"]
    tasks = []
    for place, seq in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:place]), max_size=2)) if place else []
        if draw(st.integers(0, 9)) == 0:
            needs.append(draw(st.sampled_from(pool)))
        tasks.append(
            task(
                seq if draw(st.integers(0, 19)) else names[0],
                after=needs,
                writes=draw(st.lists(st.sampled_from(DELIVERABLES), max_size=3)),
                parallel=draw(st.integers(0, 5)) > 0,
                status=draw(st.sampled_from([*Status, *Status, *Status, None])),
                readable=draw(st.integers(0, 19)) > 0,
                name=f"subtask_{seq}.json",
            )
        )
    return feature(*tasks)
