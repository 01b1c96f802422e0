"""The corpora of the bench: each collection alone, or all of them in one corpus of 20,000 passages."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from drama.errors import DramaError
from drama.records import Collection, Document, write_documents_jsonl
from drama.records.document import Reading, read_documents_jsonl
from drama.settings import read_yaml

SIZES = ("alone", "mixed")
HALVES: dict[str, Any] = read_yaml(Path(__file__).with_name("collections.yaml"))
_SEED = 0


@dataclass(frozen=True)
class World:
    """One corpus, and the collections that are searched for in it."""

    name: str
    documents: list[Document]
    collections: list[Collection]
    """With the corpus's ids in their judgments; their own documents are not used."""

    def write(self, folder: Path) -> Path:
        """The corpus as a file for a recipe."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.jsonl"
        if not path.is_file():
            write_documents_jsonl(path, self.documents)
        return path


def worlds(data: Path, names: Sequence[str], size: str, documents: int) -> Iterator[World]:
    """The corpora of a size.

    Args:
        data: a folder with `collections/` and `corpora/`.
        names: of the collections.
        size: `alone` or `mixed`.
        documents: of the mixed corpus; unlabelled texts fill it up by a seeded draw.

    Raises:
        FileError: a collection is missing or broken.
        DramaError: no such size, or the collections and the texts hold fewer documents.
    """
    if size not in SIZES:
        raise DramaError(f"bench student: no size '{size}'", hint=f"sizes: {', '.join(SIZES)}")
    collections = (_with_own_ids(Collection.read(data / "collections" / name)) for name in names)
    if size == "alone":
        for collection in collections:
            yield World(collection.name, collection.documents, [collection])
        return
    found = list(collections)
    whole = [document for collection in found for document in collection.documents]
    files = [data / "corpora" / f"{name}.jsonl" for name in HALVES["corpora"]]
    texts = chain.from_iterable(read_documents_jsonl(file, Reading(file.stem)) for file in files)
    further = [d._replace(id=f"{d.source}/{d.id}") for d in texts if d.text.strip()]
    missing = documents - len(whole)
    if missing > len(further):
        raise DramaError(
            f"bench student: {len(whole) + len(further)} documents, of {documents} that were asked"
        )
    whole += random.Random(_SEED).sample(further, max(0, missing))
    yield World("mixed", whole, found)


def _with_own_ids(collection: Collection) -> Collection:
    """Ids that no other collection has."""

    def own(identity: str) -> str:
        return f"{collection.name}/{identity}"

    return replace(
        collection,
        documents=[d._replace(id=own(d.id)) for d in collection.documents],
        qrels={query: {own(d): grade for d, grade in of.items()} for query, of in collection.qrels.items()},
    )
