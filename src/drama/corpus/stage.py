"""The stage: inputs → `passages.parquet`, and a judged `known-items/` where an input has known items."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from drama.console import track
from drama.corpus.chunks import Chunker
from drama.corpus.readers.inputs import hashed_part, input_name, other_files, read_input
from drama.corpus.readers.python_docs import SOURCE, python_docs, release_file
from drama.corpus.settings import CorpusSettings
from drama.errors import DramaError
from drama.language.detect import LanguageDetector
from drama.records import (
    Document,
    read_passages,
    write_documents_jsonl,
    write_passages,
    write_qrels,
    write_queries,
)
from drama.workspace import Manifest, open_stage


def build_corpus(settings: CorpusSettings, out: Path, seed: int = 0) -> Manifest:
    """Read all inputs into `out/passages.parquet`; drop empty and repeated texts, counted.

    Documents that name no language get one; long ones become chunks where the settings ask for it. With
    several inputs, ids are `<input>/<id>`. `python-docs` also leaves `out/known-items/`, a BEIR folder of
    judged known items over the same passages; its entries are short and stay as they are.

    Raises:
        DramaError: an input is missing or broken, two have the same name, a language can't be detected, the
            tokenizer is missing, a chunk's id is another document's, or nothing is left.
    """
    if not settings.inputs:
        raise DramaError("corpus.inputs is empty", hint="name a corpus, or 'python-docs'")
    embedded = [name for name in settings.inputs if name == SOURCE]
    files = [name for name in settings.inputs if name != SOURCE]
    names = [SOURCE] * len(embedded) + [input_name(name) for name in files]
    twice = [n for n in names if names.count(n) > 1]
    if twice:
        raise DramaError(f"corpus.inputs: two inputs are called '{twice[0]}'", hint="rename one of them")
    inputs = {f"input {name}": path for name in files if (path := hashed_part(name)) is not None}
    if embedded:
        inputs[f"input {SOURCE}"] = release_file()
    tokenizer = _tokenizer_file(settings)
    if tokenizer is not None:
        inputs["tokenizer"] = tokenizer
    with open_stage(out, "corpus", settings, inputs, seed) as run:
        if run.done:
            return run.manifest

        def documents() -> Iterator[Document]:
            prefixed = len(settings.inputs) > 1
            for name in files:
                source = input_name(name)
                if others := other_files(name):
                    run.count("files of another kind, left out", others)
                before = f"{source}/" if prefixed else ""
                for d in track(read_input(name), f"read {source}"):
                    chunk_of = before + d.chunk_of if d.chunk_of else ""
                    yield d._replace(id=before + d.id, source=source, chunk_of=chunk_of)

        chunks = _chunks(_with_languages(documents(), settings), settings, tokenizer)
        kept = _not_near(_unique(chunks, run.count), settings.near_duplicates, run.count)
        if files:
            write_passages(out / "passages.parquet", kept)
            if settings.max_documents is not None:
                _sample(out / "passages.parquet", settings.max_documents, seed, run.count)
        if embedded:
            _add_python_docs(settings, out, seed, bool(files), run.count)
        languages = Counter(d.lang or "none" for d in read_passages(out / "passages.parquet"))
        if not languages:
            raise DramaError(f"corpus: no document with text in {', '.join(settings.inputs)}")
        run.figures["documents"] = languages.total()
        run.figures["languages"] = dict(languages.most_common())
    return run.manifest


def _tokenizer_file(settings: CorpusSettings) -> Path | None:
    if settings.chunk.tokens is None:
        return None
    if settings.chunk.tokenizer is None:
        raise DramaError(
            "corpus.chunk.tokens counts a model's tokens, and no model is named",
            hint="set corpus.chunk.tokenizer: the LLM that will be pruned, or any model",
        )
    from drama.models import resolve  # imports torch

    file = resolve(settings.chunk.tokenizer) / "tokenizer.json"
    if not file.is_file():
        raise DramaError(f"{file}: no such file", hint="name a model with a fast tokenizer")
    return file


def _with_languages(documents: Iterable[Document], settings: CorpusSettings) -> Iterator[Document]:
    detect = LanguageDetector(settings.languages)
    for d in documents:
        yield d if d.lang else d._replace(lang=detect(d.full_text))


def _chunks(
    documents: Iterable[Document], settings: CorpusSettings, tokenizer: Path | None
) -> Iterator[Document]:
    if settings.chunk.tokens is None or tokenizer is None:
        yield from documents
        return
    chunker = Chunker(tokenizer, settings.chunk.tokens)
    numbered: set[str] = set()  # ids that a chunk could have too
    for document in documents:
        for chunk in chunker(document):
            if "#" in chunk.id:
                if chunk.id in numbered:
                    raise DramaError(f"corpus: a chunk and a document are both called '{chunk.id}'")
                numbered.add(chunk.id)
            yield chunk


def _unique(documents: Iterable[Document], count: Callable[..., None]) -> Iterator[Document]:
    seen: set[bytes] = set()
    for document in documents:
        if not document.full_text:
            count("empty, left out")
            continue
        digest = hashlib.blake2b(" ".join(document.full_text.split()).encode(), digest_size=12).digest()
        if digest in seen:
            count("exact duplicate, left out")
            continue
        seen.add(digest)
        yield document


def _not_near(
    documents: Iterable[Document], threshold: float | None, count: Callable[..., None]
) -> Iterator[Document]:
    if threshold is None:
        for document in documents:
            count("ok")
            yield document
        return
    from drama.corpus.near_duplicates import NearDuplicates  # imports scipy

    seen = NearDuplicates(threshold)
    for document in documents:
        near = seen.add(document.full_text)
        count("near-duplicate, left out" if near else "ok")
        if not near:
            yield document


def _sample(path: Path, size: int, seed: int, count: Callable[..., None]) -> None:
    total = sum(1 for _ in read_passages(path))
    if total <= size:
        return
    chosen = set(random.Random(seed).sample(range(total), size))
    write_passages(path, (d for row, d in enumerate(read_passages(path)) if row in chosen))
    count("not in the sample", total - size)


def _add_python_docs(
    settings: CorpusSettings, out: Path, seed: int, beside_others: bool, count: Callable[..., None]
) -> None:
    items = python_docs(settings.max_documents, settings.known_items, seed)
    for outcome, n in items.dropped.items():
        count(outcome, n)
    collection = out / "known-items"
    (collection / "qrels").mkdir(parents=True, exist_ok=True)
    write_documents_jsonl(collection / "corpus.jsonl", items.documents)
    write_queries(collection / "queries.jsonl", items.queries)
    write_qrels(collection / "qrels" / "test.tsv", items.qrels)
    before = read_passages(out / "passages.parquet") if beside_others else ()
    renamed = (d._replace(id=f"{SOURCE}/{d.id}") if beside_others else d for d in items.documents)
    write_passages(out / "passages.parquet", chain(before, renamed))
    count("ok", len(items.documents))
    count("known-item queries", len(items.queries))
