"""Every key, pressed: what it sends, what it asks, what it shows, and what it says where it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.message import Message
from textual.notifications import Notify
from textual.pilot import Pilot
from textual.widgets import Input

from parex_tui.run.snapshot import BatchState, Command, Do, EngineState, Holder, Snapshot
from parex_tui.run.states import TaskBlocked, TaskVerified
from parex_tui.ui.app import ParexApp
from parex_tui.ui.app_base import ExitRequest
from parex_tui.ui.screens.confirm import ConfirmScreen, QuitScreen
from parex_tui.ui.screens.help import HelpScreen
from parex_tui.ui.screens.main import MainScreen
from parex_tui.ui.screens.small import SmallScreen
from parex_tui.ui.screens.task import TABS, TaskScreen
from parex_tui.ui.widgets.pane import Pane

from . import fakes, pictures
from .fakes import NOW
from .screens import make_app, screen_text


class Driven:
    """An app under a pilot, with what a test asks of it."""

    def __init__(self, app: ParexApp, control: fakes.FakeControl, pilot: Pilot[ExitRequest]) -> None:
        self.app, self.control, self.pilot = app, control, pilot
        self.said: list[str] = []

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def select(self, seq: str) -> None:
        """Go to a task with the keys that a person has."""
        await self.press("g")
        for _ in range(40):
            task = self.main.task_tree.task_view()
            if task is not None and task.seq == seq:
                return
            await self.press("j")
        raise AssertionError(seq)

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(400):
            if condition():
                return
            await asyncio.sleep(0.01)
            await self.pilot.pause()
        raise AssertionError("it did not come true")

    @property
    def main(self) -> MainScreen:
        return next(screen for screen in self.app.screen_stack if isinstance(screen, MainScreen))

    def shows(self, kind: type[object]) -> bool:
        """Whether a screen of that kind is on top."""
        return isinstance(self.app.screen, kind)

    @property
    def text(self) -> str:
        return screen_text(self.app)

    async def toast(self, part: str) -> None:
        await self.until(lambda: any(part in text for text in self.said))


@asynccontextmanager
async def driven(snapshot: Snapshot, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Driven]:
    control = fakes.FakeControl(snapshot)
    app = make_app(control)
    said: list[str] = []

    def listen(message: Message) -> None:
        if isinstance(message, Notify):
            said.append(message.notification.message)

    async with app.run_test(size=size, notifications=True, message_hook=listen) as pilot:
        await pilot.pause()
        one = Driven(app, control, pilot)
        one.said = said
        yield one


Step = Callable[[Driven], Awaitable[None]]


async def test_r_runs_the_batch() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("r")
        assert one.control.sent == [Command(Do.RUN, "auth-system")]


async def test_r_retries_a_failed_task_and_the_footer_says_so() -> None:
    async with driven(pictures.gate()) as one:
        await one.select("08")
        assert "r retry" in one.text.splitlines()[-1]
        await one.press("r")
        assert one.control.sent == [Command(Do.RETRY, "auth-system", "08")]


async def test_r_is_refused_while_it_runs_and_says_why() -> None:
    async with driven(pictures.running()) as one:
        await one.press("r")
        assert one.control.sent == []
        await one.toast("It runs already.")


async def test_what_the_engine_refuses_is_said_literally() -> None:
    async with driven(pictures.idle()) as one:
        one.control.refusals[Do.RUN] = "opencode [/] is not installed"
        await one.press("r")
        await one.toast("opencode [/] is not installed")


async def test_retry_all_failed() -> None:
    async with driven(pictures.gate()) as one:
        await one.press("R")
        assert one.control.sent == [Command(Do.RETRY_FAILED, "auth-system")]


async def test_next_batch_names_what_is_undecided_and_defaults_to_no() -> None:
    async with driven(pictures.gate()) as one:
        await one.press("n")
        assert one.shows(ConfirmScreen)
        assert "06 JWT service  undecided" in one.text
        assert "08 Logout  failed" in one.text
        await one.press("enter")
        assert one.control.sent == []
        await one.press("n", "y")
        assert one.control.sent == [Command(Do.NEXT, "auth-system")]


@pytest.mark.parametrize(
    ("picture", "seq", "key", "named", "command"),
    [
        (pictures.running, "05", "x", "05 Login route", Command(Do.STOP, "auth-system", "05")),
        (pictures.running, "05", "X", "06 JWT service", Command(Do.STOP_ALL, "auth-system")),
        (pictures.gate, "08", "s", "08 Logout", Command(Do.SKIP, "auth-system", "08")),
        (pictures.messy, "04", "u", "04 Check totals", Command(Do.RESET, "legacy-import", "04")),
        (pictures.messy, "05", "u", "05 Old runs", Command(Do.RESET, "legacy-import", "05")),
    ],
)
async def test_what_takes_something_away_asks_first(
    picture: Callable[[], Snapshot], seq: str, key: str, named: str, command: Command
) -> None:
    async with driven(picture()) as one:
        await one.select(seq)
        await one.press(key)
        assert one.shows(ConfirmScreen)
        assert named in one.text
        for no in ("escape", "n", "enter"):
            await one.press(no)
            assert one.control.sent == []
            await one.press(key)
        await one.press("y")
        assert one.control.sent == [command]


async def test_accept_takes_an_optional_note() -> None:
    async with driven(pictures.gate()) as one:
        await one.select("06")
        await one.press("y", "escape")
        assert one.control.sent == []
        await one.press("y", *"ok", "space", *"q", "enter")
        assert one.control.sent == [Command(Do.ACCEPT, "auth-system", "06", "ok q")]
        await one.press("y", "enter")
        assert one.control.sent[1:] == [Command(Do.ACCEPT, "auth-system", "06", "")]


async def test_pause() -> None:
    async with driven(pictures.running()) as one:
        await one.press("p")
        assert one.control.sent == [Command(Do.PAUSE, "auth-system")]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("R", "No task has failed."),
        ("n", "No batch is held."),
        ("x", "This task does not run."),
        ("X", "Nothing runs in this feature."),
        ("y", "There is nothing to accept"),
        ("u", "Its file says pending already."),
        ("p", "Nothing is being started."),
        ("exclamation_mark", "Nothing has failed and nothing waits for a review."),
        ("tab", "there is no pane"),
        ("z", "this task has no output"),
    ],
)
async def test_a_refused_key_says_why(key: str, reason: str) -> None:
    async with driven(pictures.idle()) as one:
        await one.press(key)
        await one.toast(reason)
        assert one.control.sent == []


def elsewhere(holder: Holder | None = None, snapshot: Snapshot | None = None) -> Snapshot:
    """The picture as it is where another parex runs the feature."""
    found = snapshot or pictures.gate()
    view = replace(found.features["auth-system"], engine=EngineState.ELSEWHERE, holder=holder)
    return replace(found, features={view.key: view})


async def test_what_another_parex_runs_is_not_decided_here() -> None:
    async with driven(elsewhere()) as one:
        await one.select("08")
        await one.press("r", "R", "n", "y", "s", "u", "p")
        assert one.control.sent == []
        await one.toast("Another parex runs this feature: T takes it over.")


async def test_what_another_parex_runs_can_be_stopped_here() -> None:
    async with driven(elsewhere(snapshot=pictures.running())) as one:
        await one.select("05")
        await one.press("x", "y", "X", "y")
        assert one.control.sent == [
            Command(Do.STOP, "auth-system", "05"),
            Command(Do.STOP_ALL, "auth-system"),
        ]


@pytest.mark.parametrize(
    ("holder", "told"),
    [
        (None, "Another parex runs this feature."),
        (Holder(412, "tidepool", NOW), "Another parex runs this feature (process 412 on tidepool)."),
        (
            Holder(412, "tidepool", NOW, screen=False, going=True),
            "parex runs this feature without a screen (process 412 on tidepool).",
        ),
    ],
)
async def test_taking_over_names_who_has_it_and_asks(holder: Holder | None, told: str) -> None:
    async with driven(elsewhere(holder)) as one:
        assert told in one.text
        await one.press("T")
        assert one.shows(ConfirmScreen)
        await one.press("n")
        assert one.control.sent == []
        await one.press("T", "y")
        assert one.control.sent == [Command(Do.TAKE, "auth-system")]


async def test_a_stalled_attempt_is_said_and_not_called_failed() -> None:
    snapshot = pictures.running()
    view = snapshot.features["auth-system"]
    tasks = {**view.tasks, "05": replace(view.tasks["05"], stalled=NOW - 720)}
    async with driven(replace(snapshot, features={view.key: replace(view, tasks=tasks)}), (120, 36)) as one:
        assert one.text.count("stalled? 12 m") >= 2  # in the tree and in its pane


async def test_a_suspended_attempt_is_said_before_anything_that_follows_from_it() -> None:
    snapshot = pictures.running()
    view = snapshot.features["auth-system"]
    tasks = {**view.tasks, "05": replace(view.tasks["05"], suspended=NOW - 180, stalled=NOW - 720)}
    async with driven(replace(snapshot, features={view.key: replace(view, tasks=tasks)}), (120, 36)) as one:
        assert one.text.count("suspended 3 m") >= 2  # in the tree and in its pane
        assert "stalled" not in one.text


async def test_there_is_nothing_to_take_over_where_the_run_is_here() -> None:
    async with driven(pictures.gate()) as one:
        await one.press("T")
        await one.toast("No other parex runs this feature.")
        assert one.control.sent == []


async def test_next_failure_goes_round() -> None:
    async with driven(pictures.gate()) as one:
        await one.press("g")
        seen = []
        for _ in range(3):
            await one.press("exclamation_mark")
            task = one.main.task_tree.task_view()
            seen.append(task.seq if task is not None else "")
        assert seen == ["06", "08", "06"]


async def test_moving_and_folding() -> None:
    async with driven(pictures.running()) as one:
        tree = one.main.task_tree
        await one.press("g")
        assert tree.selected is not None
        assert tree.selected.kind == "feature"
        await one.press("j")
        assert (tree.selected.kind, tree.selected.batch) == ("batch", 1)
        await one.press("l")
        assert "✓ 01 Schema" in one.text
        await one.press("l")
        assert tree.selected.seq == "01"
        await one.press("h")
        assert (tree.selected.kind, tree.selected.batch) == ("batch", 1)
        await one.press("left")
        assert "01 Schema" not in one.text
        await one.press("space")
        assert "01 Schema" in one.text
        await one.press("G")
        assert tree.selected.feature == "search-index"
        await one.press("enter")
        assert "Step 9" in one.text
        await one.press("k", "up", "home", "down", "end", "pageup", "pagedown")
        assert tree.selected.feature == "search-index"


async def test_selection_stays_on_the_task_when_rows_come_and_go() -> None:
    async with driven(pictures.running()) as one:
        await one.select("08")
        one.control.put(pictures.gate())
        await one.until(lambda: "Batch 2 is held." in one.text)
        task = one.main.task_tree.task_view()
        assert task is not None
        assert task.seq == "08"
        view = pictures.gate().features["auth-system"]
        left = {seq: task for seq, task in view.tasks.items() if seq != "08"}
        one.control.put(fakes.snapshot(replace(view, tasks=left)))
        await one.until(lambda: "08 Logout  " not in one.text)
        assert one.main.task_tree.selected is not None


async def test_find_filters_keeps_and_clears() -> None:
    async with driven(pictures.running()) as one:
        await one.press("slash", *"status:failed")
        tree = one.main.task_tree
        assert [row.id.seq for row in tree.rows if row.id.seq] == ["08"]
        assert "1 Tasks  find status:failed" in one.text
        assert "1 of 26" in one.text
        await one.press("enter")
        assert one.app.focused is tree
        task = tree.task_view()
        assert task is not None
        assert task.seq == "08"
        await one.press("escape")
        assert "05 Login route" in one.text
        await one.press("slash", *"zzz")
        assert "nothing matches" in one.text
        await one.press("escape")
        assert not one.main.query_one("#find", Input).display


async def test_digits_tab_and_zoom() -> None:
    async with driven(pictures.running()) as one:
        await one.press("3")
        assert one.main.area.panes[1].has_focus
        task = one.main.task_tree.task_view()
        assert task is not None
        assert task.seq == "06"
        await one.press("z")
        assert "1 Tasks" not in one.text
        assert "06 JWT service" in one.text
        assert "05 Login route" not in one.text
        await one.press("escape")
        assert "1 Tasks" in one.text
        await one.press("1")
        assert one.main.task_tree.has_focus
        await one.press("tab", "tab", "shift+tab")
        assert one.main.area.panes[0].has_focus
        await one.press("escape")
        assert one.main.task_tree.has_focus


async def test_layout_goes_between_one_and_two_columns() -> None:
    async with driven(pictures.running(), (200, 50)) as one:
        assert one.main.area.columns == 2
        await one.press("v")
        assert one.main.area.columns == 1
        await one.press("v")
        assert one.main.area.columns == 2


async def test_narrow_tab_shows_the_panes_and_comes_back() -> None:
    async with driven(pictures.running(), (80, 24)) as one:
        assert "1 Tasks" in one.text
        await one.press("tab")
        assert "1 Tasks" not in one.text
        assert "3 · 06 JWT service" in one.text
        await one.press("escape")
        assert "1 Tasks" in one.text


async def test_a_pane_follows_lets_go_and_follows_again() -> None:
    start = fakes.NOW - 134

    def picture(count: int) -> Snapshot:
        snapshot = pictures.running()
        view = snapshot.features["auth-system"]
        events = fakes.stamped(start, *((float(n), fakes.tool("read", f"src/file{n}.ts")) for n in range(count)))
        five = replace(view.tasks["05"], activity=fakes.activity(events, version=count, sign=fakes.NOW))
        changed = replace(view, tasks={**view.tasks, "05": five})
        return replace(snapshot, features={**snapshot.features, view.key: changed})

    async with driven(picture(100)) as one:
        await one.press("2")
        pane = one.app.focused
        assert isinstance(pane, Pane)
        assert "file99" in one.text
        await one.press("k", "pageup")
        assert "file99.ts  " not in one.text.replace("▸ read   src/file99.ts", "")
        before = one.text.splitlines()[4]
        one.control.put(picture(224))
        await one.until(lambda: "▼ 124 new" in one.text)
        assert one.text.splitlines()[4] == before
        await one.press("f")
        assert pane.following
        assert "file223" in one.text
        assert " new, f follows" not in one.text
        await one.press("g")
        assert "file0.ts" in one.text
        await one.press("end")
        assert "file223" in one.text


async def test_help_is_made_of_the_keys_in_force() -> None:
    async with driven(pictures.running(), (80, 24)) as one:
        await one.press("question_mark")
        assert one.shows(HelpScreen)
        seen = one.text
        for _ in range(8):
            await one.press("pagedown")
            seen += one.text
        for part in ("Unfold", "Try every failed task", "Take the selected task as done", "Leave parex", "Find any"):
            assert part in seen
        await one.press("escape", "f1")
        assert one.shows(HelpScreen)
        await one.press("q")
        assert one.shows(MainScreen)


@pytest.mark.parametrize("key", ["ctrl+p", "colon"])
async def test_the_palette_runs_any_action(key: str) -> None:
    async with driven(pictures.running()) as one:
        await one.press(key)
        await one.until(lambda: "Stop all" in one.text)
        await one.press(*"pause")
        await one.until(lambda: "Retry failed" not in one.text)
        await one.press("enter")
        await one.until(lambda: bool(one.control.sent))
        assert one.control.sent == [Command(Do.PAUSE, "auth-system")]


async def test_open_shows_every_tab_and_esc_comes_back(tmp_path: Path) -> None:
    snapshot = pictures.running(tmp_path)
    file = tmp_path / ".tmp/tasks/auth-system/subtask_05.json"
    file.parent.mkdir(parents=True)
    file.write_text('{\n  "seq": "05",\n  "title": "Login\\u0007 route"\n}\n')
    async with driven(snapshot) as one:
        await one.press("enter")
        screen = one.app.screen
        assert isinstance(screen, TaskScreen)
        assert TABS[screen.tab_index] == "Output"
        assert "npm test -- login" in one.text
        await one.press("2")
        for part in ("deliverables", "rate limit of 10", "docs/auth.md:10-50", "09 Session list"):
            assert part in one.text
        await one.press("G")
        for part in ("effort  medium", 'tags  ["api", "auth"]', "points  3"):
            assert part in one.text
        await one.press("right")
        assert '3    "title": "Login\\u0007 route"' in one.text
        file.write_text('{"seq": "05", "changed": true}\n')
        view = snapshot.features["auth-system"]
        five = replace(view.tasks["05"], task=replace(view.tasks["05"].task, digest="1" * 64))
        one.control.put(
            replace(snapshot, features={view.key: replace(view, tasks={**view.tasks, "05": five})}),
        )
        await one.until(lambda: '"changed": true' in one.text)
        await one.press("4")
        assert "Attempt 1" in one.text
        await one.press("enter")
        assert "Raw output of attempt 1" in one.text
        assert "no such file" in one.text
        await one.press("escape", "5")
        assert "Prompt of attempt 1" in one.text
        await one.press("escape")
        assert one.shows(MainScreen)


async def test_attempts_are_chosen_with_the_arrows() -> None:
    async with driven(pictures.messy()) as one:
        await one.select("08")
        await one.press("d", "4")
        assert "keeper is gone" in one.text
        await one.press("j")
        assert "Attempt 1" in one.text
        assert "stopped by a person" in one.text


async def test_the_task_screen_acts_on_its_task() -> None:
    async with driven(pictures.gate()) as one:
        await one.select("08")
        await one.press("enter", "r")
        assert one.control.sent == [Command(Do.RETRY, "auth-system", "08")]


async def test_a_task_that_vanishes_while_it_is_open() -> None:
    async with driven(pictures.gate()) as one:
        await one.select("08")
        await one.press("enter")
        one.control.put(pictures.empty())
        await one.until(lambda: "This task is gone" in one.text)
        await one.press("r", "e", "escape")
        assert "No features below" in one.text


async def test_q_leaves_at_once_when_nothing_runs() -> None:
    async with driven(pictures.idle()) as one:
        await one.press("q")
        await one.until(lambda: one.app.return_value is not None)
        assert one.app.return_value == ExitRequest("quit", 0)


def going(snapshot: Snapshot, *, is_going: bool) -> Snapshot:
    """The picture of a run that starts by itself what is next, or of one that does not."""
    return replace(snapshot, features={key: replace(view, going=is_going) for key, view in snapshot.features.items()})


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
@pytest.mark.parametrize(
    ("is_going", "answer", "how"), [(False, "l", "leave"), (True, "l", "go_on"), (True, "f", "leave")]
)
async def test_q_asks_while_workers_run(key: str, is_going: bool, answer: str, how: str) -> None:
    async with driven(going(pictures.running(), is_going=is_going)) as one:
        await one.press(key)
        assert one.shows(QuitScreen)
        assert "05 Login route" in one.text
        assert ("next batches" in one.text) == is_going
        await one.press("escape")
        assert one.shows(MainScreen)
        await one.press(key, answer)
        await one.until(lambda: one.app.return_value is not None)
        assert one.app.return_value is not None
        assert (one.app.return_value.how, one.app.return_value.return_code) == (how, 0)
        assert one.control.sent == []


async def test_q_asks_where_nothing_runs_at_this_moment_and_more_is_to_start() -> None:
    snapshot = pictures.idle()
    views = {key: replace(view, engine=EngineState.RUNNING, going=True) for key, view in snapshot.features.items()}
    async with driven(replace(snapshot, features=views)) as one:
        await one.press("q")
        assert one.shows(QuitScreen)
        await one.press("l")
        await one.until(lambda: one.app.return_value is not None)
        assert one.app.return_value == ExitRequest("go_on", 0)


async def test_stop_all_and_quit_waits_until_nothing_runs() -> None:
    async with driven(pictures.running()) as one:
        await one.press("q", "s")
        assert one.control.sent == [Command(Do.STOP_ALL, "auth-system")]
        assert "Stopping" in one.text
        assert one.app.return_value is None
        one.control.put(pictures.gate())
        await one.until(lambda: one.app.return_value is not None)
        assert one.app.return_value == ExitRequest("stop_all", 0)


async def test_a_task_that_another_parex_runs_does_not_hold_the_door() -> None:
    async with driven(elsewhere(snapshot=pictures.running())) as one:
        await one.press("q")
        await one.until(lambda: one.app.return_value is not None)
        assert one.app.return_value == ExitRequest("quit", 0)


async def test_the_mouse_selects_folds_opens_and_presses_keys() -> None:
    async with driven(pictures.running()) as one:
        await one.pilot.click("#tree", offset=(12, 8))
        task = one.main.task_tree.task_view()
        assert task is not None
        assert task.seq == "08"
        await one.pilot.click("#tree", offset=(4, 2))
        assert "01 Schema" in one.text
        place = one.text.splitlines()[-1].index("? keys")
        await one.pilot.click("#footer", offset=(place, 0))
        await one.until(lambda: isinstance(one.app.screen, HelpScreen))


async def test_too_small_says_so_and_comes_back() -> None:
    async with driven(pictures.running(), (40, 10)) as one:
        assert one.shows(MainScreen)
        await one.pilot.resize_terminal(30, 6)
        await one.until(lambda: isinstance(one.app.screen, SmallScreen))
        assert "needs 40×10" in one.text
        await one.pilot.resize_terminal(80, 24)
        await one.until(lambda: one.app.screen is one.main)
        assert "auth-system" in one.text


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (39, 9), (300, 90), (41, 11)])
async def test_no_size_breaks_it(size: tuple[int, int]) -> None:
    async with driven(pictures.messy(), (100, 30)) as one:
        await one.pilot.resize_terminal(*size)
        await one.press("j", "enter", "escape", "tab")
        await one.pilot.resize_terminal(100, 30)
        await one.until(lambda: "parex" in one.text)


async def test_the_editor_gets_the_file_and_nothing_outside_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    file = root / ".tmp/tasks/auth-system/subtask_05.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    monkeypatch.setenv("VISUAL", "my-editor --wait")
    started: list[tuple[list[str], bool]] = []

    async def run_editor(argv: list[str], takes_terminal: bool) -> str:
        started.append((argv, takes_terminal))
        return ""

    async with driven(pictures.running(root)) as one:
        monkeypatch.setattr(one.app, "run_editor", run_editor)
        await one.press("e")
        assert started == [(["my-editor", "--wait", str(file)], True)]
        file.unlink()
        outside = tmp_path / "outside.json"
        outside.write_text("{}")
        file.symlink_to(outside)
        await one.press("e")
        assert len(started) == 1
        await one.toast("outside the project")


async def test_blocked_tasks_are_reset_and_done_ones_are_not() -> None:
    snapshot = pictures.gate()
    view = snapshot.features["auth-system"]
    changed = replace(view.tasks["08"], state=TaskBlocked())
    snapshot = replace(snapshot, features={view.key: replace(view, tasks={**view.tasks, "08": changed})})
    async with driven(snapshot) as one:
        await one.select("05")
        task = one.main.task_tree.task_view()
        assert task is not None
        assert isinstance(task.state, TaskVerified)
        await one.press("s")
        await one.toast("This task is decided already.")
        await one.select("08")
        await one.press("u", "y")
        assert one.control.sent == [Command(Do.RESET, "auth-system", "08")]


async def test_what_the_engine_answers_later_is_shown_in_the_gate() -> None:
    """An engine may refuse after it took the command: its message is the answer."""
    snapshot = pictures.gate()
    async with driven(snapshot) as one:
        assert "Batch 3 starts when every task here is verified or decided." in one.text
        view = replace(snapshot.features["auth-system"], message="08 Logout is in progress in another program")
        one.control.put(replace(snapshot, features={view.key: view}))
        await one.until(lambda: "Batch 2 is held. 08 Logout is in progress in another program." in one.text)


async def test_next_failure_begins_in_the_feature_at_hand() -> None:
    snapshot = pictures.gate()
    other = replace(pictures.messy().features["legacy-import"], engine=EngineState.HELD)
    features = {other.key: other, "auth-system": snapshot.features["auth-system"]}
    async with driven(replace(snapshot, features=features)) as one:
        await one.press("G")
        assert one.main.task_tree.selected is not None
        assert one.main.task_tree.selected.batch == 4
        await one.press("exclamation_mark")
        assert one.main.task_tree.selected[1:] == ("auth-system", 0, "06")


async def test_r_goes_on_where_only_attempts_from_before_run() -> None:
    snapshot = pictures.running()
    view = replace(snapshot.features["auth-system"], going=False)
    async with driven(replace(snapshot, features={view.key: view})) as one:
        assert "2 running. Nothing new starts by itself.  r goes on with batch 2" in one.text
        assert "r go on" in one.text.splitlines()[-1]
        await one.press("r")
        assert one.control.sent == [Command(Do.RUN, "auth-system")]


@pytest.mark.parametrize("engine", [EngineState.IDLE, EngineState.PAUSED, EngineState.FINISHED])
async def test_a_held_batch_shows_its_gate_whatever_the_engine_does(engine: EngineState) -> None:
    snapshot = pictures.gate()
    view = replace(snapshot.features["auth-system"], engine=engine, going=False)
    async with driven(replace(snapshot, features={view.key: view})) as one:
        await one.select("08")
        assert "Batch 2 is held. Decide every task here; then r goes on with the next batch." in one.text
        assert "r retry 08" in one.text.splitlines()[-1]
        assert "y accept" in one.text.splitlines()[-1]


async def test_a_run_is_finished_only_where_all_is_done() -> None:
    snapshot = pictures.gate()
    view = snapshot.features["auth-system"]
    batches = tuple(replace(batch, state=BatchState.DONE, held_by=()) for batch in view.batches)
    over = replace(view, engine=EngineState.FINISHED, batches=batches, going=False)
    async with driven(replace(snapshot, features={view.key: over})) as one:
        assert "Over: 6 of 11 done, 2 undecided, 3 not started." in one.text
        assert "3 of 5 done" in one.text


async def test_the_reason_of_a_pause_stands_for_as_long_as_the_pause() -> None:
    snapshot = pictures.running()
    view = snapshot.features["auth-system"]
    async with driven(snapshot) as one:
        paused = replace(view, going=False, message="2 told to stop; nothing new starts")
        one.control.put(replace(snapshot, features={view.key: paused}))
        await one.until(lambda: "2 told to stop; nothing new starts" in one.text)
        ended = replace(pictures.idle().features["auth-system"], engine=EngineState.PAUSED, message=paused.message)
        one.control.put(replace(snapshot, features={view.key: ended}))
        await one.until(lambda: "Paused. 2 told to stop; nothing new starts." in one.text)
