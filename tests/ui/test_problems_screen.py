"""The problems screen: what stands in it and in which order, how one moves in it, and what can be done from it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from parex_tui.run.snapshot import Answer, Command, Conflict, Do, Snapshot
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean
from parex_tui.ui.problemlist import Kind, problem_items
from parex_tui.ui.screens.confirm import ConfirmScreen
from parex_tui.ui.screens.problems import ProblemsScreen
from parex_tui.ui.screens.repair import RepairScreen
from parex_tui.ui.screens.task import TaskScreen

from . import fakes, pictures
from .screens import check_snapshot, make_app, screen_text
from .test_keys import driven

BROKEN = b'{\n  "seq": "03",\n  "status": "completed"\n  "completion_summary": "no comma before"\n}\n'


def conflict(path: Path, number: int = 4, text: str = '"Login route"') -> Conflict:
    return Conflict(number, path, "title", text, '"Login"', fakes.NOW, "another program put its old value back")


def with_conflict(snapshot: Snapshot) -> Snapshot:
    path = snapshot.features["legacy-import"].tasks["05"].task.path
    return replace(snapshot, conflicts=(conflict(path),))


def broken_project(root: Path) -> Snapshot:
    """A feature on disk with one broken file and a wrong count."""
    folder = root / ".tmp/tasks/imports"
    folder.mkdir(parents=True)
    (folder / "subtask_03.json").write_bytes(BROKEN)
    (folder / "task.json").write_text('{\n  "id": "imports",\n  "subtask_count": 7,\n  "completed_count": 5\n}\n')
    problem = Problem(Severity.ERROR, "json.invalid", folder / "subtask_03.json", "a comma is missing", "add it", 4, 3)
    count = Problem(Severity.WARNING, "count.subtasks", folder / "task.json", "says 7 tasks; there is 1", "", 3, 20)
    state = pictures.messy().features["legacy-import"].tasks["03"].state
    one = fakes.task("03", "Import", feature="imports", root=root, problems=[problem], readable=False)
    one = replace(one, status=None)
    view = fakes.feature_view([fakes.view(one, state, None)], (), folder="imports", root=root, problems=[count])
    view = replace(view, feature=replace(view.feature, declared_subtasks=7, declared_completed=5))
    return fakes.snapshot(view, root=root)


def test_errors_come_first_and_notes_are_folded() -> None:
    snapshot = with_conflict(pictures.messy())
    found = problem_items(snapshot, ())
    assert [one.kind for one in found] == [
        Kind.HEADING, Kind.CONFLICT, Kind.HEADING, *[Kind.PROBLEM] * 3, Kind.NOTES,
    ]  # fmt: skip
    problems = [one.problem.severity for one in found if one.kind is Kind.PROBLEM and one.problem is not None]
    assert problems == [Severity.ERROR, Severity.ERROR, Severity.WARNING]
    assert (found[1].group, found[1].seq) == ("legacy-import", "05")
    unfolded = problem_items(snapshot, {"legacy-import"})
    assert len(unfolded) == len(found) + 1
    assert unfolded[-1].problem is not None
    assert unfolded[-1].problem.code == "count.wrong"


def test_a_group_with_errors_stands_before_one_without() -> None:
    snapshot = pictures.messy()
    first = fakes.small_feature("aaa", 0, 1)
    warning = Problem(Severity.WARNING, "x", first.feature.path, "odd")
    first = replace(first, feature=replace(first.feature, problems=(warning,)))
    found = problem_items(replace(snapshot, features={"aaa": first, **snapshot.features}), ())
    assert [one.group for one in found if one.kind is Kind.HEADING] == ["legacy-import", "aaa"]


async def test_p_opens_it_and_says_so_where_nothing_is_wrong() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("P")
        await one.toast("No problem has been found in the task files.")
    async with driven(pictures.messy()) as one:
        assert "3 problems" in one.text.splitlines()[0]
        await one.press("P")
        assert one.shows(ProblemsScreen)
        assert "subtask_03.json:12:3  a comma is missing" in one.text
        assert "add it after the value on line 11" in one.text
        await one.press("escape")
        assert one.shows(type(one.main))


async def test_moving_opening_and_folding() -> None:
    async with driven(pictures.messy()) as one:
        await one.press("P")
        screen = one.app.screen
        assert isinstance(screen, ProblemsScreen)
        seen = []
        for _ in range(4):
            here = screen.problem_list.here
            seen.append(here.seq if here is not None else "?")
            await one.press("j")
        assert seen == ["03", "13", "04", ""]
        await one.press("enter")
        assert "says 5 tasks; there are 12" in one.text
        await one.press("enter")
        assert "says 5 tasks; there are 12" not in one.text
        await one.press("g", "down", "down", "up", "enter")
        assert one.shows(TaskScreen)
        await one.press("escape")
        assert one.shows(ProblemsScreen)


async def test_the_cursor_stays_on_its_problem() -> None:
    async with driven(pictures.messy()) as one:
        await one.press("P", "j", "j")
        screen = one.app.screen
        assert isinstance(screen, ProblemsScreen)
        one.control.put(with_conflict(pictures.messy()))
        await one.until(lambda: "put its old value back" in one.text)
        here = screen.problem_list.here
        assert here is not None
        assert here.seq == "04"
        one.control.put(pictures.idle())
        await one.until(lambda: "Nothing is wrong in the task files." in one.text)
        await one.press("j", "k", "f", "F", "e", "enter", "i", "y")
        assert one.control.sent == []


@pytest.mark.parametrize(("key", "verb"), [("i", Do.INSIST), ("y", Do.YIELD)])
async def test_a_conflict_shows_both_values_and_is_decided(key: str, verb: Do) -> None:
    async with driven(with_conflict(pictures.messy())) as one:
        await one.press("P", "g")
        for part in ('yours   "Login route"', 'theirs  "Login"', "put its old value back"):
            assert part in one.text
        await one.press(key)
        assert one.control.sent == [Command(verb, "", note="4")]
        await one.press("j", key)
        assert len(one.control.sent) == 1
        await one.toast("Select a field that was changed by two at once.")


@pytest.mark.parametrize("yes", ["y", "enter"])
async def test_a_repair_is_shown_as_a_diff_before_it_is_written(yes: str, tmp_path: Path) -> None:
    snapshot = broken_project(tmp_path)
    path = snapshot.features["imports"].tasks["03"].task.path
    async with driven(snapshot) as one:
        await one.press("P", "f")
        await one.until(lambda: isinstance(one.app.screen, RepairScreen))
        assert '-  "status": "completed"' in one.text
        assert '+  "status": "completed",' in one.text
        await one.press("escape")
        assert one.control.sent == []
        await one.press("f")
        await one.until(lambda: isinstance(one.app.screen, RepairScreen))
        await one.press(yes)
        digest = hashlib.sha256(BROKEN).hexdigest()
        assert one.control.sent == [Command(Do.REPAIR, "imports", path=path, digest=digest)]
        assert path.read_bytes() == BROKEN  # the screen writes nothing
        one.control.put(replace(snapshot, answer=Answer(1, "Repaired subtask_03.json", True)))
        await one.until(lambda: "Repaired subtask_03.json" in one.text)


async def test_all_repairs_of_a_feature_are_one_question(tmp_path: Path) -> None:
    snapshot = broken_project(tmp_path)
    async with driven(snapshot, (120, 50)) as one:
        await one.press("P", "F")
        await one.until(lambda: isinstance(one.app.screen, RepairScreen))
        assert "Write these 2 repairs?" in one.text
        await one.press("y")
        assert [(sent.do, sent.path.name if sent.path else "") for sent in one.control.sent] == [
            (Do.REPAIR, "subtask_03.json"),
            (Do.REPAIR, "task.json"),
        ]


async def test_what_has_no_repair_says_so(tmp_path: Path) -> None:
    snapshot = broken_project(tmp_path)
    path = snapshot.features["imports"].tasks["03"].task.path
    path.write_text('{"seq": "03"}')
    async with driven(snapshot) as one:
        await one.press("P", "f")
        await one.toast("No repair is known for this")
        path.unlink()
        await one.press("f")
        await one.toast("cannot be read")
        assert one.control.sent == []


async def test_e_opens_the_file_at_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "vi")
    started: list[list[str]] = []

    async def run_editor(argv: list[str], takes_terminal: bool) -> str:
        started.append(argv)
        return ""

    snapshot = broken_project(tmp_path)
    async with driven(snapshot) as one:
        monkeypatch.setattr(one.app, "run_editor", run_editor)
        await one.press("P", "e")
        assert started == [["vi", "+4", str(snapshot.features["imports"].tasks["03"].task.path)]]


async def test_the_mouse_selects_and_opens() -> None:
    async with driven(pictures.messy()) as one:
        await one.press("P")
        screen = one.app.screen
        assert isinstance(screen, ProblemsScreen)
        await one.pilot.click("#problems", offset=(10, 4))
        here = screen.problem_list.here
        assert here is not None
        assert here.seq == "13"
        await one.pilot.click("#problems", offset=(10, 1))
        assert screen.problem_list.here is here


# --- pictures ---------------------------------------------------------------------------------------------------

SIZES = [(40, 12), (80, 24), (120, 36), (200, 50)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_picture(size: tuple[int, int]) -> None:
    async with driven(with_conflict(pictures.messy()), size) as one:
        await one.press("P", "j", "j")
        check_snapshot(f"problems-{size[0]}x{size[1]}", one.text)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_picture_of_a_repair(size: tuple[int, int], tmp_path: Path) -> None:
    async with driven(broken_project(tmp_path), size) as one:
        await one.press("P", "f")
        await one.until(lambda: isinstance(one.app.screen, RepairScreen))
        check_snapshot(f"repair-{size[0]}x{size[1]}", one.text)


# --- hostile text -----------------------------------------------------------------------------------------------

STEPS = [
    ["P"],
    ["P", "j", "j", "f"],
    ["P", "F"],
    ["P", "i"],
    ["P", "question_mark"],
    ["E"],
    ["E", "t"],
    ["E", "g"],
    ["E", "n"],
    ["j", "E", "n", "space"],
    ["a"],
    ["a", "tab", "tab", "space"],
    ["N"],
    ["A"],
    ["U"],
    ["exclamation_mark", "E", "s"],
]


@pytest.mark.parametrize("cleaned", [True, False], ids=["cleaned", "raw"])
@pytest.mark.parametrize("size", [(40, 12), (120, 36)], ids=["40", "120"])
async def test_hostile_text_stays_text(size: tuple[int, int], cleaned: bool) -> None:
    text = clean(pictures.HOSTILE) if cleaned else pictures.HOSTILE
    snapshot = pictures.hostile(text)
    one = next(iter(snapshot.features.values()))
    path = one.feature.path / text.replace("/", "_")
    told = replace(conflict(path, text=text), field=text, theirs=text, why=text)
    snapshot = replace(snapshot, conflicts=(told,), undo=text)
    for keys in STEPS:
        control = fakes.FakeControl(snapshot)
        control.refusals = dict.fromkeys(Do, text)
        app = make_app(control)
        async with app.run_test(size=size, notifications=True) as pilot:
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            control.put(replace(snapshot, answer=Answer(1, text, False)))
            await pilot.pause()
            shown = screen_text(app)
            assert "\x1b" not in shown
            assert "\x07" not in shown
            assert app.is_running
            assert not isinstance(app.screen, ConfirmScreen) or "A" in keys
