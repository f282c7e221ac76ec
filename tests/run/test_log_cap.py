"""A log above its cap: small on disk, its head and tail whole, its writer undisturbed."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parex_tui.agents.jsonl import PlainParser
from parex_tui.agents.stream import Tail, read_all
from parex_tui.run import guarantees, log_cap
from parex_tui.run.guarantees import Holds
from parex_tui.run.log_cap import CappedLog
from parex_tui.tasks.layout import Location

from .house import House, ended

CAP = 1024 * 1024
LINE = 100


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    """The folder of the log, opened; skipped where no hole can be made in it."""
    probe = tmp_path / "probe"
    probe.write_bytes(b"x" * 16384)
    fd = os.open(probe, os.O_RDWR)
    try:
        log_cap.punch(fd, 4096, 8192)
    except OSError as error:
        pytest.skip(f"no holes here: {error.strerror}")
    finally:
        os.close(fd)
        probe.unlink()
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


def _write(path: Path, first: int, count: int) -> None:
    with path.open("ab") as file:
        file.write(b"".join(b"%0*d\n" % (LINE - 1, number) for number in range(first, first + count)))


def _used(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_head_and_tail_stay_while_it_is_written(tmp_path: Path, folder: int) -> None:
    path = tmp_path / "output"
    log = CappedLog(folder, "output", CAP)
    step = 2_000
    tail = Tail(path, PlainParser())
    followed: list[str] = []
    for turn in range(50):
        _write(path, turn * step, step)
        assert 0 < log.look(turn * 0.1) <= 1
        assert _used(path) <= CAP
        followed += [event.text for event in tail.poll() if hasattr(event, "text")]
    assert path.stat().st_size == log.size == 50 * step * LINE
    kept = [event.text for event in read_all(path, PlainParser()) if hasattr(event, "text")]
    (gap,) = [number for number, text in enumerate(kept) if not text.isdigit()]
    assert "left out here" in kept[gap]
    head, end = [int(text) for text in kept[:gap]], [int(text) for text in kept[gap + 1 :]]
    assert head == list(range(len(head)))
    assert end == list(range(end[0], 50 * step))
    assert len(head) * LINE >= CAP // 4
    assert len(end) * LINE >= CAP // 4 - LINE
    assert int("".join(filter(str.isdigit, kept[gap].split()[1].replace(".", "")))) > 0
    assert followed == [f"{number:0{LINE - 1}d}" for number in range(50 * step)], "whoever reads along loses nothing"


def test_without_a_cap_and_below_it_nothing_is_cut(tmp_path: Path, folder: int) -> None:
    path = tmp_path / "output"
    _write(path, 0, CAP // LINE - 100)
    before = path.read_bytes()
    for cap in (0, CAP):
        log = CappedLog(folder, "output", cap)
        log.look(1.0)
        assert path.read_bytes() == before
        assert log.size == len(before)


def test_a_log_without_a_line_break_is_cut_all_the_same(tmp_path: Path, folder: int) -> None:
    path = tmp_path / "output"
    path.write_bytes(b"x" * 8 * CAP)
    CappedLog(folder, "output", CAP).look(1.0)
    assert _used(path) <= CAP
    assert path.stat().st_size == 8 * CAP


def test_cut_short_by_the_agent_it_begins_anew(tmp_path: Path, folder: int) -> None:
    path = tmp_path / "output"
    log = CappedLog(folder, "output", CAP)
    for _ in range(2):
        path.write_bytes(b"")
        os.truncate(path, 0)
        _write(path, 0, 4 * CAP // LINE)
        log.look(1.0)
        assert _used(path) <= CAP
        assert path.read_bytes()[:LINE] == b"%0*d\n" % (LINE - 1, 0)


@pytest.mark.parametrize("kind", ["link", "hard link", "folder", "pipe", "missing"])
def test_what_was_put_in_its_place_is_left_alone(tmp_path: Path, folder: int, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"p" * 4 * CAP)
    path = tmp_path / "output"
    match kind:
        case "link":
            path.symlink_to(precious)
        case "hard link":
            path.hardlink_to(precious)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    log = CappedLog(folder, "output", CAP)
    assert log.look(1.0) <= 1.0
    assert log.look(2.0) <= 1.0
    assert precious.read_bytes() == b"p" * 4 * CAP


def test_where_no_hole_can_be_made_it_grows_on_and_says_so(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(log_cap, "punch", refuse)
    path = tmp_path / "output"
    _write(path, 0, 4 * CAP // LINE)
    before = path.read_bytes()
    log = CappedLog(folder, "output", CAP)
    log.look(1.0)
    assert path.read_bytes() == before
    assert "1 MiB" in log.trouble
    assert "not supported" in log.trouble


def test_doctor_says_whether_it_can_be_done(
    tmp_path: Path, house: House, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = Location(house.root, ())
    found = {one.code: one for one in guarantees.guarantees(location)}
    assert found["run.log_cap"].holds is Holds.YES
    assert found["run.stalled"].holds is (Holds.YES if sys.platform == "linux" else Holds.NO)

    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(guarantees, "punch", refuse)
    found = {one.code: one for one in guarantees.guarantees(location)}
    assert found["run.log_cap"].holds is Holds.WEAKER
    assert "grows above" in found["run.log_cap"].found
    assert found["run.log_cap"].remedy


def test_the_faster_it_grows_the_sooner_it_is_looked_at(tmp_path: Path, folder: int) -> None:
    path = tmp_path / "output"
    path.touch()
    log = CappedLog(folder, "output", 16 * CAP)
    beginning = [log.look(float(second)) for second in range(20)]
    assert beginning == sorted(beginning)
    assert (beginning[0] < 0.1, beginning[-1]) == (True, 1.0)
    log.look(29.8)
    _write(path, 0, CAP // LINE)
    slow = log.look(30.0)
    _write(path, 0, 4 * CAP // LINE)
    fast = log.look(30.2)
    assert 0.01 <= fast < slow <= 1.0


def test_a_keeper_holds_its_agent_to_it(house: House, folder: int) -> None:
    attempt = house.start("say:first", f"flood:{40 * CAP}", "sleep:0.3", "say:last", log_cap=CAP, grace=0.3)
    assert ended(attempt).exit.code == 0
    assert attempt.output.stat().st_size > 40 * CAP - LINE
    assert _used(attempt.output) <= CAP * 1.1
    texts = [event.text for event in read_all(attempt.output, PlainParser()) if hasattr(event, "text")]
    assert (texts[0], texts[-1]) == ("first", "last")
    assert sum("left out here" in text for text in texts) == 1
    assert attempt.keeper_log.read_text() == ""
