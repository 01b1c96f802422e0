"""The contrastive losses, as pure functions, and the ranking loss that they make up.

Legend: B queries, N documents of the batch, M further negatives, D dimensions (d: the first of them).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F

from drama.retriever.pooling import normalise
from drama.train.losses.distillation import kl_to_scores, kl_to_teacher, margin_mse


def info_nce(
    scores_BN: torch.Tensor,
    positive_B: torch.Tensor,
    mask_BN: torch.Tensor,
    further_BM: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean of −log softmax at each query's positive.

    Args:
        scores_BN: cosine / temperature.
        positive_B: column of each query's drawn positive.
        mask_BN: True where a document must not count as a negative of that query (it is another of its
            positives, or the document it came from). The drawn positive itself is never masked.
        further_BM: scores of further negatives, of whatever kind; −inf where there is none.

    >>> s = torch.tensor([[2.0, 0.0, 5.0]])
    >>> full = info_nce(s[:, :2], torch.tensor([0]), torch.zeros(1, 2, dtype=torch.bool))
    >>> masked = info_nce(s, torch.tensor([0]), torch.tensor([[False, False, True]]))
    >>> bool(torch.isclose(full, masked))
    True
    """
    kept_BN = scores_BN.masked_fill(mask_BN, float("-inf"))
    return F.cross_entropy(kept_BN if further_BM is None else torch.cat([kept_BN, further_BM], 1), positive_B)


def info_nce_of_several(
    scores_BN: torch.Tensor,
    positives_BN: torch.Tensor,
    mask_BN: torch.Tensor,
    further_BM: torch.Tensor | None = None,
) -> torch.Tensor:
    """InfoNCE of queries with several positives: mean over each query's positives, then over queries.

    Each positive stands against the negatives only, never against the query's other positives. With one
    positive a query it is `info_nce`.

    Args:
        scores_BN: cosine / temperature.
        positives_BN: True at each query's positives, at least one.
        mask_BN: True where a document must not be a negative; positives may be masked, it changes nothing.
        further_BM: scores of further negatives; −inf where there is none.

    >>> s = torch.tensor([[2.0, 1.0, 0.0]])
    >>> none = torch.zeros(1, 3, dtype=torch.bool)
    >>> several = info_nce_of_several(s, torch.tensor([[True, True, False]]), none)
    >>> first = info_nce(s[:, [0, 2]], torch.tensor([0]), none[:, :2])
    >>> second = info_nce(s[:, [1, 2]], torch.tensor([0]), none[:, :2])
    >>> bool(torch.isclose(several, (first + second) / 2))
    True
    """
    negatives_BN = scores_BN.masked_fill(mask_BN | positives_BN, float("-inf"))
    if further_BM is not None:
        negatives_BN = torch.cat([negatives_BN, further_BM], 1)
    least = torch.finfo(scores_BN.dtype).min  # a query without negatives: its loss is 0
    negative_B1 = negatives_BN.clamp(min=least).logsumexp(dim=1, keepdim=True)
    loss_BN = (F.softplus(negative_B1 - scores_BN)).masked_fill(~positives_BN, 0.0)
    return (loss_BN.sum(dim=1) / positives_BN.sum(dim=1)).mean()


def query_negatives(scores_BB: torch.Tensor, positive_B: torch.Tensor, mask_BN: torch.Tensor) -> torch.Tensor:
    """Query–query scores as further negatives: −inf at the query itself and at those that share a positive.

    Source: the improved contrastive loss of GTE (Li et al. 2023), with `document_negatives`.
    """
    return scores_BB.masked_fill(shared_positives(positive_B, mask_BN), float("-inf"))


def document_negatives(
    scores_BN: torch.Tensor, positive_B: torch.Tensor, mask_BN: torch.Tensor
) -> torch.Tensor:
    """Scores of each query's positive with all documents as further negatives: −inf where the document is no
    negative of the query, and at the positive itself."""
    return scores_BN.masked_fill(mask_BN.scatter(1, positive_B.unsqueeze(1), True), float("-inf"))


def shared_positives(positive_B: torch.Tensor, mask_BN: torch.Tensor) -> torch.Tensor:
    """[B, B]: True where the column's positive is the row's own, or is known as no negative of the row.

    >>> mask = torch.tensor([[False, True], [False, False]])
    >>> shared_positives(torch.tensor([0, 1]), mask).tolist()
    [[True, True], [False, True]]
    """
    return mask_BN[:, positive_B] | (positive_B.unsqueeze(1) == positive_B.unsqueeze(0))


