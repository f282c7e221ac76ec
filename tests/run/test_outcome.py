"""Claimed is not done: verdicts from real files in a scratch project."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from parex_tui.agents.driver import Ending, Failure
from parex_tui.agents.events import Event, Said, Usage
from parex_tui.run.evidence import collect, facts, present
from parex_tui.run.outcome import SUMMARY_LIMIT, judge, listed, shorten
from parex_tui.run.states import Outcome, Verdict

CLEAN = Ending(clean=True, summary="All done")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "old.py").write_text("old\n")
    return tmp_path


def verdict(root: Path, deliverables: list[str], *, write: dict[str, str], ending: Ending = CLEAN) -> Outcome:
    """Take the baseline, write what an agent would, judge."""
    before = facts(deliverables, root)
    for name, text in write.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return judge(ending, collect(deliverables, root, before, ended=time.time()), [], seconds=1.0, now=2.0)


def test_a_clean_end_with_every_deliverable_written_is_verified(root: Path) -> None:
    outcome = verdict(root, ["src/new.py", "src/old.py (rewritten)"], write={"src/new.py": "1", "src/old.py": "2"})
    assert outcome.verdict is Verdict.VERIFIED
    assert [item.state for item in outcome.evidence] == ["created", "changed"]


def test_a_claim_without_the_file_fails_and_names_it(root: Path) -> None:
    outcome = verdict(root, ["src/new.py", "src/other.py"], write={"src/new.py": "1"})
    assert (outcome.verdict, outcome.failure) == (Verdict.FAILED, Failure.NO_EVIDENCE)
    assert "src/other.py" in outcome.reason


def test_a_file_that_was_not_touched_needs_review(root: Path) -> None:
    outcome = verdict(root, ["src/old.py"], write={})
    assert outcome.verdict is Verdict.NEEDS_REVIEW
    assert "src/old.py" in outcome.reason


def test_writing_the_same_bytes_again_is_no_change(root: Path) -> None:
    assert verdict(root, ["src/old.py"], write={"src/old.py": "old\n"}).verdict is Verdict.NEEDS_REVIEW


@pytest.mark.parametrize(
    "deliverables",
    [[], ["Updated the documentation so that it is right"], ["/Users/else/project/src/x.py"], ["../outside.py"]],
)
def test_nothing_to_check_needs_review_and_never_passes(root: Path, deliverables: list[str]) -> None:
    assert verdict(root, deliverables, write={"src/new.py": "1"}).verdict is Verdict.NEEDS_REVIEW


def test_what_cannot_be_checked_does_not_hide_what_can(root: Path) -> None:
    outcome = verdict(root, ["src/new.py", "All tests pass"], write={"src/new.py": "1"})
    assert outcome.verdict is Verdict.VERIFIED
    assert "1 could not be checked" in outcome.reason


def test_an_unclean_end_fails_whatever_was_written(root: Path) -> None:
    ending = Ending(clean=False, failure=Failure.TIMEOUT, reason="60 minutes are over")
    outcome = verdict(root, ["src/new.py"], write={"src/new.py": "1"}, ending=ending)
    assert (outcome.verdict, outcome.failure) == (Verdict.FAILED, Failure.TIMEOUT)


def test_folders_and_globs_count_when_something_in_them_changed(root: Path) -> None:
    assert verdict(root, ["src/", "lib/*.js"], write={"src/a.py": "1", "lib/b.js": "2"}).verdict is Verdict.VERIFIED
    assert verdict(root, ["src/", "lib/*.js"], write={}).verdict is Verdict.NEEDS_REVIEW


def test_touching_files_and_what_tools_leave_behind_is_no_work(root: Path) -> None:
    (root / "src" / "__pycache__").mkdir()
    before = facts(["src/", "**/*.py", "**/*.json"], root)
    (root / "src" / "__pycache__" / "old.pyc").write_text("1")
    (root / ".tmp" / "tasks").mkdir(parents=True)
    (root / ".tmp" / "tasks" / "task.json").write_text("{}")
    os.utime(root / "src" / "old.py", (1, 1))
    found = collect(["src/", "**/*.py", "**/*.json"], root, before, ended=time.time())
    assert [item.state for item in found] == ["unchanged", "unchanged", "missing"]


def test_only_empty_files_settle_nothing(root: Path) -> None:
    assert verdict(root, ["src/a.py"], write={"src/a.py": ""}).verdict is Verdict.NEEDS_REVIEW
    both = verdict(root, ["src/__init__.py", "src/b.py"], write={"src/__init__.py": "", "src/b.py": "1"})
    assert both.verdict is Verdict.VERIFIED


def test_what_was_changed_after_the_end_is_nobodys_evidence(root: Path) -> None:
    before = facts(["src/old.py"], root)
    (root / "src" / "old.py").write_text("by somebody, an hour later")
    evidence = collect(["src/old.py"], root, before, ended=time.time() - 3600)
    outcome = judge(CLEAN, evidence, [], seconds=1.0, now=2.0)
    assert outcome.verdict is Verdict.NEEDS_REVIEW
    assert "after its end" in outcome.reason


def test_brackets_are_part_of_a_name(root: Path) -> None:
    assert verdict(root, ["app/[id].ts"], write={"app/i.ts": "1"}).failure is Failure.NO_EVIDENCE
    assert verdict(root, ["app/[id].ts"], write={"app/[id].ts": "1"}).verdict is Verdict.VERIFIED


def test_a_link_that_leads_outside_is_no_evidence(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    before = facts(["src/link.py"], root)
    outside.write_text("1")
    (root / "src" / "link.py").symlink_to(outside)
    assert collect(["src/link.py"], root, before, ended=time.time())[0].state == "missing"


def test_a_pipe_in_the_place_of_a_deliverable_does_not_block(root: Path) -> None:
    before = facts(["src/pipe"], root)
    os.mkfifo(root / "src" / "pipe")
    assert collect(["src/pipe"], root, before, ended=time.time())[0].state == "created"


def test_a_deliverable_that_is_to_be_removed_is_not_held_against_the_agent(root: Path) -> None:
    outcome = verdict(root, ["src/new.py", "src/old.py (deleted)"], write={"src/new.py": "1"})
    assert outcome.verdict is Verdict.VERIFIED


def test_a_note_that_mentions_a_removal_does_not_excuse_the_file(root: Path) -> None:
    outcome = verdict(root, ["src/gone.py (re-export hub, the old definitions removed)"], write={})
    assert outcome.failure is Failure.NO_EVIDENCE


def test_files_present_are_counted_at_a_glance(root: Path) -> None:
    before = facts(["src/new.py", "src/old.py"], root)
    assert present(root, before) == 0
    (root / "src" / "new.py").write_text("1")
    assert present(root, before) == 1


def test_tokens_and_cost_are_summed_and_absent_cost_stays_absent(root: Path) -> None:
    events: list[Event] = [
        Usage(input_tokens=10, output_tokens=5),
        Said(text="x"),
        Usage(input_tokens=1, cost=0.5),
        Usage(cost=0.25),
    ]
    outcome = judge(CLEAN, [], events, seconds=1, now=1)
    assert (outcome.tokens, outcome.cost) == (16, 0.75)
    assert judge(CLEAN, [], events[:2], seconds=1, now=1).cost is None


def test_summaries_are_one_line_of_at_most_what_the_format_allows() -> None:
    long = shorten("word " * 100)
    assert len(long) <= SUMMARY_LIMIT
    assert long.endswith("…")
    assert shorten("a\n b\t c") == "a b c"


def test_lists_of_names_read_as_a_sentence() -> None:
    assert [listed(list("abcdef")[:n]) for n in (1, 2, 3, 6)] == ["a", "a and b", "a, b and c", "a, b and 4 more"]
