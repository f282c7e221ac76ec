"""The demonstration agent: a real process that plays a coding agent and says that it is none.

It reads its task file and the context files that the task names, writes small marked files where it is told to, checks
them, and prints `parex.events/1` (see `jsonl.py`) while it does so. Whatever it prints as done has
been done by this process: files really opened, lines really written, checks really run. Only the tokens and the cost
are invented, and it says so.

    python -I -S demo_agent.py --task=FILE --root=DIR [--write=PATH …] [--attempt=N] [--speed=X] [--fail=KIND]
                               [--fail-seqs=04:exit,…]

`--write`, as often as needed, is what of the deliverables can be written, below the root: a file, a folder (`x/`: a
file in it), a pattern (`x/*.js`: one file that matches) or `**/name` (where the only such file is, or at the root).
Files that somebody else wrote are left alone, and it says so; kinds of files that no text can be are never made up.
`--speed` 2 is twice as fast, 0 does not wait. `--fail`: `auto` (about a quarter of the tasks fail, on their first
attempt only), `none`, or a kind that this attempt fails with: `exit` (a check fails, exit 1), `giveup` (a deliverable
is left out, and it says so), `error` (an error in the middle). `--fail-seqs` names exactly the tasks whose first
attempt fails. Exit codes: 0 it ended by itself, 1 failed, 2 wrong options, 143 stopped by SIGTERM.

It runs alone, by path: the standard library only, and nothing of parex.
"""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, NoReturn

MARK: Final = "Written by the parex demo agent: a demonstration, not real work."
"""In every file that it writes. A file without it, or with anything that this program did not write, is left alone."""

_END: Final = "End of the demo agent's text."
_PART: Final = re.compile(r"parex demo task ([A-Za-z0-9._-]{1,80}) attempt (\d{1,9})")

KINDS: Final = ("exit", "giveup", "error")
TASK_BYTES: Final = 1024 * 1024
READ_BYTES: Final = 1024 * 1024
_READS: Final = 8  # context and reference files that one attempt opens
FILES: Final = 100
"""Files that one attempt writes; it gives up at once where it is told to write more."""
_PROSE: Final = 20  # deliverables that name nothing to write and are quoted
_ENTRIES: Final = 20_000  # files and folders that are looked at to find `**/name`
_FOLDER_FILE: Final = "parex-demo.md"  # what is put in a folder, and no real project has

_STYLES: Final = (
    (
        "# ",
        "",
        "py pyi rb sh bash zsh fish yml yaml toml ini cfg conf env r jl mk tf ex exs pl nix gitignore dockerignore",
    ),
    ("# ", "", "brewfile caddyfile containerfile dockerfile gemfile justfile makefile podfile procfile rakefile"),
    ("// ", "", "ts tsx mts cts js jsx mjs cjs java kt kts gradle go rs c h cc cpp hpp cs swift php scala dart zig"),
    ("// ", "", "proto prisma g4 jsonc json5 jenkinsfile"),
    ("/* ", " */", "css scss less"),
    ("<!-- ", " -->", "html htm xml svg vue svelte md mdx markdown csproj plist xsd"),
    ("-- ", "", "sql lua hs elm cabal"),
)
_COMMENTS: Final = {ending: (opens, closes) for opens, closes, endings in _STYLES for ending in endings.split()}
"""What opens and closes a comment line, by file ending; all other text files hold plain lines."""

_NO_TEXT: Final = (
    "png jpg jpeg gif ico icns webp avif heic bmp tif tiff psd woff woff2 ttf otf eot",
    "mp3 mp4 m4a wav ogg flac mov avi mkv webm pdf doc docx xls xlsx ppt pptx odt ods",
    "zip gz tgz bz2 xz zst 7z rar tar jar war whl wasm so dylib dll exe bin o a lib class pyc pyd",
    "db sqlite sqlite3 parquet npy npz pkl pickle joblib pt pth onnx h5 keras ckpt safetensors",
)
_BINARY: Final = frozenset(ending for endings in _NO_TEXT for ending in endings.split())
"""Endings of files that are not text: a text under such a name would be a broken file."""


