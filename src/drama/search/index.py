"""Index: vectors, the documents' texts and the model's address in one folder, searched exactly.

index.json           model, its fingerprint, width
vectors/             shards (see drama.workspace.vectors)
documents.parquet    what a hit shows
encoded.json         that encoding ended, and with what
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from drama.errors import DramaError, FileError
from drama.files import write_json
from drama.records import Document, Hit, read_passages, write_passages
from drama.retriever import Encoder, encode_corpus, load_encoder
from drama.search.indexes.exact import exact_search
from drama.workspace import VectorReader

_INFO = "index.json"
_ENCODED = "encoded.json"


class Found(NamedTuple):
    """A hit with its document."""

    hit: Hit
    document: Document


def encode_for_index(
    model: str | Path,
    documents: Iterable[Document],
    out: Path,
    dim: int | None = None,
    dtype: str = "float32",
    shard_size: int = 1024,
    max_length: int | None = None,
) -> dict[str, int]:
    """Encode a corpus into `out` (resumable), with what `build_index` needs beside the vectors.

    Whole shards with the same documents are kept. While they are being changed the folder is no index.

    Returns:
        Counts of documents encoded and reused.

    Raises:
        DramaError: the model was not trained at this width, the corpus holds no documents, or `out` holds
            vectors of another model (those are left as they are).
    """
    encoder = load_encoder(model, max_length)
    if dim is not None and dim not in encoder.dims:
        raise DramaError(
            f"{encoder.name}: not trained at {dim} dimensions", hint=f"trained at {list(encoder.dims)}"
        )
    out.mkdir(parents=True, exist_ok=True)
    incoming = out / "incoming.parquet"
    if write_passages(incoming, documents) == 0:
        incoming.unlink()
        raise DramaError(f"{out}: the corpus holds no documents, nothing to encode")
    counts = encode_corpus(encoder, _reopened(out, incoming), out / "vectors", dim, dtype, shard_size)
    os.replace(incoming, out / "documents.parquet")
    where = str(Path(model).resolve()) if Path(model).exists() else str(model)
    about = {"model": where, "fingerprint": encoder.fingerprint, "dim": dim, "max_length": max_length}
    write_json(out / _ENCODED, about)
    return counts


def _reopened(out: Path, incoming: Path) -> Iterator[Document]:
    """The incoming documents; the folder stops being an index when the first of them is asked for, which
    is after the vectors there were found to be this model's."""
    (out / _INFO).unlink(missing_ok=True)
    (out / _ENCODED).unlink(missing_ok=True)
    yield from read_passages(incoming)


def build_index(folder: Path) -> int:
    """Check an encoded folder and declare it an index. Returns the number of documents.

    Raises:
        FileError: the folder was not made by `drama encode`, is incomplete, or empty.
    """
    about = folder / _ENCODED
    if not about.is_file():
        raise FileError(folder, "was not finished by `drama encode`", hint="run `drama encode` (again) first")
    ids = [i for shard, _ in VectorReader(folder / "vectors").shards() for i in shard]
    documents = [d.id for d in read_passages(folder / "documents.parquet")]
    if not ids:
        raise FileError(folder, "holds no documents")
    if ids != documents:
        raise FileError(folder, "vectors and documents do not fit together", hint="run `drama encode` again")
    write_json(folder / _INFO, json.loads(about.read_text(encoding="utf-8")) | {"documents": len(ids)})
    return len(ids)


class Index:
    """An index that answers queries.

    Raises:
        FileError: not an index.
        DramaError: the model has changed since the documents were encoded.
    """

    def __init__(self, folder: Path, encoder: Encoder, dim: int | None) -> None:
        self.folder = folder
        self.encoder = encoder
        self.dim = dim
        self._vectors = VectorReader(folder / "vectors")
        self._documents = {d.id: d for d in read_passages(folder / "documents.parquet")}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder that `build_index` finished, and load its model."""
        path = folder / _INFO
        if not path.is_file():
            hint = "make it with `drama encode MODEL CORPUS --out DIR` and `drama index DIR`"
            raise FileError(folder, "not an index (no index.json)", hint=hint)
        about = json.loads(path.read_text(encoding="utf-8"))
        encoder = load_encoder(about["model"], about["max_length"])
        if encoder.fingerprint != about["fingerprint"]:
            raise DramaError(
                f"{folder}: the model {about['model']} has changed since these documents were encoded",
                hint="run `drama encode` and `drama index` again",
            )
        return cls(folder, encoder, about["dim"])

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, query: str, k: int = 10) -> list[Found]:
        """The k nearest documents, best first."""
        queries_QD = self.encoder.encode_queries([query], self.dim)
        hits = exact_search(queries_QD, self._vectors.shards(), k)[0]
        return [Found(hit, self._documents[hit.document_id]) for hit in hits]
