"""The find line's language: what a text asks for, what it finds, what it says of a value that nothing has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.run.snapshot import Snapshot
from parex_tui.tasks.model import ContextRef
from parex_tui.ui.glyphs import UNICODE
from parex_tui.ui.looks import Draw
from parex_tui.ui.rows import RowKind, build_rows
from parex_tui.ui.search import Field, Index, Query, Term, bare_agent

from . import fakes, pictures

DRAW = Draw(UNICODE, fakes.NOW)


def found(snapshot: Snapshot, text: str) -> list[str]:
    rows = build_rows(snapshot, {}, None, Query.parse(text), DRAW)
    return [f"{row.id.feature} {row.id.seq}" for row in rows if row.id.kind is RowKind.TASK]


def complaint(snapshot: Snapshot, text: str) -> str:
    query = Query.parse(text)
    assert query is not None
    return query.complaint(snapshot, DRAW, Index())


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Login route", (Term(Field.WORD, "login"), Term(Field.WORD, "route"))),
        ('"Login  route"', (Term(Field.WORD, "login route"),)),
        ("status:failed", (Term(Field.STATUS, "failed"),)),
        ("STATUS:Failed", (Term(Field.STATUS, "failed"),)),
        ('status:"needs review"', (Term(Field.STATUS, "needs review"),)),
        ("-status:done", (Term(Field.STATUS, "done", False),)),
        ('-"two words"', (Term(Field.WORD, "two words", False),)),
        ("-word", (Term(Field.WORD, "word", False),)),
        ("http://x", (Term(Field.WORD, "http://x"),)),
        ("colour:red", (Term(Field.WORD, "colour:red", prefix="colour"),)),
        ("seq:01", (Term(Field.SEQ, "01"),)),
        ('"status:failed"', (Term(Field.WORD, "status:failed"),)),
        ("problem:", (Term(Field.PROBLEM, ""),)),
        ("problem:comma", (Term(Field.PROBLEM, "comma"),)),
        ("a-b", (Term(Field.WORD, "a-b"),)),
        ('"not closed', (Term(Field.WORD, "not closed"),)),
    ],
)
def test_what_a_text_asks_for(text: str, terms: tuple[Term, ...]) -> None:
    query = Query.parse(text)
    assert query is not None
    assert query.terms == terms


@pytest.mark.parametrize("text", ["", "   ", "-", "status:", "-status:", '""', 'agent:""', "file: "])
def test_what_is_not_yet_typed_asks_for_nothing(text: str) -> None:
    assert Query.parse(text) is None


@given(st.text(alphabet=st.sampled_from('ab -:"status agent\t\u00df\u0130')))
def test_every_text_has_a_meaning(text: str) -> None:
    query = Query.parse(text)
    if query is not None:
        assert all(term.value or term.field is Field.PROBLEM for term in query.terms)
        assert Query.parse(text.upper() if text.isascii() else text) == query
        query.complaint(pictures.messy(), DRAW, Index())


def test_words_are_sought_in_everything_that_a_task_says() -> None:
    running = pictures.running()
    assert found(running, "05 login") == ["auth-system 05"]
    assert found(running, "tests/login.test.ts") == ["auth-system 05"]
    assert found(running, "locks after five") == ["auth-system 05"]
    assert len(found(running, "docs/auth.md auth-system")) == 11
    assert len(found(running, "billing")) == 6
    assert len(found(running, "auth system codera")) == 11
    assert found(running, "nowhere at all") == []


def test_negated_words_take_away() -> None:
    everything = found(pictures.running(), "codera")
    without = found(pictures.running(), "codera -login")
    assert sorted({*everything} - {*without}) == ["auth-system 05"]


def test_statuses_are_the_words_on_disk_and_those_on_the_screen() -> None:
    messy = pictures.messy()
    expected: Mapping[str, list[str]] = {
        "stale": ["legacy-import 05"],
        "unreadable": ["legacy-import 03"],
        "cannot": ["legacy-import 03", "legacy-import 12", "legacy-import 13"],
        "blocked": ["legacy-import 04"],
        "skipped": ["legacy-import 10"],
        "stopped": ["legacy-import 09"],
        "failed": ["legacy-import 08"],
        "quiet": ["legacy-import 07"],
        "in-progress": ["legacy-import 05", "legacy-import 06"],
        "???": ["legacy-import 12"],
        "archived": [f"old-login 0{number}" for number in range(1, 5)],
    }
    for word, tasks in expected.items():
        assert found(messy, f"status:{word}") == tasks, word
    assert found(pictures.gate(), "status:review") == found(pictures.gate(), 'status:"needs review"') != []
    assert found(messy, "status:stale -status:stale") == []


def test_a_status_is_known_by_its_beginning_while_it_is_typed() -> None:
    for length in range(1, len("failed") + 1):
        assert "auth-system 08" in found(pictures.running(), "status:" + "failed"[:length])


@pytest.mark.parametrize("name", ["CoderAgent", "coder-agent", "coder agent", "CODERAGENT", "Coder_Agent"])
def test_an_agent_has_many_spellings(name: str) -> None:
    assert bare_agent(name) == "coderagent"
    snapshot = pictures.running()
    assert found(snapshot, f'agent:"{name}"') == found(snapshot, "agent:coder") != []


def test_files_features_and_problems() -> None:
    running, messy = pictures.running(), pictures.messy()
    assert found(running, "file:src/auth/login") == ["auth-system 05"]
    assert found(running, "file:LOGIN.TEST") == ["auth-system 05"]
    assert len(found(running, "feature:search-index")) == 9
    assert sorted(found(messy, "problem:")) == ["legacy-import 03", "legacy-import 04"]
    assert found(messy, "problem:twice") == ["legacy-import 04"]
    assert "legacy-import 03" not in found(messy, "feature:legacy -problem:")


def test_archived_features_are_found_and_those_without_a_task_too() -> None:
    rows = build_rows(pictures.messy(), {}, None, Query.parse("feature:old-login"), DRAW)
    assert [row.id.seq for row in rows if row.id.seq] == ["01", "02", "03", "04"]
    alone = build_rows(pictures.messy(), {}, None, Query.parse("empty-one"), DRAW)
    assert [(row.id.kind, row.id.feature) for row in alone] == [(RowKind.FEATURE, "empty-one")]


def test_a_slip_of_the_keys_is_told_with_what_there_is() -> None:
    running = pictures.running()
    assert complaint(running, "status:faild") == (
        'No status is called "faild". Did you mean failed? There is ready, waiting, running, in progress, '
        "failed, blocked, verified, claimed and 5 more."
    )
    assert complaint(running, "agent:codr") == (
        'No agent is called "codr". Did you mean CoderAgent? There is CoderAgent.'
    )
    assert "Did you mean billing-export?" in complaint(running, "feature:biling-exprt")
    assert complaint(running, "-status:faild") == complaint(running, "status:faild")
    assert complaint(pictures.empty(), "agent:x") == 'No agent is called "x": none is named here.'


@pytest.mark.parametrize("text", ["status:failed", "status:skipped", "agent:coder", "zzz", "file:zzz", "problem:zzz"])
def test_what_may_just_not_be_there_is_no_slip(text: str) -> None:
    assert complaint(pictures.running(), text) == ""


def test_a_changed_task_is_read_again_and_one_that_is_gone_is_let_go() -> None:
    one = fakes.task("01", "Before")
    index = Index()
    assert "before" in index.task(one).words
    assert index.task(one) is index.task(one)
    after = replace(one, title="After", context_files=(ContextRef("Docs/X.md"),))
    assert "after" in index.task(after).words
    assert "docs/x.md" in index.task(after).files
    for number in range(200):
        index.task(replace(one, title=str(number)))
    index.forget_but(pictures.empty())
    again = index.task(one)
    assert again is index.task(one)
    assert "before" in again.words


def test_a_query_over_ten_thousand_tasks_reads_each_text_once() -> None:
    snapshot = pictures.huge(10_000)
    index = Index()
    query = Query.parse("generated -777 status:ready agent:coder")
    rows = build_rows(snapshot, {}, None, query, DRAW, index)
    tasks = snapshot.features["huge"].tasks.values()
    assert len(rows) == 2 + sum("777" not in task.seq for task in tasks)
    entries = [index.task(task.task) for task in tasks]
    build_rows(snapshot, {}, None, Query.parse("step"), DRAW, index)
    assert all(index.task(task.task) is entry for task, entry in zip(tasks, entries, strict=True))


def test_a_field_that_there_is_not_is_told() -> None:
    there = "There are status, agent, file, feature, problem, seq."
    assert complaint(pictures.running(), "agnet:test") == f'No field "agnet". Did you mean agent? {there}'
    assert complaint(pictures.running(), "-colour:red") == f'No field "colour". {there}'
    assert complaint(pictures.running(), '"agnet:test"') == complaint(pictures.running(), "http://x") == ""


def test_a_task_is_found_by_its_number() -> None:
    for text in ("seq:05 feature:auth-s", "seq:5 login"):
        assert found(pictures.running(), text) == ["auth-system 05"]


@pytest.mark.parametrize("text", ["-status:pending", "-agent:coder", "-seq:01", "-zzz", "-problem:"])
def test_what_a_feature_lacks_does_not_find_it(text: str) -> None:
    rows = build_rows(pictures.messy(), {}, None, Query.parse(text), DRAW)
    with_tasks = {row.id.feature for row in rows if row.id.kind is RowKind.TASK}
    assert {row.id.feature for row in rows if row.id.kind is RowKind.FEATURE} == with_tasks