class RefusedError(Exception):
    """Something that it will not or cannot do; the message says why."""


class ForeignError(RefusedError):
    """A file that somebody else wrote, or has changed: it is left as it is."""


@dataclass(frozen=True)
class Part:
    """One task's share of a demo file."""

    task: str
    attempt: int


# --- options ---------------------------------------------------------------------------------------------------


def speed_of(text: str) -> float:
    """The speed as a number from 0 to 1000. Raises ValueError."""
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= 1000:  # also false for NaN
        raise ValueError(f"speed is a number from 0 to 1000, not {text!r}")
    return speed


def plan_of(fail: str, fail_seqs: str) -> dict[str, str]:
    """The kinds of failure by seq (without leading zeros) that `--fail-seqs` asks for. Raises ValueError."""
    if fail not in ("auto", "none", *KINDS):
        raise ValueError(f"fail is auto, none, {', '.join(KINDS)}, not {fail!r}")
    plan: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in fail_seqs.split(","))):
        seq, _, kind = item.partition(":")
        kind = kind or "exit"
        if not (seq.isascii() and seq.isdigit()) or kind not in KINDS:
            raise ValueError(f"fail-seqs is a list as 04:exit,06:giveup with {', '.join(KINDS)}, not {item!r}")
        plan[seq.lstrip("0")] = kind
    return plan


