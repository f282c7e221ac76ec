"""Finding and reading a task with the keys and the mouse: the find line, the overview's items, the JSON's problems."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from parex_tui.run.snapshot import Snapshot
from parex_tui.tasks.model import ContextRef
from parex_tui.tasks.problems import Problem, Severity
from parex_tui.tasks.text import clean
from parex_tui.ui.rows import RowKind
from parex_tui.ui.screens.main import MainScreen
from parex_tui.ui.screens.problems import ProblemsScreen
from parex_tui.ui.screens.task import TABS, TaskScreen
from parex_tui.ui.widgets.find import FindLine
from parex_tui.ui.widgets.reader import Reader

from . import fakes, pictures
from .screens import make_app, screen_text
from .test_keys import Driven, driven


def selected(one: Driven) -> str:
    task = one.main.task_tree.task_view()
    assert task is not None
    return task.seq


def opened(one: Driven) -> TaskScreen:
    screen = one.app.screen
    assert isinstance(screen, TaskScreen)
    return screen


class Editor:
    """Stands in for the person's editor and writes down what it was started with."""

    def __init__(self, one: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISUAL", "vim")
        self.started: list[list[str]] = []
        monkeypatch.setattr(one.app, "run_editor", self.run)

    async def run(self, argv: list[str], takes_terminal: bool) -> str:
        assert takes_terminal
        self.started.append(argv[1:])
        return ""


# --- the find line ------------------------------------------------------------------------------------------------


async def test_the_find_line_counts_moves_keeps_and_clears() -> None:
    async with driven(pictures.running()) as one:
        await one.press("slash", *"auth system")
        assert "11 of 26" in one.text
        assert "1 Tasks  find auth system" in one.text
        assert one.main.query_one(FindLine).has_focus
        assert selected(one) == "01", "the first match, wherever the cursor was"
        await one.press("down", "down", "down")
        assert selected(one) == "04"  # over the batch's row between
        await one.press("up")
        assert selected(one) == "03"
        await one.press("enter")
        assert one.main.task_tree.has_focus
        assert "11 of 26" in one.text
        await one.press("slash", *" login")
        assert one.main.query_one(FindLine).value == "auth system login"
        assert "1 of 26" in one.text
        assert selected(one) == "05"
        await one.press("enter", "escape")
        assert "find" not in one.text.splitlines()[1]
        assert selected(one) == "05"


async def test_what_a_find_hides_cannot_be_acted_on() -> None:
    async with driven(pictures.running()) as one:
        await one.press("slash", *"zzzz", "enter")
        assert "nothing matches" in one.text
        assert one.main.task_tree.task_view() is None
        assert one.main.task_tree.feature_view() is None
        await one.press("E", "x", "r", "u", "enter")
        assert one.control.sent == []
        assert not one.app.screen.is_modal
        await one.press("escape")
        assert one.main.task_tree.task_view() is not None


async def test_a_slip_of_the_keys_is_told_above_the_rows() -> None:
    async with driven(pictures.running(), (80, 24)) as one:
        await one.press("slash", *"status:faild")
        assert 'No status is called "faild". Did you mean failed?' in one.text
        assert "nothing matches" in one.text
        assert "0 of 26" in one.text
        await one.press("backspace", "backspace", "l", "e", "d")
        assert "No status" not in one.text
        assert selected(one) == "08"


async def test_rows_below_a_complaint_are_clicked_where_they_are() -> None:
    async with driven(pictures.running()) as one:
        await one.press("slash", *"-status:faild", "enter")
        tree = one.main.task_tree
        rows = one.text.splitlines()
        y = next(y for y, row in enumerate(rows) if "04 Password hashing" in row)
        await one.pilot.click("#tree", offset=(12, y - 1))
        assert selected(one) == "04"
        assert len(tree.pinned(tree.text_width)) > 1
        before = tree.selected
        await one.pilot.click("#tree", offset=(12, 1))
        assert tree.selected == before


async def test_find_comes_to_the_tree_from_the_panes_and_from_the_zoom() -> None:
    async with driven(pictures.running(), (80, 24)) as one:
        await one.press("tab", "slash", *"logout")
        assert "08 Logout" in one.text
        assert "1 of 26" in one.text
    async with driven(pictures.running()) as one:
        await one.press("z", "slash", *"logout")
        assert "1 of 26" in one.text


async def test_what_is_archived_is_found() -> None:
    async with driven(pictures.messy()) as one:
        await one.press("slash", *"feature:old-login 03", "enter")
        assert [row.id.seq for row in one.main.task_tree.rows if row.id.kind is RowKind.TASK] == ["03"]
        await one.press("enter")
        assert "03 Step 3" in one.text


# --- the overview -------------------------------------------------------------------------------------------------


def project(root: Path) -> Snapshot:
    """The running feature, with some of the files of task 05 on the disk."""
    (root / "src/auth").mkdir(parents=True)
    (root / "src/auth/login.ts").write_text("x\n")
    (root / "docs").mkdir()
    (root / "docs/auth.md").write_text("y\n" * 60)
    for name in ("src/auth/login.ts", "docs/auth.md"):
        os.utime(root / name, (fakes.NOW - 5000, fakes.NOW - 5000))
    file = root / ".tmp/tasks/auth-system/subtask_05.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}\n")
    snapshot = pictures.running(root)
    view = snapshot.features["auth-system"]
    five = view.tasks["05"]
    changed = replace(
        five.task,
        context_files=(
            ContextRef("docs/auth.md", ((10, 50),), "the token format"),
            ContextRef("/Users/me/shop/docs/auth.md"),
            ContextRef("https://example.org/rfc"),
            ContextRef("/etc/passwd"),
        ),
    )
    tasks = {**view.tasks, "05": replace(five, task=changed)}
    return replace(snapshot, features={**snapshot.features, view.key: replace(view, tasks=tasks)})


