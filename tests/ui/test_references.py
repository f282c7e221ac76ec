"""What the disk says of the files that a task names, and which of them can be opened, and where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.editor import editor_command
from parex_tui.tasks.model import ContextRef
from parex_tui.ui.references import REFUSALS, Kind, Known, Reference, references

from . import fakes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "src/auth").mkdir(parents=True)
    (project / "app").mkdir()
    for name in ("src/auth/login.ts", "app/[id].ts", "README.md", "train.py"):
        (project / name).write_text("x\n")
    (tmp_path / "secret.txt").write_text("x")
    (project / "link.txt").symlink_to(tmp_path / "secret.txt")
    (project / "inner.txt").symlink_to(project / "README.md")
    os.mkfifo(project / "pipe")
    return project


def of(root: Path, *, files: Sequence[str] = (), context: Sequence[ContextRef] = ()) -> list[Reference]:
    task = replace(fakes.task("01", "x", files=files, root=root), context_files=tuple(context), reference_files=())
    return list(references(task, root))


def one_context(root: Path, path: str, *lines: tuple[int, int]) -> Reference:
    (found,) = of(root, context=[ContextRef(path, lines)])
    return found


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("src/auth/login.ts", Known.EXISTS),
        ("./src/auth/../auth/login.ts", Known.EXISTS),
        ("app/[id].ts", Known.EXISTS),
        ("inner.txt", Known.EXISTS),
        ("src/auth/gone.ts", Known.MISSING),
        ("src/auth", Known.FOLDER),
        ("src/auth/", Known.FOLDER),
        (".", Known.FOLDER),
        ("src/**/*.ts", Known.PATTERN),
        ("**/*.ts", Known.PATTERN),
        ("src/{a,b}.ts", Known.PATTERN),
        ("https://example.org/src/auth/login.ts", Known.ADDRESS),
        ("/etc/passwd", Known.OUTSIDE),
        ("../secret.txt", Known.OUTSIDE),
        ("C:\\Users\\me\\secret.txt", Known.OUTSIDE),
        ("link.txt", Known.OUTSIDE),
        ("pipe", Known.NO_FILE),
        ("x" * 5000, Known.MISSING),
        ("a\x00b", Known.MISSING),
    ],
)
def test_what_is_known(root: Path, path: str, known: Known) -> None:
    found = one_context(root, path)
    assert found.known is known
    assert (found.path is not None) == (known is Known.EXISTS)
    assert found.refusal == ("" if known is Known.EXISTS else REFUSALS[known])


@pytest.mark.parametrize(
    "path",
    [
        "/Users/me/work/project/src/auth/login.ts",
        "C:\\work\\project\\src\\auth\\login.ts",
        "~/project/src/auth/login.ts",
        "$HOME/project/src/auth/login.ts",
    ],
)
def test_a_path_of_another_machine_is_offered_as_the_one_here(root: Path, path: str) -> None:
    found = one_context(root, path, (24, 50))
    assert found.path == root / "src/auth/login.ts"
    assert found.found_as == "src/auth/login.ts"
    assert found.line == 24


def test_an_absolute_path_inside_the_project_is_itself(root: Path) -> None:
    found = one_context(root, str(root / "README.md"))
    assert (found.path, found.found_as) == (root / "README.md", "")


@pytest.mark.parametrize("path", ["src/auth/login.ts:12", "src/auth/login.ts:12-40", "src/auth/login.ts#L12-L20"])
def test_lines_at_the_end_of_a_path_are_lines(root: Path, path: str) -> None:
    assert one_context(root, path).line == 12
    (found,) = of(root, files=[path])
    assert (found.path, found.line) == (root / "src/auth/login.ts", 12)


def test_ranges_are_shown_and_the_first_line_counts(root: Path) -> None:
    found = one_context(root, "README.md", (24, 50), (60, 70))
    assert (found.text, found.line) == ("README.md:24-50,60-70", 24)
    assert one_context(root, "README.md", (0, 5)).line == 1


def test_deliverables_of_all_kinds(root: Path) -> None:
    found = of(
        root,
        files=[
            "src/auth/login.ts (changed)",
            "Updated train.py with vision support",
            "All tests pass",
            "src/auth/login.ts, src/auth/new.ts",
        ],
    )
    assert [(one.kind, one.known, one.part) for one in found] == [
        (Kind.DELIVERABLE, Known.EXISTS, False),
        (Kind.DELIVERABLE, Known.EXISTS, False),
        (Kind.DELIVERABLE, Known.UNCLEAR, False),
        (Kind.DELIVERABLE, Known.UNCLEAR, False),
        (Kind.DELIVERABLE, Known.EXISTS, True),
        (Kind.DELIVERABLE, Known.MISSING, True),
    ]
    assert found[1].path == root / "train.py"


@given(text=st.text(max_size=60))
def test_no_text_raises_or_leaves_the_project(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.getbasetemp()
    for found in of(root, files=[text], context=[ContextRef(text)]):
        assert found.path is None or found.path.resolve().is_relative_to(root.resolve())


# --- the editor ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "argv", "takes_terminal"),
    [
        ("vim", ["vim", "+24", "/p/a b.ts"], True),
        ("/usr/bin/vim.basic -n", ["/usr/bin/vim.basic", "-n", "+24", "/p/a b.ts"], True),
        ("nvim", ["nvim", "+24", "/p/a b.ts"], True),
        ("nano", ["nano", "+24", "/p/a b.ts"], True),
        ("emacs -nw", ["emacs", "-nw", "+24", "/p/a b.ts"], True),
        ("micro", ["micro", "+24", "/p/a b.ts"], True),
        ("hx", ["hx", "/p/a b.ts:24"], True),
        ("code --wait", ["code", "--wait", "--goto", "/p/a b.ts:24"], False),
        ("codium", ["codium", "--goto", "/p/a b.ts:24"], False),
        ("zed", ["zed", "/p/a b.ts:24"], False),
        ("subl -n", ["subl", "-n", "/p/a b.ts:24"], False),
        ("kate", ["kate", "--line", "24", "/p/a b.ts"], False),
        ("my-editor", ["my-editor", "/p/a b.ts"], True),
    ],
)
def test_an_editor_is_told_the_line_in_its_own_way(setting: str, argv: list[str], takes_terminal: bool) -> None:
    assert editor_command({"EDITOR": setting}, Path("/p/a b.ts"), 24) == (argv, takes_terminal)
    plain = editor_command({"EDITOR": setting}, Path("/p/a b.ts"))[0]
    assert plain[-1] == "/p/a b.ts"
    assert not any("24" in part for part in plain)


def test_braces_in_a_path_stay_what_they_are() -> None:
    path = Path("/p/{line}{path}.ts")
    assert editor_command({"EDITOR": "code"}, path, 3)[0] == ["code", "--goto", "/p/{line}{path}.ts:3"]
