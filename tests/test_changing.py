"""The commands that change task files, through the real command line: what they print, refuse and change."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parex_tui.cli import main
from parex_tui.commands import gate
from parex_tui.run import checks, statedir
from parex_tui.run.trust import Trust
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import JsonValue
from parex_tui.tasks.reader import read_project

from .conftest import REPOSITORY
from .report.strictly import faults
from .tasks.helpers import a_project, a_task, eventually, write

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path, state_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with four tasks: 01 completed, 02 after it, 03 after 02, 04 in progress."""
    folder = tmp_path / "project"
    a_project(
        folder,
        a_task("01", status="completed", completed_at="2026-01-01T00:00:00Z", completion_summary="Done"),
        a_task("02", depends_on=["01"], suggested_agent="CoderAgent"),
        a_task("03", depends_on=["02"]),
        a_task("04", status="in_progress", agent_id="coder", started_at="2026-01-01T00:00:00Z"),
    )
    monkeypatch.chdir(folder)
    monkeypatch.delenv("VISUAL", raising=False)
    return folder


@pytest.fixture
def parex(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; returns its exit code, what it printed and what it said beside it."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


def task_path(root: Path, seq: str, feature: str = "auth") -> Path:
    return root / ".tmp" / "tasks" / feature / f"subtask_{seq}.json"


def fields(root: Path, name: str) -> Any:
    path = root / ".tmp" / "tasks" / "auth" / "task.json" if name == "task" else task_path(root, name)
    return json.loads(path.read_bytes())


def all_bytes(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def editor(root: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A program in the place of the person's editor: `code` with `text` and `path` of the file that it was given."""
    script = root.parent / "editor.py"
    script.write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\ntext = path.read_text()\n"
        f"ROOT = pathlib.Path({str(root)!r})\n{code}\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} '{script}'")


# --- complete ----------------------------------------------------------------------------------------------------


def test_complete_prints_what_the_reference_tool_prints(root: Path, parex: Run) -> None:
    assert parex("complete", "auth", "02", "Login", "route") == (
        0,
        "\n✓ Marked auth/02 as completed\n  Summary: Login route\n  Progress: 2/4\n",
        "",
    )
    assert fields(root, "02")["completion_summary"] == "Login route"
    assert fields(root, "task")["completed_count"] == 2


def test_complete_refuses_a_long_summary_and_an_unknown_task_word_for_word(root: Path, parex: Run) -> None:
    before = all_bytes(root)
    assert parex("complete", "auth", "02", "x" * 201)[:2] == (1, "Error: Summary must be max 200 characters\n")
    assert parex("complete", "auth", "02", "😀" * 101)[:2] == (1, "Error: Summary must be max 200 characters\n")
    assert parex("complete", "auth", "99", "x") == (1, "Task 99 not found in auth\n", "")
    assert all_bytes(root) == before
    assert parex("complete", "auth", "02", "😀" * 100)[0] == 0


def test_complete_refuses_open_dependencies_and_names_them_unless_forced(root: Path, parex: Run) -> None:
    before = all_bytes(root)
    code, out, err = parex("complete", "auth", "03", "x")
    assert (code, out) == (1, "")
    assert "02 (pending)" in err
    assert "--force" in err
    assert all_bytes(root) == before
    code, out, _ = parex("complete", "auth", "03", "x", "--force")
    assert code == 0
    assert "  Forced: it depends on 02 (pending)" in out
    assert fields(root, "03")["status"] == "completed"


def test_the_last_task_closes_the_feature_and_a_reset_opens_it_again(root: Path, parex: Run) -> None:
    for seq in ("02", "03", "04"):
        code, out, _ = parex("complete", "auth", seq, "x")
        assert code == 0
    assert "  Progress: 4/4\n  Feature: completed\n" in out
    closed = fields(root, "task")
    assert (closed["status"], closed["completed_count"]) == ("completed", 4)
    assert closed["completed_at"]
    assert parex("reset", "auth", "03")[0] == 1
    code, out, _ = parex("reset", "auth", "--force", "03")
    assert code == 0
    assert "  Feature: active" in out
    opened = fields(root, "task")
    assert (opened["status"], opened["completed_count"], opened["completed_at"]) == ("active", 3, None)


@pytest.mark.parametrize("word", ["2", "02", "002", "subtask_02", "auth-02", "subtask_02.json"])
def test_a_task_is_named_as_people_name_it(root: Path, parex: Run, word: str) -> None:
    assert "✓ Marked auth/02 as completed" in parex("complete", "auth", word, "x")[1]


def test_two_files_with_one_seq_are_told_apart_by_their_names(root: Path, parex: Run) -> None:
    write(root / ".tmp/tasks/auth/subtask_02_again.json", a_task("02"))
    code, _, err = parex("block", "auth", "02")
    assert code == 1
    assert "name the file" in err
    assert parex("block", "auth", "subtask_02_again.json")[0] == 0
    assert fields(root, "02")["status"] == "pending"


# --- the gate ----------------------------------------------------------------------------------------------------


def _with_checks(root: Path, *checks: dict[str, Any]) -> None:
    write(task_path(root, "02"), a_task("02", verification=list(checks)))


def test_complete_passes_a_gate_of_checks_and_refuses_while_one_fails(root: Path, parex: Run) -> None:
    _with_checks(root, {"type": "file_exists", "path": "out.txt"})
    code, out, _ = parex("complete", "auth", "02", "x")
    assert code == 1
    assert (
        "\n=== Verification gate: auth/02 ===\n\n  ✗ [file_exists] file_exists: out.txt\n      missing: out.txt" in out
    )
    assert fields(root, "02")["status"] == "pending"
    (root / "out.txt").touch()
    code, out, _ = parex("complete", "auth", "02", "x")
    assert code == 0
    assert out.startswith(
        "\n=== Verification gate: auth/02 ===\n\n  ✓ [file_exists] file_exists: out.txt\n\n"
        "✓ Verification passed (1 check(s))\n\n✓ Marked auth/02 as completed\n"
    )


def with_checks(root: Path, *commands: str) -> None:
    """Task 02 with checks that a person has trusted."""
    blocks: list[JsonValue] = [{"type": "command", "command": one} for one in commands]
    write(task_path(root, "02"), {**fields(root, "02"), "verification": blocks})
    digest = Trust(root).what(read_project(locate(root, explicit=True)).features[0], "02")
    Trust(root).trust([one.executable for one in digest], time.time)


def test_a_check_that_touches_the_task_file_runs_once(root: Path, parex: Run) -> None:
    path = task_path(root, "02").relative_to(root)
    with_checks(root, f"echo x >> ran; echo ' ' >> {path}")
    code, out, _ = parex("complete", "auth", "02", "Login")
    assert code == 0
    assert out.count("=== Verification gate") == 1
    assert (root / "ran").read_text() == "x\n"
    assert fields(root, "02")["status"] == "completed"


def test_what_changed_while_the_checks_ran_is_looked_at_again(root: Path, parex: Run) -> None:
    path = task_path(root, "01").relative_to(root)
    with_checks(
        root,
        f"echo x >> ran; sed -i 's/\"completed\"/\"pending\"/' {path}; echo ' ' >> {task_path(root, '02')}",
    )
    code, _, err = parex("complete", "auth", "02", "Login")
    assert code == 1
    assert "it depends on 01 (pending)" in err
    assert (root / "ran").read_text() == "x\n"
    assert fields(root, "02")["status"] == "pending"


def test_the_gates_heading_stands_before_the_first_check_runs(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_checks(root, "true")
    told: list[str] = []
    told_before: list[str] = []
    monkeypatch.setattr(gate, "say", told.append)

    def run(*words: object) -> None:
        told_before.extend(told)
        raise OSError(errno.EIO, "looked at")

    monkeypatch.setattr(checks, "run_command", run)
    assert parex("complete", "auth", "02", "Login")[0] != 0
    assert told_before == ["", "=== Verification gate: auth/02 ===", ""]


def test_commands_that_nobody_trusts_are_shown_and_not_run(root: Path, parex: Run) -> None:
    _with_checks(root, {"type": "command", "command": "touch ran"})
    code, out, err = parex("complete", "auth", "02", "x")
    assert code == 4
    assert "touch ran" in out
    assert "parex trust auth 02" in err
    assert fields(root, "02")["status"] == "pending"
    code, out, _ = parex("complete", "auth", "02", "x", "--force")
    assert code == 0
    assert "Forced: its checks were not run" in out
    assert not (root / "ran").exists()


def test_a_malformed_block_keeps_the_gate_shut(root: Path, parex: Run) -> None:
    _with_checks(root, {"type": "magic"})
    code, out, _ = parex("complete", "auth", "02", "x")
    assert code == 1
    assert out.startswith("Error: invalid verification block in subtask_02.json:")
    assert "unknown type 'magic'" in out


# --- the other marks ---------------------------------------------------------------------------------------------


def test_marks_are_told_and_written(root: Path, parex: Run) -> None:
    assert parex("start", "auth", "02") == (0, "\n✓ Marked auth/02 as in_progress\n  Progress: 1/4\n", "")
    assert fields(root, "02")["agent_id"] == "CoderAgent"
    assert parex("block", "auth", "02")[1] == "\n✓ Marked auth/02 as blocked\n  Progress: 1/4\n"
    assert parex("unblock", "auth", "02")[1] == "\n✓ Marked auth/02 as pending\n  Progress: 1/4\n"
    assert parex("start", "auth", "02", "--agent", "Someone")[0] == 0
    assert fields(root, "02")["agent_id"] == "Someone"
    assert parex("reset", "auth", "02")[1] == "\n✓ Marked auth/02 as pending\n  Progress: 1/4\n"
    assert parex("reset", "auth", "02")[1] == "\n✓ auth/02 is pending already\n  Progress: 1/4\n"


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("start", "auth", "01"), "parex reset auth 01 --force"),
        (("start", "auth", "04"), "in progress already, by coder; `parex reset auth 04`"),
        (("start", "auth", "03"), "02 (pending)"),
        (("unblock", "auth", "02"), "not blocked, it is pending"),
        (("unblock", "auth", "04"), "`parex reset auth 04`"),
        (("reset", "auth", "01"), "--force"),
        (("unarchive", "auth"), "not archived"),
        (("conflicts", "--insist", "7"), "settled"),
        (("undo",), "nothing to undo"),
    ],
)
def test_what_the_format_does_not_know_is_refused_with_a_remedy(
    root: Path, parex: Run, words: tuple[str, ...], remedy: str
) -> None:
    before = all_bytes(root)
    code, out, err = parex(*words)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert remedy in err
    code, out, err = parex(*words, "--json")
    assert code == 1
    record = json.loads(out)
    assert faults(record, "parex.changed/1") == []
    assert (record["done"], remedy in record["reason"]) == (False, True)
    assert all_bytes(root) == before


