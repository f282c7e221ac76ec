"""The keeper with real agents: every kind of end has its verdict, and none is written while anything is alive."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from parex_tui.run import child, process, tree
from parex_tui.run.launch import KEEPER, start
from parex_tui.run.states import Exited

from .house import House, ended, running, wait_until


def test_clean_end(house: House) -> None:
    attempt = house.start("say:hello", "err:careful", "sleep:0.05")
    state = ended(attempt)
    assert (state.exit.code, state.exit.signal, state.exit.reason) == (0, None, "exited")
    assert state.swept == 0
    assert state.exit.seconds >= 0.05
    assert state.since <= state.ended
    assert attempt.output.read_text() == "hello\n"
    assert attempt.stderr.read_text() == "careful\n"
    assert attempt.keeper_log.read_text() == ""


@pytest.mark.parametrize("code", [1, 2, 75, 126, 127, 255])
def test_exit_codes_are_the_agents_own(house: House, code: int) -> None:
    state = house.run(f"exit:{code}")
    assert (state.exit.code, state.exit.signal, state.exit.reason) == (code, None, "exited")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGHUP])
def test_death_by_signal(house: House, number: signal.Signals) -> None:
    state = house.run(f"crash:{int(number)}")
    assert (state.exit.code, state.exit.signal, state.exit.reason) == (None, number, "exited")


def test_stderr_can_be_merged(house: House) -> None:
    attempt = house.start("say:one", "err:two", "say:three", merge_stderr=True)
    ended(attempt)
    assert attempt.output.read_text() == "one\ntwo\nthree\n"
    assert not attempt.stderr.exists()


def test_the_prompt_comes_by_stdin_whatever_its_size(house: House) -> None:
    prompt = b"--version\n" + b"x" * 5_000_000
    attempt = house.start("echo-stdin", prompt=prompt, stdin="prompt")
    assert ended(attempt).exit.code == 0
    assert attempt.output.read_bytes() == prompt


def test_without_a_prompt_stdin_is_empty(house: House) -> None:
    attempt = house.start("echo-stdin", "say:end", stdin="null")
    assert ended(attempt).exit.code == 0
    assert attempt.output.read_text() == "end\n"


@pytest.mark.parametrize("step", ["flood:20000000", "long-line:3000000"])
def test_output_is_complete(house: House, step: str) -> None:
    attempt = house.start(step)
    assert ended(attempt).exit.code == 0
    size = int(step.partition(":")[2])
    assert attempt.output.stat().st_size == (size if step.startswith("flood") else size + 1)


def test_what_the_agent_is_given(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAREX_SECRET_SWITCH", "1")
    monkeypatch.setenv("PYTHONHOME", sys.base_prefix)
    monkeypatch.setenv("PYTHONPATH", "/somewhere/of/the/user")
    monkeypatch.setenv("KEPT", "yes")
    told = house.root / "told"
    old = os.umask(0o027)
    try:
        attempt = house.start(f"tell:{told}", env={"DRIVER": "fake", "PAREX_RUN": "forged"})
    finally:
        os.umask(old)
    state = ended(attempt)
    facts = json.loads(told.read_text())
    env = facts["env"]
    assert env["PAREX_RUN"] == attempt.launch.run != "forged"
    assert (env["KEPT"], env["DRIVER"], env["PYTHONUNBUFFERED"]) == ("yes", "fake", "1")
    assert env["PYTHONPATH"] == "/somewhere/of/the/user"
    assert "PAREX_SECRET_SWITCH" not in env
    assert "PYTHONHOME" not in env
    assert facts["session"] == facts["pid"] != os.getsid(0)
    assert facts["umask"] == 0o027
    assert facts["blocked"] == []
    assert set(facts["ignored"]) <= {int(signal.SIGPIPE), int(signal.SIGXFSZ)}  # Python's own
    assert facts["fds"] == [0, 1, 2]
    assert facts["cwd"] == str(house.root)
    assert state.exit.code == 0


def test_a_parent_that_ignores_its_children_changes_nothing(house: House) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        attempt = house.create("exit:3")
        lock = os.open(attempt.lock, os.O_RDWR | os.O_CREAT, 0o600)
        command = [sys.executable, "-I", "-S", str(KEEPER), str(attempt.dir), str(lock)]
        with subprocess.Popen(command, pass_fds=(lock,)) as started:
            os.close(lock)
            started.wait()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert ended(attempt).exit.code == 3


def test_no_prompt_in_any_command_line(house: House) -> None:
    attempt = house.start("hang", prompt=b"a very secret prompt", stdin="prompt")
    state = running(attempt)
    for pid in (state.keeper_pid, state.agent_pid):
        assert b"secret" not in Path("/proc", str(pid), "cmdline").read_bytes()


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(house: House, umask: int) -> None:
    old = os.umask(umask)
    try:
        attempt = house.start("say:x", "err:y")
        wait_until(lambda: isinstance(attempt.state(), Exited), "the end")
    finally:
        os.umask(old)
    for path in attempt.dir.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for folder in [attempt.dir, *attempt.dir.parents][:4]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


# --- the tree --------------------------------------------------------------------------------------------------

WAYS = ("child", "pgrp", "setsid", "double", "scrub")


@pytest.mark.parametrize("how", WAYS)
def test_what_outlives_the_agent_is_ended(house: House, how: str) -> None:
    state = house.run(f"daemonise:{how}", "exit:0")
    assert (state.exit.code, state.exit.reason, state.swept) == (0, "exited", 1)
    assert house.left() == []


def test_three_daemons_are_counted(house: House) -> None:
    state = house.run("daemonise:setsid", "daemonise:double", "stubborn:scrub")
    assert (state.exit.code, state.swept) == (0, 3)
    assert house.left() == []


def test_no_verdict_while_anything_is_alive(house: House) -> None:
    attempt = house.start("stubborn:scrub", "exit:0", grace=1.0)
    seen = []
    while not (attempt.dir / "exit").exists():
        seen.append(bool(house.left()))
        assert len(seen) < 100_000
    assert house.left() == []
    assert any(seen)


def test_faster_than_one_can_kill(house: House) -> None:
    attempt = house.start("ignore-term", "bomb:2", wall_limit=0.5, grace=0.2)
    state = ended(attempt)
    assert (state.exit.signal, state.exit.reason) == (signal.SIGKILL, "timeout")
    assert house.left() == []


# --- the deadline ----------------------------------------------------------------------------------------------


def test_deadline(house: House) -> None:
    state = house.run("hang", wall_limit=0.2)
    assert (state.exit.signal, state.exit.reason) == (signal.SIGTERM, "timeout")
    assert state.exit.seconds >= 0.2


def test_deadline_of_a_stubborn_agent(house: House) -> None:
    state = house.run("ignore-term", "hang", wall_limit=0.2, grace=0.3)
    assert (state.exit.signal, state.exit.reason) == (signal.SIGKILL, "timeout")
    assert state.exit.seconds >= 0.5


def test_deadline_of_a_suspended_agent(house: House) -> None:
    state = house.run("stop-self", "hang", wall_limit=0.2, grace=30)
    assert (state.exit.signal, state.exit.reason) == (signal.SIGTERM, "timeout")


def test_a_deadline_in_time_is_none(house: House) -> None:
    assert house.run("sleep:0.05", wall_limit=600).exit.reason == "exited"


# --- agents that cannot be started -----------------------------------------------------------------------------


def _script(path: Path, text: str, mode: int) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_spawn_failures(house: House) -> None:
    root = house.root
    cases: list[tuple[tuple[str, ...], int, str]] = [
        (("parex-no-such-program",), 127, "not found in PATH"),
        ((str(root / "missing"),), 127, "No such file"),
        ((str(root),), 126, "Permission denied"),
        ((_script(root / "plain", "#!/bin/sh\n", 0o600),), 126, "Permission denied"),
        ((_script(root / "odd", "\x7fELF nonsense", 0o700),), 126, "format error"),
        ((_script(root / "lost", "#!/no/such/interpreter\n", 0o700),), 127, "interpreter"),
        ((sys.executable, "x" * 200_000), 126, "too long"),
        ((sys.executable, "a\0b"), 126, "null byte"),
        ((sys.executable, "\ud800"), 126, "character"),
        ((), 127, "no program"),
    ]
    for argv, code, words in cases:
        state = house.run(argv=argv)
        assert (state.exit.code, state.exit.signal, state.exit.reason) == (code, None, "spawn"), argv
        assert words in state.exit.detail, state.exit.detail
        assert "\n" not in state.exit.detail
        assert state.exit.seconds == 0


def test_a_missing_working_directory(house: House) -> None:
    state = house.run("say:never", cwd=house.root / "gone")
    assert (state.exit.code, state.exit.reason) == (127, "spawn")
    assert str(house.root / "gone") in state.exit.detail


def test_the_working_directory_is_not_searched_for_the_program(house: House) -> None:
    _script(house.root / "tool", "#!/bin/sh\necho hijacked\n", 0o700)
    attempt = house.start(argv=("tool",), env={"PATH": f":.:{house.root.name}"}, cwd=house.root)
    assert ended(attempt).exit.reason == "spawn"
    assert attempt.output.read_bytes() == b""


def test_scarcity_is_told_from_impossibility() -> None:
    assert child.explain(OSError(errno.EAGAIN, "x"), "p")[0] == child.TEMPORARY
    assert child.explain(OSError(errno.ENOENT, "x"), "p")[0] == child.MISSING
    assert child.explain(OSError(errno.EISDIR, "x"), "p")[0] == child.NOT_EXECUTABLE


# --- the protocol ----------------------------------------------------------------------------------------------


def test_keeper_and_reader_name_the_boot_alike() -> None:
    assert tree.boot() == process.boot_id()
    seen = process.look(os.getpid())
    assert seen is not None
    assert tree.start_time(os.getpid()) == seen.start


def test_started_says_who_is_who(house: House) -> None:
    attempt = house.start("hang")
    state = running(attempt)
    started = attempt.started()
    assert started is not None
    assert started.keeper == process.identify(state.keeper_pid)
    assert started.agent == process.identify(state.agent_pid)
    assert started.run == attempt.launch.run


def test_a_launch_from_the_future_still_runs(house: House) -> None:
    attempt = house.create("say:later")
    path = attempt.dir / "launch.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99, "novelty": {"x": 1}}))
    start(attempt)
    assert ended(attempt).exit.code == 0


def test_a_damaged_launch_is_a_failed_start(house: House) -> None:
    attempt = house.create("say:never")
    (attempt.dir / "launch.json").write_text('{"argv": ["sh", ')
    start(attempt)
    assert ended(attempt).exit.reason == "spawn"


KEEPER_PARTS = ("child", "keeping", "log_cap", "stall", "tree")


def test_what_the_keeper_is_made_of() -> None:
    """A few small files and the standard library: every worker pays for it, and no upgrade may pull it away."""
    code = f"import sys; sys.path.append({str(KEEPER.parents[2])!r}); before = set(sys.modules)\n"
    code += "import parex_tui.run.keeping; print(*sorted(set(sys.modules) - before))"
    command = [sys.executable, "-I", "-S", "-c", code]
    modules = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    own = [name for name in modules if name.startswith("parex_tui")]
    assert own == ["parex_tui", "parex_tui.run"] + [f"parex_tui.run.{name}" for name in KEEPER_PARTS]
    assert {name.partition(".")[0] for name in modules} - {"parex_tui"} <= sys.stdlib_module_names
    assert not {"asyncio", "logging", "pathlib", "subprocess", "tempfile", "threading", "typing"} & set(modules)
    for name in KEEPER_PARTS:
        lines = KEEPER.with_name(f"{name}.py").read_text().splitlines()
        late = [line for line in lines if line.lstrip().startswith(("import ", "from ")) and line[0] == " "]
        assert late in ([], ["    import ctypes"]), name


def test_a_keeper_holds_neither_terminal_nor_pipe(house: House) -> None:
    attempt = house.start("hang")
    opened = [Path("/proc", str(running(attempt).keeper_pid), "fd", name) for name in ("0", "1", "2")]
    assert [path.readlink().name for path in opened] == ["null", "null", "keeper.log"]


def test_order_on_disk(house: House, tmp_path: Path) -> None:
    """Every name that appears durably was synced before, and its folder after."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here")
    attempt = house.create("exit:0")
    trace = tmp_path / "trace"
    lock = os.open(attempt.lock, os.O_RDWR | os.O_CREAT, 0o600)
    command = [strace, "-o", str(trace), "-e", "trace=openat,fsync,rename,renameat,renameat2,fork,clone,clone3,vfork"]
    keeping = [sys.executable, "-I", "-S", str(KEEPER), str(attempt.dir), str(lock)]
    subprocess.run([*command, *keeping], pass_fds=(lock,), check=True, stderr=subprocess.DEVNULL)
    os.close(lock)
    calls = [line.split("(")[0] for line in trace.read_text().splitlines()]
    renames = [number for number, call in enumerate(calls) if call.startswith("rename")]
    assert len(renames) == 2
    for number in renames:
        assert calls[number - 1] == "fsync"
        assert calls[number + 1] == "fsync"
