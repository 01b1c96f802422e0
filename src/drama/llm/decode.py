"""Reading on: the next tokens of many rows at once, each until its end.

Legend: B rows, V vocabulary, K most probable tokens.
"""

from collections.abc import Collection, Sequence
from typing import Any

import torch

from drama.llm.chat import Sampling
from drama.llm.rows import Prefix, Rows

_HEAD = 256
"""So many tokens mostly hold the mass that top_p asks for; only where they don't are all of them sorted."""


def decode(
    model: Any,
    prefix: Prefix | None,
    tokens: Sequence[list[int]],
    sampling: Sampling,
    ends: Collection[int],
) -> list[list[int]]:
    """The new tokens of each row, without the token that ended it.

    A row that has ended leaves the batch. Draws are torch's, of its default generator.

    Args:
        model: a causal LM that `takes_rows`.
        prefix: what stands before every row, or None.
        tokens: the rows, each of one token at least.
        sampling: how many tokens, and how they are drawn.
        ends: tokens that end a row.
    """
    rows = Rows(model, prefix, len(tokens), max(map(len, tokens)) + sampling.max_new_tokens)
    made: list[list[int]] = [[] for _ in tokens]
    live = list(range(len(tokens)))
    logits_BV = rows.read(tokens)
    while True:
        drawn = draw(logits_BV, sampling)
        for place in reversed(range(len(live))):
            row, token = made[live[place]], drawn[place]
            if token not in ends:
                row.append(token)
            if token in ends or len(row) == sampling.max_new_tokens:
                rows.drop(place)  # the last one, which goes on, takes its place
                live[place], drawn[place] = live[-1], drawn[-1]
                live.pop()
                drawn.pop()
        if not live:
            return made
        logits_BV = rows.step(drawn)


def draw(logits_BV: torch.Tensor, sampling: Sampling) -> list[int]:
    """One token of each row: the most probable one at temperature 0, else drawn among the most probable ones
    that hold `top_p` together (nucleus sampling, Holtzman et al. 2020).

    >>> draw(torch.tensor([[0.0, 2.0, 1.0]]), Sampling(temperature=0)), draw(
    ...     torch.tensor([[0.0, 9.0, 1.0]]), Sampling(temperature=1, top_p=0.5))
    ([1], [1])
    """
    if sampling.temperature == 0:
        return logits_BV.argmax(dim=-1).tolist()
    probs_BV = (logits_BV.float() / sampling.temperature).softmax(dim=-1)
    if sampling.top_p == 1:
        return probs_BV.multinomial(1)[:, 0].tolist()
    probs_BK, tokens_BK = probs_BV.topk(min(_HEAD, probs_BV.shape[1]))
    if bool((probs_BK.sum(dim=-1) < sampling.top_p).any()):
        probs_BK, tokens_BK = probs_BV.sort(dim=-1, descending=True)
    before_BK = probs_BK.cumsum(dim=-1) - probs_BK
    drawn_B1 = probs_BK.where(before_BK < sampling.top_p, 0).multinomial(1)
    return tokens_BK.gather(1, drawn_B1)[:, 0].tolist()
