"""Encoding a corpus as a stream: shard by shard to disk, whole shards skipped on the next start."""

import hashlib
import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from drama.console import track
from drama.files import write_json
from drama.records import Document
from drama.retriever.encoder import Encoder
from drama.workspace import VectorWriter


def encode_corpus(
    encoder: Encoder,
    documents: Iterable[Document],
    out: Path,
    dim: int | None = None,
    dtype: str = "float32",
    shard_size: int = 1024,
) -> dict[str, int]:
    """Encode documents into vector shards under `out`; a rerun encodes only what is missing.

    A shard is reused only if its documents are the same (ids and texts, by hash).

    Args:
        encoder: see `load_encoder`.
        documents: any stream; order decides the shards.
        out: a folder for `VectorReader`.
        dim: a trained width to cut to; None is the full width.
        dtype: `float32` or `float16` on disk.
        shard_size: documents a shard.

    Returns:
        `{"encoded": …, "reused": …}`, in documents.
    """
    width = encoder.dim if dim is None else dim
    made_by: dict[str, Any] = {"model": encoder.fingerprint, "dim": width, "shard_size": shard_size}
    writer = VectorWriter(out, width, dtype, made_by)
    counts = {"encoded": 0, "reused": 0}
    stream = iter(documents)
    shards = iter(lambda: list(islice(stream, shard_size)), [])
    shard = -1
    for shard, group in enumerate(track(shards, f"encode, shards of {shard_size}")):
        mark_file = out / f"{shard:05d}.mark.json"
        mark = hashlib.sha256("\0".join(f"{d.id}\1{d.full_text}" for d in group).encode()).hexdigest()
        if writer.has(shard) and mark_file.is_file() and json.loads(mark_file.read_text()) == mark:
            counts["reused"] += len(group)
        else:
            vectors_ND = encoder.encode_documents([d.full_text for d in group], dim)
            mark_file.unlink(missing_ok=True)  # it speaks of the old shard, which is replaced in two steps
            writer.write(shard, [d.id for d in group], vectors_ND)
            write_json(mark_file, mark)
            counts["encoded"] += len(group)
    writer.drop_after(shard)
    return counts
