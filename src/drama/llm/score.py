"""Probabilities instead of text: how likely an answer is after a prompt, and which token comes first.

Legend: B prompts, L tokens of the longest, C last positions whose logits are computed, V vocabulary.

Prompts are padded on their left, so that the positions that count are the last ones of every row; logits of
the others are never computed.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from drama.errors import DramaError
from drama.llm.engine import Engine
from drama.llm.prompt import Messages

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
        batch_size: prompts at once; fewer where the logits would outgrow LARGEST_LOGITS.

    Raises:
        DramaError: an answer without tokens, or a prompt and answer longer than the engine takes.
    """
    starts = [engine.tokens(p) for p in prompts]
    ends: list[list[int]] = [engine.tokenizer(a, add_special_tokens=False)["input_ids"] for a in answers]
    if not all(ends):
        raise DramaError("an answer without a token has no probability")
    scores: list[float] = []
    rows = _rows(engine, batch_size, max(map(len, ends), default=0) + 1)
    for i in range(0, len(starts), rows):
        batch = ends[i : i + rows]
        longest = max(map(len, batch))
        tokens = [s + e for s, e in zip(starts[i : i + rows], batch, strict=True)]
        logits_BCV = _last_logits(engine, tokens, longest + 1)[:, :-1]
        for logits_CV, end in zip(logits_BCV, batch, strict=True):
            # The end of row L stands at its last len(end) positions.
            log_probs_CV = logits_CV[-len(end) :].float().log_softmax(dim=-1)
            scores.append(log_probs_CV[range(len(end)), end].mean().item())
    return scores


def next_token_log_probs(
    engine: Engine, prompts: Sequence[Messages], tokens: Sequence[int], batch_size: int
) -> list[list[float]]:
    """Log-probabilities of `tokens` as the first of the answer, renormalised among themselves: B lists.

    Raises:
        DramaError: a prompt is longer than the engine takes.
    """
    scores: list[list[float]] = []
    rows = _rows(engine, batch_size, 1)
    for i in range(0, len(prompts), rows):
        logits_BCV = _last_logits(engine, [engine.tokens(p) for p in prompts[i : i + rows]], 1)
        among = logits_BCV[:, -1, list(tokens)].float().log_softmax(dim=-1)
        scores += among.tolist()
    return scores


def _rows(engine: Engine, batch_size: int, positions: int) -> int:
    vocabulary = int(engine.model.get_output_embeddings().weight.shape[0])
    return max(1, min(batch_size, LARGEST_LOGITS // (positions * vocabulary)))


def _last_logits(engine: Engine, tokens: Sequence[list[int]], positions: int) -> Any:
    """logits_BCV of the last `positions` of each row."""
    longest = max(map(len, tokens))
    if longest > engine.longest:
        raise DramaError(f"a prompt of {longest} tokens is longer than {engine.longest}")
    pad = engine.tokenizer.pad_token_id
    ids_BL = torch.tensor([[pad] * (longest - len(t)) + t for t in tokens])
    mask_BL = torch.tensor([[0] * (longest - len(t)) + [1] * len(t) for t in tokens])
    places_BL = (mask_BL.cumsum(dim=1) - 1).clamp(min=0)
    how: dict[str, Any] = {}
    if "logits_to_keep" in inspect.signature(engine.model.forward).parameters:
        how["logits_to_keep"] = positions
    with torch.inference_mode():
        out = engine.model(
            input_ids=ids_BL, attention_mask=mask_BL, position_ids=places_BL, use_cache=False, **how
        )
    engine.usage.requests += len(tokens)
    engine.usage.prompt_tokens += sum(map(len, tokens))
    return out.logits[:, -positions:]
