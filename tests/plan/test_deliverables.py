"""What one deliverable names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.plan.deliverables import read_deliverable

ROOT = Path("/home/someone/project")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("src/a.ts", ["src/a.ts"]),
        ("package.json", ["package.json"]),
        (".gitignore", [".gitignore"]),
        ("Makefile", ["Makefile"]),
        ("./src/a.ts", ["src/a.ts"]),
        ("a/../b/./c.ts", ["b/c.ts"]),
        ("src//a.ts", ["src/a.ts"]),
        ("src\\auth\\jwt.ts", ["src/auth/jwt.ts"]),
        ("src/components/", ["src/components/"]),
        ("src/components", ["src/components"]),
        ("build/ directory (static export)", ["build/"]),
        ("src/**/*.ts", ["src/**/*.ts"]),
        (".", ["**"]),
    ],
)
def test_a_plain_path_is_normalised(text: str, paths: list[str]) -> None:
    reading = read_deliverable(text, ROOT)
    assert list(reading.paths) == paths
    assert reading.certain


@pytest.mark.parametrize(
    "text",
    [
        "lib/x.js (new)",
        "lib/x.js(new)",
        "lib/x.js - adds a queue",
        "lib/x.js – adds a queue",
        "lib/x.js: adds a queue",
        "lib/x.js (new (or not))",
        "lib/x.js:10-50",
        "lib/x.js:7",
        "lib/x.js#L10-L20",
        "`lib/x.js`",
        "`lib/x.js` (new)",
        '"lib/x.js"',
        "**lib/x.js**",
        "(lib/x.js)",
        "- lib/x.js",
        "2. lib/x.js",
        "[ ] lib/x.js",
        "lib/x.js.",
        "lib/x.js,",
        "Modified: lib/x.js",
        "Modified: lib/x.js - adds a queue",
        "New file: lib/x.js",
        "Updated lib/x.js (hub)",
        "Create `lib/x.js`",
        "  lib/x.js  ",
    ],
)
def test_notes_labels_and_marks_around_a_path_are_stripped(text: str) -> None:
    reading = read_deliverable(text, ROOT)
    assert reading.paths == ("lib/x.js",)
    assert reading.certain


@pytest.mark.parametrize(
    "path",
    [
        "app/[id].ts",
        "app/tasks/[id]/approve.ts",
        "pages/[...slug].tsx",
        "app/(auth)/page.tsx",
        "app/(auth)",
        "app/@modal/page.tsx",
        "src/routes/+page.svelte",
        "docs/Getting started/first steps.md",
        "src/My - Folder/a.ts",
    ],
)
def test_brackets_groups_and_spaces_are_part_of_the_name(path: str) -> None:
    assert read_deliverable(path, ROOT).paths == (path,)
    noted = read_deliverable(f"{path} (new)", ROOT)
    assert noted.paths == (path,)
    assert noted.certain


def test_windows_separators_before_brackets_are_no_escapes_and_escaped_brackets_are() -> None:
    assert read_deliverable("app\\[id]\\page.tsx", ROOT).paths == ("app/[id]/page.tsx",)
    assert read_deliverable("app/\\[id\\]/page.tsx", ROOT).paths == ("app/[id]/page.tsx",)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/home/someone/project/src/a.ts", "src/a.ts"),
        ("/home/someone/project/src/a.ts (new)", "src/a.ts"),
        ("file:///home/someone/project/src/a.ts", "src/a.ts"),
        ("/home/someone/project", "**"),
        ("/home/someone/project-two/a.ts", "/home/someone/project-two/a.ts"),
        ("/Users/other/work/src/a.ts", "/Users/other/work/src/a.ts"),
        ("../sibling/a.ts", "/home/someone/sibling/a.ts"),
        ("C:\\Users\\x\\src\\a.ts", "C:/Users/x/src/a.ts"),
        ("C:/Users/x/src/a.ts (new)", "C:/Users/x/src/a.ts"),
        ("\\\\server\\share\\a.ts", "//server/share/a.ts"),
    ],
)
def test_absolute_paths_lose_the_root_and_stay_absolute_elsewhere(text: str, path: str) -> None:
    reading = read_deliverable(text, ROOT)
    assert reading.paths == (path,)
    assert reading.certain


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("Updated train.py with vision support", ["**/train.py"]),
        ("Modified types/index.ts with sequence field", ["types/index.ts"]),
        ("Modified: src/recovery.ts with restart logic", ["src/recovery.ts"]),
        ("Rate limits in manager.ts or queue.ts", ["**/manager.ts", "**/queue.ts"]),
        ("src/a.ts or src/b.ts", ["src/a.ts", "src/b.ts"]),
        ("vault/shared/** seed markdown files", ["vault/shared/**"]),
        ("Verify: src/types.ts Session.pid exists", ["src/types.ts"]),
        ("~/notes/a.md", ["**/notes/a.md"]),
        ("<root>/src/a.ts", ["**/src/a.ts"]),
    ],
)
def test_a_sentence_stays_uncertain_and_the_files_in_it_are_named(text: str, paths: list[str]) -> None:
    reading = read_deliverable(text, ROOT)
    assert list(reading.paths) == paths
    assert not reading.certain


@pytest.mark.parametrize(
    "text",
    [
        "All tests passing",
        "Updated import statements across all consuming modules",
        "tests for import/API entrypoints",
        "new/updated dashboard route",
        "answers 400/413/timeout",
        "localStorage for persisting last sequence",
        "Node.js",
        "Upgrade to Next.js",
        "https://example.org/a.ts",
        "someone@example.org",
        "N/A",
        "none",
        "v1.2",
        "Changelog",
        "Tests",
        "",
        "   ",
        "x" * 2_000,
    ],
)
def test_prose_names_nothing(text: str) -> None:
    reading = read_deliverable(text, ROOT)
    assert reading.paths == ()
    assert not reading.certain


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("src/a.ts, src/b.ts", ["src/a.ts", "src/b.ts"]),
        ("src/a.ts and src/b.ts (new)", ["src/a.ts", "src/b.ts"]),
        ("src/old.ts → src/new.ts", ["src/old.ts", "src/new.ts"]),
        ("src/x/a.ts, b.ts", ["src/x/a.ts", "**/b.ts"]),
        ("a.ts, b.ts", ["a.ts", "b.ts"]),
        ("src/{a,b}.ts", ["src/a.ts", "src/b.ts"]),
        ("src/{a,b}.ts (new)", ["src/a.ts", "src/b.ts"]),
        ("src/index.ts (exports src/a.ts as well)", ["src/index.ts", "src/a.ts"]),
        ("Updated Graphs.cabal", ["**/Graphs.cabal"]),
    ],
)
def test_several_files_and_files_without_a_folder(text: str, paths: list[str]) -> None:
    reading = read_deliverable(text, ROOT)
    assert list(reading.paths) == paths
    assert reading.certain


def test_a_wide_shorthand_becomes_a_wildcard() -> None:
    wide = ",".join(str(number) for number in range(40))
    assert read_deliverable(f"src/{{{wide}}}/{{{wide}}}.ts", ROOT).paths == ("src/*/*.ts",)


@given(st.text(alphabet=st.sampled_from("ab./\\*?[](){}<>`'\" -–:;,~$%#1→\n\t"), max_size=60) | st.text(max_size=60))
def test_any_text_is_read_without_an_error_and_every_path_is_normalised(text: str) -> None:
    reading = read_deliverable(text, ROOT)
    assert reading.paths or not reading.certain
    for path in reading.paths:
        assert path
        assert "\\" not in path
        assert not {".", ".."} & set(path.split("/"))
        assert "//" not in path.removeprefix("//")


@pytest.mark.parametrize(
    "text",
    ["(" * 5_000, "a.ts (x) " * 900, " " * 5_000 + "(", "{" + "," * 900, "a/" * 450 + "b.ts", "()" * 480, "- " * 480],
)
def test_hostile_text_is_read_in_bounded_time(text: str) -> None:
    reading = read_deliverable(text, ROOT)
    assert len(reading.paths) <= 1_000