def failure_of(identity: str, seq: str, attempt: int, fail: str, fail_seqs: str) -> str:
    """The kind of failure that this attempt plays, "" for none. The same for the same task and attempt, always."""
    plan = plan_of(fail, fail_seqs)
    if fail in KINDS:
        return fail
    if attempt > 1 or fail == "none":
        return ""
    if plan or fail_seqs.strip():
        return plan.get(seq.lstrip("0"), "")
    number = zlib.crc32(identity.encode("utf-8", "replace"))
    return KINDS[number // 4 % len(KINDS)] if number % 4 == 0 else ""


# --- files below the root, never through a link ---------------------------------------------------------------


def parts_of(path: str, root: str) -> tuple[str, ...]:
    """The components of a path below the root. Raises RefusedError for a path that leads, or could lead, elsewhere."""
    if not path or any(ord(char) < 32 or ord(char) == 127 for char in path):
        raise RefusedError("it is no plain path")
    if path.startswith("/"):
        prefix = root.rstrip("/") + "/"
        if not path.startswith(prefix):
            raise RefusedError("it lies outside the project")
        path = path[len(prefix) :]
    elif re.match(r"[A-Za-z]:[\\/]|~|[A-Za-z][A-Za-z0-9+.-]*://", path):
        raise RefusedError("it lies outside the project")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if not parts:
        raise RefusedError("it names the project's folder itself")
    if ".." in parts:
        raise RefusedError("it has `..` in it")
    if ".git" in (part.lower() for part in parts):
        raise RefusedError("it belongs to git")
    return parts


@contextmanager
def folder_of(root: str, parts: Sequence[str], *, create: bool) -> Iterator[int]:
    """A descriptor of the folder that holds `parts[-1]`, one component after another, following no link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    held = os.open(root, flags)
    try:
        for part in parts[:-1]:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o777, dir_fd=held)
            try:
                inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=held)
            except NotADirectoryError:
                raise RefusedError(f"{part} is no folder, or a link that is not followed") from None
            os.close(held)
            held = inner
        yield held
    finally:
        os.close(held)


def read_file(root: str, parts: Sequence[str]) -> str:
    """The text of a regular file below the root. Raises RefusedError with the reason."""
    try:
        with folder_of(root, parts, create=False) as folder:
            handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            try:
                return _text_of(handle)
            finally:
                os.close(handle)
    except OSError as error:
        raise RefusedError(_words(error)) from None


def change_file(root: str, parts: Sequence[str], change: Callable[[str | None], str]) -> tuple[str | None, str]:
    """Write what `change` makes of the present text (None: there is no file). Returns the text before and after.

    Raises ForeignError for a file that is not this program's own, which is never changed, and RefusedError for what
    cannot be written.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with folder_of(root, parts, create=True) as folder:
            before: str | None = None
            try:
                handle = os.open(parts[-1], flags | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder)
            except FileExistsError:
                handle, before = _open_own(folder, parts[-1], flags)
            try:
                after = change(before)
                data = after.encode("utf-8", "replace")
                os.lseek(handle, 0, os.SEEK_SET)
                _write_all(handle, data)
                os.ftruncate(handle, len(data))
            finally:
                os.close(handle)
            return before, after
    except OSError as error:
        raise RefusedError(_words(error)) from None


def _open_own(folder: int, name: str, flags: int) -> tuple[int, str]:
    """An existing file of this program's own, open, and its text."""
    try:
        handle = os.open(name, flags, dir_fd=folder)
    except PermissionError:
        raise ForeignError("it exists and may not be changed: left alone") from None
    with suppress(RefusedError):  # what cannot be read as text is not its own either
        text = _text_of(handle)
        if is_own(name, text):
            return handle, text
    os.close(handle)
    raise ForeignError("it exists and is not the demo agent's own: left alone")


def _text_of(handle: int) -> str:
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        raise RefusedError("it is not a regular file")
    if about.st_size > READ_BYTES:
        raise RefusedError(f"it is too large to read ({about.st_size} bytes)")
    data = os.read(handle, READ_BYTES)
    if b"\0" in data:
        raise RefusedError("it is not text")
    return data.decode("utf-8", "replace")


def _words(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if error.errno == errno.ELOOP:
        return "it is a link, which is not followed"
    return error.strerror or str(error)


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


# --- what the files hold --------------------------------------------------------------------------------------


def place_of(write: str, root: str) -> str:
    """The one file that stands for what is to be written. Only looks; whether it may be written is not asked here."""
    name = write.removeprefix("**/")
    is_pattern = "*" in name or "?" in name
    if name != write and not is_pattern and not name.endswith("/"):
        return find_one(root, name) or name
    if not is_pattern and _is_folder(root, name):
        name = name.rstrip("/") + "/"
    *folders, last = name.split("/")
    parts = [*(part for part in folders if part != "**"), _FOLDER_FILE if last in ("", "*", "**") else last]
    return "/".join(parts).replace("*", "demo").replace("?", "x")


def _is_folder(root: str, path: str) -> bool:
    """Whether it is a folder, or, where nothing is there, whether its name says so: `src/api`, but not `LICENSE`."""
    try:
        return stat.S_ISDIR(os.lstat(f"{root}/{path}").st_mode)
    except OSError:
        name = path.rpartition("/")[2]
        return not ("." in name or name.isupper() or name.lower() in _COMMENTS)


def find_one(root: str, name: str) -> str:
    """The only file below the root whose path ends in `name`; "" for none, several, or too many files to look at."""
    root = root.rstrip("/")
    last = name.rpartition("/")[2]
    found: list[str] = []
    seen = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [inner for inner in folders if inner not in (".git", "node_modules")]
        path = f"{folder}/{last}"
        if last in names and path.endswith(f"/{name}"):
            found.append(path[len(root) + 1 :])
        seen += len(folders) + len(names)
        if len(found) > 1 or seen > _ENTRIES:
            return ""
    return "".join(found)


def ending_of(name: str) -> str:
    """`ts` for `a/b.ts`, `dockerfile` for `Dockerfile`, `env` for `.env`."""
    last = name.lower()
    return last.rpartition(".")[2] if "." in last else last


def compose(name: str, parts: Sequence[Part], *, broken: bool = False) -> str:
    """The text of a demo file with these tasks' shares. Raises RefusedError for a kind of file that is no text.

    A `broken` one misses its end, so that a check of it fails.
    """
    ending = ending_of(name)
    stem = re.sub(r"\W+", "_", name.split(".")[0]).strip("_") or "demo"
    if stem[0].isdigit():
        stem = f"demo_{stem}"
    if ending == "json":
        found = {"_comment": MARK, "parts": [f"parex demo task {part.task} attempt {part.attempt}" for part in parts]}
        text = json.dumps(found, indent=2) + "\n"
        return text.rstrip()[:-1] if broken else text
    if ending in _BINARY and "." in name:
        raise RefusedError(f"it cannot write a plausible .{ending} file")
    opening, closing = _COMMENTS.get(ending, ("", ""))
    lines = [f"{opening}{MARK}{closing}"]
    if ending in ("py", "pyi"):
        lines.insert(0, f'"""A placeholder for {stem}."""')
    for number, part in enumerate(parts, start=1):
        lines += ["", f"{opening}parex demo task {part.task} attempt {part.attempt}{closing}"]
        lines += _body(ending, f"{stem}_{number}" if number > 1 else stem)
    if broken:
        return "\n".join([*lines, *(["", "def unfinished("] if ending in ("py", "pyi") else [])]) + "\n"
    return "\n".join([*lines, "", f"{opening}{_END}{closing}"]) + "\n"


def _body(ending: str, name: str) -> list[str]:
    """A few plausible lines of one language that do nothing."""
    if ending in ("py", "pyi"):
        return [f"def {name}() -> str:", f'    return "{name}: a placeholder"', ""]
    if ending in ("ts", "tsx"):
        return [f"export function {name}(): string {{", f'  return "{name}: a placeholder";', "}"]
    if ending in ("js", "jsx", "mjs"):
        return [f"export function {name}() {{", f'  return "{name}: a placeholder";', "}"]
    if ending in ("css", "scss", "less"):
        return [f".{name.replace('_', '-')} {{", "  display: block;", "}"]
    if ending in ("html", "htm", "vue", "svelte"):
        return [f"<p>{name}: a placeholder</p>"]
    if ending in ("md", "mdx", "markdown"):
        return [f"## {name.replace('_', ' ')}", "", "A placeholder."]
    if ending in ("toml", "ini", "cfg", "conf"):
        return [f"[{name}]", "placeholder = true" if ending == "toml" else "placeholder = yes"]
    if ending in ("yml", "yaml"):
        return [f"{name}: placeholder"]
    if ending in ("sh", "bash", "zsh"):
        return [f'echo "{name}: a placeholder"']
    if ending == "sql":
        return ["SELECT 1;"]
    opening, closing = _COMMENTS.get(ending, ("", ""))
    return [f"{opening}{name}: a placeholder{closing}"]


def parts_in(text: str) -> list[Part]:
    """The tasks' shares that a demo file already holds."""
    return [Part(match[1], int(match[2])) for match in _PART.finditer(text)]


def is_own(name: str, text: str) -> bool:
    """Whether this program wrote exactly this text, perhaps not to its end; nobody has added to it."""
    parts = parts_in(text)
    return MARK in text and any(compose(name, parts, broken=broken).startswith(text) for broken in (False, True))


def check_file(root: str, path: str) -> tuple[str, str]:
    """What was checked of a written file, and what is wrong with it ("" for nothing). Reads the file again."""
    ending = ending_of(path)
    text = read_file(root, parts_of(path, root))
    try:
        if ending in ("py", "pyi"):
            compile(text, path, "exec", dont_inherit=True)
            return "Python syntax", ""
        if ending == "json":
            json.loads(text)
            return "JSON syntax", ""
        if ending == "toml":
            import tomllib

            tomllib.loads(text)
    except SyntaxError as error:
        return "Python syntax", f"{path}:{error.lineno}: {error.msg}"
    except ValueError as error:
        return f"{ending.upper()} syntax", f"{path}: {error}"
    except (RecursionError, MemoryError):
        return f"{ending} syntax", f"{path}: nested too deeply"
    return "its last line", "" if _END in text else f"{path}:{text.count(chr(10))}: the text breaks off before its end"


def changed_lines(before: str | None, after: str) -> tuple[int, int]:
    """Lines added and removed."""
    if before is None:
        return len(after.splitlines()), 0
    import difflib

    added = removed = 0
    for line in difflib.ndiff(before.splitlines(), after.splitlines()):
        added += line.startswith("+ ")
        removed += line.startswith("- ")
    return added, removed


# --- playing --------------------------------------------------------------------------------------------------


def emit(kind: str, /, **fields: object) -> None:
    """One event, in one write, so that a signal never leaves half a line."""
    line = json.dumps({"type": kind, "at": round(time.time(), 3), **fields})
    _write_all(1, line.encode() + b"\n")


class Agent:
    """One attempt, played step by step."""

    def __init__(
        self,
        root: str,
        path: str,
        task: dict[str, object],
        writes: Sequence[str],
        *,
        attempt: int,
        speed: float,
        failure: str,
    ) -> None:
        self.root = root
        self.path = path.removeprefix(root.rstrip("/") + "/")
        self.task = task
        self.attempt = attempt
        self.failure = failure
        self.identity = re.sub(r"[^A-Za-z0-9._-]+", "-", _string(task.get("id")))[:80] or "task"
        self._calls = 0
        self.deliverables = _strings(task.get("deliverables"))
        self.writes = list(dict.fromkeys(filter(None, writes)))
        # 4 to 9 seconds, a little different from task to task so that attempts side by side do not march in step.
        seconds = min(9.0, 4.0 + len(self.writes) + zlib.crc32(self.identity.encode()) % 10 / 10)
        reads = len(self._references()[:_READS])
        steps = 2 + reads + 4 * len(self.writes)
        self._pause = seconds / steps / speed if speed else 0.0

    def run(self) -> int:
        """Play it; returns the exit code."""
        title = _string(self.task.get("title")) or self.identity
        emit("began", session=f"demo-{self.identity}-{self.attempt}", model="demo", agent="demo agent")
        emit(
            "said",
            text="This is a demonstration: no model is asked, the files are placeholders and not real work, "
            "and tokens and cost are invented.",
        )
        if self.failure:
            emit("said", text="This attempt is set to fail on purpose, so that a retry can be seen.")
        self._end(self._start("read", self.path), "read", self.path, state="done", result="the task file")
        self._wait()
        seen = self._read_references()
        criteria = _strings(self.task.get("acceptance_criteria"))
        emit(
            "thought",
            text=f"{title}: {_count(criteria, 'criterion', 'criteria')}, {_count(self.deliverables, 'deliverable')}.",
        )
        self._use(400 + seen // 4, 120)
        self._wait()
        if self.failure == "error":
            emit("trouble", message="The demonstration stops here with an error, on purpose.", kind="demo", fatal=True)
            return self._fail("an error in the middle, on purpose", 1)
        return self._deliver()

    def _deliver(self) -> int:
        prose = self._prose()
        for text in prose[:_PROSE]:
            emit(
                "said", text=f"The demonstration leaves this deliverable alone, it names no file to write here: {text}"
            )
        if len(self.writes) > FILES:
            return self._fail(f"gave up: a demonstration writes {FILES} files at most", 0)
        places = self._places()
        left_out = places[-1:] if self.failure == "giveup" else []
        refused: list[str] = []
        foreign: list[str] = []
        written: list[str] = []
        for path in places[: len(places) - len(left_out)]:
            try:
                self._write(path, broken=self.failure == "exit" and path == places[-1])
            except ForeignError:
                foreign.append(path)
                continue
            except RefusedError as why:
                refused.append(f"{path}: {why}")
                continue
            written.append(path)
            self._wait()
            if not self._check(path):
                return self._fail(f"a check of {path} failed", 1)
            self._wait()
        if self.failure == "exit":
            return self._fail("the demonstration fails here on purpose", 1)
        if self.failure == "giveup":
            what = f"it left out {left_out[0]}" if left_out else "it stops here"
            return self._fail(f"gave up: {what}, on purpose", 0)
        if refused:
            more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
            return self._fail(f"not written: {refused[0]}{more}", 0)
        self._use(300, 80)
        summary = f"Demonstration: wrote {_count(written, 'placeholder file')}"
        if foreign:
            named = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
            summary += f", left alone what it did not write itself: {named}"
        if prose:
            summary += f", left out {_count(prose, 'deliverable')} without a file to write"
        emit("said", text=summary + ". This is not real work.")
        emit("ended", ok=True, summary=summary)
        return 0

    def _prose(self) -> list[str]:
        """The deliverables that no path to write stands for."""
        names = [write.rstrip("/").rpartition("/")[2] for write in self.writes]
        return [text for text in self.deliverables if not any(name in text.replace("\\", "") for name in names)]

    def _places(self) -> list[str]:
        """The files to write, and a word about those that stand for something wider."""
        places: dict[str, None] = {}
        for write in self.writes:
            place = place_of(write, self.root)
            if place != write:
                emit("said", text=f"For {write} the demonstration writes {place}.")
            places[place] = None
        return list(places)

    def _fail(self, reason: str, code: int) -> int:
        emit("ended", ok=False, reason=reason)
        if code:
            _write_all(2, f"demo agent: {_one_line(reason)}\n".encode("utf-8", "replace"))
        return code

    def _references(self) -> list[str]:
        found: list[str] = []
        for key in ("context_files", "reference_files"):
            listed = self.task.get(key)
            for item in listed if isinstance(listed, list) else []:
                path = item.get("path") if isinstance(item, dict) else item
                if isinstance(path, str) and path not in found:
                    found.append(path)
        return found

    def _read_references(self) -> int:
        """Open what the task points at; returns how many characters were read."""
        seen = 0
        for path in self._references()[:_READS]:
            call = self._start("read", path)
            self._wait()
            try:
                text = read_file(self.root, parts_of(path, self.root))
            except RefusedError as refused:
                self._end(call, "read", path, state="failed", result=str(refused))
                continue
            seen += len(text)
            self._end(call, "read", path, state="done", result=_count(text.splitlines(), "line"))
        return seen

    def _write(self, path: str, *, broken: bool) -> None:
        """Write one deliverable. Raises RefusedError, after having said why."""
        call = self._start("write", path)
        self._wait()

        def change(before: str | None) -> str:
            others = [part for part in parts_in(before or "") if part.task != self.identity]
            return compose(parts[-1], [*others, Part(self.identity, self.attempt)], broken=broken)

        try:
            parts = parts_of(path, self.root)
            compose(parts[-1], [])  # refused before anything is created
            before, after = change_file(self.root, parts, change)
        except RefusedError as refused:
            self._end(call, "write", path, state="failed", result=str(refused))
            emit("said", text=f"{path} is not written: {refused}.")
            raise
        added, removed = changed_lines(before, after)
        tool = "write" if before is None else "edit"
        self._end(call, tool, path, state="done", added=added, removed=removed)
        self._use(200, 40 + len(after) // 4)

    def _check(self, path: str) -> bool:
        call = self._start("check", path)
        self._wait()
        try:
            what, wrong = check_file(self.root, path)
        except RefusedError as refused:
            what, wrong = "reading it again", f"{path}: {refused}"
        state = "failed" if wrong else "done"
        self._end(call, "check", path, state=state, result=wrong or f"{what}: good", output=wrong)
        return not wrong

    def _start(self, tool: str, path: str) -> str:
        self._calls += 1
        emit("tool", id=str(self._calls), tool=tool, state="running", input=path, path=path)
        return str(self._calls)

    def _end(self, call: str, tool: str, path: str, **fields: object) -> None:
        emit("tool", id=call, tool=tool, input=path, path=path, **fields)

    def _use(self, read: int, written: int) -> None:
        cost = round((read * 3 + written * 15) / 1_000_000, 6)
        emit("usage", input_tokens=read, output_tokens=written, cached_tokens=read // 2, cost=cost)

    def _wait(self) -> None:
        if self._pause:
            time.sleep(self._pause)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _count(items: Sequence[object], one: str, many: str = "") -> str:
    return f"{len(items)} {one if len(items) == 1 else many or one + 's'}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def read_task(path: str) -> dict[str, object]:
    """The task file as an object. Raises RefusedError with the reason."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise RefusedError("it is not a regular file")
            data = os.read(handle, TASK_BYTES + 1)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise RefusedError(_words(error) if isinstance(error, OSError) else str(error)) from None
    if len(data) > TASK_BYTES:
        raise RefusedError("it is larger than 1 MiB")
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"it is not valid JSON: {_one_line(str(error))[:200]}") from None
    if not isinstance(found, dict):
        raise RefusedError("it is not a task object")
    return found


def seq_of(task: dict[str, object], path: str) -> str:
    """The task's seq, or what its file name says."""
    seq = task.get("seq")
    if isinstance(seq, str) and seq:
        return seq
    named = re.search(r"subtask[_-](\d+)", path.rpartition("/")[2])
    return named[1] if named else ""


def _stopped(number: int, frame: object) -> NoReturn:
    # A deliverable may be half written here: the next attempt recognises it by its mark and writes it anew.
    with suppress(OSError):
        emit("ended", ok=False, reason="stopped by SIGTERM")
    os._exit(128 + number)


def main(arguments: Sequence[str]) -> int:
    """Run one attempt; returns the exit code."""
    import argparse  # not needed where parex only imports this file to check its settings

    options = argparse.ArgumentParser(prog="demo_agent.py", description="Plays a coding agent. No real work is done.")
    options.add_argument("--task", required=True, metavar="FILE")
    options.add_argument("--root", required=True, metavar="DIR")
    options.add_argument("--write", action="append", default=[], metavar="PATH")
    options.add_argument("--attempt", type=int, default=1, metavar="N")
    options.add_argument("--speed", default="1", metavar="X")
    options.add_argument("--fail", default="auto", metavar="KIND")
    options.add_argument("--fail-seqs", default="", metavar="LIST")
    chosen = options.parse_args(arguments)
    try:
        speed = speed_of(chosen.speed)
        plan_of(chosen.fail, chosen.fail_seqs)
    except ValueError as error:
        options.error(str(error))
    signal.signal(signal.SIGTERM, _stopped)
    try:
        task = read_task(chosen.task)
    except RefusedError as refused:
        emit("began", model="demo", agent="demo agent")
        emit("trouble", message=f"the task file cannot be used: {refused}", kind="task", fatal=True)
        emit("ended", ok=False, reason=f"the task file cannot be used: {refused}")
        _write_all(2, f"demo agent: the task file cannot be used: {refused}\n".encode("utf-8", "replace"))
        return 1
    identity = _string(task.get("id")) or chosen.task
    failure = failure_of(identity, seq_of(task, chosen.task), chosen.attempt, chosen.fail, chosen.fail_seqs)
    agent = Agent(chosen.root, chosen.task, task, chosen.write, attempt=chosen.attempt, speed=speed, failure=failure)
    return agent.run()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as error:  # nobody can be told more: the output itself cannot be written
        with suppress(OSError):
            _write_all(2, f"demo agent: {error.strerror or error}\n".encode("utf-8", "replace"))
        sys.exit(1)
