"""Repairs: what they give for every breakage that exists, and that they are offered only where there is no doubt."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.layout import is_task_file, locate
from parex_tui.tasks.model import Feature, JsonValue
from parex_tui.tasks.patch import same_value
from parex_tui.tasks.reader import read_project
from parex_tui.tasks.recover import recover
from parex_tui.tasks.repair import Repair, find_repair, repair_counts, repairs_of
from parex_tui.tasks.text import is_plain

from .helpers import a_project, a_task, write

PATH = Path("auth/subtask_03.json")
TEXT = """{
  "id": "auth-03",
  "seq": "03",
  "title": "Say “hi”, {not} [a] list: // really",
  "status": "in_progress",
  "depends_on": ["01", "02"],
  "context_files": [
    "docs/b.md",
    "docs/c.md"
  ],
  "note": {
    "by": "me"
  },
  "completed_at": null
}
"""


def the_feature(root: Path) -> Feature:
    (feature,) = read_project(locate(root, explicit=True)).features
    return feature


def repaired(text: str | bytes) -> Repair:
    repair = find_repair(PATH, text.encode() if isinstance(text, str) else text)
    assert repair is not None
    return repair


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


# --- each breakage ------------------------------------------------------------------------------------------------

MENDED: dict[str, tuple[str, str, str]] = {  # what is broken, what it becomes, the step
    "a comma after an inserted line": (
        edited('"in_progress",', '"in_progress",\n  "completion_summary": "Done"'),
        edited('"in_progress",', '"in_progress",\n  "completion_summary": "Done",'),
        "line 6: a comma was missing after “completion_summary”",
    ),
    "a comma on one line": (
        edited('"in_progress",\n', '"in_progress" '),
        edited('"in_progress",\n', '"in_progress", '),
        "line 5: a comma was missing after “status”",
    ),
    "a comma in a list": (
        edited('"docs/b.md",', '"docs/b.md"'),
        TEXT,
        "line 8: a comma was missing after “context_files”",
    ),
    "a literal line break": (
        edited('"in_progress",\n', '"in_progress",\\n'),
        TEXT,
        "line 5: “\\n” outside a string is a line break now",
    ),
    "a literal tab": (
        edited('  "depends_on"', '\\t"depends_on"'),
        edited('  "depends_on"', '\t"depends_on"'),
        "line 6: “\\t” outside a string is a tab now",
    ),
    "a second value": (
        edited('"in_progress"', '"in_progress": []'),
        TEXT,
        "line 5: “status” had a second value, []; “in_progress” stays",
    ),
    "a last comma": (
        edited('"docs/c.md"', '"docs/c.md",'),
        TEXT,
        "line 9: the comma after the last entry was removed",
    ),
    "a comment of its own": (
        edited('  "depends_on"', '  // first "01", then\n  "depends_on"'),
        TEXT,
        'line 6: a comment was removed: // first "01", then',
    ),
    "a comment behind": (
        edited('"03",\n', '"03", // three\n'),
        TEXT,
        "line 3: a comment was removed: // three",
    ),
    "a block comment": (
        edited('  "depends_on"', '  /* "status": "completed",\n  */\n  "depends_on"'),
        TEXT,
        'line 6: a comment was removed: /* "status": "completed",⏎  */',
    ),
    "a Markdown fence": (
        f"```json\n{TEXT}",
        TEXT,
        "line 1: a line with ``` around the document was removed",
    ),
    "a Markdown fence behind": (
        f"{TEXT}```\n",
        TEXT,
        "line 16: a line with ``` around the document was removed",
    ),
    "a merge of equal sides": (
        edited(
            '  "seq": "03",\n',
            '<<<<<<< HEAD\n  "seq": "03",\n=======\n  "seq":  "03",\n>>>>>>> topic\n',
        ),
        TEXT,
        "line 3: the marks of an open merge were removed; both sides say the same",
    ),
    "a merge of equal sides with their base": (
        edited(
            '  "seq": "03",\n',
            '<<<<<<< HEAD\n  "seq": "03",\n||||||| base\n  "seq": "3",\n=======\n  "seq": "03",\n>>>>>>> topic\n',
        ),
        TEXT,
        "line 3: the marks of an open merge were removed; both sides say the same",
    ),
    "no last brace": (TEXT.removesuffix("}\n"), TEXT, "line 15: the end was missing: } added"),
    "no end of a list": (
        TEXT[: TEXT.index("  ],")],
        TEXT[: TEXT.index("  ],")] + "  ]\n}\n",
        "line 10: the end was missing: ] } added",
    ),
    "a bracket too many": (TEXT + "}\n", TEXT, "line 15: what stood after the end was removed: }"),
    "NULs behind": (TEXT + "\0" * 9, TEXT, "line 15: what stood after the end was removed: ␀␀␀␀␀␀␀␀␀"),
    "a real line break in a text": (
        edited("Say “hi”, ", "Say\n“hi”, "),
        edited("Say “hi”, ", "Say\\n“hi”, "),
        "line 4: a line break in the text of “title” is written as \\n",
    ),
    "a real tab in a text": (
        edited("Say “hi”, ", "Say\t“hi”, "),
        edited("Say “hi”, ", "Say\\t“hi”, "),
        "line 4: a control character in the text of “title” is written as \\t",
    ),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", MENDED)
def test_a_known_breakage_is_mended_by_the_fewest_bytes(kind: str, line_end: str) -> None:
    before, after, step = (text if line_end == "\n" else text.replace("\n", line_end) for text in MENDED[kind])
    assert recover(before.encode())["status"] == "in_progress"
    repair = repaired(before)
    assert repair.after.decode() == after
    assert repair.before.decode() == before
    assert (repair.path, repair.title, repair.steps) == (PATH, "Make it valid JSON again", (step.replace("\r", ""),))


def test_several_breakages_are_one_repair_with_the_lines_of_the_file_as_it_is() -> None:
    before = edited('"in_progress",\n', '"in_progress"\\n  "agent_id": "a"\\n').replace("null\n", "null,\n")
    repair = repaired(before)
    assert repair.after.decode() == edited('"in_progress",', '"in_progress",\n  "agent_id": "a",')
    assert [step.split(":")[0] for step in repair.steps] == ["line 5"] * 4 + ["line 13"]


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_mark_at_the_start_is_kept(mark: str) -> None:
    assert repaired(mark + edited('"in_progress",', '"in_progress"')).after.decode() == mark + TEXT


DOUBTFUL: dict[str, str | bytes] = {
    "nothing is wrong": TEXT,
    "empty": "",
    "another encoding": TEXT.encode("utf-16"),
    "not an object": "[1,]",
    "a merge of sides that differ": edited(
        '  "seq": "03",\n', '<<<<<<< HEAD\n  "seq": "03",\n=======\n  "seq": "04",\n>>>>>>> topic\n'
    ),
    "a merge with a side that is broken": edited(
        '  "seq": "03",\n', '<<<<<<< HEAD\n  "seq": "03",\n=======\n  "seq": "03"\n>>>>>>> topic\n'
    ),
    "half of a text": TEXT[: TEXT.index("hi”")],
    "the end cut off after a comma": TEXT[: TEXT.index('  "depends_on"')],
    "the end cut off behind a value": TEXT[: TEXT.index(',\n  "depends_on"')],
    "the end cut off in a list": TEXT[: TEXT.index(', "02"')],
    "a bracket missing in the middle": edited('  },\n  "completed_at"', '  "completed_at"'),
    "a list that is not closed": edited('\n  ],\n  "note"', '\n  "note"'),
    "a second value that says something": edited('"in_progress"', '"in_progress": ["01"]'),
    "two words": edited('"in_progress"', '"in_progress": "completed"'),
    "a second value of another field": edited('["01", "02"]', '["01", "02"]: []'),
    "quotes in a text": edited("“hi”", '"hi"'),
    "a text that is not closed": edited('really",', "really,"),
    "a line break in the name of a field": edited('"note"', '"no\nte"'),
    "a word without quotes": edited('"in_progress"', "in_progress"),
    "single quotes": TEXT.replace('"', "'"),
    "an unknown escape": edited("“hi”", "C:\\Users"),
    "another document behind": TEXT + '{"seq": "04"}\n',
    "text behind": TEXT + "Done!\n",
    "text before": "Here it is:\n" + TEXT,
    "a comment without an end": edited('"depends_on"', '/* "depends_on"'),
    "a field without a value": edited('"in_progress",', "").replace('"status": ', '"status":'),
    "far too large": TEXT.replace('"03",', f'"03"{" " * 70_000}', 1),
    "a merge that is not marked to its end": edited('  "seq"', '<<<<<<< HEAD\n  "seq"'),
    "a thousand duplicates": TEXT.replace("{", "{" + '"x": 1, ' * 1000, 1),
    "broken a thousand times": TEXT.replace("{", "{" + "/**/" * 1000, 1),
}


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_where_there_is_doubt_nothing_is_offered(kind: str) -> None:
    text = DOUBTFUL[kind]
    assert find_repair(PATH, text.encode() if isinstance(text, str) else text) is None


# --- duplicates and counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        (
            '{\n  "a": "noon",\n  "b": 1,\n  "a": null\n}',
            '{\n  "a": "noon",\n  "b": 1\n}',
            'line 4: “a” null was removed; line 2 says "noon", which counts',
        ),
        (
            '{\n  "a": null,\n  "b": 1,\n  "a": "noon"\n}',
            '{\n  "b": 1,\n  "a": "noon"\n}',
            'line 2: “a” null was removed; line 4 says "noon", which counts',
        ),
        ('{"b": {"a": 1 , "a": 1}}', '{"b": {"a": 1}}', "line 1: “a” was removed; line 1 says the same"),
        (
            '{\n\t"a": "x",\n\t"a": "y",\n\t"c": []\n}\n',
            '{\n\t"a": "y",\n\t"c": []\n}\n',
            'line 2: “a” "x" was removed; line 3 says "y", which counts',
        ),
    ],
)
def test_of_duplicates_the_one_that_counts_stays(before: str, after: str, step: str) -> None:
    repair = find_repair(PATH, before.encode())
    assert repair is not None
    assert (repair.after.decode(), repair.title, repair.steps) == (after, "State each field once", (step,))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.booleans()), max_size=7), st.sampled_from([None, 2]))
def test_without_duplicates_the_file_says_what_it_said(
    members: list[tuple[str, bool | None]], indent: int | None
) -> None:
    gap = "\n  " if indent else ""
    fields = [f'"{key}": {json.dumps(value)}' for key, value in members]
    data = ("{" + gap + f",{gap or ' '}".join(fields) + gap[:1] + "}").encode()
    repair = find_repair(PATH, data)
    keys = [key for key, _ in members]
    assert (repair is not None) == (len(set(keys)) < len(keys))
    if repair is not None:
        assert parse(repair.after).value == parse(data).value
        assert not parse(repair.after).duplicates()
        assert len(repair.steps) == len(keys) - len(set(keys))


def test_counts_are_corrected_where_they_are_stated(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01", status="completed"), a_task("02"))
    path = write(folder / "task.json", {"name": "Auth", "status": "active", "completed_count": "5", "subtask_count": 3})
    (repair,) = repairs_of(the_feature(tmp_path))
    assert (repair.path, repair.title) == (path, "Correct the counts")
    assert repair.steps == ("line 5: “subtask_count” is 2, not 3", 'line 4: “completed_count” is 1, not "5"')
    assert repair.before == path.read_bytes()
    assert repair.after == path.read_bytes().replace(b'"5"', b"1").replace(b"3", b"2")
    assert repair.diff() == (
        "--- task.json",
        "+++ task.json",
        "@@ -2,5 +2,5 @@",
        '   "name": "Auth",',
        '   "status": "active",',
        '-  "completed_count": "5",',
        '-  "subtask_count": 3',
        '+  "completed_count": 1,',
        '+  "subtask_count": 2',
        " }",
    )
    path.write_bytes(repair.after)
    assert repairs_of(the_feature(tmp_path)) == ()
    write(path, {"name": "Auth", "status": "active"})
    assert repairs_of(the_feature(tmp_path)) == ()


def test_while_a_task_cannot_be_read_nobody_knows_how_many_are_completed(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01", status="completed"))
    (folder / "subtask_02.json").write_text("{")
    write(folder / "task.json", {"name": "A", "status": "active", "completed_count": 2, "subtask_count": 3})
    (repair,) = repairs_of(the_feature(tmp_path))
    assert repair.steps == ("line 5: “subtask_count” is 2, not 3",)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"subtask_count": 9, "subtask_count": 8}', b'{"subtask_count": 1}'])
def test_counts_that_are_right_or_cannot_be_told_are_left(tmp_path: Path, data: bytes) -> None:
    a_project(tmp_path, a_task("01"))
    assert repair_counts(the_feature(tmp_path), data) is None


def test_each_file_of_a_feature_has_its_repair(tmp_path: Path) -> None:
    folder = a_project(tmp_path, a_task("01"))
    (folder / "subtask_02.json").write_text('{"seq": "02", "status": "pending",}')
    (folder / "subtask_03.json").write_text('{"seq": "03", "status": "pending", "title": "T", "title": null}')
    (folder / "subtask_04.json").write_text('{"seq": "04", "status": pending}')
    (folder / "task.json").write_text('{"name": "A", "status": "active", "subtask_count": 9,}')
    found = repairs_of(the_feature(tmp_path))
    assert [repair.path.name for repair in found] == ["subtask_02.json", "subtask_03.json", "task.json"]
    for repair in found:
        repair.path.write_bytes(repair.after)
    (counts,) = repairs_of(the_feature(tmp_path))
    assert counts.title == "Correct the counts"
    assert [task.readable for task in the_feature(tmp_path).tasks] == [True, True, True, False]


def test_what_is_shown_of_a_repair_is_clean() -> None:
    text = edited("“hi”", "\x1b]0;pwn\u202e").replace("\x1b", "\\u001b\x9b").replace('"03",', '"03", // \x1b[2J\u202e')
    repair = repaired(text)
    assert all(is_plain(line) for line in (*repair.steps, *repair.diff()))


# --- generated and mutated ----------------------------------------------------------------------------------------

_TEXTS = st.text(max_size=12) | st.sampled_from(['\\n outside "a": 1,', "// no comment", "/* no */", "}]", "a\nb\tc"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_TASKS = st.fixed_dictionaries(
    {
        "id": _TEXTS,
        "title": _TEXTS,
        "status": st.sampled_from(["pending", "completed"]),
        "depends_on": st.lists(_TEXTS),
    },
    optional={"extra": _VALUES, "note": _VALUES},
)


def break_one(lines: list[str], at: int, how: str) -> list[str]:
    """The document with one line broken in a known way."""
    line = lines[at]
    match how:
        case "comma":
            lines[at] = line.removesuffix(",")
        case "literal":
            lines[at : at + 2] = ["\\n".join(lines[at : at + 2])]
        case "last comma":
            lines[at] = line + "," if lines[at + 1 : at + 2] and lines[at + 1].strip(" ,") in ("}", "]") else line
        case "comment":
            lines[at] = line + ' // "status": "completed"'
        case "own comment":
            lines.insert(at, '/* "status": "completed", */')
        case "second value":
            lines[at] = re.sub(r'^(  "status": "\w+")', r"\1: []", line)
        case "fence":
            lines[:] = ["```json", *lines, "```"]
        case "cut":
            del lines[max(at, 1) :]
        case "rest":
            lines.append("}")
    return lines


@settings(max_examples=400)
@given(
    _TASKS,
    st.integers(0, 60),
    st.sampled_from(
        ["comma", "literal", "last comma", "comment", "own comment", "second value", "fence", "cut", "rest"]
    ),
    st.booleans(),
)
def test_a_repair_gives_the_document_that_was_broken(
    value: dict[str, JsonValue], at: int, how: str, ascii_only: bool
) -> None:
    lines = json.dumps(value, indent=2, ensure_ascii=ascii_only).split("\n")
    data = "\n".join([*break_one(lines, at % len(lines), how), ""]).encode("utf-8", "surrogatepass")
    try:
        assert same_value(parse(data).value, value)
    except InvalidError:
        repair = find_repair(PATH, data)
        if repair is not None and how == "cut":
            kept = parse(repair.after).value
            assert isinstance(kept, dict)
            assert all(same_value(kept[key], value[key]) for key in list(kept)[:-1])
        elif repair is not None:
            assert same_value(parse(repair.after).value, value)


@given(st.binary(max_size=80) | st.text('{}[]":,\\n/* `<=>\n01abc', max_size=60).map(str.encode))
def test_any_bytes_give_a_sound_repair_or_none(data: bytes) -> None:
    repair = find_repair(PATH, data)
    if repair is not None:
        check_safe(repair)


def check_safe(repair: Repair) -> None:
    """What holds for every repair that is offered; told without the program's own tools where that can be."""
    after = parse(repair.after)
    assert isinstance(after.value, dict)
    assert repair.after != repair.before
    assert repair.steps
    assert repair.diff()
    for key, value in recover(repair.before).items():
        assert same_value(after.value[key], value)
    if repair.title == "Make it valid JSON again":
        bare = re.compile(rb'//[^\n"]*|[\s,:{}\[\]\x00]|\\n|\\t|\\r|`{3}\w*|/\*|\*/')
        gone = bare.sub(b"", repair.before)
        if b"//" not in repair.before and b"/*" not in repair.before and b"<<<<<<<" not in repair.before:
            assert gone == bare.sub(b"", repair.after)
    else:
        assert same_value(after.value, parse(repair.before).value)


