"""Files and folders that take another's place: whole at every moment, and nothing half-written stays."""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drama.files import PARTIAL, atomic_file, atomic_folder, remove_leftovers
from drama.files.process import Process

GONE = Process.this()._replace(pid=2**22 + 1).mark
"""Above the largest number of a process."""


class Killed(BaseException):
    """As by kill -9."""


def write(folder: Path, content: str) -> None:
    with atomic_folder(folder) as partial:
        (partial / "one").write_text(content)
        (partial / "two").write_text(content)


def killed(number: int, monkeypatch: pytest.MonkeyPatch, folder: Path) -> bool:
    """Replace a folder; killed before the n-th rename or removal. Whether it came that far."""
    counter = itertools.count(1)
    dead: list[bool] = []

    def dying(real: Callable[..., None]) -> Callable[..., None]:
        def call(*args: object, **options: object) -> None:
            if dead or next(counter) == number:
                dead.append(True)
                raise Killed
            real(*args, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dying(os.replace))
        patch.setattr(shutil, "rmtree", dying(shutil.rmtree))
        with contextlib.suppress(Killed):
            write(folder, "new")
    return bool(dead)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_is_replaced_whole_wherever_a_kill_comes(
    exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr("drama.files.atomic._exchange", lambda one, other: False)
    for number in itertools.count(1):
        folder = tmp_path / str(number) / "model"
        write(folder, "old")
        dead = killed(number, monkeypatch, folder)
        if exchange:  # there is no moment without a folder
            assert {p.read_text() for p in folder.iterdir()} in ({"old"}, {"new"}), number
        remove_leftovers(folder.parent, anybodys=True)
        assert [p.name for p in folder.parent.iterdir()] == ["model"], number
        assert {p.read_text() for p in folder.iterdir()} in ({"old"}, {"new"}), number
        if not dead:
            break
    assert number == (2 if exchange else 4)


def test_a_folder_that_was_put_aside_is_back_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "model", "old")
    move = os.replace

    def failing(source: Path, target: Path) -> None:
        if source.name.endswith(PARTIAL) and "aside" not in source.name:
            raise OSError("a stale file handle")
        move(source, target)

    monkeypatch.setattr("drama.files.atomic._exchange", lambda one, other: False)
    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="stale"):
        write(tmp_path / "model", "new")
    assert {p.read_text() for p in (tmp_path / "model").iterdir()} == {"old"}
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "block.npy"
    with atomic_file(path) as one, atomic_file(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # the last one that ended
    assert [p.name for p in tmp_path.iterdir()] == ["block.npy"]


def test_two_processes_may_remove_the_same_leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is faster each time."""
    unlink, rmtree, move = Path.unlink, shutil.rmtree, os.replace
    monkeypatch.setattr(Path, "unlink", lambda path: (unlink(path), unlink(path)))
    monkeypatch.setattr(shutil, "rmtree", lambda path: (rmtree(path), rmtree(path)))
    monkeypatch.setattr(os, "replace", lambda path, to: (move(path, to), move(path, to)))
    (tmp_path / f"file.{GONE}-1{PARTIAL}").touch()
    for name in (f"model.{GONE}-2.aside{PARTIAL}", f"folder.{GONE}-3{PARTIAL}"):
        (tmp_path / name).mkdir()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_leftovers_of_dead_processes_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead, aside = f"a.{GONE}-3{PARTIAL}", f"model.{GONE}-4.aside{PARTIAL}"
    living, elsewhere = f"a.{Process.this().mark}-3{PARTIAL}", f"a.ffffff-1-1-3{PARTIAL}"
    for name in (dead, living, elsewhere, "mine.partial"):
        (tmp_path / name).write_text("half")
    (tmp_path / aside).mkdir()
    remove_leftovers(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {living, elsewhere, "mine.partial", "model"}


def test_a_real_process_that_ended_is_gone_and_one_that_runs_is_not(tmp_path: Path) -> None:
    code = (
        "import sys; from drama.files.process import Process; print(Process.this().mark, flush=True); input()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdin is not None
    assert running.stdout is not None
    name = f"a.{running.stdout.readline().strip()}-1{PARTIAL}"
    (tmp_path / name).write_text("half")
    remove_leftovers(tmp_path)
    assert (tmp_path / name).exists()
    running.communicate("\n")
    remove_leftovers(tmp_path)
    assert not (tmp_path / name).exists()
