"""The demonstration: a real process, everything it says it did is true, and it never touches what is not its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from parex_tui.agents import demo_agent
from parex_tui.agents.demo import DemoDriver
from parex_tui.agents.demo_agent import FILES, KINDS, MARK, Part, compose, failure_of, find_one, place_of, plan_of
from parex_tui.agents.driver import DriverError, Ending, Exit, Failure
from parex_tui.agents.events import Began, Ended, Event, Line, Said, Tool, ToolState, Trouble, Unknown, Usage
from parex_tui.run.evidence import collect, facts, targets
from parex_tui.settings import DemoSettings

from .helpers import a_job, a_task, texts


class Play:
    """One played attempt: what it printed, how it ended, what parex makes of it."""

    def __init__(self, done: subprocess.CompletedProcess[str], driver: DemoDriver) -> None:
        parser = driver.parser()
        self.code = done.returncode
        self.stderr = done.stderr
        self.events: list[Event] = [event for line in done.stdout.splitlines() for event in parser.feed(line)]
        self.ending: Ending = driver.ending(
            Exit(done.returncode, None, "exited", 1.0),
            [*self.events, *(event for line in done.stderr.splitlines() for event in parser.feed_stderr(line))],
        )

    @property
    def said(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Said))

    def tools(self, *names: str) -> list[Tool]:
        """Ended calls of these tools."""
        ended = [e for e in self.events if isinstance(e, Tool) and e.state is not ToolState.RUNNING]
        return [event for event in ended if event.tool in names]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with the feature's folder."""
    project = tmp_path / "project"
    (project / ".tmp/tasks/auth").mkdir(parents=True)
    return project


def write_task(root: Path, seq: str = "05", deliverables: Sequence[str] = (), **fields: Any) -> Path:
    """Write a task file."""
    path = root / ".tmp/tasks/auth" / f"subtask_{seq}.json"
    task = {"id": f"auth-{seq}", "seq": seq, "title": "Login route", "deliverables": list(deliverables), **fields}
    path.write_text(json.dumps(task))
    return path


def writes_of(root: Path, seq: str = "05") -> tuple[str, ...]:
    """What a run hands over: the checkable paths that the deliverables in the task file name."""
    try:
        named = json.loads((root / ".tmp/tasks/auth" / f"subtask_{seq}.json").read_bytes())["deliverables"]
        return tuple(target.path for target in targets(named, root) if target.path)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ()  # no task to read: parex would not have started it


def play(
    root: Path,
    seq: str = "05",
    attempt: int = 1,
    fail: str = "none",
    fail_seqs: str = "",
    writes: tuple[str, ...] | None = None,
) -> Play:
    """Run the real program without waiting. `writes`: None for those that a run would hand over."""
    driver = DemoDriver(DemoSettings(speed=0, fail=fail, fail_seqs=fail_seqs))
    driver.check()
    writes = writes_of(root, seq) if writes is None else writes
    invocation = driver.invocation(a_job(root, a_task(root, seq), attempt=attempt, writes=writes))
    done = subprocess.run(
        invocation.argv,
        cwd=invocation.cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return Play(done, driver)


def files(root: Path) -> set[str]:
    """Every file below the root except the task files."""
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".tmp/")}


def test_it_says_what_it_is_before_anything_else(root: Path) -> None:
    write_task(root, deliverables=["src/a.ts"])
    found = play(root)
    began, said, *_ = found.events
    assert isinstance(began, Began)
    assert began.model == "demo"
    assert isinstance(said, Said)
    for words in ("demonstration", "not real work", "cost are invented"):
        assert words in said.text
    assert isinstance(found.events[-1], Ended)
    assert "not real work" in found.said.splitlines()[-1]
    assert not [event for event in found.events if isinstance(event, Unknown | Line)]


NAMES = "src/a.ts src/b.py api.json x.css README.md conf.toml q.sql page.html run.sh app/[id].tsx notes.txt Dockerfile"


