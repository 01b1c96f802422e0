"""The lexical branch: dimensions of a vector in which two texts are near if they share rare words.

A small encoder knows what a text is about, and forgets which names, numbers and terms it holds; BM25 knows
nothing else. The branch gives each token a fixed random direction, the longer the rarer the token is in the
corpus, and adds up a text's tokens with BM25's weights. Cosines of such sums are those of BM25's weight
vectors, up to a noise of 1/√K (Johnson and Lindenstrauss 1984; Achlioptas 2003: random signs). So one dense
vector ranks as an encoder and a lexical retriever together do, and nothing is trained.

Tokens that are forms of one word ("wing", "wings") share a direction where the language has a stemmer.

Legend: V tokens of the vocabulary, R directions, K dimensions, N texts.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from drama.errors import DramaError
from drama.language.terms import analyse
from drama.models.opening import opening
from drama.retriever.lexical_settings import LexicalSettings
from drama.retriever.vectors import Array, truncate

if TYPE_CHECKING:
    import torch

LEXICAL = "lexical"
"""The folder of the branch in a retriever's."""
_WEIGHTS = "model.safetensors"
K1, B = 1.5, 0.75
_NONE = -1
_WORD_STARTS = ("Ġ", "▁")
"""What byte-level BPE and SentencePiece write for the space before a word."""


