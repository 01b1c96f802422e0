"""Near-duplicates by MinHash and locality-sensitive hashing (datasketch; Broder 1997)."""

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from datasketch import MinHash, MinHashLSH

_SHINGLE = 5
_PERMUTATIONS = 128


class NearDuplicates:
    """Remembers texts and tells which of the next ones are almost the same as an earlier one.

    Texts are compared by their sets of five neighbouring characters (white space folded, lower case), which
    suits scripts without spaces too. What the hash tables bring up is checked by the signatures' own
    estimate. Memory is about a kilobyte a text.

    >>> seen = NearDuplicates(0.7)
    >>> text = "The wing of the aircraft produces lift when air flows over it."
    >>> [seen.add(t) for t in (text, text + " Really.", "Bread rises because yeast turns sugar into gas.")]
    [False, True, False]
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._empty = MinHash(num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)
        self._tables = MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS)
        self._signatures: list[npt.NDArray[np.uint32]] = []

    def add(self, text: str) -> bool:
        """Whether an earlier text has a Jaccard similarity of the threshold or more; if not, remember it."""
        sketch = self._empty.copy()
        sketch.update_batch([shingle.encode(errors="replace") for shingle in _shingles(text)])
        signature = np.asarray(sketch.hashvalues, dtype=np.uint32)
        near: Sequence[int] = self._tables.query(sketch)
        if any(np.mean(self._signatures[i] == signature) >= self.threshold for i in near):
            return True
        self._tables.insert(len(self._signatures), sketch)
        self._signatures.append(signature)
        return False


def _shingles(text: str) -> set[str]:
    folded = " ".join(text.lower().split())
    return {folded[i : i + _SHINGLE] for i in range(max(1, len(folded) - _SHINGLE + 1))}
