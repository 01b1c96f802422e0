"""Measures against values by hand; ties as a user sees them; the stage resumes by pairs."""

import math
import re
import shutil
import tracemalloc
from collections.abc import Callable
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import parse_measure
from typer.testing import CliRunner

from drama.cli import _app
from drama.corpus.passages.settings import ChunkSettings
from drama.errors import DramaError
from drama.evaluate import EvaluateSettings, evaluate, significance
from drama.evaluate.settings import FusionSettings
from drama.evaluate.significance import paired_randomisation
from drama.records import (
    Collection,
    Document,
    Query,
    rank,
    read_trec_run,
    write_documents_jsonl,
    write_qrels,
    write_queries,
    write_trec_run,
)
from drama.records.measures import DEPTH, MEASURES, means, per_query
from drama.report import print_results
from drama.retriever import Retriever, RetrieverSettings
from drama.search import FusionMethod, Index, build_index, encode_for_index


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
    assert values["RR@10"] == {"q": 0.5, "empty": 0.0, "none": 0.0}
    assert values["R@100"]["q"] == pytest.approx(2 / 3)
    assert means(values)["RR@10"] == pytest.approx(0.5 / 3)


def test_ties_are_measured_as_they_are_shown() -> None:
    tied = {"q": rank({"b": 1.0, "a": 1.0})}
    assert per_query(tied, {"q": {"b": 1}})["RR@10"]["q"] == 1.0
    assert per_query(tied, {"q": {"a": 1}})["RR@10"]["q"] == 0.5


def by_pytrec_eval(run: Path, qrels: dict[str, dict[str, int]]) -> dict[str, dict[str, float]]:
    """Our measures of a run file, by pytrec_eval's own reader and code, for every judged query."""
    import pytrec_eval

    names = {"nDCG@10": "ndcg_cut_10", "R@100": "recall_100", "RR@10": "recip_rank"}
    assert {*names} == {*MEASURES}
    with run.open(encoding="utf-8") as handle:
        read = pytrec_eval.parse_run(handle)
    found = pytrec_eval.RelevanceEvaluator(qrels, {*names.values()}).evaluate(read)
    values = {m: {q: found.get(q, {}).get(n, 0.0) for q in qrels} for m, n in names.items()}
    values["RR@10"] = {q: v if v >= 1 / 10 else 0.0 for q, v in values["RR@10"].items()}
    return values


@given(
    st.dictionaries(
        st.text("aé～😀", min_size=1, max_size=3), st.sampled_from([1.0, 1 + 1e-9, 0.5]), min_size=2
    ),
    st.sets(st.integers(0, 20), min_size=1),
)
def test_pytrec_eval_gives_a_run_file_our_figures(scores: dict[str, float], relevant: set[int]) -> None:
    qrels = {"q": {d: 1 for i, d in enumerate(scores) if i in relevant} or {"missing": 1}, "none": {"a": 0}}
    hits = {"q": rank(scores)}
    with TemporaryDirectory() as folder:
        write_trec_run(Path(folder) / "run.trec", hits, "drama")
        assert by_pytrec_eval(Path(folder) / "run.trec", qrels) == per_query(hits, qrels)


