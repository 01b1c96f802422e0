"""Index: vectors, BM25, the documents' texts and the address of the model in one folder, ready for queries.

index.json           what encoded.json says, the kind of index, and the checksums of words/
vectors/             shards (see drama.workspace.vectors)
words/               BM25, for hybrid search
documents.parquet    what a hit shows
encoded.json         written when encoding ended: model, its fingerprint, width, type, checksums
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from drama.console import note
from drama.errors import DramaError, FileError, check_list
from drama.files import atomic_folder, writing
from drama.files.checksums import checksum, read_sealed_json, write_sealed_json
from drama.models.files import SUMS
from drama.records import Document, Hit, Passages, by_document, ranked, read_passages
from drama.records.hit import IdsOf, float32
from drama.retriever import Encoder, load_encoder
from drama.retriever.queries import QueryEncoder
from drama.retriever.vectors import Array, truncate
from drama.search.bm25 import BM25
from drama.search.encode import DOCUMENTS, VECTORS, WORDS
from drama.search.folder import ENCODED, INFO, check_index
from drama.search.fusion import hybrid_rows
from drama.search.indexes import KINDS, VectorIndex
from drama.search.names import HYBRID_SHARE
from drama.search.where import check_fields, fields_of, fits
from drama.workspace import VectorReader

MODES = ("hybrid", "dense", "bm25")
"""How an index is searched."""
_DEPTH = 1000
"""Hits of each ranking that are fused."""
_WHOLE = "name a model for an index of a corpus: drama index CORPUS --model MODEL --out DIR"
_AGAIN = "run `drama encode` and `drama index` again; what is in the embedding store is not encoded again"


class Found(NamedTuple):
    """A hit with its document; where that was cut into chunks, with its best chunk."""

    hit: Hit
    document: Document


def build_index(
    folder: Path, kind: str = "exact", words: bool = True, dense_share: float = HYBRID_SHARE
) -> int:
    """Check an encoded folder and make it an index of a kind. Returns the number of documents.

    Args:
        folder: what `encode_for_index` wrote.
        kind: of the vectors' index.
        words: keep BM25 too, for hybrid search.
        dense_share: of the vectors, in hybrid search.

    Raises:
        FileError: `drama encode` did not make the folder or did not end, or the folder is empty.
        DramaError: no such kind.
    """
    if not folder.is_dir():
        raise FileError(folder, "no such folder", hint=f"run `drama encode` first, or {_WHOLE}")
    with writing(folder):
        if kind not in KINDS:
            raise DramaError(f"no kind of index '{kind}'", hint=f"kinds: {', '.join(KINDS)}")
        about = folder / ENCODED
        if not about.is_file():
            raise FileError(
                folder,
                "was not finished by `drama encode`",
                hint=f"run `drama encode` (again) first, or {_WHOLE}",
            )
        encoded = read_sealed_json(about, hint=_AGAIN)
        _check_parts(folder, encoded["checksums"])
        vectors = VectorReader(folder / VECTORS)
        if not len(vectors):
            raise FileError(folder, "holds no documents")
        ids = (i for shard, _ in vectors.shards() for i in shard)
        documents = (d.id for d in read_passages(folder / DOCUMENTS))
        if any(one != other for one, other in zip_longest(ids, documents)):
            raise FileError(
                folder, "vectors and documents do not fit together", hint="run `drama encode` again"
            )
        KINDS[kind].build(folder)
        about_words = {"words": _build_words(folder) if words else {}, "dense_share": dense_share}
        write_sealed_json(folder / INFO, encoded | {"documents": len(vectors), "kind": kind, **about_words})
        return len(vectors)


def _build_words(folder: Path) -> dict[str, str]:
    """Write `words/`. Returns its files' checksums; none where no document holds a word."""
    try:
        bm25 = BM25.build(Passages(folder / DOCUMENTS))
    except DramaError as error:
        note(f"index: without BM25 ({error})")
        return {}
    with atomic_folder(folder / WORDS) as partial:
        bm25.save(partial)
    return {path.name: checksum(path) for path in sorted((folder / WORDS).iterdir())}


