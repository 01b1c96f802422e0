"""Pseudo-queries: taken out of their documents, by kind; and what is said of the systems."""

import json
import random
from pathlib import Path

import pytest

from drama.evaluate import EvaluateSettings
from drama.evaluate.pseudo import QualitySettings, make_collection, measure_quality
from drama.evaluate.pseudo.queries import pseudo_query
from drama.evaluate.pseudo.settings import KINDS
from drama.evaluate.pseudo.verdict import compare, verdict
from drama.records import (
    Collection,
    Document,
    Example,
    read_documents_jsonl,
    read_passages,
    read_qrels,
    read_queries,
    write_examples,
    write_passages,
)
from drama.retriever import Retriever, RetrieverSettings
from drama.search import build_index, encode_for_index
from drama.train.examples import without_held_out

WORDS = [
    "wing",
    "lift",
    "plane",
    "sea",
    "tea",
    "milk",
    "bread",
    "yeast",
    "sugar",
    "gas",
    "bee",
    "honey",
    "stone",
]


def sentence(rng: random.Random) -> str:
    return f"The {' '.join(rng.sample(WORDS, 7))} are in {rng.randrange(10**6)}."


def document(number: int, title: str = "", heading: str = "") -> Document:
    rng = random.Random(number)
    parts = [" ".join(sentence(rng) for _ in range(3)), heading and f"## {heading}", sentence(rng)]
    return Document(f"d{number}", title, "\n\n".join(filter(None, parts)), "en")


def corpus(path: Path, size: int = 120) -> Path:
    rows = [
        document(n, f"All about number {n}" if n % 3 else "a.txt", f"Part of {n} more") for n in range(size)
    ]
    chunks = [
        d._replace(
            id=f"{d.id}#{i}", title=f"{d.title} > Part of {n} more" if i == 2 else d.title, chunk_of=d.id
        )
        for n in range(size, size + 20)
        for d in [document(n, f"All about number {n}", f"Part of {n} more")]
        for i in (1, 2)
    ]
    write_passages(path / "passages.parquet", [*rows, *chunks])
    return path / "passages.parquet"


@pytest.mark.parametrize("kind", ["title", "heading", "sentence"])
def test_what_is_asked_is_taken_out(kind: str) -> None:
    whole = document(1, "Wings and their lift", "What the heading says")
    made = pseudo_query(kind, [whole], {}, random.Random(0))  # type: ignore[arg-type]
    assert made is not None
    assert made.text in whole.full_text
    assert made.text not in made.passages[0].full_text
    assert made.passages[0].id == "d1"


def test_nobody_asks_with_the_name_of_a_file_or_a_title_that_is_all_there_is() -> None:
    for title in ("docs/read me first", "read me first.txt", "Two words", ""):
        assert pseudo_query("title", [document(1, title)], {}, random.Random(0)) is None
    assert (
        pseudo_query("title", [Document("d", "A title of five words", "Short.")], {}, random.Random(0))
        is None
    )
    assert (
        pseudo_query(
            "sentence", [Document("d", "", "Only one sentence of some words.")], {}, random.Random(0)
        )
        is None
    )


def test_a_sentence_is_found_over_line_breaks_and_in_all_passages() -> None:
    text = "The first line\nis broken here by somebody. " + document(3).text
    pieces = [Document("d#1", "", text, "en", chunk_of="d"), Document("d#2", "", text, "en", chunk_of="d")]
    for seed in range(10):
        made = pseudo_query("sentence", pieces, {}, random.Random(seed))
        assert made is not None
        assert all(made.text not in " ".join(p.text.split()) for p in made.passages)


def test_a_collection_of_all_kinds(tmp_path: Path) -> None:
    passages = corpus(tmp_path, 1100)
    asked = [Example(str(n), f"Why {n}?", [f"d{n}"], [], [], [], "qgen", origin=f"d{n}") for n in range(400)]
    write_examples(tmp_path / "examples.parquet", asked)
    settings = QualitySettings(queries=25, passages=1150, kinds=[*KINDS])
    made = make_collection(settings, passages, tmp_path / "out", 1, tmp_path / "examples.parquet")
    assert made.figures["queries"] == 100
    queries = list(read_queries(tmp_path / "out/queries.jsonl"))
    qrels = read_qrels(tmp_path / "out/qrels/test.tsv")
    assert len({i for grades in qrels.values() for i in grades}) == 100  # a document gives one
    left = list(read_documents_jsonl(tmp_path / "out/corpus.jsonl"))
    assert len(left) == made.figures["passages"] <= 1150
    full: dict[str, str] = {}
    for p in left:
        full[p.whole_id] = full.get(p.whole_id, "") + " " + p.full_text
    for query in queries:
        (relevant,) = qrels[query.id]
        assert query.text not in full[relevant]
    collection = Collection.read(tmp_path / "out")
    assert not collection.not_in_corpus  # judged are documents, which are there in passages
    few = make_collection(QualitySettings(queries=10), passages, tmp_path / "few")
    assert few.figures["queries"] == 0  # a kind with fewer than 20 says nothing
    examples = tmp_path / "examples.parquet"
    small = make_collection(settings, corpus(tmp_path / "small"), tmp_path / "none", 1, examples)
    assert small.figures["queries"] == 0  # a tenth of its documents is too few to take from training


