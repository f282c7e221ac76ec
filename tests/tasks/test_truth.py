"""The model is what a fresh scan would give, whatever happened to the files in between, and reads only what changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from parex_tui.tasks import files
from parex_tui.tasks.files import Content
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import Project
from parex_tui.tasks.reader import Reader

from .helpers import Clock, a_project, a_task, write

FEATURES = ("auth", "billing", "search")
LATER = Clock(4_000_000_000.0)
"""Far from every time that a file gets here: none is so young that it has to be read twice."""
SEQS = ("01", "02", "03")
CONTENTS = (
    b"",
    b"{",
    b"[]",
    b'{"seq": "01", "title": "A", "status": "pending", "depends_on": ["02"]}',
    b'{"seq": "01", "title": "B", "status": "completed", "depends_on": []}\n',
    b'{"seq": "02", "status": "Done", "status": null}',
    b'{"title": "half',
)


class FilesMachine(RuleBasedStateMachine):
    """Programs do to the files what they like; after each step the reader is asked for the model."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(os.environ["PAREX_TEST_SCRATCH"], os.urandom(6).hex())
        self.tasks = self.root / ".tmp" / "tasks"

    @initialize()
    def begin(self) -> None:
        (self.root / ".git").mkdir(parents=True)
        self.clock = Clock()
        self.reader = Reader(locate(self.root, explicit=True), self.clock)

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def folders(self) -> list[Path]:
        return [path.parent for path in self.tasks.rglob("*.json")] if self.tasks.exists() else []

    @rule(feature=st.sampled_from(FEATURES), seq=st.sampled_from(SEQS), content=st.sampled_from(CONTENTS))
    def writes(self, feature: str, seq: str, content: bytes) -> None:
        folder = self.tasks / feature
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"subtask_{seq}.json").write_bytes(content)

    @rule(feature=st.sampled_from(FEATURES), content=st.sampled_from(CONTENTS))
    def writes_the_feature(self, feature: str, content: bytes) -> None:
        folder = self.tasks / feature
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / "task.json.tmp"
        temporary.write_bytes(content.replace(b'"title"', b'"name"'))
        temporary.rename(folder / "task.json")

    @rule(feature=st.sampled_from(FEATURES), seq=st.sampled_from(SEQS))
    def deletes(self, feature: str, seq: str) -> None:
        (self.tasks / feature / f"subtask_{seq}.json").unlink(missing_ok=True)

    @rule(feature=st.sampled_from(FEATURES), shelf=st.sampled_from(("completed", "active")))
    def archives(self, feature: str, shelf: str) -> None:
        here, there = self.tasks / feature, self.tasks / shelf / feature
        if here.exists() and not there.exists():
            there.parent.mkdir(exist_ok=True)
            here.rename(there)
        elif there.exists() and not here.exists():
            there.rename(here)

    @rule()
    def loses_everything(self) -> None:
        shutil.rmtree(self.root / ".tmp", ignore_errors=True)

    @rule(feature=st.sampled_from(FEATURES))
    def looks_at_one(self, feature: str) -> None:
        """Looking at one feature never spoils what the next full reading says."""
        self.reader.read()
        self.reader.refresh(feature)

    @invariant()
    def the_model_is_a_fresh_scan(self) -> None:
        if not hasattr(self, "reader"):
            return
        self.reader.read()
        self.clock.now += 1.0  # longer than any half-written file is waited for
        self.reader.read()
        self.clock.now += 1.0
        assert told(self.reader.read()) == told(fresh(self.root))


def fresh(root: Path) -> Project:
    """The project as one who has seen nothing before reads it, all of it standing still."""
    return Reader(locate(root, explicit=True), Clock(), LATER).read()


def told(project: Project) -> Project:
    assert not any(task.updating for feature in project.features for task in feature.tasks)
    return project


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PAREX_TEST_SCRATCH", str(tmp_path))
    yield


def test_the_model_is_a_fresh_scan_after_everything_that_programs_do() -> None:
    run_state_machine_as_test(FilesMachine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were opened, in order."""
    opened: list[str] = []
    real = files.read

    def counted(path: str | Path) -> Content:
        opened.append(Path(path).name)
        return real(path)

    monkeypatch.setattr("parex_tui.tasks.file_state.read", counted)
    return opened


def many(root: Path, features: int, tasks: int) -> Path:
    for number in range(features):
        name = f"feature-{number:02d}"
        folder = a_project(root, *(a_task(f"{seq:02d}") for seq in range(1, tasks + 1)), feature=name)
        for path in folder.iterdir():
            os.utime(path, (1_000_000_000, 1_000_000_000))
    return root / ".tmp" / "tasks"


def test_of_a_thousand_files_only_the_changed_one_is_read_again(tmp_path: Path, reads: list[str]) -> None:
    tasks = many(tmp_path, 20, 49)
    reader = Reader(locate(tmp_path, explicit=True), Clock(), LATER)
    reader.read()
    assert len(reads) == 1_000
    reads.clear()
    reader.read()
    assert reads == []
    write(tasks / "feature-07" / "subtask_31.json", a_task("31", title="changed"))
    project = reader.read()
    assert reads == ["subtask_31.json"]
    feature = project.feature("feature-07")
    assert feature is not None
    assert [task.seq for task in feature.tasks if task.title == "changed"] == ["31"]


def test_one_feature_is_looked_at_without_the_others(tmp_path: Path, reads: list[str]) -> None:
    tasks = many(tmp_path, 3, 4)
    reader = Reader(locate(tmp_path, explicit=True), Clock(), LATER)
    first = reader.read()
    reads.clear()
    for name in ("feature-00", "feature-02"):
        write(tasks / name / "subtask_01.json", a_task("01", title="changed"))
    second = reader.refresh("feature-02")
    assert reads == ["subtask_01.json"]
    assert second.features[0] is first.features[0]
    assert second.features[2].tasks[0].title == "changed"
    assert told(reader.read()) == told(fresh(tmp_path))


def test_a_feature_that_moved_is_found_by_looking_at_it(tmp_path: Path) -> None:
    tasks = many(tmp_path, 2, 2)
    reader = Reader(locate(tmp_path, explicit=True), Clock())
    reader.read()
    (tasks / "completed").mkdir()
    (tasks / "feature-01").rename(tasks / "completed" / "feature-01")
    feature = reader.refresh("feature-01").feature("feature-01")
    assert feature is not None
    assert feature.archived
    assert feature.path == tasks / "completed" / "feature-01"


def git(root: Path, *words: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_checkout_that_swaps_500_files_is_one_consistent_change(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    tasks = tmp_path / ".tmp" / "tasks"
    for status in ("pending", "completed"):
        for number in range(10):
            count = 25 if status == "pending" else 50
            for seq in range(1, count + 1):
                task = a_task(f"{seq:02d}", status=status, title=f"{status} {seq}")
                write(tasks / f"feature-{number}" / f"subtask_{seq:02d}.json", task)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", status)
    clock = Clock()
    reader = Reader(locate(tmp_path, explicit=True), clock, LATER)
    assert {feature.counts.completed for feature in reader.read().features} == {50}
    git(tmp_path, "checkout", "-q", "HEAD~1")
    project = read_until_quiet(reader, clock)
    assert {(feature.counts.pending, feature.counts.total) for feature in project.features} == {(25, 25)}
    assert project.problems == ()


def read_until_quiet(reader: Reader, clock: Clock) -> Project:
    """As the dashboard does it: read, and read again when the reader says so."""
    project = reader.read()
    while reader.next_check is not None:
        clock.now += reader.next_check + 0.001
        project = reader.read()
    return project