def test_pytrec_eval_gives_every_row_its_figures(tiny_llm: Path, tmp_path: Path) -> None:
    """Documents that are the same text, ids of several scripts, and a query that finds nothing."""
    folder, ids = tmp_path / "tied", ["a", "Z", "é", "z", "～", "😀", "日本", "日本語", "ü", "u", "10", "9"]
    (folder / "qrels").mkdir(parents=True)
    texts = ["The wing gives lift.", "Bread needs flour and a hot oven.", "A book for the library shelf."]
    documents = [Document(f"{name}{i}", "", text) for i, text in enumerate(texts) for name in ids]
    write_documents_jsonl(folder / "corpus.jsonl", documents)
    queries = {"wing": "which wing gives lift", "bread": "bread oven", "both": "wing bread", "nothing": "!!!"}
    write_queries(folder / "queries.jsonl", [Query(q, text) for q, text in queries.items()])
    judged = {
        q: {d.id: 1 + n % 2 for n, d in enumerate(documents) if n % 5 == k} for k, q in enumerate(queries)
    }
    write_qrels(folder / "qrels/test.tsv", judged)
    model = tmp_path / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64, dims=(64, 32))).save(model)
    models = ["bm25", "lsa", str(model)]
    for method in get_args(FusionMethod):
        chosen = EvaluateSettings(
            models=models,
            collections=[str(folder)],
            dims=[32],
            fusion=FusionSettings(models=models[1:], method=method),
        )
        out = tmp_path / method
        evaluate(chosen, out, store=tmp_path / "store")
        rows = results(out)
        assert len(rows) == 6
        for row in rows:
            by_tool = by_pytrec_eval(out / row["run"], Collection.read(folder).qrels)
            assert row["metrics"] == {m: round(value, 5) for m, value in means(by_tool).items()}
            hits = {q: rank(s) for q, s in read_trec_run(out / row["run"]).items()}
            assert by_tool == per_query(hits, judged)
            assert row["model"] not in ("bm25", "lsa", "lsa + bm25") or "nothing" not in hits
            assert any(len({h.score for h in found}) < len(found) for found in hits.values())


def test_significance() -> None:
    few = {f"q{i}": 1.0 for i in range(6)}  # of the 64 ways to set signs two are as far from 0: p = 2 / 64
    assert paired_randomisation(few, dict.fromkeys(few, 0.0)) == pytest.approx(2 / 64, abs=0.01)
    a = {f"q{i}": 0.5 + i / 100 for i in range(30)}
    assert paired_randomisation(a, {q: v - 0.2 for q, v in a.items()}) < 0.01
    assert paired_randomisation(a, {q: v + (-1) ** i * 0.1 for i, (q, v) in enumerate(a.items())}) > 0.5


def test_significance_takes_no_more_memory_for_more_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    def peak(queries: int) -> tuple[float, float]:
        values = np.random.default_rng(0).random(queries).tolist()
        a = dict(zip(map(str, range(queries)), values, strict=True))
        b = {q: value + (0.01 if int(q) % 3 else -0.02) for q, value in a.items()}
        tracemalloc.start()
        p = paired_randomisation(a, b)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return p, most

    few, many = peak(1_000), peak(10_000)
    assert many[1] < 1.5 * few[1] < 100e6
    monkeypatch.setattr(significance, "_SIGNS", 1)  # one round at a time draws the same signs
    assert peak(1_000)[0] == few[0] < 1.0


