"""Encoding a corpus for an index: shard by shard to disk; shards that are up to date are kept."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from drama.console import progress
from drama.errors import DramaError
from drama.files import write_json
from drama.records import Document, read_passages, write_passages
from drama.retriever import EmbeddingStore, load_encoder, truncate
from drama.workspace import VectorWriter

INFO = "index.json"
ENCODED = "encoded.json"
DOCUMENTS = "documents.parquet"
VECTORS = "vectors"
_NO_STORE = EmbeddingStore(None)


def encode_for_index(
    model: str | Path,
    documents: Iterable[Document],
    out: Path,
    dim: int | None = None,
    dtype: str = "float32",
    shard_size: int = 1024,
    max_length: int | None = None,
    store: EmbeddingStore = _NO_STORE,
) -> dict[str, int]:
    """Encode a corpus into `out`, with all that `build_index` needs; a rerun encodes what is missing.

    A shard is kept if its documents are the same (ids and texts, by hash). While shards are written, and
    until the next `build_index`, the folder is not an index.

    Args:
        model: see `load_encoder`.
        documents: any stream; its order decides the shards.
        out: the folder of the index.
        dim: a trained width to cut to; None is the full width.
        dtype: `float32` or `float16` on disk.
        shard_size: documents a shard.
        max_length: cut texts to this many tokens.
        store: where vectors at full width are looked up, and kept.

    Returns:
        `{"encoded": …, "reused": …}`, in documents; those that the store knew count as encoded.

    Raises:
        DramaError: the model was not trained at this width, the corpus holds no documents, or `out` holds
            vectors of another model (they are left as they are).
    """
    encoder = load_encoder(model, max_length)
    if dim is not None and dim not in encoder.dims:
        raise DramaError(
            f"{encoder.name}: not trained at {dim} dimensions", hint=f"trained at {list(encoder.dims)}"
        )
    out.mkdir(parents=True, exist_ok=True)
    incoming = out / "incoming.parquet"
    total = write_passages(incoming, documents)
    if total == 0:
        incoming.unlink()
        raise DramaError(f"{out}: the corpus holds no documents, nothing to encode")
    made_by = {"model": encoder.fingerprint, "dim": dim or encoder.dim, "shard_size": shard_size}
    writer = VectorWriter(out / VECTORS, dim or encoder.dim, dtype, made_by)
    (out / INFO).unlink(missing_ok=True)
    (out / ENCODED).unlink(missing_ok=True)
    counts = {"encoded": 0, "reused": 0}
    with progress(f"{encoder.name}: vectors of the index", total) as bar:
        for shard, group in enumerate(_groups(read_passages(incoming), shard_size)):
            mark_file = out / VECTORS / f"{shard:05d}.mark.json"
            mark = hashlib.sha256("\0".join(f"{d.id}\1{d.full_text}" for d in group).encode()).hexdigest()
            if writer.has(shard) and mark_file.is_file() and json.loads(mark_file.read_text()) == mark:
                counts["reused"] += len(group)
                bar.advance(len(group))
                continue
            vectors_ND = store.documents(encoder, [d.full_text for d in group], bar).vectors_ND
            mark_file.unlink(missing_ok=True)  # it is the old shard's, which is replaced in two steps
            writer.write(
                shard, [d.id for d in group], vectors_ND if dim is None else truncate(vectors_ND, dim)
            )
            write_json(mark_file, mark)
            counts["encoded"] += len(group)
    writer.drop_after((total - 1) // shard_size)
    os.replace(incoming, out / DOCUMENTS)
    where = str(Path(model).resolve()) if Path(model).exists() else str(model)
    about = {"model": where, "fingerprint": encoder.fingerprint, "dim": dim, "max_length": max_length}
    write_json(out / ENCODED, about)
    return counts


def _groups(documents: Iterator[Document], size: int) -> Iterator[list[Document]]:
    return iter(lambda: list(islice(documents, size)), [])
