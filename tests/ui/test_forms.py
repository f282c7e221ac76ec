"""New tasks and new features: what a form asks, what it says is wrong, what it sends, and what it does not lose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual import events
from textual.widgets import Input

from parex_tui.run.snapshot import Answer, Command, Do, Snapshot
from parex_tui.run.states import TaskReady
from parex_tui.tasks.model import JsonValue
from parex_tui.ui.screens.choices import ChoiceScreen
from parex_tui.ui.screens.confirm import ConfirmScreen
from parex_tui.ui.screens.form import FormScreen
from parex_tui.ui.screens.main import MainScreen

from . import fakes, pictures
from .screens import check_snapshot
from .test_keys import driven

SIZES = [(60, 16), (80, 24), (120, 36)]


async def test_a_new_task_with_every_field() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("a", *"Reset mail")
        await one.press("tab", "ctrl+u", *"Mailer", "tab", "space")
        assert one.shows(ChoiceScreen)
        await one.press("space", "j", "space", "enter", "tab", "space")
        await one.press("tab", *"a.ts", "enter", *"b.ts", "tab", *"it is sent", "ctrl+s")
        wanted: dict[str, JsonValue] = {
            "title": "Reset mail",
            "suggested_agent": "Mailer",
            "depends_on": ["01", "02"],
            "parallel": True,
            "deliverables": ["a.ts", "b.ts"],
            "acceptance_criteria": ["it is sent"],
        }
        assert one.control.sent == [Command(Do.NEW_TASK, "auth-system", changes=wanted)]
        assert one.shows(MainScreen)


async def test_what_is_missing_is_said_beside_its_field_and_goes_when_it_is_there() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("a", "ctrl+s")
        assert "it cannot be empty" in one.text
        assert one.shows(FormScreen)
        await one.press("x")
        assert "it cannot be empty" not in one.text
        await one.press(*("y" * 120), "ctrl+s")
        assert "at most 100 characters, this one has 121" in one.text
        assert one.control.sent == []


async def test_esc_asks_only_when_something_was_typed() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("a", "escape")
        assert one.shows(MainScreen)
        await one.press("a", "x", "escape")
        assert one.shows(ConfirmScreen)
        await one.press("enter")
        assert one.shows(FormScreen)
        await one.press("escape", "y")
        assert one.shows(MainScreen)
        assert one.control.sent == []


async def test_tab_and_shift_tab_go_round() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("N")
        seen = []
        for key in ("tab", "tab", "tab", "tab", "shift+tab"):
            seen.append(one.app.focused.id if one.app.focused is not None else "")
            await one.press(key)
        assert seen == ["field-0", "field-1", "field-2", "field-3", "field-0"]
        assert one.app.focused is not None
        assert one.app.focused.id == "field-3"


@pytest.mark.parametrize(
    ("folder", "wrong"),
    [
        ("Login", "small letters, digits and single dashes only"),
        ("../login", "small letters, digits and single dashes only"),
        ("a--b", "small letters, digits and single dashes only"),
        ("billing", "there is a feature of that name"),
    ],
)
async def test_a_folder_that_cannot_be_is_refused_in_place(folder: str, wrong: str) -> None:
    async with driven(pictures.idle()) as one:
        await one.press("N", *folder, "tab", "x", "ctrl+s")
        assert wrong in one.text
        assert one.control.sent == []


async def test_a_new_feature_is_selected_once_it_is_there() -> None:
    snapshot = pictures.idle()
    async with driven(snapshot) as one:
        await one.press("N", *"reset-mail", "tab", *"Reset", "tab", "tab", *"all green", "ctrl+s")
        changes: dict[str, JsonValue] = {"name": "Reset", "objective": "", "exit_criteria": ["all green"]}
        assert one.control.sent == [Command(Do.NEW_FEATURE, "", note="reset-mail", changes=changes)]
        one.control.put(replace(snapshot, answer=Answer(1, "Made reset-mail", True)))
        new = fakes.small_feature("reset-mail", 0, 0)
        one.control.put(replace(snapshot, features={**snapshot.features, "reset-mail": new}))
        tree = one.main.task_tree
        await one.until(lambda: tree.selected is not None and tree.selected.feature == "reset-mail")


async def test_a_new_task_is_selected_and_a_refused_one_is_not_waited_for() -> None:
    snapshot = pictures.idle()
    view = snapshot.features["auth-system"]
    new = fakes.view(fakes.task("12", "Mail"), TaskReady(), 2)
    later = replace(snapshot, features={**snapshot.features, view.key: replace(view, tasks={**view.tasks, "12": new})})

    async with driven(snapshot) as one:
        await one.select("04")
        await one.press("a", "x", "ctrl+s")
        one.control.put(later)
        tree = one.main.task_tree
        await one.until(lambda: tree.selected is not None and tree.selected.seq == "12")
    async with driven(snapshot) as one:
        await one.select("04")
        await one.press("a", "x", "ctrl+s")
        one.control.put(replace(snapshot, answer=Answer(1, "No space left", False)))
        await one.toast("No space left")
        one.control.put(later)
        await one.until(lambda: "12" in one.app.snapshot.features["auth-system"].tasks)
        await one.pilot.pause()
        assert one.main.task_tree.selected is not None
        assert one.main.task_tree.selected.seq == "04"


async def test_a_new_feature_where_there_is_none_yet() -> None:
    async with driven(pictures.empty()) as one:
        await one.press("a")
        await one.toast("There is no feature here yet.")
        await one.press("N", *"first", "tab", "x", "ctrl+s")
        assert one.control.sent[0].do is Do.NEW_FEATURE
        one.control.put(replace(pictures.empty(), answer=Answer(1, "Made first", True)))
        await one.toast("Made first")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("new-task", ["a", "ctrl+s"]),
        ("new-feature", ["N", "x", "X", "tab", "ctrl+s"]),
        ("change-menu", ["E"]),
        ("change-status", ["E", "s"]),
        ("change-needs", ["E", "n", "G", "space"]),
        ("change-title", ["E", "t"]),
    ],
)
async def test_pictures(name: str, keys: list[str], size: tuple[int, int]) -> None:
    async with driven(pictures.idle(), size) as one:
        await one.press(*keys)
        check_snapshot(f"{name}-{size[0]}x{size[1]}", one.text)


@pytest.mark.parametrize(
    ("picture", "keys", "burst"),
    [
        (pictures.idle, ["E"], ["space", "s", "enter", "enter"]),
        (pictures.idle, ["E", "s"], ["enter", "escape", "enter"]),
        (pictures.idle, ["E", "t"], ["enter", "enter", "escape"]),
        (pictures.idle, ["a"], ["escape", "escape", "ctrl+s"]),
        (pictures.gate, ["n"], ["y", "y", "escape"]),
        (pictures.gate, ["exclamation_mark", "y"], ["enter", "enter", "escape"]),
        (pictures.idle, ["question_mark"], ["q", "escape", "enter"]),
        (pictures.messy, ["P"], ["escape", "escape", "P"]),
        (pictures.messy, ["enter"], ["escape", "escape", "escape"]),
    ],
)
async def test_keys_typed_faster_than_a_screen_closes_break_nothing(
    picture: Callable[[], Snapshot], keys: list[str], burst: list[str]
) -> None:
    async with driven(picture()) as one:
        await one.press(*keys)
        for key in burst:
            one.app.simulate_key(key)
        for _ in range(4):
            await one.pilot.pause()
        assert one.app.is_running
        assert any(isinstance(screen, MainScreen) for screen in one.app.screen_stack)
        assert len([sent for sent in one.control.sent if sent.do is Do.NEXT]) <= 1


async def test_what_was_typed_just_before_it_is_saved_too() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("a")
        for key in ("x", "y", "ctrl+s"):
            one.app.simulate_key(key)
        await one.until(lambda: bool(one.control.sent))
        assert one.control.sent[0].changes["title"] == "xy"


async def test_a_long_paste_goes_in_and_its_length_is_told() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("E", "t", "ctrl+u")
        one.app.post_message(events.Paste("x" * 150))
        await one.until(lambda: one.app.screen.query_one(Input).value == "x" * 150)
        await one.press("enter")
        assert "at most 100 characters, this one has 150" in one.text
        assert one.control.sent == []


async def test_a_paste_of_many_lines_comes_in_as_one() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    async with driven(pictures.idle()) as one:
        await one.press("E", "t", "ctrl+u")
        one.app.post_message(events.Paste(f"one\r\ntwo\tthree\x1b\x07 {family}\nend"))
        await one.until(lambda: one.app.screen.query_one(Input).value == f"one two three {family} end")


@pytest.mark.parametrize("place", [[], ["tab", "tab", "tab", "tab"]], ids=["line", "list"])
async def test_keys_after_esc_are_for_the_question_however_fast_they_come(place: list[str]) -> None:
    async with driven(pictures.idle()) as one:
        await one.press("a", *place)
        for key in ("x", "escape", "z", "escape"):
            one.app.simulate_key(key)
        for _ in range(12):
            await one.pilot.pause()
        assert one.shows(FormScreen)
        screen = one.app.screen
        assert isinstance(screen, FormScreen)
        values = screen.values()
        assert (values["deliverables"] == ["x"]) if place else (values["title"] == "x")