async def test_files_are_chosen_and_opened_at_their_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with driven(project(tmp_path)) as one:
        editor = Editor(one, monkeypatch)
        await one.press("enter", "2", "j", "enter")
        assert editor.started == [[str(tmp_path / "src/auth/login.ts")]]
        await one.press("j", "enter")
        await one.toast("There is no such file yet.")
        await one.press("j", "enter")
        assert editor.started[1:] == [["+10", str(tmp_path / "docs/auth.md")]]
        await one.press("j")
        assert "here as docs/auth.md" in one.text
        await one.press("enter")
        assert editor.started[2:] == [[str(tmp_path / "docs/auth.md")]]
        await one.press("j", "enter")
        await one.toast("This is a web address")
        await one.press("j", "enter")
        await one.toast("outside the project")
        assert len(editor.started) == 3


async def test_a_file_that_became_a_link_out_of_the_project_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    async with driven(project(root)) as one:
        editor = Editor(one, monkeypatch)
        await one.press("enter", "2", "j")
        (tmp_path / "secret").write_text("x")
        (root / "src/auth/login.ts").unlink()
        (root / "src/auth/login.ts").symlink_to(tmp_path / "secret")
        await one.press("enter")
        assert editor.started == []
        await one.toast("outside the project")


async def test_e_opens_the_json_whatever_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with driven(project(tmp_path)) as one:
        editor = Editor(one, monkeypatch)
        await one.press("enter", "2", "e", "j")
        assert "e edit JSON" in one.text
        await one.press("e")
        assert editor.started == [[str(tmp_path / ".tmp/tasks/auth-system/subtask_05.json")]] * 2


async def test_problems_are_shown_from_an_opened_task(tmp_path: Path) -> None:
    async with driven(with_problems(tmp_path)) as one:
        await one.press("enter", "P")
        assert one.shows(ProblemsScreen)


