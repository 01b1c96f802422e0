"""Token ids of the texts that training needs, looked up by id."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drama.console import warn
from drama.errors import FileError
from drama.records import Example, read_passages
from drama.retriever import Retriever
from drama.train.tokens import TokenFile, write_tokens
from drama.workspace import VectorReader

_BLOCK = 4096


def document_tokens(
    retriever: Retriever, passages: Sequence[Path], examples: Sequence[Example], max_length: int, folder: Path
) -> TokenFile:
    """Token ids of each passage that the examples name, in a folder of their own; passages are streamed.

    A folder that is there, from before a cut or by another process, is taken as it is: it lies in a stage's
    folder, which is emptied where the inputs or the settings are others. A damaged one is made anew.

    Raises:
        FileError: an example names a passage that is not there.
    """
    try:
        return TokenFile(folder)
    except (OSError, ValueError, EOFError) as error:
        if folder.is_dir():
            warn(f"{folder}: damaged, made anew ({error})")
    missing = {i for e in examples for i in (*e.positive_ids, *e.negative_ids)}
    wanted = frozenset(missing)

    def blocks() -> Iterator[tuple[list[str], list[list[int]]]]:
        chosen = (d for path in passages for d in read_passages(path) if d.id in wanted)
        while block := list(islice(chosen, _BLOCK)):
            ids = [d.id for d in block]
            missing.difference_update(ids)
            yield ids, retriever.tokens([d.full_text for d in block], "document", max_length)
        if missing:
            raise FileError(
                passages[0],
                f"{len(missing)} passages that the examples name are not there, e.g. '{min(missing)}'",
                hint="examples and passages must come from the same corpus",
            )

    write_tokens(folder, blocks())
    return TokenFile(folder)


def query_tokens(retriever: Retriever, examples: Sequence[Example], max_length: int) -> list[list[int]]:
    """Token ids of each example's query, prefix included."""
    return retriever.tokens([e.query for e in examples], "query", max_length)


class TeacherVectors:
    """The labelling model's vectors of queries (by example id) and documents (by passage id).

    Raises:
        FileError: vectors that the examples need are missing.
    """

    def __init__(self, folder: Path, examples: Sequence[Example], documents: Iterable[str]) -> None:
        self._queries = _rows(folder / "queries", [e.id for e in examples])
        self._documents = _rows(folder / "documents", documents)
        _, self.queries_QE = VectorReader(folder / "queries").load()
        _, self.documents_NE = VectorReader(folder / "documents").load()
        self.dim: int = self.queries_QE.shape[1]
        self.rotated = False

    def rotate(self, axes_EE: npt.NDArray[np.float32]) -> None:
        """Turn all vectors, whose cosines stay; fewer columns than rows cut them as well."""
        self.queries_QE = self.queries_QE.astype(np.float32) @ axes_EE
        self.documents_NE = self.documents_NE.astype(np.float32) @ axes_EE
        self.dim = axes_EE.shape[1]
        self.rotated = True

    def query_rows(self, examples: Sequence[Example]) -> list[int]:
        """Rows of `queries_QE`."""
        return [self._queries[e.id] for e in examples]

    def document_rows(self, ids: Sequence[str]) -> list[int]:
        """Rows of `documents_NE`."""
        return [self._documents[i] for i in ids]


def _rows(folder: Path, wanted: Iterable[str]) -> Mapping[str, int]:
    ids = [i for shard, _ in VectorReader(folder).shards() for i in shard]
    rows = {i: row for row, i in enumerate(ids)}
    missing = [i for i in wanted if i not in rows]
    if missing:
        raise FileError(folder, f"{len(missing)} vectors are missing, e.g. of '{missing[0]}'")
    return rows
