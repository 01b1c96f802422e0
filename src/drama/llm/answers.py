"""Answers on disk: the same request to the same model is never generated twice."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from drama.console import progress
from drama.files import fingerprint
from drama.llm.chat import ChatModel, Messages, Sampling


class AnswerCache:
    """A sqlite file of request → answer; every answer is on disk when `put` returns.

    A request is a fingerprint of everything that the answer depends on.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path)
        self._db.execute(
            "create table if not exists answers (request text primary key, answer text not null)"
        )
        self._db.commit()

    def get(self, request: str) -> str | None:
        """The answer, or None."""
        row = self._db.execute("select answer from answers where request = ?", (request,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, answers: dict[str, str]) -> None:
        """Store answers, all or none."""
        with self._db:
            self._db.executemany("insert or replace into answers values (?, ?)", answers.items())


def cached_answers(
    model: ChatModel,
    prompts: Sequence[Messages],
    sampling: Sampling,
    batch_size: int,
    seed: int,
    cache: AnswerCache,
    title: str,
) -> list[str | None]:
    """The answers to all prompts, in their order; each batch is on disk before the next one is generated.

    An answer's key holds the model's identity, the sampling, the seed and the prompts it depends on. Equal
    requests are sent once. None: a server refuses this prompt; that is not cached, and a rerun tries again.

    Raises:
        DramaError: the model can't take a prompt, or can't be reached.
    """
    size = model.together(batch_size)
    starts = range(0, len(prompts), size)
    keys: list[str] = []
    for start in starts:
        batch = list(prompts[start : start + size])
        request = [model.identity, sampling.model_dump(), seed, fingerprint(batch)]
        keys += [fingerprint([*request, i]) for i in range(len(batch))]
    known = {key: answer for key in dict.fromkeys(keys) if (answer := cache.get(key)) is not None}
    # Whole batches are generated, so that each is the same as in a run that never stopped.
    missing = {keys[s]: s for s in starts if any(key not in known for key in keys[s : s + size])}
    wanted = [p for s in missing.values() for p in prompts[s : s + size]]
    with progress(title, len(prompts)) as bar:
        bar.advance(len(prompts) - len(wanted))
        batches = model.generate(wanted, sampling, size, seed)
        for start, fresh in zip(missing.values(), batches, strict=True):
            answered = {key: a for key, a in zip(keys[start:], fresh, strict=False) if a is not None}
            cache.put(answered)
            known |= answered
            bar.advance(len(fresh))
    return [known.get(key) for key in keys]
