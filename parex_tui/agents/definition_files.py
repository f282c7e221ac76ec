"""Reading the files that define agents: in bounds, without executing anything, never outside of the project."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import yaml

from parex_tui.tasks.text import clean, is_plain

NAME_LIMIT: Final = 200
"""Characters of an agent's name."""

_FILE_BYTES: Final = 512 * 1024
_FRONT_CHARACTERS: Final = 64 * 1024
_FILES_MOST: Final = 2_000
_DEPTH_MOST: Final = 8
_COMMENT: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING: Final = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])')
_VALUE: Final = re.compile(r"([A-Za-z_][\w-]*):[ \t]+(.*\S)\s*")


class Scope(StrEnum):
    """Whose definition it is. Of one id, the later word wins."""

    BUILT_IN = "built in"
    USER = "user"
    PROJECT = "project"


class Reader:
    """Reads definition files in bounds and remembers what could not be used."""

    def __init__(self, root: Path) -> None:
        self.problems: list[str] = []
        # A project may be a folder of a repository, whose own definitions count too.
        self._root = upward(root)[0].resolve()
        self._files = 0

    def problem(self, path: Path, message: str) -> None:
        """Remember it, once."""
        line = f"{show(path)}: {message}"
        if line not in self.problems:
            self.problems.append(line)

    def usable(self, name: str, path: Path) -> bool:
        """Whether a name can be an id."""
        good = bool(name) and len(name) <= NAME_LIMIT and is_plain(name) and name == name.strip()
        if not good:
            self.problem(path, f'"{clean(name, 40)}" cannot be the name of an agent')
        return good

    def listed(self, folder: Path, scope: Scope, depth: int = 0, seen: frozenset[Path] = frozenset()) -> list[Path]:
        """The `.md` files below a folder, in order of their names; empty where there is none."""
        try:
            real = folder.resolve()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, RuntimeError) as error:
            self.problem(folder, f"cannot be read: {_reason(error)}")
            return []
        if scope is Scope.PROJECT and not real.is_relative_to(self._root):
            self.problem(folder, "leads out of the project, so it is not read")
            return []
        if real in seen:
            return []  # a link back to a folder above
        found: list[Path] = []
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir():
                if depth < _DEPTH_MOST:
                    found += self.listed(path, scope, depth + 1, seen | {real})
            elif entry.name.endswith(".md"):
                self._files += 1
                if self._files > _FILES_MOST:
                    self.problem(folder, f"has more than {_FILES_MOST} agents; the rest is not read")
                    return found
                found.append(path)
        return found

    def front(self, path: Path, scope: Scope) -> Mapping[str, object] | None:
        """The front matter; empty where there is none, None where the file cannot be used."""
        text = self._text(path, scope)
        if text is None:
            return None
        lines = text.removeprefix("\ufeff").splitlines()
        if not lines or lines[0].rstrip() != "---":
            return {}
        end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), 0)
        if not end:
            return {}
        block = "\n".join(lines[1:end])
        if len(block) > _FRONT_CHARACTERS:
            self.problem(path, f"has a front matter of more than {_FRONT_CHARACTERS} characters")
            return None
        try:
            found = _yaml(block)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            try:  # as OpenCode does: `description: one: two` is meant as text
                found = _yaml("\n".join(_quoted(line) for line in lines[1:end]))
            except (yaml.YAMLError, ValueError, RecursionError):
                self.problem(path, f"its front matter is no YAML: {clean(_reason(error), 200)}")
                return None
        if found is not None and not isinstance(found, dict):
            self.problem(path, "its front matter is no list of keys")
            return None
        return mapping(found)

    def config(self, path: Path, scope: Scope) -> Mapping[str, object]:
        """A JSON file, with comments and trailing commas as OpenCode allows them; empty where there is none."""
        text = self._text(path, scope, must_exist=False)
        if text is None:
            return {}
        bare_text = _COMMENT.sub(lambda m: m[0] if m[0].startswith('"') else " ", text.removeprefix("\ufeff"))
        bare_text = _TRAILING.sub(lambda m: m[0] if m[0].startswith('"') else "", bare_text)
        try:
            found: object = json.loads(bare_text)
        except (ValueError, RecursionError) as error:
            self.problem(path, f"is no JSON: {clean(_reason(error), 200)}")
            return {}
        if not isinstance(found, dict):
            self.problem(path, "is no JSON object")
        return mapping(found)

    def _text(self, path: Path, scope: Scope, *, must_exist: bool = True) -> str | None:
        try:
            real = path.resolve()
            if scope is Scope.PROJECT and not real.is_relative_to(self._root):
                self.problem(path, "leads out of the project, so it is not read")
                return None
            descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                about = os.fstat(descriptor)
                if not stat.S_ISREG(about.st_mode) or about.st_size > _FILE_BYTES:
                    self.problem(path, f"is no regular file of at most {_FILE_BYTES} bytes")
                    return None
                return os.read(descriptor, _FILE_BYTES + 1).decode("utf-8", "replace")
            finally:
                os.close(descriptor)
        except (OSError, RuntimeError, ValueError) as error:
            if must_exist or not isinstance(error, FileNotFoundError | NotADirectoryError):
                self.problem(path, f"cannot be read: {_reason(error)}")
            return None


class _Loader(yaml.BaseLoader):
    """Texts, lists and mappings only; no tag makes anything else, and nothing refers to anything."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse references: a few lines of them can stand for gigabytes."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("a reference (*name) is not read here")
        return super().compose_node(parent, index)


def _yaml(text: str) -> object:
    found: object = yaml.load(text, _Loader)  # noqa: S506 - a loader that constructs texts, lists and mappings only
    return found


def _quoted(line: str) -> str:
    """`key: any text` with the text in quotes, where it is neither quoted nor a beginning of something else."""
    found = _VALUE.fullmatch(line)
    if found is None or found[2][0] in "\"'[{|>&*!" or ":" not in found[2]:
        return line
    return f"{found[1]}: {json.dumps(found[2])}"


def upward(root: Path) -> list[Path]:
    """The root and the folders above it up to the repository's, outermost first; the root alone outside of any."""
    found: list[Path] = []
    for folder in (root, *root.parents):
        found.append(folder)
        if (folder / ".git").exists():
            return found[::-1]
    return [root]


def mapping(value: object) -> Mapping[str, object]:
    """A mapping as it is, anything else as an empty one."""
    return {str(key): one for key, one in value.items()} if isinstance(value, dict) else {}


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).replace("\n", " ")


def show(path: Path) -> str:
    """A path as safe text."""
    return clean(str(path))
