"""Encoding a corpus for an index: the embedding store encodes what is missing, shards are copied from it."""

import os
from collections.abc import Iterable
from pathlib import Path

from drama.errors import DramaError, FileError, check_list
from drama.files import LOCK, replace_folder, writing
from drama.files.checksums import checksum, read_sealed_json, write_sealed_json
from drama.records import Document, Passages, Texts, write_passages
from drama.retriever import EmbeddingStore, check_dim, load_encoder, truncate
from drama.workspace import read_manifest, write_vectors
from drama.workspace.manifest import MANIFEST
from drama.workspace.vectors import INFO as INFO_OF_VECTORS

INFO = "index.json"
ENCODED = "encoded.json"
DOCUMENTS = "documents.parquet"
VECTORS = "vectors"
STORE = "embeddings"
_INCOMING, _INCOMING_VECTORS = "incoming.parquet", "incoming-vectors"
_OWN = (INFO, ENCODED, DOCUMENTS, VECTORS, STORE, _INCOMING, LOCK, MANIFEST)
"""One of them shows that the folder was begun by us."""


def encode_for_index(
    model: str | Path,
    documents: Iterable[Document],
    out: Path,
    dim: int | None = None,
    dtype: str = "float32",
    max_length: int | None = None,
    store: Path | None = None,
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

    Returns:
        `{"encoded": …, "reused": …}`, in documents.

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
        encoded = out / ENCODED
        if encoded.is_file() and not made_by.items() <= read_sealed_json(encoded, hint="remove it").items():
            raise FileError(
                out,
                "holds vectors that were made with another model or other settings",
                hint="name another output folder, or remove this one",
            )
        incoming = out / _INCOMING
        total = write_passages(incoming, documents)
        if total == 0:
            incoming.unlink()
            raise DramaError(f"{out}: the corpus holds no documents, nothing to encode")
        passages = Passages(incoming)
        embeddings = EmbeddingStore(store or out / STORE)
        blocks = embeddings.document_blocks(encoder, Texts(passages)).with_ids(d.id for d in passages)
        shards = ((ids, part_ND if dim is None else truncate(part_ND, dim)) for ids, part_ND in blocks)
        write_vectors(out / _INCOMING_VECTORS, width, dtype, shards)
        (out / INFO).unlink(missing_ok=True)
        encoded.unlink(missing_ok=True)
        replace_folder(out / _INCOMING_VECTORS, out / VECTORS)
        os.replace(incoming, out / DOCUMENTS)
        where = str(Path(model).resolve()) if Path(model).exists() else str(model)
        sums = {part: checksum(out / part) for part in (DOCUMENTS, f"{VECTORS}/{INFO_OF_VECTORS}")}
        about = {"model": where, "max_length": max_length, **made_by, "checksums": sums}
        if Path(where).exists():
            about["model_from_here"] = os.path.relpath(where, out.resolve())
        write_sealed_json(encoded, about)
        return {"encoded": embeddings.encoded, "reused": total - embeddings.encoded}


def _check_folder(out: Path) -> None:
    """Refuse a folder that is somebody's, or another stage's."""
    if out.is_dir() and any(out.iterdir()) and not any((out / name).exists() for name in _OWN):
        raise FileError(
            out, "the folder is not empty and was not made by drama", hint="name another output folder"
        )
    before = read_manifest(out)
    if before is not None and before.stage != "index":
        raise FileError(out, f"holds the results of the stage '{before.stage}'", hint="name another folder")
