"""The quick `parex status` says what the full one says, byte for byte, or nothing at all."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parex_tui import quick, quick_files, start
from parex_tui.cli import main
from parex_tui.quick import quick_status
from parex_tui.report import status_lines
from parex_tui.tasks import layout, scan, text

from .conftest import REPOSITORY

SAMPLES = REPOSITORY / "sample_tasks"


def full_status(words: list[str]) -> tuple[str, str, int]:
    """What the full path prints, and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return out.getvalue(), err.getvalue(), code


def answers_alike(words: list[str]) -> bool:
    """Whether the quick path answers; where it does, the full one says the same."""
    answer = quick_status(words)
    if answer is None:
        return False
    assert (answer, "", 0) == full_status(words)
    return True


def task(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"auth-{number:02}",
        "seq": f"{number:02}",
        "title": f"Task {number}",
        "status": "pending",
        "depends_on": [],
        "parallel": True,
        "context_files": ["docs/a.md", {"path": "src/b.ts", "lines": "1-5,9", "reason": "why"}],
        "acceptance_criteria": ["it works"],
        "deliverables": ["out.txt"],
        "agent_id": None,
        **fields,
    }


def write_feature(folder: Path, tasks: list[dict[str, Any]], **fields: Any) -> None:
    folder.mkdir(parents=True)
    done = sum(one.get("status") == "completed" for one in tasks)
    base = {"id": folder.name, "name": "Auth – größer 🎉", "status": "active", "objective": "All of it"}
    counts = {"subtask_count": len(tasks), "completed_count": done}
    (folder / "task.json").write_text(json.dumps({**base, **counts, **fields}, ensure_ascii=False))
    for number, one in enumerate(tasks, 1):
        (folder / f"subtask_{number:02}.json").write_text(json.dumps(one, indent=2))


