"""vLLM in this process, without a server: `vllm:NAME`, where NAME is what `load_engine` takes."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from typing import Any

from drama.compute import Precision
from drama.errors import DramaError, MissingExtraError
from drama.llm.address import VLLM, model_of
from drama.llm.answer import Answer
from drama.llm.chat import LONGEST_PROMPT, BatchModel, Messages, Sampling, Usage, chunks, request_seed
from drama.llm.engine import load_engine

_AT_ONCE = 512
"""Prompts of one call: those in flight, which are lost when the process is killed."""
_LONGEST_ANSWER = 1024
_TYPES = {"auto": "auto", "fp32": "float32", "bf16": "bfloat16"}


class VLLMEngine(BatchModel):
    """An answer depends only on its own prompt and the seed. vLLM loads the weights at the first request: a
    rerun from the cache loads none.

    Args:
        name: `vllm:` and the model's name.
        precision: of the weights; with `auto`, vLLM takes it from the model's config.
        longest: tokens of a prompt at most.

    Raises:
        DramaError: no such model.
    """

    def __init__(self, name: str, precision: Precision = "auto", longest: int = LONGEST_PROMPT) -> None:
        self.name = name
        self.usage = Usage()
        self._precision = precision
        self._here = load_engine(model_of(name), "fp32", longest, weights=False)

    @property
    def identity(self) -> str:
        """The fingerprint of the model's files, and vLLM: it rounds, and draws, in its own way."""
        return f"{VLLM}{self._here.weights}-{self._precision}"

    def fits(self, prompt: Messages, new: int = 0) -> bool:
        """See `ChatModel`."""
        return self._here.fits(prompt, new)

    def generate(
        self, prompts: Iterable[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[Answer]]:
        """Yield the answers of each batch, in the order of the prompts; vLLM batches as it likes.

        Raises:
            DramaError: a prompt and its answer are longer than the LLM takes, or an answer may be longer than
                1024 tokens.
            MissingExtraError: vLLM is not installed.
        """
        if sampling.max_new_tokens > _LONGEST_ANSWER:
            raise DramaError(
                f"max_new_tokens {sampling.max_new_tokens}: {VLLM} answers with at most {_LONGEST_ANSWER}"
            )
        size = max(batch_size, _AT_ONCE // batch_size * batch_size)
        for some in chunks(prompts, size):
            ids = [self._here.tokens(prompt) for prompt in some]
            self._here.check_length(ids, sampling.max_new_tokens)
            answers = self._answers(ids, sampling, seed)
            yield from (answers[i : i + batch_size] for i in range(0, len(answers), batch_size))

    def _answers(self, ids: Sequence[list[int]], sampling: Sampling, seed: int) -> list[Answer]:
        llm = self._llm
        from vllm import SamplingParams

        how = [
            SamplingParams(
                max_tokens=sampling.max_new_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p if sampling.temperature > 0 else 1.0,
                seed=request_seed(seed, tokens),
                stop_token_ids=sorted(self._here.ends),
                detokenize=False,
            )
            for tokens in ids
        ]
        replies = llm.generate([{"prompt_token_ids": i} for i in ids], how, use_tqdm=False)
        outputs = [reply.outputs[0] for reply in replies]
        made = [list(output.token_ids) for output in outputs]
        self.usage.requests += len(ids)
        self.usage.prompt_tokens += sum(map(len, ids))
        self.usage.completion_tokens += sum(map(len, made))
        answers = [list(takewhile(lambda token: token not in self._here.ends, tokens)) for tokens in made]
        cut = [output.finish_reason == "length" for output in outputs]
        return self._here.decoded(answers, cut)

    @cached_property
    def _llm(self) -> Any:
        try:
            from vllm import LLM
        except ImportError:
            raise MissingExtraError("vllm", "vllm") from None
        room = self._here.longest + _LONGEST_ANSWER
        return LLM(
            model=str(self._here.folder),
            dtype=_TYPES[self._precision],
            max_model_len=min(room, self._here.context or room),
            enable_prefix_caching=True,  # the shared beginning of prompts is computed once
        )
