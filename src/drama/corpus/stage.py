"""The stage: inputs → `passages.parquet`, and a judged `known-items/` where an input has known items."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from drama.console import note, track, warn
from drama.corpus.duplicates import Unique, without_near_duplicates
from drama.corpus.earlier import FILES, Earlier, Kept
from drama.corpus.languages import with_languages
from drama.corpus.passages.chunks import CUT, chunked
from drama.corpus.passages.settings import ChunkSettings
from drama.corpus.readers.inputs import check_inputs, hashed_part, input_name, read_input
from drama.corpus.readers.python_docs import SOURCE, python_docs, release_file
from drama.corpus.readers.tally import Tally, listing
from drama.corpus.settings import CorpusSettings
from drama.errors import DramaError
from drama.language.guess import LanguageGuesser
from drama.language.sentences import AT_SPACES
from drama.records import (
    Document,
    read_passages,
    write_documents_jsonl,
    write_passages,
    write_qrels,
    write_queries,
)
from drama.workspace import Manifest, open_stage
from drama.workspace.outputs import identity

REVISION = 4
"""Raised when the same inputs and settings give other results."""
PASSAGES = "passages.parquet"
LEFT_OUT = "left-out.tsv"
Count = Callable[..., None]
"""Counts an outcome by its name; a second argument is how many times."""


def build_corpus(settings: CorpusSettings, out: Path, seed: int = 0, earlier: Path | None = None) -> Manifest:
    """Read all inputs into `out/passages.parquet`; empty texts and duplicates are left out and counted.

    What is left out, files that can't be read among it, is listed in `out/left-out.tsv`.
    Documents that name no language get one; long ones become chunks where the settings ask for it. With
    several inputs, ids are `<input>/<id>`. `python-docs` also leaves `out/known-items/`, a BEIR folder of
    judged known items over the same passages; its entries are short and never chunked.

    Args:
        settings: the recipe's `corpus` section.
        out: the passages and the manifest.
        seed: of samples.
        earlier: a folder that this stage filled before. Passages of files that have not changed since are
            taken from there, where the settings are the same; default: all is read.

    Raises:
        DramaError: an input is missing or broken, two have the same name, a language can't be detected, the
            tokenizer is missing, a chunk's id is another document's, or nothing is left.
    """
    hashed = _hashed_inputs(settings.inputs, out)
    tokenizer = settings.chunk.tokenizer_file()
    if tokenizer is not None:
        hashed["tokenizer"] = tokenizer
    before = Earlier.open(earlier, PASSAGES, partial(_as_now, settings, tokenizer))
    with open_stage(out, "corpus", settings, hashed, seed, revision=REVISION) as run:
        if run.done:
            return run.manifest
        files = [name for name in settings.inputs if name != SOURCE]
        if files:
            guesser = LanguageGuesser(settings.languages)
            with listing(out / LEFT_OUT, "corpus") as listed:
                tally = Tally(run.count, listed, settings.strict)
                rows = Kept(before)
                documents = with_languages(_read(files, len(settings.inputs) > 1, tally, before), guesser)
                chunks = rows.cut(chunked(documents, settings.chunk, tokenizer, run.count, before.taken))
                unique = Unique(tally)
                kept = without_near_duplicates(unique(chunks), settings.near_duplicates, tally)
                write_passages(out / PASSAGES, rows.written(kept))
            if unique.names:
                write_passages(out / PASSAGES, unique.named(read_passages(out / PASSAGES)))
            if settings.max_documents is None:
                rows.write(out)
            _without_rare_languages(out / PASSAGES, guesser, run.count)
            _sample(out / PASSAGES, settings.max_documents, seed, run.count)
        if SOURCE in settings.inputs:
            _add_python_docs(settings, out, seed, bool(files), run.count)
        languages = Counter(d.lang or "none" for d in read_passages(out / PASSAGES))
        if not languages:
            for name in (PASSAGES, FILES):  # nothing was made: earlier results come back
                (out / name).unlink(missing_ok=True)
            raise DramaError(f"corpus: no document with text in {', '.join(settings.inputs)}")
        run.figures["documents"] = languages.total()
        _say_what_was_cut(run.counts[CUT], settings.chunk, out / PASSAGES)
        if n := run.counts[AT_SPACES]:
            warn(f"corpus: {n} documents: {AT_SPACES}")
        run.figures["languages"] = dict(languages.most_common())
    return run.manifest


def _say_what_was_cut(documents: int, settings: ChunkSettings, path: Path) -> None:
    if not documents:
        return
    pieces = sum(bool(d.chunk_of) for d in read_passages(path))
    note(
        f"corpus: {documents:,} documents are longer than {settings.tokens} tokens: cut into {pieces:,} "
        "passages, at headings, paragraphs and sentences; a hit is a document with its best passage"
    )


def _hashed_inputs(inputs: list[str], out: Path) -> dict[str, Path]:
    """The inputs' files and folders, by which the stage knows whether it is up to date."""
    check_inputs(inputs, out)
    files = {f"input {input_name(name)}": hashed_part(name) for name in inputs if name != SOURCE}
    found = {name: path for name, path in files.items() if path is not None}
    return found | ({f"input {SOURCE}": release_file()} if SOURCE in inputs else {})


