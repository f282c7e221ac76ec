"""Settings: three sources, clear errors, and a project that can run nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parex_tui.settings import DriverSettings, Settings, SettingsError, load_settings, user_file


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("PAREX_SLOTS", raising=False)
    monkeypatch.delenv("PAREX_DRIVER", raising=False)


def write_user(text: str | bytes) -> Path:
    """Write the user's file."""
    path = user_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write_project(root: Path, text: str) -> Path:
    """Write the project's file."""
    path = root / ".parex.toml"
    path.write_text(text)
    return path


def test_defaults_without_any_file(tmp_path: Path) -> None:
    found = load_settings(tmp_path)
    assert found == Settings(user_file=tmp_path / "config/parex/config.toml")
    assert (found.driver, found.slots, found.retries, found.grace) == ("", 4, 0, 5.0)
    assert (found.quiet_after, found.stale_after, found.unknown_writes) == (120.0, 900.0, "alone")
    assert (found.log_cap_mib, found.stall_after, found.stall_stop) == (256, 600.0, False)
    assert load_settings(None) == found


def test_what_a_keeper_watches_for_is_the_users_to_say(tmp_path: Path) -> None:
    write_user("log_cap_mib = 0\nstall_after = 30\nstall_stop = true")
    write_project(tmp_path, "log_cap_mib = 1\nstall_after = 1\nstall_stop = false")
    found = load_settings(tmp_path)
    assert (found.log_cap_mib, found.stall_after, found.stall_stop) == (0, 30.0, True)
    assert len(found.warnings) == 3
    wrong = {"stall_stop = 1": "true or false", "log_cap_mib = -1": "whole number", "stall_after = -1": "from 0 to"}
    for bad, words in wrong.items():
        write_user(bad)
        with pytest.raises(SettingsError, match=words):
            load_settings(tmp_path)


def test_the_users_file_is_read(tmp_path: Path) -> None:
    path = write_user(
        """\ufeff
        driver = "mine"
        slots = 2
        retry_on = ["rate limit", "exit code"]
        retry_wait = 5
        wall_limit = 0
        unknown_writes = "trust"
        [drivers.mine]
        argv = ["agent", "{task_file}"]
        stdin = "null"
        events = "jsonl"
        env = { A = "1" }
        model = "m"
        [drivers.other]
        argv = ["x"]
        """
    )
    found = load_settings(tmp_path)
    assert (found.driver, found.slots, found.wall_limit, found.unknown_writes) == ("mine", 2, 0.0, "trust")
    assert (found.retry_on, found.retry_wait) == (("rate limit", "exit code"), 5.0)
    assert found.drivers["mine"] == DriverSettings(
        "mine", ("agent", "{task_file}"), path, stdin="null", events="jsonl", env={"A": "1"}, model="m"
    )
    assert found.drivers["other"] == DriverSettings("other", ("x",), path)
    assert found.warnings == ()


def test_the_project_comes_after_the_user_and_the_environment_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_user("slots = 2\nstale_after = 60")
    write_project(tmp_path, "slots = 1\nquiet_after = 10")
    found = load_settings(tmp_path)
    assert (found.slots, found.stale_after, found.quiet_after) == (1, 60.0, 10.0)
    monkeypatch.setenv("PAREX_SLOTS", "5")
    monkeypatch.setenv("PAREX_DRIVER", "mine")
    found = load_settings(tmp_path)
    assert (found.slots, found.driver) == (5, "mine")
    assert load_settings(None).stale_after == 60.0


def test_a_project_can_name_no_command_and_spend_nothing(tmp_path: Path) -> None:
    write_user('driver = "mine"\n[drivers.mine]\nargv = ["good"]')
    write_project(
        tmp_path,
        'driver = "evil"\nretries = 10\ngrace = 600\n[drivers.mine]\nargv = ["evil"]\n[drivers.evil]\nargv = ["x"]\n',
    )
    found = load_settings(tmp_path)
    assert found.driver == "mine"
    assert [driver.argv for driver in found.drivers.values()] == [("good",)]
    assert (found.retries, found.grace) == (0, 5.0)
    assert len(found.warnings) == 4
    for key, warning in zip(("driver", "retries", "grace", "drivers"), found.warnings, strict=True):
        assert warning.startswith(f"{tmp_path}/.parex.toml: {key} is ignored: ")
        assert "config/parex/config.toml" in warning


