"""The losses, as pure functions.

Legend: B queries, N documents of the batch, D dimensions, E the teacher's dimensions, T texts (B + N).
All vectors come in unscaled; every function normalises what it cuts.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from drama.retriever.pooling import normalise


def info_nce(scores_BN: torch.Tensor, positive_B: torch.Tensor, mask_BN: torch.Tensor) -> torch.Tensor:
    """Mean of −log softmax at each query's positive.

    Args:
        scores_BN: cosine / temperature.
        positive_B: column of each query's drawn positive.
        mask_BN: True where a document must not count as a negative of that query (it is another of its
            positives, or the document it came from). The drawn positive itself is never masked.

    >>> s = torch.tensor([[2.0, 0.0, 5.0]])
    >>> full = info_nce(s[:, :2], torch.tensor([0]), torch.zeros(1, 2, dtype=torch.bool))
    >>> masked = info_nce(s, torch.tensor([0]), torch.tensor([[False, False, True]]))
    >>> bool(torch.isclose(full, masked))
    True
    """
    return F.cross_entropy(scores_BN.masked_fill(mask_BN, float("-inf")), positive_B)


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
    shared_BB = mask_BN[:, positive_B].T | (positive_B.unsqueeze(1) == positive_B.unsqueeze(0))
    own_B = torch.arange(len(positive_B), device=scores_BN.device)
    shared_BB[own_B, own_B] = False
    return info_nce(scores_BB, own_B, shared_BB)


def false_negatives(
    teacher_cosines_BN: torch.Tensor, positive_B: torch.Tensor, margin: float
) -> torch.Tensor:
    """Mask [B, N] of documents that the teacher finds as near to the query as its positive, less `margin`.

    Source: GISTEmbed (Solatorio 2024), with its margin. The drawn positive is never masked.

    >>> false_negatives(torch.tensor([[0.8, 0.9, 0.75, 0.1]]), torch.tensor([0]), 0.1).tolist()
    [[False, True, True, False]]
    """
    threshold_B1 = teacher_cosines_BN.gather(1, positive_B.unsqueeze(1)) - margin
    mask_BN = teacher_cosines_BN > threshold_B1
    return mask_BN.scatter(1, positive_B.unsqueeze(1), False)


def kl_to_teacher(
    cosines_BN: torch.Tensor, teacher_cosines_BN: torch.Tensor, temperature: float
) -> torch.Tensor:
    """KL(teacher ‖ student) of the softmax over the batch's documents, mean over queries.

    Zero exactly where both give the same distribution; nothing is masked, since the teacher's own scores
    say how relevant the other positives are.
    """
    return F.kl_div(
        F.log_softmax(cosines_BN / temperature, dim=-1),
        F.log_softmax(teacher_cosines_BN / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def embedding_loss(projected_TE: torch.Tensor, teacher_TE: torch.Tensor) -> torch.Tensor:
    """1 − cosine between the projected student vector and the teacher's, mean over texts."""
    return (1.0 - F.cosine_similarity(projected_TE, teacher_TE, dim=-1)).mean()


def ranking_loss(
    queries_BD: torch.Tensor,
    documents_ND: torch.Tensor,
    positive_B: torch.Tensor,
    mask_BN: torch.Tensor,
    dims: Sequence[int],
    temperature: float,
    teacher_cosines_BN: torch.Tensor | None = None,
    kl_weight: float = 0.0,
    kl_temperature: float = 0.05,
    both_directions: bool = False,
) -> torch.Tensor:
    """InfoNCE, mixed with the KL to a teacher, at each Matryoshka width, mean over widths (equal weights).

    With `both_directions` InfoNCE is the mean of query → document and document → query.

    Source: paper, section 4 (Matryoshka representation learning: cut, renormalise, same loss).
    """
    total = queries_BD.new_zeros(())
    for dim in dims:
        cosines_BN = normalise(queries_BD, dim) @ normalise(documents_ND, dim).T
        contrast = info_nce(cosines_BN / temperature, positive_B, mask_BN)
        if both_directions:
            contrast = (contrast + info_nce_of_documents(cosines_BN / temperature, positive_B, mask_BN)) / 2
        loss = (1.0 - kl_weight) * contrast
        if kl_weight > 0 and teacher_cosines_BN is not None:
            loss = loss + kl_weight * kl_to_teacher(cosines_BN, teacher_cosines_BN, kl_temperature)
        total = total + loss
    return total / len(dims)