async def test_what_changed_since_the_attempt_began_is_said(tmp_path: Path) -> None:
    snapshot = project(tmp_path)
    os.utime(tmp_path / "docs/auth.md", (fakes.NOW - 5, fakes.NOW - 5))
    async with driven(snapshot) as one:
        await one.press("enter", "2")
        rows = one.text.splitlines()
        assert next(row for row in rows if "src/auth/login.ts" in row).rstrip(" │┃").endswith("exists")
        assert "changed since 14:00, when attempt 1 began" in next(row for row in rows if "docs/auth.md:10-50" in row)
        assert "not there yet" in next(row for row in rows if "tests/login.test.ts" in row)


async def test_neighbours_both_ways_are_gone_to_and_esc_comes_back() -> None:
    async with driven(pictures.running()) as one:
        await one.press("enter", "2")
        assert "depends on" in one.text
        assert "needed by" in one.text
        reader = opened(one).query_one(Reader)
        while reader.item is None or reader.item.seq != "09":
            await one.press("j")
        assert "enter to 09" in one.text
        await one.press("enter")
        assert "09 Session list" in one.text.splitlines()[3]
        assert TABS[opened(one).tab_index] == "Overview"
        await one.press("escape")
        assert "05 Login route" in one.text.splitlines()[3]
        await one.press("escape")
        assert one.shows(MainScreen)


async def test_the_mouse_chooses_and_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with driven(project(tmp_path)) as one:
        editor = Editor(one, monkeypatch)
        await one.press("enter", "2")
        rows = one.text.splitlines()
        y = next(y for y, row in enumerate(rows) if "docs/auth.md:10-50" in row)
        await one.pilot.click("#reader", offset=(20, y - 2))
        assert editor.started == []
        item = opened(one).query_one(Reader).item
        assert item is not None
        assert item.reference is not None
        assert item.reference.text == "docs/auth.md:10-50"
        await one.pilot.click("#reader", offset=(20, y - 2), times=2)
        await one.until(lambda: editor.started == [["+10", str(tmp_path / "docs/auth.md")]])


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 50)])
async def test_every_item_and_every_line_is_reached_with_one_key(size: tuple[int, int]) -> None:
    async with driven(pictures.running(), size) as one:
        await one.press("enter", "2")
        reader = opened(one).query_one(Reader)
        chosen: list[str] = []
        tops = [reader.top]
        for _ in range(90):
            await one.press("j")
            if reader.item is not None and reader.item.key not in chosen:
                chosen.append(reader.item.key)
            tops.append(reader.top)
        assert [key.split()[0] for key in chosen[:4]] == ["deliverable", "deliverable", "context", "reference"]
        assert any(key.startswith("needed by") for key in chosen)
        assert reader.top == reader.limit()
        assert all(after - before <= 3 for before, after in pairwise(tops))


# --- the JSON -----------------------------------------------------------------------------------------------------


