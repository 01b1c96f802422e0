"""One writer a folder, and failed writes in plain words, whichever library met them."""

import errno
import json
import os
import re
import resource
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from drama.errors import FileError
from drama.files import LOCK, explaining, write_error, writing
from drama.files.process import Process


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from drama.files import writing\n"
        "with writing(Path(sys.argv[1])): print('in', flush=True); input()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "in\n"
    host = re.escape(os.uname().nodename)
    expected = rf"{tmp_path}: is being written by process {first.pid} on host {host}, since \d{{4}}-"
    with pytest.raises(FileError, match=expected), writing(tmp_path):
        pass
    first.kill()
    first.communicate()
    assert (tmp_path / LOCK).exists()  # it could not be removed any more, and holds nothing
    with writing(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_another_thread_is_refused_and_the_same_may_enter_again(tmp_path: Path) -> None:
    refused: list[str] = []

    def second() -> None:
        try:
            with writing(tmp_path):
                pass
        except FileError as error:
            refused.append(str(error))

    with writing(tmp_path):
        with writing(tmp_path):
            pass
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert f"process {os.getpid()}" in refused[0]


@pytest.mark.parametrize(
    ("holder", "taken"),
    [
        (Process.this()._replace(pid=2**22 + 1), True),
        (Process.this()._replace(started=1), True),
        (Process.this(), False),
        (Process("elsewhere", 1, 1), False),
    ],
)
def test_without_the_systems_locks_the_file_decides(
    holder: Process, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", _no_locks)
    (tmp_path / LOCK).write_text(json.dumps({**holder._asdict(), "since": "2026-01-01"}))
    if taken:
        with writing(tmp_path):
            pass
        return
    with pytest.raises(FileError, match=f"on host {holder.host}, since 2026") as refused, writing(tmp_path):
        pass
    assert f"remove {tmp_path / LOCK}" in refused.value.hint


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b'{"host": 1}', b"9" * 5000])
def test_a_lock_file_that_says_nothing_holds_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / LOCK).write_bytes(content)
    with writing(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_what_a_killed_process_left_half_written_goes_with_its_lock(tmp_path: Path) -> None:
    gone = Process.this()._replace(pid=2**22 + 1).mark
    for mark in (gone, Process.this().mark):
        (tmp_path / f"report.html.{mark}-0.partial").write_text("half")
    with writing(tmp_path):
        left = [path.name for path in tmp_path.glob("*.partial")]
    assert left == [f"report.html.{Process.this().mark}-0.partial"]


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff"])
def test_without_the_systems_locks_too(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", _no_locks)
    (tmp_path / LOCK).write_bytes(content)
    with writing(tmp_path):
        pass


def _no_locks(handle: object, how: int) -> None:
    raise OSError(errno.ENOTSUP, "no locks here")


def _numpy(path: Path) -> None:
    with path.open("wb") as handle:
        np.save(handle, np.zeros(100_000))


def _parquet(path: Path) -> None:
    pq.write_table(pa.table({"n": np.random.default_rng(1).random(100_000)}), path)


def _sqlite(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("create table t (v)")
        db.execute("insert into t values (?)", (bytes(1_000_000),))


WRITERS: dict[str, Callable[[Path], object]] = {
    "Python": lambda path: path.write_bytes(bytes(1_000_000)),
    "NumPy": _numpy,
    "Arrow": _parquet,
    "safetensors": lambda path: save_file({"t": torch.zeros(250_000)}, path),
    "sqlite": _sqlite,
}


@contextmanager
def file_size(most: int) -> Iterator[None]:
    """Let the system refuse larger files, which libraries report as they report a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("library", WRITERS)
def test_a_disk_without_space_is_named_whichever_library_writes(library: str, tmp_path: Path) -> None:
    with file_size(100_000), pytest.raises(FileError) as stopped, explaining(tmp_path / "out"):
        WRITERS[library](tmp_path / "out")
    assert str(tmp_path / "out") in stopped.value.message
    assert "what was saved before is kept" in stopped.value.message
    assert "free some" in stopped.value.hint


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own may be entered by their owner only
    try:
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            if os.getuid() == 0:
                os.setuid(65534)
            said = ""
            try:
                with writing(folder):
                    pass
            except FileError as error:
                said = str(error)
            os._exit(0 if said.startswith(f"{folder}: no permission to write\n  → make it writable") else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        folder.rmdir()


def test_an_unreadable_input_is_not_taken_for_the_folder() -> None:
    error = PermissionError(errno.EACCES, "Permission denied", "/data/passages.parquet")
    explained = write_error(error, Path("/work/out"))
    assert explained is not None
    assert explained.message == "/data/passages.parquet: no permission to read or write"
    own = write_error(PermissionError(errno.EACCES, "…", "/work/out/a"), Path("/work/out"))
    assert own is not None
    assert own.message == "/work/out: no permission to write"
    assert write_error(FileNotFoundError(errno.ENOENT, "…", "/work/out/a"), Path("/work/out")) is None
    assert write_error(ssl.SSLError(1, "certificate verify failed")) is None
    assert write_error(ValueError("something else")) is None


def test_a_full_disk_is_seen_through_the_errors_that_libraries_make_of_it() -> None:
    wrapped = RuntimeError("can't save")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    rust = Exception("No space left on device (os error 28)")  # as tokenizers raises it
    for error in (wrapped, rust):
        explained = write_error(error, Path("model"))
        assert explained is not None
        assert explained.message == "model: no space left on the device; what was saved before is kept"
