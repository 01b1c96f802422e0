"""Signs of training gone wrong: vectors that are all alike, a loss no better than guessing.

Legend: B queries, N documents, T texts, D dimensions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from drama.retriever.pooling import normalise
from drama.train.losses.contrastive import query_to_document
from drama.train.losses.pairs import Pairs

WINDOW = 20
"""Steps over which a suspicion takes the mean."""

_EARLY = 0.2
_ALIKE = 0.98


def mean_cosine(vectors_TD: torch.Tensor) -> float:
    """Mean cosine between two different texts of a batch; near 1 the vectors have collapsed.

    >>> round(mean_cosine(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])), 4)
    0.3333
    """
    unit_TD = normalise(vectors_TD.detach())
    count = len(unit_TD)
    pairs = float(unit_TD.sum(dim=0).square().sum()) - float(unit_TD.square().sum())
    return pairs / (count * (count - 1))


def chance(mask_BN: torch.Tensor) -> float:
    """InfoNCE of a guess: log of the number of candidates that are not masked, mean over queries.

    >>> round(chance(torch.tensor([[False, False], [False, True]])), 4)
    0.3466
    """
    return float((~mask_BN).sum(dim=1).float().log().mean())


@torch.no_grad()
def health(pairs: Pairs) -> dict[str, float]:
    """A step's `contrast` (InfoNCE at the full width), `chance` and `mean_cosine`, for `suspicions`."""
    texts_TD = torch.cat([pairs.queries_BD, pairs.documents_ND])
    return {
        "contrast": round(query_to_document(pairs.at(None)).item(), 6),
        "chance": round(chance(pairs.mask_BN), 6),
        "mean_cosine": round(mean_cosine(texts_TD), 6),
    }


def suspicions(events: Sequence[Mapping[str, Any]], steps: int) -> dict[str, str]:
    """Kind → a warning about the last 20 events, which have the values of `health`.

    There is none in the first fifth of a run of `steps` steps, but for batches that teach nothing.
    """
    found = {}
    last = [float(event["chance"]) for event in events][-WINDOW:]
    if len(last) >= min(WINDOW, steps) and not any(last):
        found["nothing to learn"] = (
            "no query of a batch has a second candidate, so InfoNCE is 0 and teaches nothing: give the "
            "examples different positives or hard negatives, or raise train.batch.size"
        )
    late = [event for event in events if event["step"] > _EARLY * steps][-WINDOW:]
    if len(late) < WINDOW:
        return found
    contrast, guess, cosine = (
        sum(float(event[key]) for event in late) / WINDOW for key in ("contrast", "chance", "mean_cosine")
    )
    if cosine > _ALIKE:
        found["collapse"] = (
            f"different texts have nearly the same vector (mean cosine {cosine:.3f}): lower "
            "train.optimiser.learning_rate, or check that the texts differ"
        )
    if contrast >= guess > 0:
        found["no better than chance"] = (
            f"InfoNCE is {contrast:.3f} where guessing gives {guess:.3f}: check the examples' positives, or "
            "change train.optimiser.learning_rate or train.loss.temperature"
        )
    return found
