"""Checks: what each kind comes to, in the format's words; how a command is run, ended and kept apart; the evidence."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parex_tui.agents import context
from parex_tui.run import check_command, check_files
from parex_tui.run.attempts import Journal
from parex_tui.run.checks import BadChecks, CheckResult, EvidenceError, NoChecks, Report, Untrusted, gate, look
from parex_tui.run.statedir import project_path
from parex_tui.tasks.model import JsonValue

from .checking import Place, clock, command
from .house import House, command_lines, wait_until


@pytest.fixture
def place(house: House) -> Place:
    """A project without tasks yet; whatever still runs at the end is killed."""
    return Place(house.root)


def alone(report: Report) -> CheckResult:
    (result,) = report.results
    return result


# --- what may run ------------------------------------------------------------------------------------------------


def test_no_block_a_bad_one_and_an_untrusted_one_run_nothing_and_write_nothing(place: Place) -> None:
    place.write(command("touch marker"), {"type": "file_exists", "path": "x"})
    found = place.gate()
    assert isinstance(found, Untrusted)
    assert [check.command for _, check in found.executable.commands] == ["touch marker"]
    assert found.refusal == ""

    place.write(command("touch marker"), {"type": "x"})
    message = "verification[1]: unknown type 'x' (expected command | file_exists | file_contains)"
    assert place.gate() == BadChecks((message,))

    place.file().write_text('{"seq": "01", "status": "pending"}')
    assert place.gate() == NoChecks()
    assert sorted(path.name for path in place.folder.iterdir()) == ["subtask_01.json"]
    assert not (place.root / "marker").exists()


def test_file_checks_alone_need_no_trust(place: Place) -> None:
    place.write({"type": "file_exists", "path": "package.json"})
    report = place.gate()
    assert isinstance(report, Report)
    assert not report.passed


# --- files -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["openat2", "component-wise"])
def opener(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of staying below the root."""
    if request.param == "component-wise":
        monkeypatch.setattr(context, "_kernel_walk", lambda: None)
    elif context.guard() != "openat2":
        pytest.skip("this kernel has no openat2")
    return str(request.param)


@pytest.mark.usefixtures("opener")
@pytest.mark.parametrize(
    ("path", "passed", "detail"),
    [
        ("src/a.ts", True, "exists"),
        ("./src//a.ts", True, "exists"),
        ("src", True, "exists"),
        ("pipe", True, "exists"),
        ("src/b.ts", False, "missing: src/b.ts"),
        ("src/a.ts/x", False, "missing: src/a.ts/x"),
        ("nul\0", False, "missing: nul␀ (no path that the system accepts)"),
        ("half\udc00\ud800", False, "missing: half‹DC00›‹D800› (no path that the system accepts)"),
    ],
)
def test_file_exists(place: Place, path: str, passed: bool, detail: str) -> None:
    fill(place)
    result = alone(place.run({"type": "file_exists", "path": path}))
    assert (result.passed, result.detail) == (passed, detail)


@pytest.mark.parametrize(
    ("path", "text", "passed", "detail"),
    [
        ("src/a.ts", "export", True, "contains 'export'"),
        ("src/a.ts", "import", False, "does not contain 'import'"),
        ("src/b.ts", "export", False, "missing file: src/b.ts"),
        ("src", "export", False, "does not contain 'export': not a regular file"),
        ("pipe", "export", False, "does not contain 'export': not a regular file"),
        ("latin", "caf", True, "contains 'caf'"),
        ("latin", "\ud800", False, "does not contain '‹D800›'"),
        ("long", "needle", True, "contains 'needle'"),
    ],
)
@pytest.mark.usefixtures("opener")
def test_file_contains(place: Place, path: str, text: str, passed: bool, detail: str) -> None:
    fill(place)
    result = alone(place.run({"type": "file_contains", "path": path, "expect_contains": text}))
    assert (result.passed, result.detail) == (passed, detail)


def fill(place: Place) -> None:
    (place.root / "src").mkdir()
    (place.root / "src/a.ts").write_text("export const a = 1\n")
    (place.root / "latin").write_bytes("café".encode("latin-1"))
    (place.root / "long").write_bytes(b"x" * (1024 * 1024 - 3) + b"needle")  # over the seam of two blocks
    os.mkfifo(place.root / "pipe")


