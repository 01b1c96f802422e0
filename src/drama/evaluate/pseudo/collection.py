"""The stage: passages → a BEIR folder of pseudo-queries, and passages among which they are searched."""

import random
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from drama.console import note
from drama.evaluate.pseudo.queries import Pseudo, pseudo_query
from drama.evaluate.pseudo.settings import KINDS, QualitySettings
from drama.files import write_json
from drama.records import (
    Document,
    Passages,
    Query,
    read_examples,
    write_documents_jsonl,
    write_qrels,
    write_queries,
)
from drama.workspace import Manifest, open_stage

REVISION = 2
"""Raised when the same inputs and settings give other results."""
FEWEST = 20
"""Queries of a kind below which nothing is said about it."""
HELD_OUT = "held-out.json"
"""The queries, and the passages of the documents that gave them: what may not be trained on."""
_QUESTION = "qgen"
_SHARE = 0.1
"""Of the documents, at most, that give queries where examples are made of them too: these are lost."""
_MADE = "pseudo-queries: {}"


def make_collection(
    settings: QualitySettings, passages: Path, out: Path, seed: int = 0, examples: Path | None = None
) -> Manifest:
    """Write `out/corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`: a query's id begins with its kind.

    A document gives one query at most, and its passages are written without it. Documents are drawn by the
    seed; all passages of those drawn are in the collection. Of a kind with fewer than 20 queries there are
    none. Where examples are made of the corpus, a tenth of the documents give queries at most:
    `out/held-out.json` names these, and none of their examples are trained on.

    Args:
        settings: the recipe's `quality` section.
        passages: Parquet.
        out: the collection, and the manifest.
        seed: of the draws.
        examples: `augment`'s, for the questions of an LLM.
    """
    inputs = {"passages": passages} | ({"examples": examples} if examples is not None else {})
    with open_stage(out, "pseudo", settings, inputs, seed, revision=REVISION) as run:
        if run.done:
            return run.manifest
        rng = random.Random(f"{seed} pseudo")
        questions: dict[str, str] = {}
        if examples is not None and "question" in settings.kinds:
            questions = {e.origin: e.query for e in read_examples(examples) if e.kind == _QUESTION}
        documents = list(_drawn(Passages(passages), settings.passages, rng))
        queries: list[Query] = []
        origins: list[str] = []
        qrels: dict[str, dict[str, int]] = {}
        untouched = rng.sample(range(len(documents)), len(documents))
        most = len(documents) if examples is None else int(_SHARE * len(documents))
        for kind in (kind for kind in KINDS if kind in settings.kinds):
            found: list[tuple[int, Pseudo]] = []
            left: list[int] = []
            for row in untouched:
                made = None
                if len(found) < min(settings.queries, most - len(queries)):
                    made = pseudo_query(kind, documents[row], questions, rng)
                if made is None:
                    left.append(row)
                else:
                    found.append((row, made))
            if len(found) < FEWEST:
                continue
            untouched = left
            origins += [p.id for row, _ in found for p in documents[row]]
            for row, query in found:
                identity = documents[row][0].whole_id
                queries.append(Query(f"{kind}-{len(queries)}", query.text, documents[row][0].lang))
                qrels[queries[-1].id] = {identity: 1}
                documents[row] = query.passages
            run.count(_MADE.format(kind), len(found))
        write_documents_jsonl(out / "corpus.jsonl", (p for pieces in documents for p in pieces))
        write_queries(out / "queries.jsonl", queries)
        write_qrels(out / "qrels" / "test.tsv", qrels)
        write_json(out / HELD_OUT, {"queries": [q.text for q in queries], "passages": origins})
        run.figures["queries"] = len(queries)
        run.figures["passages"] = sum(map(len, documents))
        if not queries:
            note("quality: the corpus gives too few pseudo-queries (titles, headings, sentences): no figures")
    return run.manifest


def _drawn(passages: Passages, most: int, rng: random.Random) -> Iterator[list[Document]]:
    """The passages of documents drawn at random, about `most` in all."""
    sizes = Counter(p.whole_id for p in passages)
    order = list(sizes)
    rng.shuffle(order)
    chosen: set[str] = set()
    taken = 0
    for identity in order:
        if chosen and taken + sizes[identity] > most:
            break
        chosen.add(identity)
        taken += sizes[identity]
    for identity, pieces in groupby(passages, lambda p: p.whole_id):
        if identity in chosen:
            yield list(pieces)