def test_no_example_of_a_document_that_is_asked_for_is_trained_on(tmp_path: Path) -> None:
    passages = corpus(tmp_path, 400)
    examples = [
        Example(f"{p.id}-{kind}", f"{kind} {p.id}", [p.id], [], [], [], "sent", origin=p.id)
        for p in corpus_documents(passages)
        for kind in ("first", "second")
    ]
    write_examples(tmp_path / "examples.parquet", examples)
    make_collection(QualitySettings(), passages, tmp_path / "out", 1, tmp_path / "examples.parquet")
    relevant = {i for grades in read_qrels(tmp_path / "out/qrels/test.tsv").values() for i in grades}
    assert 20 <= len(relevant) <= 42
    trained = without_held_out(examples, tmp_path / "out/held-out.json")
    documents = {p.id: p.whole_id for p in corpus_documents(passages)}
    assert {documents[e.origin] for e in trained} == {*documents.values()} - relevant
    (query, *_) = read_queries(tmp_path / "out/queries.jsonl")
    same = examples[0]._replace(query=query.text.upper(), origin="")
    assert without_held_out([same], tmp_path / "out/held-out.json") == []


def test_the_run_says_what_to_use(tiny_llm: Path, tmp_path: Path) -> None:
    passages = corpus(tmp_path)
    make_collection(QualitySettings(queries=30, kinds=[*KINDS]), passages, tmp_path / "pseudo")
    model = tmp_path / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(model)
    encode_for_index(model, corpus_documents(passages), tmp_path / "index")
    build_index(tmp_path / "index")
    section = {
        "models": ["bm25", "lsa", str(model)], "collections": [str(tmp_path / "pseudo")],
        "fusion": {"models": [str(model)], "weight": 0.0},
    }  # fmt: skip
    systems = EvaluateSettings.parse(section, "quality")
    places = (tmp_path / "pseudo", tmp_path / "index", tmp_path / "out", model)
    measure_quality(
        QualitySettings(queries=30, kinds=[*KINDS]), systems, *places, labels={str(model): "student"}
    )
    found = json.loads((tmp_path / "out/quality.json").read_text())
    assert found["queries"] == {"title": 30, "heading": 30, "sentence": 30}
    rows = {row["model"]: row for row in found["rows"]}
    assert set(rows) == {"bm25", "lsa", "student", "student + bm25"}
    assert rows["bm25"]["all"] == pytest.approx(rows["bm25"]["metrics"]["nDCG@10"], abs=1e-3)
    assert found["verdict"][1].startswith("The student alone does not beat BM25 here")
    assert f"the index of {140 + 20} passages" in found["verdict"][2]


def corpus_documents(passages: Path) -> list[Document]:
    return list(read_passages(passages))


COST = {"model MB": 90.0, "documents/s": 31.0, "passages": 1000, "index MB": 2.0, "ms a search": 11.0}


def said(**means: float) -> str:
    """The first line for systems whose queries are around these means."""
    values = {
        name.replace("_plus", " + bm25"): {
            f"{kind}-{i}": mean + 0.1 * random.Random(f"{name}{kind}{i}").uniform(-1, 1)
            for kind in ("title", "sentence")
            for i in range(100)
        }
        for name, mean in means.items()
    }
    return verdict(compare(values, ["student"], 0), "student", COST)[0]


def test_a_student_that_was_trained_on_such_queries_is_said_to_be_favoured() -> None:
    compared = compare({"bm25": {"title-1": 0.5}, "student": {"title-1": 0.6}}, ["student"], 0)
    assert "favours it" in verdict(compared, "student", COST, trained=True)[-1]
    assert "favours it" not in verdict(compared, "student", COST)[-1]


def test_words_follow_the_figures() -> None:
    better = said(bm25=0.5, minilm=0.55, student=0.6, student_plus=0.7)
    assert better.startswith("Use hybrid search, the default of `drama search`: nDCG@10 0.6")
    assert "p < 0.01 over BM25; +0.1" in better
    assert "over minilm" in better
    assert said(bm25=0.5, minilm=0.8, student=0.6, student_plus=0.7).startswith(
        "A model that needs no training is better here: minilm (+0.1"
    )
    assert said(bm25=0.7, student=0.3, student_plus=0.5).startswith("Use BM25, `drama search --mode bm25`")
    assert "can't be told apart" in said(bm25=0.7, student=0.3, student_plus=0.7)


def test_intervals_hold_the_mean_and_kinds_count_the_same() -> None:
    values = {
        "bm25": {"title-0": 0.0, "title-1": 0.0, "sentence-2": 1.0},
        "student": {"title-0": 1.0, "title-1": 0.5, "sentence-2": 0.5},
    }
    compared = compare(values, ["student"], 0)
    assert compared.mean == {"bm25": 0.5, "student": 0.625}
    (difference,) = compared.differences
    assert difference.mean == 0.125
    assert difference.low <= difference.mean <= difference.high
    assert difference.p > 0.05
