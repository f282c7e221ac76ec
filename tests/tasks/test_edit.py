"""Editing: which bytes change, what is refused, and what survives other writers, full disks and kill -9."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parex_tui.tasks.document import BOM, parse
from parex_tui.tasks.edit import (
    ChangedError,
    Edit,
    EditError,
    block_task,
    complete_task,
    cut_summary,
    replace_file,
    reset_task,
    set_fields,
    start_task,
    sync_feature,
    timestamp,
)
from parex_tui.tasks.layout import locate
from parex_tui.tasks.model import JsonValue, Status, Task
from parex_tui.tasks.patch import ABSENT, patched
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.scan import Node, scan

from .helpers import Clock, a_project, a_task, write

NOON = 1_769_860_800.75  # 2026-01-31T12:00:00Z and a bit
KEYS = ["id", "status", "title", "depends_on", "agent_id", "notes", "ünïcode", 'quo"ted']
SAFE_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | SAFE_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SAFE_TEXT, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Task files in many hands: indents, line ends, marks, escapes, inline lists, odd numbers, odd spacing."""
    fields = draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
    layout = draw(st.sampled_from(["2", "4", "tab", "compact", "spaced", "one line", "inline lists", "ragged"]))
    ascii_only = draw(st.booleans())
    end = draw(st.sampled_from(["\n", "\r\n"]))

    def dumps(value: JsonValue, indent: str | None = None) -> str:
        tight = (",", ":") if layout == "compact" else (", ", ": ")
        separators = (",", ": ") if indent else tight
        return json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators)

    if layout in ("compact", "one line"):
        text = dumps(fields)
    elif layout in ("2", "4", "tab"):
        text = dumps(fields, {"2": "  ", "4": "    ", "tab": "\t"}[layout])
    elif layout == "inline lists":
        text = "{\n" + ",\n".join(f"  {dumps(key)}: {dumps(value)}" for key, value in fields.items()) + "\n}"
    else:
        gap = " \t " if layout == "spaced" else "\n\n \n"
        text = (
            "{" + gap + f"{gap},{gap}".join(f"{dumps(key)}{gap}:{gap}{dumps(value)}" for key, value in fields.items())
        )
        text += gap + "}"
    text = text.replace("\n", end) + draw(st.sampled_from(["", end, end * 2, " "]))
    return (BOM if draw(st.booleans()) else b"") + text.encode()


def without(data: bytes, root: Node, keys: set[str]) -> bytes:
    """The text with the values of some fields cut out."""
    result = bytearray(data)
    for member in reversed(root.members):
        if member.key in keys:
            del result[member.node.start : member.node.end]
    return bytes(result)


def is_insertion(shorter: bytes, longer: bytes) -> bool:
    """Whether `longer` is `shorter` with one piece put in."""
    same = next(
        (at for at, (one, other) in enumerate(zip(shorter, longer, strict=False)) if one != other), len(shorter)
    )
    return longer.endswith(shorter[same:]) and len(longer) >= len(shorter)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "subtask_01.json"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(documents(), st.dictionaries(st.sampled_from([k for k in KEYS if k != "status"]), VALUES, max_size=3), st.data())
def test_only_the_changed_values_change(
    path: Path, data: bytes, changes: dict[str, JsonValue], draw: st.DataObject
) -> None:
    if draw.draw(st.booleans()):
        changes = {**changes, "status": draw.draw(st.sampled_from([status.value for status in Status]))}
    path.write_bytes(data)
    before = scan(data)
    edit = set_fields(path, changes, root=path.parent)
    result = path.read_bytes()
    after = scan(result)

    assert isinstance(before.value, dict)
    assert json.dumps(after.value, sort_keys=True) == json.dumps({**before.value, **changes}, sort_keys=True)
    kept = [member for member in before.members if member.key not in edit.changed]
    assert [(m.key, data[m.node.start : m.node.end]) for m in kept] == [
        (m.key, result[m.node.start : m.node.end]) for m in after.members if m.key not in edit.changed
    ]
    changed = set(edit.changed)
    old, new = without(data, before, changed), without(result, after, changed)
    if changed <= before.value.keys():
        assert old == new
    else:
        assert is_insertion(old, new)
    assert edit.old == {key: before.value[key] for key in changed & before.value.keys()}
    assert (b"\r\n" in result) == (b"\r\n" in data) or b"\n" not in data
    if not changed:
        assert result == data