def test_every_file_it_says_it_wrote_is_there_with_its_mark_and_its_lines(root: Path) -> None:
    write_task(root, deliverables=NAMES.split())
    found = play(root)
    assert found.code == 0, found.stderr
    assert found.ending.clean
    written = found.tools("write")
    assert {tool.path for tool in written} == files(root) == set(NAMES.split())
    for tool in written:
        text = (root / tool.path).read_text()
        assert MARK in text
        assert (tool.added, tool.removed) == (len(text.splitlines()), 0)
    assert {tool.path for tool in found.tools("check") if tool.state is ToolState.DONE} == files(root)
    assert json.loads((root / "api.json").read_text())["_comment"] == MARK
    assert (root / "src/a.ts").stat().st_mode & 0o111 == 0


def test_tokens_and_cost_are_reported(root: Path) -> None:
    write_task(root, deliverables=["a.py"])
    used = [event for event in play(root).events if isinstance(event, Usage)]
    assert sum(event.input_tokens + event.output_tokens for event in used) > 0
    assert sum(event.cost or 0 for event in used) > 0


def test_context_files_are_really_read_below_the_root_only(root: Path) -> None:
    (root / "docs.md").write_text("one\ntwo\n")
    (root.parent / "secret.md").write_text("secret\n")
    (root / "link.md").symlink_to("../secret.md")
    os.mkfifo(root / "fifo")
    write_task(
        root,
        context_files=["docs.md", {"path": "link.md"}, "../secret.md", "/etc/passwd", "fifo", 7],
        reference_files=["none.ts"],
    )
    found = play(root)
    task, *reads = found.tools("read")
    assert (task.path, task.state) == (".tmp/tasks/auth/subtask_05.json", ToolState.DONE)
    assert [(tool.path, tool.state.value) for tool in reads] == [
        ("docs.md", "done"),
        ("link.md", "failed"),
        ("../secret.md", "failed"),
        ("/etc/passwd", "failed"),
        ("fifo", "failed"),
        ("none.ts", "failed"),
    ]
    assert reads[0].result == "2 lines"
    assert found.code == 0
    assert "secret\n" not in "\n".join(texts(found.events))


@pytest.mark.parametrize(
    "path", ["../out.ts", "/tmp/out.ts", "a/../../out.ts", ".git/hooks/pre-commit.sh", "C:\\out.ts"]
)
def test_nothing_is_written_outside_of_the_root(root: Path, path: str) -> None:
    write_task(root, deliverables=[path])
    found = play(root, writes=(path,))
    assert found.ending.failure is Failure.GAVE_UP
    assert path in found.ending.reason
    assert files(root) == set()
    assert sorted(entry.name for entry in root.parent.iterdir()) == ["project"]


def test_no_link_is_written_through(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "b.ts").write_text(f"// {MARK}\n")
    (root / "src").symlink_to(outside)
    (root / "b.ts").symlink_to(outside / "b.ts")
    (root / "new.ts").symlink_to(outside / "new.ts")
    write_task(root, deliverables=["src/a.ts", "src/deep/a.ts", "b.ts", "new.ts"])
    found = play(root)
    assert not found.ending.clean
    assert [path.name for path in outside.iterdir()] == ["b.ts"]
    assert (outside / "b.ts").read_text() == f"// {MARK}\n"
    assert [tool.state for tool in found.tools("write")] == [ToolState.FAILED] * 4


def test_what_somebody_else_wrote_is_left_alone_and_said(root: Path) -> None:
    foreign = {"a.ts": b"mine\n", "big.ts": b"// " + MARK.encode() + b"x" * 2_000_000, "data.ts": b"\0\1", "e.ts": b""}
    for name, content in foreign.items():
        (root / name).write_bytes(content)
    write_task(root, deliverables=[*foreign, "b.ts"])
    found = play(root)
    assert {name: (root / name).read_bytes() for name in foreign} == foreign
    assert MARK in (root / "b.ts").read_text()
    assert [tool.path for tool in found.tools("write") if tool.state is ToolState.FAILED] == list(foreign)
    assert "a.ts is not written: it exists and is not the demo agent's own: left alone." in found.said
    assert found.ending.clean
    assert found.ending.summary.endswith(
        "wrote 1 placeholder file, left alone what it did not write itself: a.ts, big.ts, data.ts and 1 more"
    )