def info_nce_of_documents(
    scores_BN: torch.Tensor, positive_B: torch.Tensor, mask_BN: torch.Tensor
) -> torch.Tensor:
    """The other direction: each drawn positive must find its query among the batch's queries.

    Queries that share the document, or have it among their positives, are no negatives of it.

    >>> s = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    >>> none = torch.zeros(2, 2, dtype=torch.bool)
    >>> both = info_nce(s.T, torch.tensor([0, 1]), none.T)
    >>> bool(torch.isclose(info_nce_of_documents(s, torch.tensor([0, 1]), none), both))
    True
    """
    scores_BB = scores_BN[:, positive_B].T  # row: the positive of a query, column: a query
    shared_BB = shared_positives(positive_B, mask_BN).T
    own_B = torch.arange(len(positive_B), device=scores_BN.device)
    shared_BB[own_B, own_B] = False
    return info_nce(scores_BB, own_B, shared_BB)


class Terms(NamedTuple):
    """What belongs to the ranking loss beside InfoNCE from queries to documents."""

    both_directions: bool = False
    """Half of InfoNCE goes from documents to queries."""
    query_query: bool = False
    """The other queries are further negatives of a query."""
    document_document: bool = False
    """A positive's scores with the other documents are further negatives of its query."""
    kl_weight: float = 0.0
    """Share that is KL(teacher ‖ student)."""
    kl_temperature: float = 0.05
    margin_weight: float = 0.0
    """Weight of `margin_mse`, added."""
    scores_weight: float = 0.0
    """Weight of `kl_to_scores`, added."""
    scores_temperature: float = 1.0


_INFO_NCE = Terms()


def ranking_loss(
    queries_BD: torch.Tensor,
    documents_ND: torch.Tensor,
    positive_B: torch.Tensor,
    mask_BN: torch.Tensor,
    dims: Sequence[int],
    temperature: float | torch.Tensor,
    terms: Terms = _INFO_NCE,
    teacher_cosines_BN: torch.Tensor | None = None,
    positives_BN: torch.Tensor | None = None,
    scored: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """The terms' sum at each Matryoshka width, mean over widths (equal weights).

    Args:
        queries_BD, documents_ND, positive_B, mask_BN: as in `info_nce`.
        dims: the widths.
        temperature: of InfoNCE; a tensor where it is learnt.
        terms: what belongs to the loss.
        teacher_cosines_BN: for `kl_weight` and `margin_weight`.
        positives_BN: several positives a query, `positive_B` among them.
        scored: columns [B, K] and scores [B, K] for `scores_weight`.

    Source: paper, section 4 (Matryoshka representation learning: cut, renormalise, same loss).
    """
    total = queries_BD.new_zeros(())
    for dim in dims:
        queries_Bd, documents_Nd = normalise(queries_BD, dim), normalise(documents_ND, dim)
        cosines_BN = queries_Bd @ documents_Nd.T
        scores_BN = cosines_BN / temperature
        further = []
        if terms.query_query:
            further.append(query_negatives(queries_Bd @ queries_Bd.T / temperature, positive_B, mask_BN))
        if terms.document_document:
            between_BN = documents_Nd[positive_B] @ documents_Nd.T / temperature
            further.append(document_negatives(between_BN, positive_B, mask_BN))
        further_BM = torch.cat(further, dim=1) if further else None
        if positives_BN is None:
            contrast = info_nce(scores_BN, positive_B, mask_BN, further_BM)
        else:
            contrast = info_nce_of_several(scores_BN, positives_BN, mask_BN, further_BM)
        if terms.both_directions:
            contrast = (contrast + info_nce_of_documents(scores_BN, positive_B, mask_BN)) / 2
        loss = (1.0 - terms.kl_weight) * contrast
        if teacher_cosines_BN is not None and terms.kl_weight > 0:
            divergence = kl_to_teacher(cosines_BN, teacher_cosines_BN, terms.kl_temperature)
            loss = loss + terms.kl_weight * divergence
        if teacher_cosines_BN is not None and terms.margin_weight > 0:
            margins = margin_mse(cosines_BN, teacher_cosines_BN, positive_B, mask_BN)
            loss = loss + terms.margin_weight * margins
        if scored is not None and terms.scores_weight > 0:
            divergence = kl_to_scores(cosines_BN, *scored, temperature, terms.scores_temperature)
            loss = loss + terms.scores_weight * divergence
        total = total + loss
    return total / len(dims)
