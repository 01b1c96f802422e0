"""Measures against values by hand; ties as a user sees them; the stage resumes by pairs."""

import math
from pathlib import Path

import pytest

from drama.evaluate import Collection, EvaluateSettings, evaluate
from drama.evaluate.measures import means, per_query
from drama.evaluate.significance import paired_randomisation
from drama.records import Document, Query, rank, write_documents_jsonl, write_qrels, write_queries


@pytest.fixture
def collection(tmp_path: Path, texts: list[str]) -> Path:
    folder = tmp_path / "judged"
    (folder / "qrels").mkdir(parents=True)
    write_documents_jsonl(folder / "corpus.jsonl", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    queries = [Query(f"d{i}" if i < 2 else f"q{i}", t.split(" ", 1)[1]) for i, t in enumerate(texts)]
    write_queries(folder / "queries.jsonl", [*queries, Query("unjudged", "x")])
    write_qrels(folder / "qrels/test.tsv", {q.id: {f"d{i}": 1} for i, q in enumerate(queries)})
    return folder


def test_measures_by_hand() -> None:
    run = {"q": rank({"a": 3.0, "b": 2.0, "c": 1.0}), "empty": []}
    qrels = {"q": {"b": 2, "c": 1, "z": 1}, "empty": {"a": 1}, "none": {"a": 0}}
    values = per_query(run, qrels)
    ideal = 2 + 1 / math.log2(3) + 1 / 2
    assert values["nDCG@10"]["q"] == pytest.approx((2 / math.log2(3) + 1 / 2) / ideal)
    assert values["RR@10"] == {"q": 0.5, "empty": 0.0}
    assert values["R@100"]["q"] == pytest.approx(2 / 3)
    assert means(values)["RR@10"] == 0.25


def test_ties_are_measured_as_they_are_shown() -> None:
    tied = {"q": rank({"b": 1.0, "a": 1.0})}
    assert per_query(tied, {"q": {"a": 1}})["RR@10"]["q"] == 1.0
    assert per_query(tied, {"q": {"b": 1}})["RR@10"]["q"] == 0.5


def test_significance() -> None:
    a = {f"q{i}": 0.5 + i / 100 for i in range(30)}
    assert paired_randomisation(a, {q: v - 0.2 for q, v in a.items()}) < 0.01
    assert paired_randomisation(a, {q: v + (-1) ** i * 0.1 for i, (q, v) in enumerate(a.items())}) > 0.5


def test_a_collection_counts_what_it_leaves_out(collection: Path) -> None:
    read = Collection.read(collection)
    assert len(read.queries) == 8
    assert read.left_out["queries without judgments"] == 1


def test_a_cut_off_evaluation_keeps_finished_pairs(collection: Path, tiny_llm: Path, tmp_path: Path) -> None:
    chosen = EvaluateSettings(models=["bm25", str(tiny_llm)], collections=[str(collection)])
    out = tmp_path / "out"
    evaluate(chosen, out)
    whole = (out / "results.json").read_text()
    manifest = out / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete"', '"running"'))
    (out / "results.json").unlink()
    kept = {p: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}
    evaluate(chosen, out)
    assert (out / "results.json").read_text() == whole
    assert kept == {p: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}


def test_excluding_the_query_itself(collection: Path, tmp_path: Path) -> None:
    from json import loads

    scores = []
    for exclude in (False, True):
        chosen = EvaluateSettings(models=["bm25"], collections=[str(collection)], exclude_self=exclude)
        evaluate(chosen, tmp_path / str(exclude))
        results = loads((tmp_path / str(exclude) / "results.json").read_text())["results"]
        scores.append(results[0]["metrics"]["RR@10"])
    assert scores[1] <= scores[0] - 2 / 8 + 1e-6  # two queries have their own document's id