@pytest.fixture
def root(tmp_path: Path, state_home: Path) -> Path:
    """A project with two features, one of them on the shelf for open ones, and an archived one."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    (root / "src" / "deep").mkdir(parents=True)
    tasks = root / ".tmp" / "tasks"
    write_feature(tasks / "auth", [task(1, status="completed"), task(2, status="in_progress"), task(3)])
    write_feature(tasks / "active" / "billing", [task(1, status="blocked")])
    write_feature(tasks / "completed" / "old", [task(1, status="nonsense")])
    return root


def test_a_sound_project_is_answered_in_every_form(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["status"], ["status", "auth"], ["status", "billing"]):
        for where in (["-C", str(root)], ["--directory", f"{root}/src/.."]):
            assert answers_alike([*words, *where])
            assert answers_alike([*where, *words])
    for folder in (root, root / "src" / "deep", root / ".tmp" / "tasks", root / ".tmp" / "tasks" / "auth"):
        monkeypatch.chdir(folder)
        assert answers_alike(["status"])
        assert answers_alike(["status", "auth"])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["plan"],
        ["status", "--json"],
        ["status", "auth", "billing"],
        ["status", "nobody"],
        ["status", "old"],
        ["status", ""],
        ["status", "-C"],
        ["status", "-h"],
        ["--version"],
    ],
)
def test_any_other_form_is_left_to_the_full_path(root: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(root)
    assert quick_status(words) is None


@pytest.mark.parametrize("where", [".tmp/tasks", ".tmp/tasks/auth", "src", "missing", ".tmp/tasks/auth/task.json"])
def test_a_folder_that_is_no_root_is_left_to_the_full_path(root: Path, where: str) -> None:
    assert quick_status(["status", "-C", str(root / where)]) is None


AUTH = ".tmp/tasks/auth"


def _text(path: str, words: str) -> Callable[[Path], object]:
    def write(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(words)

    return write


def _field(**fields: Any) -> Callable[[Path], object]:
    return lambda root: (root / AUTH / "subtask_03.json").write_text(json.dumps(task(3, **fields)))


def _replaced(old: str, new: str, name: str = "subtask_03.json") -> Callable[[Path], object]:
    def write(root: Path) -> None:
        path = root / AUTH / name
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new, 1))

    return write


DOUBTS: dict[str, Callable[[Path], object]] = {
    "no task.json": lambda root: (root / AUTH / "task.json").unlink(),
    "a folder with a task file's name": lambda root: (root / AUTH / "subtask_09.json").mkdir(),
    "a link": lambda root: (root / AUTH / "subtask_04.json").symlink_to("subtask_03.json"),
    "a linked feature": lambda root: (root / ".tmp/tasks/linked").symlink_to("auth"),
    "a task file beside the features": _text(".tmp/tasks/task.json", "{}"),
    "a name with a suffix": lambda root: (root / AUTH / "subtask_03.json").rename(root / AUTH / "subtask_03_x.json"),
    "one name twice": lambda root: shutil.copytree(root / AUTH, root / ".tmp/tasks/active/auth"),
    "a feature's odd name": lambda root: (root / AUTH).rename(root / ".tmp/tasks/a b"),
    "an archived status": _replaced('"active"', '"archived"', "task.json"),
    "other tasks": lambda root: (root / ".opencode/tmp/tasks").mkdir(parents=True),
    "a package with tasks": lambda root: (root / "packages/x/.tmp/tasks").mkdir(parents=True),
    "a second task of that number": lambda root: shutil.copy(
        root / AUTH / "subtask_03.json", root / AUTH / "subtask_3.json"
    ),
    "half a file": _text(f"{AUTH}/subtask_03.json", '{"seq": "03"'),
    "an empty file": _text(f"{AUTH}/subtask_03.json", ""),
    "two values": _text(f"{AUTH}/subtask_03.json", json.dumps(task(3)) + "{}"),
    "a list": _text(f"{AUTH}/subtask_03.json", "[]"),
    "a byte-order mark": _text(f"{AUTH}/subtask_03.json", "\ufeff" + json.dumps(task(3))),
    "no UTF-8": lambda root: (root / AUTH / "subtask_03.json").write_bytes(b'{"seq": "\xff"}'),
    "too large": _text(f"{AUTH}/subtask_03.json", json.dumps(task(3)) + " " * scan.SIZE_LIMIT),
    "too deep": _field(own=json.loads("[" * 80 + "]" * 80)),
    "far too deep": _text(f"{AUTH}/subtask_03.json", '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    "a key twice": _replaced('"title"', '"title": "other", "title"'),
    "a key twice inside": _replaced('"path"', '"path": "other", "path"'),
    "NaN": _field(own=float("nan")),
    "a number too large": _replaced('"agent_id"', '"own": 1e999, "agent_id"'),
    "many digits": _replaced('"agent_id"', f'"own": {"9" * 5000}, "agent_id"'),
    "a tab inside a string": _replaced("Task 3", "Task\t3"),
    "an odd status": _field(status="done"),
    "no status": _field(status=None),
    "a list as status": _field(status=["pending"]),
    "a seq of another": _field(seq="02"),
    "a seq as a number": _field(seq=3),
    "an unpadded seq": _field(seq="3"),
    "parallel as text": _field(parallel="true"),
    "dependencies as text": _field(depends_on="01"),
    "numbers as dependencies": _field(depends_on=[1]),
    "a title that is none": _field(title=["x"]),
    "a summary that is none": _field(completion_summary={"a": 1}),
    "context without a path": _field(context_files=[{"lines": "1-2"}]),
    "lines that are none": _field(context_files=[{"path": "x", "lines": "9-3"}]),
    "lines as a number": _field(reference_files=[{"path": "x", "lines": 3}]),
    "criteria that are none": _field(acceptance_criteria=[{"a": 1}]),
    "deliverables as text": _field(deliverables="x"),
    "a wrong count": _replaced('"subtask_count": 3', '"subtask_count": 4', "task.json"),
    "a wrong count of the completed": _replaced('"completed_count": 1', '"completed_count": 3', "task.json"),
    "a count that is none": _replaced('"subtask_count": 3', '"subtask_count": true', "task.json"),
    "no name": _replaced('"name"', '"other"', "task.json"),
    "a name with an escape": _replaced("Auth", "Auth\\u001b[31m", "task.json"),
    "a name with an invisible character": _replaced("Auth", "Auth\\ufe0f", "task.json"),
    "a long name": _replaced("Auth", "x" * text.LINE_LIMIT, "task.json"),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_whatever_is_in_doubt_is_left_to_the_full_path(root: Path, doubt: str) -> None:
    assert quick_status(["status", "-C", str(root)]) is not None
    DOUBTS[doubt](root)
    assert quick_status(["status", "-C", str(root)]) is None
    assert quick_status(["status", "billing", "-C", str(root)]) is None or answers_alike(
        ["status", "billing", "-C", str(root)]
    )


def test_what_belongs_to_nobody_is_no_doubt(root: Path) -> None:
    (root / AUTH / "PLAN.md").write_text("x")
    (root / AUTH / "verification_01.json").write_text("{")
    (root / ".tmp/tasks/.notes").mkdir()
    (root / ".tmp/tasks/completed/notes").mkdir()
    (root / ".tmp/tasks/index.json").write_text("{")
    (root / ".tmp/sessions/2026/").mkdir(parents=True)
    assert answers_alike(["status", "-C", str(root)])


def test_own_fields_and_missing_ones_are_no_doubt(root: Path) -> None:
    (root / AUTH / "subtask_03.json").write_text(
        json.dumps({"seq": "03", "status": "pending", "own": {"a": [1, 2.5, "\ud800"]}, "rice_score": 1.5})
    )
    assert answers_alike(["status", "auth", "-C", str(root)])


def test_an_archived_feature_is_not_read_but_looked_into(root: Path) -> None:
    assert "old" not in (quick_status(["status", "-C", str(root)]) or "old")
    folder = root / ".tmp/tasks/completed/old"
    folder.chmod(0)
    try:
        if os.access(folder, os.R_OK):
            pytest.skip("this user may read everything")
        assert quick_status(["status", "-C", str(root)]) is None
    finally:
        folder.chmod(0o755)


def test_the_samples(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, tmp_path / "copy")
    where = ["-C", str(tmp_path / "copy")]
    assert answers_alike(["status", "tide-alerts", *where])
    assert answers_alike(["status", "station-import", *where])
    assert not answers_alike(["status", *where])
    shutil.rmtree(tmp_path / "copy" / ".tmp" / "tasks" / "chart-rewrite")
    assert answers_alike(["status", *where])


def _corpus_features(corpus: Path) -> Iterator[tuple[Path, str]]:
    for folder in sorted(path for path in corpus.iterdir() if path.is_dir()):
        for feature in layout.feature_folders(layout.locate(folder, explicit=True)):
            yield folder, feature.path.name


@pytest.mark.corpus
def test_every_feature_of_the_corpus(corpus: Path) -> None:
    answered = [answers_alike(["status", name, "-C", str(folder)]) for folder, name in _corpus_features(corpus)]
    assert sum(answered) >= 10, "it answers for real features, too"


@pytest.mark.corpus
def test_mutated_features_of_the_corpus(corpus: Path, tmp_path: Path) -> None:
    chance = random.Random(20)
    answered = 0
    for number, (folder, name) in enumerate(_corpus_features(corpus)):
        found = next(
            one for one in layout.feature_folders(layout.locate(folder, explicit=True)) if one.path.name == name
        )
        for again in range(6):
            root = tmp_path / f"{number}-{again}"
            target = root / ".tmp" / "tasks" / "feature"
            shutil.copytree(found.path, target)
            (root / ".git").mkdir()
            _mutate(target, chance)
            answered += answers_alike(["status", "-C", str(root)])
            shutil.rmtree(root)
    assert answered > 20


def _mutate(folder: Path, chance: random.Random) -> None:
    """One small change that another program might make: of the text, or of a field's value."""
    path = chance.choice(sorted(folder.glob("*.json")))
    data = path.read_bytes()
    kind = chance.randrange(4)
    if kind == 0:
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice([b" ", b",", b'"', b"\\n", b"0", b"\xff", b"}", b"\n"]) + data[at:]
    elif kind == 1:
        at = chance.randrange(len(data))
        data = data[:at] + data[at + 1 :]
    else:
        try:
            value = json.loads(data)
        except ValueError:
            return
        odd = [
            None,
            True,
            3,
            2.5,
            "x",
            "03",
            ["01"],
            [1],
            {},
            {"path": "x"},
            [{"path": "x", "lines": "3-2"}],
            "pending",
        ]
        value[chance.choice([*value, "own", "dependencies"])] = chance.choice(odd)
        data = json.dumps(value).encode()
    path.write_bytes(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([*task(1), "reference_files", "completion_summary", "suggested_agent", "own"])


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from(["pending", "in_progress", "completed", "blocked", "blocked", "odd"]), max_size=5),
    st.lists(st.tuples(st.integers(0, 9), KEYS, VALUES), max_size=2),
    st.text(max_size=8),
    st.sampled_from(["feature", "active/feature", "f.1", "a b"]),
)
def test_generated_projects(statuses: list[str], changes: list[tuple[int, str, Any]], name: str, place: str) -> None:
    tasks = [task(number, status=status) for number, status in enumerate(statuses, 1)]
    for number, key, value in changes:
        if number < len(tasks):
            tasks[number][key] = value
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "package.json").touch()
        with contextlib.suppress(UnicodeEncodeError):
            write_feature(root / ".tmp/tasks" / place, tasks, name=name)
        answers_alike(["status", "-C", folder])