@pytest.mark.parametrize(
    "words",
    [
        ("complete", "atuh", "02", "x"),
        ("complete", "auth", "02", "  "),
        ("complete", "auth", "02"),
        ("edit", "auth", "02", "id=x"),
        ("edit", "auth", "02", "status=done"),
        ("edit", "auth", "02", "parallel=perhaps"),
        ("edit", "auth", "02", "depends_on=09"),
        ("edit", "auth", "02", "depends_on=03"),
        ("edit", "auth", "02", "depends_on:=[1]"),
        ("edit", "auth", "02", "deliverables=x"),
        ("edit", "auth", "02", "x:={"),
        ("edit", "auth", "02", "title="),
        ("edit", "auth", "02", "title=a\x1b[2Jb"),
        ("edit", "auth", "02", "title=a\udcff"),
        ("edit", "auth", "02", "title=" + "x" * 101),
        ("edit", "auth", "02", "title=a", "title=b"),
        ("edit", "auth", "02", "title=a", "nothing"),
        ("edit", "auth", "02", "=a"),
        ("new", "task", "auth", "T", "--after", "1,77"),
        ("new", "task", "auth", " "),
        ("conflicts", "--insist", "0"),
        ("conflicts", "--insist", "1", "--yield", "1"),
        ("init", "/nowhere/at/all"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(root: Path, parex: Run, words: tuple[str, ...]) -> None:
    before = all_bytes(root)
    code, out, err = parex(*words)
    assert (code, out) == (2, ""), err
    assert len(err.splitlines()) == 1
    assert "\x1b" not in err
    assert all_bytes(root) == before


def test_reset_without_a_task_sets_back_what_is_stale_and_only_when_told_to(root: Path, parex: Run) -> None:
    code, out, _ = parex("reset", "auth")
    assert code == 0
    assert out.startswith("Nothing in auth is stale.\n  04 Task 04 (in progress by coder")
    old = time.time() - 7200
    os.utime(task_path(root, "04"), (old, old))
    before = all_bytes(root)
    code, _, err = parex("reset", "auth")
    assert code == 1
    assert "04 Task 04 (in progress by coder, unchanged for 2 h 00 m)" in err
    assert all_bytes(root) == before
    assert parex("reset", "auth", "--yes")[:2] == (0, "\n✓ Marked auth/04 as pending\n  Progress: 1/4\n")
    assert fields(root, "04")["status"] == "pending"


def test_a_task_that_runs_under_parex_is_left_to_it(root: Path, parex: Run) -> None:
    config = root.parent / "config" / "parex"
    config.mkdir(parents=True)
    slow = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)"
    (config / "config.toml").write_text(f"[drivers.slow]\nargv = {json.dumps([sys.executable, '-c', slow])}\n")
    assert parex("reset", "auth", "04")[0] == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "parex_tui", "run", "auth", "--driver", "slow", "--yes"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert eventually(lambda: fields(root, "04")["status"] == "in_progress", 60)
        for words in (("complete", "auth", "04", "x", "--force"), ("block", "auth", "04"), ("reset", "auth", "04")):
            code, _, err = parex(*words)
            assert code == 1
            assert "runs under parex" in err
        code, _, err = parex("edit", "auth", "04", "status=blocked")
        assert (code, "runs under parex" in err) == (1, True)
        assert parex("edit", "auth", "04", "title=Other")[0] == 0
        assert fields(root, "04")["status"] == "in_progress"
        original = task_path(root, "04").read_bytes()
        for seq in ("02", "03", "04"):
            path = task_path(root, seq)
            write(path, {**json.loads(path.read_bytes()), "status": "completed"})
        code, _, err = parex("archive", "auth")
        assert (code, "auth/04 runs under parex" in err) == (1, True)
        assert task_path(root, "04").exists()
        task_path(root, "04").write_bytes(original)
    finally:
        (root / "go").touch()
        process.wait(60)


_WORDS: dict[str, tuple[str, ...]] = {
    "start": ("start", "auth", "09"),
    "complete": ("complete", "auth", "09", "done"),
    "block": ("block", "auth", "09"),
    "unblock": ("unblock", "auth", "09"),
    "reset": ("reset", "auth", "09"),
    "edit pending": ("edit", "auth", "09", "status=pending"),
    "edit blocked": ("edit", "auth", "09", "status=blocked"),
    "edit completed": ("edit", "auth", "09", "status=completed"),
}
_STANDINGS = ("pending", "in_progress", "completed", "blocked", "cancelled")
_ALLOWED = {  # in the order of _STANDINGS: y done, n refused, f only with --force
    "start": "ynnnn",
    "complete": "yyyff",
    "block": "yyfyf",
    "unblock": "nnnyn",
    "reset": "yyfyf",
    "edit pending": "yynyy",
    "edit blocked": "yynyy",
    "edit completed": "nnynn",
}


@pytest.mark.parametrize("status", _STANDINGS)
@pytest.mark.parametrize("verb", list(_WORDS))
def test_which_word_is_taken_in_which_status(root: Path, parex: Run, verb: str, status: str) -> None:
    path = write(task_path(root, "09"), a_task("09", status=status))
    before = path.read_bytes()
    allowed = _ALLOWED[verb][_STANDINGS.index(status)]
    code, _, err = parex(*_WORDS[verb])
    assert code == (0 if allowed == "y" else 1)
    if allowed != "y":
        assert path.read_bytes() == before
        assert err.startswith("parex: auth/09") or "completing is checked" in err
    if verb != "unblock" and not verb.startswith("edit") and (verb, allowed) != ("start", "y"):
        assert parex(*_WORDS[verb], "--force")[0] == (1 if allowed == "n" else 0)


@pytest.mark.parametrize("verb", ["start", "complete", "block", "unblock", "reset"])
def test_another_programs_file_is_refused_by_name(root: Path, parex: Run, verb: str) -> None:
    write(task_path(root, "09"), {"master": {"tasks": [1, 2]}, "version": 3})
    before = all_bytes(root)
    words = _WORDS[verb] if verb in ("start", "unblock") else (*_WORDS[verb], "--force")
    code, out, err = parex(*words)
    assert (code, out) == (1, "")
    assert "subtask_09.json: not a task of this format" in err
    assert all_bytes(root) == before


def test_another_programs_task_json_is_left_alone(root: Path, parex: Run) -> None:
    write(task_path(root, "01").with_name("task.json"), {"phases": ["one"], "owner": "another"})
    before = fields(root, "task")
    for seq in ("02", "03", "04"):
        assert parex("complete", "auth", seq, "x")[0] == 0
    assert fields(root, "task") == before


def test_a_feature_that_only_says_archived_can_be_put_away_and_taken_back(root: Path, parex: Run) -> None:
    path = task_path(root, "01").with_name("task.json")
    write(path, {**json.loads(path.read_bytes()), "status": "archived"})
    said = path.read_bytes()
    code, _, err = parex("complete", "auth", "02", "x")
    assert (code, err) == (1, "parex: auth is archived; `parex unarchive auth` first\n")
    assert parex("archive", "auth")[:2] == (1, "Cannot archive: 1/4 tasks completed\n")
    code, out, _ = parex("unarchive", "auth")
    assert (code, out) == (0, "\n✓ Unarchived auth\n  .tmp/tasks/auth\n")
    assert fields(root, "task")["status"] == "active"
    assert parex("undo")[0] == 0
    assert path.read_bytes() == said
    parex("unarchive", "auth")
    for seq in ("02", "03", "04"):
        assert parex("complete", "auth", seq, "x")[0] == 0
    write(path, {**json.loads(path.read_bytes()), "status": "archived"})
    assert parex("archive", "auth")[0] == 0
    assert parex("unarchive", "auth")[0] == 0
    assert fields(root, "task")["status"] == "active"
    assert parex("block", "auth", "02", "--force")[0] == 0


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (a_task("09", status="done"), "status.unknown", ("edit", "auth", "09", "status=pending")),
        ({"seq": "09", "title": "T"}, "status.missing", ("edit", "auth", "09", "status=pending")),
        (a_task("09") | {"seq": "nine"}, "seq.unusable", ("edit", "auth", "09", "seq=09")),
        (a_task("09") | {"seq": 9}, "field.type", ("edit", "auth", "09", "seq=09")),
        (a_task("09") | {"seq": "08"}, "seq.mismatch", ("edit", "auth", "08", "seq=09")),
        (a_task("09", depends_on=["77"]), "dep.missing", ("edit", "auth", "09", "depends_on=01")),
        (a_task("09", depends_on=["09"]), "dep.cycle", ("edit", "auth", "09", "depends_on=")),
        (a_task("09", depends_on="01"), "field.type", ("edit", "auth", "09", "depends_on=01")),
        (a_task("09", context_files=[4]), "field.type", ("edit", "auth", "09", 'context_files:=["a"]')),
        (
            a_task("09", context_files=[{"path": "a", "lines": "9-1"}]),
            "field.lines",
            ("edit", "auth", "09", 'context_files:=[{"path": "a", "lines": "10-50"}]'),
        ),
        ('{"seq": "09", "status": "pending", "status": null}', "json.duplicate", ("repair", "auth", "--yes")),
        ('{"seq": "09",\n"title": "T"\n"status": "pending"}', "json.invalid", ("repair", "auth", "09", "--yes")),
        (a_task("09"), "count.subtasks", ("repair", "auth", "--yes")),
        ({"tool": 1}, "task.foreign", ("edit", "auth", "09", "status=pending")),
    ],
)
def test_what_is_wrong_can_be_mended_as_it_is_told(
    root: Path, parex: Run, content: Any, code: str, words: tuple[str, ...]
) -> None:
    path = task_path(root, "09")
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))

    def codes() -> list[str]:
        record = json.loads(parex("validate", "--json")[1])
        return [one["code"] for feature in record["features"] for one in feature["problems"]]

    assert code in codes()
    done = parex(*words)
    assert done[0] == 0, done
    assert code not in codes()