@pytest.mark.corpus
def test_a_status_in_every_file_of_the_corpus_changes_nothing_else(corpus: Path, tmp_path: Path) -> None:
    edited = 0
    clock = Clock()
    for original in sorted(corpus.rglob("subtask_*.json")):
        data = original.read_bytes()
        copy = tmp_path / original.name
        copy.write_bytes(data)
        try:
            set_fields(copy, {"status": "blocked"}, root=tmp_path, clock=clock, sleep=clock.sleep)
        except EditError as error:
            assert "not valid JSON" in str(error)
            assert copy.read_bytes() == data
            continue
        (member,) = scan(data).named("status")
        assert copy.read_bytes() == data[: member.node.start] + b'"blocked"' + data[member.node.end :]
        edited += 1
    assert edited == 409


def test_a_new_field_follows_status_in_the_style_of_the_file(path: Path) -> None:
    start, end = b'\xef\xbb\xbf{\r\n\t"id": "a",\r\n\t"status": "pending"', b',\r\n\t"depends_on": ["01", "02"]\r\n}'
    path.write_bytes(start + end)
    set_fields(path, {"agent_id": "CoderAgent", "started_at": "noon"}, root=path.parent)
    assert path.read_bytes() == start + b',\r\n\t"agent_id": "CoderAgent",\r\n\t"started_at": "noon"' + end


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a":1}', '{"a":1,"x":[1,2]}'),
        ("{}", '{"x": [1, 2]}'),
        ("{ }", '{"x": [1, 2] }'),
        ('{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "x": [1, 2]\n}\n'),
        ('{\n  "x": [\n    3\n  ]\n}', '{\n  "x": [\n    1,\n    2\n  ]\n}'),
        ('{\n  "x": [ 3 ]\n}', '{\n  "x": [1, 2]\n}'),
    ],
)
def test_lists_and_places(path: Path, before: str, after: str) -> None:
    path.write_text(before)
    set_fields(path, {"x": [1, 2]}, root=path.parent)
    assert path.read_text() == after


def test_escapes_are_as_the_file_has_them(path: Path) -> None:
    for text, expected in ((r'{"t": "\u00e9", "x": 0}', r'"x": "\u00fc"'), ('{"t": "é", "x": 0}', '"x": "ü"')):
        path.write_text(text, encoding="utf-8")
        set_fields(path, {"x": "ü"}, root=path.parent)
        assert expected in path.read_text(encoding="utf-8")
    set_fields(path, {"x": "\ud800"}, root=path.parent)
    assert r'"\ud800"' in path.read_text(encoding="utf-8")


def test_a_value_that_is_there_already_is_not_touched(path: Path) -> None:
    path.write_bytes(b'{"status": "pend\\u0069ng", "n": 1.0}')
    before = path.stat().st_mtime_ns
    edit = set_fields(path, {"status": "pending", "n": 1.0}, root=path.parent)
    assert edit.changed == ()
    assert edit.before == edit.after
    assert path.stat().st_mtime_ns == before
    assert set_fields(path, {"n": 1}, root=path.parent).changed == ("n",)


