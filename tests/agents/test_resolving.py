"""Which agent a spelling means: one, or a question. Never a guess."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.definitions import Definition
from parex_tui.agents.resolving import ALIASES, Ambiguous, NotFound, Resolved, plain, resolve


def agent(name: str, file: str = "", names: tuple[str, ...] = ()) -> Definition:
    return Definition(name, file=Path("/p/.opencode/agent") / f"{file}.md" if file else None, names=names)


# The framework's own agents: their ids, their files, and what its metadata adds.
FRAMEWORK = (
    agent("CoderAgent", "coder-agent", ("coder-agent",)),
    agent("TestEngineer", "test-engineer", ("tester",)),
    agent("OpenFrontendSpecialist", "frontend-specialist", ("frontend-specialist",)),
    agent("OpenDevopsSpecialist", "devops-specialist", ("devops-specialist",)),
    agent("DocWriter", "documentation", ("documentation",)),
    agent("CodeReviewer", "reviewer", ("reviewer",)),
    agent("BuildAgent", "build-agent", ("build-agent",)),
    agent("Image Specialist", "image-specialist", ("image-specialist",)),
    agent("OpenAgent", "openagent"),
    agent("OpenCoder", "opencoder"),
    agent("build"),
    agent("general"),
)


def meant(suggested: str, *definitions: Definition) -> str:
    found = resolve(suggested, definitions or FRAMEWORK)
    assert isinstance(found, Resolved), found
    return found.definition.id


@pytest.mark.parametrize(
    ("suggested", "expected"),
    [
        ("CoderAgent", "CoderAgent"),
        ("coder-agent", "CoderAgent"),
        ("  CoderAgent ", "CoderAgent"),
        ("coderagent", "CoderAgent"),
        ("coder_agent", "CoderAgent"),
        ("Coder Agent", "CoderAgent"),
        ("coder", "CoderAgent"),
        ("test-engineer", "TestEngineer"),
        ("tester", "TestEngineer"),
        ("Test Engineer", "TestEngineer"),
        ("frontend-specialist", "OpenFrontendSpecialist"),
        ("OpenFrontendDeveloper", "OpenFrontendSpecialist"),
        ("FrontendSpecialist", "OpenFrontendSpecialist"),
        ("image-specialist", "Image Specialist"),
        ("DocWriter", "DocWriter"),
        ("documentation", "DocWriter"),
        ("build-agent", "BuildAgent"),
        ("build", "build"),
        ("general", "general"),
        ("openagent", "OpenAgent"),
        ("opencoder", "OpenCoder"),
    ],
)
def test_spellings_of_real_tasks(suggested: str, expected: str) -> None:
    assert meant(suggested) == expected


@pytest.mark.parametrize("suggested", ["", "   ", "agent", "code-architect", "CoderAgent2", "the CoderAgent", "*", "-"])
def test_what_nobody_is_called_is_not_found(suggested: str) -> None:
    assert isinstance(resolve(suggested, FRAMEWORK), NotFound)


def test_what_is_not_found_names_what_is_near() -> None:
    found = resolve("CoderAgnt", FRAMEWORK)
    assert isinstance(found, NotFound)
    assert found.near[0] == "CoderAgent"


def test_case_decides_where_it_can_and_asks_where_it_cannot() -> None:
    both = (agent("Coder"), agent("coder"))
    assert meant("coder", *both) == "coder"
    found = resolve("CODER", both)
    assert found == Ambiguous("CODER", (both[0], both[1]))


def test_several_by_the_same_rule_are_a_question() -> None:
    found = resolve("coder-agent", (agent("CoderAgent"), agent("Coder_Agent"), agent("tester")))
    assert isinstance(found, Ambiguous)
    assert [one.id for one in found.candidates] == ["CoderAgent", "Coder_Agent"]


def test_a_nearer_rule_wins_over_a_farther_one() -> None:
    assert meant("coder", agent("CoderAgent"), agent("x", "coder")) == "x"
    assert meant("CoderAgent", agent("x", "CoderAgent"), agent("CoderAgent")) == "CoderAgent"


def test_the_rule_is_told() -> None:
    def how(suggested: str) -> str:
        found = resolve(suggested, FRAMEWORK)
        assert isinstance(found, Resolved)
        return found.how

    assert how("CoderAgent") == ""
    assert how("coderagent") == "without regard to case"
    assert how("coder-agent") == "by its file"
    assert how("tester") == "by the project's metadata"
    assert how("Coder Agent") == "by its words"
    assert how("OpenFrontendDeveloper") == "as another name for the same work"


def test_each_alias_is_in_one_row_and_spelled_as_it_is_compared() -> None:
    words = [word for row in ALIASES for word in row]
    assert len(words) == len(set(words))
    assert [word for word in words if plain(word) != word] == []


names = st.text("aAbB-_ .", min_size=1, max_size=6).filter(lambda text: text.strip() == text and text)
pool = st.lists(st.builds(agent, names, st.sampled_from(["", "a", "B", "a-b"])), max_size=6, unique_by=lambda a: a.id)


@given(suggested=names | st.text(max_size=12), definitions=pool, data=st.data())
def test_an_answer_is_one_of_them_or_a_question_in_any_order(
    suggested: str, definitions: list[Definition], data: st.DataObject
) -> None:
    found = resolve(suggested, definitions)
    assert resolve(suggested, data.draw(st.permutations(definitions))) == found
    match found:
        case Resolved(definition):
            assert definition in definitions
        case Ambiguous(_, candidates):
            assert len(candidates) > 1
            assert set(candidates) <= set(definitions)
        case NotFound(_, near):
            assert set(near) <= {one.id for one in definitions}


@given(definitions=pool)
def test_an_id_always_means_itself(definitions: list[Definition]) -> None:
    for one in definitions:
        assert resolve(one.id, definitions) == Resolved(one)


@given(definitions=pool, suggested=names)
def test_one_more_agent_never_turns_one_answer_silently_into_another(
    definitions: list[Definition], suggested: str
) -> None:
    """Only a nearer rule may: then the new one is the answer."""
    if not definitions:
        return
    *fewer, added = definitions
    before, after = resolve(suggested, fewer), resolve(suggested, definitions)
    if isinstance(before, Resolved) and isinstance(after, Resolved):
        assert after.definition in (before.definition, added)


@pytest.mark.corpus
def test_every_spelling_of_the_corpus_is_an_agent_or_a_question(corpus: Path) -> None:
    spellings = set()
    for path in corpus.rglob("*.json"):
        try:
            found = json.loads(path.read_text("utf-8", "replace"))
        except ValueError:
            continue
        if isinstance(found, dict) and isinstance(found.get("suggested_agent"), str):
            spellings.add(found["suggested_agent"])
    assert len(spellings) > 8
    answers = {spelling: resolve(spelling, FRAMEWORK) for spelling in spellings}
    unknown = {spelling for spelling, found in answers.items() if not isinstance(found, Resolved)}
    assert unknown == {"code-architect"}
