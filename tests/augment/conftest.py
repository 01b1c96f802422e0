"""Answers that a test puts into the cache in the place of those of random weights."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from drama.llm import Answer, AnswerCache


@pytest.fixture(scope="session")
def rewrite_answers() -> Callable[[Path, Callable[[int], str]], int]:
    """`rewrite_answers(path, text_of)` gives the cached answers, in the order of their requests, other
    texts."""

    def rewrite(path: Path, text_of: Callable[[int], str]) -> int:
        with closing(sqlite3.connect(path)) as db:
            requests = [row[0] for row in db.execute("select request from answers order by request")]
        with AnswerCache(path) as cache:
            cache.put({request: Answer(text_of(number)) for number, request in enumerate(requests)})
        return len(requests)

    return rewrite
