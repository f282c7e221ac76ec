"""Starting the agent below its keeper: a child that waits at a gate and then becomes it. Standard library only."""

# ruff: noqa: PTH113 - importing pathlib would take as long as everything else that a keeper imports

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal

from parex_tui.run.tree import PR_SET_PDEATHSIG, prctl, slurp

# Exit codes of a start that failed, as shells use them; TEMPORARY means that trying again later may help.
MISSING, NOT_EXECUTABLE, TEMPORARY = 127, 126, 75
_SCARCE = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ETXTBSY)

WATCHED = (signal.SIGCHLD, signal.SIGTERM)
IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE)
"""What a keeper blocks to wait for, and what it ignores: the agent gets all of them as a shell would give them."""

DETAIL_LIMIT = 400  # characters; escaped in JSON it still fits into the room that is reserved for a verdict

# Variables that would bind another Python to the interpreter that parex runs under.
_OWN_INTERPRETER = ("PYTHONHOME", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "__PYVENV_LAUNCHER__")


def environment(launch: dict[str, object]) -> dict[str, str]:
    """The environment of the agent: inherited, without parex's own, with what the driver adds, with the marker."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PAREX_") and k not in _OWN_INTERPRETER}
    env.setdefault("PYTHONUNBUFFERED", "1")  # into a file, Python would otherwise write in blocks
    extra = launch.get("env")
    if isinstance(extra, dict):
        env.update((str(name), str(value)) for name, value in extra.items())
    env["PAREX_RUN"] = str(launch.get("run", ""))
    return env


def execute(argv: list[str], env: dict[str, str]) -> None:
    """Become the program. PATH counts only with absolute folders: the working directory is not trusted."""
    if not argv or not argv[0]:
        raise FileNotFoundError(errno.ENOENT, "no program given")
    program = argv[0]
    if "/" in program:
        os.execve(program, argv, env)  # noqa: S606 - an argv list, no shell
    failure: OSError = FileNotFoundError(errno.ENOENT, "not found in PATH")
    for place in os.get_exec_path(env):
        if place.startswith("/"):
            try:
                os.execve(f"{place}/{program}", argv, env)  # noqa: S606 - an argv list, no shell
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                failure = error  # another folder may hold one that can be run
    raise failure


def explain(error: Exception, program: str) -> tuple[int, str]:
    """Exit code and one line for a start that failed."""
    if isinstance(error, UnicodeError):
        return NOT_EXECUTABLE, f"cannot start {program}: an argument holds a character that no program can be given"
    if not isinstance(error, OSError):
        return NOT_EXECUTABLE, f"cannot start {program}: {error}"
    code = TEMPORARY if error.errno in _SCARCE else MISSING if error.errno == errno.ENOENT else NOT_EXECUTABLE
    words = error.strerror or str(error)
    if error.errno == errno.ENOENT and error.filename and os.path.isfile(error.filename):
        words = "the interpreter that its first line names does not exist"
    elif error.filename and error.filename != program:
        words = f"{words}: {error.filename}"
    return code, f"cannot start {program}: {words}"


def offer_to_oom_killer() -> None:
    """Short of memory, the system shall end the agent and neither keeper nor screen. Nothing depends on it."""
    with contextlib.suppress(OSError, ValueError):
        if int(slurp("/proc/self/oom_score_adj")) < 500:
            fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(fd, b"500")
            os.close(fd)


def become_agent(launch: dict[str, object], folder: int, keeper: int, gate: int, umask: int) -> None:
    """In the child: set everything up, wait for the gate, turn into the agent."""
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(MISSING)  # the keeper died before the line above could take effect
    for number in (*WATCHED, *IGNORED, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())

    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    if launch.get("stdin") == "prompt":
        source = os.open("prompt.md", os.O_RDONLY, dir_fd=folder)
    else:
        source = os.open(os.devnull, os.O_RDONLY)
    output = os.open("output", append, 0o600, dir_fd=folder)
    errors = output if launch.get("merge_stderr") else os.open("stderr", append, 0o600, dir_fd=folder)
    for target, fd in enumerate((source, output, errors)):
        os.dup2(fd, target)
    os.umask(umask)
    os.chdir(str(launch.get("cwd")))
    offer_to_oom_killer()

    if os.read(gate, 1) != b"g":
        os._exit(MISSING)  # the keeper died, or does not want it any more
    argv = launch.get("argv")
    execute([str(part) for part in argv] if isinstance(argv, list) else [], environment(launch))


def fork_agent(launch: dict[str, object], folder: int, lock: int, umask: int) -> tuple[int, int, int]:
    """Start the child up to its gate. Its pid, the end that opens the gate, the end that tells why it failed."""
    keeper = os.getpid()
    gate, opener = os.pipe()
    trouble, report = os.pipe()
    os.set_blocking(trouble, False)
    pid = os.fork()
    if pid == 0:
        code = MISSING
        try:
            for fd in (lock, opener, trouble):
                os.close(fd)
            become_agent(launch, folder, keeper, gate, umask)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this attempt's reason not to start
            argv = launch.get("argv")
            code, line = explain(error, str(argv[0]) if isinstance(argv, list) and argv else "the agent")
            os.write(report, json.dumps([code, line[:DETAIL_LIMIT]]).encode())
        finally:
            os._exit(code)
    os.close(gate)
    os.close(report)
    return pid, opener, trouble
