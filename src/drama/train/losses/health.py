"""Signs of a training that goes wrong: vectors that are all alike, a loss no better than guessing.

Legend: B queries, N documents, T texts, D dimensions.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from drama.retriever.pooling import normalise
from drama.train.losses.contrastive import info_nce

WINDOW = 20
"""Steps that a suspicion is a mean over."""

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
def health(
    queries_BD: torch.Tensor,
    documents_ND: torch.Tensor,
    positive_B: torch.Tensor,
    mask_BN: torch.Tensor,
    temperature: float,
) -> dict[str, float]:
    """What `suspicions` needs of a step: `contrast` (InfoNCE at the full width), `chance`, `mean_cosine`."""
    cosines_BN = normalise(queries_BD) @ normalise(documents_ND).T
    return {
        "contrast": round(info_nce(cosines_BN / temperature, positive_B, mask_BN).item(), 6),
        "chance": round(chance(mask_BN), 6),
        "mean_cosine": round(mean_cosine(torch.cat([queries_BD, documents_ND])), 6),
    }


def suspicions(events: Iterable[Mapping[str, Any]], steps: int) -> dict[str, str]:
    """Kind → what the last 20 steps of a run say against it; nothing while it is in its first fifth.

    Args:
        events: the run's last ones, with `step` and what `health` gives.
        steps: of the whole run.
    """
    late = [event for event in events if event["step"] > _EARLY * steps][-WINDOW:]
    if len(late) < WINDOW:
        return {}
    contrast, guess, cosine = (
        sum(float(event[key]) for event in late) / WINDOW for key in ("contrast", "chance", "mean_cosine")
    )
    found = {}
    if cosine > _ALIKE:
        found["collapse"] = (
            f"different texts have nearly the same vector (mean cosine {cosine:.3f}): lower "
            "train.learning_rate, or look whether the texts differ"
        )
    if contrast >= guess > 0:
        found["no better than chance"] = (
            f"InfoNCE is {contrast:.3f} where guessing gives {guess:.3f}: look at the examples' positives, "
            "or change train.learning_rate or train.temperature"
        )
    return found
