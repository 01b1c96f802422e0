"""Answers on disk: the same request to the same model is never generated twice."""

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar, cast

from drama.console import warn
from drama.errors import FileError
from drama.files import write_error
from drama.llm.answer import Answer, Ending

T = TypeVar("T")

SECONDS = 1.0
"""How long an answer may wait to be written: what a kill can cost, and is then asked for again."""
_MOST_WAITING = 4096
_BUSY = 60.0
"""Seconds to wait for another process that writes."""
_TABLES = {
    "answers": "CREATE TABLE answers (request text primary key, ending text not null, answer text not null, "
    "mark text not null)",
    "models": "CREATE TABLE models (identity text primary key, described text not null)",
}
_NOT_THE_FILE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}
_NOT_THE_FILE |= {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOLFS}
"""Errors that are not about what the file holds."""


class AnswerCache:
    """A sqlite file of request → answer. A request is a fingerprint of everything that the answer depends on.

    Answers are written together, within a second of `put`, and by `flush`. Each has a checksum. A file in
    which one is damaged, or that sqlite can't read, is set aside, and what is sound in it is kept; both are
    said.

    Raises:
        FileError: the file can't be opened or written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, AnswerCache(Path(folder) / "answers.sqlite") as cache:
    ...     cache.put({"a request": Answer("tea")})
    ...     cache.get("a request"), cache.get("another")
    (Answer(text='tea', ending='end'), None)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits = 0
        """How often answers were written."""
        self._waiting: dict[str, Answer] = {}
        self._since = 0.0
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._opened: sqlite3.Connection | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._guarded(lambda: self._db)

    def __enter__(self) -> "AnswerCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, request: str) -> Answer | None:
        """The answer, or None."""
        with self._lock:
            if request in self._waiting:
                return self._waiting[request]
            row = self._guarded(lambda: self._row(request))
            return None if row is None else Answer(row[1], cast("Ending", row[0]))

    def put(self, answers: Mapping[str, Answer]) -> None:
        """Store answers; they are on disk a second later, at the latest."""
        if not answers:
            return
        with self._lock:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.update(answers)
            if time.monotonic() - self._since >= SECONDS or len(self._waiting) >= _MOST_WAITING:
                self.flush()
            elif self._timer is None:
                self._timer = threading.Timer(SECONDS, self._on_time)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write what waits; it is on disk when this returns."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._waiting:
                self._guarded(self._write)
                self._waiting = {}
                self.commits += 1

    @contextmanager
    def flushed(self) -> Iterator[None]:
        """What is put within the block is on disk when it ends, however it ends."""
        try:
            yield
        finally:
            self.flush()

    def close(self) -> None:
        """Write what waits, and close the file."""
        with self._lock:
            self.flush()
            if self._opened is not None:
                self._opened.close()

    def described(self, identity: str, now: str) -> str:
        """What a model said that it was when it was first asked; `now` is kept where that is not known."""
        with self._lock:
            query = "select described from models where identity = ?"
            row = self._guarded(lambda: self._db.execute(query, (identity,)).fetchone())
            if row is None and now:
                self._guarded(lambda: self._describe(identity, now))
            return now if row is None else str(row[0])

    def _on_time(self) -> None:
        with self._lock:
            self._timer = None
            # Another thread's error would be lost here: the next `put` or `flush` meets it again.
            with suppress(FileError, sqlite3.ProgrammingError):
                self.flush()

    def _row(self, request: str) -> tuple[str, str] | None:
        query = "select ending, answer, mark from answers where request = ?"
        row = self._db.execute(query, (request,)).fetchone()
        if row is None:
            return None
        ending, text, mark = map(str, row)
        if mark != _mark(request, ending, text):
            raise sqlite3.DatabaseError("an answer is not as it was written")
        return ending, text

    def _write(self) -> None:
        rows = [(r, a.ending, a.text, _mark(r, a.ending, a.text)) for r, a in self._waiting.items()]
        with self._db:
            self._db.executemany("insert or replace into answers values (?, ?, ?, ?)", rows)

    def _describe(self, identity: str, now: str) -> None:
        with self._db:
            self._db.execute("insert or ignore into models values (?, ?)", (identity, now))

    @property
    def _db(self) -> sqlite3.Connection:
        if self._opened is None:
            db = _connect(self.path)
            try:
                _prepare(db)
            except BaseException:
                db.close()
                raise
            self._opened = db
        return self._opened

    def _guarded(self, work: Callable[[], T]) -> T:
        """The result of work on the file; where the file is damaged, on what could be saved of it."""
        try:
            return work()
        except sqlite3.ProgrammingError:  # closed: a mistake of ours
            raise
        except (sqlite3.Error, UnicodeDecodeError) as error:
            code = getattr(error, "sqlite_errorcode", None)
            short = code == sqlite3.SQLITE_IOERR_SHORT_READ
            if code is not None and code & 0xFF in _NOT_THE_FILE and not short:
                raise _unusable(self.path, error) from None
            self._replace(str(error))
            try:
                return work()
            except sqlite3.Error as again:  # a full disk, say
                raise _unusable(self.path, again) from None

    def _replace(self, why: str) -> None:
        """Put a new file in the place of a damaged one, with the answers that are sound."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        aside = _free_name(self.path)
        os.replace(self.path, aside)
        with suppress(FileNotFoundError):
            os.replace(f"{self.path}-journal", f"{aside}-journal")
        kept = 0
        with self._db:
            for request, ending, text, mark in _sound_rows(aside):
                self._db.execute(
                    "insert or replace into answers values (?, ?, ?, ?)", (request, ending, text, mark)
                )
                kept += 1
        warn(
            f"{self.path}: damaged, or made by another version ({why}); {kept} sound answers were kept, "
            f"the rest is asked for again. The old file is {aside.name}"
        )


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY, check_same_thread=False)
    # A damaged text must be readable: its checksum says that it is damaged.
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return db


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables where there are none."""
    query = "select name, sql from sqlite_master where sql is not null"
    if not (found := dict(db.execute(query))):
        db.execute("begin immediate")  # another process may be doing the same
        if not (found := dict(db.execute(query))):
            for sql in _TABLES.values():
                db.execute(sql)
            found = _TABLES
        db.commit()
    if found != _TABLES:
        raise sqlite3.DatabaseError("other tables than ours")


def _mark(request: str, ending: str, text: str) -> str:
    whole = "\0".join((request, ending, text))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _sound_rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """The answers that can be read and are as they were written. Where a page can't be read, the next one is
    looked for, in steps that double."""
    db = _connect(path)
    db.execute("pragma writable_schema = on")  # lets sqlite read a file whose end is missing
    at, step = 0, 1
    while step < 1 << 40:
        try:
            query = "select rowid, request, ending, answer, mark from answers where rowid > ? order by rowid"
            for row in db.execute(query, (at,)):
                at, step = row[0], 1
                request, ending, text, mark = map(str, row[1:])
                if mark == _mark(request, ending, text):
                    yield request, ending, text, mark
            break
        except sqlite3.Error:
            at, step = at + step, 2 * step
    with suppress(sqlite3.Error):
        db.close()


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.damaged{'' if n == 1 else n}") for n in range(1, 10**6))
    return next(name for name in names if not name.exists())


def _unusable(path: Path, error: Exception) -> FileError:
    if not path.is_dir() and (found := write_error(error, path)):
        return found
    return FileError(path, f"can't be used ({error})", hint="is it a file, and no other job in it?")