PLACES = st.sampled_from(["", "active/", "completed/", "archive/", "../../packages/web/.tmp/tasks/"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(PLACES, st.sampled_from(["auth", "billing", ".old"]), st.integers(-1, 2)), max_size=5))
def test_generated_layouts(features: list[tuple[str, str, int]]) -> None:
    """Features of one name, empty folders, archived ones: whatever lies where, both paths print the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "package.json").touch()
        (root / ".tmp/tasks").mkdir(parents=True)
        for place, name, count in features:
            path = root / ".tmp/tasks" / place / name
            if path.exists():
                continue
            if count < 0:
                path.mkdir(parents=True)
            else:
                write_feature(path, [task(number) for number in range(1, count + 1)])
        answers_alike(["status", "-C", folder])
        for name in ("auth", "billing"):
            answers_alike(["status", name, "-C", folder])


def test_its_limits_are_those_of_the_full_reader() -> None:
    assert status_lines.NAME_LIMIT == text.LIST_LIMIT
    assert quick.SKIPPED == layout._SKIPPED
    assert quick.SHELVES == layout.SHELVES
    assert (quick.SEARCH_DEPTH, quick.SEARCH_FOLDERS) == (layout._SEARCH_DEPTH, layout._SEARCH_FOLDERS)
    assert (quick_files.SIZE_LIMIT, quick_files.DEPTH_LIMIT, quick_files.TEXT_LIMIT) == (
        scan.SIZE_LIMIT,
        scan.DEPTH_LIMIT,
        text.LINE_LIMIT,
    )


@given(st.characters())
def test_what_it_shows_is_what_cleaning_would_leave(letter: str) -> None:
    assert not quick_files.is_plain(letter) or text.clean(letter) == letter


def _program(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parex_tui", *words]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **options.pop("env", {})}
    return subprocess.run(
        command, env=environment, text=True, timeout=100, stderr=subprocess.PIPE, check=False, **options
    )


def test_the_program_starts_with_it_and_loads_nothing_heavy(root: Path) -> None:
    code = (
        f"import sys\nbefore = set(sys.modules)\nsys.argv = ['parex', 'status', '-C', {str(root)!r}]\n"
        "from parex_tui.start import main\nassert main() == 0\n"
        "print(sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == quick_status(["status", "-C", str(root)])
    loaded = set(done.stderr.strip()[1:-1].replace("'", "").split(", "))
    own = {name for name in loaded if name.startswith("parex_tui")}
    assert own == {
        "parex_tui",
        "parex_tui.start",
        "parex_tui.quick",
        "parex_tui.quick_files",
        "parex_tui.report",
        "parex_tui.report.status_lines",
    }
    assert loaded - own <= {"__future__", "_json"}


def test_text_that_is_no_json_is_left_to_the_full_path_by_a_fresh_program_as_well(root: Path, tmp_path: Path) -> None:
    # A program that has imported the json module already, as this one has, would not show it.
    whole = json.dumps(task(3))
    texts = ["", "{", "]", whole[:-1], whole[:9], whole.replace(",", "", 1), whole.replace(":", "", 1), '{"a": "\\x"}']
    texts += ['{"a": tru}', '{"a": "\n"}', '{"a": "\\ud8"}', "{,}", '{"a": 1,}', "[1,]", "[1 2]", "-", "{1: 2}", '"']
    for number, words in enumerate(texts):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(root, copy)
        (copy / AUTH / "subtask_03.json").write_text(words)
    code = (
        "import sys\nfrom parex_tui.quick import quick_status\n"
        "print([quick_status(['status', '-C', folder]) for folder in sys.argv[1:]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *(str(tmp_path / f"copy{number}") for number in range(len(texts)))],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith(str([None] * len(texts)))


def test_a_terminal_that_cannot_show_a_letter_gets_another_one(root: Path) -> None:
    done = _program(["status", "auth", "-C", str(root)], stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("\n[auth] Auth ? gr??er ?\n")


def test_output_that_nobody_reads_is_no_error(root: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = _program(["status", "-C", str(root)], stdout=writer)
    os.close(writer)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("words", [["status"], ["next"], ["status", "--json"]])
def test_a_closed_standard_output_is_no_error(root: Path, words: list[str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m parex_tui "$@" >&-', sys.executable, *words, "-C", str(root)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)


def test_an_interrupt_while_it_starts_is_told_by_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(words: list[str]) -> str | None:
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "quick_status", interrupted)
    assert start.main() == 130
