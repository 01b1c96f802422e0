"""Generation three ways: one request at a time, batches, and batches whose shared prefix is computed once.

The same weights in memory, the same prompts (two shots, the first 100 words of a document), at most 32 new
tokens, temperature 0, in alternating order. `rounds` hold the queries/s of all three. For each answer of our
engine (`prefix`) that differs from that of the single request they hold where it does, and how far apart the
two tokens are there in the single request's logits, in rounding steps of their size.
"""

import random
import time
from collections.abc import Callable, Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch

from drama.augment.prompts.text_prompt import TextPrompt
from drama.errors import DramaError
from drama.language import count_words, cut_words
from drama.llm import Engine, Messages, Sampling, load_engine
from drama_bench.result import write_result
from drama_bench.texts import documents

LLM = "smollm2-135m"
_PROMPTS = 32
_BATCH = 32
_SHOTS = 2
_WORDS = 100
_SAMPLING = Sampling(max_new_tokens=32, temperature=0)
_TIE = 2.0
"""Rounding steps; a smaller difference is a tie."""


def bench_generate(
    out: Path, rounds: int, data: Iterable[str], precision: str = "fp32", llm: str | Path = LLM
) -> Path:
    """Queries a second; writes `generate.json`, or `generate-bf16.json`.

    Args:
        out: folder of the result.
        rounds: all three run once a round, every other round in reverse order.
        data: corpora as in a recipe's `corpus.inputs`.
        precision: of weights and arithmetic.
        llm: an instruct model.

    Raises:
        DramaError: the corpora hold too few documents of 100 words.
    """
    engine = load_engine(llm, "bf16" if precision == "bf16" else "fp32")
    prompts = _prompts(data)
    sides: dict[str, Callable[[list[Messages]], list[str]]] = {
        "sequential": lambda some: _one_by_one(engine, some),
        "batched": lambda some: _in_batches(engine, some, share_prefix=False),
        "prefix": lambda some: _in_batches(engine, some, share_prefix=True),
    }
    for answer in sides.values():
        answer(prompts[:2])
    raw: list[dict[str, Any]] = []
    for number in range(rounds):
        answers: dict[str, list[str]] = {}
        speed: dict[str, float] = {}
        for name in sorted(sides, reverse=number % 2 == 0):
            begin = time.monotonic()
            answers[name] = sides[name](prompts)
            speed[name] = round(len(prompts) / (time.monotonic() - begin), 4)
        trios = zip(prompts, answers["sequential"], answers["prefix"], strict=True)
        apart = [_apart(engine, prompt, one, other) for prompt, one, other in trios if one != other]
        raw.append({"round": number, "precision": precision, "queries_per_second": speed, "differ": apart})
    path = out / ("generate.json" if precision == "fp32" else f"generate-{precision}.json")
    about = {
        "prompts": len(prompts),
        "batch_size": _BATCH,
        "prompt_tokens": sum(len(engine.tokens(prompt)) for prompt in prompts),
        "threads": torch.get_num_threads(),
    }
    return write_result(path, raw, about | summary(raw), ())


def summary(raw: list[dict[str, Any]]) -> dict[str, Any]:
    """Ratios of the median speeds; the most answers that differ in a round, and the most that are not ties.

    >>> speed = {"batched": 1.0, "prefix": 2.0, "sequential": 0.5}
    >>> found = summary([{"queries_per_second": speed, "differ": [{"rounding_steps": 1.0}]}])
    >>> found["prefix_vs_sequential"], found["prefix_vs_batched"], found["answers_that_differ_beyond_ties"]
    (4.0, 2.0, 0)
    """
    middle = {
        name: float(np.median([row["queries_per_second"][name] for row in raw]))
        for name in ("batched", "prefix", "sequential")
    }
    beyond = [[a for a in row["differ"] if a["rounding_steps"] > _TIE] for row in raw]
    return {
        "prefix_vs_sequential": round(middle["prefix"] / middle["sequential"], 3),
        "prefix_vs_batched": round(middle["prefix"] / middle["batched"], 3),
        "queries_per_second": middle,
        "answers_that_differ": max(len(row["differ"]) for row in raw),
        "answers_that_differ_beyond_ties": max(map(len, beyond)),
    }


def _prompts(data: Iterable[str]) -> list[Messages]:
    """A seeded choice of documents, ordered by length as in `augment`."""
    prompt = TextPrompt.load("question", "queries")
    prompt = TextPrompt(system=prompt.system, user=prompt.user, shots=prompt.shots[:_SHOTS])
    texts = [d.full_text for d in documents(data) if count_words(d.full_text) >= _WORDS]
    if len(texts) < _PROMPTS:
        raise DramaError(
            f"bench generate: {len(texts)} documents of {_WORDS} words are too few",
            hint=f"name corpora with {_PROMPTS} of them in --data",
        )
    chosen = [cut_words(text, _WORDS) for text in random.Random(0).sample(texts, _PROMPTS)]
    return [prompt.messages(text) for text in sorted(chosen, key=len)]


def _in_batches(engine: Engine, prompts: list[Messages], share_prefix: bool) -> list[str]:
    engine.share_prefix = share_prefix
    return [answer.text for batch in engine.generate(prompts, _SAMPLING, _BATCH) for answer in batch]


@torch.inference_mode()
def _one_by_one(engine: Engine, prompts: list[Messages]) -> list[str]:
    answers = []
    for prompt in prompts:
        ids = engine.tokens(prompt)
        done_1L = engine.model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            do_sample=False,
            max_new_tokens=_SAMPLING.max_new_tokens,
            pad_token_id=engine.tokenizer.pad_token_id,
        )
        answers.append(engine.tokenizer.decode(done_1L[0, len(ids) :], skip_special_tokens=True).strip())
    return answers


@torch.inference_mode()
def _apart(engine: Engine, prompt: Messages, one: str, other: str) -> dict[str, Any]:
    """Where two answers diverge, and how far apart the two tokens' logits are there in the single request."""
    end = [min(engine.ends)]
    first, second = (
        [*engine.tokenizer(a, add_special_tokens=False)["input_ids"], *end] for a in (one, other)
    )
    place = next(i for i, (a, b) in enumerate(zip_longest(first, second)) if a != b)
    ids = engine.tokens(prompt) + first[:place]
    logits_V = engine.model(torch.tensor([ids]), use_cache=False, logits_to_keep=1).logits[0, -1].float()
    high, low = logits_V[first[place]].item(), logits_V[second[place]].item()
    step = torch.finfo(engine.model.dtype).eps * abs(high)
    return {
        "sequential": one,
        "prefix": other,
        "token": place,
        "logits": [round(high, 5), round(low, 5)],
        "rounding_steps": round((high - low) / step, 2),
    }
