"""An LLM in the actors of a Ray cluster; its answers are those of an engine in this process."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from drama.compute import Precision
from drama.errors import DramaError
from drama.llm.answer import Answer
from drama.llm.chat import LONGEST_PROMPT, BatchModel, Messages, Sampling, Usage, chunks
from drama.llm.engine import load_engine
from drama.workers import RaySettings, work_through

Batch = list[Messages]


class RayEngine(BatchModel):
    """This process holds the tokenizer; each actor loads the LLM, and refuses one that is another here."""

    def __init__(
        self, name: str, ray: RaySettings, precision: Precision = "auto", longest: int = LONGEST_PROMPT
    ) -> None:
        self.name = name
        self.usage = Usage()
        self._here = load_engine(name, precision, longest, weights=False)
        self._ray, self._longest = ray, longest

    @property
    def identity(self) -> str:
        """The same as in this process, so that the two share cached answers."""
        return self._here.identity

    def fits(self, prompt: Messages, new: int = 0) -> bool:
        """See `ChatModel`."""
        return self._here.fits(prompt, new)

    def together(self, batch_size: int) -> int:
        """See `Engine`."""
        return self._here.together(batch_size)

    def generate(
        self, prompts: Iterable[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[Answer]]:
        """See `Engine`."""
        here = self.name, self._here.precision, self._longest, self.identity
        make = partial(_answerer, *here, sampling, seed)
        for answers, usage in work_through(make, chunks(prompts, batch_size), self._ray):
            self.usage.add(usage)
            yield answers


def _answerer(
    name: str, precision: Precision, longest: int, identity: str, sampling: Sampling, seed: int
) -> Callable[[Batch], tuple[list[Answer], Usage]]:
    engine = load_engine(name, precision, longest)
    if engine.identity != identity:
        raise DramaError(
            f"{name}: an actor of the cluster has another model of this name "
            f"({engine.identity}, not {identity})",
            hint="give every node the same files of the model",
        )

    def answer(batch: Batch) -> tuple[list[Answer], Usage]:
        engine.usage = Usage()
        (answers,) = engine.generate(batch, sampling, len(batch), seed)
        return answers, engine.usage

    return answer