# --- refusals -----------------------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[bytes, dict[str, JsonValue], str]] = {
    "unknown status": (b'{"status": "pending"}', {"status": "failed"}, "knows no status “failed”"),
    "status of a feature": (b'{"status": "pending"}', {"status": "active"}, "knows no status"),
    "status that is no text": (b'{"status": "pending"}', {"status": None}, "knows no status"),
    "duplicated key": (b'{"status": "pending",\n"x": 1,\n"x": null}', {"x": 2}, "lines 2 and 3"),
    "no object": (b"[1]", {"x": 1}, "no task object"),
    "no number": (b'{"x": 1}', {"x": float("nan")}, "no JSON"),
    "too large": (b'{"x": "' + b"y" * 1_100_000 + b'"}', {"x": 1}, "too large"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_leaves_the_file_as_it_was(path: Path, kind: str) -> None:
    data, changes, message = REFUSED[kind]
    path.write_bytes(data)
    with pytest.raises(EditError, match=message) as caught:
        set_fields(path, changes, root=path.parent)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == data


def test_an_edit_of_another_field_leaves_duplicates_alone(path: Path) -> None:
    path.write_bytes(b'{"status": "pending", "x": 1, "x": null, "n": NaN}')
    set_fields(path, {"status": "blocked"}, root=path.parent)
    assert path.read_bytes() == b'{"status": "blocked", "x": 1, "x": null, "n": NaN}'


def test_only_task_files_are_edited(tmp_path: Path) -> None:
    other = write(tmp_path / "package.json", {"name": "x"})
    with pytest.raises(EditError, match="not a task file"):
        set_fields(other, {"name": "y"}, root=tmp_path)


def test_a_file_that_is_gone_is_named(path: Path) -> None:
    with pytest.raises(EditError, match="gone"):
        set_fields(path, {"x": 1}, root=path.parent)
    assert not path.exists()


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_never_written(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(EditError):
        set_fields(path, {"x": 1}, root=Path("/"))


def test_the_expected_digest_guards(path: Path) -> None:
    path.write_text('{"status": "pending"}')
    edit = set_fields(path, {"status": "blocked"}, root=path.parent)
    with pytest.raises(ChangedError, match="changed by another program"):
        set_fields(path, {"status": "pending"}, root=path.parent, expected_digest=edit.before)
    set_fields(path, {"status": "pending"}, root=path.parent, expected_digest=edit.after)
    assert path.read_text() == '{"status": "pending"}'


def test_links_out_of_the_project_are_refused_and_links_inside_are_followed(tmp_path: Path) -> None:
    root = tmp_path / "project"
    inside = write(root / "kept/one.json", a_task())
    outside = write(tmp_path / "elsewhere/two.json", a_task())
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "subtask_01.json").symlink_to(inside)
    (root / "subtask_02.json").symlink_to(outside)
    outside.rename(outside.with_name("subtask_03.json"))
    before = outside.with_name("subtask_03.json").read_bytes()
    set_fields(root / "subtask_01.json", {"status": "blocked"}, root=root)
    assert (root / "subtask_01.json").is_symlink()
    assert json.loads(inside.read_text())["status"] == "blocked"
    (root / "subtask_02.json").unlink()
    (root / "subtask_02.json").symlink_to(outside.with_name("subtask_03.json"))
    for path in (root / "subtask_02.json", root / "linked/subtask_03.json", root / "../elsewhere/subtask_03.json"):
        with pytest.raises(EditError, match="outside the project"):
            set_fields(path, {"status": "blocked"}, root=root)
    assert outside.with_name("subtask_03.json").read_bytes() == before


def test_mode_and_hard_links_stay(path: Path) -> None:
    write(path, a_task())
    path.chmod(0o640)
    other = path.with_name("same")
    other.hardlink_to(path)
    inode = path.stat().st_ino
    set_fields(path, {"status": "blocked"}, root=path.parent)
    info = path.stat()
    assert (info.st_ino, info.st_nlink, info.st_mode & 0o777) == (inode, 2, 0o640)
    assert other.read_bytes() == path.read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everything")
def test_a_file_that_may_not_be_written_is_named(path: Path) -> None:
    write(path, a_task())
    path.chmod(0o400)
    with pytest.raises(EditError, match="Permission denied"):
        set_fields(path, {"status": "blocked"}, root=path.parent)


# --- next to others -----------------------------------------------------------------------------------------------


def test_a_half_written_file_is_waited_for_and_their_bytes_win(path: Path) -> None:
    theirs = json.dumps(a_task(title="Theirs"), indent=2)
    path.write_text(theirs[:50])
    clock = Clock()

    def finish() -> None:
        if clock.now > 1_001.5:
            path.write_text(theirs)

    clock.on_sleep = finish
    set_fields(path, {"status": "blocked"}, root=path.parent, clock=clock, sleep=clock.sleep)
    assert path.read_text() == theirs.replace('"pending"', '"blocked"')


def test_a_file_that_stays_half_written_is_given_up_after_two_seconds(path: Path) -> None:
    path.write_text('{"status": "pend')
    clock = Clock()
    with pytest.raises(EditError, match="line 1, column 12"):
        set_fields(path, {"status": "blocked"}, root=path.parent, clock=clock, sleep=clock.sleep)
    assert 2.0 <= clock.now - 1_000 < 2.1
    assert path.read_text() == '{"status": "pend'


def test_a_file_that_has_been_broken_for_long_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("{")
    monkeypatch.setattr(time, "time", lambda: path.stat().st_ctime + 10)
    clock = Clock()
    with pytest.raises(EditError, match="not valid JSON"):
        set_fields(path, {"status": "blocked"}, root=path.parent, clock=clock, sleep=clock.sleep)
    assert clock.now == 1_000


def test_a_lock_of_another_program_ends_in_a_message(path: Path) -> None:
    write(path, a_task())
    clock = Clock()
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(EditError, match="holds a lock"):
            set_fields(path, {"status": "blocked"}, root=path.parent, clock=clock, sleep=clock.sleep)
    assert 2.0 <= clock.now - 1_000 < 2.1


def test_a_program_that_keeps_the_file_open_does_not_stop_the_edit(path: Path) -> None:
    write(path, a_task())
    clock = Clock()
    with path.open() as held:
        set_fields(path, {"status": "blocked"}, root=path.parent, clock=clock, sleep=clock.sleep)
        assert json.load(held)["status"] == "blocked"


@pytest.mark.parametrize("style", ["in place", "rename"])
def test_a_change_between_reading_and_writing_is_not_lost(
    path: Path, style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, a_task())
    theirs = a_task(title="Theirs", more=[1, 2, 3])
    rounds = iter([True])

    def late(data: bytes, root: Node, changes: dict[str, JsonValue]) -> bytes:
        if next(rounds, False):
            write(path.with_name("x") if style == "rename" else path, theirs)
            if style == "rename":
                path.with_name("x").rename(path)
        return patched(data, root, changes)

    monkeypatch.setattr("parex_tui.tasks.editor.patched", late)
    set_fields(path, {"status": "blocked"}, root=path.parent)
    assert json.loads(path.read_text()) == {**theirs, "status": "blocked"}


MANY_EDITS = """
import sys
from pathlib import Path
from parex_tui.tasks.edit import set_fields
path, who = Path(sys.argv[1]), sys.argv[2]
for number in range(int(sys.argv[3])):
    set_fields(path, {f"{who}{number}": number}, root=path.parent)
"""


def test_two_programs_of_ours_lose_no_edit_of_each_other(path: Path) -> None:
    write(path, a_task())
    children = [
        subprocess.Popen([sys.executable, "-c", MANY_EDITS, str(path), who, "60"], cwd=Path(__file__).parents[2])
        for who in ("a", "b")
    ]
    assert [child.wait(60) for child in children] == [0, 0]
    found = json.loads(path.read_text())
    assert {key for key in found if key[0] in "ab" and key[1:].isdigit()} == {
        f"{w}{n}" for w in "ab" for n in range(60)
    }


def test_readers_never_see_a_broken_file(path: Path) -> None:
    write(path, a_task(notes="x" * 9000))
    done = threading.Event()
    broken: list[bytes] = []

    def look() -> None:
        while not done.is_set():
            data = path.read_bytes()
            try:
                json.loads(data)
            except ValueError:
                broken.append(data)
            time.sleep(0.001)  # who never closes the file for half a second may see a torn write: there is no lease

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(150):
        set_fields(path, {"title": "t" * (number * 37 % 500)}, root=path.parent)
    done.set()
    reader.join()
    assert broken == []


FOR_EVER = """
import sys, itertools
from pathlib import Path
from parex_tui.tasks.edit import set_fields
path = Path(sys.argv[1])
print("ready", flush=True)
for number in itertools.count():
    status = ["pending", "in_progress"][number % 2]
    set_fields(path, {"status": status, "title": "t" * (number * 131 % 700)}, root=path.parent)
"""


def test_kill_9_at_any_moment_leaves_a_valid_file(path: Path) -> None:
    original = a_task(notes="kept " * 50, depends_on=["01"])
    write(path, original)
    moments = random.Random(20260131)
    for _ in range(30):
        with subprocess.Popen(
            [sys.executable, "-c", FOR_EVER, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0, 0.02))
            child.send_signal(signal.SIGKILL)
        found = json.loads(path.read_bytes())
        assert found["status"] in ("pending", "in_progress")
        assert set(found["title"]) <= set("Task 01t")
        assert {**found, "status": "pending", "title": original["title"]} == original


KILLED = """
import os, signal, sys
from pathlib import Path
from parex_tui.tasks.edit import set_fields
path, title, turn, moment = Path(sys.argv[1]), "t" * int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
calls = 0
def dying(real):
    def call(*arguments):
        global calls
        calls += 1
        if calls == turn and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments)
        if calls == turn and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call
os.pwrite, os.ftruncate = dying(os.pwrite), dying(os.ftruncate)
set_fields(path, {"title": title}, root=path.parent)
"""


@pytest.mark.parametrize("length", [700, 1])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("turn", [1, 2])
def test_kill_9_around_every_write_leaves_the_old_or_the_new(path: Path, length: int, moment: str, turn: int) -> None:
    write(path, a_task())
    command = [sys.executable, "-c", KILLED, str(path), str(length), str(turn), moment]
    child = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert child.returncode == -signal.SIGKILL
    assert json.loads(path.read_bytes()) in (a_task(), a_task(title="t" * length))


def failing(real: Callable[..., int], turn: int, code: int, partial: bool) -> Callable[[int, bytes, int], int]:
    """`os.pwrite` that fails at its n-th call, having written half of it if `partial`."""
    turns = iter(range(1, 100))

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if next(turns) != turn:
            return real(descriptor, data, offset)
        if partial:
            real(descriptor, bytes(data)[: len(data) // 2], offset)
        raise OSError(code, os.strerror(code))

    return pwrite


@pytest.mark.parametrize("partial", [True, False])
@pytest.mark.parametrize("title", ["much longer than before " * 40, "t"])
@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize(("code", "message"), [(errno.ENOSPC, "no space left"), (errno.EIO, "cannot be written")])
def test_a_write_that_fails_leaves_the_file_byte_for_byte(
    path: Path, monkeypatch: pytest.MonkeyPatch, turn: int, title: str, partial: bool, code: int, message: str
) -> None:
    write(path, a_task())
    before = path.read_bytes()
    monkeypatch.setattr(os, "pwrite", failing(os.pwrite, turn, code, partial))
    if title == "t" and turn == 2:
        set_fields(path, {"title": title}, root=path.parent)  # a shorter content is one write
        return
    with pytest.raises(EditError, match=message):
        set_fields(path, {"title": title}, root=path.parent)
    assert path.read_bytes() == before


LIMITED = """
import resource, signal, sys
from pathlib import Path
from parex_tui.tasks.edit import EditError, set_fields
path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    set_fields(path, {"title": "t" * 5000}, root=path.parent)
except EditError as error:
    sys.exit(0 if "File too large" in str(error) else str(error))
sys.exit("the limit did not work")
"""


def test_a_file_that_the_system_lets_grow_only_a_little_is_as_it_was(path: Path) -> None:
    write(path, a_task())
    before = path.read_bytes()
    child = subprocess.run([sys.executable, "-c", LIMITED, str(path)], cwd=Path(__file__).parents[2], check=False)
    assert child.returncode == 0
    assert path.read_bytes() == before


# --- what the format means ----------------------------------------------------------------------------------------


def task_of(folder: Path, seq: str = "01") -> Task:
    (feature,) = read_project(locate(folder, explicit=True)).features
    task = feature.task(seq)
    assert task is not None
    return task


def fields_of(path: Path) -> dict[str, JsonValue]:
    value = parse(path.read_bytes()).value
    assert isinstance(value, dict)
    return value


def test_a_task_from_start_to_completion(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task(completed_at="old", completion_summary=None))
    task = task_of(folder)
    path = task.path
    start_task(task, "CoderAgent", NOON, root=tmp_path)
    started = {"status": "in_progress", "agent_id": "CoderAgent", "started_at": "2026-01-31T12:00:00Z"}
    assert fields_of(path).items() >= {**started, "completed_at": None}.items()
    complete_task(task_of(folder), "  It  works:\n all of it ", NOON + 60, root=tmp_path)
    assert fields_of(path) == {
        **a_task(),
        **started,
        "status": "completed",
        "completed_at": "2026-01-31T12:01:00Z",
        "completion_summary": "It works: all of it",
    }
    block_task(task_of(folder), root=tmp_path)
    assert (fields_of(path)["status"], fields_of(path)["completed_at"]) == ("blocked", None)
    reset_task(task_of(folder), root=tmp_path)
    assert fields_of(path)["status"] == "pending"


def test_a_reset_of_a_task_without_times_changes_its_status_only(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task(status="blocked"))
    task = task_of(folder)
    before = task.path.read_text()
    assert reset_task(task, root=tmp_path).changed == ("status",)
    assert task.path.read_text() == before.replace('"blocked"', '"pending"')


def test_a_helper_can_be_guarded_by_what_was_read(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task())
    task = task_of(folder)
    set_fields(task.path, {"title": "Changed"}, root=tmp_path)
    with pytest.raises(ChangedError):
        start_task(task, "x", NOON, root=tmp_path, expected_digest=task.digest)


@pytest.mark.parametrize("summary", ["x" * 200, "é" * 200, "🎉" * 100])
def test_a_summary_that_fits_is_kept(summary: str) -> None:
    assert cut_summary(summary) == summary


@given(st.text(max_size=500))
def test_a_summary_is_one_clean_line_that_the_reference_tool_accepts(text: str) -> None:
    cut = cut_summary(text)
    assert len(cut.encode("utf-16-le", "surrogatepass")) // 2 <= 200
    assert "\n" not in cut
    assert "\x1b" not in cut


def test_a_summary_that_is_too_long_ends_in_an_ellipsis() -> None:
    assert cut_summary("x" * 201) == "x" * 199 + "…"
    assert cut_summary("🎉" * 150) == "🎉" * 99 + "…"


def test_times_are_utc_with_seconds() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(NOON) == "2026-01-31T12:00:00Z"


def test_the_feature_follows_its_tasks(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01", status="completed"), a_task("02"), a_task("03", status="completed"))
    edit = sync_feature(folder, tmp_path, NOON)
    assert edit is not None
    assert edit.changed == ("completed_count",)
    assert list(fields_of(folder / "task.json").items()) == [
        ("id", "auth"),
        ("name", "Auth"),
        ("status", "active"),
        ("completed_count", 2),
        ("subtask_count", 3),
    ]
    set_fields(folder / "subtask_02.json", {"status": "completed"}, root=tmp_path)
    sync_feature(folder, tmp_path, NOON)
    done = fields_of(folder / "task.json")
    assert (done["status"], done["completed_count"], done["completed_at"]) == ("completed", 3, "2026-01-31T12:00:00Z")
    again = sync_feature(folder, tmp_path, NOON + 99)
    assert again is not None
    assert again.changed == ()
    set_fields(folder / "subtask_02.json", {"status": "blocked"}, root=tmp_path)
    sync_feature(folder, tmp_path, NOON)
    back = fields_of(folder / "task.json")
    assert (back["status"], back["completed_count"], back["completed_at"]) == ("active", 2, None)


def test_a_broken_task_counts_as_not_completed(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01", status="completed"))
    (folder / "subtask_02.json").write_text('{"status": "completed"')
    sync_feature(folder, tmp_path, NOON)
    assert fields_of(folder / "task.json")["completed_count"] == 1
    assert fields_of(folder / "task.json")["status"] == "active"


def test_a_wrong_subtask_count_and_an_archived_feature_are_left_alone(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01", status="completed"))
    write(folder / "task.json", {"status": "archived", "subtask_count": 7, "completed_count": 1, "completed_at": "x"})
    edit = sync_feature(folder, tmp_path, NOON)
    assert edit is not None
    assert edit.changed == ()


def test_a_feature_without_task_json_is_left_without(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task())
    (folder / "task.json").unlink()
    assert sync_feature(folder, tmp_path, NOON) is None
    assert not (folder / "task.json").exists()
    shutil.rmtree(folder)
    assert sync_feature(folder, tmp_path, NOON) is None
    assert not folder.exists()


# --- taking out and taking back -----------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(
    documents(),
    st.dictionaries(st.sampled_from(["new", "other", "ünïque"]), VALUES, min_size=1, max_size=3),
    st.permutations(["new", "other", "ünïque"]),
)
def test_what_is_put_in_and_taken_out_again_leaves_the_same_bytes(
    data: bytes, added: dict[str, JsonValue], order: list[str]
) -> None:
    more = patched(data, scan(data), added)
    assert patched(more, scan(more), dict.fromkeys(added, ABSENT)) == data
    for key in order:
        more = patched(more, scan(more), {key: ABSENT})
    assert more == data


@settings(max_examples=300, deadline=None)
@given(documents(), st.sets(st.sampled_from(KEYS)))
def test_any_field_can_be_taken_out_of_any_file(data: bytes, gone: set[str]) -> None:
    before = scan(data)
    assert isinstance(before.value, dict)
    left = patched(data, before, dict.fromkeys(gone, ABSENT))
    assert scan(left).value == {key: value for key, value in before.value.items() if key not in gone}


def test_a_whole_content_is_put_in_only_where_it_is_a_task_and_nobody_was_faster(path: Path) -> None:
    before = b'{"status": "pending"}'
    path.write_bytes(before)
    for content, message in ((b'{"status": ', "line 1"), (b"[1]", "no task object")):
        with pytest.raises(EditError, match=message):
            replace_file(path, before, content, root=path.parent)
    edit = replace_file(path, before, b'{"status": "blocked", "x": 1}', root=path.parent)
    assert (edit.old, edit.new) == ({"status": "pending"}, {"status": "blocked", "x": 1})
    with pytest.raises(ChangedError):
        replace_file(path, before, b"{}", root=path.parent)
    assert path.read_bytes() == b'{"status": "blocked", "x": 1}'


def test_an_edit_is_told_while_the_file_is_locked(path: Path) -> None:
    path.write_bytes(b'{"status": "pending"}')
    told: list[bytes] = []

    def made(edit: Edit) -> None:
        with path.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        told.append(path.read_bytes())
        assert edit.result == told[-1]

    set_fields(path, {"status": "blocked"}, root=path.parent, made=made)
    assert told == [b'{"status": "blocked"}']
