"""Probabilities instead of text: how likely an answer is after a prompt, and which token comes first.

Legend: B prompts, L tokens of the longest, C last positions whose logits are computed, W wanted positions of
all prompts, V vocabulary.

Logits are computed where they count only. What the prompts of a batch share goes through the model once: the
whole prompt, where several answers to the same one stand side by side.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from drama.errors import DramaError
from drama.llm.engine import Engine
from drama.llm.prompt import Messages
from drama.llm.rows import Rows

LARGEST_LOGITS = 1 << 26
"""Logits of one forward pass, at most (256 MiB as float32)."""


def answer_log_likelihoods(
    engine: Engine, prompts: Sequence[Messages], answers: Sequence[str], batch_size: int
) -> list[float]:
    """Mean log-probability of an answer's tokens after its prompt, for each pair.

    Args:
        engine: an LLM in this process.
        prompts: chats, each ending with the user's turn.
        answers: as many texts; the end token is not counted.
        batch_size: pairs at once; fewer where the logits would outgrow LARGEST_LOGITS.

    Raises:
        DramaError: an answer without tokens, or a prompt and answer longer than the engine takes.
    """
    starts = [engine.tokens(p) for p in prompts]
    gap = "" if engine.chat else " "
    ends = [engine.tokenizer(gap + a, add_special_tokens=False)["input_ids"] for a in answers]
    if not all(ends):
        raise DramaError("an answer without a token has no probability")
    _check_length(engine, [s + e for s, e in zip(starts, ends, strict=True)])
    size = _rows(engine, batch_size, max(map(len, ends), default=0) + 1)
    scores: list[float] = []
    with torch.inference_mode():
        for i in range(0, len(starts), size):
            scores += _score(engine, starts[i : i + size], ends[i : i + size])
    engine.usage.requests += len(starts)
    engine.usage.prompt_tokens += sum(map(len, starts)) + sum(map(len, ends))
    return scores


def next_token_log_probs(
    engine: Engine, prompts: Sequence[Messages], tokens: Sequence[int], batch_size: int
) -> list[list[float]]:
    """Log-probabilities of `tokens` as the first of the answer, renormalised among themselves: B lists.

    Raises:
        DramaError: a prompt is longer than the engine takes.
    """
    texts = [engine.tokens(p) for p in prompts]
    _check_length(engine, texts)
    size = _rows(engine, batch_size, 1)
    scores: list[list[float]] = []
    with torch.inference_mode():
        for i in range(0, len(texts), size):
            batch = texts[i : i + size]
            logits_BV = _logits(engine, batch, [1] * len(batch))
            scores += logits_BV[:, list(tokens)].float().log_softmax(dim=-1).tolist()
    engine.usage.requests += len(texts)
    engine.usage.prompt_tokens += sum(map(len, texts))
    return scores


def _score(engine: Engine, starts: Sequence[list[int]], ends: Sequence[list[int]]) -> list[float]:
    """Mean log-probability of each end after its start."""
    counts = [len(end) for end in ends]
    logits_WV = _logits(engine, [s + e[:-1] for s, e in zip(starts, ends, strict=True)], counts)
    tokens_W = torch.tensor([token for end in ends for token in end])
    loss_W = F.cross_entropy(logits_WV.float(), tokens_W, reduction="none")
    return [-part.mean().item() for part in torch.split(loss_W, counts)]


def _logits(engine: Engine, texts: Sequence[list[int]], counts: Sequence[int]) -> torch.Tensor:
    """logits_WV after the last `counts` tokens of each text, end to end."""
    if engine.plain:
        logits_BCV = _last_logits(engine, texts, max(counts))
        return torch.cat([logits_CV[-n:] for logits_CV, n in zip(logits_BCV, counts, strict=True)])
    prefix = engine.shared_prefix([text[: len(text) - n + 1] for text, n in zip(texts, counts, strict=True)])
    rows = [text[len(prefix.tokens) if prefix else 0 :] for text in texts]
    wanted = [range(len(row) - n, len(row)) for row, n in zip(rows, counts, strict=True)]
    return Rows(engine.model, prefix).read(rows, wanted)


def _check_length(engine: Engine, texts: Sequence[list[int]]) -> None:
    longest = max(map(len, texts), default=0)
    if longest > engine.longest:
        raise DramaError(f"a prompt of {longest} tokens is longer than {engine.longest}")


def _rows(engine: Engine, batch_size: int, positions: int) -> int:
    vocabulary = int(engine.model.get_output_embeddings().weight.shape[0])
    return max(1, min(batch_size, LARGEST_LOGITS // (positions * vocabulary)))


def _last_logits(engine: Engine, tokens: Sequence[list[int]], positions: int) -> Any:
    """logits_BCV of the last `positions` of each row, by transformers alone: padded on the left."""
    longest = max(map(len, tokens))
    pad = engine.tokenizer.pad_token_id
    ids_BL = torch.tensor([[pad] * (longest - len(t)) + t for t in tokens])
    mask_BL = torch.tensor([[0] * (longest - len(t)) + [1] * len(t) for t in tokens])
    places_BL = (mask_BL.cumsum(dim=1) - 1).clamp(min=0)
    how: dict[str, Any] = {}
    if "logits_to_keep" in inspect.signature(engine.model.forward).parameters:
        how["logits_to_keep"] = positions
    out = engine.model(
        input_ids=ids_BL, attention_mask=mask_BL, position_ids=places_BL, use_cache=False, **how
    )
    return out.logits[:, -positions:]
