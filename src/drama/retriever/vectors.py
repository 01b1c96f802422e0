"""Vectors outside the model: the type of a matrix of them, and the one place that truncates it.

Legend: N vectors, D dimensions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def truncate(vectors_ND: npt.NDArray[Any], dim: int | None) -> Array:
    """Matryoshka truncation: the first `dim` dimensions, renormalised. None keeps all.

    >>> truncate(np.array([[3.0, 4.0, 12.0]]), 2).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    cut_ND = np.asarray(vectors_ND, dtype=np.float32)[:, :dim]
    norm_N1 = np.linalg.norm(cut_ND, axis=1, keepdims=True)
    result: Array = cut_ND / np.maximum(norm_N1, 1e-12)
    return result
