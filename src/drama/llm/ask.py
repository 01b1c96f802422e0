"""Asking with a cache: what was answered before is read, the rest is asked and kept batch by batch."""

from collections.abc import Sequence

from drama.console import progress
from drama.files import fingerprint
from drama.llm.answers import AnswerCache
from drama.llm.chat import ChatModel, Sampling
from drama.llm.prompt import Messages


def cached_answers(
    model: ChatModel,
    prompts: Sequence[Messages],
    sampling: Sampling,
    batch_size: int,
    seed: int,
    cache: AnswerCache,
    title: str,
) -> list[str | None]:
    """The answers to all prompts, in their order; a batch is on disk before the next one is waited for.

    An answer's key holds the model's identity, the sampling, the seed and the prompts it depends on. The same
    request is sent once, however often it stands among the prompts. None: a server refuses this prompt; that
    is not kept, and is asked again by a rerun.

    Raises:
        DramaError: the model can't take a prompt, or can't be reached.
    """
    size = model.together(batch_size)
    starts = range(0, len(prompts), size)
    keys: list[str] = []
    for start in starts:
        batch = list(prompts[start : start + size])
        request = [model.identity, sampling.model_dump(), seed, fingerprint(batch)]
        keys += [AnswerCache.key(*request, i) for i in range(len(batch))]
    known = {key: answer for key in dict.fromkeys(keys) if (answer := cache.get(key)) is not None}
    # Whole batches are asked, so that each is the same as in a run that never stopped.
    missing = {keys[s]: s for s in starts if any(key not in known for key in keys[s : s + size])}
    asked = [p for s in missing.values() for p in prompts[s : s + size]]
    with progress(title, len(prompts)) as bar:
        bar.advance(len(prompts) - len(asked))
        batches = model.generate(asked, sampling, size, seed)
        for start, fresh in zip(missing.values(), batches, strict=True):
            answered = {key: a for key, a in zip(keys[start:], fresh, strict=False) if a is not None}
            cache.put(answered)
            known |= answered
            bar.advance(len(fresh))
    return [known.get(key) for key in keys]
