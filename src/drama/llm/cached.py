"""Answers from the cache, and from the LLM where there is none yet."""

from collections import deque
from collections.abc import Iterable, Iterator

from drama.console import note, progress
from drama.errors import DramaError
from drama.files import fingerprint
from drama.llm.answer import Answer
from drama.llm.cache import AnswerCache
from drama.llm.chat import ChatModel, Messages, Sampling, chunks

Batch = tuple[list[str], list[Messages]]
"""Prompts whose answers depend on each other, with the answers' keys."""
WINDOW = 1 << 14
"""Prompts in memory at once."""
_TOO_LONG = Answer("", "too long")
_MOST_REFUSED = 8
"""If a server refuses more prompts than this, and more than it answers, something else is wrong."""


def cached_answers(
    model: ChatModel,
    prompts: Iterable[Messages],
    sampling: Sampling,
    batch_size: int,
    seed: int,
    cache: AnswerCache,
    title: str,
    total: int | None = None,
) -> Iterator[Answer]:
    """Yield the answers to all prompts, in their order. What is generated is in the cache a second later, at
    the latest.

    An answer's key holds the model's identity, the sampling, the seed and the prompts it depends on. Equal
    requests are sent once. A prompt that a server refuses is not sent again: that is its outcome, as `too
    long` is of one that the model does not take.

    Args:
        model: the LLM.
        prompts: read as they are needed; a bounded number is in memory.
        sampling: how answers are drawn.
        batch_size: prompts at once.
        seed: of the draws.
        cache: gets each answer.
        title: of the progress bar.
        total: number of prompts, for the progress bar.

    Raises:
        DramaError: the model can't be reached; a server refuses more prompts than it
            answers; or another model answered before under this name.
    """
    asked = _Asked(model, sampling, seed, cache)
    size = model.together(batch_size)
    fit: deque[bool] = deque()
    """Whether the prompts that have been read, and not answered yet, fit."""

    def fitting() -> Iterator[Messages]:
        for prompt in prompts:
            fit.append(model.fits(prompt, sampling.max_new_tokens))
            if fit[-1]:
                yield prompt

    with progress(title, total) as bar:
        for window in chunks(fitting(), max(size, WINDOW // size * size)):
            known: dict[str, Answer] = {}
            keys: list[str] = []
            missing: dict[str, Batch] = {}
            for batch in chunks(window, size):
                new = asked.keys(batch)
                keys += new
                found = {key: answer for key in new if (answer := cache.get(key)) is not None}
                known |= found
                # A whole batch is generated, so that it is the same as in a run that never stopped.
                if len(found) < len({*new}):
                    missing[new[0]] = (new, batch)
            asked.answered += sum(answer.ending != "refused" for answer in known.values())
            bar.advance(len(keys) - sum(len(new) for new, _ in missing.values()))
            for key, answer in asked.fresh([*missing.values()], size):
                known[key] = answer
                bar.advance()
            for key in keys:
                while not fit.popleft():
                    bar.advance()
                    yield _TOO_LONG
                yield known[key]
        yield from (_TOO_LONG for _ in fit)


class _Asked:
    """Requests of one call, and how many of them were answered and refused."""

    def __init__(self, model: ChatModel, sampling: Sampling, seed: int, cache: AnswerCache) -> None:
        self.answered = 0
        self._refused: dict[str, Answer] = {}
        self._all_refused = 0
        self._model, self._sampling, self._seed, self._cache = model, sampling, seed, cache
        self._known_model = False

    def keys(self, batch: list[Messages]) -> list[str]:
        """The key of each answer to a batch."""
        request = [self._model.identity, self._sampling.model_dump(), self._seed, fingerprint(batch)]
        return [fingerprint([*request, number]) for number in range(len(batch))]

    def fresh(self, missing: list[Batch], size: int) -> Iterator[tuple[str, Answer]]:
        """Yield answers as they come, each with its key."""
        if not missing:
            return
        keys = [key for new, _ in missing for key in new]
        wanted = (prompt for _, batch in missing for prompt in batch)
        with self._cache.flushed():
            for some in self._model.as_they_come(wanted, self._sampling, size, self._seed):
                self._check_model()
                self._keep({keys[number]: answer for number, answer in some})
                yield from ((keys[number], answer) for number, answer in some)

    def _keep(self, answers: dict[str, Answer]) -> None:
        """Refusals are kept as outcomes, but only of a server that answers at least as often: where all are
        refused, it is the request that is wrong, and not the prompts."""
        refused = {key: answer for key, answer in answers.items() if answer.ending == "refused"}
        self._cache.put({key: answer for key, answer in answers.items() if key not in refused})
        self.answered += len(answers) - len(refused)
        if refused and not self._all_refused:
            why = next(iter(refused.values())).text
            note(f"{self._model.name}: refuses a prompt, which is left out and counted ({why})")
        self._all_refused += len(refused)
        self._refused |= refused
        if self._all_refused <= self.answered:
            self._cache.put(self._refused)
            self._refused = {}
        elif self._all_refused > max(_MOST_REFUSED, self.answered):
            why = next(reversed(self._refused.values())).text
            counts = f"refused {self._all_refused} prompts and answered {self.answered}"
            raise DramaError(
                f"{self._model.name}: {counts} ({why})",
                hint="does it know this model, and these settings? Answers so far are kept",
            )

    def _check_model(self) -> None:
        """The first answer of a call: is the model the one whose answers are in the cache?"""
        if self._known_model:
            return
        self._known_model = True
        now = self._model.described()
        before = self._cache.described(self._model.identity, now)
        if now and before != now:
            raise DramaError(
                f"{self._model.name}: the server says that this model is {now}, but the answers in "
                f"{self._cache.path} under this name are from {before}",
                hint="tell them apart: set `revision` beside `llm`, or take another store",
            )