def test_a_file_that_it_may_not_change_is_left_alone(root: Path) -> None:
    (root / "a.ts").write_text("mine\n")
    (root / "a.ts").chmod(0o444)
    write_task(root, deliverables=["a.ts"])
    found = play(root)
    assert found.ending.clean
    assert "left alone what it did not write itself: a.ts" in found.ending.summary
    assert (root / "a.ts").read_text() == "mine\n"


def test_its_own_file_is_edited_by_the_next_task_and_the_counts_are_true(root: Path) -> None:
    for name in ("a.ts", "a.json", "a.py"):
        write_task(root, "05", deliverables=[name])
        write_task(root, "06", deliverables=[name])
        play(root, "05")
        before = (root / name).read_text().splitlines()
        (edit,) = play(root, "06").tools("edit")
        after = (root / name).read_text().splitlines()
        assert edit.added is not None
        assert edit.removed is not None
        assert edit.added > 0
        assert len(after) - len(before) == edit.added - edit.removed
        assert "task auth-05 attempt 1" in "\n".join(after)
        assert "task auth-06 attempt 1" in "\n".join(after)


def test_a_second_attempt_changes_the_file(root: Path) -> None:
    write_task(root, deliverables=["a.ts"])
    play(root)
    first = (root / "a.ts").read_text()
    assert play(root, attempt=2).ending.clean
    assert (root / "a.ts").read_text() != first


def test_a_demo_file_that_somebody_has_changed_is_left_alone(root: Path) -> None:
    write_task(root, deliverables=["a.ts", "b.json"])
    play(root)
    for name in ("a.ts", "b.json"):
        changed = (root / name).read_text() + "// mine\n"
        (root / name).write_text(changed)
        found = play(root, attempt=2)
        assert (root / name).read_text() == changed
        assert found.ending.clean
        assert name in found.ending.summary.rpartition("left alone")[2]


def test_a_shorter_text_leaves_nothing_of_the_longer_one(root: Path) -> None:
    write_task(root, deliverables=["a.ts"])
    for attempt in (100, 2):
        play(root, attempt=attempt)
    assert (root / "a.ts").read_text() == compose("a.ts", [Part("auth-05", 2)])


def test_prose_is_named_and_not_claimed(root: Path) -> None:
    odd = [
        "Train and evaluate the model",
        "Documentation",
        "a.ts calls b.ts",
        "src/gone.ts (deleted)",
        "/elsewhere/c.ts",
    ]
    write_task(root, deliverables=[*odd, "lib/x.js (new)", "`lib/y.js` - the helper", r"app/\[id\].ts"])
    found = play(root)
    assert found.ending.clean
    assert files(root) == {"lib/x.js", "lib/y.js", "app/[id].ts"}
    quoted = [line.partition("no file to write here: ")[2] for line in found.said.splitlines() if "leaves this" in line]
    assert quoted == odd
    assert "wrote 3 placeholder files, left out 5 deliverables without a file to write" in found.ending.summary


def test_what_it_writes_is_what_is_looked_for_afterwards(root: Path) -> None:
    (root / "src/deep").mkdir(parents=True)
    (root / "src/deep/Types.hs").write_text("module Types where\n")
    wanted = {
        "Updated src/Graphos/Domain/Core.hs": "created",
        "Graphos.cabal (update)": "created",
        "Updated Types.hs": "unchanged",  # somebody else's, wherever it is
        "src/Lexer.g4": "created",
        "lib/*.js": "created",
        "tests/**/*.test.ts": "created",
        "fixtures/bom/": "created",
        "build/ directory (static export)": "created",
        "src/deep/": "changed",
        "src/services": "created",
        "LICENSE": "created",
        "src/\\win\\a.ts": "created",
        "Tests pass": "unchecked",
    }
    write_task(root, deliverables=list(wanted))
    baseline = facts(list(wanted), root)
    found = play(root)
    assert found.ending.clean, found.ending.reason
    assert {item.deliverable: item.state for item in collect(list(wanted), root, baseline, ended=time.time())} == wanted
    assert (root / "src/deep/Types.hs").read_text() == "module Types where\n"
    assert all(MARK in (root / name).read_text() for name in files(root) - {"src/deep/Types.hs"})
    assert "For lib/*.js the demonstration writes lib/demo.js." in found.said


