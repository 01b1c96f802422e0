"""The losses against a teacher's vectors or scores, as pure functions.

Legend: B queries, N documents of the batch, K of one query, E the teacher's dimensions, T texts (B + N).
"""

import torch
import torch.nn.functional as F


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


def kl_to_scores(
    cosines_BN: torch.Tensor,
    columns_BK: torch.Tensor,
    scores_BK: torch.Tensor,
    temperature: float | torch.Tensor,
    scores_temperature: float,
) -> torch.Tensor:
    """KL(labels ‖ student) over each query's own documents that have a score, mean over queries.

    Args:
        cosines_BN: the student's.
        columns_BK: of each query's K scored documents.
        scores_BK: the labels' scores of these, in their own unit; −inf where a query has fewer.
        temperature: of the student's softmax.
        scores_temperature: of the labels'.

    >>> columns, scores = torch.tensor([[2, 0, 0]]), torch.tensor([[3.0, 1.0, float("-inf")]])
    >>> kl_to_scores(torch.tensor([[0.1, 0.9, 0.3]]), columns, scores, 0.1, 1.0).item() < 1e-6
    True
    """
    least = torch.finfo(cosines_BN.dtype).min
    none_BK = scores_BK.isneginf()
    student_BK = (cosines_BN.gather(1, columns_BK) / temperature).masked_fill(none_BK, least)
    return F.kl_div(
        F.log_softmax(student_BK, dim=-1),
        F.log_softmax((scores_BK / scores_temperature).masked_fill(none_BK, least), dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def margin_mse(
    cosines_BN: torch.Tensor,
    teacher_cosines_BN: torch.Tensor,
    positive_B: torch.Tensor,
    mask_BN: torch.Tensor,
) -> torch.Tensor:
    """Mean squared difference between student and teacher of (positive's cosine − negative's cosine).

    Over all documents of the batch that are negatives of the query.

    Source: Hofstätter et al. 2020, "Improving efficient neural ranking models with cross-architecture
    knowledge distillation"; there with the scores of a cross-encoder.
    """
    place_B1 = positive_B.unsqueeze(1)
    difference_BN = cosines_BN - teacher_cosines_BN
    errors_BN = (difference_BN.gather(1, place_B1) - difference_BN).square()
    negative_BN = ~mask_BN.scatter(1, place_B1, True)
    return (errors_BN * negative_BN).sum() / negative_BN.sum().clamp(min=1)


def embedding_loss(projected_TE: torch.Tensor, teacher_TE: torch.Tensor) -> torch.Tensor:
    """1 − cosine between the projected student vector and the teacher's, mean over texts."""
    return (1.0 - F.cosine_similarity(projected_TE, teacher_TE, dim=-1)).mean()
