"""Exact duplicates by hash, near-duplicates by MinHash with LSH (datasketch; Broder 1997)."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drama.corpus.passages.chunks import BETWEEN
from drama.corpus.readers.tally import Tally
from drama.files.compression import uncompressed_name
from drama.records import ALSO, Document

_SHINGLE = 5
_PERMUTATIONS = 128
_HIGHEST_IN_TABLES = 0.9
"""datasketch can't make tables for 0.98 and above; the threshold itself is checked afterwards."""


def with_text(documents: Iterable[Document], tally: Tally) -> Iterator[Document]:
    """The documents with text."""
    for document in documents:
        if document.full_text:
            yield document
        else:
            tally.pass_over(document.id, "empty")


class Unique:
    """The documents with text, each text once: white space aside, and the name of a file as its title aside.

    Args:
        tally: takes note of the others.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.names: dict[str, list[str]] = {}
        """Id → the ids of documents whose text is the same."""

    def __call__(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The first document with each text."""
        seen: dict[bytes, str] = {}
        for document in with_text(documents, self._tally):
            digest = _digest(document)
            if digest in seen:
                self.names.setdefault(seen[digest], []).append(document.whole_id)
                self._tally.pass_over(document.id, "exact duplicate", f"of {seen[digest]}")
                continue
            seen[digest] = document.id
            yield document

    def named(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents that are left, with the names of the others in their metadata."""
        for document in documents:
            others = self.names.get(document.id, [])
            names = [*document.other_names, *(name for name in others if name != document.whole_id)]
            if names:
                about = {**dict(document.metadata), ALSO: "\t".join(dict.fromkeys(names))}
                document = document._replace(metadata=tuple(about.items()))
            yield document


def _digest(document: Document) -> bytes:
    title, *headings = document.title.split(BETWEEN)
    if title == Path(uncompressed_name(Path(document.whole_id).name)).stem:
        title = ""
    text = " ".join(f"{title} {BETWEEN.join(headings)} {document.text}".split())
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def without_near_duplicates(
    documents: Iterable[Document], threshold: float | None, tally: Tally
) -> Iterator[Document]:
    """The documents that are not almost the same as an earlier one; without a threshold, all of them."""
    seen = None if threshold is None else NearDuplicates(threshold)
    for document in documents:
        near = seen is not None and seen.add(document.full_text)
        if near:
            tally.pass_over(document.id, "near-duplicate")
        else:
            tally.count("ok")
            yield document


class NearDuplicates:
    """Remembers texts, and recognises those that are almost the same as an earlier one.

    Texts are compared by their sets of five neighbouring characters (white space folded, lower case), which
    suits scripts without spaces too. Candidates from the hash tables are checked by the estimate of their
    signatures. Memory is about a kilobyte per text.

    >>> seen = NearDuplicates(0.7)
    >>> text = "The wing of the aircraft produces lift when air flows over it."
    >>> [seen.add(t) for t in (text, text + " Really.", "Bread rises because yeast turns sugar into gas.")]
    [False, True, False]
    """

    def __init__(self, threshold: float) -> None:
        from datasketch import MinHash, MinHashLSH  # imports scipy

        self.threshold = threshold
        self._empty = MinHash(num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)
        self._tables = MinHashLSH(threshold=min(threshold, _HIGHEST_IN_TABLES), num_perm=_PERMUTATIONS)
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
