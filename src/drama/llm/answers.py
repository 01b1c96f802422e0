"""Answers by content: the same request to the same model is never generated twice."""

import sqlite3
from pathlib import Path

from drama.files import fingerprint


class AnswerCache:
    """A sqlite file of request → answer; every answer is on disk when `put` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path)
        self._db.execute(
            "create table if not exists answers (request text primary key, answer text not null)"
        )
        self._db.commit()

    @staticmethod
    def key(*parts: object) -> str:
        """The key of a request: everything the answer depends on."""
        return fingerprint(list(parts))

    def get(self, request: str) -> str | None:
        """The answer, or None where it is not known."""
        row = self._db.execute("select answer from answers where request = ?", (request,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, answers: dict[str, str]) -> None:
        """Keep answers, all or none."""
        with self._db:
            self._db.executemany("insert or replace into answers values (?, ?)", answers.items())

    def close(self) -> None:
        """Close the file."""
        self._db.close()
