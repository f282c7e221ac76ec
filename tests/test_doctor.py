"""`parex doctor` finds out by trying, names what is weaker with the remedy, and leaves nothing behind."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from pathlib import Path

import pytest

from parex_tui.cli import main
from parex_tui.run import guarantees as probes
from parex_tui.run import statedir
from parex_tui.tasks.overwrite import Lease

from .tasks.helpers import a_project, a_task

pytestmark = pytest.mark.usefixtures("state_home")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    a_project(made, a_task())
    return made


def told(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code and the guarantees by code."""
    code = main(["doctor", "-C", str(root), "--json"])
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "parex.doctor/1"
    return code, {one["code"]: one for one in record["guarantees"]}


def test_every_promise_is_tried_and_nothing_stays_behind(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((str(path), path.read_bytes()) for path in root.rglob("*") if path.is_file())
    code, found = told(root, capsys)
    assert code == 0
    assert {"stop.tree", "stop.identity", "state.private", "run.alive", "run.verdict", "edit.lease"} <= found.keys()
    assert {"context.beneath", "watch.events", "settings", "terminal", "cli.claude"} <= found.keys()
    assert found["run.alive"]["holds"] == "yes"
    assert sorted((str(path), path.read_bytes()) for path in root.rglob("*") if path.is_file()) == before
    assert not list(statedir.state_root().parent.rglob("*doctor*"))


def test_without_leases_it_says_what_is_done_instead(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "probe_lease", lambda path: Lease.NONE)
    code, found = told(root, capsys)
    assert (code, found["edit.lease"]["holds"]) == (0, "weaker")
    assert "compared before each write" in found["edit.lease"]["found"]
    assert found["edit.lease"]["remedy"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_task_files_that_cannot_be_written_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in root.rglob("*.json"):
        path.chmod(0o444)
    code, found = told(root, capsys)
    assert (code, found["edit.lease"]["holds"]) == (1, "no")


def test_a_state_folder_that_others_can_write_to_fails(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = statedir.project_dir(root)
    folder.chmod(0o777)
    code, found = told(root, capsys)
    assert (code, found["state.private"]["holds"]) == (1, "no")
    assert "chmod go-w" in found["state.private"]["found"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777, "it only tells"


def test_a_state_folder_that_others_can_read_is_weaker(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    statedir.project_dir(root).chmod(0o755)
    code, found = told(root, capsys)
    assert (code, found["state.private"]["holds"]) == (0, "weaker")


def test_locks_that_exclude_nobody_fail(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    code, found = told(root, capsys)
    assert (code, found["run.alive"]["holds"]) == (1, "no")
    assert "XDG_STATE_HOME" in found["run.alive"]["remedy"]


def test_agent_clis_are_asked_for_their_version_and_nothing_else(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = {"claude": 'echo "$@" >> "$0.asked"; echo "9.9 \x1b[31m(Claude)"', "codex": "exit 3", "gemini": "exec x"}
    for name, line in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    code, found = told(root, capsys)
    assert code == 0, "not every program is needed"
    assert found["cli.claude"]["found"].startswith("9.9 ␛[31m(Claude)")
    assert (programs / "claude.asked").read_text() == "--version\n"
    assert [found[f"cli.{name}"]["holds"] for name in ("opencode", "codex", "gemini")] == ["unknown", "no", "no"]


def test_it_works_outside_of_a_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "there is no task file yet to try it on" in " ".join(text.split())
    assert "Every promise that could be tried is kept here" in text


def test_broken_settings_are_a_finding_and_not_an_end(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / ".parex.toml").write_text("slots = ")
    code, found = told(root, capsys)
    assert (code, found["settings"]["holds"]) == (1, "no")
    assert ".parex.toml" in found["settings"]["found"]
