"""The opencode driver: how it is started, how recorded runs read, and that no bad end is taken for a good one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parex_tui.agents.definitions import Mode
from parex_tui.agents.driver import DriverError, Ending, Exit, Failure
from parex_tui.agents.events import (
    Asks,
    Began,
    Child,
    Ended,
    Event,
    Line,
    Said,
    Thought,
    Tool,
    ToolState,
    Trouble,
    Unknown,
    Usage,
    Waits,
)
from parex_tui.agents.opencode import OpencodeDriver, OpencodeSettings
from parex_tui.agents.opencode_stream import OpencodeParser
from tests.conftest import REPOSITORY

from .helpers import a_job, a_task, texts, unsafe

CLEAN: tuple[Failure | None, str] = (None, "")
RECORDED: Mapping[str, tuple[Failure | None, str]] = {
    "agent_CoderAgent": (Failure.WRONG_AGENT, "CoderAgent"),
    "agent_CoderAll": CLEAN,
    "agent_NoSuchAgent": (Failure.WRONG_AGENT, "NoSuchAgent"),
    "auth401": (Failure.AUTH, "auth401"),
    "bad_session": (Failure.AGENT_ERROR, "session"),
    "bashbg": CLEAN,
    "biglines": CLEAN,
    "error500": (Failure.AGENT_ERROR, "error500"),
    "fork": CLEAN,
    "giveup": CLEAN,  # nothing tells it from success but the evidence
    "hang": (Failure.SIGNAL, "SIGKILL"),
    "oac_override": CLEAN,
    "ok": CLEAN,
    "ok_first": CLEAN,
    "ok_flags": CLEAN,
    "outside": (Failure.PERMISSION, "external_directory (/etc/*)"),
    "outside_auto": CLEAN,
    "print_logs": CLEAN,
    "rate429-2-1": CLEAN,
    "resume_after_kill": CLEAN,
    "sigint_bash": (Failure.SIGNAL, "SIGINT"),
    "sigkill_group_bash": (Failure.SIGNAL, "SIGKILL"),
    "sigterm_bash": (Failure.SIGNAL, "SIGTERM"),
    "slow-3": CLEAN,
    "stall": (Failure.SIGNAL, "SIGKILL"),
    "stdin_closed": CLEAN,
    "stdin_pipe_open": (Failure.SIGNAL, "SIGKILL"),
    "subagent": CLEAN,
    "think_flag": CLEAN,
    "toolfail": CLEAN,
    "unknown_model": (Failure.AGENT_ERROR, "server error"),
}


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder with recorded runs of opencode; the test is skipped where it is absent."""
    corpus = Path(os.environ.get("PAREX_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    path = corpus.parent / "captures" / "opencode"
    if not path.is_dir():
        if os.environ.get("PAREX_REQUIRE_CORPUS"):
            pytest.fail(f"this machine must have the recorded runs, and they are not at {path}")
        pytest.skip(f"no recorded runs of opencode at {path}")
    return path


def parsed(stdout: str, stderr: str) -> list[Event]:
    """Events of both streams, in the order in which an attempt is judged."""
    parser = OpencodeParser()
    return [
        *(event for line in stdout.splitlines() for event in parser.feed(line)),
        *(event for line in stderr.splitlines() for event in parser.feed_stderr(line)),
    ]


def streams(captures: Path, name: str) -> tuple[str, str]:
    return (captures / f"{name}.stdout.jsonl").read_text("utf-8"), (captures / f"{name}.stderr.txt").read_text("utf-8")


def ended(code: int) -> Exit:
    """An exit as a process reports it: negative for a signal."""
    if code < 0:
        return Exit(code=None, signal=-code, reason="exited", seconds=1.0)
    return Exit(code=code, signal=None, reason="exited", seconds=1.0)


def recorded(captures: Path, name: str) -> Exit:
    return ended(json.loads((captures / f"{name}.meta.json").read_text("utf-8"))["exit"])


def judged(exit_: Exit, events: Sequence[Event], agent: str = "") -> Ending:
    return OpencodeDriver().ending(exit_, events, agent)


def event(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, "timestamp": 1_700_000_000_500, "sessionID": "ses_A", **fields})


def step(reason: str = "stop", session: str = "ses_A", **fields: object) -> str:
    return event("step_finish", sessionID=session, part={"type": "step-finish", "reason": reason, **fields})


def text(words: str) -> str:
    return event("text", part={"type": "text", "text": words})


def log(message: str, level: str = "INFO") -> str:
    return f"timestamp=2026-11-23T18:05:15.477Z level={level} run=75290eee message={message}"


STREAM = "stream providerID=stub modelID=ok session.id=ses_A small=false agent=CoderAgent mode=all"


# --- recorded runs -----------------------------------------------------------------------------------------------


def test_every_recorded_run_is_known(captures: Path) -> None:
    assert {path.name.removesuffix(".meta.json") for path in captures.glob("*.meta.json")} == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_run_ends_as_what_it_was(captures: Path, name: str) -> None:
    failure, part = RECORDED[name]
    ending = judged(recorded(captures, name), parsed(*streams(captures, name)))
    assert (ending.failure, ending.clean) == (failure, failure is None)
    assert part in ending.reason


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_run_holds_nothing_unknown(captures: Path, name: str) -> None:
    stdout, stderr = streams(captures, name)
    events = parsed(stdout, stderr)
    assert not [found for found in events if isinstance(found, Unknown)]
    assert not [found for found in events if isinstance(found, Line) and not found.stderr]
    assert not [shown for shown in texts(events) if unsafe(shown)]
    lines = [json.loads(line) for line in stdout.splitlines()]
    sessions = {line["sessionID"] for line in lines}
    assert {found.session for found in events if isinstance(found, Began)} == sessions
    spent = [line["part"]["tokens"]["total"] for line in lines if line["type"] == "step_finish"]
    usage = [found for found in events if isinstance(found, Usage)]
    assert [one.input_tokens + one.output_tokens for one in usage] == spent
    costs = [line["part"]["cost"] for line in lines if line["type"] == "step_finish"]
    assert sum(one.cost or 0 for one in usage) == pytest.approx(sum(costs))


@pytest.mark.parametrize("name", RECORDED)
def test_no_beginning_of_a_recorded_run_is_a_good_end(captures: Path, name: str) -> None:
    stdout, stderr = streams(captures, name)
    lines = stdout.splitlines(keepends=True)
    for count in range(len(lines)):
        for cut in (0, 1, len(lines[count]) // 2, len(lines[count]) - 2):
            whole = "".join(lines[:count]) + lines[count][:cut]
            assert not judged(ended(0), parsed(whole, stderr)).clean, (count, cut)


@given(name=st.sampled_from(sorted(RECORDED)), share=st.floats(0, 1), code=st.sampled_from([0, 1, 2, 130, -9, -15]))
def test_a_recorded_run_cut_anywhere_is_no_success(captures: Path, name: str, share: float, code: int) -> None:
    stdout, stderr = streams(captures, name)
    cut = int(share * len(stdout.rstrip()))
    ending = judged(ended(code), parsed(stdout[:cut], stderr))
    whole = cut == len(stdout.rstrip()) and code == 0 and RECORDED[name] == CLEAN
    assert ending.clean == whole
    assert ending.clean or (ending.failure and ending.reason)


def test_what_a_recorded_run_did(captures: Path) -> None:
    events = parsed(*streams(captures, "toolfail"))
    read, run = (found for found in events if isinstance(found, Tool))
    assert (read.tool, read.state, read.path) == ("read", ToolState.FAILED, "/PROJECT/no/such/file.txt")
    assert read.result == "File not found: /PROJECT/no/such/file.txt"
    assert (run.tool, run.state, run.exit, run.input) == ("bash", ToolState.FAILED, 3, "echo oops >&2; exit 3")
    assert (run.output, run.result) == ("oops\n", "oops")
    written = [f for f in parsed(*streams(captures, "ok_first")) if isinstance(f, Tool) and f.tool == "write"]
    assert [(found.path, found.added, found.removed) for found in written] == [("/PROJECT/src/auth/service.ts", 1, 0)]
    children = [found for found in parsed(*streams(captures, "subagent")) if isinstance(found, Child)]
    assert [child.session for child in children] == ["ses_df6aa7ce5ffeRd609hIVfW1DBM"]
    thoughts = [found for found in parsed(*streams(captures, "think_flag")) if isinstance(found, Thought)]
    assert "Step 0: what does the subtask need next?" in [thought.text.strip() for thought in thoughts]


def test_the_log_of_a_recorded_run_proves_who_ran_and_shows_the_waits(captures: Path) -> None:
    events = parsed(*streams(captures, "print_logs"))
    began = [found for found in events if isinstance(found, Began)]
    assert (began[-1].agent, began[-1].model) == ("build", "stub/rate429-2-1")
    assert [(w.reason, w.attempt) for w in events if isinstance(w, Waits)] == [
        ("stub: rate limited", 1),
        ("stub: rate limited", 2),
    ]
    assert judged(ended(0), events, "build").clean
    other = judged(ended(0), events, "CoderAgent")
    assert (other.failure, other.reason) == (Failure.WRONG_AGENT, 'the agent "build" ran instead of "CoderAgent"')


# --- ends that no recording has ----------------------------------------------------------------------------------


def test_only_a_last_step_that_stops_is_a_good_end() -> None:
    good = [event("step_start", part={}), text("Done."), step()]
    assert judged(ended(0), parsed("\n".join(good), "")).clean
    for more in ([event("step_start", part={})], [text("And")], [step("tool-calls")], [step("unknown")]):
        ending = judged(ended(0), parsed("\n".join([*good, *more]), ""))
        assert (ending.clean, ending.failure) == (False, Failure.NO_END)


@pytest.mark.parametrize("reason", ["length", "content-filter", "error", "other", "new-word", ""])
def test_a_last_step_that_ends_otherwise_is_a_failure_with_its_reason(reason: str) -> None:
    ending = judged(ended(0), parsed(step(reason), ""))
    assert (ending.clean, ending.failure) == (False, Failure.AGENT_ERROR)
    assert ending.reason


def test_the_end_of_another_session_is_not_the_end() -> None:
    lines = [text("I begin."), step("stop", session="ses_B")]
    assert judged(ended(0), parsed("\n".join(lines), "")).failure is Failure.NO_END


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        ({"message": "no key", "statusCode": 401}, Failure.AUTH),
        ({"message": "forbidden", "statusCode": 403}, Failure.AUTH),
        ({"message": "slow down", "statusCode": 429}, Failure.RATE_LIMIT),
        ({"message": "busy", "statusCode": 529}, Failure.RATE_LIMIT),
        ({"message": "You exceeded your current quota"}, Failure.RATE_LIMIT),
        ({"message": "x", "statusCode": 400, "responseBody": '{"type":"insufficient_quota"}'}, Failure.RATE_LIMIT),
        ({"message": "broken", "statusCode": 500}, Failure.AGENT_ERROR),
        ({}, Failure.AGENT_ERROR),
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_an_error_is_a_failure_whatever_comes_after_it(data: dict[str, object], failure: Failure, code: int) -> None:
    error = event("error", error={"name": "APIError", "data": data})
    ending = judged(ended(code), parsed("\n".join([error, text("Done."), step()]), ""))
    assert (ending.clean, ending.failure) == (False, failure)


def test_a_rate_limit_tells_how_long_to_wait() -> None:
    data = {"message": "slow down", "statusCode": 429, "responseHeaders": {"retry-after": "37"}}
    waits, trouble = parsed(event("error", error={"name": "APIError", "data": data}), "")[1:]
    assert waits == Waits(at=1_700_000_000.5, reason="slow down", seconds=37.0)
    assert isinstance(trouble, Trouble) and trouble.fatal and trouble.kind == "rate_limit"


def test_an_error_that_hides_in_the_log_is_told() -> None:
    hidden = event("error", error={"name": "UnknownError", "data": {"message": "Unexpected. Check server logs."}})
    logged = log('failed error="ProviderModelNotFoundError: Model not found: stub/nope."', "ERROR")
    ending = judged(ended(1), parsed(hidden, logged))
    assert ending.reason.endswith("ProviderModelNotFoundError: Model not found: stub/nope.")


@pytest.mark.parametrize("words", ["Error: database is locked", "Failed query: CREATE TABLE `project` (", "x"])
def test_a_start_that_met_another_says_that_it_passes(words: str) -> None:
    ending = judged(ended(1), parsed("", f"\x1b[91m\x1b[1mError: \x1b[0m{words}"))
    assert ending.failure is Failure.EXIT
    assert ("this passes" in ending.reason) == (words != "x")


def test_a_rejection_that_it_survived_is_no_failure_by_itself() -> None:
    refused = "! permission requested: bash (rm *); auto-rejecting"
    assert judged(ended(0), parsed("\n".join([text("Without it, then."), step()]), refused)).clean
    ending = judged(ended(0), parsed(step("tool-calls"), refused))
    assert (ending.failure, ending.reason.startswith("rejected: bash (rm *)")) == (Failure.PERMISSION, True)


def test_a_rejection_is_seen_without_standard_error_too() -> None:
    state = {"status": "error", "input": {"filePath": "/etc/x"}, "error": "The user rejected permission to use this."}
    call = event("tool_use", part={"tool": "read", "callID": "1", "state": state})
    ending = judged(ended(0), parsed(f"{call}\n{step('tool-calls')}", ""))
    assert (ending.failure, "read /etc/x" in ending.reason) == (Failure.PERMISSION, True)


def test_an_agent_that_says_not_done_is_believed() -> None:
    ending = judged(ended(0), parsed(f"{text('I tried.' + chr(10) + 'NOT DONE: no key')}\n{step()}", ""))
    assert (ending.clean, ending.failure, ending.reason) == (False, Failure.GAVE_UP, "no key")


def test_a_wanted_agent_must_be_proven() -> None:
    good = f"{text('Done.')}\n{step()}"
    assert judged(ended(0), parsed(good, log(STREAM)), "CoderAgent").clean
    assert judged(ended(0), parsed(good, log(STREAM)), "coderagent").failure is Failure.WRONG_AGENT
    assert judged(ended(0), parsed(good, ""), "CoderAgent").failure is Failure.WRONG_AGENT


def test_who_works_beside_the_agent_is_not_taken_for_it() -> None:
    beside = [
        STREAM.replace("CoderAgent", "compaction"),
        STREAM.replace("CoderAgent", "title").replace("small=false", "small=true"),
        'created id=ses_B parentID=ses_A title="look around (@explore)" agent=explore',
        STREAM.replace("CoderAgent", "explore").replace("ses_A", "ses_B"),
    ]
    events = parsed(f"{text('Done.')}\n{step()}", "\n".join(map(log, [STREAM, *beside])))
    assert judged(ended(0), events, "CoderAgent").clean
    assert [found for found in events if isinstance(found, Child)] == [
        Child(at=events[-1].at, session="ses_B", title="look around (@explore)")
    ]


@pytest.mark.parametrize(
    ("exit_", "failure"),
    [
        (Exit(code=None, signal=signal.SIGTERM, reason="stopped", seconds=1), Failure.STOPPED),
        (Exit(code=0, signal=None, reason="stopped", seconds=1), Failure.STOPPED),
        (Exit(code=None, signal=signal.SIGKILL, reason="timeout", seconds=1), Failure.TIMEOUT),
        (Exit(code=None, signal=None, reason="spawn", seconds=0), Failure.SPAWN),
        (Exit(code=None, signal=None, reason="exited", seconds=1), Failure.EXIT),
        (Exit(code=7, signal=None, reason="exited", seconds=1), Failure.EXIT),
    ],
)
def test_a_good_stream_does_not_make_a_bad_exit_good(exit_: Exit, failure: Failure) -> None:
    ending = judged(exit_, parsed(f"{text('Done.')}\n{step()}", ""))
    assert (ending.clean, ending.failure) == (False, failure)


# --- reading -----------------------------------------------------------------------------------------------------


def test_tokens_from_a_cache_are_part_of_what_was_read() -> None:
    tokens = {"total": 130, "input": 10, "output": 15, "reasoning": 5, "cache": {"read": 80, "write": 20}}
    (usage,) = (f for f in parsed(step("tool-calls", tokens=tokens, cost=0.5), "") if isinstance(f, Usage))
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cost) == (110, 20, 80, 0.5)


def test_an_edit_counts_its_lines() -> None:
    state = {
        "status": "completed",
        "input": {"filePath": "/p/a.ts", "oldString": "a", "newString": "b"},
        "metadata": {"filediff": {"additions": 4, "deletions": 1}},
    }
    call = parsed(event("tool_use", part={"tool": "edit", "callID": "1", "state": state}), "")[-1]
    assert isinstance(call, Tool)
    assert (call.tool, call.path, call.added, call.removed) == ("edit", "/p/a.ts", 4, 1)


@pytest.mark.parametrize(
    "line",
    [
        event("done"),
        event("text"),
        event("text", part={"text": 7}),
        event("tool_use", part={"tool": "read"}),
        event("tool_use", part={"tool": "read", "state": {"status": "dreaming"}}),
        event("error"),
        "{}",
    ],
)
def test_what_is_not_known_is_kept(line: str) -> None:
    assert Unknown(raw=line) in OpencodeParser().feed(line)


def test_the_log_keeps_warnings_and_leaves_out_notes() -> None:
    lines = [log("loading path=/x"), log('"cannot watch" error="too many files"', "WARN"), "bun: warn: old"]
    found = parsed("", "\n".join(lines))
    assert [f.text for f in found if isinstance(f, Line)] == ["cannot watch: too many files", "bun: warn: old"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = """text reason tokens input output cache read cost tool callID state status metadata exit sessionId filediff
additions title error name data message id statusCode responseHeaders retry-after synthetic"""
keys = st.sampled_from(WORDS.split())
nested = st.recursive(json_values, lambda inner: st.dictionaries(keys, inner, max_size=5), max_leaves=12)
kinds = st.sampled_from(["step_start", "text", "reasoning", "tool_use", "step_finish", "error", "other"])


@given(kind=kinds, part=nested, error=nested, session=json_values, timestamp=json_values)
def test_any_value_in_any_field_is_read_and_clean(
    kind: str, part: object, error: object, session: object, timestamp: object
) -> None:
    line = json.dumps({"type": kind, "part": part, "error": error, "sessionID": session, "timestamp": timestamp})
    events = parsed(line, "")
    assert events
    assert not [shown for shown in texts(events) if unsafe(shown)]
    ending = judged(ended(0), events)
    assert ending.clean == any(isinstance(found, Ended) and found.ok for found in events)


@given(raw=st.binary(max_size=300), prefix=st.sampled_from(["", "{", log("created id=ses_A "), log("stream ")]))
def test_arbitrary_bytes_never_raise_and_come_out_clean(raw: bytes, prefix: str) -> None:
    line = prefix + raw.decode("utf-8", "replace")
    events = parsed(line, line)
    assert not [shown for shown in texts(events) if unsafe(shown)]
    assert not judged(ended(0), events).clean


# --- starting ----------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called opencode on PATH; it is never run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "opencode"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return path


def driver(environ: Mapping[str, str] | None = None, **settings: object) -> OpencodeDriver:
    modes = {"CoderAgent": Mode.SUBAGENT, "Lead": Mode.PRIMARY}
    chosen = replace(OpencodeSettings(), **settings)  # type: ignore[arg-type]  # any field of the settings
    return OpencodeDriver(chosen, environ=environ or {}, modes=lambda _: modes)


def test_the_prompt_comes_by_standard_input_and_values_behind_their_options(program: Path, tmp_path: Path) -> None:
    found = driver().invocation(a_job(tmp_path, a_task(tmp_path, title="--version"), model="stub/ok"))
    assert found.stdin == "prompt"
    assert not found.merge_stderr
    assert found.argv == (
        str(program),
        *("run", "--format=json", "--print-logs", "--log-level=INFO", "--thinking", f"--dir={tmp_path}"),
        *("--title=auth 05 --version", "--agent=CoderAgent", "--model=stub/ok"),
    )
    assert found.env["PWD"] == str(found.cwd) == str(tmp_path)


def test_a_subagent_runs_as_a_primary_one_on_top_of_the_own_configuration(program: Path, tmp_path: Path) -> None:
    own = {"OPENCODE_CONFIG_CONTENT": '{"share": "disabled", "agent": {"CoderAgent": {"model": "a/b"}, "X": {}}}'}
    env = driver(own).invocation(a_job(tmp_path, model="stub/ok")).env
    assert json.loads(env["OPENCODE_CONFIG_CONTENT"]) == {
        "share": "disabled",
        "agent": {"CoderAgent": {"model": "a/b", "mode": "all"}, "X": {}},
    }


@pytest.mark.parametrize("agent", ["Lead", "Nobody", "coderagent"])
def test_no_agent_is_ever_made_by_its_name(program: Path, tmp_path: Path, agent: str) -> None:
    found = driver().invocation(a_job(tmp_path, agent=agent, model="stub/ok"))
    assert "OPENCODE_CONFIG_CONTENT" not in found.env
    assert f"--agent={agent}" in found.argv


@pytest.mark.parametrize("given_", ["[]", "{", '{"agent": 7}', "7", '{"agent": {"CoderAgent": 1}}'])
def test_a_configuration_that_cannot_be_read_is_not_lost(program: Path, tmp_path: Path, given_: str) -> None:
    with pytest.raises(DriverError, match="OPENCODE_CONFIG_CONTENT"):
        driver({"OPENCODE_CONFIG_CONTENT": given_}).invocation(a_job(tmp_path, model="stub/ok"))


@pytest.mark.parametrize("model", ["ok", "stub/", "/ok", "-x", "stub/a\0b", "stub/" + "m" * 5000, "a/\ud800"])
def test_what_is_no_model_is_refused(program: Path, tmp_path: Path, model: str) -> None:
    with pytest.raises(DriverError, match="model"):
        driver().invocation(a_job(tmp_path, model=model))


def test_a_follow_up_goes_into_the_same_session(program: Path, tmp_path: Path) -> None:
    argv = driver().follow_up(a_job(tmp_path, model="stub/ok"), "ses_df6aa7ce5ffeRd6").argv
    assert "--session=ses_df6aa7ce5ffeRd6" in argv
    assert not [part for part in argv if part.startswith("--title")]
    assert driver().take_over("ses_df6") == (str(program), "--session=ses_df6")
    for session in ("", "--help", "ses_", "ses_a b", "../x"):
        with pytest.raises(DriverError):
            driver().follow_up(a_job(tmp_path, model="stub/ok"), session)


def test_approving_is_a_choice(program: Path, tmp_path: Path) -> None:
    assert "--auto" not in driver().invocation(a_job(tmp_path, model="a/b")).argv
    assert "--auto" in driver(approve=True).invocation(a_job(tmp_path, model="a/b")).argv


@pytest.mark.parametrize("wanted", ["opencode-that-is-not-there", "./opencode", "sub/opencode", "/no/such/opencode"])
def test_a_program_that_is_not_there_is_told(program: Path, wanted: str) -> None:
    with pytest.raises(DriverError, match="not found"):
        driver(program=wanted).check()
    driver().check()


def test_what_stands_in_for_the_job(program: Path, tmp_path: Path) -> None:
    argv = driver(agent="Lead", model="a/b").invocation(a_job(tmp_path, agent="", model="")).argv
    assert {"--agent=Lead", "--model=a/b"} <= set(argv)
    bare = driver().invocation(a_job(tmp_path, agent="", model="")).argv
    assert not [part for part in bare if part.startswith(("--agent", "--model"))]


def test_said_is_whole() -> None:
    assert parsed(text("one\ntwo"), "")[-1] == Said(at=1_700_000_000.5, text="one\ntwo")
    assert Asks(question="edit (*)", answered="rejected") in parsed(
        "", "permission requested: edit (*); auto-rejecting"
    )
