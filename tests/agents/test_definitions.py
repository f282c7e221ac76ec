"""Agent definitions: what is found where, what stands in a run's way, and what a hostile file cannot do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.definition_files import Scope
from parex_tui.agents.definitions import Definition, Found, Mode, claude_agents, opencode_agents
from parex_tui.agents.permissions import EDIT, Rule, decide, rules_of
from parex_tui.tasks.text import is_plain

Writer = Callable[[str, str], Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    (path / ".git").mkdir(parents=True)
    return path


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Writes a file below the test's folder: `project/…` or `home/…`."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return put


def opencode(root: Path) -> Found:
    return opencode_agents(root, {"HOME": str(root.parent / "home")})


def claude(root: Path) -> Found:
    return claude_agents(root, {"HOME": str(root.parent / "home")})


def one(found: Found, name: str) -> Definition:
    (agent,) = (agent for agent in found.agents if agent.id == name)
    return agent


def front(**keys: object) -> str:
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in keys.items()) + "---\nDo it.\n"


OWN = "project/.opencode/agent/"


def test_without_any_file_there_is_what_opencode_brings(root: Path) -> None:
    found = opencode(root)
    assert [(agent.id, agent.mode) for agent in found.agents] == [
        ("build", Mode.PRIMARY),
        ("explore", Mode.SUBAGENT),
        ("general", Mode.SUBAGENT),
        ("plan", Mode.PRIMARY),
    ]
    assert found.problems == ()
    assert claude(root) == Found()


def test_the_id_is_the_name_else_the_path(root: Path, write: Writer) -> None:
    write(OWN + "subagents/code/coder.md", front(name="CoderAgent", mode="subagent", model="a/b", description="Codes"))
    write(OWN + "sub/Nested.md", front(mode="primary"))
    write("project/.opencode/agents/plain.md", "no front matter\n")
    found = opencode(root)
    coder = one(found, "CoderAgent")
    assert (coder.stem, coder.mode, coder.model, coder.description) == ("coder", Mode.SUBAGENT, "a/b", "Codes")
    assert one(found, "sub/Nested").mode is Mode.PRIMARY
    assert one(found, "plain").mode is Mode.ALL
    assert found.problems == ()


def test_the_project_wins_over_the_user(root: Path, write: Writer) -> None:
    write("home/.config/opencode/agent/Coder.md", front(mode="primary", model="a/user"))
    write("home/.config/opencode/agent/Mine.md", front())
    mine = write(OWN + "Coder.md", front(mode="subagent"))
    found = opencode(root)
    coder = one(found, "Coder")
    assert (coder.file, coder.mode, coder.model, coder.scope) == (mine, Mode.SUBAGENT, "a/user", Scope.PROJECT)
    assert any("defined twice" in line for line in coder.warnings)
    assert one(found, "Mine").scope is Scope.USER


def test_configuration_defines_and_changes_agents(root: Path, write: Writer) -> None:
    write(
        "project/opencode.json",
        """{ // a comment, "with": a quote
          "agent": {"Coder": {"mode": "all"}, "FromJson": {"model": "x/y", "tools": {"bash": false}},
                    "build": {"disable": true},},
          /* and */ "permission": {"webfetch": "ask", "url": "https://a/b"},
        }""",
    )
    own = write("project/.opencode/agent/Coder.md", front(mode="subagent"))
    found = opencode(root)
    assert (one(found, "Coder").file, one(found, "Coder").mode) == (own, Mode.SUBAGENT)
    assert decide(one(found, "FromJson").rules, "bash", "ls") == "deny"
    assert decide(one(found, "FromJson").rules, "webfetch", "https://x") == "ask"
    assert "build" not in {agent.id for agent in found.agents}
    assert found.problems == (f"{root / 'opencode.json'}: switches the agent build off",)


def test_definitions_of_the_repository_around_the_project_count(root: Path, write: Writer) -> None:
    write(OWN + "Outer.md", front())
    inner = root / "packages" / "app"
    inner.mkdir(parents=True)
    found = opencode_agents(inner, {"HOME": str(root.parent / "home")})
    assert one(found, "Outer").scope is Scope.PROJECT


def test_front_matter_that_only_opencode_can_read_is_read(root: Path, write: Writer) -> None:
    write(OWN + "Colon.md", "---\ndescription: Use this: for that\nmode: subagent\n---\n")
    assert one(opencode(root), "Colon").description == "Use this: for that"


# --- warnings ----------------------------------------------------------------------------------------------------


def warned(root: Path, write: Writer, text: str) -> tuple[str, ...]:
    write(OWN + "A.md", f"---\n{text}---\n")
    found = opencode(root)
    assert found.problems == ()
    return one(found, "A").warnings


def test_a_subagent_is_told(root: Path, write: Writer) -> None:
    (line,) = warned(root, write, "mode: subagent\n")
    assert line.startswith("is a subagent")
    assert warned(root, write, "mode: all\n") == ()


def test_a_trailing_deny_hides_the_tool(root: Path, write: Writer) -> None:
    (line,) = warned(root, write, 'permission:\n  bash:\n    "npm *": allow\n    "git *": allow\n    "*": deny\n')
    assert line == 'has no bash: the last rule, "*": deny, wins over the 2 before it'
    assert warned(root, write, 'permission:\n  bash:\n    "*": deny\n    "npm *": allow\n') == ()
    everything = warned(root, write, 'permission:\n  read: allow\n  edit: allow\n  "*": deny\n')
    assert everything[0].startswith("has no tools")
    assert everything[1] == "cannot write files: its last rule for edit is deny"


def test_a_rule_that_asks_is_a_rejection(root: Path, write: Writer) -> None:
    assert warned(root, write, "permission:\n  edit: ask\n") == (
        "asks before edit: with nobody there that is a rejection",
    )
    (line,) = warned(root, write, 'permission:\n  bash:\n    "rm *": ask\n    "sudo *": ask\n    "ls *": allow\n')
    assert line.startswith("asks before bash (rm *, sudo *)")
    assert warned(root, write, 'permission:\n  bash:\n    "rm *": ask\n    "*": allow\n') == ()
    assert warned(root, write, "permission: ask\n")[0].startswith("asks before anything")


@pytest.mark.parametrize("text", ["permission:\n  edit: deny\n", "tools:\n  write: false\n", "permission: deny\n"])
def test_an_agent_that_cannot_write_is_told(root: Path, write: Writer, text: str) -> None:
    assert "cannot write files: its last rule for edit is deny" in warned(root, write, text)


def test_names_that_differ_only_in_case_are_told(root: Path, write: Writer) -> None:
    write(OWN + "Coder.md", front())
    write(OWN + "coder.md", front())
    found = opencode(root)
    assert one(found, "Coder").warnings == ("differs from the agent coder only in case",)
    assert one(found, "coder").warnings == ("differs from the agent Coder only in case",)


def test_an_allow_list_that_spells_an_agent_otherwise_is_told(root: Path, write: Writer) -> None:
    write(OWN + "Lead.md", '---\npermission:\n  task:\n    "*": deny\n    coder-agent: allow\n    Tester: allow\n---\n')
    write(OWN + "CoderAgent.md", front())
    write(OWN + "Tester.md", front())
    found = opencode(root)
    assert one(found, "CoderAgent").warnings == (
        'Lead allows tasks to "coder-agent", which is not how this id is spelled',
    )
    assert one(found, "Tester").warnings == ()


# --- permissions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [
        ("*", "anything at all", True),
        ("npm *", "npm test", True),
        ("npm *", "npm", True),
        ("npm *", "npmx", False),
        ("*.env", "a/b/.env", True),
        ("*.env", ".env.local", False),
        ("src/*/a?.ts", "src/x/y/a1.ts", True),
        ("src/*/a?.ts", "src/x/y/a.ts", False),
        ("a*b*c", "abc", True),
        ("a*b*c", "acb", False),
        ("ab*ba", "aba", False),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_patterns_match_as_opencode_matches_them(pattern: str, subject: str, fits: bool) -> None:
    rules = (Rule("*", "*", "deny"), Rule("bash", pattern, "allow"))
    assert decide(rules, "bash", subject) == ("allow" if fits else "deny")


@given(pattern=st.text("ab*? ", max_size=12), subject=st.text("ab ", max_size=12))
def test_patterns_match_as_their_regular_expression(pattern: str, subject: str) -> None:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    if expression.endswith(r"\ .*"):
        expression = expression.removesuffix(r"\ .*") + "(?: .*)?"
    expected = re.fullmatch(expression, subject, re.DOTALL) is not None
    assert (decide((Rule("x", pattern, "allow"),), "x", subject) == "allow") == expected


def test_the_last_rule_decides() -> None:
    rules = rules_of({"edit": {"*": "deny", "src/*": "allow", "src/secret/*": "deny"}, "bash": "allow", "x": "maybe"})
    assert [decide(rules, EDIT, path) for path in ("a", "src/a", "src/secret/a")] == ["deny", "allow", "deny"]
    assert decide(rules, "webfetch", "x") == "ask"
    assert len(rules) == 4


# --- metadata ----------------------------------------------------------------------------------------------------


def test_metadata_gives_an_agent_its_other_names(root: Path, write: Writer) -> None:
    write(OWN + "subagents/code/tester.md", front(name="TestEngineer"))
    write(
        "project/.opencode/config/agent-metadata.json",
        '{"agents": {"tester": {"id": "tester", "name": "TestEngineer"}, "x": 7, "y": {"name": ["TestEngineer"]}}}',
    )
    assert one(opencode(root), "TestEngineer").names == ("tester",)


# --- Claude Code -------------------------------------------------------------------------------------------------


def test_claude_knows_agents_by_their_name_only(root: Path, write: Writer) -> None:
    write("project/.claude/agents/team/coder.md", front(name="code-writer", tools="Read, Write, Bash(npm *)"))
    write("project/.claude/agents/look.md", front(name="look", tools="[Read, Grep]"))
    write("project/.claude/agents/all.md", front(name="all"))
    nameless = write("project/.claude/agents/nameless.md", front(description="x"))
    write("home/.claude/agents/look.md", front(name="look", model="user"))
    found = claude(root)
    assert [agent.id for agent in found.agents] == ["all", "code-writer", "look"]
    assert one(found, "code-writer").tools == ("Read", "Write", "Bash(npm *)")
    assert one(found, "code-writer").warnings == ()
    assert one(found, "all").tools is None
    assert one(found, "look").warnings == ("cannot write files: its tools hold neither Write nor Edit",)
    assert one(found, "look").model == ""  # the project's, not the user's
    (line,) = found.problems
    assert line.startswith(f'{nameless}: has no "name"')


# --- hostile files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1, 2]\nb: *x\n",
        "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
        "[" * 5000,
        "- a\n- b\n",
        "{a: [}",
        "a: b\n a: c\n\t- x",
        "? [complex]\n: x\n",
        "mode: " + "m" * 70_000,
    ],
)
def test_front_matter_that_cannot_be_read_is_told_and_nothing_else(root: Path, write: Writer, text: str) -> None:
    path = write(OWN + "Bad.md", f"---\n{text}\n---\n")
    write(OWN + "Good.md", front())
    found = opencode(root)
    assert "Bad" not in {agent.id for agent in found.agents}
    assert one(found, "Good")
    (line,) = found.problems
    assert line.startswith(f"{path}: ")
    assert "\n" not in line


def test_a_tag_runs_nothing(root: Path, write: Writer, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    write(OWN + "Bad.md", f"---\ndescription: !!python/object/apply:os.system ['touch {mark}']\n---\n")
    write(OWN + "Dated.md", "---\nname: 2020-01-01\nmodel: 010\n---\n")
    found = opencode(root)
    assert not mark.exists()
    assert one(found, "2020-01-01").model == "010"


def test_links_out_of_the_project_are_not_followed(root: Path, write: Writer, tmp_path: Path) -> None:
    secret = write("secret/Agent.md", front(description="secret"))
    folder = root / ".opencode" / "agent"
    folder.mkdir(parents=True)
    (folder / "Linked.md").symlink_to(secret)
    (folder / "folder").symlink_to(secret.parent)
    (folder / "Dangling.md").symlink_to(tmp_path / "nothing.md")
    (folder / "loop").symlink_to(folder)
    (folder / "Mine.md").write_text(front())
    (folder / "Same.md").symlink_to(folder / "Mine.md")
    found = opencode(root)
    own = {agent.id for agent in found.agents if agent.file}
    assert own == {"Mine", "Same"}
    assert sum("leads out of the project" in line for line in found.problems) == 3


def test_a_user_may_link_to_wherever(root: Path, write: Writer) -> None:
    kept = write("dotfiles/Agent.md", front())
    folder = root.parent / "home" / ".config" / "opencode"
    folder.mkdir(parents=True)
    (folder / "agent").symlink_to(kept.parent)
    assert one(opencode(root), "Agent").scope is Scope.USER


def test_what_is_no_file_is_never_waited_for(root: Path) -> None:
    folder = root / ".opencode" / "agent"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "Pipe.md")
    (folder / "Folder.md").mkdir()
    (folder / "Huge.md").write_bytes(b"---\n" + b"x" * 600_000)
    found = opencode(root)
    assert {agent.id for agent in found.agents if agent.file} == set()
    assert len(found.problems) == 2


@pytest.mark.parametrize("name", ["a\u202eb", "a\x1bb", "x" * 300, '"  "'])
def test_names_that_cannot_be_shown_are_no_names(root: Path, write: Writer, name: str) -> None:
    write("project/.claude/agents/x.md", f"---\nname: {name}\n---\n")
    found = claude(root)
    assert found.agents == ()
    assert all(line.isprintable() for line in found.problems)


scalars = st.text("abc:*-\"'[]{}!&|> \n#", max_size=20)


@given(text=scalars | st.text(max_size=60))
def test_any_front_matter_is_read_or_told(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("p")
    folder = root / ".opencode" / "agent"
    folder.mkdir(parents=True)
    (folder / "A.md").write_bytes(f"---\n{text}\n---\n".encode("utf-8", "surrogatepass"))
    (root / "opencode.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    found = opencode_agents(root, {"HOME": str(root / "home")})
    assert len([agent for agent in found.agents if agent.file]) + len(found.problems) >= 1
    for agent in found.agents:
        assert agent.id.isprintable()
        assert all(is_plain(line) for line in agent.warnings)
    assert all(is_plain(line) for line in found.problems)
