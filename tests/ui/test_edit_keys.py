"""The keys that change task files: what each asks, what it sends, what it refuses, and what is said of the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input

from parex_tui.run.snapshot import Answer, Command, Do, EngineState, Snapshot
from parex_tui.tasks.files import read
from parex_tui.tasks.model import JsonValue, Status
from parex_tui.ui.changes import MENU, change_refusal, ring
from parex_tui.ui.fieldtext import Writing, from_text, to_text, writing_of
from parex_tui.ui.screens.choices import ChoiceScreen
from parex_tui.ui.screens.confirm import ConfirmScreen
from parex_tui.ui.screens.form import FormScreen
from parex_tui.ui.screens.help import HelpScreen

from . import fakes, pictures
from .test_keys import Driven, driven

DIGEST = "0" * 64
AUTH = "auth-system"


def edit(seq: str, **changes: JsonValue) -> Command:
    return Command(Do.EDIT, AUTH, seq, changes=changes, digest=DIGEST)


async def answer(one: Driven, number: int, text: str, done: bool) -> None:
    one.control.put(replace(one.control.snapshot(), answer=Answer(number, text, done)))
    await one.pilot.pause()


# --- the menu and each of its entries ---------------------------------------------------------------------------


async def test_the_menu_names_every_field_with_its_value() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("05")
        await one.press("E")
        assert one.shows(ChoiceScreen)
        for part in (
            "05 Login route",
            "status",
            "in_progress",
            "agent",
            "CoderAgent",
            "needs",
            "01, 04",
            "other field",
        ):
            assert part in one.text
        await one.press("escape")
        assert one.shows(type(one.main))
        assert one.control.sent == []


@pytest.mark.parametrize(("key", "name"), MENU)
async def test_every_entry_has_its_key_and_does_something(
    key: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "true")
    snapshot = pictures.running(tmp_path)
    view = snapshot.features[AUTH]
    pending = replace(view.tasks["05"], state=view.tasks["07"].state, task=replace(view.tasks["05"].task, agent_id=""))
    pending = replace(pending, task=replace(pending.task, status=Status.PENDING))
    snapshot = replace(snapshot, features={AUTH: replace(view, tasks={**view.tasks, "05": pending})})
    pending.task.path.parent.mkdir(parents=True)
    pending.task.path.write_text("{}")
    opened: list[list[str]] = []

    async def run_editor(argv: list[str], takes_terminal: bool) -> str:
        opened.append(argv)
        return ""

    async with driven(snapshot) as one:
        monkeypatch.setattr(one.app, "run_editor", run_editor)
        await one.select("05")
        await one.press("E", key)
        asked = one.shows(ChoiceScreen) or one.shows(FormScreen)
        assert asked or one.control.sent or opened, name


async def test_status_pending_resets_where_the_engine_knows_the_task() -> None:
    async with driven(pictures.gate()) as one:
        await one.select("08")
        await one.press("E", "s", "g", "enter")
        assert one.control.sent == [Command(Do.RESET, AUTH, "08")]


async def test_status_completed_is_checked_and_so_not_set_by_hand() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("04")
        await one.press("E", "s", "j", "j", "enter")
        assert "it is checked: `parex complete auth-system 04 'what was done'`" in one.text
        assert one.shows(ChoiceScreen)
        assert one.control.sent == []


async def test_status_completed_accepts_what_waits_for_a_person() -> None:
    async with driven(pictures.gate()) as one:
        await one.select("08")
        await one.press("E", "s", "g", "j", "j", "enter", "enter")
        assert one.control.sent == [Command(Do.ACCEPT, AUTH, "08")]


async def test_a_feature_without_task_json_has_nothing_to_change() -> None:
    snapshot = pictures.idle()
    views = {
        key: replace(view, feature=replace(view.feature, task_json=None)) for key, view in snapshot.features.items()
    }
    async with driven(replace(snapshot, features=views)) as one:
        await one.press("g", "E")
        await one.toast("This feature has no task.json.")
        await one.press("e")
        assert one.control.sent == []


async def test_the_objective_of_a_feature_is_edited_and_its_counts_are_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "vi")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    snapshot = on_disk(tmp_path / "project")
    path = tmp_path / "project" / "task.json"
    path.write_text(json.dumps({"id": AUTH, "objective": "Log in", "subtask_count": 3}))
    view = snapshot.features[AUTH]
    view = replace(view, feature=replace(view.feature, task_json=path))
    writer = Writer("Log in and out\n")
    async with driven(replace(snapshot, features={AUTH: view})) as one:
        monkeypatch.setattr(one.app, "run_editor", writer)
        await one.press("g", "E")
        assert "subtask_count" not in one.text
        await one.press("escape")
        await pick_field(one, "objective", "E", "g")
        await one.until(lambda: bool(one.control.sent))
        changes = {"objective": "Log in and out"}
        assert one.control.sent == [Command(Do.EDIT, AUTH, "", changes=changes, digest=read(path).digest)]
        assert writer.found == "Log in\n"


async def test_status_blocked_and_in_progress_go_by_their_own_commands() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("04")
        await one.press("E", "s", "G", "enter")
        assert one.control.sent == [Command(Do.BLOCK, AUTH, "04", digest=DIGEST)]
        await one.press("E", "s", "j", "enter")
        assert one.shows(FormScreen)
        await one.press("enter")
        assert one.control.sent[1:] == [Command(Do.START, AUTH, "04", "CoderAgent", digest=DIGEST)]


async def test_the_same_status_is_not_sent() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("04")
        await one.press("E", "s", "enter")
        assert one.control.sent == []


async def test_the_status_of_a_running_task_stays_and_the_reason_is_shown() -> None:
    async with driven(pictures.running()) as one:
        await one.select("05")
        await one.press("E")
        assert "parex runs it and keeps its status" in one.text
        await one.press("s")
        assert one.shows(ChoiceScreen)
        assert one.control.sent == []
        await one.press("p")
        assert one.control.sent == [edit("05", parallel=False)]


async def test_title_is_typed_and_sent_only_where_it_is_another() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("04")
        await one.press("E", "t")
        assert one.app.screen.query_one(Input).value == "Password hashing"
        await one.press("enter")
        assert one.control.sent == []
        await one.press("E", "t", "end", *" 2", "enter")
        assert one.control.sent == [edit("04", title="Password hashing 2")]


async def test_an_empty_title_is_refused_in_place() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("04")
        await one.press("E", "t", "ctrl+u", "enter")
        assert "it cannot be empty" in one.text
        assert one.control.sent == []


async def test_agents_of_the_project_are_offered_and_any_other_can_be_typed() -> None:
    snapshot = pictures.idle()
    view = snapshot.features[AUTH]
    six = replace(view.tasks["06"], task=replace(view.tasks["06"].task, suggested_agent="TestEngineer"))
    async with driven(replace(snapshot, features={AUTH: replace(view, tasks={**view.tasks, "06": six})})) as one:
        await one.select("04")
        await one.press("E", "g")
        assert "TestEngineer" in one.text
        await one.press("j", "enter")
        assert one.control.sent == [edit("04", suggested_agent="TestEngineer")]
        await one.press("E", "g", "G", "enter", "ctrl+u", *"Mine", "enter")
        assert one.control.sent[1:] == [edit("04", suggested_agent="Mine")]


async def test_needs_are_marked_and_keep_the_order_on_disk() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("05")
        await one.press("E", "n", "j", "space", "g", "enter")
        assert one.control.sent == [edit("05", depends_on=["01", "04", "02"])]
        await one.press("E", "n", "enter")
        assert len(one.control.sent) == 1


async def test_a_cycle_is_refused_at_once_and_named() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("05")
        await one.press("E", "n", "G", "space")
        assert "needs this task" in one.text
        assert "That would be a cycle: 05 needs 11 needs 05." in one.text
        await one.press("enter")
        assert one.control.sent == []


async def test_a_file_that_is_no_json_is_not_changed() -> None:
    async with driven(pictures.messy()) as one:
        await one.select("03")
        await one.press("E")
        assert "repair it first (P)" in one.text
        await one.press("t")
        assert one.control.sent == []


async def test_undo_says_what_there_is_and_what_came_of_it() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("U")
        await one.toast("There is nothing to undo.")
        one.control.put(replace(pictures.idle(), undo="title of 04"))
        await one.until(lambda: bool(one.app.snapshot.undo))
        await one.press("U")
        assert one.control.sent == [Command(Do.UNDO, "")]
        await answer(one, 1, "Took back: title of 04", True)
        await one.until(lambda: "Took back: title of 04." in one.text)


async def test_an_answer_is_said_once_and_a_refusal_is_a_toast() -> None:
    async with driven(replace(pictures.idle(), answer=Answer(7, "of long ago", True))) as one:
        assert "of long ago" not in one.text
        await answer(one, 8, "The file changed meanwhile", False)
        await one.toast("The file changed meanwhile")
        await answer(one, 8, "The file changed meanwhile", False)
        await one.press("j", "k")
        assert one.said.count("The file changed meanwhile") == 1


# --- archive ----------------------------------------------------------------------------------------------------


def with_feature(snapshot: Snapshot, **more: object) -> Snapshot:
    view = snapshot.features["billing"]
    feature = replace(view.feature, **more)  # type: ignore[arg-type]  # the fields of Feature, by name
    return replace(snapshot, features={**snapshot.features, "billing": replace(view, feature=feature)})


async def test_archive_asks_and_refuses_what_is_not_completed() -> None:
    snapshot = pictures.idle()
    done = tuple(replace(one, status=Status.COMPLETED) for one in snapshot.features["billing"].feature.tasks)
    async with driven(snapshot) as one:
        await one.press("G", "A")
        await one.toast("Cannot archive: 0/6 tasks completed.")
        one.control.put(with_feature(snapshot, tasks=done))
        await one.until(lambda: one.app.snapshot.version > 1)
        await one.press("A")
        assert one.shows(ConfirmScreen)
        await one.press("enter")
        assert one.control.sent == []
        await one.press("A", "y")
        assert one.control.sent == [Command(Do.ARCHIVE, "billing")]
        one.control.put(with_feature(snapshot, tasks=done, archived=True))
        await one.until(lambda: "archived" in one.text)
        await one.press("A", "y")
        assert one.control.sent[1:] == [Command(Do.UNARCHIVE, "billing")]
        await one.press("a")
        await one.toast("It is archived")


async def test_what_another_parex_runs_keeps_its_status_here() -> None:
    snapshot = pictures.idle()
    view = replace(snapshot.features[AUTH], engine=EngineState.ELSEWHERE)
    for name in ("change_status", "start", "block", "archive"):
        assert "nother parex runs" in change_refusal(name, snapshot, view, view.tasks["04"])
    assert change_refusal("change_title", snapshot, view, view.tasks["04"]) == ""


# --- any field, in the editor -----------------------------------------------------------------------------------

FIELDS = {
    "seq": "05",
    "title": "Login",
    "deliverables": ["a.ts", "b.ts"],
    "effort": "medium",
    "tags": {"api": [1]},
    "completion_summary": None,
}


def on_disk(root: Path) -> Snapshot:
    snapshot = pictures.running(root)
    path = snapshot.features[AUTH].tasks["05"].task.path
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(FIELDS))
    return snapshot


class Writer:
    """An editor that finds one text and leaves another."""

    def __init__(self, text: str | None) -> None:
        self.text, self.found, self.path = text, "", Path()

    async def __call__(self, argv: list[str], takes_terminal: bool) -> str:
        self.path = Path(argv[-1])
        assert self.path.stat().st_mode & 0o077 == 0 or self.path.parent.stat().st_mode & 0o077 == 0
        self.found = self.path.read_text()
        if self.text is not None:
            self.path.write_text(self.text)
        return ""


@pytest.mark.parametrize(
    ("field", "found", "left", "value"),
    [
        ("deliverables", "a.ts\nb.ts\n", "a.ts\n\nc d.ts", ["a.ts", "c d.ts"]),
        ("effort", "medium\n", "high\nand long\n", "high\nand long"),
        ("tags", '{\n  "api": [\n    1\n  ]\n}\n', '{"api": null}', {"api": None}),
        ("completion_summary", "\n", "Did it.\n", "Did it."),
        ("acceptance_criteria", "", "it works\n", ["it works"]),
        ("verification", "null\n", '[{"type": "command"}]', [{"type": "command"}]),
    ],
)
async def test_a_field_is_edited_as_text_and_its_type_is_kept(
    field: str, found: str, left: str, value: JsonValue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "vi")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    snapshot = on_disk(tmp_path / "project")
    writer = Writer(left)
    async with driven(snapshot) as one:
        monkeypatch.setattr(one.app, "run_editor", writer)
        await one.select("05")
        await pick_field(one, field)
        await one.until(lambda: bool(one.control.sent))
        digest = read(snapshot.features[AUTH].tasks["05"].task.path).digest
        assert one.control.sent == [Command(Do.EDIT, AUTH, "05", changes={field: value}, digest=digest)]
        assert writer.found == found
        assert writer.path.exists()  # until the answer is there
        await answer(one, 1, "Set it", True)
        await one.until(lambda: not writer.path.exists())


async def pick_field(one: Driven, field: str, *keys: str) -> None:
    await one.press(*(keys or ("E", "f", "g")))
    for _ in range(20):
        row = next(row for row in one.app.screen.query_one("#box").shown() if row.selected)  # type: ignore[attr-defined]
        if field in row.text:
            await one.press("enter")
            return
        await one.press("j")
    raise AssertionError(field)


async def test_what_cannot_be_sent_is_kept_and_its_place_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "vi")
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    writer = Writer('{"api": ')
    async with driven(on_disk(tmp_path / "project")) as one:
        monkeypatch.setattr(one.app, "run_editor", writer)
        await one.select("05")
        await pick_field(one, "tags")
        await one.toast("not valid JSON")
        assert one.control.sent == []
        assert any(str(writer.path) in text for text in one.said)
        assert writer.path.read_text() == '{"api": '
        writer.text = '{"api": 2}'
        await pick_field(one, "tags")
        await answer(one, 1, "The file was changed meanwhile", False)
        await one.toast(f"Your text is kept in {writer.path}")
        assert writer.path.read_text() == '{"api": 2}'
        writer.text = None
        await pick_field(one, "tags")
        await one.toast("Nothing was changed.")
        assert not writer.path.exists()


_scalars = st.none() | st.booleans() | st.integers() | st.text()
_values = st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(st.sampled_from(["deliverables", "completion_summary", "verification", "mine"]), _values)
def test_what_nobody_changed_comes_back_as_it_was(name: str, value: JsonValue) -> None:
    writing = writing_of(name, value)
    text = to_text(value, writing)
    text.encode()
    back = from_text(text, writing, value)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("text", ["{", "[NaN]", '{"a": 1, "a": 2}', "[" * 100_000, "", "1 2"])
def test_what_is_no_json_is_said_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|twice") as error:
        from_text(text, Writing.JSON, {})
    assert "\n" not in str(error.value)


# --- cycles -----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12), st.sets(st.integers(0, 5), max_size=3))
def test_a_cycle_is_found_exactly_where_there_is_one(edges: list[tuple[int, int]], new: set[int]) -> None:
    needs = {str(n): tuple(str(b) for a, b in edges if a == n and n) for n in range(6)}
    tasks = [
        fakes.view(fakes.task(seq, seq, needs=found), pictures.idle().features[AUTH].tasks["04"].state, 1)
        for seq, found in needs.items()
    ]
    view = fakes.feature_view(tasks, ())
    wanted = tuple(str(n) for n in sorted(new))
    cycle = ring(view, "0", wanted)
    reached, waiting = set[str](), list(wanted)
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting += needs[here]
    assert bool(cycle) == ("0" in reached)
    if cycle:
        assert cycle[0] == cycle[-1] == "0"
        assert cycle[1] in wanted
        assert all(after in needs[before] for before, after in pairwise(cycle[1:]))


# --- help and the palette ---------------------------------------------------------------------------------------


async def test_help_tells_the_keys_of_the_menu() -> None:
    async with driven(pictures.idle(), (100, 60)) as one:
        await one.press("question_mark")
        assert one.shows(HelpScreen)
        seen = one.text
        for _ in range(6):
            await one.press("pagedown")
            seen += one.text
        for part in (
            "E s",
            "status: agent: file: feature: problem: seq:",
            "-word turns a condition round",
            "Set the task's status",
            "Take the last change",
            "Add a task to the feature",
            "Archive a completed",
        ):
            assert part in seen


async def test_the_palette_has_what_has_no_key() -> None:
    async with driven(pictures.idle()) as one:
        await one.select("04")
        await one.press("colon", *"block")
        await one.until(lambda: "Set the task to blocked" in one.text)
        await one.press("enter")
        await one.until(lambda: bool(one.control.sent))
        assert one.control.sent == [Command(Do.BLOCK, AUTH, "04", digest=DIGEST)]
