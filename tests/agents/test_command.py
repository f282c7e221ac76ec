"""Any program as a driver: a list of arguments, and values that can never become options."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parex_tui.agents.command import CommandDriver
from parex_tui.agents.driver import DriverError
from parex_tui.agents.jsonl import JsonLinesParser, PlainParser
from parex_tui.settings import DriverSettings

from .helpers import a_job, a_task


def driver(*argv: str, **fields: Any) -> CommandDriver:
    """A driver of these arguments."""
    return CommandDriver(DriverSettings("mine", tuple(argv), Path("/home/u/config.toml"), **fields))


def filled(root: Path, *argv: str, title: str = "Login route", **fields: Any) -> tuple[str, ...]:
    """What the arguments become, without the program."""
    return driver(sys.executable, *argv).invocation(a_job(root, a_task(root, title=title), **fields)).argv[1:]


def test_placeholders_fill_whole_elements_and_parts(tmp_path: Path) -> None:
    assert filled(
        tmp_path, "{task_file}", "--prompt={prompt_file}", "{root}", "{feature}-{seq}", "{title}", "n{attempt}", "{{x}}"
    ) == (
        f"{tmp_path}/.tmp/tasks/auth/subtask_05.json",
        f"--prompt={tmp_path}/prompt.md",
        str(tmp_path),
        "auth-05",
        "Login route",
        "n1",
        "{x}",
    )
    assert filled(tmp_path, "--as={agent}:{model}", agent="A", model="b/c") == ("--as=A:b/c",)


def test_a_value_is_never_read_for_placeholders_again(tmp_path: Path) -> None:
    assert filled(tmp_path, "{title}", title="{root} {{ }") == ("{root} {{ }",)


@pytest.mark.parametrize("title", ["--version", "-c", "--dangerously-skip-permissions", "-", "--"])
def test_a_value_that_looks_like_an_option_is_refused_where_it_could_be_one(tmp_path: Path, title: str) -> None:
    for element in ("{title}", "{title}{seq}"):
        with pytest.raises(DriverError, match="option"):
            filled(tmp_path, element, title=title)
    assert filled(tmp_path, "--", "{title}", title=title) == ("--", title)
    assert filled(tmp_path, "--title={title}", title=title) == (f"--title={title}",)
    assert filled(tmp_path, "task {title}", title=title) == (f"task {title}",)


def test_an_empty_start_does_not_hide_an_option(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="empty"):
        filled(tmp_path, "{agent}{title}", agent="", title="--version")


@pytest.mark.parametrize("element", ["--{title}", "-{title}", "--ti{title}", "--{seq}={title}"])
def test_a_value_may_not_choose_an_options_name(element: str) -> None:
    with pytest.raises(DriverError, match="behind `=`"):
        driver("prog", element)


def test_hostile_titles_reach_a_real_program_as_one_argument_and_run_nothing(tmp_path: Path) -> None:
    show = "import sys; sys.stdout.write(ascii(sys.argv[1:]))"
    for title in ("$(touch P)", "`touch P`", "; touch P", "a\nb", "'\"\\", "*", "%s", "\x1b[31m", "漢"):
        invocation = driver(sys.executable, "-c", show, "--title={title}", "{title}").invocation(
            a_job(tmp_path, a_task(tmp_path, title=title))
        )
        done = subprocess.run(invocation.argv, cwd=invocation.cwd, capture_output=True, text=True, check=True)
        assert done.stdout == ascii([f"--title={title}", title])
    assert not (tmp_path / "P").exists()


@pytest.mark.parametrize("title", ["a\0b", "\ud800", "x" * 200_000])
def test_a_value_that_no_program_can_take_is_a_driver_error(tmp_path: Path, title: str) -> None:
    with pytest.raises(DriverError, match=r"argv\[1\]"):
        filled(tmp_path, "--title={title}", title=title)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(title=st.text(st.sampled_from("-=x \n{}\0\ud800é"), max_size=8), element=st.sampled_from(
    ["{title}", "{title}{title}", "a{title}", "--o={title}", "{seq}{title}", "-p{title}"]))  # fmt: skip
def test_no_title_ever_adds_an_option(tmp_path: Path, title: str, element: str) -> None:
    try:
        (made,) = filled(tmp_path, element, title=title)
    except DriverError:
        return
    literal = element.partition("{")[0]
    assert made.startswith(literal)
    assert literal.startswith("-") or not made.startswith("-")
    os.fsencode(made)


@pytest.mark.parametrize(
    ("element", "words"),
    [
        ("{foo}", r"unknown placeholder \{foo\}.*\{task_file\}"),
        ("{}", "unknown placeholder"),
        ("{title", "single {"),
        ("a}", "write }}"),
    ],
)
def test_a_wrong_template_is_named_with_file_and_place(element: str, words: str) -> None:
    with pytest.raises(DriverError, match=words) as caught:
        driver("prog", "ok", element)
    assert str(caught.value).startswith("/home/u/config.toml: drivers.mine.argv[2]: ")


def test_agent_and_model_fall_back_to_the_drivers_own(tmp_path: Path) -> None:
    own = driver(sys.executable, "--as={agent}:{model}", agent="Own", model="big")
    assert own.invocation(a_job(tmp_path, agent="", model="")).argv[1] == "--as=Own:big"
    assert own.invocation(a_job(tmp_path, agent="A", model="")).argv[1] == "--as=A:big"
    with pytest.raises(DriverError, match=r'\{model\} is empty for task 05; set model = "…"'):
        filled(tmp_path, "{model}", model="")


def test_a_missing_program_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DriverError, match=r"config\.toml: drivers\.mine\.argv\[0\]: not found: no-such-agent;"):
        driver("no-such-agent").check()
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DriverError, match="not found"):
        driver("agent").check()
    program.chmod(0o755)
    driver("agent").check()
    assert driver("agent").invocation(a_job(tmp_path)).argv == (str(program),)


def test_a_repository_cannot_choose_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".:")
    for name, words in (("./agent", "must be a name"), ("sub/agent", "must be a name"), ("agent", "relative entry")):
        with pytest.raises(DriverError, match=words):
            driver(name).check()
    with pytest.raises(DriverError, match="placeholder"):
        driver("{root}/agent")


def test_stdin_and_streams_follow_the_settings(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    assert driver(sys.executable).invocation(job).stdin == "prompt"
    assert driver(sys.executable, "{task_file}").invocation(job).stdin == "null"
    assert driver(sys.executable, "--f={prompt_file}").invocation(job).stdin == "null"
    assert driver(sys.executable, "{task_file}", stdin="prompt").invocation(job).stdin == "prompt"
    plain, events = driver(sys.executable), driver(sys.executable, events="jsonl", env={"A": "{x}"})
    assert isinstance(plain.parser(), PlainParser)
    assert plain.invocation(job).merge_stderr
    assert isinstance(events.parser(), JsonLinesParser)
    assert not events.invocation(job).merge_stderr
    assert events.invocation(job).env == {"A": "{x}"}
    assert events.invocation(job).cwd == tmp_path