@pytest.mark.corpus
def test_every_broken_file_of_the_corpus_gets_its_repair(corpus: Path) -> None:
    found = {
        repair.path.name: repair
        for repository in sorted(path for path in corpus.iterdir() if path.is_dir())
        for feature in read_project(locate(repository, explicit=True)).features
        for repair in repairs_of(feature)
        if repair.title != "Correct the counts"
    }
    changes = {
        name: tuple(line for line in repair.diff()[2:] if line[0] in "+-") for name, repair in sorted(found.items())
    }
    assert changes == {
        "subtask_03.json": (
            '-  "status": "in_progress",\\n  "agent_id": "coder-agent",\\n  "started_at": "2026-04-11T12:00:00Z",',
            '+  "status": "in_progress",',
            '+  "agent_id": "coder-agent",',
            '+  "started_at": "2026-04-11T12:00:00Z",',
        ),
        "subtask_04.json": ('-  "completed_at": null,',),
        "subtask_12.json": ('-  "started_at": "2026-06-22T00:00:00Z",',),
        "subtask_15.json": ('-  "status": "pending": [],', '+  "status": "pending",'),
    }


_PIECES = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\\n",
    b"\\",
    b"null",
    b": []",
    b"//x",
    b"/*",
    b"*/",
    b"\0",
]


@pytest.mark.corpus
def test_mutations_of_the_corpus_never_lead_to_a_wrong_repair(corpus: Path) -> None:
    files = [path.read_bytes() for path in sorted(corpus.rglob("*.json")) if is_task_file(path.name)]
    chance = random.Random(3)
    offered = 0
    for _ in range(4_000):
        data = bytearray(chance.choice(files))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data) or 1)
            end = at + chance.choice([0, 0, 1, 1, 2, chance.randrange(40)])
            data[at:end] = chance.choice([b"", *_PIECES])
        repair = find_repair(PATH, bytes(data))
        if repair is not None:
            offered += 1
            check_safe(repair)
    assert offered > 200