def _check_parts(folder: Path, sums: dict[str, str]) -> None:
    """Compare the checksums of files of an encoded folder; those of the shards are compared on first use."""
    for part, known in sums.items():
        if not (folder / part).is_file() or checksum(folder / part) != known:
            raise FileError(folder / part, "missing, damaged, or not of this index", hint=_AGAIN)


class Index:
    """An index that answers queries.

    Raises:
        FileError: not an index, or a file is damaged.
        DramaError: the model has changed since the documents were encoded.
    """

    def __init__(
        self, folder: Path, model: str | Path | None, about: dict[str, Any], vectors: VectorIndex
    ) -> None:
        self._folder, self._model, self._about = folder, model, about
        self._vectors = vectors
        self.dim: int = about["dim"]
        """Width of its vectors."""
        self._light = True
        self._documents = {d.id: d for d in read_passages(folder / DOCUMENTS)}
        self._ids = [*self._documents]
        self._bm25: BM25 | None = None
        self._dense_share: float = about.get("dense_share", HYBRID_SHARE)
        if sums := about.get("words"):
            _check_parts(folder, {f"{WORDS}/{name}": known for name, known in sums.items()})
            self._bm25 = BM25.load(folder / WORDS, self._ids)

    @classmethod
    def open(
        cls, folder: Path, model: str | Path | None = None, dense: bool = True, light: bool = True
    ) -> Self:
        """Open a folder that `build_index` finished.

        Args:
            folder: the index.
            model: where its model is now, if it was moved apart from it.
            dense: load the model; else it is loaded by the first search that needs vectors.
            light: read queries in numpy where that can be, which begins at once; else in torch, which is
                faster for many and encodes documents too.
        """
        about = read_sealed_json(check_index(folder), hint=_AGAIN)
        _check_parts(folder, about["checksums"])
        opened = cls(folder, model, about, KINDS[about["kind"]].open(folder))
        opened._light = light
        if dense:
            opened.encoder  # noqa: B018
        return opened

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def has_words(self) -> bool:
        """Whether it holds BM25."""
        return self._bm25 is not None

    def documents(self) -> Iterator[Document]:
        """All passages, in their order."""
        yield from self._documents.values()

    def map_all(self) -> None:
        """Map all vectors now: what is mapped stays readable when the folder is replaced by a rebuilt one."""
        self._vectors.map_all()

    def cut(self, vectors_ND: Array) -> Array:
        """Vectors of the model's full width, as wide as the index's."""
        return truncate(vectors_ND, self.dim)

    def passage(self, passage_id: str) -> Document | None:
        """A passage by its id."""
        return self._documents.get(passage_id)

    def document(self, document_id: str) -> list[Document]:
        """The passages of a document, in their order; none, where there is no such document."""
        return [each for each in self._documents.values() if each.whole_id == document_id]

    @cached_property
    def fields(self) -> list[str]:
        """What documents can be filtered by."""
        return fields_of(self._documents.values())

    @property
    def fingerprint(self) -> str:
        """Of the model that encoded its documents."""
        return str(self._about["fingerprint"])

    @cached_property
    def encoder(self) -> QueryEncoder | Encoder:
        """The model, opened when vectors are first asked for."""
        name = self._model or _model_of(self._folder, self._about)
        sums = Path(name) / SUMS
        known = self._about.get("model_sums")
        if self._light and known is not None and sums.is_file() and checksum(sums) == known:
            light = QueryEncoder.open(Path(name), self._about["max_length"])
            if light is not None:
                return light
        encoder = load_encoder(name, self._about["max_length"])
        if encoder.fingerprint != self._about["fingerprint"]:
            raise DramaError(
                f"{self._folder}: the model {name} is another one than that which encoded these documents, "
                "or has changed since",
                hint="run `drama encode` and `drama index` again",
            )
        return encoder

    def search(
        self,
        query: str,
        k: int = 10,
        mode: str | None = None,
        where: Mapping[str, Sequence[str]] | None = None,
        vector_1D: Array | None = None,
    ) -> list[Found]:
        """The k best documents, best first; one cut into chunks counts by its best chunk (MaxP, Dai and
        Callan 2019), and has the id that it had before.

        Args:
            query: a text.
            k: how many.
            mode: `dense` (by vectors), `bm25`, or `hybrid`, which is the default where the index holds BM25;
                see `drama.search.hybrid` for its scores.
            where: only documents that fit, see `drama.search.where`.
            vector_1D: the query's vector [1, D], where it is known already.

        Raises:
            DramaError: the query is empty, there is no such mode, the index holds no BM25, or no document
                has a field of `where`.
        """
        check_list([query], "query")
        if not query.strip():
            raise DramaError("the query is empty", hint="write what you are looking for")
        mode = self.mode(mode)
        if where:
            check_fields(where, self.fields)
        if mode == "bm25":
            vector_1D = None
        elif vector_1D is None:
            vector_1D = self.encoder.encode_queries([query], self.dim)
        depth = 4 * k  # passages of some documents stand side by side
        while True:
            hits = self._passages(query, vector_1D, depth, mode)
            kept = [hit for hit in hits if fits(self._documents[hit.document_id], where)] if where else hits
            found = self._by_document(kept)
            if len(found) >= k or len(hits) < depth:
                return found[:k]
            depth *= 4

    def mode(self, mode: str | None) -> str:
        """How a search is done that names this mode, or none.

        Raises:
            DramaError: there is no such mode, or the index holds no BM25.
        """
        mode = mode or ("dense" if self._bm25 is None else "hybrid")
        if mode not in MODES:
            raise DramaError(f"no mode '{mode}'", hint=f"modes: {', '.join(MODES)}")
        if mode != "dense" and self._bm25 is None:
            raise DramaError(f"mode {mode}: the index holds no BM25", hint="make it again by `drama index`")
        return mode

    def _passages(self, query: str, vector_1D: Array | None, k: int, mode: str) -> list[Hit]:
        """The k best passages."""
        deep = k if mode != "hybrid" else max(k, _DEPTH)
        rows_N, scores_N = np.zeros(0, dtype=np.int64), float32([])
        if vector_1D is not None:
            ((rows_N, scores_N),) = self._vectors.search(vector_1D, deep)
        if mode != "dense":
            assert self._bm25 is not None
            words = self._bm25.best(query, deep)
            if mode == "bm25":
                rows_N, scores_N = words
            else:
                (bound,) = self._bm25.bounds([query])
                rows_N, total_N = hybrid_rows((rows_N, scores_N), words, bound, self._dense_share)
                scores_N = float32(total_N)
        return ranked(IdsOf(rows_N, self._ids), scores_N, k)

    def _by_document(self, hits: list[Hit]) -> list[Found]:
        """The best passage of each document among the hits."""
        found = by_document(hits, lambda i: self._documents[i].whole_id)
        return [Found(hit, self._documents[passage]) for hit, passage in found]


def _model_of(folder: Path, about: dict[str, Any]) -> str:
    """The index's model: where it is from here, which is right after both were moved or copied, or where it
    was.

    Raises:
        FileError: a folder that is in neither place.
    """
    name: str = about["model"]
    if "model_from_here" not in about:
        return name
    beside = folder.resolve() / about["model_from_here"]
    if beside.exists():  # first: a copy of both must not read what it was copied from
        return str(beside.resolve())
    if Path(name).exists():
        return name
    hint = "put it back there, name it with --model, or run `drama encode` and `drama index` again"
    raise FileError(folder, f"its model is not there any more: {name}", hint=hint)
