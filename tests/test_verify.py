"""`parex verify` and `parex trust` from outside, as real processes: what is printed, what runs, and what never does."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import REPOSITORY
from .report.strictly import faults
from .run.checking import Place, command
from .run.house import PATIENCE, command_lines, wait_until
from .test_cli import files_below, parex

TOUCH = command("touch marker")


@pytest.fixture
def place(tmp_path: Path, state_home: Path) -> Place:
    """A project whose only task has one command."""
    root = tmp_path / "project"
    root.mkdir()
    made = Place(root)
    made.write(TOUCH)
    (made.folder / "task.json").write_text('{"id": "auth", "name": "Auth", "status": "active"}')
    return made


def digest(place: Place) -> str:
    """What a listing prints for --digest."""
    listing = parex("trust", cwd=place.root).stdout
    return listing.rsplit("digest of what is listed: ", 1)[1].strip()


def trusted(place: Place) -> Place:
    """The project, with what it would execute trusted."""
    done = parex("trust", "--digest", digest(place), cwd=place.root)
    assert done.returncode == 0, done.stderr
    return place


def sound(name: str, text: str) -> Any:
    """A JSON output that follows its schema, strictly."""
    record = json.loads(text)
    assert faults(record, f"parex.{name}/1") == []
    return record


# --- verify ------------------------------------------------------------------------------------------------------


def test_what_passed_is_printed_as_the_reference_tool_does(place: Place) -> None:
    place.write(command("echo built", expect_contains="built"), {"type": "file_exists", "path": "package.json"})
    (place.root / "package.json").write_text("{}")
    done = parex("verify", "auth", "01", cwd=trusted(place).root)
    assert done.stdout == (
        "\n=== Verification: auth/01 ===\n"
        "\n"
        "  ✓ [command] echo built\n"
        "  ✓ [file_exists] file_exists: package.json\n"
        "\n"
        "✓ All 2 check(s) passed — report: verification_01.json\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_failed_is_printed_as_the_reference_tool_does(place: Place) -> None:
    place.write(
        command("echo broken; exit 2"),
        {"type": "file_exists", "path": "a.ts"},
        {"type": "file_contains", "path": "b.ts", "expect_contains": "x"},
    )
    done = parex("verify", "auth", "01", cwd=trusted(place).root)
    assert done.stdout == (
        "\n=== Verification: auth/01 ===\n"
        "\n"
        "  ✗ [command] echo broken; exit 2\n"
        "      exit=2 (expected 0); output: broken\n"
        "  ✗ [file_exists] file_exists: a.ts\n"
        "      missing: a.ts\n"
        "  ✗ [file_contains] file_contains: b.ts\n"
        "      missing file: b.ts\n"
        "\n"
        "✗ Verification failed for auth/01 — evidence: verification_01.json\n"
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads((place.folder / "verification_01.json").read_text())["passed"] is False


def test_no_block_a_bad_block_and_no_such_task(place: Place) -> None:
    place.file("02").write_text('{"seq": "02", "title": "T", "status": "pending"}')
    place.write({"type": "x"}, command(""), seq="03")
    done = parex("verify", "auth", "02", cwd=place.root)
    assert (done.returncode, done.stdout) == (1, "Task auth/02 has no verification block.\n")
    done = parex("verify", "auth", "3", cwd=place.root)
    assert (done.returncode, done.stdout) == (
        1,
        "Error: invalid verification block in subtask_03.json:\n"
        "  - verification[0]: unknown type 'x' (expected command | file_exists | file_contains)\n"
        "  - verification[1]: command must be a non-empty string\n",
    )
    done = parex("verify", "auth", "99", cwd=place.root)
    assert (done.returncode, done.stdout) == (1, "Task 99 not found in auth\n")


@pytest.mark.parametrize("words", [["auth"], ["auth", "01", "--all"], []])
def test_wrong_use_is_one_line(place: Place, words: list[str]) -> None:
    done = parex("verify", *words, cwd=place.root)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("parex: ")
    assert done.stderr.count("\n") == 1


def test_all_verifies_what_has_checks_and_says_what_may_not_run(place: Place) -> None:
    place.write({"type": "file_exists", "path": ".git"}, seq="02")
    place.file("03").write_text('{"seq": "03", "title": "T", "status": "pending"}')
    done = parex("verify", "auth", "--all", cwd=place.root)
    assert done.returncode == 4
    assert "not trusted: nothing of auth/01 was run" in done.stdout
    assert "✓ All 1 check(s) passed — report: verification_02.json" in done.stdout
    assert "auth/03" not in done.stdout
    assert parex("verify", "auth", "--all", cwd=trusted(place).root).returncode == 0
    place.write({"type": "file_exists", "path": "missing"}, seq="02")
    assert parex("verify", "auth", "--all", cwd=place.root).returncode == 1


def test_json_of_every_kind_of_end_follows_the_schema(place: Place) -> None:
    place.write(
        {"type": "file_exists", "path": ".git"},
        {"type": "file_contains", "path": "\x9b", "expect_contains": "x"},
        seq="02",
    )
    place.write({"type": "y"}, seq="03")
    place.write(command("echo \x9b31m", expect_exit=0, expect_contains="", timeout_ms=0.5e4), seq="04")
    parex("trust", "auth", "04", "--digest", listed(place, "04")["digest"], cwd=place.root)
    done = parex("verify", "auth", "--all", "--json", cwd=place.root)
    assert done.stdout.isascii()
    record = sound("verify", done.stdout)
    assert [task["state"] for task in record["tasks"]] == ["not_trusted", "failed", "malformed", "passed"]
    assert (done.returncode, record["passed"]) == (1, False)
    assert record["tasks"][0]["executable"]["commands"][0]["command"] == "touch marker"
    assert record["tasks"][3]["results"][0]["check"]["command"] == "echo \x9b31m"
    assert Path(record["tasks"][3]["results"][0]["log"]).read_bytes() == "\x9b31m\n".encode()
    place.file("05").write_text('{"seq": "05", "title": "T", "status": "pending"}')
    done = parex("verify", "auth", "05", "--json", cwd=place.root)
    assert sound("verify", done.stdout)["tasks"][0]["state"] == "no_checks"


def listed(place: Place, *task: str) -> Any:
    return sound("trust", parex("trust", "auth", *task, "--json", cwd=place.root).stdout)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interruption_ends_what_runs(place: Place, number: signal.Signals, code: int) -> None:
    place.write(command(f"sleep 600 & touch up; sleep 600 # {place.root}"))
    trusted(place)
    words = [sys.executable, "-m", "parex_tui", "verify", "auth", "01"]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(words, cwd=place.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        wait_until((place.root / "up").exists, "the command")
        running.send_signal(number)
        _, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, errors) == (code, b"")
    assert [line for _, line in command_lines(str(place.root)) if "keeper.py" not in line] == []
    assert not (place.folder / "verification_01.json").exists()


# --- trust -------------------------------------------------------------------------------------------------------


def test_untrusted_commands_are_shown_whole_and_clean_and_nothing_is_run(place: Place) -> None:
    place.write(
        {"type": "file_exists", "path": "x"}, command("touch marker\x1b[8m; \u202etouch other", timeout_ms=1500)
    )
    done = parex("verify", "auth", "01", cwd=place.root)
    assert (done.returncode, done.stderr) == (4, "")
    assert done.stdout == (
        "\nauth/01 would execute:\n"
        "  [1] touch marker␛[8m; ‹202E›touch other   (at most 1.5 s)\n"
        "      contains characters that are not shown as they are, such as line breaks or controls\n"
        "\n"
        "not trusted: nothing of auth/01 was run; look at the commands, then: parex trust auth 01\n"
    )
    assert sorted(path.name for path in place.folder.iterdir()) == ["subtask_01.json", "task.json"]
    assert not (place.root / "marker").exists()


def test_nobody_to_ask_is_a_refusal(place: Place, state_home: Path) -> None:
    done = parex("trust", cwd=place.root, CI="true")
    assert done.returncode == 4
    assert "○ auth/01 - Title [not trusted]\n  [0] touch marker   (at most 120 s)\n" in done.stdout
    assert done.stderr.startswith("parex: not trusted: there is nobody to ask")
    assert not state_home.exists()


def test_only_the_right_digest_is_a_decision(place: Place) -> None:
    seen = digest(place)
    place.write(command("touch marker "))
    for wrong in (seen, "", seen[:12], "0" * 64):
        done = parex("trust", "--digest", wrong, cwd=place.root)
        assert done.returncode == 4
        assert "not the bytes that the digest names" in done.stderr
    place.write(TOUCH)
    assert parex("trust", "--digest", seen, cwd=place.root).returncode == 0
    assert parex("verify", "auth", "01", cwd=place.root).returncode == 0
    assert (place.root / "marker").exists()


@pytest.mark.pty
@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("yes\n", 0), ("\n", 4), ("n\n", 4), ("Yess\n", 4), ("\x04", 4)]
)
def test_a_person_at_a_terminal_is_asked_and_no_is_the_default(place: Place, answer: str, code: int) -> None:
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "parex_tui", "trust", "auth"]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(words, cwd=place.root, env=env, stdin=slave, stdout=slave, stderr=slave) as running:
        os.close(slave)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(master, 4096)
        os.write(master, answer.encode())
        assert running.wait(PATIENCE) == code
    os.close(master)
    assert b"May 1 command run here with your rights?" in said
    assert parex("verify", "auth", "01", cwd=place.root).returncode == code


def test_trust_names_the_files_that_a_line_runs_and_says_that_it_does_not_cover_them(place: Place) -> None:
    (place.root / "tools").mkdir()
    (place.root / "tools" / "check.sh").write_text("exit 0")
    (place.root / "package.json").write_text("{}")
    outside = place.root.parent / "outside.sh"
    outside.write_text("")
    (place.root / "link.sh").symlink_to(outside)
    line = f"bash ./tools/check.sh --dir=tools && npm test && sh link.sh {outside} ../outside.sh . absent.sh"
    place.write(command(line))
    told = "names tools/check.sh, tools/, package.json: look there too, trust does not cover what is in them"
    covers = "Trust covers exactly these lines, and not what the programs and files that they name contain."
    done = parex("trust", cwd=place.root, CI="true")
    assert told in done.stdout
    assert covers in done.stdout
    for words in (("verify", "auth", "01"), ("complete", "auth", "01", "done")):
        refused = parex(*words, cwd=place.root)
        assert refused.returncode == 4
        assert told in refused.stdout
    (shown,) = listed(place)["executables"]
    assert shown["commands"][0]["names"] == ["tools/check.sh", "tools/", "package.json"]
    trusted(place)
    assert covers in parex("trust", "--list", cwd=place.root).stdout


def test_what_is_trusted_is_listed_and_withdrawn(place: Place) -> None:
    place.write(TOUCH, seq="02")
    trusted(place)
    record = listed(place)
    assert [one["trusted"] for one in record["executables"]] == [True, True]
    assert [one["commands"] for one in record["given"]] == [["touch marker"]] * 2
    done = parex("trust", "--list", cwd=place.root)
    assert done.stdout.count("touch marker") == 2
    assert parex("trust", "--withdraw", "auth", "01", cwd=place.root).stdout == "Withdrawn: the commands of 1 task.\n"
    assert parex("verify", "auth", "01", cwd=place.root).returncode == 4
    assert parex("verify", "auth", "02", cwd=place.root).returncode == 0
    shutil.rmtree(place.folder)
    place.write(TOUCH, seq="03")
    record = sound("trust", parex("trust", "--withdraw", "--json", cwd=place.root).stdout)
    assert record["given"] == []
    assert parex("trust", "--list", cwd=place.root).stdout == "Nothing is trusted in this project.\n"


def test_a_project_without_commands_needs_no_trust(place: Place) -> None:
    place.write({"type": "file_exists", "path": ".git"})
    done = parex("trust", cwd=place.root)
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing would be executed")
    assert sound("trust", parex("trust", "--json", cwd=place.root).stdout)["digest"] is None


def test_a_folder_that_every_user_can_write_to_is_refused(place: Place) -> None:
    """S08, also where trust was given before."""
    trusted(place).folder.chmod(0o777)
    done = parex("verify", "auth", "01", cwd=place.root)
    assert done.returncode == 4
    assert "can be written by every user" in done.stdout
    place.write(command("touch marker # anew"))
    done = parex("trust", "--digest", digest(place), cwd=place.root)
    assert done.returncode == 4
    assert "can be written by every user" in done.stderr
    assert not (place.root / "marker").exists()


def test_a_state_folder_that_every_user_can_write_to_is_refused(place: Place, state_home: Path) -> None:
    trusted(place)
    (state_home / "parex").chmod(0o777)
    done = parex("verify", "auth", "01", cwd=place.root)
    assert done.returncode == 4
    assert "writable by other users" in done.stderr
    assert not (place.root / "marker").exists()


# --- S06, S09: a cloned repository -------------------------------------------------------------------------------

SETTINGS = """\
driver = "evil"
grace = 600
[drivers.evil]
argv = ["touch", "{root}/marker"]
env = {{ LD_PRELOAD = "x" }}
"""
COMMANDS = [
    ["status"],
    ["status", "--json"],
    ["next"],
    ["parallel"],
    ["blocked"],
    ["deps", "auth", "01"],
    ["validate"],
    ["plan", "auth"],
    ["trust"],
    ["trust", "--json"],
    ["trust", "--list"],
    ["verify", "auth", "01"],
    ["verify", "auth", "--all"],
    ["verify", "auth", "01", "--json"],
    ["complete", "auth", "01", "done"],
    ["complete", "auth", "01", "done", "--force"],
    ["run", "auth", "--yes"],
    ["run", "auth", "--driver", "evil", "--yes"],
]


def clone(place: Place) -> Place:
    """A repository that tries everything: settings, commands, and state that says that all is trusted and running."""
    place.write(TOUCH, {"type": "file_exists", "path": ".git"})
    (place.root / ".parex.toml").write_text(SETTINGS.format(root=place.root))
    for forged in (".parex", ".local/state/parex", ".tmp/tasks/auth"):
        folder = place.root / forged
        folder.mkdir(parents=True, exist_ok=True)
        record = {"run": "x", "boot": "", "since": 0, "keeper": {"pid": 1}, "agent": {"pid": os.getpid()}}
        for name in ("started", "launch.json", "exit"):
            (folder / name).write_text(json.dumps(record))
        (folder / "trust").mkdir()
        (folder / "trust" / place.executable().digest).write_text(json.dumps({"digest": place.executable().digest}))
    return place


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_nothing_of_a_cloned_repository_is_executed(place: Place, words: list[str]) -> None:
    clone(place)
    done = parex(*words, cwd=place.root)
    assert not (place.root / "marker").exists()
    assert "Traceback" not in done.stderr
    assert "invalid choice" not in done.stderr, "there is no such command, so this tests nothing"


def test_a_run_of_the_demo_executes_no_check_of_a_cloned_repository(place: Place) -> None:
    clone(place)
    parex("run", "auth", "--driver", "demo", "--speed", "0", "--yes", cwd=place.root)
    assert not (place.root / "marker").exists()


def test_the_same_repository_runs_what_was_trusted_and_asks_again_about_one_changed_byte(place: Place) -> None:
    trusted(clone(place))
    assert parex("verify", "auth", "01", cwd=place.root).returncode == 0
    assert (place.root / "marker").exists()
    (place.root / "marker").unlink()
    place.write(command("touch  marker"), {"type": "file_exists", "path": ".git"})
    assert parex("verify", "auth", "01", cwd=place.root).returncode == 4
    assert not (place.root / "marker").exists()


def test_only_verify_writes_into_the_project_and_only_its_evidence(place: Place) -> None:
    before = files_below(clone(place).root)
    parex("trust", cwd=trusted(place).root)
    assert files_below(place.root) == before
    place.write(command("true"), {"type": "file_exists", "path": ".git"})
    before = files_below(trusted(place).root)
    assert parex("verify", "auth", "01", cwd=place.root).returncode == 0
    assert set(files_below(place.root)) - set(before) == {".tmp/tasks/auth/verification_01.json"}


def test_forged_state_sends_no_signal(place: Place) -> None:
    """S09: the pid in it stays alive through every command."""
    with subprocess.Popen(["sleep", "600"]) as bystander:
        clone(place)
        forged = (place.folder / "started").read_text().replace(str(os.getpid()), str(bystander.pid))
        (place.folder / "started").write_text(forged)
        for words in (
            ["status"],
            ["verify", "auth", "01"],
            ["run", "auth", "--driver", "demo", "--speed", "0", "--yes"],
        ):
            parex(*words, cwd=place.root)
        assert bystander.poll() is None
        bystander.kill()