def test_only_a_fusion_ranks_deeper_than_the_measures_look(tmp_path: Path) -> None:
    folder, documents = tmp_path / "deep", DEPTH + 20
    (folder / "qrels").mkdir(parents=True)
    texts = [f"wing {'lift ' * (i % 7)} {i % 11}" for i in range(documents)]
    write_documents_jsonl(folder / "corpus.jsonl", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    write_queries(folder / "queries.jsonl", [Query("q", "wing")])
    write_qrels(folder / "qrels/test.tsv", {"q": {"d1": 1}})
    rows = []
    for fused in ([], ["lsa"]):
        chosen = EvaluateSettings(
            models=["bm25", "lsa"], collections=[str(folder)], fusion=FusionSettings(models=fused)
        )
        evaluate(chosen, tmp_path / f"out{fused}")
        rows.append(results(tmp_path / f"out{fused}"))
    lines = [[len((tmp_path / f"out{f}" / r["run"]).read_text().splitlines()) for r in found]
             for f, found in zip(([], ["lsa"]), rows, strict=True)]  # fmt: skip
    assert lines == [[DEPTH, DEPTH], [documents, DEPTH, DEPTH]]
    assert [r["metrics"] for r in rows[0]] == [r["metrics"] for r in rows[1][:2]]


def test_a_collection_counts_what_it_leaves_out(collection: Path) -> None:
    read = Collection.read(collection)
    assert len(read.queries) == 8
    assert read.left_out["queries without judgments"] == 1


def test_a_cut_off_evaluation_keeps_finished_pairs(
    collection: Path, tiny_llm: Path, tmp_path: Path, change_manifest: Callable[..., None]
) -> None:
    chosen = EvaluateSettings(models=["bm25", str(tiny_llm)], collections=[str(collection)])
    out = tmp_path / "out"
    evaluate(chosen, out)
    whole = (out / "results.json").read_text()
    change_manifest(out, status="running")
    (out / "results.json").unlink()
    kept = {p: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}
    evaluate(chosen, out)
    assert (out / "results.json").read_text() == whole
    assert kept == {p: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}


def test_a_measure_is_added_in_one_place(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(MEASURES, "P@1", parse_measure("P@1"))
    evaluate(EvaluateSettings(models=["bm25"], collections=[str(collection)]), tmp_path / "out")
    (found,) = results(tmp_path / "out")
    assert [*found["metrics"]] == [*MEASURES]
    assert found["metrics"]["P@1"] == 1.0
    print_results([found])
    assert re.search(r"RR@10 .*P@1 +p vs bm25", capsys.readouterr().out)


def test_the_documentation_names_every_measure() -> None:
    text = (Path(__file__).parents[2] / "docs/evaluate.md").read_text(encoding="utf-8")
    assert all(name in text for name in MEASURES)


def test_excluding_the_query_itself(collection: Path, tmp_path: Path) -> None:
    scores = []
    for exclude in (False, True):
        chosen = EvaluateSettings(models=["bm25"], collections=[str(collection)], exclude_self=exclude)
        evaluate(chosen, tmp_path / str(exclude))
        results = loads((tmp_path / str(exclude) / "results.json").read_text())["results"]
        scores.append(results[0]["metrics"]["RR@10"])
    assert scores[1] <= scores[0] - 2 / 8 + 1e-6  # two queries have their own document's id


def results(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = loads((out / "results.json").read_text())["results"]
    return rows


def test_widths_and_fusion_have_rows_of_their_own(collection: Path, tiny_llm: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64, dims=(64, 32))).save(model)
    chosen = EvaluateSettings(
        models=[str(model)],
        collections=[str(collection)],
        dims=[32, 16],  # 16 was not trained: said on stderr, and not reported
        fusion=FusionSettings(models=[str(model)]),
        exclude_self=True,
    )
    evaluate(chosen, tmp_path / "out", labels={str(model): "student"}, store=tmp_path / "store")
    rows = results(tmp_path / "out")
    assert [(r["model"], r["dim"]) for r in rows] == [
        ("student", 64),
        ("student", 32),
        ("student + bm25", 64),
    ]
    assert all(0 < r["p_value_vs_bm25"] <= 1 and r["seconds"] > 0 for r in rows)
    for row in rows:
        run = read_trec_run(tmp_path / "out" / row["run"])
        assert not any(query in scores for query, scores in run.items())  # nor in what was fused
        again = per_query({q: rank(s) for q, s in run.items()}, Collection.read(collection).qrels)
        assert means(again) == pytest.approx(row["metrics"], abs=1e-5)


def test_documents_in_passages_count_by_the_best_one(tiny_llm: Path, tmp_path: Path) -> None:
    """Judgments stay with documents, and `drama search` finds the same ones with the same scores."""
    sentences = {
        d: [f"The {d} number {n} is here to stay." for n in range(40)] for d in ("wing", "bee", "tea")
    }
    documents = [Document(d, d, " ".join(lines), "en") for d, lines in sentences.items()]
    place = tmp_path / "long"
    write_documents_jsonl(place / "corpus.jsonl", documents)
    write_queries(
        place / "queries.jsonl", [Query("q", sentences["bee"][33]), Query("bee", sentences["tea"][9])]
    )
    write_qrels(place / "qrels/test.tsv", {"q": {"bee": 1}, "bee": {"tea": 1}})
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(tmp_path / "model")
    model = str(tmp_path / "model")
    section = {
        "models": ["bm25", model],
        "collections": [str(place)],
        "chunk": {"tokens": 64, "tokenizer": model},
        "fusion": {"models": [model]},
    }
    evaluate(EvaluateSettings.parse(section, "evaluate"), tmp_path / "out")
    rows = results(tmp_path / "out")
    assert [row["documents"] for row in rows] == [3, 3, 3]
    runs = [read_trec_run(tmp_path / "out" / row["run"]) for row in rows]
    assert all(set(run["q"]) <= {"wing", "bee", "tea"} for run in runs)
    assert rows[0]["metrics"]["nDCG@10"] == 1
    chunk = ChunkSettings(tokens=64, tokenizer=model)
    encode_for_index(model, documents, tmp_path / "index", chunk=chunk)
    build_index(tmp_path / "index")
    index = Index.open(tmp_path / "index")
    for run, mode in zip(runs, ("bm25", "dense", "hybrid"), strict=True):
        found = {f.hit.document_id: f.hit.score for f in index.search(sentences["bee"][33], mode=mode)}
        assert found == pytest.approx(run["q"], abs=1e-5)
    alone = EvaluateSettings.parse({**section, "exclude_self": True}, "evaluate")
    evaluate(alone, tmp_path / "alone")
    for row in results(tmp_path / "alone"):
        assert "bee" not in read_trec_run(tmp_path / "alone" / row["run"])["bee"]
    assert results(tmp_path / "alone")[0]["metrics"]["nDCG@10"] == 1


def test_the_command_sets_the_precision(collection: Path, tiny_llm: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    words = ["evaluate", str(tiny_llm), str(collection), "--precision", "bf16", "--out", str(out)]
    CliRunner().invoke(_app(), words, catch_exceptions=False)
    (row,) = results(tmp_path)
    assert row["settings"]["precision"] == "bf16"
    assert by_pytrec_eval(tmp_path / row["run"], Collection.read(collection).qrels)  # beside the results


def test_collections_of_one_name_are_kept_apart(collection: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / collection.name
    shutil.copytree(collection, other)
    write_qrels(other / "qrels/test.tsv", {"q3": {"d4": 1}})
    chosen = EvaluateSettings(models=["bm25"], collections=[str(collection), str(other)])
    evaluate(chosen, tmp_path / "out")
    assert [r["queries"] for r in results(tmp_path / "out")] == [8, 1]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"models": []}, "name at least one model"),
        ({"models": ["bm25", "bm25"]}, "evaluate.models: 'bm25' is listed twice"),
        ({"fusion": {"models": ["x"]}}, "'x' is not a dense model of evaluate.models"),
        ({"split": "dev"}, "there are: test"),
        ({"collections": ["{good}", "nowhere"]}, "nowhere: no such collection folder"),
        ({"models": ["smolm2-135m"]}, "did you mean 'smollm2-135m'"),
    ],
)
def test_mistakes_are_named_before_anything_runs(
    keys: dict[str, Any], message: str, collection: Path, tmp_path: Path
) -> None:
    values = {"models": ["bm25"], "collections": [str(collection)]} | keys
    values["collections"] = [c.replace("{good}", str(collection)) for c in values["collections"]]
    with pytest.raises(DramaError, match=re.escape(message)):
        evaluate(EvaluateSettings.parse(values, where="evaluate"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), min_size=1), st.permutations("abcdef"))
def test_measures_stay_in_range_and_the_ideal_order_gets_one(
    grades: dict[str, int], order: list[str]
) -> None:
    qrels = {"q": grades}
    values = means(per_query({"q": rank({d: -float(i) for i, d in enumerate(order)})}, qrels))
    assert all(0 <= value <= 1 + 1e-9 for value in values.values())
    ideal = means(per_query({"q": rank({d: float(grades.get(d, 0)) for d in order})}, qrels))
    if any(grades.values()):
        assert [ideal[name] for name in ("nDCG@10", "R@100", "RR@10")] == pytest.approx([1, 1, 1])