@pytest.mark.parametrize(
    ("content", "word"), [('{"a": [}', "edit"), ('{"seq": "09",\n"title": "T"\n"a": 1}', "repair")]
)
def test_a_broken_file_leads_to_what_mends_it(root: Path, parex: Run, content: str, word: str) -> None:
    task_path(root, "09").write_text(content)
    code, _, err = parex("start", "auth", "09")
    assert (code, f"`parex {word} auth 09`" in err) == (1, True), err


# --- two features of one name ------------------------------------------------------------------------------------


@pytest.fixture
def twins(root: Path) -> Path:
    """The project with three features called auth: an open one, an archived one, and one of a package."""
    for place in (".tmp/tasks/completed/auth", "packages/web/.tmp/tasks/auth"):
        shutil.copytree(root / ".tmp/tasks/auth", root / place)
    return root


@pytest.mark.parametrize(
    "words",
    [
        *(("status",), ("next",), ("blocked",), ("parallel",), ("validate",), ("plan",), ("run",), ("trust",)),
        *(("archive",), ("unarchive",), ("repair",), ("attempts",), ("report",), ("retry",), ("stop",)),
        *(("deps", "02"), ("verify", "02"), ("complete", "02", "x"), ("start", "02"), ("block", "02"), ("reset", "02")),
        *(("edit", "02", "title=x"), ("logs", "02")),
    ],
    ids=" ".join,
)
def test_a_name_that_two_features_have_is_refused_with_both_folders(
    twins: Path, parex: Run, words: tuple[str, ...]
) -> None:
    if words == ("unarchive",):
        shutil.copytree(twins / ".tmp/tasks/auth", twins / "packages/web/.tmp/tasks/completed/auth")
    before = all_bytes(twins)
    code, out, err = parex(words[0], "auth", *words[1:])
    assert (code, out) == (2, "")
    for folder in (
        ".tmp/tasks/auth",
        ".tmp/tasks/completed/auth (or auth-2)",
        "packages/web/.tmp/tasks/auth (or auth-",
    ):
        assert folder in err
    assert all_bytes(twins) == before