def with_problems(root: Path) -> Snapshot:
    snapshot = project(root)
    view = snapshot.features["auth-system"]
    five = view.tasks["05"]
    path = five.task.path
    path.write_text("{\n" + "".join(f'  "field{number}": "value {number}",\n' for number in range(60)) + "}\n")
    problems = (
        Problem(Severity.NOTE, "count", path, "it has no place"),
        Problem(Severity.WARNING, "twice", path, "it stands twice", "take one away", 12, 3),
        Problem(Severity.ERROR, "json.invalid", path, "a comma is missing", "add it", 50, 7),
    )
    tasks = {**view.tasks, "05": replace(five, task=replace(five.task, problems=problems))}
    return replace(snapshot, features={**snapshot.features, view.key: replace(view, tasks=tasks)})


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_problems_are_marked_gone_through_and_opened_at_their_line(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driven(with_problems(tmp_path), size) as one:
        editor = Editor(one, monkeypatch)
        file = str(tmp_path / ".tmp/tasks/auth-system/subtask_05.json")
        await one.press("enter", "2", "exclamation_mark")
        assert "subtask_05.json" in one.text
        assert "it has no place" in one.text
        await one.press("e")
        await one.press("exclamation_mark")
        assert "column 3: it stands twice; take one away" in one.text
        assert "⚠12" in one.text
        await one.press("e", "exclamation_mark")
        assert "column 7: a comma is missing; add it" in one.text
        await one.press("e", "exclamation_mark")
        assert "it has no place" in one.text
        assert editor.started == [["+1", file], ["+12", file], ["+50", file]]


async def test_the_json_opens_at_its_first_problem_or_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driven(with_problems(tmp_path)) as one:
        editor = Editor(one, monkeypatch)
        await one.press("enter", "3", "e")
        assert [argv[0] for argv in editor.started] == ["+1"]


async def test_finding_in_the_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with driven(with_problems(tmp_path), (80, 24)) as one:
        editor = Editor(one, monkeypatch)
        await one.press("enter", "3", "slash", *"VALUE 4")
        assert "find VALUE 4  1 of 11" in one.text
        await one.press("down")
        assert "2 of 11" in one.text
        await one.press("enter", "n")
        assert "3 of 11" in one.text
        assert '"field41": "value 41"' in one.text
        await one.press("N", "N", "N")
        assert "11 of 11" in one.text
        await one.press("e")
        assert editor.started[0][0] == "+51"
        await one.press("escape")
        assert "11 of 11" not in one.text
        assert "subtask_05.json" in one.text
        await one.press("slash", *"zzz")
        assert "find zzz  not here" in one.text
        await one.press("escape", "n")
        await one.toast("Find something first")
        await one.press("escape")
        assert one.shows(MainScreen)


async def test_finding_in_other_tabs() -> None:
    async with driven(pictures.running()) as one:
        await one.press("enter", "slash")
        await one.toast("Finding works in the other tabs")
    async with driven(pictures.running()) as one:
        await one.press("enter", "2", "slash", *"rate limit")
        assert "find rate limit  1 of 1" in one.text
        await one.press("enter", "4", "slash", *"sonnet")
        assert "find sonnet  1 of" in one.text
        await one.press("escape", "escape")
        assert one.shows(MainScreen)


async def test_a_task_without_a_problem_says_so() -> None:
    async with driven(pictures.running()) as one:
        await one.press("enter", "exclamation_mark")
        await one.toast("Nothing is wrong")


# --- what is stale ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_what_is_stale_is_said_with_since_when_and_one_key_resets_it(size: tuple[int, int]) -> None:
    async with driven(pictures.messy(), size) as one:
        await one.select("05")
        row = next(row for row in one.text.splitlines() if "05 Old runs" in row)
        assert "stale 3 h" in row
        if size[0] >= 100:
            assert "Stale: unchanged since 2026-01-31" in one.text
        else:
            assert "unchanged since 2026-01-31 10:59" in row
        assert "u reset" in one.text.splitlines()[-1]
        await one.press("enter")
        assert "Stale: unchanged since 2026-01-31 10:59 (3 h), and nobody works on it." in one.text
        assert "u reset" in one.text.splitlines()[-1]


# --- hostile text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cleaned", [True, False], ids=["cleaned", "raw"])
@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["80", "120"])
async def test_hostile_text_stays_text(size: tuple[int, int], cleaned: bool, tmp_path: Path) -> None:
    text = clean(pictures.HOSTILE) if cleaned else pictures.HOSTILE
    for keys in (
        ["slash", "a", "g", "e", "n", "t", "colon", "z"],
        ["slash", "s", "t", "a", "t", "u", "s", "colon", "z", "enter"],
        ["slash", "f", "e", "a", "t", "u", "r", "e", "colon", "z"],
        ["slash", "left_square_bracket", "slash", "right_square_bracket", "enter"],
        ["enter", "2", "j", "enter", "j", "enter", "j", "e"],
        ["enter", "2", "slash", "c", "l", "i", "enter", "n", "n"],
        ["enter", "3", "exclamation_mark", "slash", "left_square_bracket"],
        ["enter", "exclamation_mark", "e"],
    ):
        app = make_app(fakes.FakeControl(pictures.hostile(text)))
        async with app.run_test(size=size, notifications=True) as pilot:
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            shown = screen_text(app)
            assert "\x1b" not in shown
            assert "\x07" not in shown
            assert app.is_running
