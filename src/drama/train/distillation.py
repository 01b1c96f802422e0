"""The losses against a teacher's vectors, as pure functions.

Legend: B queries, N documents of the batch, E the teacher's dimensions, T texts (B + N).
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
