"""InfoNCE in the directions that `train.loss.directions` names.

Legend: B queries, N documents of the batch, M further negatives.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from drama.train.losses.pairs import Pairs


def info_nce(
    scores_BN: torch.Tensor,
    positive_B: torch.Tensor,
    mask_BN: torch.Tensor,
    further_BM: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean of −log softmax at each query's positive.

    Args:
        scores_BN: cosine / temperature.
        positive_B, mask_BN: as in `Pairs`.
        further_BM: scores of further negatives; −inf where there is none.

    >>> s = torch.tensor([[2.0, 0.0, 5.0]])
    >>> full = info_nce(s[:, :2], torch.tensor([0]), torch.zeros(1, 2, dtype=torch.bool))
    >>> masked = info_nce(s, torch.tensor([0]), torch.tensor([[False, False, True]]))
    >>> bool(torch.isclose(full, masked))
    True
    """
    kept_BN = scores_BN.masked_fill(mask_BN, float("-inf"))
    return F.cross_entropy(kept_BN if further_BM is None else torch.cat([kept_BN, further_BM], 1), positive_B)


def shared_positives(positive_B: torch.Tensor, mask_BN: torch.Tensor) -> torch.Tensor:
    """True where the column's positive is the row's own, or is known to be no negative of the row: [B, B].

    >>> mask = torch.tensor([[False, True], [False, False]])
    >>> shared_positives(torch.tensor([0, 1]), mask).tolist()
    [[True, True], [False, True]]
    """
    return mask_BN[:, positive_B] | (positive_B.unsqueeze(1) == positive_B.unsqueeze(0))


def query_negatives(pairs: Pairs) -> torch.Tensor:
    """Query–query scores as further negatives [B, B]: −inf at the query itself and at those that share a
    positive.

    Source: the improved contrastive loss of GTE (Li et al. 2023), with `document_negatives`.
    """
    scores_BB = pairs.queries_BD @ pairs.queries_BD.T / pairs.temperature
    return scores_BB.masked_fill(shared_positives(pairs.positive_B, pairs.mask_BN), float("-inf"))


def document_negatives(pairs: Pairs) -> torch.Tensor:
    """Scores of each query's positive with all documents as further negatives [B, N]: −inf where the document
    is no negative of the query, and at the positive itself."""
    scores_BN = pairs.documents_ND[pairs.positive_B] @ pairs.documents_ND.T / pairs.temperature
    no_negative_BN = pairs.mask_BN.scatter(1, pairs.positive_B.unsqueeze(1), True)
    return scores_BN.masked_fill(no_negative_BN, float("-inf"))


FURTHER: dict[str, Callable[[Pairs], torch.Tensor]] = {
    "query_to_query": query_negatives,
    "document_to_document": document_negatives,
}
"""Direction → the negatives that it adds to `query_to_document`."""


def query_to_document(pairs: Pairs, further: Sequence[str] = ()) -> torch.Tensor:
    """Each query must find its drawn positive among the documents, and among the `further` negatives."""
    more = [FURTHER[name](pairs) for name in further]
    further_BM = torch.cat(more, dim=1) if more else None
    return info_nce(pairs.cosines_BN / pairs.temperature, pairs.positive_B, pairs.mask_BN, further_BM)


def document_to_query(pairs: Pairs) -> torch.Tensor:
    """Each drawn positive must find its query among the batch's queries.

    Queries that share the document, or have it among their positives, are no negatives of it.
    """
    scores_BB = (
        pairs.cosines_BN[:, pairs.positive_B].T / pairs.temperature
    )  # rows: positives, columns: queries
    shared_BB = shared_positives(pairs.positive_B, pairs.mask_BN).T
    own_B = torch.arange(len(pairs.positive_B), device=scores_BB.device)
    shared_BB[own_B, own_B] = False
    return info_nce(scores_BB, own_B, shared_BB)


def contrast(pairs: Pairs, directions: Sequence[str]) -> torch.Tensor:
    """InfoNCE, the mean over its directions.

    >>> pairs = Pairs(torch.eye(2), torch.eye(2), torch.tensor([0, 1]), torch.zeros(2, 2).bool(), 0.5)
    >>> one = contrast(pairs, ["query_to_document"])
    >>> bool(torch.isclose(one, contrast(pairs, ["query_to_document", "document_to_query"])))
    True
    """
    found = []
    if "query_to_document" in directions:
        found.append(query_to_document(pairs, [name for name in FURTHER if name in directions]))
    if "document_to_query" in directions:
        found.append(document_to_query(pairs))
    return torch.stack(found).mean() if len(found) > 1 else found[0]