def test_the_folder_or_the_key_says_which_one(twins: Path, parex: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = parex("status")
    assert out.count("[auth] Auth\n") == 2
    assert "\n  Folder: .tmp/tasks/auth\n" in out
    assert "\n  Folder: packages/web/.tmp/tasks/auth\n" in out
    web = next(one for one in read_project(locate(twins, explicit=True)).features if "packages" in one.path.parts)
    for number, name in enumerate(("packages/web/.tmp/tasks/auth", web.key, str(web.path), f"{web.path}/")):
        assert parex("edit", name, "02", f"title=T{number}")[0] == 0
        assert json.loads((web.path / "subtask_02.json").read_bytes())["title"] == f"T{number}"
    monkeypatch.chdir(twins / ".tmp")
    assert parex("edit", "tasks/auth", "02", "title=Open")[0] == 0
    assert fields(twins, "02")["title"] == "Open"
    assert parex("attempts", ".tmp/tasks/auth")[0] == 0
    code, _, err = parex("edit", "auth-2", "02", "title=x")
    assert (code, "archived" in err) == (1, True)


# --- edit --------------------------------------------------------------------------------------------------------


def test_edit_sets_fields_and_no_other_byte(root: Path, parex: Run) -> None:
    before = task_path(root, "02").read_text()
    code, out, _ = parex("edit", "auth", "2", "title=Login: a = b", "parallel=no", "agent=TestEngineer")
    assert code == 0
    assert out == (
        '✓ Changed auth/02\n  title: "Task 02" → "Login: a = b"\n  parallel: true → false\n'
        '  suggested_agent: "CoderAgent" → "TestEngineer"\n'
    )
    after = before.replace('"Task 02"', '"Login: a = b"').replace("true", "false").replace("CoderAgent", "TestEngineer")
    assert task_path(root, "02").read_text() == after


def test_edit_takes_json_lists_of_tasks_and_fields_of_task_json(root: Path, parex: Run) -> None:
    assert parex("edit", "auth", "03", "depends_on=1, subtask_02", 'x:={"a": [1]}')[0] == 0
    assert (fields(root, "03")["depends_on"], fields(root, "03")["x"]) == (["01", "02"], {"a": [1]})
    assert parex("edit", "auth", "03", "--json", "depends_on=")[0] == 0
    assert fields(root, "03")["depends_on"] == []
    assert parex("edit", "auth", "task.json", "objective=One\nTwo")[0] == 0
    assert fields(root, "task")["objective"] == "One\nTwo"


def test_edit_does_not_complete_behind_the_gate(root: Path, parex: Run) -> None:
    code, _, err = parex("edit", "auth", "02", "status=completed")
    assert code == 1
    assert "parex complete auth 02" in err
    code, _, err = parex("edit", "auth", "01", "status=pending")
    assert (code, "`parex reset auth 01 --force`" in err) == (1, True)
    assert parex("reset", "auth", "01", "--force")[0] == 0
    assert fields(root, "01")["completed_at"] is None
    assert fields(root, "task")["completed_count"] == 0


@pytest.mark.parametrize(("status", "said"), [("archived", "parex archive"), ("completed", "1 of 4 tasks")])
def test_edit_does_not_end_a_feature_whose_tasks_are_open(root: Path, parex: Run, status: str, said: str) -> None:
    before = (root / ".tmp/tasks/auth/task.json").read_bytes()
    code, _, err = parex("edit", "auth", "task.json", f"status={status}")
    assert (code, said in err) == (1, True), err
    assert (root / ".tmp/tasks/auth/task.json").read_bytes() == before
    assert parex("edit", "auth", "task.json", "status=blocked")[0] == 0


def test_the_whole_file_in_the_editor_does_not_complete_behind_the_gate(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = all_bytes(root)
    editor(root, monkeypatch, "path.write_text(text.replace('\"pending\"', '\"completed\"'))")
    code, _, err = parex("edit", "auth", "02")
    assert code == 1
    assert "completing is checked: `parex complete auth 02" in err
    assert all_bytes(root) == before


def test_the_editor_gets_a_copy_and_what_is_written_comes_back(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = task_path(root, "02").read_text()
    editor(root, monkeypatch, "path.write_text(text.replace('Task 02', 'Typed'))")
    assert parex("edit", "auth", "02")[:2] == (0, '✓ Changed auth/02\n  title: "Task 02" → "Typed"\n')
    assert task_path(root, "02").read_text() == before.replace("Task 02", "Typed")
    assert parex("edit", "auth", "02")[:2] == (0, "Nothing was changed.\n")


def test_one_field_in_the_editor_is_text_or_json(root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(root, monkeypatch, "path.write_text(text.replace('Task', 'Job'))")
    assert parex("edit", "auth", "02", "title")[0] == 0
    assert fields(root, "02")["title"] == "Job 02"
    editor(root, monkeypatch, "path.write_text(text.replace('02.ts', '02.tsx'))")
    assert parex("edit", "auth", "02", "deliverables")[0] == 0
    assert fields(root, "02")["deliverables"] == ["src/02.tsx"]
    editor(root, monkeypatch, "path.write_text('[\"03\"]')")
    code, _, err = parex("edit", "auth", "02", "depends_on")
    assert code == 1
    assert "would wait for itself" in err


def _kept(err: str) -> Path:
    return Path(err.split("is kept in ")[1].strip())


@pytest.mark.parametrize("words", [("edit", "auth", "02"), ("edit", "auth", "02", "title")])
def test_what_another_program_changed_meanwhile_wins_and_ours_is_kept(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    file = task_path(root, "02")
    theirs = file.read_text().replace("Task 02", "Theirs")
    editor(
        root,
        monkeypatch,
        f"path.write_text(text.replace('Task 02', 'Mine'))\n"
        f"(ROOT / {str(file.relative_to(root))!r}).write_text({theirs!r})",
    )
    code, out, err = parex(*words)
    assert code == 1
    assert "theirs stays" in err
    assert "Theirs" in out
    assert "Mine" in out
    assert file.read_text() == theirs
    kept = _kept(err)
    assert "Mine" in kept.read_text()
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    shutil.rmtree(kept.parent)


def test_another_field_that_changed_meanwhile_is_no_conflict(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = task_path(root, "02")
    theirs = file.read_text().replace('"parallel": true', '"parallel": false')
    editor(
        root,
        monkeypatch,
        f"path.write_text('Mine')\n(ROOT / {str(file.relative_to(root))!r}).write_text({theirs!r})",
    )
    assert parex("edit", "auth", "02", "title")[0] == 0
    assert (fields(root, "02")["title"], fields(root, "02")["parallel"]) == ("Mine", False)


def test_what_is_no_task_file_is_not_written_and_kept(root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = all_bytes(root)
    for text, says in (("{", "line 1, column 2"), ("[]", "one object")):
        editor(root, monkeypatch, f"path.write_text({text!r})")
        code, _, err = parex("edit", "auth", "02")
        assert code == 1
        assert says in err
        assert _kept(err).read_text() == text
        shutil.rmtree(_kept(err).parent)
    assert all_bytes(root) == before


def test_a_broken_file_can_be_mended_in_the_editor(root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = task_path(root, "02").read_text()
    task_path(root, "02").write_text(sound.replace('"Task 02",', '"Task 02"'))
    editor(root, monkeypatch, f"path.write_text({sound!r})")
    assert parex("edit", "auth", "02")[0] == 0
    assert task_path(root, "02").read_text() == sound


def test_the_whole_file_in_the_editor_follows_the_same_rules_and_nothing_typed_is_lost(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = all_bytes(root)
    for changes, said in (
        ({"parallel": "yes"}, "parallel is true or false, not text"),
        ({"title": ""}, "a title cannot be blank"),
        ({"title": "x" * 101}, "at most 100 characters"),
        ({"depends_on": ["77"]}, "there is no task 77"),
        ({"depends_on": ["03"]}, "would wait for itself"),
        ({"status": "todo"}, "no status “todo”"),
        ({"id": "other-02"}, "id stays as it is"),
        ({"seq": "09"}, "seq stays as it is"),
        ({"deliverables": "x"}, "deliverables is a list, not text"),
        ({"deliverables": [1]}, "item 1 of “deliverables” is a number"),
        ({"context_files": [1]}, "names no file"),
        ({"context_files": [{"path": "a", "lines": "9-1"}]}, "no range of lines"),
        ({"verification": [{"type": "command"}]}, "verification[0]: command must be"),
        ({"verification": []}, "at least one check"),
        ({"completion_summary": "x" * 201}, "at most 200"),
        ({"title": "", "parallel": 1}, "a title cannot be blank; parallel is true or false, not a number"),
    ):
        code = f"import json\npath.write_text(json.dumps(json.loads(text) | {changes!r}))"
        editor(root, monkeypatch, code)
        status, out, err = parex("edit", "auth", "02")
        assert (status, out) == (1, ""), err
        assert said in err
        kept = _kept(err)
        assert json.loads(kept.read_bytes()).items() >= changes.items()
        shutil.rmtree(kept.parent)
    for field in ("id", "seq", "status"):
        editor(
            root, monkeypatch, f"import json\nd = json.loads(text)\ndel d[{field!r}]\npath.write_text(json.dumps(d))"
        )
        _, _, err = parex("edit", "auth", "02")
        assert f"{field} is gone" in err
        shutil.rmtree(_kept(err).parent)
    editor(root, monkeypatch, 'path.write_text(text.replace(\'"title"\', \'"title": "a",\\n  "title"\'))')
    _, _, err = parex("edit", "auth", "02")
    assert "title is stated twice" in err
    shutil.rmtree(_kept(err).parent)
    assert all_bytes(root) == before


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ('extra:={"a": 1, "b": 2, "a": 3}', "“a” is stated twice"),
        ("context_files:=[1]", "names no file"),
        ('acceptance_criteria:=["a", {}]', "item 2 of “acceptance_criteria” is an object"),
        ('verification:=[{"type": "file_exists", "path": "../x"}]', "path must be relative"),
        ("verification:=[]", "at least one check"),
    ],
)
def test_values_that_the_format_does_not_have_are_refused(root: Path, parex: Run, assignment: str, said: str) -> None:
    before = all_bytes(root)
    code, _, err = parex("edit", "auth", "02", assignment)
    assert (code, said in err) == (2, True), err
    assert all_bytes(root) == before


@pytest.mark.parametrize("kind", ["os.mkfifo(path)", "path.symlink_to('/dev/zero')", "path.mkdir()"])
def test_what_is_no_file_where_the_editor_left_one_is_refused(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    editor(root, monkeypatch, f"import os\npath.unlink()\n{kind}")
    code, _, err = parex("edit", "auth", "02")
    assert (code, "what the editor left cannot be used" in err) == (1, True)
    shutil.rmtree(_kept(err).parent)


@pytest.mark.parametrize(
    ("name", "seq", "mended"), [("subtask_02_again.json", "02", "05"), ("subtask_07.json", "02", "08")]
)
def test_the_remedy_for_a_seq_that_two_files_claim_works_to_the_letter(
    root: Path, parex: Run, name: str, seq: str, mended: str
) -> None:
    path = write(task_path(root, "02").with_name(name), a_task(seq))
    _, out, _ = parex("validate")
    (line,) = [line for line in out.splitlines() if "is claimed by" in line]
    words = line.split("(parex ")[1].removesuffix(")").split()
    assert words == ["edit", "auth", name, f"seq={mended}"]
    assert parex(*words)[0] == 0
    assert json.loads(path.read_bytes())["seq"] == mended
    assert json.loads(path.read_bytes())["id"] == f"auth-{mended}"
    code, out, _ = parex("validate")
    assert (code, "is claimed by" in out) == (0, False)
    if name == "subtask_07.json":
        assert 'write "07" where no other file has it' in out
        assert parex("edit", "auth", name, "seq=07")[0] == 0
    else:
        assert f"else call the file subtask_{mended}.json" in out
        path.rename(path.with_name(f"subtask_{mended}.json"))
    assert "seq" not in parex("validate")[1].split("The framework")[0].split("[auth]")[1].replace("subtask_count", "")
    assert parex("edit", "auth", "03", "seq=12")[0] == 2


@pytest.mark.parametrize(
    ("setting", "code", "says"), [("/nowhere/ed", 2, "cannot be started"), ("'", 2, "$EDITOR"), ("false", 1, "code 1")]
)
def test_an_editor_that_does_not_work_changes_nothing(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch, setting: str, code: int, says: str
) -> None:
    before = all_bytes(root)
    monkeypatch.setenv("EDITOR", setting)
    got, _, err = parex("edit", "auth", "02")
    assert (got, says in err) == (code, True)
    assert all_bytes(root) == before


# --- new, init, archive ------------------------------------------------------------------------------------------


def test_a_project_from_nothing_to_the_archive_and_back(
    tmp_path: Path, state_home: Path, parex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parex("init")[0] == 0
    assert (tmp_path / ".tmp" / "tasks").is_dir()
    assert "is there already" in parex("init")[1]
    assert parex("new", "feature", "auth", "--title", "Auth system", "--objective", "Log in")[0] == 0
    assert parex("new", "task", "auth", "Schema", "--deliverable", "a.sql", "--criterion", "It migrates")[0] == 0
    code, out, _ = parex(
        "new", "task", "auth", "Route", "--after", "1", "--parallel", "--agent", "CoderAgent", "--json"
    )
    assert code == 0
    record = json.loads(out)
    assert faults(record, "parex.changed/1") == []
    assert (record["task"], record["files"]) == ("02", [".tmp/tasks/auth/subtask_02.json"])
    made = fields(tmp_path, "02")
    assert (made["depends_on"], made["parallel"], made["suggested_agent"]) == (["01"], True, "CoderAgent")
    assert fields(tmp_path, "task")["subtask_count"] == 2
    assert parex("archive", "auth")[:2] == (1, "Cannot archive: 0/2 tasks completed\n")
    for seq in ("01", "02"):
        assert parex("complete", "auth", seq, "x")[0] == 0
    before = all_bytes(tmp_path / ".tmp" / "tasks" / "auth")
    assert parex("archive", "auth")[:2] == (0, "\n✓ Archived auth\n  .tmp/tasks/completed/auth\n")
    assert "archived" in parex("block", "auth", "01")[2]
    assert parex("unarchive", "auth")[0] == 0
    assert all_bytes(tmp_path / ".tmp" / "tasks" / "auth") == before
    assert parex("undo")[0] == 0
    assert (tmp_path / ".tmp" / "tasks" / "completed" / "auth").is_dir()


def test_init_creates_nothing_outside_of_the_project(tmp_path: Path, state_home: Path, parex: Run) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / ".tmp").symlink_to(outside)
    code, _, err = parex("init", str(project))
    assert code == 1
    assert "outside the project" in err
    assert list(outside.iterdir()) == []
    file = tmp_path / "other"
    file.mkdir()
    (file / ".tmp").write_text("a file")
    assert parex("init", str(file))[0] == 1


# --- undo, conflicts, repair -------------------------------------------------------------------------------------


def test_undo_takes_back_one_change_after_another_byte_for_byte(root: Path, parex: Run) -> None:
    write(root / ".tmp/tasks/auth/task.json", fields(root, "task") | {"completed_count": 1, "completed_at": None})
    first = all_bytes(root)
    assert parex("complete", "auth", "02", "x")[0] == 0
    assert parex("edit", "auth", "03", "title=Other")[0] == 0
    code, out, _ = parex("undo", "--list")
    assert code == 0
    assert ["title" in line for line in out.splitlines()] == [True, False]
    assert parex("undo")[0] == 0
    assert parex("undo")[:2] == (0, "✓ Taken back: 02 Task 02: status completed\n")
    assert all_bytes(root) == first
    assert parex("undo")[0] == 1


def test_every_change_tells_that_it_is_not_in_the_journal(
    root: Path, parex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert parex("edit", "auth", "03", "title=Before")[0] == 0
    monkeypatch.setattr(statedir, "append_line", full)
    for words in (
        ("block", "auth", "02"),
        ("edit", "auth", "03", "title=Other"),
        ("new", "task", "auth", "Five"),
    ):
        code, _, err = parex(*words)
        assert code == 0
        assert "the journal of edits cannot be written: No space left" in err


def test_messages_name_files_from_the_projects_root_on(root: Path, parex: Run) -> None:
    assert parex("edit", "auth", "03", "title=Ours")[0] == 0
    task_path(root, "03").unlink()
    code, _, err = parex("undo")
    assert code == 1
    assert ".tmp/tasks/auth/subtask_03.json: the file is gone" in err
    assert str(root) not in err


def test_undo_does_not_take_back_what_somebody_changed_since(root: Path, parex: Run) -> None:
    assert parex("block", "auth", "03")[0] == 0
    assert parex("edit", "auth", "02", "title=Ours")[0] == 0
    file = task_path(root, "02")
    file.write_text(file.read_text().replace("Ours", "Theirs"))
    code, _, err = parex("undo")
    assert (code, len(err.splitlines())) == (1, 1)
    assert fields(root, "02")["title"] == "Theirs"
    assert fields(root, "03")["status"] == "blocked", "one undo is one change"


def test_a_conflict_is_listed_with_both_values_and_settled_either_way(root: Path, parex: Run) -> None:
    assert parex("conflicts")[:2] == (0, "No conflicts.\n")
    file = task_path(root, "02")
    for choice in ("--yield", "--insist"):
        assert parex("edit", "auth", "02", f"title=Ours {choice}")[0] == 0
        file.write_text(file.read_text().replace(f"Ours {choice}", f"Theirs {choice}"))
        code, out, _ = parex("conflicts", "--json")
        assert code == 0
        record = json.loads(out)
        assert faults(record, "parex.conflicts/1") == []
        (one,) = record["conflicts"]
        assert (one["field"], one["ours"], one["theirs"]) == ("title", f'"Ours {choice}"', f'"Theirs {choice}"')
        code, out, _ = parex("conflicts")
        assert "--insist N" in out
        assert parex("conflicts", choice, str(one["number"]))[0] == 0
        assert parex("conflicts")[1] == "No conflicts.\n"
        assert fields(root, "02")["title"] == ("Theirs --yield" if choice == "--yield" else "Ours --insist")


def test_repair_shows_asks_and_writes(root: Path, parex: Run) -> None:
    sound = task_path(root, "02").read_bytes()
    broken = sound.replace(b'"Task 02",', b'"Task 02"')
    task_path(root, "02").write_bytes(broken)
    assert "parex repair auth 02" in parex("complete", "auth", "02", "x")[2]
    code, out, err = parex("repair", "auth", "2")
    assert code == 1
    assert '+  "title": "Task 02",' in out
    assert "--yes" in err
    assert parex("repair", "auth", "--dry-run")[0] == 0
    assert task_path(root, "02").read_bytes() == broken
    code, out, _ = parex("repair", "auth", "--json", "--yes")
    record = json.loads(out)
    assert faults(record, "parex.repair/1") == []
    assert (code, record["done"]) == (0, True)
    assert all(one["written"] for one in record["repairs"])
    assert task_path(root, "02").read_bytes() == sound
    assert parex("repair", "auth")[:2] == (0, "Nothing to repair in auth.\n")
    assert parex("undo")[0] == 0
    assert parex("repair", "auth", "77")[0] == 1


# --- the world ---------------------------------------------------------------------------------------------------


def _every_command(feature: str, seq: str) -> list[tuple[str, ...]]:
    named = [(name, feature, seq) for name in ("start", "block", "unblock", "reset", "repair")]
    return [
        *named,
        ("complete", feature, seq, "x"),
        ("complete", feature, seq, "x", "--force"),
        ("edit", feature, seq, "title=New"),
        ("edit", feature, "task.json", "objective=New"),
        ("reset", feature, "--yes"),
        ("repair", feature, "--dry-run"),
        ("new", "task", feature, "T"),
        ("archive", feature),
        ("unarchive", feature),
        ("undo",),
        ("undo", "--list"),
        ("conflicts",),
    ]


@pytest.mark.parametrize("kind", ["fifo", "folder", "empty", "list", "deep", "binary", "dangling", "outside", "bad"])
def test_whatever_lies_there_no_command_crashes(root: Path, parex: Run, kind: str) -> None:
    file = task_path(root, "02")
    file.unlink()
    outside = root.parent / "outside.json"
    outside.write_text(json.dumps(a_task("02")))
    match kind:
        case "fifo":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "dangling":
            file.symlink_to(root / "nowhere")
        case "outside":
            file.symlink_to(outside)
        case "bad":
            file.write_text(
                '{"seq": "02", "status": "\x1b[31m", "title": 5, "depends_on": {}}'.replace("\x1b", "\\u001b")
            )
        case _:
            contents = {"empty": b"", "list": b"[]", "deep": b"[" * 100_000, "binary": bytes(range(256))}
            file.write_bytes(contents[kind])
    before = outside.read_bytes()
    for words in _every_command("auth", "02"):
        for more in ((), ("--json",)):
            code, out, err = parex(*words, *more)
            assert code in (0, 1, 2), (words, err)
            assert "\x1b" not in out + err
            if more and code < 2:
                record = json.loads(out)
                assert faults(record, record["schema"]) == []
    assert outside.read_bytes() == before


def test_names_that_are_made_to_harm_are_shown_and_never_obeyed(
    tmp_path: Path, state_home: Path, parex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "$(touch x); \x1b[31m'"
    a_project(tmp_path / "p", a_task("01", title="\x1b]0;x\x07", depends_on=["\x1b[2J"]), feature=name)
    monkeypatch.chdir(tmp_path / "p")
    feature = json.loads(parex("status", "--json")[1])["features"][0]["key"]
    for words in _every_command(feature, "01"):
        code, out, err = parex(*words)
        assert code in (0, 1, 2), err
        assert "\x1b" not in out + err
    assert not (tmp_path / "p" / "x").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_project_is_told_in_one_line(root: Path, parex: Run) -> None:
    task_path(root, "02").chmod(0o400)
    code, _, err = parex("complete", "auth", "02", "x")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "permissions" in err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_trouble(root: Path, closed: str) -> None:
    for words in ("complete auth 02 x", "repair auth", "reset auth", "conflicts", "undo"):
        done = subprocess.run(
            ["/bin/sh", "-c", f'"$0" -m parex_tui {words} {closed}', sys.executable],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, 1), (words, done.stderr)
        assert "Traceback" not in done.stderr


def test_every_command_has_help_with_an_example(parex: Run) -> None:
    for name in ("complete", "start", "block", "unblock", "reset", "edit", "new", "init", "archive", "unarchive"):
        code, out, _ = parex(name, "--help")
        assert (code, "example" in out, f"  parex {name} " in out) == (0, True, True)
    for name in ("repair", "undo", "conflicts"):
        assert f"  parex {name}" in parex(name, "--help")[1]


@pytest.mark.corpus
def test_on_real_features_only_the_intended_bytes_change(
    corpus: Path, tmp_path: Path, state_home: Path, parex: Run
) -> None:
    """In every real feature one task is blocked and set free, retitled, and all of it is taken back."""
    tried = 0
    for number, source in enumerate(sorted(path.parent for path in corpus.rglob("subtask_01.json"))):
        root = tmp_path / str(number)
        (root / ".git").mkdir(parents=True)
        folder = root / ".tmp" / "tasks" / source.name
        shutil.copytree(source, folder)
        first = all_bytes(root)
        where = ("-C", str(root))
        code, _, _ = parex("edit", source.name, "subtask_01.json", "title=Other", "x_parex:=1", *where)
        if code != 0:
            assert all_bytes(root) == first
            continue
        tried += 1
        after = all_bytes(root)
        changed = [name for name in first if after[name] != first[name]]
        assert changed == [str((folder / "subtask_01.json").relative_to(root))]
        old, new = json.loads(first[changed[0]]), json.loads(after[changed[0]])
        assert {key for key in new if key not in old or new[key] != old[key]} == {"title", "x_parex"}
        assert parex("undo", *where)[0] == 0
        assert all_bytes(root) == first
    assert tried > 20
