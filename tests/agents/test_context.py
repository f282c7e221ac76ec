"""Context files: read below the root only, and every refusal has its reason."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parex_tui.agents import context
from parex_tui.agents.context import COUNT_LIMIT, Excerpt, gather, guard, key_of
from parex_tui.tasks.model import ContextRef

from .helpers import refs

OUTSIDE = "the secret outside"


def open_descriptors() -> int:
    """How many descriptors this process has open; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


@pytest.fixture(params=["openat2", "component-wise"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a file, a neighbour that must never be read, and both ways of opening."""
    if request.param == "component-wise":
        monkeypatch.setattr(context, "_kernel_walk", lambda: None)
    elif guard() != "openat2":
        pytest.skip("this kernel has no openat2")
    assert guard() == request.param
    project = tmp_path / "project"
    (project / "docs").mkdir(parents=True)
    (project / "docs/a.md").write_text("one\ntwo\nthree\nfour\nfive\n")
    (tmp_path / "project-evil").mkdir()
    (tmp_path / "project-evil/s.md").write_text(OUTSIDE)
    before = open_descriptors()
    yield project
    assert open_descriptors() <= before, "a descriptor was left open"  # others may be collected meanwhile


def reason(root: Path, path: str) -> str:
    """Why a path is not read."""
    found = gather(root, refs(path))
    assert found.files == ()
    (refusal,) = found.refused
    return refusal.reason


def test_a_file_is_read_whole(root: Path) -> None:
    for path in ("docs/a.md", "./docs/../docs//a.md", " docs/a.md ", str(root / "docs/a.md")):
        (file,) = gather(root, refs(path)).files
        assert (file.path, file.whole) == ("docs/a.md", True)
        assert file.excerpts == (Excerpt(1, 5, "one\ntwo\nthree\nfour\nfive\n"),)
        assert file.size == 24


@pytest.mark.parametrize(
    ("lines", "excerpts"),
    [
        (((2, 3),), (Excerpt(2, 3, "two\nthree\n"),)),
        (((4, 99), (1, 1)), (Excerpt(1, 1, "one\n"), Excerpt(4, 5, "four\nfive\n"))),
        (((1, 2), (2, 3), (4, 4)), (Excerpt(1, 4, "one\ntwo\nthree\nfour\n"),)),
        (((0, 1), (3, 2)), (Excerpt(1, 1, "one\n"),)),
    ],
)
def test_line_ranges_are_honoured(
    root: Path, lines: tuple[tuple[int, int], ...], excerpts: tuple[Excerpt, ...]
) -> None:
    (file,) = gather(root, [ContextRef("docs/a.md", lines, "why")]).files
    assert (file.excerpts, file.whole, file.reason) == (excerpts, False, "why")


def test_lines_that_the_file_has_not_are_refused(root: Path) -> None:
    (refusal,) = gather(root, [ContextRef("docs/a.md", ((10, 50),))]).refused
    assert refusal.reason == "it has 5 lines, and lines 10-50 are asked for"


def test_odd_texts(root: Path) -> None:
    (root / "empty").write_text("")
    (root / "dos").write_bytes(b"\xef\xbb\xbfa\r\nb\x0cc")
    (root / "latin").write_bytes(b"caf\xe9")
    empty, dos, latin = gather(root, refs("empty", "dos", "latin")).files
    assert empty.excerpts == ()
    assert dos.excerpts == (Excerpt(1, 2, "a\nb\x0cc\n"),)
    assert latin.excerpts[0].text == "caf\ufffd\n"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../project-evil/s.md", "leads outside"),
        ("docs/../../project-evil/s.md", "leads outside"),
        ("..", "leads outside"),
        ("/etc/passwd", "absolute path outside the project"),
        ("/Users/someone/project/docs/a.md", "absolute path outside the project"),
        ("C:\\Users\\x\\a.md", "absolute path of another machine"),
        ("C:/Users/x/a.md", "absolute path of another machine"),
        ("\\\\server\\a.md", "absolute path of another machine"),
        ("~/a.md", "home folder"),
        ("https://example.org/a.md", "URL"),
        ("file:///etc/passwd", "URL"),
        ("docs", "a folder"),
        ("docs/", "a folder"),
        (".", "a folder"),
        ("", "no path"),
        ("docs/*.md", "a pattern"),
        ("none.md", "no such file"),
        ("none/a.md", "no such file"),
        ("docs/a.md/x", "no such file"),
        ("docs/a.md\0x", "cannot be seen"),
        ("docs/\u202ea.md", "cannot be seen"),
        ("docs/a\nb.md", "cannot be seen"),
        ("x" * 300, "cannot be opened"),
        (".env", "secrets"),
        (".ENV.local", "secrets"),
        ("certs/server.pem", "secrets"),
        ("id_rsa", "secrets"),
        ("config/credentials.json", "secrets"),
        (".aws/config", "folder that holds secrets"),
        (".git/config", "belongs to git"),
    ],
)
def test_what_is_not_below_the_root_or_not_a_file_is_refused_in_words(root: Path, path: str, words: str) -> None:
    assert words in reason(root, path)


def test_an_absolute_path_to_the_neighbour_with_the_same_beginning(root: Path) -> None:
    assert "outside" in reason(root, f"{root}-evil/s.md")


def test_examples_of_secret_files_are_no_secrets(root: Path) -> None:
    (root / ".env.example").write_text("KEY=\n")
    (root / "id_rsa.pub").write_text("ssh-rsa\n")
    assert len(gather(root, refs(".env.example", "id_rsa.pub")).files) == 2


def test_links_out_of_the_root_are_never_followed(root: Path) -> None:
    targets = {
        "passwd": "/etc/passwd",
        "environ": "/proc/self/environ",
        "magic": "/proc/self/root/etc/passwd",
        "zero": "/dev/zero",
        "evil": "../project-evil/s.md",
        "loop": "loop",
    }
    for name, target in targets.items():
        (root / name).symlink_to(target)
        assert any(words in reason(root, name) for words in ("leads outside", "not followed")), name
    (root / "out").symlink_to("..")
    (root / "rootdir").symlink_to("/")
    for path in ("out/project-evil/s.md", "rootdir/etc/passwd"):
        assert any(words in reason(root, path) for words in ("leads outside", "not followed"))


def test_a_link_with_a_harmless_name_gives_no_secret_away(root: Path) -> None:
    (root / ".env").write_text("KEY=1\n")
    (root / "notes.md").symlink_to(".env")
    assert any(words in reason(root, "notes.md") for words in ("secrets", "not followed"))


def test_a_link_below_the_root_is_followed_where_the_kernel_guards_it(root: Path) -> None:
    (root / "link.md").symlink_to("docs/a.md")
    found = gather(root, refs("link.md"))
    assert len(found.files) == (1 if guard() == "openat2" else 0)
    assert len(found.files) + len(found.refused) == 1


def test_pipes_sockets_and_large_files_are_refused_without_waiting(root: Path) -> None:
    os.mkfifo(root / "fifo")
    assert reason(root, "fifo") == "not a regular file"
    (root / "big").write_bytes(b"x" * 2_000_000)
    assert reason(root, "big") == "1.9 MiB, over the limit of 1.0 MiB a file"
    os.truncate(root / "big", 50 * 10**9)
    assert "over the limit" in reason(root, "big")
    (root / "binary").write_bytes(b"MZ\0\0")
    assert reason(root, "binary") == "not text"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(root: Path) -> None:
    (root / "docs/a.md").chmod(0)
    assert reason(root, "docs/a.md") == "may not be read by this user"


def test_the_total_is_capped_and_the_rest_is_named(root: Path) -> None:
    for number in range(4):
        (root / f"{number}.md").write_text("x" * 399 + "\n")
    found = gather(root, refs("0.md", "1.md", "2.md", "docs/a.md"), total_limit=1024)
    assert [file.path for file in found.files] == ["0.md", "1.md", "docs/a.md"]
    assert [(refusal.path, refusal.reason) for refusal in found.refused] == [
        ("2.md", "the 1 KiB for context files are used up")
    ]


def test_a_file_named_twice_is_read_once_and_too_many_are_counted(root: Path) -> None:
    assert len(gather(root, refs("docs/a.md", "./docs/a.md")).files) == 1
    found = gather(root, refs(*(f"n{number}" for number in range(COUNT_LIMIT + 7))))
    assert found.refused[-1].path == "7 more"
    assert len(found.refused) == COUNT_LIMIT + 1


def test_keys_are_equal_for_the_same_lines_of_the_same_file(root: Path) -> None:
    assert key_of(root, ContextRef("./docs/a.md")) == key_of(root, ContextRef(str(root / "docs/a.md")))
    assert key_of(root, ContextRef("docs/a.md", ((1, 2),))) != key_of(root, ContextRef("docs/a.md"))
    assert key_of(root, ContextRef("../x")) == key_of(root, ContextRef("../x"))


def test_a_folder_swapped_for_a_link_while_it_is_read(root: Path) -> None:
    """A race: whatever is seen of `swap/s.md`, it is never the neighbour's."""
    (root / "inside").mkdir()
    (root / "inside/s.md").write_text("fine\n")
    (root / "link").symlink_to("../project-evil")
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            for name in ("inside", "link"):
                (root / name).rename(root / "swap")
                (root / "swap").rename(root / name)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        found = [gather(root, refs("swap/s.md")) for _ in range(1500)]
    finally:
        ended.set()
        thread.join()
    read = [excerpt.text for one in found for file in one.files for excerpt in file.excerpts]
    assert OUTSIDE not in "".join(read)
    assert set(read) <= {"fine\n"}
