"""The terms of the ranking loss: name → one function of (pairs, settings).

A new term is a function here, listed in `TERMS`, and its weight `<name>_weight` in `losses.settings`: in
`DistillSettings` if it needs the teacher's vectors, else in `LossSettings`.

Legend: B queries, N documents of the batch, K of one query, E the teacher's dimensions, T texts (B + N).
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from drama.train.losses.contrastive import contrast
from drama.train.losses.pairs import Pairs
from drama.train.losses.settings import LossSettings


def kl_to_scores(pairs: Pairs) -> torch.Tensor:
    """KL(labels ‖ student) over each query's own documents that have a score, mean over queries.

    >>> from drama.train.losses.pairs import Scored
    >>> scored = Scored(torch.tensor([[2, 0, 0]]), torch.tensor([[3.0, 1.0, float("-inf")]]))
    >>> cosines, positive, mask = torch.tensor([[0.1, 0.9, 0.3]]), torch.tensor([2]), torch.zeros(1, 3).bool()
    >>> kl_to_scores(Pairs(cosines, torch.eye(3), positive, mask, 0.1, scored=scored)).item() < 1e-6
    True
    """
    assert pairs.scored is not None
    columns_BK, scores_BK = pairs.scored
    least = torch.finfo(pairs.cosines_BN.dtype).min
    none_BK = scores_BK.isneginf()
    student_BK = (pairs.cosines_BN.gather(1, columns_BK) / pairs.temperature).masked_fill(none_BK, least)
    return _kl(student_BK, scores_BK.masked_fill(none_BK, least))


def kl_to_teacher(cosines_BN: torch.Tensor, teacher_BN: torch.Tensor, temperature: float) -> torch.Tensor:
    """KL(teacher ‖ student) of the softmax over documents, mean over queries.

    Zero exactly where both give the same distribution. Nothing is masked: the teacher's own scores say how
    relevant the other positives are.
    """
    return _kl(cosines_BN / temperature, teacher_BN / temperature)


def margin_mse(pairs: Pairs) -> torch.Tensor:
    """Mean squared difference between student and teacher of (positive's cosine − negative's cosine), over
    all documents of the batch that are negatives of the query.

    Source: Hofstätter et al. 2020, "Improving efficient neural ranking models with cross-architecture
    knowledge distillation"; there with the scores of a cross-encoder.
    """
    place_B1 = pairs.positive_B.unsqueeze(1)
    difference_BN = pairs.cosines_BN - _teacher(pairs)
    errors_BN = (difference_BN.gather(1, place_B1) - difference_BN).square()
    negative_BN = ~pairs.mask_BN.scatter(1, place_B1, True)
    return (errors_BN * negative_BN).sum() / negative_BN.sum().clamp(min=1)


TERMS: dict[str, Callable[[Pairs, LossSettings], torch.Tensor]] = {
    "contrast": lambda pairs, s: contrast(pairs, s.directions),
    "kl": lambda pairs, s: kl_to_teacher(pairs.cosines_BN, _teacher(pairs), s.distill.temperature),
    "margin": lambda pairs, _: margin_mse(pairs),
    "scores": lambda pairs, _: kl_to_scores(pairs),
}
"""Computed at each Matryoshka width."""


def ranking_loss(pairs: Pairs, dims: Sequence[int], settings: LossSettings) -> torch.Tensor:
    """The weighted sum of the terms at each Matryoshka width, mean over widths (equal weights).

    The vectors of `pairs` need not be normalised.

    Source: paper, section 4 (Matryoshka representation learning: cut, renormalise, same loss).
    """
    return torch.stack(list(weighted_terms(pairs, dims, settings).values())).sum()


def weighted_terms(pairs: Pairs, dims: Sequence[int], settings: LossSettings) -> dict[str, torch.Tensor]:
    """The summands of `ranking_loss` by name: each term's mean over the widths, times its weight."""
    weights = settings.weights()
    cuts = [pairs.at(dim) for dim in dims]
    return {
        name: weights[name] * torch.stack([term(cut, settings) for cut in cuts]).mean()
        for name, term in TERMS.items()
        if weights[name] > 0
    }


def embedding_loss(projected_TE: torch.Tensor, teacher_TE: torch.Tensor) -> torch.Tensor:
    """1 − cosine between the projected student vector and the teacher's, mean over texts."""
    return (1.0 - F.cosine_similarity(projected_TE, teacher_TE, dim=-1)).mean()


def false_negatives(teacher_BN: torch.Tensor, positive_B: torch.Tensor, margin: float) -> torch.Tensor:
    """Mask [B, N] of documents that the teacher scores above the query's positive minus `margin`.

    Source: GISTEmbed (Solatorio 2024), with its margin. The drawn positive is never masked.

    >>> false_negatives(torch.tensor([[0.8, 0.9, 0.75, 0.1]]), torch.tensor([0]), 0.1).tolist()
    [[False, True, True, False]]
    """
    threshold_B1 = teacher_BN.gather(1, positive_B.unsqueeze(1)) - margin
    mask_BN = teacher_BN > threshold_B1
    return mask_BN.scatter(1, positive_B.unsqueeze(1), False)


def _teacher(pairs: Pairs) -> torch.Tensor:
    assert pairs.teacher_BN is not None
    return pairs.teacher_BN


def _kl(student_BN: torch.Tensor, target_BN: torch.Tensor) -> torch.Tensor:
    """KL(target ‖ student) of the softmax of both, mean over queries."""
    student_BN, target_BN = student_BN.log_softmax(dim=-1), target_BN.log_softmax(dim=-1)
    return F.kl_div(student_BN, target_BN, reduction="batchmean", log_target=True)