@pytest.mark.parametrize("kind", ["file_exists", "file_contains"])
def test_no_check_sees_anything_outside_of_the_project(place: Place, opener: str, tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").write_text("secret")
    (place.root / "link").symlink_to(tmp_path / "secret")
    (place.root / "folder").symlink_to(tmp_path)
    (place.root / "proc").symlink_to("/proc/self/environ")
    for path in ("link", "folder/secret", "proc"):
        result = alone(place.run({"type": kind, "path": path, "expect_contains": "s"}))
        assert not result.passed
        assert path in result.detail
        if opener == "openat2":
            assert result.detail.endswith("(a link leads outside the project)")


def test_a_file_that_is_too_large_is_not_searched(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_files, "SEARCH_LIMIT", 10)
    (place.root / "big").write_text("needle and more")
    result = alone(place.run({"type": "file_contains", "path": "big", "expect_contains": "needle"}))
    assert (result.passed, result.detail) == (False, "does not contain 'needle': too large to be searched")


# --- commands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "passed", "detail"),
    [
        (command("true"), True, "exit=0"),
        (command("exit 3", expect_exit=3), True, "exit=3"),
        (command("true", expect_exit=1), False, "exit=0 (expected 1); output: (empty)"),
        (command("echo out; echo err >&2; exit 1"), False, "exit=1 (expected 0); output: out err"),
        (command("printf 'a\\n\\n  b\\t c'; exit 1"), False, "exit=1 (expected 0); output: a b c"),
        (command("printf '%0201d' 0; exit 1"), False, f"exit=1 (expected 0); output: {'0' * 200}…"),
        (command("printf '%0200d' 0; exit 1"), False, f"exit=1 (expected 0); output: {'0' * 200}"),
        (command("printf '\\033]0;x\\007ok'; exit 1"), False, "exit=1 (expected 0); output: ␛]0;x␇ok"),
        (command("printf '\\377\\376'; exit 1"), False, "exit=1 (expected 0); output: ��"),
        (command("echo passed", expect_contains="passed"), True, "exit=0"),
        (command("echo passed >&2", expect_contains="passed"), True, "exit=0"),
        (command("printf a; printf b >&2", expect_contains="a\nb"), True, "exit=0"),
        (
            command("printf a; printf b >&2", expect_contains="ab"),
            False,
            "exit=0 but output does not contain 'ab'; got: a b",
        ),
        (command("true", expect_contains="x"), False, "exit=0 but output does not contain 'x'; got: (empty)"),
        (command("true", expect_contains=""), True, "exit=0"),
        (command("no-such-program-here; exit 5", expect_exit=5), True, "exit=5"),
        (command("kill -9 $$"), False, "exit=-1 (expected 0); output: (empty); killed by signal 9"),
        (command("kill -9 $$", expect_exit=-1), True, "exit=-1; killed by signal 9"),
        (command("echo 'it is'\n\necho two lines", expect_contains="two lines"), True, "exit=0"),
        (command("cat", expect_contains=""), True, "exit=0"),
    ],
)  # fmt: skip
def test_a_command(place: Place, check: dict[str, JsonValue], passed: bool, detail: str) -> None:
    result = alone(place.run(check))
    assert (result.passed, result.detail) == (passed, detail)


def test_it_runs_in_the_root_with_a_short_list_of_the_environment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_API_KEY", "PAREX_SLOTS", "PYTHONPATH", "LD_PRELOAD_X", "GIT_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "not for checks")
    monkeypatch.setenv("LC_TIME", "C")
    result = alone(place.run(command("env; pwd; tr '\\0' '\\n' < /proc/$PPID/environ", expect_contains="PAREX_RUN=")))
    assert result.passed
    assert result.log is not None
    said = result.log.read_text()
    assert "not for checks" not in said
    names = {line.split("=")[0] for line in said.splitlines() if "=" in line}
    short = {"PATH", "HOME", "LANG", "TMPDIR", "TERM", "USER", "LOGNAME", "SHELL"}
    own = {"PAREX_RUN", "PYTHONUNBUFFERED", "PWD", "OLDPWD", "SHLVL", "_"}  # the keeper's and the shell's
    assert {name for name in names if not name.startswith("LC_")} <= short | own
    assert "LC_TIME=C" in said
    assert str(place.root) in said.splitlines()


