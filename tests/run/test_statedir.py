"""The state folder: private, outside the repository, and nothing half-written is ever taken for whole."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.run import statedir
from parex_tui.run.statedir import StateError, append_line, project_dir, read_lines, read_record, write_durably


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's root."""
    root = tmp_path / "My Project"
    root.mkdir()
    return root


def test_a_folder_of_its_own_outside_the_project(project: Path, state_home: Path) -> None:
    path = project_dir(project)
    assert path.parent == state_home / "parex" / "projects"
    assert path.name.startswith("My-Project-")
    assert project_dir(project) == path
    described = read_record(path / "project.json")
    assert described is not None
    assert described["root"] == str(project)


def test_one_project_under_two_names_is_one(project: Path, tmp_path: Path, state_home: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(project)
    assert project_dir(link) == project_dir(project)
    other = tmp_path / "x" / "My Project"
    other.mkdir(parents=True)
    assert project_dir(other) != project_dir(project)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_private_whatever_the_umask(project: Path, state_home: Path, umask: int) -> None:
    state_home.mkdir()
    old = os.umask(umask)
    try:
        path = project_dir(project)
    finally:
        os.umask(old)
    for folder in (path, path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((path / "project.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_writable_by_others_is_refused(project: Path, state_home: Path, mode: int) -> None:
    path = project_dir(project)
    for folder in (path, path.parent.parent):
        folder.chmod(mode)
        with pytest.raises(StateError, match="writable by other users"):
            project_dir(project)
        folder.chmod(0o700)
    assert project_dir(project) == path


def test_of_another_user_is_refused(project: Path, state_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project_dir(project)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(StateError, match="another user"):
        project_dir(project)


def test_a_file_in_its_place(project: Path, state_home: Path) -> None:
    state_home.mkdir()
    (state_home / "parex").write_text("")
    with pytest.raises(StateError, match="not a folder"):
        project_dir(project)


def test_a_state_home_that_cannot_be_made(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    with pytest.raises(StateError, match="cannot use the state folder"):
        project_dir(project)


def test_a_damaged_description_is_written_anew(project: Path, state_home: Path) -> None:
    path = project_dir(project) / "project.json"
    path.write_bytes(b"{")
    project_dir(project)
    assert read_record(path) is not None


# --- files -----------------------------------------------------------------------------------------------------


def test_replace(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data in (b"one", b"", b"three" * 100_000):
        write_durably(path, data)
        assert path.read_bytes() == data
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_replace_that_fails_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "x"
    write_durably(path, b"old")

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space"):
            write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "j"
    assert read_lines(path) == ()
    for number in range(3):
        append_line(path, {"n": number, "text": "a\nb\u2028\ud800"})
    assert [line["n"] for line in read_lines(path)] == [0, 1, 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not (tmp_path / "j.bad").exists()


RECORDS = tuple({"n": number, "text": "x" * number} for number in range(4))


def _journal(path: Path) -> bytes:
    for record in RECORDS:
        append_line(path, record)
    return path.read_bytes()


def test_cut_at_every_length(tmp_path: Path) -> None:
    """Every record before the cut is there, the rest is kept aside, and the journal can be written on."""
    path, bad = tmp_path / "j", tmp_path / "j.bad"
    data = _journal(path)
    ends = [0, *(place + 1 for place, byte in enumerate(data) if byte == ord("\n"))]
    for length in range(len(data)):
        path.write_bytes(data[:length])
        bad.unlink(missing_ok=True)
        found = read_lines(path)
        whole = sum(end <= length for end in ends) - 1
        assert found[:whole] == RECORDS[:whole]
        torn = data[ends[whole] : length]
        if len(found) == whole and torn:
            assert bad.read_bytes() == torn + b"\n"
        append_line(path, {"n": "next"})
        assert read_lines(path) == (*found, {"n": "next"})


def test_every_bit_flipped(tmp_path: Path) -> None:
    """The records on other lines are untouched by it."""
    path = tmp_path / "j"
    data = _journal(path)
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        line = data[: place // 8].count(b"\n")
        found = read_lines(path)
        assert found[:line] == RECORDS[:line]
        after = len(RECORDS) - line - 1
        # A broken line break spoils the line after it as well.
        kept = after - 1 if data[place // 8 : place // 8 + 1] == b"\n" else after
        assert kept <= 0 or found[-kept:] == RECORDS[-kept:]


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    assert isinstance(read_lines(path), tuple)
    assert read_record(path) is None or isinstance(read_record(path), dict)
    assert statedir.read_present(path) is not None


def test_deep_nesting_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"a":' * 100_000 + b"\n" + json.dumps({"n": 1}).encode() + b"\n")
    assert read_lines(path) == ({"n": 1},)
