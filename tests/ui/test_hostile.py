"""Text that wants to be markup, an escape sequence or an action: in every field, on every screen, it stays text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from parex_tui.run.snapshot import Do
from parex_tui.tasks.text import clean
from parex_tui.ui.app import ParexApp
from parex_tui.ui.theme import printable

from . import fakes, pictures
from .screens import make_app, screen_text

UI = Path(__file__).resolve().parents[2] / "parex_tui" / "ui"
STEPS = [
    [],
    ["enter"],
    ["enter", "2"],
    ["enter", "2", "G"],
    ["enter", "3"],
    ["enter", "4"],
    ["enter", "4", "enter"],
    ["enter", "5"],
    ["question_mark"],
    ["q"],
    ["n"],
    ["x"],
    ["X"],
    ["exclamation_mark", "y"],
    ["exclamation_mark", "s"],
    ["exclamation_mark", "r"],
    ["slash", "c", "l", "i"],
    ["tab"],
    ["z"],
    ["g"],
    ["G"],
    ["colon"],
]


@pytest.mark.parametrize("cleaned", [True, False], ids=["cleaned", "raw"])
@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["80", "120"])
async def test_every_screen(size: tuple[int, int], cleaned: bool) -> None:
    text = clean(pictures.HOSTILE) if cleaned else pictures.HOSTILE
    for keys in STEPS:
        control = fakes.FakeControl(pictures.hostile(text))
        control.refusals = dict.fromkeys(Do, text)
        app = make_app(control, demo_note=text)
        async with app.run_test(size=size, notifications=True) as pilot:
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            shown = screen_text(app)
            assert "\x1b" not in shown
            assert "\x07" not in shown
            assert app.is_running
            if not keys:
                assert "[/][@cl" in shown


async def test_a_click_on_it_does_nothing() -> None:
    app = make_app(fakes.FakeControl(pictures.hostile(clean(pictures.HOSTILE))))
    async with app.run_test(size=(120, 36)) as pilot:
        for y in range(2, 14):
            await pilot.click("#tree", offset=(14, y))
            await pilot.click("#panes", offset=(14, y))
        await pilot.pause()
        assert app.is_running
        assert app.return_value is None


def test_the_last_gate_takes_what_steers_a_terminal_and_nothing_that_has_a_width() -> None:
    assert printable("a\x1b[31mb\x9b1m\u202ec\u200b表🚀") == "a[31mb1mc表🚀"


MARKUP_CALLS = {"Static", "Label", "notify", "Button", "Checkbox", "OptionList", "Collapsible", "Select", "Link"}
SAFE_MAKERS = {"Content", "Text"}


def unsafe_calls(source: str) -> list[int]:
    """Lines where something else than a literal or a `Content` goes into a place that reads markup."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            plain = any(
                word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False
                for word in node.keywords
            )
            if name in MARKUP_CALLS and not plain and any(not _is_safe(part) for part in node.args):
                found.append(node.lineno)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                named = isinstance(target, ast.Attribute) and target.attr in (
                    "border_title",
                    "border_subtitle",
                    "tooltip",
                )
                is_content = isinstance(node.value, ast.Attribute) and node.value.attr == "_title"
                if named and not _is_safe(node.value) and not is_content:
                    found.append(node.lineno)
    return found


def _is_safe(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return True
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAFE_MAKERS


def test_nothing_untrusted_goes_where_markup_is_read() -> None:
    files = sorted(UI.rglob("*.py"))
    assert len(files) > 20
    assert {str(path): unsafe_calls(path.read_text()) for path in files if unsafe_calls(path.read_text())} == {}


@pytest.mark.parametrize(
    "bad",
    ['Static(f"{x}")', "Label(title)", "self.notify(text)", "app.notify(a + b)", "w.border_title = f'{x}'"],
)
def test_the_check_finds_what_it_is_for(bad: str) -> None:
    assert unsafe_calls(bad) == [1]


def test_only_the_public_interface_of_textual_is_imported() -> None:
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("textual"):
                assert not any(part.startswith("_") for part in node.module.split(".")), f"{path}:{node.lineno}"


def test_the_app_overrides_nothing_private_of_textual() -> None:
    from textual.app import App

    own = {name for name in vars(ParexApp) if name.startswith("_") and not name.startswith("__")}
    theirs = {name for name in dir(App) if name.startswith("_")}
    made_by_textual = {"_css_type_name", "_css_type_names", "_inherit_css", "_inherit_bindings", "_merged_bindings"}
    computed = {name for name in own & theirs if name.startswith(("_reactives", "_decorated", "_computes", "_inherit"))}
    assert own & theirs - made_by_textual - computed == set()