def test_its_deadline_ends_the_whole_tree(place: Place) -> None:
    result = alone(place.run(command("trap '' TERM; sleep 600 & sleep 600; sleep 600", timeout_ms=100)))
    assert result.detail == "exit=-1 (expected 0); output: (empty); ended after 100 ms"
    assert left(place) == []


def test_what_goes_into_the_background_does_not_outlive_it(place: Place) -> None:
    daemon = "import os, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); time.sleep(600)"
    line = f"{sys.executable} -c '{daemon}' {place.root} >/dev/null 2>&1 </dev/null; echo started"
    result = alone(place.run(command(line, expect_contains="started")))
    assert result.passed
    assert left(place) == []


def test_a_flood_is_ended_and_its_end_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_command, "OUTPUT_LIMIT", 2 * 1024 * 1024)
    monkeypatch.setattr(check_command, "KEPT", 4096)
    result = alone(place.run(command("yes flood", expect_exit=-1)))
    assert not result.passed, "what was cut off is never a success, whatever code was expected"
    assert result.detail.endswith("; ended after 2 MiB of output")
    assert result.log is not None
    assert result.log.stat().st_size == 4096
    assert stat.S_IMODE(result.log.stat().st_mode) == 0o600


def test_a_text_is_found_far_inside_a_long_output(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_command, "KEPT", 4096)
    line = "head -c 1500000 /dev/zero | tr '\\0' x; printf needle; head -c 1500000 /dev/zero | tr '\\0' y"
    assert alone(place.run(command(line, expect_contains="xneedley"))).passed


def test_a_missing_shell_is_a_failed_check_that_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_command, "SHELL", "/no/such/sh")
    result = alone(place.run(command("true", expect_exit=-1)))
    assert not result.passed
    assert result.detail.startswith("exit=-1 (expected -1); output: (empty); cannot start /no/such/sh: ")


def test_a_command_that_is_too_long_for_the_system_is_a_failed_check(place: Place) -> None:
    result = alone(place.run(command("true " + "x" * 200_000)))
    assert "cannot start /bin/sh" in result.detail


def test_a_keeper_that_is_killed_is_a_failed_check_and_leaves_nothing(place: Place) -> None:
    place.write(command("kill -9 $PPID; sleep 600", expect_exit=-1))
    place.give()
    report = place.gate()
    assert isinstance(report, Report)
    assert not report.passed
    assert alone(report).detail.endswith("its keeper was killed")
    assert left(place) == []


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_an_interruption_ends_the_command_and_writes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]
) -> None:
    place.write(command("sleep 600 & touch up; sleep 600"))
    place.give()

    sleep = time.sleep

    def interrupt(seconds: float) -> None:
        monkeypatch.setattr(time, "sleep", sleep)
        wait_until((place.root / "up").exists, "the command")
        raise raised

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(raised):
        place.gate()
    assert left(place) == []
    assert not list(place.folder.glob("verification*"))


def left(place: Place) -> list[tuple[int, str]]:
    """What commands of this project left behind: all of it carries their mark."""
    return [(pid, line) for pid, line in command_lines("PAREX_RUN=checks/") if _is_in(pid, place.root)]


def _is_in(pid: int, root: Path) -> bool:
    try:
        return Path("/proc", str(pid), "cwd").readlink().is_relative_to(root)
    except OSError:
        return False


def test_checks_are_no_attempts_of_the_task(place: Place) -> None:
    place.run(command("true"))
    journal = Journal(place.root)
    assert journal.feature_attempts(place.feature().key) == {}
    assert journal.all_live() == ()
    assert (project_path(place.root) / "checks").is_dir()


def test_what_old_commands_said_is_forgotten(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_command, "RUNS_KEPT", 2)
    reports = [place.run(command("echo again"), command("echo more")) for _ in range(3)]
    logs = [result.log for report in reports for result in report.results]
    assert [log is not None and log.exists() for log in logs] == [False] * 4 + [True] * 2


def test_each_result_is_told_as_it_comes(place: Place) -> None:
    place.write(command("touch first"), {"type": "file_exists", "path": "first"})
    place.give()
    told: list[str] = []
    gate(place.root, place.feature(), place.task(), place.trust, clock, lambda result: told.append(result.detail))
    assert told == ["exit=0", "exists"]


# --- evidence ----------------------------------------------------------------------------------------------------