def _as_now(settings: CorpusSettings, tokenizer: Path | None, made: Mapping[str, Any]) -> bool:
    """Whether a reading before would give the same passages of the same files now."""
    now = settings.model_dump(mode="json", exclude={"inputs"})
    same = made["revision"] == REVISION and {**made["settings"], "inputs": None} == {**now, "inputs": None}
    return same and made["inputs"].get("tokenizer") == (tokenizer and identity(tokenizer))


def _read(inputs: list[str], prefixed: bool, tally: Tally, earlier: Earlier) -> Iterator[Document]:
    """The documents of all inputs, with the input's name before their ids if `prefixed`; those of files that
    have not changed in passages."""
    for name in inputs:
        before = f"{input_name(name)}/" if prefixed else ""

        def known(file: str, path: Path, before: str = before) -> list[Document] | None:
            found = earlier.of(before + file, path)
            names = ((d, d.id.removeprefix(before), d.chunk_of.removeprefix(before)) for d in found or ())
            return [d._replace(id=i, chunk_of=whole) for d, i, whole in names]

        for d in track(read_input(name, tally.inside(before), known), f"read {input_name(name)}"):
            chunk_of = before + d.chunk_of if d.chunk_of else ""
            yield d._replace(id=before + d.id, chunk_of=chunk_of)


def _without_rare_languages(path: Path, guesser: LanguageGuesser, count: Count) -> None:
    """Take texts in languages that were hardly ever guessed for texts in a more frequent one; count them."""
    rare = guesser.rare()
    if not rare:
        return
    write_passages(path, (d._replace(lang=rare.get(d.lang, d.lang)) for d in read_passages(path)))
    for lang, main in rare.items():
        count(f"language that is too rare to believe, taken for {main}", guesser.count(lang))
    guesses = ", ".join(f"{lang} {guesser.count(lang)} for {main}" for lang, main in rare.items())
    warn(
        f"corpus: guessed languages are too rare to believe, and taken for others: {guesses}. "
        "If they are right, give the documents a `lang`, or name all languages (corpus.languages, --language)"
    )


def _sample(path: Path, size: int | None, seed: int, count: Count) -> None:
    """Keep `size` documents with all their passages; None keeps all."""
    if size is None:
        return
    total = sum(1 for _ in groupby(read_passages(path), lambda d: d.whole_id))
    if total <= size:
        return
    chosen = set(random.Random(seed).sample(range(total), size))
    grouped = groupby(read_passages(path), lambda d: d.whole_id)
    write_passages(path, (d for row, (_, pieces) in enumerate(grouped) if row in chosen for d in pieces))
    count("not in the sample", total - size)


def _add_python_docs(settings: CorpusSettings, out: Path, seed: int, has_others: bool, count: Count) -> None:
    """Write `known-items/`, and add its documents to the passages of other inputs."""
    items = python_docs(settings.max_documents, settings.known_items, seed)
    for outcome, n in items.dropped.items():
        count(outcome, n)
    collection = out / "known-items"
    write_documents_jsonl(collection / "corpus.jsonl", items.documents)
    write_queries(collection / "queries.jsonl", items.queries)
    write_qrels(collection / "qrels" / "test.tsv", items.qrels)
    others = read_passages(out / PASSAGES) if has_others else ()
    renamed = (d._replace(id=f"{SOURCE}/{d.id}") if has_others else d for d in items.documents)
    write_passages(out / PASSAGES, chain(others, renamed))
    count("ok", len(items.documents))
    count("known-item queries", len(items.queries))
