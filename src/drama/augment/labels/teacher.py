"""The dense labelling models' vectors: for ranking, and kept for distillation.

Legend: N documents, Q queries, D dimensions.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drama.augment.candidate import Candidate
from drama.augment.labels.settings import LabelSettings
from drama.augment.labels.weights import HeldOut, Probe, Weights
from drama.records import Documents, Texts
from drama.retriever import Blocks, EmbeddingStore, Encoder, RayEncoding, load_encoder
from drama.search import LSA, LSA_NAME
from drama.servers import is_server
from drama.servers.settings import ServerSettings
from drama.workers import RaySettings
from drama.workspace import write_vectors

_SHARD = 8192
Array = npt.NDArray[Any]


class ModelVectors(NamedTuple):
    """One dense model's vectors of all queries, the corpus, and the passages written with queries."""

    queries_QD: Array
    documents_ND: Blocks
    written_ND: Blocks
    probe: Probe | None = None
    """Its vectors for finding weights, where they are looked for."""


class TeacherVectors(NamedTuple):
    """The vectors of each dense model that is used, and the ids of their documents."""

    models: list[ModelVectors]
    documents: list[str]
    written: list[str]
    shares: list[float]
    """Each model's share of the cosine of two texts; they sum to 1."""
    found: Weights | None = None
    """How the shares were found; None: they are equal."""


def embed(
    name: str,
    queries: Sequence[Candidate],
    documents: Documents,
    settings: LabelSettings,
    store_folder: Path | None,
    ray: RaySettings | None,
    server: ServerSettings | None,
    held: Sequence[HeldOut] = (),
) -> ModelVectors:
    """Encode the queries, the corpus, the passages that were written with queries, and what was held out."""
    encoder: Encoder
    actors: RayEncoding | None = None
    if name == LSA_NAME:
        encoder = LSA.build(documents)
    else:
        encoder = model = load_encoder(name, settings.max_length, settings.precision, server)
        if ray is not None and not is_server(name):
            how = settings.max_length, model.precision, model.fingerprint
            actors = RayEncoding(name, *how, ray)
    store = EmbeddingStore(store_folder, actors)
    documents_ND = store.document_blocks(encoder, Texts(documents))
    written = [d.full_text for query in queries for d in query.written]
    written_ND = store.document_blocks(encoder, written) if written else Blocks([])
    queries_QD = store.queries(encoder, [query.query for query in queries]).vectors_ND
    probe = None
    if held:
        sentences_QD = encoder.encode_queries([each.sentence for each in held])
        probe = Probe(sentences_QD, encoder.encode_documents([each.rest for each in held]), documents_ND)
    return ModelVectors(queries_QD, documents_ND, written_ND, probe)


def keep_vectors(folder: Path, rows: Mapping[str, int], vectors: TeacherVectors) -> None:
    """Write the vectors for distillation; see `LabelSettings.keep_vectors`.

    Args:
        folder: `queries/` and `documents/` go here.
        rows: example id → the row of its query's vector.
        vectors: those of the labelling models.
    """
    models, documents, written = vectors.models, vectors.documents, vectors.written
    width = sum(m.queries_QD.shape[1] for m in models)
    scales = [share**0.5 for share in vectors.shares]
    ids = list(rows)
    names = (ids[start : start + _SHARD] for start in range(0, len(ids), _SHARD))
    queries = (
        (some, _joined([m.queries_QD[[rows[i] for i in some]] for m in models], scales)) for some in names
    )
    write_vectors(folder / "queries", width, "float16", queries)
    corpus = zip(*(m.documents_ND.with_ids(documents) for m in models), strict=True)
    extra = zip(*(m.written_ND.with_ids(written) for m in models), strict=True)
    joined = (
        (parts[0][0], _joined([part_ND for _, part_ND in parts], scales)) for parts in chain(corpus, extra)
    )
    write_vectors(folder / "documents", width, "float16", joined)


def _joined(parts: Sequence[Array], scales: Sequence[float]) -> Array:
    """The vectors of all models side by side."""
    return np.concatenate([part_ND * scale for part_ND, scale in zip(parts, scales, strict=True)], axis=1)
