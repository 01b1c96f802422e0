"""Which queries are reranked, and by what."""

import random
from collections.abc import Sequence
from pathlib import Path

from drama.augment.candidate import Candidate
from drama.augment.rerank.first_identifier import FirstIdentifier
from drama.augment.rerank.likelihood import Likelihood
from drama.augment.rerank.listwise import Listwise
from drama.augment.rerank.prompt import FOLDER, load_list_prompt
from drama.augment.rerank.reranked import Reranker
from drama.augment.settings import RerankSettings
from drama.llm import AnswerCache, ChatModel, ServerSettings, load_engine, load_prompt, open_chat
from drama.workers import RaySettings

LONGEST = 8192
"""Tokens of a window's prompt, at most; the LLM's own context bounds it too."""


def choose(candidates: Sequence[Candidate], settings: RerankSettings, seed: int) -> list[int]:
    """Positions of the candidates to rerank: of the asked kinds, by a seeded choice, in rising order."""
    if settings.method == "none":
        return []
    rows = [row for row, candidate in enumerate(candidates) if candidate.kind in settings.kinds]
    if settings.queries is None or settings.queries >= len(rows):
        return rows
    return sorted(random.Random(f"{seed}\0rerank").sample(rows, settings.queries))


def load_reranker(
    settings: RerankSettings, server: ServerSettings, store: Path, ray: RaySettings | None = None
) -> tuple[Reranker, ChatModel]:
    """The reranker that the settings name, and its LLM. Scores and answers lie in `store/answers.sqlite`.

    Raises:
        DramaError: no such LLM or prompt, or an LLM that the method can't use.
    """
    cache = AnswerCache(store / "answers.sqlite")
    size = settings.batch_size
    prompt = settings.prompt or settings.method
    windows = (settings.window, settings.step)
    if settings.method == "listwise":
        llm = open_chat(settings.llm, server, settings.precision, LONGEST, ray)
        return Listwise(llm, load_list_prompt(prompt), cache, size, *windows), llm
    engine = load_engine(settings.llm, settings.precision, LONGEST)
    if settings.method == "likelihood":
        return Likelihood(engine, load_prompt(prompt, FOLDER), cache, size), engine
    return FirstIdentifier(engine, load_list_prompt(prompt), cache, size, *windows), engine