@dataclass
class Framework:
    """A reader of evidence as the framework's own tool is one: strict about every name and type."""

    path: Path

    def read(self) -> dict[str, Any]:
        report = json.loads(self.path.read_text("utf-8"))
        assert list(report) == ["feature", "seq", "generated_at", "passed", "results"]
        assert isinstance(report["passed"], bool)
        for result in report["results"]:
            assert list(result) == ["check", "passed", "detail"]
            assert isinstance(result["passed"], bool)
            assert isinstance(result["detail"], str)
            assert result["check"]["type"] in ("command", "file_exists", "file_contains")
        assert report["passed"] == all(result["passed"] for result in report["results"])
        assert isinstance(report, dict)
        return report


def test_the_evidence_is_what_the_framework_reads(place: Place) -> None:
    report = place.run(command("echo hé", expect_contains="hé", timeout_ms=9000), {"type": "file_exists", "path": "x"})
    assert report.evidence == "verification_01.json"
    path = place.folder / "verification_01.json"
    assert Framework(path).read() == {
        "feature": "auth",
        "seq": "01",
        "generated_at": "2026-01-31T12:00:00.125Z",
        "passed": False,
        "results": [
            {
                "check": {
                    "type": "command",
                    "command": "echo hé",
                    "expect_contains": "hé",
                    "timeout_ms": 9000,
                },
                "passed": True,
                "detail": "exit=0",
            },
            {"check": {"type": "file_exists", "path": "x"}, "passed": False, "detail": "missing: x"},
        ],
    }
    assert path.read_text().startswith('{\n  "feature": "auth",\n')
    assert sorted(one.name for one in place.folder.iterdir()) == ["subtask_01.json", "verification_01.json"]
    assert [task.seq for task in place.feature().tasks] == ["01"], "evidence is no task"


def test_evidence_of_text_that_utf_8_cannot_hold(place: Place) -> None:
    place.write({"type": "file_contains", "path": "x", "expect_contains": "\ud800"})
    assert isinstance(place.gate(), Report)
    assert Framework(place.folder / "verification_01.json").read()["results"][0]["check"]["expect_contains"] == "\ud800"


def test_evidence_replaces_a_link_and_never_writes_through_it(place: Place, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    place.write({"type": "file_exists", "path": "x"})
    evidence = place.folder / "verification_01.json"
    evidence.symlink_to(outside)
    place.gate()
    assert outside.read_text() == "mine"
    assert not evidence.is_symlink()
    Framework(evidence).read()


@pytest.mark.usefixtures("opener")
def test_no_evidence_through_a_folder_that_leads_outside(place: Place, tmp_path: Path) -> None:
    place.write({"type": "file_exists", "path": "x"})
    feature, task, trust = place.feature(), place.task(), place.trust
    place.folder.rename(tmp_path / "outside")
    place.folder.symlink_to(tmp_path / "outside")
    with pytest.raises(EvidenceError, match=r"verification_01\.json"):
        gate(place.root, feature, task, trust, clock)
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["subtask_01.json"]


def test_evidence_that_cannot_be_written_leaves_no_half_of_it(place: Place) -> None:
    place.write({"type": "file_exists", "path": "x"})
    (place.folder / "verification_01.json").mkdir()
    with pytest.raises(EvidenceError, match="cannot be written"):
        place.gate()
    assert sorted(path.name for path in place.folder.iterdir()) == ["subtask_01.json", "verification_01.json"]


def test_two_verifications_at_once_both_end_with_whole_evidence(place: Place) -> None:
    place.write(command("echo one"), command("echo two"))
    place.give()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(place.gate())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [isinstance(one, Report) and one.passed for one in found] == [True] * 3
    assert Framework(place.folder / "verification_01.json").read()["passed"]


def test_a_look_runs_nothing(place: Place) -> None:
    place.write(command("touch marker"))
    place.give()
    look(place.task(), place.trust)
    assert not (place.root / "marker").exists()


def test_a_signal_that_the_shell_ignores_is_no_way_out(place: Place) -> None:
    line = "trap '' INT HUP TERM; kill -INT $$; kill -HUP $$; echo on; sleep 600"
    result = alone(place.run(command(line, timeout_ms=200)))
    assert result.detail == "exit=-1 (expected 0); output: on; ended after 200 ms"
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