@pytest.mark.parametrize(
    ("write", "place"),
    [
        ("src/a.ts", "src/a.ts"),
        ("app/[id].ts", "app/[id].ts"),
        (".gitignore", ".gitignore"),
        ("-rf.md", "-rf.md"),
        ("Dockerfile", "Dockerfile"),
        ("LICENSE", "LICENSE"),
        ("src/api", "src/api/parex-demo.md"),
        ("src/api/", "src/api/parex-demo.md"),
        ("there.d", "there.d/parex-demo.md"),
        ("lib/*.js", "lib/demo.js"),
        ("lib/*", "lib/parex-demo.md"),
        ("lib/**", "lib/parex-demo.md"),
        ("*/page?.tsx", "demo/pagex.tsx"),
        ("a/**/*.ts", "a/demo.ts"),
        ("**/*.ts", "demo.ts"),
        ("**/api/", "api/parex-demo.md"),
        ("**/new.ts", "new.ts"),
        ("**/one.ts", "deep/in/one.ts"),
        ("**/in/one.ts", "deep/in/one.ts"),
        ("**/n/one.ts", "n/one.ts"),
        ("**/two.ts", "two.ts"),
        ("**/modules.ts", "modules.ts"),
        ("../a.ts", "../a.ts"),
    ],
)
def test_which_file_stands_for_what_is_to_be_written(root: Path, write: str, place: str) -> None:
    (root / "there.d").mkdir()
    for name in ("deep/in/one.ts", "deep/two.ts", "two/two.ts", "node_modules/modules.ts", ".git/new.ts"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert place_of(write, str(root)) == place


def test_a_search_for_a_file_ends(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/c/x.ts").touch()
    (root / "a/loop").symlink_to("..")
    assert find_one(str(root), "x.ts") == find_one(f"{root}/", "x.ts") == "a/b/c/x.ts"
    monkeypatch.setattr(demo_agent, "_ENTRIES", 3)
    assert find_one(str(root), "x.ts") == ""


def test_a_folder_or_a_floating_file_is_not_reached_through_a_link(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "x.ts").touch()
    (root / "src").symlink_to(outside)
    (root / "x.ts").symlink_to(outside / "x.ts")
    write_task(root)
    for write in ("src", "src/", "src/*", "src/*.ts", "**/x.ts", "**/src/"):
        found = play(root, writes=(write,))
        assert found.ending.failure is Failure.GAVE_UP, write
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("x.ts", "")]


@pytest.mark.parametrize("name", ["a.g4", "a.interp", "a.unheard-of", "LICENSE", ".env", "bin", "a.lock", "a.ipynb"])
def test_any_kind_of_text_is_written_plainly_and_known_again(root: Path, name: str) -> None:
    (root / "x").mkdir()
    path = f"x/{name}" if name != "bin" else "x/bin/parex-demo.md"
    for seq in ("05", "06"):
        write_task(root, seq, deliverables=[f"x/{name}"])
        assert play(root, seq).ending.clean
    text = (root / path).read_text()
    assert text.count(MARK) == 1
    assert "task auth-05" in text
    assert "task auth-06" in text


@pytest.mark.parametrize("name", ["logo.png", "a.tar.gz", "assets/*.woff2", "app.DB"])
def test_a_file_that_is_no_text_is_not_made_up(root: Path, name: str) -> None:
    write_task(root, deliverables=[name, "b.ts"])
    found = play(root)
    assert found.ending.failure is Failure.GAVE_UP
    assert f"cannot write a plausible .{name.lower().rpartition('.')[2]} file" in found.ending.reason
    assert files(root) == {"b.ts"}


def test_more_files_than_a_demonstration_writes_are_refused_before_the_first(root: Path) -> None:
    names = [f"{'é' * 900}/{number}.ts" for number in range(3000)]
    found = play(root, writes=tuple(names))
    assert (found.ending.failure, files(root)) == (Failure.AGENT_ERROR, set())  # there is no task file
    write_task(root)
    found = play(root, writes=tuple(names))
    assert found.ending.failure is Failure.GAVE_UP
    assert f"{FILES} files at most" in found.ending.reason
    assert files(root) == set()
    assert play(root, writes=tuple(f"{number}.ts" for number in range(FILES)) * 2).ending.clean
    assert len(files(root)) == FILES


@pytest.mark.parametrize("write", ["a\0b.ts", "x" * 5000 + ".ts"])
def test_a_path_that_cannot_be_one_is_not_handed_over(root: Path, write: str) -> None:
    with pytest.raises(DriverError, match=r"NUL|longer than 4096 bytes: x{20}"):
        DemoDriver().invocation(a_job(root, writes=(write,)))


@pytest.mark.parametrize("name", ["a.py", "a.json", "a.toml", "a.ts", "a.md", "a.txt"])
def test_a_failing_check_really_fails_and_the_retry_mends_it(root: Path, name: str) -> None:
    write_task(root, deliverables=["first.ts", name])
    found = play(root, fail="exit")
    assert found.code == 1
    assert "on purpose" in found.said
    *good, bad = found.tools("check")
    assert [tool.state for tool in good] == [ToolState.DONE]
    assert (bad.path, bad.state) == (name, ToolState.FAILED)
    assert (found.ending.failure, found.ending.reason) == (Failure.EXIT, f"exit 1: a check of {name} failed")
    what, wrong = demo_agent.check_file(str(root), name)
    assert what
    assert wrong == bad.result
    retry = play(root, attempt=2)
    assert retry.ending.clean
    assert demo_agent.check_file(str(root), name)[1] == ""


def test_giving_up_leaves_a_deliverable_out_and_says_so(root: Path) -> None:
    write_task(root, deliverables=["a.ts", "b.ts"])
    found = play(root, fail="giveup")
    assert (found.code, found.ending.failure) == (0, Failure.GAVE_UP)
    assert "left out b.ts" in found.ending.reason
    assert files(root) == {"a.ts"}


def test_an_error_in_the_middle(root: Path) -> None:
    write_task(root, deliverables=["a.ts"])
    found = play(root, fail="error")
    assert (found.code, found.ending.failure) == (1, Failure.AGENT_ERROR)
    assert any(isinstance(event, Trouble) and event.fatal for event in found.events)
    assert files(root) == set()


def test_exactly_the_named_tasks_fail_and_only_once(root: Path) -> None:
    for seq in ("04", "05", "06", "07"):
        write_task(root, seq, deliverables=[f"a{seq}.ts"])
    plan = "4:exit,06:giveup"
    first = {seq: play(root, seq, fail="auto", fail_seqs=plan).ending.failure for seq in ("04", "05", "06", "07")}
    assert first == {"04": Failure.EXIT, "05": None, "06": Failure.GAVE_UP, "07": None}
    assert all(play(root, seq, attempt=2, fail="auto", fail_seqs=plan).ending.clean for seq in ("04", "06"))


def test_about_a_quarter_of_first_attempts_fail_by_themselves_in_every_way() -> None:
    kinds = [failure_of(f"feature-{number}", "01", 1, "auto", "") for number in range(2000)]
    assert 400 < len([kind for kind in kinds if kind]) < 600
    assert set(kinds) == {"", *KINDS}
    assert kinds == [failure_of(f"feature-{number}", "01", 1, "auto", "") for number in range(2000)]
    assert not any(failure_of(f"feature-{number}", "01", 2, "auto", "") for number in range(2000))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[]", "not a task object"),
        (b"[" * 100_000, "not valid JSON"),
        (b"", "not valid JSON"),
        (b" " * 2_000_000, "larger than 1 MiB"),
        (None, "no such file"),
    ],
)
def test_a_task_file_that_cannot_be_used_is_said(root: Path, content: bytes | None, words: str) -> None:
    path = root / ".tmp/tasks/auth/subtask_05.json"
    if content is not None:
        path.write_bytes(content)
    found = play(root)
    assert (found.code, found.ending.failure) == (1, Failure.AGENT_ERROR)
    assert words in found.ending.reason
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"id": 7, "title": [], "deliverables": "a.ts", "context_files": {"a": 1}, "acceptance_criteria": [None]},
        {"id": "\ud800*/\n-->", "title": "\x1b[31m", "deliverables": ["a.css", "b.html", "\x1b]0;x\x07.ts", 3, ""]},
    ],
)
def test_odd_tasks_never_crash_it(root: Path, task: dict[str, object]) -> None:
    (root / ".tmp/tasks/auth/subtask_05.json").write_text(json.dumps(task))
    found = play(root)
    assert isinstance(found.events[-1], Ended)
    assert "Traceback" not in found.stderr
    for name in files(root):
        lines = (root / name).read_text().splitlines()
        assert not [line for line in lines if line.count("*/") + line.count("-->") > 1]


