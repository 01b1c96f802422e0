"""Probabilities instead of text: how likely an answer is after a prompt, and which token comes first.

Legend: B prompts, L tokens of the longest, C last positions whose logits are computed, W wanted positions of
all prompts, V vocabulary.

Logits are computed only where they are needed. The common prefix of a batch goes through the model once: the
whole prompt, where several answers to it are scored.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from drama.errors import DramaError
from drama.llm.chat import Messages
from drama.llm.engine import Engine
from drama.llm.prefix import last_logits

LARGEST_LOGITS = 1 << 26
"""Most logits of one forward pass (256 MiB as float32)."""


def answer_log_likelihoods(
    engine: Engine, prompts: Sequence[Messages], answers: Sequence[str], batch_size: int
) -> list[float]:
    """Mean log-probability of an answer's tokens after its prompt, for each pair.

    Args:
        engine: an LLM in this process.
        prompts: chats, each ending with the user's turn.
        answers: one for each prompt; the end token is not scored.
        batch_size: pairs at once; fewer where the logits would outgrow LARGEST_LOGITS.

    Raises:
        DramaError: an answer without tokens, or a prompt and answer longer than the engine accepts.
    """
    starts = [engine.tokens(p) for p in prompts]
    ends = [engine.continuation(p, a) if a else [] for p, a in zip(prompts, answers, strict=True)]
    if not all(ends):
        raise DramaError("an answer without a token has no probability")
    engine.check_length([s + e for s, e in zip(starts, ends, strict=True)])
    size = _rows(engine, batch_size, max(map(len, ends), default=0) + 1)
    scores: list[float] = []
    with torch.inference_mode():
        for i in range(0, len(starts), size):
            scores += _score(engine, starts[i : i + size], ends[i : i + size])
    engine.usage.requests += len(starts)
    engine.usage.prompt_tokens += sum(map(len, starts)) + sum(map(len, ends))
    return scores


def next_token_log_probs(
    engine: Engine,
    prompts: Sequence[Messages],
    tokens: Sequence[int],
    batch_size: int,
    before: Sequence[int] = (),
) -> list[list[float]]:
    """Log-probabilities of `tokens` as the first of the answer, renormalised among themselves: B lists.

    Args:
        engine: an LLM in this process.
        prompts: chats, each ending with the user's turn.
        tokens: their ids.
        batch_size: prompts at once.
        before: tokens with which every answer begins.

    Raises:
        DramaError: a prompt is longer than the engine accepts.
    """
    starts = [engine.tokens(p) for p in prompts]
    engine.check_length(starts, len(before))
    texts = [[*start, *before] for start in starts]
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


def _logits(engine: Engine, rows: Sequence[list[int]], counts: Sequence[int]) -> torch.Tensor:
    """logits_WV after the last `counts` tokens of each row, concatenated."""
    found: list[torch.Tensor] = []
    for inputs in engine.inputs(rows, wanted=counts):
        ids_BL, mask_BL = inputs.pop("input_ids"), inputs["attention_mask"]
        shared = inputs["past_key_values"].get_seq_length() if "past_key_values" in inputs else 0
        out = engine.model(
            input_ids=ids_BL[:, shared:],
            position_ids=(mask_BL.cumsum(dim=1) - 1).clamp(min=0)[:, shared:],
            use_cache=False,
            **inputs,
            **last_logits(engine.model, max(counts)),
        )
        part = counts[len(found) : len(found) + len(ids_BL)]
        found += [logits_CV[-n:] for logits_CV, n in zip(out.logits, part, strict=True)]
    return torch.cat(found)


def _rows(engine: Engine, batch_size: int, positions: int) -> int:
    vocabulary = int(engine.model.get_output_embeddings().weight.shape[0])
    return max(1, min(batch_size, LARGEST_LOGITS // (positions * vocabulary)))
