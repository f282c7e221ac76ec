"""The real programs against the stub model, under real keepers. Skipped where a program is not installed.

They are looked for in `$PAREX_TEST_CLIS/node_modules/.bin` (`npm install --prefix`), then on PATH. No account, and no
connection but to loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from typing import Any, TypeVar

import pytest

from parex_tui.agents.driver import Ending, Failure, Invocation
from parex_tui.agents.events import Began, Child, Event, Tool, Usage, Waits
from parex_tui.agents.opencode import OpencodeDriver, OpencodeSettings
from parex_tui.agents.stream import read_all
from parex_tui.run.attempts import Attempt, Journal
from parex_tui.run.launch import start
from parex_tui.run.stop import request_stop
from tests.run.house import House, ended, wait_until
from tests.stub.server import StubModel

from .helpers import a_job, a_task

PROMPT = """Execute this subtask:

    {root}/.tmp/tasks/auth/subtask_05.json

## Deliverables

- src/login.ts
- docs/login.md

## How to end
"""

WORK = ("ok", "giveup", "notdone", "toolfail", "permission", "subagent", "edit", "sleep-1000", "background-1000")
REFUSALS = ("401", "429", "429-2-1", "hang")

_E = TypeVar("_E", bound=Event)


def program(name: str) -> str:
    """The absolute path of a program; the test is skipped without it."""
    folder = os.environ.get("PAREX_TEST_CLIS", "")
    place = f"{folder}/node_modules/.bin" if folder else None
    found = (place and shutil.which(name, path=place)) or shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed here (set PAREX_TEST_CLIS to a folder with node_modules/.bin)")
    return found


@pytest.fixture
def stub() -> Iterator[StubModel]:
    with StubModel() as found:
        yield found
    assert found.errors == []
    assert found.strange == []


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder for the programs: their databases are made once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which no program finds an account or a way out."""
    for name in list(os.environ):
        if name.startswith(("OPENCODE", "ANTHROPIC", "CLAUDE", "OPENAI", "CODEX", "GEMINI", "GOOGLE", "XDG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("STUB_API_KEY", "sk-stub")
    monkeypatch.setenv("NPM_CONFIG_OFFLINE", "true")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def house(tmp_path: Path, quiet: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A project with a task and a journal of its own; whatever still runs at the end is killed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "project"
    tasks = root / ".tmp" / "tasks" / "auth"
    tasks.mkdir(parents=True)
    (tasks / "subtask_05.json").write_text('{"id": "auth-05", "seq": "05", "deliverables": ["src/login.ts"]}')
    agents = root / ".opencode" / "agent"
    agents.mkdir(parents=True)
    (agents / "coder.md").write_text(
        "---\nname: CoderAgent\ndescription: Codes\nmode: subagent\n---\n[agent:CoderAgent] You code.\n"
    )
    made = House(root, Journal(root))
    yield made
    made.clear()


@dataclass(frozen=True, slots=True)
class Done:
    """One attempt that has ended."""

    ending: Ending
    events: Sequence[Event]

    def of(self, kind: type[_E]) -> list[_E]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


@dataclass(frozen=True, slots=True)
class Opencode:
    """The driver for opencode with a project that knows the stub."""

    house: House
    driver: OpencodeDriver

    def invocation(self, mode: str, agent: str = "CoderAgent") -> Invocation:
        return self.driver.invocation(
            a_job(self.house.root, a_task(self.house.root), agent=agent, model=f"stub/{mode}")
        )

    def start(self, found: Invocation, prompt: str = PROMPT, seq: str = "05", **changes: Any) -> Attempt:
        fields = {"argv": found.argv, "cwd": found.cwd, "env": found.env, "stdin": found.stdin, "agent": "CoderAgent"}
        text = prompt.format(root=self.house.root).encode()
        attempt = self.house.create(prompt=text, seq=seq, **fields, **changes)
        start(attempt)
        return attempt

    def result(self, attempt: Attempt) -> Done:
        exit_ = ended(attempt).exit
        parser = self.driver.parser()
        events = [*read_all(attempt.output, parser), *read_all(attempt.stderr, parser, stderr=True)]
        return Done(self.driver.ending(exit_, events, attempt.launch.agent), events)

    def run(self, mode: str, **changes: Any) -> Done:
        return self.result(self.start(self.invocation(mode), **changes))


@pytest.fixture
def opencode(house: House, stub: StubModel) -> Opencode:
    found = program("opencode")
    price = {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}
    model = {"tool_call": True, "limit": {"context": 200_000, "output": 32_000}, "cost": price}
    options = {"baseURL": f"{stub.url}/v1", "apiKey": "{env:STUB_API_KEY}", "timeout": 600_000}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": dict.fromkeys(WORK + REFUSALS, model)}
    config = {"provider": {"stub": provider}, "enabled_providers": ["stub"], "autoupdate": False, "share": "disabled"}
    (house.root / "opencode.json").write_text(json.dumps(config))
    return Opencode(house, OpencodeDriver(OpencodeSettings(program=found)))


def test_opencode_does_a_task_as_the_subagent_that_was_asked_for(opencode: Opencode, stub: StubModel) -> None:
    done = opencode.run("ok")
    root = opencode.house.root
    assert (done.ending.clean, done.ending.proven, done.ending.reason) == (True, True, "")
    assert done.ending.summary == "Done. Wrote src/login.ts, docs/login.md; the task is complete."
    assert (root / "src/login.ts").read_text().startswith("// src/login.ts")
    assert stub.prompts == [PROMPT.format(root=root)]
    assert set(stub.by_agent) == {"CoderAgent"}
    assert done.of(Began)[-1].agent == "CoderAgent"
    assert done.of(Began)[-1].model == "stub/ok"
    assert [tool.tool for tool in done.of(Tool)] == ["read", "write", "write"]
    assert sum(usage.input_tokens for usage in done.of(Usage)) > 100
    assert all(usage.cost for usage in done.of(Usage))
    assert opencode.house.left() == []


def test_opencode_that_falls_back_to_another_agent_is_no_success(opencode: Opencode, stub: StubModel) -> None:
    settings = OpencodeSettings(program=program("opencode"))
    careless = Opencode(opencode.house, OpencodeDriver(settings, modes=lambda _: {}))
    done = careless.run("ok")
    assert set(stub.by_agent) == {""}
    assert (done.ending.clean, done.ending.failure) == (False, Failure.WRONG_AGENT)


@pytest.mark.parametrize(
    ("mode", "failure", "reason"),
    [
        ("giveup", None, ""),
        ("toolfail", None, ""),
        ("notdone", Failure.GAVE_UP, "a key that it needs is not there."),
        ("permission", Failure.PERMISSION, "external_directory (/etc/*)"),
        ("401", Failure.AUTH, "stub: 401"),
        ("429", Failure.RATE_LIMIT, "stub: 429"),
        ("nope", Failure.AGENT_ERROR, "Model not found: stub/nope"),
    ],
)
def test_opencode_ends_as_what_it_was(opencode: Opencode, mode: str, failure: Failure | None, reason: str) -> None:
    done = opencode.run(mode)
    assert (done.ending.failure, done.ending.clean) == (failure, failure is None)
    assert reason in done.ending.reason
    assert not (opencode.house.root / "src").exists()


def test_opencode_waits_for_a_rate_limit_and_says_so(opencode: Opencode) -> None:
    done = opencode.run("429-2-1")
    assert done.ending.clean
    assert [(wait.reason, wait.attempt) for wait in done.of(Waits)] == [("stub: 429", 1), ("stub: 429", 2)]


def test_opencode_starts_a_session_for_its_own_subagent(opencode: Opencode) -> None:
    done = opencode.run("subagent")
    assert done.ending.clean
    (child,) = done.of(Child)
    assert child.session not in {began.session for began in done.of(Began)}
    assert (opencode.house.root / "src/login.ts").exists()


def test_opencode_counts_the_lines_of_an_edit(opencode: Opencode) -> None:
    edits = [tool for tool in opencode.run("edit").of(Tool) if tool.tool == "edit"]
    assert [(edit.added, edit.removed, Path(edit.path).name) for edit in edits] == [(2, 1, "login.ts")]


def test_opencode_leaves_nothing_running(opencode: Opencode) -> None:
    done = opencode.run("background-1000")
    assert done.ending.clean
    assert opencode.house.left() == []


def test_opencode_is_stopped_in_the_middle_of_a_command(opencode: Opencode) -> None:
    attempt = opencode.start(opencode.invocation("sleep-1000"))
    wait_until(lambda: any("sleep 1000" in line for _, line in opencode.house.left()), "the command to run")
    assert request_stop(attempt, "a test")
    done = opencode.result(attempt)
    assert (done.ending.clean, done.ending.failure) == (False, Failure.STOPPED)
    assert opencode.house.left() == []


def test_opencode_that_gets_no_answer_ends_at_its_limit(opencode: Opencode) -> None:
    done = opencode.run("hang", wall_limit=8.0)
    assert done.ending.failure is Failure.TIMEOUT
    assert opencode.house.left() == []


def test_opencode_goes_on_in_the_same_session(opencode: Opencode) -> None:
    first = opencode.run("giveup")
    session = first.of(Began)[-1].session
    job = a_job(opencode.house.root, a_task(opencode.house.root), model="stub/ok")
    again = opencode.result(opencode.start(opencode.driver.follow_up(job, session)))
    assert (again.ending.clean, again.of(Began)[-1].session) == (True, session)
    assert (opencode.house.root / "src/login.ts").exists()
    lost = opencode.result(opencode.start(opencode.driver.follow_up(job, "ses_0000000000000000000000")))
    assert (lost.ending.failure, "not there any more" in lost.ending.reason) == (Failure.AGENT_ERROR, True)


def test_several_opencode_at_once_share_the_beginning_of_their_prompts(opencode: Opencode, stub: StubModel) -> None:
    subprocess.run(opencode.driver.warm_up(), cwd=opencode.house.root, check=True, capture_output=True, timeout=100)
    shared = "The same for all.\n" * 500
    prompts = [f"{shared}# Your task: {n}\n\n{PROMPT.replace('login', f'page{n}')}" for n in (1, 2)]
    attempts = [opencode.start(opencode.invocation("ok"), text, seq=f"0{n}") for n, text in enumerate(prompts)]
    assert [opencode.result(attempt).ending.clean for attempt in attempts] == [True, True]
    assert len(stub.prompts) == 2
    assert commonprefix(stub.prompts).startswith(shared)  # noqa: RUF071 - of texts, not of paths
    assert sorted(path.name for path in (opencode.house.root / "src").iterdir()) == ["page1.ts", "page2.ts"]


# --- the other programs: that the stub speaks as they expect -------------------------------------------------------


def _claude(url: str, home: Path) -> tuple[list[str], dict[str, str]]:
    env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk", "IS_SANDBOX": "1"}
    env |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    argv = ["-p", "--output-format=stream-json", "--verbose", "--permission-mode=bypassPermissions", "--model=ok"]
    return [program("claude"), *argv], env


def _codex(url: str, home: Path) -> tuple[list[str], dict[str, str]]:
    folder = home / "codex"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(
        'model = "ok"\nmodel_provider = "stub"\napproval_policy = "never"\ncheck_for_update_on_startup = false\n'
        f'[model_providers.stub]\nname = "Stub"\nbase_url = "{url}/v1"\nwire_api = "responses"\n'
        'env_key = "STUB_API_KEY"\n[analytics]\nenabled = false\n[otel]\nexporter = "none"\n'
    )
    argv = ["exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    quiet = [f"--disable={name}" for name in ("plugins", "remote_plugin", "apps")]
    return [program("codex"), *argv, *quiet, "-"], {"CODEX_HOME": str(folder)}


def _gemini(url: str, home: Path) -> tuple[list[str], dict[str, str]]:
    folder = home / ".gemini"
    folder.mkdir(exist_ok=True)
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False, "disableAutoUpdate": True, "disableUpdateNag": True},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    argv = ["--output-format=stream-json", "--yolo", "--model=gemini-2.5-pro"]
    env = {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "sk", "GEMINI_CLI_NO_RELAUNCH": "true"}
    return [program("gemini"), *argv], env


@pytest.mark.parametrize("setup", [_claude, _codex, _gemini])
def test_the_script_plays_through_with_every_program(
    setup: Callable[[str, Path], tuple[list[str], dict[str, str]]], house: House, stub: StubModel, home: Path
) -> None:
    argv, env = setup(stub.url, home)
    prompt = f"{PROMPT.format(root=house.root)}\n[stub:ok]\n"
    ran = subprocess.run(
        argv, input=prompt, cwd=house.root, env={**os.environ, **env}, capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    assert (house.root / "docs/login.md").read_text().startswith("// docs/login.md")
    assert "Done. Wrote src/login.ts, docs/login.md" in ran.stdout
    assert [prompt.strip() in request.prompt for request in stub.requests if request.tools] == [True] * 4
