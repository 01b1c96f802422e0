"""The stage: inputs → `passages.parquet`, and a judged `known-items/` where an input has known items."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from drama.console import track
from drama.corpus.chunks import chunked
from drama.corpus.duplicates import unique, without_near_duplicates
from drama.corpus.readers.inputs import hashed_part, input_name, other_files, read_input
from drama.corpus.readers.python_docs import SOURCE, python_docs, release_file
from drama.corpus.settings import CorpusSettings
from drama.errors import DramaError
from drama.language.detect import LanguageDetector
from drama.records import (
    Document,
    count_passages,
    read_passages,
    write_documents_jsonl,
    write_passages,
    write_qrels,
    write_queries,
)
from drama.workspace import Manifest, open_stage

REVISION = 1
"""Raised when the same inputs and settings give other results."""
PASSAGES = "passages.parquet"
Count = Callable[..., None]
"""Counts an outcome by its name; a second argument is how many times."""


def build_corpus(settings: CorpusSettings, out: Path, seed: int = 0) -> Manifest:
    """Read all inputs into `out/passages.parquet`; empty texts and duplicates are left out and counted.

    Documents that name no language get one; long ones become chunks where the settings ask for it. With
    several inputs, ids are `<input>/<id>`. `python-docs` also leaves `out/known-items/`, a BEIR folder of
    judged known items over the same passages; its entries are short and never chunked.

    Raises:
        DramaError: an input is missing or broken, two have the same name, a language can't be detected, the
            tokenizer is missing, a chunk's id is another document's, or nothing is left.
    """
    hashed = _hashed_inputs(settings.inputs)
    tokenizer = settings.chunk.tokenizer_file()
    if tokenizer is not None:
        hashed["tokenizer"] = tokenizer
    with open_stage(out, "corpus", settings, hashed, seed, revision=REVISION) as run:
        if run.done:
            return run.manifest
        files = [name for name in settings.inputs if name != SOURCE]
        if files:
            documents = _with_languages(_read(files, len(settings.inputs) > 1, run.count), settings.languages)
            chunks = chunked(documents, settings.chunk, tokenizer)
            kept = without_near_duplicates(unique(chunks, run.count), settings.near_duplicates, run.count)
            write_passages(out / PASSAGES, kept)
            _sample(out / PASSAGES, settings.max_documents, seed, run.count)
        if SOURCE in settings.inputs:
            _add_python_docs(settings, out, seed, bool(files), run.count)
        languages = Counter(d.lang or "none" for d in read_passages(out / PASSAGES))
        if not languages:
            raise DramaError(f"corpus: no document with text in {', '.join(settings.inputs)}")
        run.figures["documents"] = languages.total()
        run.figures["languages"] = dict(languages.most_common())
    return run.manifest


def _hashed_inputs(inputs: list[str]) -> dict[str, Path]:
    """The inputs' files and folders, by which the stage knows whether it is up to date."""
    if not inputs:
        raise DramaError("corpus.inputs is empty", hint="name a corpus, or 'python-docs'")
    names = Counter(SOURCE if name == SOURCE else input_name(name) for name in inputs)
    name, times = names.most_common(1)[0]
    if times > 1:
        raise DramaError(f"corpus.inputs: two inputs are called '{name}'", hint="rename one of them")
    files = {f"input {input_name(name)}": hashed_part(name) for name in inputs if name != SOURCE}
    found = {name: path for name, path in files.items() if path is not None}
    return found | ({f"input {SOURCE}": release_file()} if SOURCE in inputs else {})


def _read(inputs: list[str], prefixed: bool, count: Count) -> Iterator[Document]:
    """The documents of all inputs, with the input's name before their ids if `prefixed`."""
    for name in inputs:
        source = input_name(name)
        if others := other_files(name):
            count("files of another kind, left out", others)
        before = f"{source}/" if prefixed else ""
        for d in track(read_input(name), f"read {source}"):
            chunk_of = before + d.chunk_of if d.chunk_of else ""
            yield d._replace(id=before + d.id, source=source, chunk_of=chunk_of)


def _with_languages(documents: Iterable[Document], languages: list[str]) -> Iterator[Document]:
    detect = LanguageDetector(languages)
    for d in documents:
        yield d if d.lang else d._replace(lang=detect(d.full_text))


def _sample(path: Path, size: int | None, seed: int, count: Count) -> None:
    """Keep `size` passages; None keeps all."""
    total = count_passages(path)
    if size is None or total <= size:
        return
    chosen = set(random.Random(seed).sample(range(total), size))
    write_passages(path, (d for row, d in enumerate(read_passages(path)) if row in chosen))
    count("not in the sample", total - size)


def _add_python_docs(settings: CorpusSettings, out: Path, seed: int, has_others: bool, count: Count) -> None:
    """Write `known-items/`, and add its documents to the passages of other inputs."""
    items = python_docs(settings.max_documents, settings.known_items, seed)
    for outcome, n in items.dropped.items():
        count(outcome, n)
    collection = out / "known-items"
    (collection / "qrels").mkdir(parents=True, exist_ok=True)
    write_documents_jsonl(collection / "corpus.jsonl", items.documents)
    write_queries(collection / "queries.jsonl", items.queries)
    write_qrels(collection / "qrels" / "test.tsv", items.qrels)
    others = read_passages(out / PASSAGES) if has_others else ()
    renamed = (d._replace(id=f"{SOURCE}/{d.id}") if has_others else d for d in items.documents)
    write_passages(out / PASSAGES, chain(others, renamed))
    count("ok", len(items.documents))
    count("known-item queries", len(items.queries))
