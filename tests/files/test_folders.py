"""Folders: what is in them is found once, whatever is linked to where."""

import os
from collections import Counter
from pathlib import Path

from drama.files import fingerprint_path
from drama.files.folders import walk


def names(folder: Path, hidden: bool = True) -> tuple[list[str], dict[str, int]]:
    counts: Counter[str] = Counter()

    def count(path: Path, outcome: str) -> None:
        counts[outcome] += 1

    return [str(p.relative_to(folder)) for p in walk(folder, hidden, count)], dict(counts)


ANYWAY = "link to a folder that is read anyway"


def test_links_are_followed_once(tmp_path: Path) -> None:
    root, other = tmp_path / "in", tmp_path / "other"
    for file in (root / "b/x.txt", root / "b.txt", root / ".git/y", root / ".v1/w", other / "sub/z.txt"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    plain, _ = names(root)
    assert plain == [str(p.relative_to(root)) for p in sorted(root.rglob("*")) if p.is_file()]
    before = fingerprint_path(root)

    (root / "a").symlink_to("b")  # is read under its own name
    (root / "c").symlink_to(other)
    (root / "d").symlink_to(other / "sub")  # was read in c
    (root / "e").symlink_to("..")  # holds the root
    (other / "f").symlink_to(root)
    (other / "sub/g").symlink_to("g")  # leads to itself
    (root / "h").symlink_to("nowhere")
    (root / "now").symlink_to(".v1")  # hidden, so not read under its own name
    (root / "file").symlink_to(root / "b.txt")
    os.mkfifo(root / "pipe")
    found, counts = names(root, hidden=False)
    assert found == ["b/x.txt", "b.txt", "c/sub/z.txt", "file", "now/w"]
    assert counts == {ANYWAY: 4, "broken link": 2, "neither a file nor a folder": 1, "hidden": 2}
    assert len(names(root)[0]) == 6  # .v1/w instead of now/w, and .git/y
    assert fingerprint_path(root) != before
    changed = fingerprint_path(root)
    (other / "sub/z.txt").write_text("another text")
    assert fingerprint_path(root) != changed
    changed = fingerprint_path(root)
    (root / ".git/y").write_text("a commit")
    assert fingerprint_path(root) == changed


def test_names_that_are_not_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    (tmp_path / os.fsdecode(b"caf\xe9/\xff.txt")).write_text("a")
    assert [os.fsencode(name) for name in names(tmp_path)[0]] == [b"caf\xe9/\xff.txt"]
    assert len(fingerprint_path(tmp_path)) == 16