def test_a_project_may_only_tighten_limits(tmp_path: Path) -> None:
    write_project(
        tmp_path, 'wall_limit = 0\nunknown_writes = "trust"\ncontext_total_kib = 8000\nslots = 5\nstale_after = 1'
    )
    found = load_settings(tmp_path)
    assert (found.wall_limit, found.unknown_writes, found.context_total_kib) == (240.0, "alone", 768)
    assert (found.slots, found.stale_after) == (4, 900.0), "more at once costs more; sooner stale starts again sooner"
    assert len(found.warnings) == 5
    write_project(tmp_path, 'wall_limit = 5\nunknown_writes = "alone"\ncontext_total_kib = 10')
    found = load_settings(tmp_path)
    assert (found.wall_limit, found.context_total_kib, found.warnings) == (5.0, 10, ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slot = 3", r'config\.toml: slot: there is no such key; did you mean "slots"\?'),
        ("xyzzy = 3", "there are .*context_file_kib.*wall_limit"),
        ('[drivers.a]\nargv = ["x"]\nevent = "lines"', r'drivers\.a\.event: .*"events"'),
        ("slots = 0", "slots: must be a whole number from 1 to 100"),
        ("slots = 101", "from 1 to 100"),
        ("slots = true", "whole number"),
        ("slots = 2.0", "whole number"),
        ("retries = -1", "retries"),
        ('retry_on = ["stopped"]', "retry_on: .*never tried again by itself"),
        ('retry_on = ["weather"]', "retry_on: there is no failure"),
        ("retry_on = [3]", "retry_on: must be a list of failures"),
        ("retry_wait = -1", "retry_wait"),
        ("grace = nan", "grace: must be a number"),
        ("grace = inf", "grace: must be a number"),
        ("quiet_after = 'x'", "quiet_after"),
        ("unknown_writes = 'ask'", 'must be "alone" or "trust"'),
        ("driver = 3", "driver: must be the name"),
        ("driver = 'demo'", "cannot be the default; use `--driver demo`"),
        ("drivers = 3", "drivers: must be tables"),
        ("[drivers]\na = 3", r"drivers\.a: must be a table"),
        ("[drivers.demo]\nargv = ['x']", "belongs to the demonstration"),
        ("[drivers.'a b']\nargv = ['x']", "a driver's name"),
        ("[drivers.a]", r"drivers\.a\.argv: must be a list"),
        ("[drivers.a]\nargv = 'rm -rf x'", r"drivers\.a\.argv: must be a list"),
        ("[drivers.a]\nargv = []", "must be a list"),
        ("[drivers.a]\nargv = ['']", "must be a list"),
        ("[drivers.a]\nargv = ['x', 3]", "must be a list"),
        ('[drivers.a]\nargv = ["x\\u0000"]', "NUL"),
        ("[drivers.a]\nargv = ['x']\nstdin = 'tty'", r"stdin: must be .prompt. or .null."),
        ("[drivers.a]\nargv = ['x']\nevents = 'json'", "events"),
        ("[drivers.a]\nargv = ['x']\nenv = 'A=1'", "env: must be a table"),
        ("[drivers.a]\nargv = ['x']\nenv = { 'A=B' = '1' }", "no name of a variable"),
        ("[drivers.a]\nargv = ['x']\nenv = { PAREX_RUN = '1' }", "no name of a variable"),
        ("[drivers.a]\nargv = ['x']\nenv = { A = 1 }", r"env\.A: must be a string"),
        ("[drivers.a]\nargv = ['x']\nmodel = 1", "model: must be a string"),
        ("slots = 2\n\nslots = = 3", r"config\.toml:3:9: is not valid TOML"),
        ("slots = 2\n[drivers", r"config\.toml:2.*: is not valid TOML"),
        ("a = " + "[" * 5000, "TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    path = write_user(text)
    with pytest.raises(SettingsError, match=words) as caught:
        load_settings(tmp_path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_an_unknown_key_of_the_project_is_an_error_too(tmp_path: Path) -> None:
    write_project(tmp_path, '"\\u001b[31mslots" = 3')
    with pytest.raises(SettingsError, match=r"\.parex\.toml: ␛\[31mslots: there is no such key"):
        load_settings(tmp_path)


def test_many_slots_are_warned_about(tmp_path: Path) -> None:
    write_user("slots = 9")
    (warning,) = load_settings(tmp_path).warnings
    assert "slots = 9" in warning


@pytest.mark.parametrize("value", ["0", "101", "x", "-1", "1.5", "\u0663", "9" * 5000])
def test_the_environment_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PAREX_SLOTS", value)
    with pytest.raises(SettingsError, match=r"PAREX_SLOTS=.*from 1 to 100"):
        load_settings(tmp_path)


def test_the_demonstration_is_no_default_in_the_environment_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAREX_DRIVER", "demo")
    with pytest.raises(SettingsError, match="--driver demo"):
        load_settings(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error_and_never_blocks(tmp_path: Path) -> None:
    path = tmp_path / ".parex.toml"
    os.mkfifo(path)
    with pytest.raises(SettingsError, match="not a regular file"):
        load_settings(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SettingsError, match="not a regular file"):
        load_settings(tmp_path)
    path.rmdir()
    path.write_bytes(b"#" * 300_000)
    with pytest.raises(SettingsError, match="too large"):
        load_settings(tmp_path)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(SettingsError, match="not UTF-8 at byte 5"):
        load_settings(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.binary(max_size=60) | st.text(st.sampled_from("slot=[]{}.'\"\\ 1\n#\x00drive"), max_size=60).map(str.encode))
def test_any_bytes_give_settings_or_one_line(tmp_path: Path, raw: bytes) -> None:
    write_user(raw)
    try:
        load_settings(tmp_path)
    except SettingsError as error:
        assert "\n" not in str(error)
        assert "config.toml" in str(error)
