"""The teacher's space: a linear head, fitted in closed form, makes student and teacher comparable.

Legend: N texts, D the backbone's width, E the teacher's dimensions.
"""

import numpy as np
import numpy.typing as npt
import torch

from drama.retriever import Retriever
from drama.retriever.head import new_head
from drama.retriever.pooling import normalise

_SAMPLE = 2000
_RIDGE = 0.005
_BATCH = 64


def principal_axes(vectors_NE: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A rotation [E, E] of the space after which the leading dimensions carry most of the vectors.

    Cosines stay; a Matryoshka cut of rotated vectors loses as little as a linear cut can.

    >>> axes = principal_axes(np.array([[0.0, 2.0], [0.0, -3.0], [0.1, 0.0]], dtype=np.float32))
    >>> np.abs(np.array([[0.0, 1.0]]) @ axes).round(3).tolist()
    [[1.0, 0.0]]
    """
    _, _, axes_EE = np.linalg.svd(vectors_NE.T @ vectors_NE)
    return np.ascontiguousarray(axes_EE.T)


def fit_head(pooled_ND: torch.Tensor, teacher_NE: torch.Tensor) -> torch.nn.Linear:
    """The head that brings the backbone's vectors nearest to the teacher's: ridge regression.

    The ridge is 0.005 of the mean eigenvalue of the backbone's second moments.
    """
    unit_ND = normalise(pooled_ND).double()
    moments_DD = unit_ND.T @ unit_ND
    width = moments_DD.shape[0]
    ridge_DD = _RIDGE * moments_DD.trace() / width * torch.eye(width, dtype=torch.float64)
    weight_DE = torch.linalg.solve(moments_DD + ridge_DD, unit_ND.T @ teacher_NE.double())
    return new_head(weight_DE.T.float())


def place_in_teacher_space(
    retriever: Retriever, tokens: list[list[int]], teacher_NE: npt.NDArray[np.float32], seed: int
) -> None:
    """Give the retriever a head fitted on a seeded sample of texts; one it already has is replaced.

    Args:
        retriever: changed in place: from now on its vectors have E dimensions.
        tokens: token ids of N texts.
        teacher_NE: the teacher's vectors of the same texts.
        seed: of the sample.
    """
    chosen = np.random.default_rng([seed, 2]).permutation(len(tokens))[:_SAMPLE]
    retriever.head = None
    with torch.no_grad():
        pooled = [
            retriever.forward([tokens[row] for row in chosen[start : start + _BATCH]])
            for start in range(0, len(chosen), _BATCH)
        ]
    retriever.head = fit_head(torch.cat(pooled).cpu(), torch.from_numpy(teacher_NE[chosen])).to(
        retriever.backbone.device
    )
