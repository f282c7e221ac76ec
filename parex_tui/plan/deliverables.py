"""Reading one deliverable: the paths it names, and whether it names everything.

Planners write deliverables as paths, as paths with a note, as paths of another machine, and as sentences. What is a
path is read as one; what is a sentence stays uncertain, even where it mentions a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

TEXT_LIMIT: Final = 1_000
"""Characters of a deliverable that are read; a longer one is never taken for a path."""

BRACE_LIMIT: Final = 64
"""Paths that one `{a,b}` shorthand may stand for; a wider one is read as `*`."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KNOWN_NAMES: Final = _words(
    "brewfile caddyfile containerfile dockerfile gemfile gnumakefile jenkinsfile justfile makefile pipfile podfile"
    " procfile rakefile tiltfile vagrantfile"
)
_UPPER_NAMES: Final = _words(
    "AUTHORS BUILD CHANGELOG CODEOWNERS CONTRIBUTING COPYING LICENCE LICENSE NOTICE README SECURITY VERSION WORKSPACE"
)
"""Files that are known by a name without an extension; in the second row a lower-case spelling is a plain word."""

_PRODUCTS: Final = _words(
    "alpine.js asp.net chart.js d3.js discord.js express.js ember.js moment.js nest.js next.js node.js nuxt.js p5.js"
    " react.js socket.io solid.js three.js vue.js"
)
"""Names of products that look like files."""

_CODE_SUFFIXES: Final = _words(
    "adoc astro bash bat c cabal cc cfg cjs clj cmake conf cpp cs csproj css csv cts cxx dart db dockerfile ejs env erl"
    " ex exs fish fs g4 go gql gradle graphql groovy h hbs hcl hpp hs htm html http ini ipynb java jl js json json5"
    " jsonc jsonl jsx kt kts less lock log lua m md mdx mjs ml mm mts nim nix php pl plist png po prisma proto ps1 py"
    " pyi pyx r rb rs rst sass scala scss service sh sln sql sqlite styl svelte svg swift tcss tex tf tmpl toml ts tsv"
    " tsx txt vue wasm xml xsd yaml yml zig zsh"
)
"""Extensions that make a bare word of a sentence a file name."""

