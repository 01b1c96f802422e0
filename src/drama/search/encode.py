"""Encoding a corpus for an index: the embedding store encodes what is missing, shards are copied from it."""

import os
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from drama.corpus.passages.settings import ChunkSettings, tokenizer_in
from drama.errors import DramaError, FileError, check_list
from drama.files import LOCK, replace_folder, writing
from drama.files.checksums import checksum, read_sealed_json, write_sealed_json
from drama.models import resolve
from drama.models.files import SUMS
from drama.records import Document, Passages, Texts, write_passages
from drama.retriever import EmbeddingStore, Encoder, check_dim, load_encoder, truncate
from drama.search.folder import ENCODED, INFO
from drama.search.smoothing import smooth
from drama.search.smoothing_settings import SmoothingSettings
from drama.workspace import VectorReader, read_manifest, write_vectors
from drama.workspace.manifest import MANIFEST
from drama.workspace.vectors import INFO as INFO_OF_VECTORS
from drama.workspace.vectors import in_shards

DOCUMENTS = "documents.parquet"
VECTORS = "vectors"
STORE = "embeddings"
WORDS = "words"
_INCOMING, _INCOMING_VECTORS, _WHOLE = "incoming.parquet", "incoming-vectors", "incoming-vectors.npy"
_OWN = (INFO, ENCODED, DOCUMENTS, VECTORS, WORDS, STORE, _INCOMING, LOCK, MANIFEST)
"""One of them shows that the folder was begun by us."""


def encode_for_index(
    model: str | Path,
    documents: Iterable[Document],
    out: Path,
    dim: int | None = None,
    dtype: str = "float32",
    max_length: int | None = None,
    store: Path | None = None,
    smoothing: SmoothingSettings | None = None,
    chunk: ChunkSettings | None = None,
) -> dict[str, int]:
    """Encode a corpus into `out`, with all that `build_index` needs; a rerun encodes what is missing.

    An index that is there stays one until all vectors are; from then to the next `build_index` there is none.

    Args:
        model: see `load_encoder`.
        documents: any stream.
        out: the folder of the index.
        dim: a trained width to cut to; None is the full width.
        dtype: `float32` or `float16` on disk.
        max_length: cut texts to this many tokens.
        store: the folder of an embedding store; None is `embeddings/` in `out`.
        smoothing: moves the vectors towards their neighbours'; the store keeps them as they were.
        chunk: cuts long documents into passages, `auto` of the longest text that the model reads; None keeps
            them as they are.

    Returns:
        `{"encoded": …, "reused": …}`, in passages, and what was cut.

    Raises:
        DramaError: the model was not trained at this width, the corpus holds no documents, or `out` holds
            vectors of another model (they are left as they are) or somebody's files, or is being written by
            another process.
    """
    check_list(documents, "documents", Document)
    _check_folder(out)
    with writing(out):
        encoder = load_encoder(model, max_length)
        width = check_dim(encoder.name, dim, encoder.dims)
        made_by = {"fingerprint": encoder.fingerprint, "dim": width, "dtype": dtype}
        made_by["smoothing"] = None if smoothing is None else smoothing.model_dump()
        encoded = out / ENCODED
        if encoded.is_file() and not made_by.items() <= read_sealed_json(encoded, hint="remove it").items():
            raise FileError(
                out,
                "holds vectors that were made with another model or other settings",
                hint="name another output folder, or remove this one",
            )
        incoming = out / _INCOMING
        outcomes: Counter[str] = Counter()
        if chunk is not None:
            documents = _in_passages(documents, encoder, model, chunk, outcomes)
        total = write_passages(incoming, documents)
        if total == 0:
            incoming.unlink()
            raise DramaError(f"{out}: the corpus holds no documents, nothing to encode")
        passages = Passages(incoming)
        embeddings = EmbeddingStore(store or out / STORE)
        blocks = embeddings.document_blocks(encoder, Texts(passages)).with_ids(d.id for d in passages)
        shards = ((ids, part_ND if dim is None else truncate(part_ND, dim)) for ids, part_ND in blocks)
        write_vectors(out / _INCOMING_VECTORS, width, dtype, in_shards(shards))
        if smoothing is not None:
            _smooth(out / _INCOMING_VECTORS, dtype, smoothing)
        (out / INFO).unlink(missing_ok=True)
        encoded.unlink(missing_ok=True)
        replace_folder(out / _INCOMING_VECTORS, out / VECTORS)
        os.replace(incoming, out / DOCUMENTS)
        where = str(Path(model).resolve()) if Path(model).exists() else str(model)
        sums = {part: checksum(out / part) for part in (DOCUMENTS, f"{VECTORS}/{INFO_OF_VECTORS}")}
        about = {"model": where, "max_length": max_length, **made_by, "checksums": sums}
        if (sums_of_model := Path(where) / SUMS).is_file():
            about["model_sums"] = checksum(sums_of_model)
        if Path(where).exists():
            about["model_from_here"] = os.path.relpath(where, out.resolve())
        write_sealed_json(encoded, about)
        return {"encoded": embeddings.encoded, "reused": total - embeddings.encoded, **outcomes}


def _in_passages(
    documents: Iterable[Document],
    encoder: Encoder,
    model: str | Path,
    settings: ChunkSettings,
    outcomes: Counter[str],
) -> Iterable[Document]:
    """Long documents cut for this model; whole ones where its tokens are not known (a server's)."""
    # What finds sentences and languages takes time to import, and a search does not need it.
    from drama.corpus.languages import with_languages
    from drama.corpus.passages.chunks import chunked, room_in
    from drama.language.guess import LanguageGuesser

    longest = getattr(encoder, "longest", None)
    if longest is None or settings.tokens is None:
        return documents
    tokenizer = tokenizer_in(resolve(settings.tokenizer or model))
    tokens = settings.tokens
    if tokens == "auto":
        tokens = room_in(longest, getattr(encoder, "document_prefix", ""), tokenizer)
    counted = ChunkSettings.parse({**settings.model_dump(), "tokens": tokens}, where="chunk")

    def count(outcome: str) -> None:
        outcomes[outcome] += 1

    return chunked(with_languages(documents, LanguageGuesser([])), counted, tokenizer, count)


def _smooth(folder: Path, dtype: str, settings: SmoothingSettings) -> None:
    """Move the vectors of a folder towards their neighbours'. In memory there are the ids and some blocks."""
    reader = VectorReader(folder)
    ids = [i for shard, _ in reader.shards() for i in shard]
    whole = folder.with_name(_WHOLE)
    try:
        vectors_ND = np.lib.format.open_memmap(whole, "w+", np.float32, (len(reader), reader.dim))
        start = 0
        for shard, part_ND in reader.shards():
            vectors_ND[start : start + len(shard)] = part_ND
            start += len(shard)
        names = iter(ids)
        parts = ((list(islice(names, len(p))), p) for p in smooth(vectors_ND, settings))
        write_vectors(folder, reader.dim, dtype, in_shards(parts))
    finally:
        whole.unlink(missing_ok=True)


def _check_folder(out: Path) -> None:
    """Refuse a folder that is somebody's, or another stage's."""
    if out.is_dir() and any(out.iterdir()) and not any((out / name).exists() for name in _OWN):
        raise FileError(
            out, "the folder is not empty and was not made by drama", hint="name another output folder"
        )
    before = read_manifest(out)
    if before is not None and before.stage != "index":
        raise FileError(out, f"holds the results of the stage '{before.stage}'", hint="name another folder")