def test_being_stopped_is_quick_and_said(root: Path) -> None:
    write_task(root, deliverables=["a.ts"])
    driver = DemoDriver(DemoSettings(speed=0.01, fail="none"))
    invocation = driver.invocation(a_job(root))
    output = root.parent / "out"
    with output.open("wb") as stdout:
        process = subprocess.Popen(invocation.argv, cwd=root, stdout=stdout, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while output.stat().st_size == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    finally:
        process.kill()
        process.wait()
    parser = driver.parser()
    events = [event for line in output.read_text().splitlines() for event in parser.feed(line)]
    assert events[-1].__class__ is Ended
    assert "SIGTERM" in texts(events[-1:])[1]


ALONE = """
import runpy, sys
sys.argv[1:] = {arguments!r}
try:
    runpy.run_path({script!r}, run_name="__main__")
except SystemExit as ended:
    assert not ended.code
assert not [name for name in sys.modules if name.startswith(("parex", "orjson", "asyncio", "subprocess"))]
"""


def test_it_stands_alone(root: Path) -> None:
    write_task(root, deliverables=["a.ts"])
    python, isolated, bare, script, *arguments = (
        DemoDriver(DemoSettings(speed=0, fail="none")).invocation(a_job(root, writes=("a.ts",))).argv
    )
    assert (isolated, bare) == ("-I", "-S")
    code = ALONE.format(arguments=arguments, script=script)
    done = subprocess.run([python, isolated, bare, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert files(root) == {"a.ts"}


def test_wrong_options_are_refused_before_a_start(root: Path) -> None:
    for wrong in (DemoSettings(speed=-1), DemoSettings(speed=float("nan")), DemoSettings(fail="x")):
        with pytest.raises(DriverError, match="demo driver"):
            DemoDriver(wrong).check()
    for seqs in ("x:exit", "04:nothing", "04:exit;05"):
        with pytest.raises(ValueError, match="fail-seqs"):
            plan_of("auto", seqs)
    done = subprocess.run(
        [sys.executable, "-I", "-S", demo_agent.__file__, "--task=x", f"--root={root}", "--speed=fast"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "speed is a number" in done.stderr


def test_a_path_that_begins_with_dashes_is_no_option(root: Path) -> None:
    folder = root / "--version"
    (folder / ".tmp/tasks/auth").mkdir(parents=True)
    write_task(folder, deliverables=["--help.ts", "-x/=.ts"])
    job = a_job(folder, writes=writes_of(folder))
    assert not [part for part in DemoDriver().invocation(job).argv[4:] if "=" not in part]
    assert play(folder).ending.clean
    assert files(folder) == {"--help.ts", "-x/=.ts"}


def test_a_whole_run_hands_over_what_it_looks_for(root: Path, state_home: Path) -> None:
    (root / "mine.md").write_text("mine\n")
    write_task(
        root, "01", ["Updated src/Types.hs", "Demo.cabal (update)", "Tests pass"], depends_on=[], status="pending"
    )
    write_task(root, "02", ["mine.md"], depends_on=[], status="pending")
    feature = {"id": "auth", "name": "Auth", "status": "active", "subtask_count": 2, "completed_count": 0}
    (root / ".tmp/tasks/auth/task.json").write_text(json.dumps(feature))
    # One retry: whether a first attempt fails on purpose depends on the task's id.
    options = ["--driver=demo", "--yes", "--json", "--speed=1000", "--retries=1"]
    done = subprocess.run(
        [sys.executable, "-m", "parex_tui", "run", "auth", "-C", str(root), *options],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "XDG_STATE_HOME": str(state_home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert files(root) == {"mine.md", "src/Types.hs", "Demo.cabal"}, done.stdout + done.stderr
    assert "2 of 3 deliverables new or changed; 1 could not be checked" in done.stdout
    assert "mine.md was not touched" in done.stdout
