"""A scriptable agent: a real process that does what its arguments say, one after the other.

    fakeagent.py [--tag TEXT] STEP...

    say:TEXT            a line on standard output            err:TEXT       a line on standard error
    sleep:SECONDS       wait                                 hang           wait for ever
    wait:PATH           until the file exists                touch:PATH     create it
    ignore-term         TERM, INT and HUP do nothing         stop-self      SIGSTOP
    daemonise[:HOW]     leave a child that sleeps for ever; HOW of: child, pgrp, setsid, double, scrub (all of it)
    stubborn:HOW        the same, and the child ignores TERM
    bomb:SECONDS        fork sleeping children as fast as 200 a second
    flood:BYTES         so much output, in lines             long-line:BYTES  one line
    echo-stdin          what was on standard input           env:NAME       the value of a variable
    ledger:PATH         append `S <run> <pid>` to a file      done:PATH      append `E <run> <pid>`
    guard:PATH          append `X <run>` to PATH.ledger if another agent holds PATH's lock, and hold it
    tell:PATH           write pid, session, mask and ignored signals as JSON
    crash:SIGNAL        die by a signal                      exit:CODE      end with a code

Without `exit` it ends with code 0; without any step it does nothing at all. The tag is found in its command line and
in that of everything it starts, so that a test can find leftovers.
"""

# ruff: noqa: PTH109, PTH110, PTH123, PTH208, S606 - it starts as fast as it can, and starts children of its own

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable

_held: list[int] = []


def main(arguments: list[str]) -> None:
    """Run the steps."""
    tag = "untagged"
    if arguments[:1] == ["--tag"]:
        tag = arguments[1]
        arguments = arguments[2:]
    for step in arguments:
        verb, _, value = step.partition(":")
        STEPS[verb](value, tag)


def write(text: str, fd: int = 1) -> None:
    """All of it, unbuffered."""
    data = text.encode()
    while data:
        data = data[os.write(fd, data) :]


def append(path: str, word: str) -> None:
    """One line in one write."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, f"{word} {os.environ.get('PAREX_RUN', '-')} {os.getpid()}\n".encode())
    os.close(fd)


def hang(_value: str, _tag: str) -> None:
    """For ever."""
    while True:
        time.sleep(3600)


def wait_for(path: str, _tag: str) -> None:
    """Until somebody creates the file."""
    while not os.path.exists(path):
        time.sleep(0.005)


def ignore_term(_value: str, _tag: str) -> None:
    """As agents that want to finish first do."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def leave(how: str, tag: str, *steps: str) -> None:
    """A child that outlives its parent; returns when it is on its way."""
    ready, done = os.pipe()
    if os.fork() == 0:
        if how == "pgrp":
            os.setpgid(0, 0)
        if how in ("setsid", "double", "scrub"):
            os.setsid()
        if how in ("double", "scrub") and os.fork() != 0:
            os._exit(0)
        env = {} if how == "scrub" else dict(os.environ)
        if how == "scrub":
            null = os.open(os.devnull, os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
        os.set_inheritable(done, False)
        os.execve(sys.executable, [sys.executable, "-I", "-S", __file__, "--tag", tag, *steps, "hang"], env)
    os.close(done)
    os.read(ready, 1)  # end of file once the child has become another program
    os.close(ready)


def daemonise(how: str, tag: str) -> None:
    """A child that stays."""
    leave(how or "double", tag)


def stubborn(how: str, tag: str) -> None:
    """A child that stays and does not care about TERM; known to ignore it when this returns."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave(how or "double", tag, "ignore-term")
    signal.signal(signal.SIGTERM, before)


def bomb(seconds: str, tag: str) -> None:
    """Children that fork on."""
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        if os.fork() == 0:
            os.setsid()
            time.sleep(3600)
        time.sleep(0.005)


def flood(size: str, _tag: str) -> None:
    """Numbered lines of 100 bytes."""
    lines = int(size) // 100
    write("".join(f"{number:099d}\n" for number in range(lines)))


def tell(path: str, _tag: str) -> None:
    """What the keeper set up for this process."""
    mask = os.umask(0)
    os.umask(mask)
    ignored = [int(n) for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN]
    blocked = [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, ())]
    facts = {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "umask": mask,
        "ignored": ignored,
        "blocked": blocked,
        "cwd": os.getcwd(),
        "fds": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
        "env": dict(os.environ),
    }
    with open(path, "w", encoding="ascii") as file:
        json.dump(facts, file)


def guard(path: str, _tag: str) -> None:
    """Proof that no other agent of the same task is alive."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(fd, True)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        append(f"{path}.ledger", "X")
    _held.append(fd)


def crash(number: str, _tag: str) -> None:
    """Die by a signal, not by Python's handling of it."""
    if int(number) != signal.SIGKILL:
        signal.signal(int(number), signal.SIG_DFL)
    os.kill(os.getpid(), int(number))
    hang("", "")


STEPS: dict[str, Callable[[str, str], object]] = {
    "say": lambda value, _: write(f"{value}\n"),
    "err": lambda value, _: write(f"{value}\n", 2),
    "sleep": lambda value, _: time.sleep(float(value)),
    "hang": hang,
    "wait": wait_for,
    "touch": lambda value, _: os.close(os.open(value, os.O_CREAT | os.O_WRONLY, 0o600)),
    "ignore-term": ignore_term,
    "stop-self": lambda _, __: os.kill(os.getpid(), signal.SIGSTOP),
    "daemonise": daemonise,
    "stubborn": stubborn,
    "bomb": bomb,
    "flood": flood,
    "long-line": lambda value, _: write("x" * int(value) + "\n"),
    "echo-stdin": lambda _, __: write(sys.stdin.read()),
    "env": lambda value, _: write(f"{os.environ.get(value, '')}\n"),
    "ledger": lambda value, _: append(value, "S"),
    "done": lambda value, _: append(value, "E"),
    "guard": guard,
    "tell": tell,
    "crash": crash,
    "exit": lambda value, _: sys.exit(int(value)),
}


if __name__ == "__main__":
    main(sys.argv[1:])
