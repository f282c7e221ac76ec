"""The command line from outside: exit codes, one clear line for bad input, nothing written, nothing drawn imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from parex_tui.cli import COMMANDS, GROUPS, RUNS, make_parser

from .conftest import REPOSITORY


def parex(*words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the real program, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "parex_tui", *words],
        cwd=cwd or REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def files_below(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def project(tmp_path: Path, state_home: Path) -> Path:
    """A project with one feature of two tasks."""
    root = tmp_path / "project"
    folder = root / ".tmp" / "tasks" / "auth"
    folder.mkdir(parents=True)
    (root / ".git").mkdir()
    (folder / "task.json").write_text('{"id": "auth", "name": "Auth", "status": "active", "subtask_count": 2}\n')
    for seq, after in (("01", []), ("02", ["01"])):
        record: dict[str, object] = {
            "id": f"auth-{seq}",
            "seq": seq,
            "title": f"Task {seq}",
            "status": "pending",
            "depends_on": after,
        }
        record |= {"parallel": True, "deliverables": [f"out/{seq}.txt"]}
        (folder / f"subtask_{seq}.json").write_text(json.dumps(record, indent=2))
    return root


READING = (["status"], ["next"], ["parallel", "--batches"], ["deps", "auth", "2"], ["blocked"], ["validate"])


@pytest.mark.parametrize(
    "words",
    [
        *(["--help"], ["--version"], ["plan", "auth"], ["schema"], *READING),
        *([*words, "--json"] for words in READING),
        *([name, "--help"] for name in COMMANDS if name != "dashboard"),
    ],
    ids=" ".join,
)
def test_commands_without_a_screen_import_nothing_that_draws(project: Path, words: list[str]) -> None:
    code = (
        "import sys\nfrom parex_tui.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        "drawn = sorted(name for name in sys.modules if name.split('.')[0] in ('textual', 'rich'))\n"
        "print(drawn, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_every_command_has_a_parser_and_something_to_run() -> None:
    listed = make_parser().format_help()
    assert len(set(COMMANDS)) == len(COMMANDS) == len(RUNS)
    for name, target in RUNS.items():
        assert f"    {name} " in listed
        module, function = target.split(":")
        assert callable(getattr(import_module(f"parex_tui.commands.{module}"), function)), name


def test_a_folder_that_is_called_like_a_command_opens_by_its_path(tmp_path: Path, state_home: Path) -> None:
    (tmp_path / "next" / ".git").mkdir(parents=True)
    assert "the dashboard needs a terminal" in parex("./next", cwd=tmp_path).stderr
    assert "the dashboard needs a terminal" in parex("-C", "next", cwd=tmp_path).stderr
    assert "the dashboard" not in parex("next", cwd=tmp_path).stderr


def test_help_names_the_commands_the_exit_codes_and_examples() -> None:
    text = parex("--help").stdout
    for word in ("demo", "plan", "run", "status", "exit codes", "examples"):
        assert word in text
    for name in ("attempts", "logs", "stop", "retry", "report"):
        assert name in text.split("examples:")[1]
    assert max(map(len, text.splitlines())) <= 80
    assert sorted(COMMANDS) == sorted(name for names in GROUPS.values() for name in names)


def test_status_prints_what_the_reference_tool_prints(project: Path) -> None:
    done = parex("status", cwd=project)
    assert done.returncode == 0
    assert "[auth] Auth\n  Status: active | Progress: 0% (0/2)\n" in done.stdout
    assert "  Pending: 2 | In Progress: 0 | Completed: 0 | Blocked: 0" in done.stdout


def test_status_as_json_counts_from_the_files(project: Path) -> None:
    record = json.loads(parex("status", "--json", "-C", str(project)).stdout)
    assert record["schema"] == "parex.status/1"
    (feature,) = record["features"]
    assert feature["id"] == "auth"
    assert [task["seq"] for task in feature["tasks"]] == ["01", "02"]


def test_plan_prints_the_promised_view(project: Path) -> None:
    text = parex("plan", "auth", cwd=project).stdout
    assert "Batch 1 (Ready now):\n- subtask_01.json (parallel: true)" in text
    assert 'Batch 2 (After Batch 1):\n- subtask_02.json (depends_on: ["01"])' in text


@pytest.mark.parametrize("place", ["", ".tmp/tasks", ".tmp/tasks/auth"])
def test_a_directory_may_be_the_root_or_a_tasks_folder(project: Path, place: str) -> None:
    for words in (["-C", str(project / place), "plan", "auth"], ["plan", "auth", "-C", str(project / place)]):
        done = parex(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Batch 2" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["status", "-C", "/nowhere/at/all"], "/nowhere/at/all"),
        (["plan", "atuh"], "did you mean auth?"),
        (["run", "nothing-like-it", "--driver", "demo", "--yes"], "there are: auth"),
        (["run", "auth"], "--driver"),
        (["run", "auth", "--driver", "nobody"], "nobody"),
        (["run", "auth", "--driver", "demo"], "--yes"),
        (["run", "auth", "--slots", "0"], "from 1 to 100"),
        (["run", "auth", "--frobnicate"], "--frobnicate"),
        (["run", "../../etc", "--driver", "demo", "--yes"], "no feature is called"),
        ([], "parex run"),
        (["statsu"], "did you mean status?"),
        (["retyr", "auth"], "did you mean retry?"),
        (["--slots", "2", "frobnicate"], "`parex --help`"),
        (["demo"], "--headless"),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(project: Path, words: list[str], says: str) -> None:
    before = files_below(project.parent)
    done = parex(*words, cwd=project)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if "demonstration" not in line]
    assert len(lines) == 1, done.stderr
    assert says in lines[0]
    assert files_below(project.parent) == before


def test_a_project_without_features_says_so(tmp_path: Path, state_home: Path) -> None:
    (tmp_path / ".git").mkdir()
    done = parex("run", "x", "--driver", "demo", "--yes", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_output_that_nobody_reads_is_no_error(project: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "parex_tui", "status", "--json"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""


def test_a_run_with_the_demo_driver_completes_a_copy_and_says_what_it_is(project: Path) -> None:
    words = ["run", "auth", "--driver", "demo", "--slots", "2", "--retries", "1", "--yes", "--speed", "0"]
    done = parex(*words, cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not real work" in done.stderr
    assert "auth: 2 of 2 completed, 2 verified" in done.stdout
    assert (project / "out" / "01.txt").is_file()


def test_a_run_as_json_is_one_object_a_line_and_ends_with_the_exit_code(project: Path) -> None:
    words = ["run", "auth", "--driver", "demo", "--retries", "1", "--json", "--yes", "--speed", "0"]
    done = parex(*words, cwd=project)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["type"] == "end"
    assert (events[-1]["exit"], events[-1]["verified"]) == (0, 2)
    kinds = [event["type"] for event in events if event["type"] != "agent"]
    starts = [event for event in events if event["type"] == "attempt_starts"]
    assert all(event["is_demo"] for event in starts)
    assert kinds[0] == "batch_starts"
    assert kinds.index("batch_over") < len(kinds) - 1 - kinds[::-1].index("batch_starts")


def test_a_failure_is_exit_code_one_and_holds_the_next_batch(project: Path) -> None:
    config = project.parent / "config" / "parex"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f'[drivers.bad]\nargv = [{json.dumps(sys.executable)}, "-c", "exit(3)"]\n')
    done = parex("run", "auth", "--driver", "bad", cwd=project)
    assert done.returncode == 1
    assert "Batch 1 is held" in done.stdout
    assert "attempt 1" not in [line for line in done.stdout.splitlines() if line.startswith("▶ 02")]


def test_a_clean_end_without_evidence_is_exit_code_three(project: Path) -> None:
    (project / "out").mkdir()
    for seq in ("01", "02"):
        (project / "out" / f"{seq}.txt").write_text("there already")
    config = project.parent / "config" / "parex"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f'[drivers.lazy]\nargv = [{json.dumps(sys.executable)}, "-c", "pass"]\n')
    done = parex("run", "auth", "--driver", "lazy", cwd=project)
    assert done.returncode == 3
    assert "needs review" in done.stdout


def test_the_headless_demo_plays_the_whole_feature_with_its_retry(tmp_path: Path, state_home: Path) -> None:
    done = parex("demo", "--headless", "--json", "--speed", "0", "-C", str(tmp_path / "copy"))
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = [event for event in events if event["type"] == "attempt_ends"]
    assert [end["outcome"]["verdict"] for end in ends].count("failed") == 1, "one first attempt fails, as promised"
    assert events[-1]["verified"] == events[-1]["tasks"] == 8
    assert len({event["batch"] for event in events if event["type"] == "batch_over"}) == 4


def test_the_demo_never_writes_into_a_folder_that_holds_something(tmp_path: Path, state_home: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = parex("demo", "--headless", "-C", str(tmp_path))
    assert done.returncode == 2
    assert "empty folder" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_an_unusable_state_folder_is_one_clear_line(project: Path, state_home: Path) -> None:
    state_home.write_text("a file where the folder should be")
    done = parex("run", "auth", "--driver", "demo", "--yes", cwd=project)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


def test_status_without_features_says_what_a_feature_is(tmp_path: Path, state_home: Path) -> None:
    (tmp_path / ".git").mkdir()
    done = parex("status", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "No active features found.\n")
    assert ".tmp/tasks/" in done.stderr


def test_a_run_whose_reader_goes_leaves_its_agents_running_and_does_not_claim_success(project: Path) -> None:
    config = project.parent / "config" / "parex"
    config.mkdir(parents=True)
    slow = "import pathlib, time\nwhile not pathlib.Path('go').exists(): print('x', flush=True); time.sleep(0.02)"
    (config / "config.toml").write_text(f"[drivers.slow]\nargv = {json.dumps([sys.executable, '-c', slow])}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "parex_tui", "run", "auth", "--driver", "slow"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("Batch 1")
    process.stdout.close()
    assert process.wait(60) == 130
    assert "running on without parex" in process.stderr.read()
    process.stderr.close()
    (project / "go").touch()
    done = parex("run", "auth", "--driver", "slow", "--quiet", cwd=project)
    assert "(attempt 1, " in done.stdout, "the same attempt is judged, no second one was started"