_LABELS: Final = (
    r"(?:(?:add|added|create|created|delete|deleted|edit|edited|extend|extended|implement|implemented|modif(?:y|ied)"
    r"|move|moved|new|refactor|refactored|remove|removed|rename|renamed|replace|replaced|rewrite|rewritten|update|updated"
    r"|write|written)(?:\s+(?:file|files|folder|directory))?)"
)
_LABEL: Final = re.compile(rf"{_LABELS}(?:\s*:\s*|\s+)|(?:[A-Za-z]+\s){{0,2}}[A-Za-z]+:\s+", re.IGNORECASE)
_BULLET: Final = re.compile(r"(?:[-*•]\s+|\d{1,3}[.)]\s+)?(?:\[[ xX]\]\s+)?")
_NOTE_AT_END: Final = re.compile(r"\s*\([^()]*(?:\([^()]*\)[^()]*)*\)$")
_NOTE_AFTER: Final = re.compile(r"\s+(?:-{1,2}|–|—)\s+|:\s+|;\s+")
_LINES: Final = re.compile(r"(?::\d+(?:[-:,]\d+)*|#L\d+(?:-L?\d+)?)$")
_LIST: Final = re.compile(r"\s*[,;]\s*(?:and\s+)?|\s+(?:and|&|\+|/|→|->|=>)\s+")
_SUFFIX: Final = re.compile(r"\.(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{1,16}$")
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_QUOTES: Final = {"`": "`", '"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "<": ">"}
_JOINING: Final = _words("a an and as for from if in into is of on or per so than that the to via when with")
_NOTHING: Final = frozenset({"n/a", "na", "none", "tbd", "-", "–", "—", "…", "..."})
_PLACEHOLDER: Final = re.compile(r"(?:~|\$\{?\w+\}?|%\w+%|<[^<>/]+>|\{\{?[^{}/]+\}?\})(?=/)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one deliverable names. `certain`: these paths are all that it stands for."""

    paths: tuple[str, ...]
    certain: bool


def read_deliverable(text: str, root: Path) -> Reading:
    """The paths that a deliverable names, normalised as `WriteSet.paths` are. Does not look at the disk.

    A path outside `root` stays absolute. A file named without its folder, in a sentence or behind a label, may lie
    anywhere: it becomes `**/name`.
    """
    bare = _unwrap(_BULLET.sub("", text[:TEXT_LIMIT].strip(), count=1))
    if bare.casefold() in _NOTHING:
        return Reading((), certain=False)
    whole = _as_paths(bare) if len(text) <= TEXT_LIMIT else None
    if whole is None and len(text) <= TEXT_LIMIT:
        label = _LABEL.match(bare)
        whole = _as_paths(bare[label.end() :]) if label else None
        if whole is not None:
            whole = [path if "/" in path or "\\" in path else f"**/{path}" for path in whole]
    if whole is not None:
        paths = [normalise(path, root) for one in whole for path in _braces(one)]
        if all(paths):
            # A second file in the note is taken for written as well: too much keeps tasks apart, too little does not.
            noted = [path for path in _mentions(bare) if "/" in path and not path.startswith("**/")]
            more = [normalise(path, root) for one in noted for path in _braces(one)]
            paths += [path for path in more if not any(path in one for one in paths)]
            return Reading(_unique(paths), certain=not any(_is_placeholder(path) for path in whole))
    mentioned = [normalise(path, root) for one in _mentions(bare) for path in _braces(one)]
    return Reading(_unique(mentioned), certain=False)


def normalise(path: str, root: Path) -> str:
    """A path as it stands in a write set: below `root` relative to it, elsewhere absolute; "" where it names nothing.

    Forward slashes; `.` and `..` resolved as text; a folder keeps its final `/`; the root itself is `**`.
    """
    path = _unescape(path)
    path = path.removeprefix("file://").replace("\\", "/")
    stands_for_elsewhere = _PLACEHOLDER.match(path)
    if stands_for_elsewhere:
        path = "**" + path[stands_for_elsewhere.end() :]
    base = _parts(str(root if root.is_absolute() else root.absolute()))
    drive = path[:2] if _DRIVE.match(path) else ""
    is_share = path.startswith("//")
    is_absolute = bool(drive) or path.startswith("/")
    is_folder = path.endswith(("/", "/.", "/..")) or path in (".", "..")
    parts = [] if is_absolute else list(base)
    for part in _parts(path[len(drive) :]):
        if part == "..":
            if parts:
                parts.pop()
        else:
            parts.append(part)
    if not drive and parts[: len(base)] == base:
        inside = parts[len(base) :]
        if not inside:
            return "**"
        return "/".join(inside) + ("/" if is_folder else "")
    if not parts:
        return ""
    return (drive or ("/" if is_share else "")) + "/" + "/".join(parts) + ("/" if is_folder else "")


def is_folder_like(path: str) -> bool:
    """Whether a path in a write set may be a folder: by its final `/`, or because its name has no extension."""
    name = path.rsplit("/", 1)[-1]
    return not name or ("." not in name and name.casefold() not in _KNOWN_NAMES and name not in _UPPER_NAMES)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _unescape(path: str) -> str:
    r"""Markdown's `\[id\]` is `[id]`; a Windows path such as `app\[id]\page.tsx` is not touched."""
    return re.sub(r"\\\[([^\[\]\\]*)\\\]", r"[\1]", path)


def _unwrap(text: str) -> str:
    """Without the quotes, emphasis and final punctuation around the whole of it."""
    while True:
        before = text
        text = text.strip()
        if (len(text) > 1 and text[-1] in ",;:!?") or re.search(r"[^./\\]\.$", text):
            text = text[:-1]
        for mark in ("**", "__"):
            if len(text) > 4 and text.startswith(mark) and text.endswith(mark) and text[2:3] not in "/\\":
                text = text[2:-2]
        if re.fullmatch(r"\([^()\s]+\.\w+\)", text):
            text = text[1:-1]
        close = _QUOTES.get(text[:1])
        if close and len(text) > 2 and text.endswith(close) and close not in text[1:-1]:
            text = text[1:-1]
        if text == before:
            return text


def _as_paths(text: str) -> list[str] | None:
    """The whole text read as one path, or a list of paths, with or without a note; None where it is a sentence."""
    one = _as_path(text)
    if one is not None:
        return [one]
    pieces = [piece for piece in _LIST.split(_without_note(text)) if piece]
    if len(pieces) < 2:
        return None
    paths = [_as_path(piece) for piece in pieces]
    if None in paths:
        return None
    found = [path for path in paths if path is not None]
    in_folders = any("/" in path for path in found)
    return [path if "/" in path or not in_folders else f"**/{path}" for path in found]


def _as_path(text: str) -> str | None:
    """One path, with or without a note around it, or None."""
    # The longest head goes first: a path may have a bracket or ` - ` in its own name.
    for head in _heads(_unwrap(text)):
        if _is_path(head):
            return _LINES.sub("", head)
    return None


def _heads(text: str) -> Iterator[str]:
    """What a deliverable is without its lines, its kind, or its note."""
    bare = text
    while True:
        yield bare
        yield _LINES.sub("", bare)
        kind = re.fullmatch(r"(\S+)\s+(?:directory|dir|folder)", bare, re.IGNORECASE)
        if kind:
            yield kind[1].rstrip("/\\") + "/"
        shorter = _unwrap(_without_note(bare))
        if shorter == bare:
            break
        bare = shorter
    for note in _NOTE_AFTER.finditer(text):
        head = _unwrap(text[: note.start()])
        yield head
        yield _LINES.sub("", head)


def _without_note(text: str) -> str:
    """Without a final `(note)`. `app/(auth)` has none: there the brackets are part of the path."""
    note = _NOTE_AT_END.search(text)
    if note is None or note.start() == 0:
        return text
    head = text[: note.start()]
    if note[0][0] == "(" and (head.endswith(("/", "\\")) or not _SUFFIX.search(head)):
        return text
    return head


def _is_path(text: str) -> bool:
    if not text or "://" in text.removeprefix("file://") or "\n" in text or any(mark in text for mark in '`"“”«»'):
        return False
    words = text.split()
    if len(words) > 1:
        return _is_path_with_spaces(words)
    if _is_placeholder(text) or _DRIVE.match(text) or text.startswith(("/", "\\", "./", ".\\")):
        return len(text) > 1
    if "/" in text or "\\" in text:
        return not text.endswith(("(", ",")) and _without_note(text) == text
    if text in (".", "..") or "*" in text:
        return text != ".."
    name = text.casefold()
    if name in _KNOWN_NAMES or text in _UPPER_NAMES:
        return True
    if name in _PRODUCTS or "@" in text or "(" in text or ":" in text or ("," in text and "{" not in text):
        return False
    return bool(_SUFFIX.search(text))


def _is_path_with_spaces(words: list[str]) -> bool:
    """`docs/Getting started/intro.md`: begins in a folder, ends in an extension, and nothing reads as a sentence."""
    first, last = words[0], words[-1]
    if len(words) > 8 or not _SUFFIX.search(last) or not ("/" in first or "\\" in first):
        return False
    if first.endswith(("/", "\\")) or any(_SUFFIX.search(word) or "*" in word for word in words[:-1]):
        return False
    return not any(word.casefold().strip(",;:()") in _JOINING or word[-1] in ",;:()" for word in words[:-1])


def _is_placeholder(text: str) -> bool:
    """Whether it begins in a place that only another machine knows: `~/x`, `$HOME/x`, `<root>/x`."""
    return bool(_PLACEHOLDER.match(text.replace("\\", "/")))


def _mentions(text: str) -> Iterator[str]:
    """File names inside a sentence. A slash alone makes no path there (`import/API`, `400/413`)."""
    for word in text.split():
        bare = _LINES.sub("", _unwrap(word.strip("()[],;:!?'‘’")))
        bare = bare if word.startswith("[") or bare.count("[") == bare.count("]") else word.strip("(),;:!?'‘’")
        if "://" in bare or bare.casefold() in _PRODUCTS or "@" in bare:
            continue
        suffix = _SUFFIX.search(bare)
        if suffix is None and not bare.startswith("**/"):
            is_folder = len(bare) > 1 and bare.endswith("/") and re.match(r"[\w.@-]", bare)
            if is_folder or ("/" in bare and "*" in bare) or re.fullmatch(r"\./[\w./@-]+", bare):
                yield bare
            continue
        if "/" in bare or "\\" in bare:
            yield bare
        elif suffix and (suffix[0][1:].casefold() in _CODE_SUFFIXES or bare.startswith(".")):
            yield f"**/{bare}"


def _braces(path: str) -> Iterator[str]:
    """`src/{a,b}.ts` stands for two paths."""
    pieces = re.split(r"\{([^{},]*(?:,[^{},]*)+)\}", path)
    if len(pieces) == 1:
        yield path
        return
    choices = [piece.split(",") if place % 2 else [piece] for place, piece in enumerate(pieces)]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > BRACE_LIMIT:
        yield "".join("*" if place % 2 else piece for place, piece in enumerate(pieces))
        return
    for combination in product(*choices):
        yield "".join(part.strip() for part in combination)


def _unique(paths: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for path in paths if path))