class LexicalBranch(NamedTuple):
    """The fitted branch; `fit` makes one for a tokenizer and a corpus."""

    direction_V: npt.NDArray[np.int32]
    """Each token's direction; −1 for special tokens, which say nothing."""
    idf_R: npt.NDArray[np.float32]
    """Inverse document frequency of each direction's word."""
    signs_RK: npt.NDArray[np.int8]
    """±1."""
    length: float
    """Mean length of the corpus's documents, in tokens."""

    @classmethod
    def fit(
        cls,
        tokenizer: Any,
        tokens: Iterable[Sequence[int]],
        lang: str,
        settings: LexicalSettings,
        seed: int,
        prefixes: Sequence[str] = (),
    ) -> Self:
        """Count in how many documents each word occurs; they are read once and not kept.

        Args:
            tokenizer: the retriever's.
            tokens: token ids of each document, as the retriever reads it.
            lang: of most documents (ISO 639-1), for its stemmer; empty: none.
            settings: the width.
            seed: of the directions.
            prefixes: what queries and documents begin with; its words say nothing, and weigh nothing.

        Raises:
            DramaError: no document has a token.
        """
        direction_V = _directions(tokenizer, lang)
        count_R = np.zeros(direction_V.max(initial=_NONE) + 1, dtype=np.int64)
        documents = total = 0
        for ids in tokens:
            found = direction_V[np.asarray(ids, dtype=np.int64)]
            found = found[found != _NONE]
            count_R[np.unique(found)] += 1
            documents, total = documents + 1, total + len(found)
        if not total:
            raise DramaError("train.retriever.lexical: the passages hold no tokens")
        idf_R = np.log(1 + (documents - count_R + 0.5) / (count_R + 0.5)).astype(np.float32)
        for prefix in prefixes:
            of_prefix = direction_V[tokenizer(prefix, add_special_tokens=False)["input_ids"]]
            idf_R[of_prefix[of_prefix != _NONE]] = 0.0
        bits_RK = np.random.default_rng([seed, 7]).integers(
            0, 2, (len(count_R), settings.dims), dtype=np.int8
        )
        return cls(direction_V, idf_R, 2 * bits_RK - 1, total / documents)

    @property
    def dims(self) -> int:
        """Width K."""
        return int(self.signs_RK.shape[1])

    def vectors(self, tokens: Sequence[Sequence[int]]) -> Array:
        """Vectors of texts [N, K], of unit length; zero for a text without a known token."""
        columns, weights, ends = [], [], [0]
        for ids in tokens:
            found = self.direction_V[np.asarray(ids, dtype=np.int64)]
            row_M, count_M = np.unique(found[found != _NONE], return_counts=True)
            norm = K1 * (1 - B + B * count_M.sum() / self.length)
            columns.append(row_M)
            weights.append((count_M / (count_M + norm)).astype(np.float32) * self.idf_R[row_M])
            ends.append(ends[-1] + len(row_M))
        if not columns:
            return np.zeros((0, self.dims), dtype=np.float32)
        parts = (np.concatenate(weights), np.concatenate(columns), np.array(ends))
        weights_NR = csr_matrix(parts, shape=(len(tokens), len(self.idf_R)))
        used_R = np.unique(weights_NR.indices)  # a batch has few of the vocabulary's words
        return truncate(weights_NR[:, used_R] @ self.signs_RK[used_R].astype(np.float32), None)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All of it, as it is saved."""
        length = np.array([self.length], dtype=np.float64)
        return {"directions": self.direction_V, "idf": self.idf_R, "signs": self.signs_RK, "length": length}

    def tensors(self) -> "dict[str, torch.Tensor]":
        """The same as tensors."""
        import torch

        return {name: torch.from_numpy(array) for name, array in self.arrays().items()}

    def write(self, folder: Path) -> None:
        """Write `lexical/` into a retriever's folder."""
        (folder / LEXICAL).mkdir()
        save_file(self.arrays(), folder / LEXICAL / _WEIGHTS)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The branch in a retriever's folder.

        Raises:
            DramaError: its file is missing or can't be read, or its tensors do not fit each other.
        """
        path = folder / LEXICAL / _WEIGHTS
        with opening(path, "file"):
            found = load_file(path)
            direction_V, idf_R, signs_RK = (found[name] for name in ("directions", "idf", "signs"))
            branch = cls(direction_V, idf_R, signs_RK, float(found["length"][0]))
            if len(branch.idf_R) != len(branch.signs_RK) or branch.direction_V.max() >= len(branch.idf_R):
                raise ValueError("its tensors do not fit each other")
        return branch


def joined(semantic_ND: Array, lexical_NK: Array, weight: float) -> Array:
    """Both parts as one vector of unit length, the encoder's first: its cosine is their weighted mean.

    >>> a, b = np.array([[1.0, 0.0]], dtype=np.float32), np.array([[0.0, 1.0]], dtype=np.float32)
    >>> joined(a, b, 0.25).astype(float).round(3).tolist()
    [[0.894, 0.0, 0.0, 0.447]]
    """
    return truncate(np.concatenate([semantic_ND, weight**0.5 * lexical_NK], axis=1), None)


def _directions(tokenizer: Any, lang: str) -> npt.NDArray[np.int32]:
    """Each token's direction: tokens that begin a word share that of the word's stem, the others have their
    own."""
    special = {*tokenizer.all_special_ids}
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    continues = any(piece.startswith("##") for piece in pieces)
    numbers: dict[str, int] = {}
    direction_V = np.full(len(pieces), _NONE, dtype=np.int32)
    for token, piece in enumerate(pieces):
        if token not in special:
            direction_V[token] = numbers.setdefault(_word(piece, continues, lang), len(numbers))
    return direction_V


def _word(piece: str, continues: bool, lang: str) -> str:
    """What a token's direction is shared by: the stem of a whole word, else the token itself.

    >>> [_word(piece, True, "en") for piece in ("wings", "wing", "##ings")]
    ['wing', 'wing', '\\x00##ings']
    >>> [_word(piece, False, "en") for piece in ("ĠWings", "ings")]
    ['wing', '\\x00ings']
    """
    begins = not piece.startswith("##") if continues else piece.startswith(_WORD_STARTS)
    if begins:
        terms = analyse(piece.lstrip("".join(_WORD_STARTS)), lang)
        if len(terms) == 1:
            return terms[0]
    return f"\0{piece}"
